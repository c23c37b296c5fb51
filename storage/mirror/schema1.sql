-- Version 1. It runs with search_path set to the mirror's schema.

CREATE TABLE position (
	one            boolean PRIMARY KEY DEFAULT true CHECK (one),
	schema_version bigint NOT NULL,
	casino         text NOT NULL,
	lineage        text,
	event          bigint NOT NULL,
	hash           bytea NOT NULL,
	event_time     timestamptz,
	accounts_event bigint NOT NULL,
	written_at     timestamptz NOT NULL
);
COMMENT ON TABLE position IS 'How far the mirror is. It has one row, which changes in the same transaction as the other tables.';
COMMENT ON COLUMN position.one IS 'Always true: there is one row.';
COMMENT ON COLUMN position.schema_version IS 'The version of these tables. A newer Imperio brings them up to its own.';
COMMENT ON COLUMN position.casino IS 'The id of the casino that is mirrored. No other one writes here.';
COMMENT ON COLUMN position.lineage IS 'The lineage of its history; null: the first one. Restoring a backup begins another.';
COMMENT ON COLUMN position.event IS 'The newest event that is in the tables; 0: none.';
COMMENT ON COLUMN position.hash IS 'The hash of that event, which pins all events before it.';
COMMENT ON COLUMN position.event_time IS 'When that event happened, by the casino''s time.';
COMMENT ON COLUMN position.accounts_event IS 'The table accounts is as it was after this event. It is below event only while the mirror catches up.';
COMMENT ON COLUMN position.written_at IS 'When the tables were last written, by the clock of PostgreSQL.';

CREATE TABLE accounts (
	id             bigint PRIMARY KEY,
	username       text,
	email          text,
	role           text NOT NULL,
	created_at     timestamptz NOT NULL,
	locked         boolean NOT NULL,
	excluded_until timestamptz,
	deleted_at     timestamptz,
	coins          bigint NOT NULL,
	held_coins     bigint NOT NULL,
	open_round     bigint
) WITH (fillfactor = 80);
COMMENT ON TABLE accounts IS 'One row for each account, as it is now. It holds no secret. The name and the address of a deleted account are gone here, too.';
COMMENT ON COLUMN accounts.id IS 'The account''s number, from 1000.';
COMMENT ON COLUMN accounts.username IS 'The name, as the player writes it; null: the account is deleted.';
COMMENT ON COLUMN accounts.email IS 'The e-mail address; null: none.';
COMMENT ON COLUMN accounts.role IS 'player or operator.';
COMMENT ON COLUMN accounts.created_at IS 'When it was opened.';
COMMENT ON COLUMN accounts.locked IS 'Whether an operator has locked it.';
COMMENT ON COLUMN accounts.excluded_until IS 'The end of the player''s own exclusion, which may be past; null: there was none. The year 9999 means for ever.';
COMMENT ON COLUMN accounts.deleted_at IS 'When it was deleted; null: it is not.';
COMMENT ON COLUMN accounts.coins IS 'The balance that is free to play with: the sum of its changes in transfers.';
COMMENT ON COLUMN accounts.held_coins IS 'What is staked in the open round.';
COMMENT ON COLUMN accounts.open_round IS 'The round that waits for the player; null: none.';

CREATE TABLE events (
	seq     bigint PRIMARY KEY,
	time    timestamptz NOT NULL,
	kind    text NOT NULL,
	account bigint,
	round   bigint,
	actor   text,
	act     text,
	reason  text,
	before  text,
	after   text,
	until   timestamptz,
	hash    bytea NOT NULL
);
COMMENT ON TABLE events IS 'The history: everything that happened, in order, without gaps.';
COMMENT ON COLUMN events.seq IS 'The number of the event, from 1.';
COMMENT ON COLUMN events.time IS 'When it happened. Time never goes back in the history.';
COMMENT ON COLUMN events.kind IS 'What happened, such as round_played or coins_granted; imperio history names them.';
COMMENT ON COLUMN events.account IS 'Whom it concerns; null: nobody.';
COMMENT ON COLUMN events.round IS 'The round that it belongs to; null: none.';
COMMENT ON COLUMN events.actor IS 'The operator who did it, or house; null: nobody.';
COMMENT ON COLUMN events.act IS 'What was done, where the kind does not say it.';
COMMENT ON COLUMN events.reason IS 'Why, as the operator wrote it.';
COMMENT ON COLUMN events.before IS 'What was before an operator''s act.';
COMMENT ON COLUMN events.after IS 'What was after it.';
COMMENT ON COLUMN events.until IS 'The end of an exclusion, or the start of looser limits or of the next daily coins.';
COMMENT ON COLUMN events.hash IS 'The SHA-256 of the event as the casino stores it, which includes the hash of the one before.';

CREATE TABLE transfers (
	event         bigint NOT NULL,
	ordinal       bigint NOT NULL,
	time          timestamptz NOT NULL,
	kind          text NOT NULL,
	account       bigint,
	round         bigint,
	game          text,
	from_account  text NOT NULL,
	to_account    text NOT NULL,
	amount        bigint NOT NULL,
	change        bigint,
	balance_after bigint,
	PRIMARY KEY (event, ordinal)
);
COMMENT ON TABLE transfers IS 'Every movement of coins, by double entry. Rows never change.';
COMMENT ON COLUMN transfers.event IS 'The event that moved them.';
COMMENT ON COLUMN transfers.ordinal IS 'Which transfer of the event it is, from 0.';
COMMENT ON COLUMN transfers.time IS 'When it happened.';
COMMENT ON COLUMN transfers.kind IS 'Why: welcome, stake, raise, settle, payout, daily, grant, closing, import or returned.';
COMMENT ON COLUMN transfers.account IS 'The player whose balance it changed; null: it moved coins between accounts of the house.';
COMMENT ON COLUMN transfers.round IS 'The round that it belongs to; null: none.';
COMMENT ON COLUMN transfers.game IS 'The game of that round; null: none.';
COMMENT ON COLUMN transfers.from_account IS 'Whose coins they were: issue, escrow, house:GAME or player:ID.';
COMMENT ON COLUMN transfers.to_account IS 'Whose coins they are now, in the same form.';
COMMENT ON COLUMN transfers.amount IS 'How many coins, above 0.';
COMMENT ON COLUMN transfers.change IS 'What it added to the player''s balance; below 0 where coins left it.';
COMMENT ON COLUMN transfers.balance_after IS 'The player''s balance after it.';


CREATE TABLE rounds (
	id         bigint PRIMARY KEY,
	account    bigint NOT NULL,
	game       text NOT NULL,
	rules      text NOT NULL,
	opened_at  timestamptz NOT NULL,
	settled_at timestamptz,
	stake      bigint NOT NULL,
	staked     bigint NOT NULL,
	payout     bigint,
	bets       jsonb,
	actions    jsonb,
	outcome    jsonb,
	nonce      bigint NOT NULL,
	pair       bigint NOT NULL
);
COMMENT ON TABLE rounds IS 'Every round of every game. A row changes until its round is settled.';
COMMENT ON COLUMN rounds.id IS 'The number of the round: that of the event that opened it.';
COMMENT ON COLUMN rounds.account IS 'Who played it.';
COMMENT ON COLUMN rounds.game IS 'The game, such as slots.';
COMMENT ON COLUMN rounds.rules IS 'The rules by which it was played, such as slots/2.';
COMMENT ON COLUMN rounds.opened_at IS 'When it was opened.';
COMMENT ON COLUMN rounds.settled_at IS 'When it was settled; null: it is open.';
COMMENT ON COLUMN rounds.stake IS 'The stake that opened it.';
COMMENT ON COLUMN rounds.staked IS 'All that the player has staked in it, with doubles, splits and insurance.';
COMMENT ON COLUMN rounds.payout IS 'What it paid, stake included; null: it is open.';
COMMENT ON COLUMN rounds.bets IS 'The bets of the wager, as in the API; null: the game has none.';
COMMENT ON COLUMN rounds.actions IS 'The player''s decisions so far, in order; null: there were none.';
COMMENT ON COLUMN rounds.outcome IS 'What came of it, as in the API; null while it is open, since its cards are not all seen.';
COMMENT ON COLUMN rounds.nonce IS 'The number of the round within its seed pair, with which anybody can prove it.';
COMMENT ON COLUMN rounds.pair IS 'Which seed pair of the account it was played with, from 0.';
CREATE INDEX rounds_account ON rounds (account, id);
CREATE INDEX rounds_settled_at ON rounds (settled_at);

CREATE TABLE imports (
	account bigint PRIMARY KEY,
	event   bigint NOT NULL,
	source  text NOT NULL,
	"row"   bigint NOT NULL
);
COMMENT ON TABLE imports IS 'The accounts that came from an older casino.';
COMMENT ON COLUMN imports.account IS 'The account here.';
COMMENT ON COLUMN imports.event IS 'The event that opened it.';
COMMENT ON COLUMN imports.source IS 'The name of the older casino, as --source gave it.';
COMMENT ON COLUMN imports."row" IS 'The id that the user had there.';

CREATE TABLE rules (
	rules              text PRIMARY KEY,
	game               text NOT NULL,
	title              text NOT NULL,
	theoretical_return double precision NOT NULL
);
COMMENT ON TABLE rules IS 'The rules that this Imperio knows, and what they return in the long run.';
COMMENT ON COLUMN rules.rules IS 'Their name, such as slots/2.';
COMMENT ON COLUMN rules.game IS 'The game that they are of.';
COMMENT ON COLUMN rules.title IS 'The game''s title.';
COMMENT ON COLUMN rules.theoretical_return IS 'The expected payout for each coin staked. In roulette it is that of the bet that is worst for the player. In blackjack it is that of basic strategy, for each coin of the first stake.';

CREATE VIEW daily_by_game AS
	SELECT (settled_at AT TIME ZONE 'UTC')::date AS day, game, count(*) AS rounds, count(DISTINCT account) AS players,
		sum(staked)::bigint AS staked, sum(payout)::bigint AS paid, sum(staked - payout)::bigint AS net,
		sum(payout)::double precision / sum(staked) AS return
	FROM rounds WHERE settled_at IS NOT NULL GROUP BY 1, 2;
COMMENT ON VIEW daily_by_game IS 'Each game on each day, by settled rounds. Days are of UTC.';
COMMENT ON COLUMN daily_by_game.day IS 'The day on which the rounds were settled.';
COMMENT ON COLUMN daily_by_game.game IS 'The game.';
COMMENT ON COLUMN daily_by_game.rounds IS 'How many rounds were settled.';
COMMENT ON COLUMN daily_by_game.players IS 'How many players had one.';
COMMENT ON COLUMN daily_by_game.staked IS 'What they staked in them.';
COMMENT ON COLUMN daily_by_game.paid IS 'What the rounds paid.';
COMMENT ON COLUMN daily_by_game.net IS 'What the house won; below 0 where it lost.';
COMMENT ON COLUMN daily_by_game.return IS 'What was paid for each coin staked.';

CREATE VIEW player_net AS
	SELECT a.id AS account, a.username, coalesce(r.rounds, 0) AS rounds, coalesce(r.staked, 0) AS staked, coalesce(r.paid, 0) AS paid,
		coalesce(r.paid, 0) - coalesce(r.staked, 0) AS net, r.last_settled_at, a.coins + a.held_coins AS coins
	FROM accounts a LEFT JOIN (
		SELECT account, count(*) AS rounds, sum(staked)::bigint AS staked, sum(payout)::bigint AS paid, max(settled_at) AS last_settled_at
		FROM rounds WHERE settled_at IS NOT NULL GROUP BY account
	) r ON r.account = a.id;
COMMENT ON VIEW player_net IS 'What each player has won or lost, by settled rounds.';
COMMENT ON COLUMN player_net.account IS 'The account.';
COMMENT ON COLUMN player_net.username IS 'Its name; null: it is deleted.';
COMMENT ON COLUMN player_net.rounds IS 'How many settled rounds it has.';
COMMENT ON COLUMN player_net.staked IS 'What the player staked in them.';
COMMENT ON COLUMN player_net.paid IS 'What they paid.';
COMMENT ON COLUMN player_net.net IS 'What the player has won; below 0 for a loss.';
COMMENT ON COLUMN player_net.last_settled_at IS 'When the newest of them was settled.';
COMMENT ON COLUMN player_net.coins IS 'What the player has now, with what is staked in an open round.';

CREATE VIEW returns_against_theory AS
	SELECT r.rules, r.game, s.rounds, s.staked, s.paid, s.return, r.theoretical_return,
		s.return - r.theoretical_return AS difference, s.standard_error,
		(s.return - r.theoretical_return) / nullif(s.standard_error, 0) AS standard_errors
	FROM rules r JOIN (
		SELECT p.rules, count(*) AS rounds, sum(p.staked)::bigint AS staked, sum(p.payout)::bigint AS paid,
			sum(p.payout)::double precision / sum(p.staked) AS return,
			sqrt(sum((p.payout - t.theoretical_return * p.staked) ^ 2)) / sum(p.staked) AS standard_error
		FROM rounds p JOIN rules t ON t.rules = p.rules WHERE p.settled_at IS NOT NULL GROUP BY p.rules
	) s ON s.rules = r.rules;
COMMENT ON VIEW returns_against_theory IS 'What each rules have returned, beside what they return in the long run.';
COMMENT ON COLUMN returns_against_theory.rules IS 'The rules.';
COMMENT ON COLUMN returns_against_theory.game IS 'The game.';
COMMENT ON COLUMN returns_against_theory.rounds IS 'How many settled rounds there are.';
COMMENT ON COLUMN returns_against_theory.staked IS 'What was staked in them.';
COMMENT ON COLUMN returns_against_theory.paid IS 'What they paid.';
COMMENT ON COLUMN returns_against_theory.return IS 'What was paid for each coin staked.';
COMMENT ON COLUMN returns_against_theory.theoretical_return IS 'The expected value of it; see rules.';
COMMENT ON COLUMN returns_against_theory.difference IS 'How much more was returned than expected.';
COMMENT ON COLUMN returns_against_theory.standard_error IS 'How far chance usually takes the return from its expected value, by the rounds themselves.';
COMMENT ON COLUMN returns_against_theory.standard_errors IS 'The difference in standard errors. Beyond 4 either way it is hardly chance, if bets are independent and players play as theory assumes.';

// Package audit proves the books of a casino from its data alone. It reads the whole history from the first event and
// keeps its own accounts. It replays every round from the recorded seeds, bets and actions. Then it compares the machine's
// state with the result. It writes nothing, and trusts nothing but the stored events.
//
// It proves, in this order:
//
//   - Every stored record has the checksum that it was written with.
//   - The history is one chain up to the head: numbers have no gaps, and each event carries the hash of the one before.
//   - Every transfer moves coins between two accounts, and the balances after it are right. No player's balance is ever
//     below 0. Escrow holds the stakes of the open rounds.
//   - Every round takes the next nonce of its account's seed pair. Every settled round has exactly one stake and at most
//     one payout, and both follow from the rules of its version. Abandoned rounds are settled by the stated rule, and not
//     too early.
//   - Every round's draws follow from seeds that were committed to before it, and every revealed seed matches its
//     commitment.
//   - Every import of accounts is whole, and every row of another casino's database was imported once, as the state says.
//   - The lineage is the one that the history began last, and every renewal of accounts rotated the seeds of as many as it says.
//   - Every season's end says how many players it had, and the digest of their figures, as their rounds give them. The running
//     season's figures are those of its rounds. Nobody counts who takes no part. Every achievement was deserved by the event
//     that says so, and none is missing.
//   - Every account's balance, seeds, statistics and open round follow from its events. Its names lead to it. The sum of
//     all balances is 0.
//
// Server seeds that are not revealed yet are sealed with the casino's key. With the key, all of this is proven. Without it,
// two things are left out, and the report counts them: that the rounds of those seeds draw what the seeds give, and that the
// sealed seeds are those that were committed to.
package audit

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
)

// Options of an audit. The zero value is fine.
type Options struct {
	// Progress is called from time to time, and at the end of the history, with the number of events read. It may be nil.
	Progress func(done, total uint64)
	// Workers is how many goroutines replay rounds; 0: one per processor.
	Workers int
	// Rest is called again and again, after some milliseconds of work, from one goroutine at a time. It may sleep, so that others
	// get the processor. Its error ends the audit. It may be nil.
	Rest func() error
}

// Report is what was proven.
type Report struct {
	Accounts     uint64
	Events       uint64
	Transfers    uint64
	Rounds       uint64      // settled
	Open         uint64      // open rounds
	Replayed     uint64      // positions of rounds that were replayed
	Unproven     uint64      // positions that were not, since their seeds are sealed and the casino's key is not known
	Sealed       uint64      // seeds that are not revealed; without the casino's key they were not opened
	Key          bool        // the casino's key is known
	Records      uint64      // stored records whose checksums were verified
	Seasons      uint64      // that have ended
	InSeason     uint64      // players with a round in the running season
	Achievements uint64      // that were reached
	Head         [32]byte    // hash of the newest event: it pins the whole history
	Index        uint64      // of the last applied entry of the log
	Games        []Totals    // in the order of the catalogue
	Coins        games.Coins // of all players
	Escrow       games.Coins // staked in open rounds
	Issued       games.Coins // ever granted, less what was taken back
	Took         time.Duration
}

// Totals sums up the settled rounds of a game.
type Totals struct {
	Game   string
	Rounds uint64
	Staked games.Coins
	Paid   games.Coins
}

// Violation is a broken invariant.
type Violation struct {
	Event uint64 // where it shows; 0 if at no event
	What  string
}

func (v *Violation) Error() string {
	if v.Event != 0 {
		return fmt.Sprintf("event %d: %s", v.Event, v.What)
	}
	return v.What
}

// Run audits a snapshot. It returns the first violation, in the order of events, as *Violation; other errors come from
// reading or from the context. With an error, the report says how far the audit got.
func Run(ctx context.Context, s *storage.Snapshot, o Options) (Report, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	began := time.Now()
	a := &auditor{
		ctx: ctx, snapshot: s, options: o, catalogue: s.Games(), machine: s.Machine(),
		house: make(map[ledger.Account]games.Coins), open: make(map[command.RoundID]*round), keys: machine.NewKeyAudit(),
	}
	err := a.run()
	a.report.Took = time.Since(began)
	return a.report, err
}

// auditor keeps its own books while it reads the history.
type auditor struct {
	ctx       context.Context
	snapshot  *storage.Snapshot
	options   Options
	steps     uint64 // records that were read
	catalogue *games.Catalogue
	machine   machine.Record
	report    Report

	head      [32]byte
	time      int64
	lineage   string     // the newest that was begun
	rotating  command.ID // the command of the newest rotation
	rotated   int        // its rotations so far
	importing importing
	imported  uint64                         // rows of other casinos' databases
	house     map[ledger.Account]games.Coins // balances of all accounts of the house that ever had a transfer
	players   games.Coins
	accounts  []account // by id, from command.FirstAccountID
	open      map[command.RoundID]*round
	games     machine.GameRecords
	pairs     uint64 // revealed
	settled   uint64 // rounds that were settled by a later event than the one that opened them
	seasons   seasons
	replays   *replays
	keys      *machine.KeyAudit
}

// account is the state of an account according to the history.
type account struct {
	machine.WalletRecord
	pair    uint32
	since   uint64 // the event that made the pair active
	seeds   machine.Commitments
	reached []machine.AchievementRecord
	past    []command.EntryID
}

// round is an open round.
type round struct {
	account command.AccountID
	record  machine.RoundRecord
	acted   int64 // when its player dealt it, or took the last action
}

func (a *auditor) run() (err error) {
	a.report.Key = a.snapshot.HasKey()
	if a.report.Records, err = a.snapshot.Verify(a.step); err != nil {
		return err
	}
	if err := a.history(); err != nil {
		return err
	}
	if a.report.Events != a.machine.Events || a.head != a.machine.Head {
		return violation(0, "the history ends with event %d (%x), the machine says %d (%x)", a.report.Events, a.head, a.machine.Events, a.machine.Head)
	}
	a.report.Replayed, a.report.Head = a.replays.played(), a.head
	a.report.Index, _ = a.snapshot.Applied()
	return a.compare()
}

// history reads all events, and waits until their rounds are replayed.
func (a *auditor) history() error {
	a.replays = startReplays(a.ctx, a.options.Workers)
	err := a.snapshot.Events(1, func(e *machine.StoredEvent) error {
		if err := a.step(); err != nil {
			return err
		}
		if err := a.event(e); err != nil {
			return err
		}
		if a.options.Progress != nil && e.Seq%65536 == 0 {
			a.options.Progress(e.Seq, a.machine.Events)
		}
		return a.replays.failure()
	})
	// Replays lag behind the reading. So a violation in one of them is at an earlier event than what ended the reading.
	first := a.replays.finish()
	switch {
	case a.ctx.Err() != nil:
		return a.ctx.Err() // not every round was replayed
	case first != nil:
		return first
	case err == nil && a.options.Progress != nil:
		a.options.Progress(a.report.Events, a.machine.Events)
	}
	return err
}

// restEvery is how many records are read between two rests: some milliseconds of work.
const restEvery = 256

// step is called for each record that is read.
func (a *auditor) step() error {
	if a.steps++; a.steps%restEvery == 0 && a.options.Rest != nil {
		if err := a.options.Rest(); err != nil {
			return err
		}
	}
	return a.ctx.Err()
}

// violation makes a *Violation.
func violation(event uint64, format string, args ...any) error {
	return &Violation{Event: event, What: fmt.Sprintf(format, args...)}
}

// event takes one event into the books.
func (a *auditor) event(e *machine.StoredEvent) error {
	if e.Seq != a.report.Events+1 {
		return violation(e.Seq, "it follows event %d: the history has a gap", a.report.Events)
	}
	if e.Prev != a.head {
		return violation(e.Seq, "it does not carry the hash of the event before it")
	}
	if e.Time < a.time {
		return violation(e.Seq, "its time is before that of the event before it")
	}
	a.report.Events, a.head, a.time = e.Seq, e.Hash, e.Time
	a.keys.Event(&e.Event)
	if err := a.imports(e); err != nil {
		return err
	}

	switch e.Kind {
	case machine.AccountOpened, machine.AccountImported:
		if err := a.accountOpened(e); err != nil {
			return err
		}
	case machine.SeedRotated:
		if err := a.seedRotated(e); err != nil {
			return err
		}
	case machine.RoundPlayed, machine.RoundOpened, machine.ActionTaken, machine.AbandonedSettled:
		return a.roundEvent(e)
	case machine.LineageBegun:
		if err := a.lineageBegun(e); err != nil {
			return err
		}
	case machine.AccountsRenewed:
		if err := a.accountsRenewed(e); err != nil {
			return err
		}
	}
	if e.Round != nil {
		return violation(e.Seq, "a %s carries a round", e.Kind)
	}
	if err := a.profileEvent(e); err != nil {
		return err
	}
	if err := a.transfers(e); err != nil {
		return err
	}
	if e.Account == 0 {
		return nil
	}
	return a.chained(e)
}

// account finds the account of an event, which must not have been deleted before.
func (a *auditor) account(e *machine.StoredEvent) (*account, error) {
	i := uint64(e.Account) - uint64(command.FirstAccountID)
	if e.Account < command.FirstAccountID || i >= uint64(len(a.accounts)) {
		return nil, violation(e.Seq, "account %d was never opened", e.Account)
	}
	if a.accounts[i].Deleted {
		return nil, violation(e.Seq, "something happens in account %d, which was deleted", e.Account)
	}
	return &a.accounts[i], nil
}

func (a *auditor) accountOpened(e *machine.StoredEvent) error {
	if want := command.FirstAccountID + command.AccountID(len(a.accounts)); e.Account != want {
		return violation(e.Seq, "it opens account %d, the next is %d", e.Account, want)
	}
	if e.Seeds == nil {
		return violation(e.Seq, "an account is opened without commitments")
	}
	a.accounts = append(a.accounts, account{since: e.Seq, seeds: *e.Seeds})
	return nil
}

// chained checks an event's place in its account's chains, and the balance that it reports.
func (a *auditor) chained(e *machine.StoredEvent) error {
	acc, err := a.account(e)
	if err != nil {
		return err
	}
	if e.Back != acc.Last {
		return violation(e.Seq, "the event before it of account %d is %d, not %d", e.Account, acc.Last, e.Back)
	}
	if games.Coins(e.Coins) != acc.Balance || games.Coins(e.Held) != acc.Held {
		return violation(e.Seq, "account %d has %d coins and %d held, the event says %d and %d", e.Account, acc.Balance, acc.Held, e.Coins, e.Held)
	}
	acc.Last, acc.Deleted = e.Seq, e.Kind == machine.AccountDeleted
	if acc.Deleted && (acc.Balance != 0 || acc.Held != 0) {
		return violation(e.Seq, "account %d is deleted with %d coins and %d held", e.Account, acc.Balance, acc.Held)
	}
	return a.chainedAlike(acc, e)
}

// chainedAlike holds an event's place in the short chain that it is in: of the rounds of its game, or of the coins that move
// outside of rounds.
func (a *auditor) chainedAlike(acc *account, e *machine.StoredEvent) error {
	last := new(uint64)
	if e.Round != nil {
		game, ok := a.catalogue.Named(e.Game())
		if !ok {
			return violation(e.Seq, "round %d has rules %q, which are no game's", e.Round.ID, e.Round.Rules)
		}
		last = &sumOf(&acc.Games, game.Number).Last
	} else if len(e.Transfers) > 0 {
		last = &acc.LastCoins
	}
	if e.BackAlike != *last {
		return violation(e.Seq, "the event of the same sort before it of account %d is %d, not %d", e.Account, *last, e.BackAlike)
	}
	*last = e.Seq
	return nil
}

// transfers books the transfers of an event.
func (a *auditor) transfers(e *machine.StoredEvent) error {
	for i, t := range e.Transfers {
		a.report.Transfers++
		if t.Amount <= 0 || t.Amount > games.MaxCoins {
			return violation(e.Seq, "transfer %d is of %d coins", i, t.Amount)
		}
		from, err := a.book(e, t.From, -t.Amount)
		if err != nil {
			return err
		}
		to, err := a.book(e, t.To, t.Amount)
		if err != nil {
			return err
		}
		if from != t.FromAfter || to != t.ToAfter {
			return violation(e.Seq, "after transfer %d, %s has %d and %s has %d; the event says %d and %d", i, a.name(t.From), from, a.name(t.To), to, t.FromAfter, t.ToAfter)
		}
		if !allowed(e.Kind, t) {
			return violation(e.Seq, "a %s moves coins from %s to %s as a %s", e.Kind, a.name(t.From), a.name(t.To), t.Kind)
		}
	}
	return nil
}

// name names an account to people.
func (a *auditor) name(who ledger.Account) string { return who.Name(a.catalogue) }

// book changes a balance and returns it.
func (a *auditor) book(e *machine.StoredEvent, who ledger.Account, amount games.Coins) (games.Coins, error) {
	if who.IsPlayer() {
		if who != ledger.Player(e.Account) {
			return 0, violation(e.Seq, "an event of account %d moves coins of %s", e.Account, who)
		}
		acc, err := a.account(e)
		if err != nil {
			return 0, err
		}
		acc.Balance += amount
		a.players += amount
		if acc.Balance < 0 {
			return 0, violation(e.Seq, "the balance of %s falls to %d", who, acc.Balance)
		}
		return acc.Balance, nil
	}
	if _, game := a.catalogue.Numbered(who.Game()); !game && who != ledger.Issue && who != ledger.Escrow {
		return 0, violation(e.Seq, "there is no account %d", who)
	}
	a.house[who] += amount
	if who == ledger.Escrow && a.house[who] < 0 {
		return 0, violation(e.Seq, "escrow falls to %d", a.house[who])
	}
	return a.house[who], nil
}

// allowed reports whether events of a kind may make this transfer.
func allowed(k machine.EventKind, t ledger.Transfer) bool {
	from, to := t.From.Game() != 0, t.To.Game() != 0 // a game's house
	round := k == machine.RoundPlayed || k == machine.RoundOpened || k == machine.ActionTaken || k == machine.AbandonedSettled
	switch t.Kind {
	case command.TransferWelcome:
		return k == machine.AccountOpened && t.From == ledger.Issue && t.To.IsPlayer()
	case command.TransferDaily:
		return k == machine.DailyCollected && t.From == ledger.Issue && t.To.IsPlayer()
	case command.TransferImport, command.TransferReturned:
		return k == machine.AccountImported && t.From == ledger.Issue && t.To.IsPlayer()
	case command.TransferGrant:
		return k == machine.CoinsGranted && (t.From == ledger.Issue && t.To.IsPlayer() || t.From.IsPlayer() && t.To == ledger.Issue)
	case command.TransferClosing:
		return k == machine.AccountDeleted && t.From.IsPlayer() && t.To == ledger.Issue
	case command.TransferStake:
		return t.From.IsPlayer() && (k == machine.RoundPlayed && to || k == machine.RoundOpened && t.To == ledger.Escrow)
	case command.TransferRaise:
		return k == machine.ActionTaken && t.From.IsPlayer() && t.To == ledger.Escrow
	case command.TransferSettle:
		return round && k != machine.RoundPlayed && t.From == ledger.Escrow && to
	case command.TransferPayout:
		return round && from && t.To.IsPlayer()
	}
	return false
}

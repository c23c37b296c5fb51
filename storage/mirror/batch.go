package mirror

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
)

// batch is what one transaction writes: some events after the mirror's position, and accounts as they are after them.
type batch struct {
	from, to position
	lineage  string
	events   uint64
	rows     uint64

	eventRows, transferRows, roundRows, importRows copyRows

	// open are the rounds that were opened in this batch and are not settled by it so far; moved are those that were opened
	// before it.
	open, moved map[command.RoundID]*round
	accounts    []command.Account
	// complete says that accounts are all that were touched up to the end of the batch.
	complete bool
}

// round is a round after the newest of its events.
type round struct {
	account command.AccountID
	record  *machine.RoundRecord
	settled int64 // when; 0: it is open
}

func newBatch(from position) *batch {
	return &batch{from: from, to: from, open: make(map[command.RoundID]*round), moved: make(map[command.RoundID]*round)}
}

// size is about how many bytes the batch holds.
func (b *batch) size() int {
	return len(b.eventRows.data) + len(b.transferRows.data) + len(b.roundRows.data) + 500*(len(b.open)+len(b.moved))
}

// tables writes events into the rows of a batch.
type tables struct {
	games *games.Catalogue
	names map[ledger.Account]string // of the house's accounts
}

func newTables(c *games.Catalogue) *tables {
	return &tables{games: c, names: make(map[ledger.Account]string)}
}

// add adds the next event.
func (t *tables) add(b *batch, e *machine.StoredEvent) error {
	if e.Seq != b.to.event+1 || e.Seq > 1 && e.Prev != b.to.hash {
		return errOtherHistory
	}
	b.to.event, b.to.hash, b.to.time = e.Seq, e.Hash, time.UnixMilli(e.Time).UTC()
	b.events++

	t.event(&b.eventRows, e)
	for i := range e.Transfers {
		t.transfer(&b.transferRows, e, i)
	}
	if e.From != nil {
		t.imported(&b.importRows, e)
	}
	if e.Round == nil {
		return nil
	}
	r := &round{account: e.Account, record: e.Round}
	if e.Round.Settled {
		r.settled = e.Time
	}
	switch opened := uint64(e.Round.ID); {
	case opened == e.Seq && e.Round.Settled:
		return t.round(&b.roundRows, r)
	case opened > b.from.event:
		b.open[e.Round.ID] = r
	default:
		b.moved[e.Round.ID] = r
	}
	return nil
}

// end adds what the batch has gathered.
func (t *tables) end(b *batch) error {
	for _, r := range b.open {
		if err := t.round(&b.roundRows, r); err != nil {
			return err
		}
	}
	b.rows = b.eventRows.rows + b.transferRows.rows + b.roundRows.rows + b.importRows.rows + uint64(len(b.moved)+len(b.accounts))
	return nil
}

const eventColumns = "seq, time, kind, account, round, actor, act, reason, before, after, until, hash"

func (t *tables) event(c *copyRows, e *machine.StoredEvent) {
	c.row(12)
	c.int(int64(e.Seq))
	c.time(e.Time)
	c.text(e.Kind.String())
	c.some(int64(e.Account))
	if e.Round != nil {
		c.int(int64(e.Round.ID))
	} else {
		c.null()
	}
	var act machine.Act
	if e.Act != nil {
		act = *e.Act
	}
	for _, text := range [...]string{act.Actor, act.Act, act.Reason, act.Before, act.After} {
		c.text(text)
	}
	c.time(e.Until)
	c.bytes(e.Hash[:])
}

const transferColumns = "event, ordinal, time, kind, account, round, game, from_account, to_account, amount, change, balance_after"

func (t *tables) transfer(c *copyRows, e *machine.StoredEvent, i int) {
	m := &e.Transfers[i]
	c.row(12)
	c.int(int64(e.Seq))
	c.int(int64(i))
	c.time(e.Time)
	c.text(m.Kind.String())
	player, change, after := ledger.Account(0), games.Coins(0), games.Coins(0)
	switch {
	case m.To.IsPlayer():
		player, change, after = m.To, m.Amount, m.ToAfter
	case m.From.IsPlayer():
		player, change, after = m.From, -m.Amount, m.FromAfter
	}
	c.some(int64(player))
	if e.Round != nil {
		c.int(int64(e.Round.ID))
	} else {
		c.null()
	}
	c.text(e.Game())
	t.ledger(c, m.From)
	t.ledger(c, m.To)
	c.int(int64(m.Amount))
	if player == 0 {
		c.null()
		c.null()
		return
	}
	c.int(int64(change))
	c.int(int64(after))
}

// ledger writes the name of an account of the books.
func (t *tables) ledger(c *copyRows, a ledger.Account) {
	if a.IsPlayer() {
		name := strconv.AppendUint([]byte("player:"), uint64(a), 10)
		c.bytes(name)
		return
	}
	name, ok := t.names[a]
	if !ok {
		name = a.Name(t.games)
		t.names[a] = name
	}
	c.text(name)
}

const importColumns = `account, event, source, "row"`

func (t *tables) imported(c *copyRows, e *machine.StoredEvent) {
	c.row(4)
	c.int(int64(e.Account))
	c.int(int64(e.Seq))
	c.text(e.From.Source)
	c.int(e.From.Row)
}

const roundColumns = "id, account, game, rules, opened_at, settled_at, stake, staked, payout, bets, actions, outcome, nonce, pair"

func (t *tables) round(c *copyRows, r *round) error {
	bets, actions, outcome, err := t.parts(r)
	if err != nil {
		return err
	}
	v := r.record
	c.row(14)
	c.int(int64(v.ID))
	c.int(int64(r.account))
	c.text(games.NameOf(v.Rules))
	c.text(v.Rules)
	c.time(v.OpenedAt)
	c.time(r.settled)
	c.int(int64(v.Stake))
	c.int(int64(v.Staked))
	if v.Settled {
		c.int(int64(v.Payout))
	} else {
		c.null()
	}
	c.json(bets)
	c.json(actions)
	c.json(outcome)
	c.int(int64(v.Nonce))
	c.int(int64(v.Pair))
	return nil
}

// parts are the parts of a round that have a form of their own in each game. The outcome of an open round is left out: what its
// player may see of it is in the casino's pages.
func (t *tables) parts(r *round) (bets, actions, outcome []byte, err error) {
	v := r.record
	if len(v.Bets) > 0 {
		if bets, err = json.Marshal(v.Bets); err != nil {
			return nil, nil, nil, err
		}
	}
	if len(v.Actions) > 0 {
		if actions, err = json.Marshal(v.Actions); err != nil {
			return nil, nil, nil, err
		}
	}
	version, known := t.games.Version(v.Rules)
	if !v.Settled || !known {
		return bets, actions, nil, nil
	}
	described, err := version.Describe(v.Draws, v.Wager())
	if err == nil {
		outcome, err = json.Marshal(described)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("describe round %d: %w", v.ID, err)
	}
	return bets, actions, outcome, nil
}

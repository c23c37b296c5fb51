package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// The players of the casino whose books are tampered with.
const (
	ann = command.FirstAccountID + iota // spins slots and the wheel, rotates her seeds, gets and loses coins
	ben                                 // plays blackjack, leaves a round, and has one open
	cat                                 // has no coins, and rotated her seeds before any round
	dan                                 // came and went
)

// audited is state.db of a casino in which everything has happened that the audit looks at.
func audited(t *testing.T) []byte {
	t.Helper()
	c := storagetest.NewIn(t, memoryDir(t), 5, byHand)
	open := func(name string, coins games.Coins) {
		c.One(command.Command{Body: command.OpenAccount{Username: name, UsernameKey: name, Email: name + "@example.com",
			EmailKey: name + "@example.com", PasswordHash: "hash", Role: command.RolePlayer, WelcomeCoins: coins}})
	}
	open("ann", 1000)
	open("ben", 100_000)
	open("cat", 0)
	open("dan", 50)
	c.One(signIn(ann, 1))
	c.One(signIn(ben, 2))
	c.One(command.Command{Account: cat, Body: command.RotateSeed{ClientSeed: "nothing played"}})
	red := command.PlaceWager{Rules: "roulette/1", Stake: 6, Bets: []games.Bet{{Type: "red", Amount: 6}}}
	for _, seed := range []string{"clover", "horseshoe"} {
		for range 20 {
			c.One(spin(ann, 4))
			c.One(command.Command{Account: ann, Body: red})
		}
		c.One(command.Command{Account: ann, Body: command.RotateSeed{ClientSeed: seed}})
	}
	c.One(spin(ann, 4))
	c.One(command.Command{Account: ann, Body: command.CollectDailyCoins{Amount: 100}})
	c.One(command.Command{Account: ann, Body: command.GrantCoins{Amount: 500, Actor: "cashier", Reason: "birthday"}})
	c.One(command.Command{Account: ann, Body: command.GrantCoins{Amount: -200, Actor: "cashier", Reason: "by mistake"}})
	c.One(command.Command{Body: command.RecordAct{Actor: "cashier", Act: "configuration_changed", Before: "a", After: "b"}})

	for _, action := range []string{"surrender", "double", "split", "hit"} {
		r := openRound(t, c, ben, 10, action)
		c.One(act(ben, r.Round.ID, action))
		if o, ok, err := c.Store.OpenRound(ben); err != nil || ok {
			c.One(command.Command{Body: command.SettleAbandoned{Round: o.ID, Before: c.Now.UnixMilli()}})
		}
	}
	for { // a round of two actions by its player
		r := openRound(t, c, ben, 10, "hit")
		if r = *c.One(act(ben, r.Round.ID, "hit")).Value.(*command.RoundResult); !r.Round.Settled {
			c.One(act(ben, r.Round.ID, "stand"))
			break
		}
	}
	openRound(t, c, ben, 10, "hit")
	c.One(command.Command{Account: ben, Body: command.RecordAct{Actor: "cashier", Act: "talked_to"}})
	c.One(spin(ann, 4))

	dir := c.Dir()
	c.Audit()
	c.Abandon()
	file, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// prove audits a store.
func prove(t *testing.T, ctx context.Context, s *storage.Store, o audit.Options) (audit.Report, error) {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Run(ctx, snap, o)
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	report.Took = 0
	return report, err
}

// holdViolation checks that an audit finds the violation at an event (0: at none), with one worker and with several.
func holdViolation(t *testing.T, s *storage.Store, event uint64, says string) {
	t.Helper()
	for _, workers := range []int{1, 4} {
		_, err := prove(t, t.Context(), s, audit.Options{Workers: workers})
		var v *audit.Violation
		switch {
		case err == nil:
			t.Errorf("%d workers: the audit finds nothing, want %q", workers, says)
		case !errors.As(err, &v):
			t.Errorf("%d workers: no violation, but: %v", workers, err)
		case v.Event != event || !strings.Contains(v.What, says):
			t.Errorf("%d workers: %v\nwant event %d: %q", workers, v, event, says)
		case event == 0 && v.Error() != v.What || event != 0 && v.Error() != fmt.Sprintf("event %d: %s", event, v.What):
			t.Errorf("%d workers: event %d is told as %q", workers, event, v.Error())
		}
	}
}

func untouched(*forger) {}

// Whoever audits beside players lets them have the processor again and again.
func TestAudit_RestsAndEndsWithTheErrorOfThat(t *testing.T) {
	t.Parallel()
	s := forge(t, audited(t), untouched)
	rests := 0
	if _, err := prove(t, t.Context(), s, audit.Options{Workers: 1, Rest: func() error { rests++; return nil }}); err != nil || rests == 0 {
		t.Errorf("%d rests, %v", rests, err)
	}
	tired := errors.New("tired")
	if _, err := prove(t, t.Context(), s, audit.Options{Workers: 1, Rest: func() error { return tired }}); !errors.Is(err, tired) {
		t.Errorf("got %v", err)
	}
}

func TestAudit_PassesTheUntouchedCasino(t *testing.T) {
	t.Parallel()
	file := audited(t)
	var played, open, transfers, positions uint64
	staked, paid := make(map[string]games.Coins), make(map[string]games.Coins)
	var last machine.Event
	s := forge(t, file, func(f *forger) {
		for _, e := range f.events {
			transfers += uint64(len(e.Transfers))
			if r := e.Round; r != nil {
				positions++
				switch {
				case r.Settled:
					played++
					staked[e.Game()] += r.Staked
					paid[e.Game()] += r.Payout
				case e.Kind == machine.RoundOpened:
					open++
				}
				if r.Settled && e.Kind != machine.RoundPlayed {
					open--
				}
			}
			last = e
		}
	})
	one, err := prove(t, t.Context(), s, audit.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	head, hash := s.Head()
	index, _ := s.Applied()
	if one.Accounts != 4 || one.Events != last.Seq || one.Events != head || one.Head != hash || one.Index != index || one.Transfers != transfers ||
		one.Rounds != played || one.Open != 1 || open != 1 || one.Replayed != positions || one.Escrow != 10 || one.Coins != one.Issued-one.Escrow-house(s) {
		t.Errorf("report %+v", one)
	}
	if len(one.Games) != 3 {
		t.Errorf("the report is of %d games", len(one.Games))
	}
	for _, g := range one.Games {
		if g.Rounds == 0 || g.Staked != staked[g.Game] || g.Paid != paid[g.Game] {
			t.Errorf("%+v, want %d staked and %d paid", g, staked[g.Game], paid[g.Game])
		}
	}
	for _, workers := range []int{0, 2, 16} {
		many, err := prove(t, t.Context(), s, audit.Options{Workers: workers})
		if err != nil || fmt.Sprint(many) != fmt.Sprint(one) {
			t.Errorf("%d workers report\n%+v (%v), one\n%+v", workers, many, err, one)
		}
	}
}

// house is what all games have won so far.
func house(s *storage.Store) (sum games.Coins) {
	for _, h := range s.Figures().Houses {
		sum += h.Balance
	}
	return sum
}

func TestAudit_PassesTheEmptyCasino(t *testing.T) {
	t.Parallel()
	c := storagetest.New(t, 1, byHand)
	calls := 0
	report, err := prove(t, t.Context(), c.Store, audit.Options{Progress: func(done, total uint64) {
		if calls++; done != 0 || total != 0 {
			t.Errorf("%d of %d events are done", done, total)
		}
	}})
	if err != nil || report.Events != 0 || report.Rounds != 0 || report.Head != [32]byte{} || calls != 1 {
		t.Errorf("%+v, %v, %d calls of progress", report, err, calls)
	}
}

func TestAudit_PassesWhatWasOnlySummedUpAgain(t *testing.T) {
	t.Parallel()
	// The forger's sums equal the machine's. Otherwise the findings of the other tests could be the forger's own errors.
	file := audited(t)
	want, err := prove(t, t.Context(), forge(t, file, untouched), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := prove(t, t.Context(), forge(t, file, func(f *forger) { f.rebook() }), audit.Options{})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v (%v)\nwant %+v", got, err, want)
	}
}

func TestAuditReport_SaysInWordsWhatWasProven(t *testing.T) {
	t.Parallel()
	report := audit.Report{
		Key: true, Accounts: 2, Events: 30, Transfers: 40, Rounds: 11, Open: 1, Replayed: 13, Records: 99, Head: [32]byte{0xab, 0xcd}, Index: 77,
		Games: []audit.Totals{{Game: "slots", Rounds: 10, Staked: 200, Paid: 189}, {Game: "roulette"}, {Game: "blackjack", Rounds: 1, Staked: 10}},
		Coins: 500, Escrow: 10, Issued: 531, Took: 1234567 * time.Microsecond,
	}
	want := []string{
		"history   30 events in one chain, head abcd" + strings.Repeat("00", 30),
		"records   99 with correct checksums",
		"ledger    40 transfers, the sum of all balances is 0: players 500, escrow 10, issued 531",
		"accounts  2, every balance and seed follows from its events, none below 0",
		"rounds    11 settled and 1 open, 13 positions replayed from committed seeds",
		"slots     10 rounds, 200 staked, 189 paid, actual return 94.50 %",
		"blackjack 1 rounds, 10 staked, 0 paid, actual return 0.00 %",
		"took      1.235s, log entry 77",
	}
	if got := report.Lines(); !slices.Equal(got, want) {
		t.Errorf("lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	report.Key, report.Unproven, report.Sealed = false, 5, 4
	want[3] = "accounts  2, every balance and commitment follows from its events, none below 0"
	want = slices.Insert(want, len(want)-1,
		"unproven  5 positions of rounds, and whether 4 sealed seeds match their commitments: that needs the casino's key (--encryption-key-file)")
	if got := report.Lines(); !slices.Equal(got, want) {
		t.Errorf("without the key, lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAudit_TellsProgressUpToTheEnd(t *testing.T) {
	t.Parallel()
	s := forge(t, audited(t), untouched)
	var last [2]uint64
	report, err := prove(t, t.Context(), s, audit.Options{Progress: func(done, total uint64) {
		if done < last[0] {
			t.Errorf("%d events are done after %d", done, last[0])
		}
		last = [2]uint64{done, total}
	}})
	if err != nil || last != [2]uint64{report.Events, report.Events} {
		t.Errorf("progress ends with %d of %d; there are %d events (%v)", last[0], last[1], report.Events, err)
	}
}

// cancelledAfter is a context that is cancelled after a number of calls to Err.
type cancelledAfter struct {
	context.Context
	left atomic.Int64
}

func (c *cancelledAfter) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestAudit_EndsWithTheContextWhereverItIs(t *testing.T) {
	t.Parallel()
	s := forge(t, audited(t), untouched)
	asks := int64(0)
	for ended := true; ended; asks = asks*4/3 + 1 {
		ctx := &cancelledAfter{Context: t.Context()}
		ctx.left.Store(asks)
		_, err := prove(t, ctx, s, audit.Options{Workers: 2})
		if ended = err != nil; ended && !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled after %d looks: %v", asks, err)
		}
		if over := ctx.left.Load() < 0; over != ended {
			t.Fatalf("cancelled after %d looks: %v, %v", asks, over, err)
		}
	}
	if asks < 100 {
		t.Errorf("the audit looked at its context less than %d times", asks)
	}
}

// The rounds of a long history are replayed in batches while the history is read. The audit still reports the first
// violation in the order of events.
func TestAudit_TellsTheFirstViolationHoweverManyWorkers(t *testing.T) {
	t.Parallel()
	c := storagetest.NewIn(t, memoryDir(t), 6, byHand)
	var commands []command.Command
	p := c.Player("ann", 1_000_000)
	for range 1200 {
		commands = append(commands, spin(p, 1))
	}
	c.Do(commands...)
	dir := c.Dir()
	c.Abandon()
	file, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	draw := func(e *machine.Event) { e.Round.Draws[0]++ }
	skip := func(e *machine.Event) { e.Round.Nonce++ }
	for name, tampered := range map[string]map[int]func(*machine.Event){
		"both when played again, in two batches": {256: draw, 258: draw},
		"both when played again, far apart":      {700: draw, 1100: draw},
		"played again, then read":                {300: draw, 301: skip},
		"played again in an earlier batch":       {200: draw, 900: skip},
		"played again, at the very end":          {1190: draw, 1200: skip},
		"all":                                    {250: draw, 260: draw, 600: draw, 800: skip, 801: draw},
	} {
		first := uint64(len(commands) + 1)
		s := forge(t, file, func(f *forger) {
			for i, fn := range tampered {
				fn(&f.events[i])
				first = min(first, f.events[i].Seq)
			}
			f.rechain()
		})
		for range 2 {
			for _, workers := range []int{1, 2, 8} {
				_, err := prove(t, t.Context(), s, audit.Options{Workers: workers})
				var v *audit.Violation
				if !errors.As(err, &v) || v.Event != first {
					t.Errorf("%s, %d workers: %v, want event %d", name, workers, err, first)
				}
			}
		}
	}
}

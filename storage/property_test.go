package storage_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imperio/games/gamestest"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// byHand leaves checkpoints to the test.
var byHand = storage.Options{CheckpointInterval: time.Hour}

// casinoFor makes a casino for one run of a property. Its directory is removed afterwards.
func casinoFor(rt *rapid.T, seed uint64) *storagetest.Casino {
	return storagetest.NewWith(rt, memoryDir(rt), seed, withDice, byHand)
}

// withDice are the games of the property tests. One of them is not released, so the tests cover a game for which the house
// has no code of its own.
var withDice = gamestest.Catalogue()

// drawCommand draws a new command, or repeats an earlier one: under its idempotency key, under its key with a different
// request, or as a proposer that does not know its fate.
func drawCommand(rt *rapid.T, c *storagetest.Casino, m *storagetest.Model, given []command.Command) command.Command {
	if len(given) == 0 || rapid.IntRange(0, 4).Draw(rt, "again") != 0 {
		return c.Complete(m.Draw(rt))
	}
	old := given[rapid.IntRange(max(0, len(given)-20), len(given)-1).Draw(rt, "which")]
	if rapid.Bool().Draw(rt, "retry") {
		old.Retry = true
		return old
	}
	old.ID = command.ID{}
	if rapid.Bool().Draw(rt, "the house has changed") {
		old.Refusal = nil
		if rapid.Bool().Draw(rt, "and refuses") {
			old.Refusal = &command.Refusal{Code: "game_disabled", Message: "Not any more.", Until: storagetest.Birth}
		}
		switch b := old.Body.(type) {
		case command.PlaceWager:
			b.Rules = rapid.SampledFrom(withDice.Rules()).Draw(rt, "other rules")
			old.Body = b
		case command.CollectDailyCoins:
			b.Amount++
			old.Body = b
		}
	}
	return c.Complete(old)
}

// advance moves the clock that stamps the next entry forward, or back as when the next leader's clock differs.
func advance(rt *rapid.T, c *storagetest.Casino) {
	some := func(unit time.Duration, most int) time.Duration {
		return unit * time.Duration(rapid.IntRange(1, most).Draw(rt, "how long"))
	}
	switch rapid.IntRange(0, 40).Draw(rt, "time") {
	case 0, 1:
		c.Now = c.Now.Add(some(time.Minute, 20))
	case 2, 3:
		c.Now = c.Now.Add(some(time.Hour, 50))
	case 4:
		c.Now = c.Now.Add(-some(time.Second, 30))
	case 5:
		c.Now = c.Now.Add(-some(time.Hour, 50))
	case 6: // to the latest stamp
		if at := c.Store.Time(); at.After(c.Now) {
			c.Now = at
		}
	}
}

func TestMachine_AgreesWithANaiveModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
		m := storagetest.NewModel(withDice)
		var given []command.Command
		for n := rapid.IntRange(1, 60).Draw(rt, "batches"); n > 0; n-- {
			var batch []storagetest.Stamped
			var want []command.Result
			for range rapid.IntRange(1, 8).Draw(rt, "batch") {
				advance(rt, c)
				cmd := drawCommand(rt, c, m, given)
				given = append(given, cmd)
				batch = append(batch, storagetest.Stamped{At: c.Now, Command: cmd})
				want = append(want, m.Apply(batch[len(batch)-1]))
				c.Now = c.Now.Add(time.Millisecond)
			}
			for i, got := range c.DoAt(batch...) {
				if d := storagetest.Differ(want[i], got); d != "" {
					cmd := batch[i].Command
					rt.Fatalf("%T %+v of account %d, key %x, retry %v: the model (-) and the machine (+) differ: %s",
						cmd.Body, cmd.Body, cmd.Account, cmd.Key, cmd.Retry, d)
				}
			}
			switch rapid.IntRange(0, 11).Draw(rt, "then") {
			case 0:
				c.Checkpoint()
			case 1:
				c.Reopen()
			case 2:
				c.Crash()
			}
		}
		if d := m.Compare(c); d != "" {
			rt.Fatalf("the model (-) and the machine (+) differ: %s", d)
		}
	})
}

// The same log, in other batches and with checkpoints, restarts and crashes at other moments, gives the same state.
func TestMachine_SameLogSameState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
		m := storagetest.NewModel(withDice)
		var given []command.Command
		for range rapid.IntRange(1, 150).Draw(rt, "commands") {
			advance(rt, c)
			cmd := drawCommand(rt, c, m, given)
			given = append(given, cmd)
			m.Apply(storagetest.Stamped{At: c.Now, Command: cmd})
			c.Do(cmd)
		}
		want, machine := c.Identity()

		other := casinoFor(rt, rapid.Uint64().Draw(rt, "other seed"))
		for log := c.Log; len(log) > 0; {
			n := rapid.IntRange(1, len(log)).Draw(rt, "part")
			other.Replay(log[:n])
			log = log[n:]
			switch rapid.IntRange(0, 3).Draw(rt, "then") {
			case 0:
				other.Checkpoint()
			case 1:
				other.Reopen()
			case 2:
				other.Crash()
			}
		}
		got, again := other.Identity()
		if !reflect.DeepEqual(machine, again) {
			rt.Fatalf("the machine's records differ:\n%+v\n%+v", machine, again)
		}
		if want != got {
			rt.Fatal("the state hashes differ")
		}
	})
}

// A command that is refused, or answered a second time, changes only the time and the index.
func TestMachine_RefusalsChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
		m := storagetest.NewModel(withDice)
		var given []command.Command
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			cmd := drawCommand(rt, c, m, given)
			given = append(given, cmd)
			now := c.Now
			m.Apply(storagetest.Stamped{At: now, Command: cmd})
			if _, machine := content(rt, c, now); machine.Time > now.UnixMilli() {
				now = time.UnixMilli(machine.Time)
			}
			before, machine := content(rt, c, now)
			r := c.Do(cmd)[0]
			after, then := content(rt, c, now)
			machine.Time = then.Time
			switch {
			case (r.Refusal != nil || r.Replayed) && (before != after || !reflect.DeepEqual(machine, then)):
				rt.Fatalf("%T was refused (%v) or answered again (%v), but changed the state", cmd.Body, r.Refusal, r.Replayed)
			case r.Event != 0 && !r.Replayed && (before == after || !leaves(cmd, then.Events-machine.Events) || then.Events != r.Event):
				rt.Fatalf("%T left event %d, and the history has %d after %d", cmd.Body, r.Event, then.Events, machine.Events)
			}
		}
	})
}

// leaves reports whether a command that changed something can have left so many events.
func leaves(c command.Command, events uint64) bool {
	switch b := c.Body.(type) {
	case command.RenewAccounts:
		return events > 0
	case command.ImportAccounts:
		return events == uint64(len(b.Accounts))+1
	case command.CloseSeason:
		if b.Season != 0 && b.Begin {
			return events == 2
		}
	}
	return events == 1
}

// content is the state without the machine's record, and that record.
func content(rt *rapid.T, c *storagetest.Casino, now time.Time) ([32]byte, machine.Record) {
	tables, machine, err := storage.ContentHash(c.Store, now)
	if err != nil {
		rt.Fatalf("hash: %v", err)
	}
	return tables, machine
}

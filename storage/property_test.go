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

// casinoFor makes a casino for one run of a property; its directory is gone after it.
func casinoFor(rt *rapid.T, seed uint64) *storagetest.Casino {
	return storagetest.NewWith(rt, memoryDir(rt), seed, withDice, byHand)
}

// withDice are the games of the property tests: one of them is not released, so that the house is tested with games that it
// has no code for.
var withDice = gamestest.Catalogue()

// drawCommand draws a new command, or an earlier one again: under its idempotency key, under its key with another
// request, or as a proposer does that does not know what became of it.
func drawCommand(rt *rapid.T, c *storagetest.Casino, m *storagetest.Model, given []command.Command) command.Command {
	if len(given) == 0 || rapid.IntRange(0, 4).Draw(rt, "again") != 0 {
		return c.Stamp(m.Draw(rt))
	}
	old := given[rapid.IntRange(max(0, len(given)-20), len(given)-1).Draw(rt, "which")]
	if rapid.Bool().Draw(rt, "retry") {
		old.Retry = true
		return old
	}
	old.ID, old.Time = command.ID{}, time.Time{}
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
	return c.Stamp(old)
}

func advance(rt *rapid.T, c *storagetest.Casino) {
	switch rapid.IntRange(0, 30).Draw(rt, "pause") {
	case 0, 1:
		c.Now = c.Now.Add(time.Duration(rapid.IntRange(1, 20).Draw(rt, "minutes")) * time.Minute)
	case 2:
		c.Now = c.Now.Add(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour)
	case 3:
		c.Now = c.Now.Add(-time.Duration(rapid.IntRange(1, 30).Draw(rt, "seconds back")) * time.Second) // another proposer's clock
	}
}

func TestMachine_AgreesWithANaiveModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
		m := storagetest.NewModel(withDice)
		var given []command.Command
		for n := rapid.IntRange(1, 60).Draw(rt, "batches"); n > 0; n-- {
			var batch []command.Command
			var want []command.Result
			for range rapid.IntRange(1, 8).Draw(rt, "batch") {
				advance(rt, c)
				cmd := drawCommand(rt, c, m, given)
				c.Now = c.Now.Add(time.Millisecond)
				given = append(given, cmd)
				batch = append(batch, cmd)
				want = append(want, m.Apply(cmd))
			}
			for i, got := range c.Do(batch...) {
				if d := storagetest.Differ(want[i], got); d != "" {
					rt.Fatalf("%T %+v of account %d, key %x, retry %v: the model (-) and the machine (+) differ: %s",
						batch[i].Body, batch[i].Body, batch[i].Account, batch[i].Key, batch[i].Retry, d)
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
			m.Apply(cmd)
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

// What is refused, or answered a second time, leaves no trace but the time and the index.
func TestMachine_RefusalsChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
		m := storagetest.NewModel(withDice)
		var given []command.Command
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			cmd := drawCommand(rt, c, m, given)
			given = append(given, cmd)
			m.Apply(cmd)
			now := cmd.Time
			if _, machine := content(rt, c, now); machine.Time > now.UnixMilli() {
				now = time.UnixMilli(machine.Time)
			}
			before, machine := content(rt, c, now)
			r := c.Do(cmd)[0]
			after, then := content(rt, c, now)
			machine.Time, machine.Stamp = then.Time, then.Stamp
			switch {
			case (r.Refusal != nil || r.Replayed) && (before != after || !reflect.DeepEqual(machine, then)):
				rt.Fatalf("%T was refused (%v) or told again (%v), and changed the state", cmd.Body, r.Refusal, r.Replayed)
			case r.Event != 0 && !r.Replayed && (before == after || then.Events != machine.Events+1 || then.Events != r.Event):
				rt.Fatalf("%T left event %d, and the history has %d after %d", cmd.Body, r.Event, then.Events, machine.Events)
			}
		}
	})
}

// content is the state without the machine's record, and that record.
func content(rt *rapid.T, c *storagetest.Casino, now time.Time) ([32]byte, machine.Record) {
	tables, machine, err := storage.ContentHash(c.Store, now)
	if err != nil {
		rt.Fatalf("hash: %v", err)
	}
	return tables, machine
}

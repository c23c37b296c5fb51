package storage_test

import (
	"testing"

	"pgregory.net/rapid"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// drawLog makes a log of entries that hold one or more commands, with gaps between their indexes.
func drawLog(rt *rapid.T) []storage.Command {
	c := casinoFor(rt, rapid.Uint64().Draw(rt, "seed"))
	m := storagetest.NewModel(withDice)
	var given []command.Command
	for range rapid.IntRange(1, 120).Draw(rt, "commands") {
		advance(rt, c)
		cmd := drawCommand(rt, c, m, given)
		given = append(given, cmd)
		m.Apply(storagetest.Stamped{At: c.Now, Command: cmd})
		c.Do(cmd)
	}
	log := append([]storage.Command(nil), c.Log...)
	index := uint64(0)
	for i := range log {
		if i == 0 || rapid.IntRange(0, 2).Draw(rt, "same entry") > 0 {
			index += uint64(rapid.IntRange(1, 50).Draw(rt, "gap"))
		}
		log[i].Index = index
	}
	return log
}

// sums are a casino's samples by their index. Those that it already has must stay the same.
func sums(rt *rapid.T, c *storagetest.Casino, known map[uint64]uint64) {
	before := uint64(0)
	for _, d := range c.Store.Digests() {
		if sum, ok := known[d.Index]; ok && sum != d.Sum || d.Index <= before {
			rt.Fatalf("%+v after index %d, and it was %x before", d, before, sum)
		}
		known[d.Index], before = d.Sum, d.Index
	}
}

// untilNext splits off the first n commands of a log, and the others of their entry.
func untilNext(log []storage.Command, n int) (first, rest []storage.Command) {
	for n < len(log) && log[n].Index == log[n-1].Index {
		n++
	}
	return log[:n], log[n:]
}

// digestsOf applies a log one entry at a time, and returns all samples.
func digestsOf(rt *rapid.T, log []storage.Command) map[uint64]uint64 {
	c := casinoFor(rt, 1)
	all := make(map[uint64]uint64)
	for len(log) > 0 {
		var entry []storage.Command
		entry, log = untilNext(log, 1)
		c.Replay(entry)
		sums(rt, c, all)
	}
	return all
}

// Members get the same log in other batches, write checkpoints at other moments, restart and crash. They sample at the same
// entries, and get the same digests.
func TestDigests_AreTheSameForTheSameLog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		log := drawLog(rt)
		want, got := digestsOf(rt, log), make(map[uint64]uint64)
		c := casinoFor(rt, rapid.Uint64().Draw(rt, "other seed"))
		for len(log) > 0 {
			var part []storage.Command
			part, log = untilNext(log, rapid.IntRange(1, len(log)).Draw(rt, "part"))
			c.Replay(part)
			sums(rt, c, got)
			switch rapid.IntRange(0, 4).Draw(rt, "then") {
			case 0:
				c.Checkpoint()
			case 1:
				c.Reopen()
			case 2:
				c.Crash()
				sums(rt, c, got)
			}
		}
		for index, sum := range got {
			if want[index] != sum {
				rt.Fatalf("entry %d has the digest %x, want %x", index, sum, want[index])
			}
		}
		if len(want) <= 64 && len(got) != len(want) {
			rt.Fatalf("%d samples, want %d", len(got), len(want))
		}
	})
}

// One other coin somewhere, and all digests differ from there on.
func TestDigests_TellADifferenceForEver(t *testing.T) {
	t.Parallel()
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	for range 400 {
		grants(c, p, 1)
	}
	other := storagetest.New(t, 2, byHand)
	other.Replay(c.Log[:200])
	from := c.Log[200].Index
	if err := storage.TamperState(other.Store); err != nil {
		t.Fatal(err)
	}
	other.Replay(c.Log[200:])
	want := make(map[uint64]uint64)
	for _, d := range c.Store.Digests() {
		want[d.Index] = d.Sum
	}
	differ := 0
	for _, d := range other.Store.Digests() {
		if (want[d.Index] == d.Sum) != (d.Index < from) {
			t.Errorf("the digest of entry %d, with a difference from entry %d on: %x and %x", d.Index, from, want[d.Index], d.Sum)
		}
		if d.Index >= from {
			differ++
		}
	}
	other.Abandon() // the audit would find the difference, too
	if differ == 0 || differ == len(want) {
		t.Errorf("%d of %d samples are from after the difference", differ, len(want))
	}
}

func TestDigests_KeepsTheNewest(t *testing.T) {
	t.Parallel()
	c := storagetest.New(t, 1, byHand)
	if d := c.Store.Digests(); len(d) != 0 {
		t.Errorf("before the first entry: %+v", d)
	}
	var last uint64
	for n := range 100 {
		last = uint64(n+1) * 64
		c.Replay([]storage.Command{{Index: last - 1, Term: 1}, {Index: last, Term: 1}}) // raft's own entries
	}
	if d := c.Store.Digests(); len(d) != 64 || d[63].Index != last || d[0].Index != last-63*64 {
		t.Errorf("%d samples: %+v", len(d), d)
	}
}

package machine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"imperio/games/catalogue"
	"imperio/storage/command"
)

// smallRuns complete a run after few events.
var smallRuns = keySizes{slice: 8, run: 64}

// keyed records an event of an account, under a key unless the key is zero.
func keyed(t interface{ Fatal(...any) }, m *Machine, id command.AccountID, key command.Key, now int64) {
	m.now, m.head.Time = now, now
	m.command = &command.Decoded{Command: command.Command{Account: id, Key: key}}
	if err := m.record(&Event{Kind: CoinsGranted, Account: id}); err != nil {
		t.Fatal(err)
	}
}

// reloaded is a machine that continues from a state, as after a restart.
func reloaded(t interface{ Fatal(...any) }, m *Machine, state tablesInMemory) *Machine {
	again := New(*m.head, m.house, 0)
	again.sizes = smallRuns
	if err := again.Load(state); err != nil {
		t.Fatal(err)
	}
	again.On(state)
	return again
}

// The newest use within the period is found, and no key that was never used, however often the machine restarts.
func TestKeyIndex_FindsTheNewestUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := tablesInMemory{}
		m := reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), state)
		type use struct {
			id  command.AccountID
			key byte
		}
		newest := make(map[use]uint64)
		times := make(map[uint64]int64)
		now := int64(1_000_000_000)
		for range rapid.IntRange(1, 40).Draw(t, "stretches") {
			now += rapid.Int64Range(0, levels[1].keyPeriod/3).Draw(t, "pause")
			for range rapid.IntRange(0, 40).Draw(t, "events") {
				u := use{command.FirstAccountID + command.AccountID(rapid.IntRange(0, 3).Draw(t, "account")), rapid.Byte().Draw(t, "key")}
				if u.key == 0 {
					keyed(t, m, u.id, command.Key{}, now)
					continue
				}
				keyed(t, m, u.id, command.Key{u.key}, now)
				newest[u], times[m.head.Events] = m.head.Events, now
			}
			if rapid.Bool().Draw(t, "start anew") {
				m = reloaded(t, m, state)
			}
			for id := command.FirstAccountID; id < command.FirstAccountID+5; id++ {
				for key := byte(1); key != 0; key++ {
					want := newest[use{id, key}]
					if now-times[want] > levels[1].keyPeriod {
						want = 0
					}
					e, used, err := m.use(id, command.Key{key})
					if err != nil {
						t.Fatal(err)
					}
					if used && now-e.Time > levels[1].keyPeriod {
						used = false // found, though it is old enough to be forgotten
					}
					if used != (want != 0) || used && e.Seq != want {
						t.Fatalf("key %d of %d: event %d (%v), want %d; %d runs", key, id, e.Seq, used, want, len(m.keys.runs))
					}
				}
			}
		}
		audit := NewKeyAudit()
		audit.keySizes = smallRuns
		for seq := uint64(1); seq <= m.head.Events; seq++ {
			e, err := m.event(seq)
			if err != nil {
				t.Fatal(err)
			}
			audit.Event(&e)
		}
		if what, err := audit.Compare(&m.Reader); what != "" || err != nil {
			t.Fatalf("the audit finds %q, %v", what, err)
		}
	})
}

// Two machines, one of which restarts after each event, leave the same bytes.
func TestKeyIndex_IsTheSameOnEveryNode(t *testing.T) {
	one, other := tablesInMemory{}, tablesInMemory{}
	m, often := reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), one), reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), other)
	for n := range 300 {
		key := command.Key{byte(n), byte(n >> 8), 1}
		now := int64(1_000_000_000) + int64(n)*levels[1].keyPeriod/100
		keyed(t, m, command.FirstAccountID, key, now)
		keyed(t, often, command.FirstAccountID, key, now)
		often = reloaded(t, often, other)
	}
	if len(one) != len(other) || m.head.KeysFrom == 0 || m.head.KeysFrom != often.head.KeysFrom {
		t.Fatalf("%d records and %d, runs from %d and %d", len(one), len(other), m.head.KeysFrom, often.head.KeysFrom)
	}
	for place, v := range one {
		if string(other[place]) != string(v) {
			t.Fatalf("the record %s differs", place)
		}
	}
}

// Filters that are not in memory are read from the state.
func TestKeyIndex_WithoutFiltersInMemory(t *testing.T) {
	state := tablesInMemory{}
	m := reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), state)
	for n := range 300 {
		keyed(t, m, command.FirstAccountID, command.Key{byte(n), byte(n >> 8), 1}, 1_000_000_000)
	}
	for _, run := range m.keys.runs {
		run.filter = nil
	}
	for n := range 600 {
		e, used, err := m.use(command.FirstAccountID, command.Key{byte(n), byte(n >> 8), 1})
		if err != nil || used != (n < 300) || used && e.Seq != uint64(n+1) {
			t.Fatalf("key %d: event %d, %v, %v", n, e.Seq, used, err)
		}
	}
}

// The filter recognizes nearly all new keys, so that hardly any bucket is read.
func TestKeyIndex_TakesFewNewKeysForUsed(t *testing.T) {
	about := runRecord{Keys: uint32(standardSizes.run)}
	filter := make([]uint64, about.lines()*lineWords)
	r := rand.New(rand.NewPCG(1, 2))
	key := func() (k command.Key) {
		binary.LittleEndian.PutUint64(k[:8], r.Uint64())
		binary.LittleEndian.PutUint64(k[8:], r.Uint64())
		return k
	}
	for range about.Keys {
		h := keyHash(1000, key())
		addTo(filter[lineOf(h, uint64(about.lines()))*lineWords:], h)
	}
	const tries = 200_000
	wrong := 0
	for range tries {
		h := keyHash(1000, key())
		if isIn(filter[lineOf(h, uint64(about.lines()))*lineWords:], h) {
			wrong++
		}
	}
	if wrong > tries/2000 {
		t.Errorf("%d of %d new keys are taken for used", wrong, tries)
	}
	if got := 8 * len(filter); got > 3*int(about.Keys) {
		t.Errorf("the filter takes %d bytes for %d keys", got, about.Keys)
	}
}

func TestKeyAudit_FindsWhatIsForged(t *testing.T) {
	build := func() (*Machine, tablesInMemory) {
		state := tablesInMemory{}
		m := reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), state)
		for n := range 64*2 + 20 {
			keyed(t, m, command.FirstAccountID, command.Key{byte(n), 1}, 1_000_000_000)
		}
		return m, state
	}
	for name, c := range map[string]struct {
		forge func(m *Machine, s tablesInMemory)
		says  string
	}{
		"nothing":         {func(*Machine, tablesInMemory) {}, ""},
		"a slice is lost": {func(_ *Machine, s tablesInMemory) { s.Delete(tableUsedKeys, indexKey(2, partSlice, 1)) }, "the newest used keys, of events from 129 on, are not those of the history"},
		"a slice too many": {func(_ *Machine, s tablesInMemory) {
			s.Put(tableUsedKeys, indexKey(2, partSlice, 2), make([]byte, entrySize))
		}, "the newest used keys"},
		"a run is lost":    {func(_ *Machine, s tablesInMemory) { s.Delete(tableUsedKeys, indexKey(1, partAbout, 0)) }, "run 1 of used keys has 0 keys"},
		"runs are dropped": {func(m *Machine, _ tablesInMemory) { m.head.KeysFrom = 1 }, "the used keys of events 1 to 64 were dropped too early"},
		"a bucket is lost": {func(_ *Machine, s tablesInMemory) { s.Delete(tableUsedKeys, indexKey(0, partBucket, 0)) }, "run 0 of used keys is not of the keys of the history"},
		"a filter is empty": {func(_ *Machine, s tablesInMemory) {
			k := indexKey(0, partFilter, 0)
			v, _ := s.Get(tableUsedKeys, k)
			s.Put(tableUsedKeys, k, make([]byte, len(v)))
		}, "the used key of event "},
	} {
		t.Run(name, func(t *testing.T) {
			m, state := build()
			audit := NewKeyAudit()
			audit.keySizes = smallRuns
			for seq := uint64(1); seq <= m.head.Events; seq++ {
				e, err := m.event(seq)
				if err != nil {
					t.Fatal(err)
				}
				audit.Event(&e)
			}
			c.forge(m, state)
			what, err := audit.Compare(&m.Reader)
			if err != nil || len(c.says) == 0 && what != "" || len(what) < len(c.says) || what[:len(c.says)] != c.says {
				t.Errorf("the audit says %q (%v), want %q", what, err, c.says)
			}
		})
	}
}

// BenchmarkKeyIndex_New looks up new keys among many used ones.
func BenchmarkKeyIndex_New(b *testing.B) {
	for _, runs := range []int{1, 8, 76} {
		b.Run(fmt.Sprintf("%d_million", runs*int(standardSizes.run)/1_000_000), func(b *testing.B) {
			m := New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0)
			if err := m.Load(tablesInMemory{}); err != nil {
				b.Fatal(err)
			}
			m.On(tablesInMemory{})
			r := rand.New(rand.NewPCG(1, 2))
			for n := range runs {
				run := newKeyRun(uint32(n), runRecord{Keys: uint32(standardSizes.run)})
				run.filter = make([]uint64, run.about.lines()*lineWords)
				for range run.about.Keys {
					h := r.Uint64()
					addTo(run.filter[lineOf(h, run.lines)*lineWords:], h)
				}
				m.keys.runs = append(m.keys.runs, run)
			}
			var key command.Key
			for b.Loop() {
				binary.LittleEndian.PutUint64(key[:], r.Uint64())
				if _, used, err := m.use(1000, key); used || err != nil {
					b.Fatal(used, err)
				}
			}
		})
	}
}

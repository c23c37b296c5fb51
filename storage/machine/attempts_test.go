package machine

import (
	"testing"

	"pgregory.net/rapid"

	"imperio/games/catalogue"
	"imperio/storage/command"
)

// The index finds what reading the history would find, whatever its size, and however often the machine restarts.
func TestAttempts_FindsWhatTheHistoryHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := tablesInMemory{}
		m := reloaded(t, New(NewRecord(command.KeyID{}), House{Games: catalogue.Released()}, 0), state)
		resize := func() { m.attempts = newAttempts(m.head.Events, rapid.IntRange(1, 40).Draw(t, "size")) }
		resize()
		var history []command.ID // of event n at n-1
		id := func() command.ID { return command.ID{rapid.ByteRange(1, 30).Draw(t, "command")} }
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				m = reloaded(t, m, state)
				resize()
			case 1, 2, 3:
				m.command = &command.Decoded{Command: command.Command{ID: id(), Retry: true, Since: uint64(rapid.IntRange(0, len(history)).Draw(t, "since"))}}
				want := uint64(len(history))
				for want > m.command.Since && history[want-1] != m.command.ID {
					want--
				}
				if want <= m.command.Since {
					want = 0
				}
				got, found, err := m.attempted()
				if err != nil || found != (want != 0) || found && (got.Event != want || !got.Replayed) {
					t.Fatalf("command %d since event %d: %+v, %v, %v, want event %d", m.command.ID[0], m.command.Since, got, found, err, want)
				}
			default:
				m.command = &command.Decoded{Command: command.Command{ID: id()}}
				if err := m.record(&Event{Kind: HouseValueChanged}); err != nil {
					t.Fatal(err)
				}
				history = append(history, m.command.ID)
			}
		}
		if covered := m.attempts.last - m.attempts.from; covered > uint64(len(m.attempts.commands)) || len(m.attempts.newestOf) > len(m.attempts.commands) {
			t.Fatalf("%d events are covered, with %d places and %d commands", covered, len(m.attempts.commands), len(m.attempts.newestOf))
		}
	})
}

// BenchmarkAttempts is what the index costs an event: alone, and if each command looks for its first attempt.
func BenchmarkAttempts(b *testing.B) {
	for name, retries := range map[string]bool{"alone": false, "looked for": true} {
		b.Run(name, func(b *testing.B) {
			a := newAttempts(0, mostAttempts)
			var id command.ID
			n := uint64(0)
			for b.Loop() {
				n++
				for i := range 8 { // ids are random
					id[i] = byte(n * 0x9e3779b97f4a7c15 >> (8 * i))
				}
				if retries {
					a.newest(id)
				}
				a.add(id)
			}
		})
	}
}

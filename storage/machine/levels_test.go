package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"imperio/games/catalogue"
	"imperio/storage/command"
)

// tablesInMemory are a state without a file.
type tablesInMemory map[string][]byte

func place(table int, key []byte) string { return fmt.Sprint(table, key) }

func (s tablesInMemory) Get(table int, key []byte) ([]byte, error) { return s[place(table, key)], nil }
func (s tablesInMemory) Put(table int, key, value []byte)          { s[place(table, key)] = value }
func (s tablesInMemory) Delete(table int, key []byte)              { delete(s, place(table, key)) }
func (s tablesInMemory) Damage(what string, err error) error {
	return errors.Join(errors.New(what), err)
}
func (s tablesInMemory) Each(int, []byte, func(k, v []byte) error) error { panic("not asked for") }

// The command puts the new level into force, and leaves an event with the version that is needed.
func TestRaiseLevel_IsAnEventOfTheHouse(t *testing.T) {
	record := NewRecord(command.KeyID{})
	record.Level = NewestLevel - 1
	m := New(record, House{Games: catalogue.Released(), OpenSeed: func(command.SealedSeed) (command.Seed, bool) { return command.Seed{}, false }}, 0)
	state := tablesInMemory{}
	m.On(state)
	r, err := m.Apply(time.UnixMilli(1), &command.Decoded{Command: command.Command{Body: command.RaiseLevel{Level: NewestLevel, Program: "7.8.9"}}})
	if err != nil || r.Refusal != nil || r.Event != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if h := m.Head(); h.Level != NewestLevel || h.Program != "7.8.9" {
		t.Errorf("level %d by %q", h.Level, h.Program)
	}
	e, ok, err := m.Event(1)
	if err != nil || !ok || e.Kind != LevelRaised || e.Act == nil || e.Act.Reason != "7.8.9" || e.Act.After != fmt.Sprint(NewestLevel) {
		t.Errorf("%+v, %v, %v", e, ok, err)
	}
}

// The constants of a released level decide the results of old logs. Other values need a new level, with its hash here. A level
// without a hash here brings only rules of games or kinds of commands: its constants are those of the level before.
func TestLevels_ReleasedOnesNeverChange(t *testing.T) {
	released := map[uint32]string{1: "1372d356dc93e62a"}
	want := ""
	for level := uint32(1); level <= NewestLevel; level++ {
		if hash, listed := released[level]; listed {
			want = hash
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%+v", levels[level]))
		if got := fmt.Sprintf("%x", sum[:8]); got != want {
			t.Errorf("level %d is %+v, of hash %s; released are %v", level, levels[level], got, released)
		}
	}
	for level := range released {
		if level > NewestLevel {
			t.Errorf("level %d was released and is gone", level)
		}
	}
}

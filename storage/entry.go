package storage

import (
	"fmt"
	"time"

	"imperio/storage/command"
)

// Command is one command of the log, with the index of the entry that holds it; an entry may hold several. A Command
// without Data stands for one of the log's own entries and only advances the applied index.
type Command struct {
	Index, Term uint64
	Time        time.Time // the casino's time, which the leader stamped on the entry; zero without Data
	Data        []byte
}

// Entry is a committed entry of the log, as the machine gets it.
type Entry struct {
	Index, Term uint64
	Data        []byte // commands in the form of command.Pack; empty for the log's own entries
}

// Commands returns what the machine applies of the entry: its commands, in order, or one without Data that only advances the
// applied index. They may share the entry's memory.
func (e Entry) Commands() ([]Command, error) { return e.AppendCommands(nil) }

// AppendCommands appends the entry's commands to a list; see Commands.
func (e Entry) AppendCommands(list []Command) ([]Command, error) {
	if len(e.Data) == 0 {
		return append(list, Command{Index: e.Index, Term: e.Term}), nil
	}
	at, commands, err := command.Unpack(e.Data)
	if err != nil {
		return list, fmt.Errorf("log entry %d: %w", e.Index, err)
	}
	for _, data := range commands {
		list = append(list, Command{Index: e.Index, Term: e.Term, Time: at, Data: data})
	}
	return list, nil
}

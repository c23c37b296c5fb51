package storage

import (
	"fmt"

	"imperio/storage/command"
)

// Entry is a committed entry of the log, as the machine gets it.
type Entry struct {
	Index, Term uint64
	Data        []byte // packed commands (command.Pack); empty for the log's own entries
}

// Commands returns what Apply takes of the entry: each of its commands, or only its index.
func (e Entry) Commands() ([]Command, error) {
	if len(e.Data) == 0 {
		return []Command{{Index: e.Index, Term: e.Term}}, nil
	}
	at, packed, err := command.Unpack(e.Data)
	if err != nil {
		return nil, fmt.Errorf("log entry %d: %w", e.Index, err)
	}
	commands := make([]Command, len(packed))
	for i, data := range packed {
		commands[i] = Command{Index: e.Index, Term: e.Term, Time: at, Data: data}
	}
	return commands, nil
}

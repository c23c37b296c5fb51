package command

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Pack makes one entry of the log from encoded commands, which are applied in order. A single command is an entry by
// itself; several become a CBOR array of byte strings. Each entry costs a place in raft's queues, a key in the log and a
// commit. Packing pays that once for all bets that arrived during the sync before.
func Pack(commands [][]byte) ([]byte, error) {
	if len(commands) == 1 {
		return commands[0], nil
	}
	data, err := encMode.Marshal(commands)
	if err != nil {
		return nil, fmt.Errorf("pack %d commands: %w", len(commands), err)
	}
	return data, nil
}

// Unpack returns the encoded commands of an entry; an entry without data has none. They may share the entry's memory.
func Unpack(entry []byte) ([][]byte, error) {
	const majorType, array = 0xe0, 0x80 // of the first byte; a command is a map
	switch {
	case len(entry) == 0:
		return nil, nil
	case entry[0]&majorType != array:
		return [][]byte{entry}, nil
	}
	var parts []cbor.RawMessage // each a byte string, not copied yet
	if err := decMode.Unmarshal(entry, &parts); err != nil {
		return nil, fmt.Errorf("unpack commands: %w", err)
	}
	if len(parts) < 2 {
		return nil, fmt.Errorf("unpack commands: a pack of %d", len(parts))
	}
	commands := make([][]byte, len(parts))
	for i, p := range parts {
		if err := decMode.Unmarshal(p, &commands[i]); err != nil {
			return nil, fmt.Errorf("unpack command %d of %d: %w", i+1, len(parts), err)
		}
	}
	return commands, nil
}

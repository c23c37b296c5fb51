package command

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Pack makes one entry of the log: the casino's time, stamped by the leader, and encoded commands that are carried out in
// order. All bets that came in while the previous entry was being synced share the cost of one entry: a place in raft's
// queues, a record in the log, a sync.
func Pack(at time.Time, commands [][]byte) ([]byte, error) {
	data, err := encMode.Marshal(struct {
		_        struct{} `cbor:",toarray"`
		Time     int64    // Unix milliseconds
		Commands [][]byte
	}{Time: at.UnixMilli(), Commands: commands})
	if err != nil {
		return nil, fmt.Errorf("pack %d commands: %w", len(commands), err)
	}
	return data, nil
}

// Unpack returns the time and the encoded commands of an entry; no commands for an entry without data. The commands may
// share the entry's memory. An entry with more parts than these two gives a NewerError.
func Unpack(entry []byte) (at time.Time, commands [][]byte, err error) {
	if len(entry) == 0 {
		return time.Time{}, nil, nil
	}
	var pack struct {
		_        struct{} `cbor:",toarray"`
		Time     int64
		Commands []cbor.RawMessage // each a byte string, not copied yet
	}
	if err := decMode.Unmarshal(entry, &pack); err != nil {
		var parts []cbor.RawMessage
		if decMode.Unmarshal(entry, &parts) == nil && len(parts) > 2 {
			return time.Time{}, nil, &NewerError{What: "the log holds an entry with a part that this program does not know"}
		}
		return time.Time{}, nil, fmt.Errorf("unpack commands: %w", err)
	}
	if pack.Time < 0 || pack.Time > ForEver.UnixMilli() {
		return time.Time{}, nil, fmt.Errorf("unpack commands: the time is %d ms", pack.Time)
	}
	if len(pack.Commands) == 0 {
		return time.Time{}, nil, fmt.Errorf("unpack commands: the entry holds none")
	}
	commands = make([][]byte, len(pack.Commands))
	for i, p := range pack.Commands {
		if err := decMode.Unmarshal(p, &commands[i]); err != nil {
			return time.Time{}, nil, fmt.Errorf("unpack command %d of %d: %w", i+1, len(commands), err)
		}
	}
	return time.UnixMilli(pack.Time).UTC(), commands, nil
}

package storagetest

import (
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"

	"imperio/storage/command"
	"imperio/storage/engine"
)

// The records of state.db, encoded from the description of the format and not by the machine's own code: for tests that
// read or forge them.

var encMode, _ = cbor.CoreDetEncOptions().EncMode()

// Encode is a record as it is stored, without its seal.
func Encode(record any) ([]byte, error) { return encMode.Marshal(record) }

// Decode reads a stored record.
func Decode(data []byte, record any) error { return cbor.Unmarshal(data, record) }

// AccountKey is the key of an account's records.
func AccountKey(id command.AccountID) []byte { return number(uint64(id)) }

// EventKey is the key of an event.
func EventKey(seq uint64) []byte { return number(seq) }

// RoundKey is the key of a round's records.
func RoundKey(id command.RoundID) []byte { return number(uint64(id)) }

// PairKey is the key of a revealed seed pair.
func PairKey(id command.AccountID, pair uint32) []byte {
	return binary.BigEndian.AppendUint32(AccountKey(id), pair)
}

// ImportKey is the key of the record of a row of another casino's database. Negative rows sort before the others.
func ImportKey(source string, row int64) []byte {
	return append(append([]byte(source), 0), number(uint64(row)+1<<63)...)
}

// Format is the sealed record of a format version, which state.db holds in the table "meta" under "format".
func Format(version uint32) []byte {
	return engine.Seal("meta", []byte("format"), binary.BigEndian.AppendUint32(nil, version))
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

package engine

import (
	"encoding/binary"
	"hash/crc32"
)

// Table declares one table of the state. Code refers to it by its index in Schema.Tables; in the file it has its name.
type Table struct {
	Name string
	// Appended says that new keys are always the highest, so that pages can be filled completely.
	Appended bool
	// Numbers returns the first and last key of a numbered table, given the owner's record. Its keys are all numbers from
	// first to last, eight bytes big-endian, without a gap. nil: the table is not numbered.
	Numbers func(record []byte) (first, last uint64, err error)
	// Oldest returns the key below which records have outlived their use, given the owner's record. Checkpoints drop them
	// from the front of the table, without a search, and Hash leaves them out. nil: records never outlive their use.
	Oldest func(record []byte) ([]byte, error)
	// Check checks one record against those that it refers to. The patrol calls it for each. nil: nothing to check.
	Check func(r *Reader, key, value []byte) error
}

// Schema is what the owner of a state declares. It is the same for all files of the owner.
type Schema struct {
	Tables []Table
	// Format is the version of the file's format that this build writes, from 1.
	Format int
	// Migrations are the steps from each released format version to the next, by the version they start from.
	Migrations map[int]Migration
}

// number is the index of a table in the schema, -1 if there is no such table.
func (s *Schema) number(name string) int {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return i
		}
	}
	return -1
}

// The engine's own table, beside those of the schema.
const metaTable = "meta"

var (
	formatKey  = []byte("format")  // the format version, four bytes
	ownerKey   = []byte("owner")   // Options.Owner
	appliedKey = []byte("applied") // index and term of the newest change, eight bytes each
	recordKey  = []byte("record")  // the owner's record
	digestKey  = []byte("digest")  // the digest of all changes, eight bytes; see digest.go
)

// Every value in the file ends with the CRC-32C of its table's name, its key and its content, since bbolt's pages have no
// checksums.

const sumSize = 4

// Castagnoli is the polynomial of all checksums in the data directory.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(table string, key, content []byte) uint32 {
	sum := crc32.Update(0, Castagnoli, []byte(table))
	sum = crc32.Update(sum, Castagnoli, key)
	return crc32.Update(sum, Castagnoli, content)
}

// Seal returns a value as it is stored in the file: the content and its checksum.
func Seal(table string, key, content []byte) []byte {
	out := make([]byte, len(content), len(content)+sumSize)
	copy(out, content)
	return binary.BigEndian.AppendUint32(out, checksum(table, key, content))
}

// Unseal returns the content of a sealed value. ok is false if the checksum is wrong. The content shares the value's memory.
func Unseal(table string, key, sealed []byte) (content []byte, ok bool) {
	n := len(sealed) - sumSize
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(table, key, sealed[:n]) {
		return nil, false
	}
	return sealed[:n:n], true
}

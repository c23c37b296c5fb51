package engine

import (
	"encoding/binary"
	"hash/crc32"
)

// Table declares one table of the state. Its users know it by its place in Schema.Tables; the file knows it by name.
type Table struct {
	Name string
	// Appended says that keys only ever grow, so that pages are filled to the brim.
	Appended bool
	// Numbers are the first and the last key of a table whose keys are the numbers between the two, eight bytes big-endian
	// and without a gap, given the owner's record. nil: the keys are not numbered.
	Numbers func(record []byte) (first, last uint64, err error)
	// Oldest is the key below which records have outlived their use, given the owner's record. They are dropped at
	// checkpoints, from the front of the table, without ever being searched for, and are no part of Hash. nil: none do.
	Oldest func(record []byte) ([]byte, error)
	// Check holds one record against those that it leads to. The patrol calls it for each. nil: nothing to check.
	Check func(r *Reader, key, value []byte) error
}

// Schema is what the owner of a state declares: the same for each of its files.
type Schema struct {
	Tables []Table
	// Format is the version of the file's format that this build writes, from 1.
	Format int
	// Migrations are the steps from each released format version to the next, by the version they start from.
	Migrations map[int]Migration
}

// number is the place of a table in the schema, -1 if it has no such table.
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
)

// A value in the file ends with the CRC-32C of its table's name, its key and its content: bbolt's pages have no
// checksum.

const sumSize = 4

// Castagnoli is the polynomial of all checksums in the data directory.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(table string, key, content []byte) uint32 {
	sum := crc32.Update(0, Castagnoli, []byte(table))
	sum = crc32.Update(sum, Castagnoli, key)
	return crc32.Update(sum, Castagnoli, content)
}

// Seal is a value as it stands in the file: the content and its checksum.
func Seal(table string, key, content []byte) []byte {
	out := make([]byte, len(content), len(content)+sumSize)
	copy(out, content)
	return binary.BigEndian.AppendUint32(out, checksum(table, key, content))
}

// Unseal is the content of a sealed value. ok is false if its checksum fails. The content shares the value's memory.
func Unseal(table string, key, sealed []byte) (content []byte, ok bool) {
	n := len(sealed) - sumSize
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(table, key, sealed[:n]) {
		return nil, false
	}
	return sealed[:n:n], true
}

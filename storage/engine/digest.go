package engine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// The digest is a number that follows from every change since the state was created, in order: what was done, to which table,
// key and value. It is kept with the head. So two states of the same log have the same digest, whatever updates and
// checkpoints the changes came in. If one of them ever differed in a change, their digests differ from then on. It protects
// from faults of machines and programs, not from people: xxHash is quick and has no key.
//
// What checkpoints drop is not part of it, since the moment at which they do differs.

const (
	changePut    = 1
	changeDelete = 2
)

// note adds a change to the digest. Tables count by their names, so that a program with more tables gets the same.
func (h *head) note(change byte, table string, key, value []byte) {
	var lengths [6]byte
	lengths[0], lengths[1] = change, byte(len(table))
	binary.BigEndian.PutUint32(lengths[2:], uint32(len(key)))
	var d xxhash.Digest
	d.ResetWithSeed(h.digest)
	// Writes to a hash return no errors.
	d.Write(lengths[:])
	d.WriteString(table)
	d.Write(key)
	d.Write(value)
	h.digest = d.Sum64()
}

// digestWith is the digest with a record that belongs to the changes.
func (h *head) digestWith(record []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(h.digest)
	d.Write(record)
	return d.Sum64()
}

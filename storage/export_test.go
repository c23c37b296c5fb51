package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// ContentHash is the hash of all tables but the machine's own record, without what has outlived its use at a time.
func ContentHash(s *Store, now time.Time) (sum [32]byte, machine MachineRecord, err error) {
	h := sha256.New()
	err = s.read(func(r *reader) (err error) {
		machine = s.head
		for b := bAccounts; b < bucketCount && err == nil; b++ {
			var from []byte
			if b == bThrottle {
				from = generationKey(generation(now.UnixMilli(), throttlePeriod) - 1)
			}
			err = r.each(b, from, func(k, v []byte) error {
				h.Write([]byte{byte(b), byte(len(k)), byte(len(v)), byte(len(v) >> 8)})
				h.Write(k)
				h.Write(v)
				return nil
			})
		}
		return err
	})
	return [32]byte(h.Sum(nil)), machine, err
}

// The records and keys that are only known inside, for golden vectors.
type (
	LimitsRecord  = limitsRecord
	SessionRecord = sessionRecord
	SessionRef    = sessionRef
	ValueRecord   = valueRecord
	LockRecord    = lockRecord
)

var (
	Encode        = encode
	AccountKey    = accountKey
	EventKey      = eventKey
	RoundKey      = roundKey
	PairKey       = pairKey
	GenerationKey = generationKey
	ChainHash     = chainHash
)

// Decode reads a record.
func Decode(data []byte, v any) error { return decMode.Unmarshal(data, v) }

// Tables are the names of the tables, in the order of the numbers that checksums begin with.
func Tables() []string { return bucketNames[:] }

// Seal is a value as it stands in a table.
func Seal(table string, key, content []byte) []byte {
	return seal(bucket(slices.Index(bucketNames[:], table)), key, content)
}

// Migrate brings a file up by steps of the test's own.
func Migrate(db *bbolt.DB, steps map[int]func(*bbolt.Tx) error, to int) error {
	m := make(map[int]migration)
	for from, step := range steps {
		m[from] = step
	}
	return migrate(db, m, to)
}

// SetFormat writes another format version into a file.
func SetFormat(tx *bbolt.Tx, version uint32) error {
	return tx.Bucket([]byte("meta")).Put(formatKey, seal(bMeta, formatKey, binary.BigEndian.AppendUint32(nil, version)))
}

// Format reads the format version of a file.
func Format(tx *bbolt.Tx) (int, error) {
	return formatOf("file", tx.Bucket([]byte("meta")).Get(formatKey))
}

// Freeze moves the live layer to where a checkpoint that is being written has it, and gives back what ends that.
func Freeze(s *Store) (thaw func()) {
	s.writing.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen, s.live = s.live, newLayer()
	return func() {
		s.mu.Lock()
		newer := s.live
		s.live, s.frozen = s.frozen, nil
		for b := range newer.changes {
			for k, v := range newer.changes[b] {
				s.live.put(bucket(b), []byte(k), v)
			}
		}
		s.mu.Unlock()
		s.writing.Unlock()
	}
}

// StallCheckpoints holds checkpoints back until release is called.
func StallCheckpoints(s *Store) (release func()) {
	s.writing.Lock()
	return s.writing.Unlock
}

// Put changes a record in memory as a command does.
func Put(s *Store, table string, key, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live.put(bucket(slices.Index(bucketNames[:], table)), key, value)
}

// Each visits a table's records, merged from memory and file.
func Each(s *Store, table string, from []byte, fn func(k, v []byte) error) error {
	return s.read(func(r *reader) error { return r.each(bucket(slices.Index(bucketNames[:], table)), from, fn) })
}

// Get reads one record, from memory or file.
func Get(s *Store, table string, key []byte) (v []byte, err error) {
	err = s.read(func(r *reader) (err error) {
		v, err = r.get(bucket(slices.Index(bucketNames[:], table)), key)
		return err
	})
	return v, err
}

// CountInFile counts the records of a table in state.db alone.
func CountInFile(s *Store, table string) (n int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(table)).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	return n, err
}

package storage

import (
	"crypto/sha256"
	"slices"
	"time"
)

// ContentHash is the hash of all tables but the machine's own record, without what has outlived its use at a time.
func ContentHash(s *Store, now time.Time) (sum [32]byte, machine MachineRecord, err error) {
	h := sha256.New()
	err = s.read(func(r *reader) (err error) {
		machine = s.head
		for b := bAccounts; b < bucketCount && err == nil; b++ {
			var from []byte
			switch b {
			case bIdempotency:
				from = generationKey(generation(now.UnixMilli(), idempotencyPeriod) - 1)
			case bThrottle:
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

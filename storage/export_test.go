package storage

import (
	"crypto/sha256"
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

package storage

import "sync"

// Digest is a digest of all changes of the state up to an entry of the log, and of the machine's record after it. Members
// that have applied the same log have equal digests at equal indexes. A difference means that one of them is damaged, or
// that their programs don't agree.
type Digest struct {
	Index uint64 // of the entry
	Sum   uint64
}

// A digest is sampled after each entry that crosses a multiple of digestEvery. So all members sample after the same
// entries, whatever batches these come in.
const (
	digestEvery = 64
	digestsKept = 64 // the newest samples
)

// digests are the newest samples.
type digests struct {
	mu     sync.Mutex
	newest []Digest // oldest first
}

// isSampled says whether a digest is sampled after an entry, given the index of the one that was applied before it.
func isSampled(index, before uint64) bool { return index/digestEvery > before/digestEvery }

func (d *digests) add(samples []Digest) {
	if len(samples) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest = append(d.newest, samples...)
	if more := len(d.newest) - digestsKept; more > 0 {
		d.newest = append(d.newest[:0], d.newest[more:]...)
	}
}

func (d *digests) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest = nil
}

// Digests returns the newest samples of the digest, up to 64, oldest first. Samples from before the start, or from before
// Replace, are not kept.
func (s *Store) Digests() []Digest {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	return append([]Digest(nil), s.digests.newest...)
}

package edge

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// shards is the number of parts of a table, each with its own lock, so that clients seldom wait for each other.
const shards = 64

// evictionLook is how many of the least recently used buckets eviction considers.
const evictionLook = 8

// bucketKey identifies who is counted: an address, or an account's id.
type bucketKey [16]byte

// buckets are the token buckets of one zone, one per client, in bounded memory. In a full shard, a new client evicts the
// fullest of the least recently used buckets. A full bucket is worth no more than a new one, so nothing is lost until new
// addresses come faster than buckets refill. A client that has used up its bucket is remembered longest.
// Safe for concurrent use.
type buckets struct {
	limit  rate.Limit
	burst  int
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	index   map[bucketKey]int32 // position in entries
	entries []bucket            // grows to max, then is reused
	newest  int32               // the ends of the list in order of use; -1: empty
	oldest  int32
	max     int
	_       [24]byte // keeps the locks of neighbours off one cache line
}

type bucket struct {
	limiter      *rate.Limiter
	key          bucketKey
	newer, older int32
}

func newBuckets(limit rate.Limit, burst, most int) *buckets {
	b := &buckets{limit: limit, burst: burst, seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i] = shard{index: make(map[bucketKey]int32), newest: -1, oldest: -1, max: most / shards}
	}
	return b
}

func (b *buckets) shardOf(key bucketKey) *shard {
	return &b.shards[maphash.Comparable(b.seed, key)%shards]
}

// take counts n requests of a client; -1 takes one back. tokens is what then remains in the bucket.
func (b *buckets) take(key bucketKey, now time.Time, n int) (allowed bool, tokens float64) {
	s := b.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := s.index[key]
	if !known {
		i = s.place(now, float64(b.burst))
		s.entries[i].key, s.entries[i].limiter = key, rate.NewLimiter(b.limit, b.burst)
		s.index[key] = i
	}
	s.touch(i)
	limiter := s.entries[i].limiter
	allowed = limiter.AllowN(now, n)
	return allowed, limiter.TokensAt(now)
}

// place returns a free entry: a new one at the newest end of the list, or that of an evicted client.
func (s *shard) place(now time.Time, full float64) int32 {
	if len(s.entries) < s.max {
		i := int32(len(s.entries))
		s.entries = append(s.entries, bucket{newer: -1, older: -1})
		s.link(i)
		return i
	}
	victim, most := s.oldest, -1.0
	for i, looked := s.oldest, 0; i >= 0 && looked < evictionLook; i, looked = s.entries[i].newer, looked+1 {
		tokens := s.entries[i].limiter.TokensAt(now)
		if tokens > most {
			victim, most = i, tokens
		}
		if tokens >= full {
			break
		}
	}
	delete(s.index, s.entries[victim].key)
	return victim
}

// touch moves an entry to the newest end.
func (s *shard) touch(i int32) {
	if s.newest == i {
		return
	}
	e := &s.entries[i]
	if e.newer >= 0 {
		s.entries[e.newer].older = e.older
	}
	if e.older >= 0 {
		s.entries[e.older].newer = e.newer
	}
	if s.oldest == i {
		s.oldest = e.newer
	}
	s.link(i)
}

// link adds an unlinked entry at the newest end.
func (s *shard) link(i int32) {
	e := &s.entries[i]
	e.newer, e.older = -1, s.newest
	if s.newest >= 0 {
		s.entries[s.newest].newer = i
	}
	s.newest = i
	if s.oldest < 0 {
		s.oldest = i
	}
}

// len is the number of clients that are remembered.
func (b *buckets) len() int {
	n := 0
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		n += len(s.index)
		s.mu.Unlock()
	}
	return n
}

package storage

import (
	"context"
	"sync"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// feed passes the events that Apply leaves to any number of followers, in order. It never waits for a follower. It keeps
// the newest events, and tells a follower that falls behind how many it has missed.
//
// It leaves out the accounts of an import, of which there may be a million: nobody can be signed in to them yet, and they would
// push out the news of those who play. The event that ends each batch is passed on.
type feed struct {
	mu   sync.Mutex
	ring [feedSize]command.Event // the n-th event since the start at n % feedSize
	next uint64                  // place of the next event
	lost uint64                  // places below it can't be read: another state has taken the place of theirs
	more chan struct{}           // closed when more events arrive; nil while nobody waits
}

// feedSize is how many events a follower may lag behind: a fifth of a second of play at full speed.
const feedSize = 4096

// add passes new events on.
func (f *feed) add(events []*machine.Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		if e.Kind == machine.AccountImported {
			continue
		}
		f.ring[f.next%feedSize] = e.Tell()
		f.next++
	}
	f.wake()
}

// lose tells all followers that they have missed some events, beside those that they have not read yet.
func (f *feed) lose(events uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next += events
	f.lost = f.next
	f.wake()
}

// wake wakes all followers that wait. The caller holds mu.
func (f *feed) wake() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// Follower reads the feed. It is for one goroutine.
type Follower struct {
	feed *feed
	next uint64 // place of the next event to read
}

// Follow follows the events of the history, beginning with the next one, without those of kind account_imported.
func (s *Store) Follow() *Follower {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return &Follower{feed: &s.feed, next: s.feed.next}
}

// Next waits for events that it has not returned yet, and returns them in order. missed is how many events before them were
// dropped, because the caller was too slow or because Replace put another state in the place of this one. Then there may be
// no events at all. The caller must read the state again, since what it built from earlier events is out of date. The error
// is that of ctx.
func (f *Follower) Next(ctx context.Context) (events []command.Event, missed uint64, err error) {
	for {
		f.feed.mu.Lock()
		if f.next < f.feed.next {
			if oldest := max(f.feed.lost, f.feed.next-min(f.feed.next, feedSize)); f.next < oldest {
				missed, f.next = oldest-f.next, oldest
			}
			for ; f.next < f.feed.next; f.next++ {
				events = append(events, f.feed.ring[f.next%feedSize])
			}
			f.feed.mu.Unlock()
			return events, missed, nil
		}
		if f.feed.more == nil {
			f.feed.more = make(chan struct{})
		}
		more := f.feed.more
		f.feed.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

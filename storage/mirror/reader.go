package mirror

import (
	"context"
	"errors"
	"math/bits"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
)

// reader makes batches of the history. Each is read from a snapshot of its own, which lives for a moment: a long one would
// make the casino's file grow.
type reader struct {
	source  Source
	most    int // events in a batch
	bytes   int // in a batch
	next    position
	touched accountSet
	tables  *tables
	lineage string // of the history, as of the last snapshot
	sizes   [3]int // of the last batch: the next one is about as large
}

const (
	// batchAccounts is the most accounts in a batch.
	batchAccounts = 10_000
)

// errEnough ends a visit of the history.
var errEnough = errors.New("enough")

// read makes the next batch; nil if there is nothing to write.
func (r *reader) read(ctx context.Context) (b *batch, err error) {
	snap, err := r.source.LastSnapshot()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	head := snap.Machine()
	r.lineage = head.Lineage
	if head.Events < r.next.event || head.Events == r.next.event && r.touched.empty() {
		return nil, nil
	}
	if r.tables == nil {
		r.tables = newTables(snap.Games())
	}
	b = newBatch(r.next)
	rows := [...]*copyRows{&b.eventRows, &b.transferRows, &b.roundRows}
	for i, c := range rows {
		c.data = make([]byte, 0, r.sizes[i]+r.sizes[i]/16)
	}
	b.lineage = head.Lineage
	if head.Events > r.next.event {
		err = snap.Events(r.next.event+1, func(e *machine.StoredEvent) error {
			if err := r.tables.add(b, e); err != nil {
				return err
			}
			r.touched.add(e.Account)
			if b.events == uint64(r.most) || b.size() > r.bytes {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	// Accounts are read where the batch ends with the snapshot: then they are as they were after its last event.
	if b.to.event == head.Events {
		if err := r.accounts(snap, b); err != nil {
			return nil, err
		}
	}
	if err := r.tables.end(b); err != nil {
		return nil, err
	}
	if b.complete {
		b.to.accounts = b.to.event
	}
	for i, c := range rows {
		r.sizes[i] = len(c.data)
	}
	r.next = b.to
	return b, ctx.Err()
}

// accounts reads some of the accounts that were touched.
func (r *reader) accounts(snap *storage.Snapshot, b *batch) error {
	return snap.Read(func(records *machine.Reader) error {
		for len(b.accounts) < batchAccounts {
			id, ok := r.touched.take()
			if !ok {
				break
			}
			a, ok, err := records.Account(id)
			if err != nil {
				return err
			}
			if ok {
				b.accounts = append(b.accounts, a)
			}
		}
		b.complete = r.touched.empty()
		return nil
	})
}

// rereadMost is how many events are read again after a start, to find the accounts that were touched. Where there were more, all
// accounts are written.
var rereadMost uint64 = 1_000_000

// resume finds the accounts that must be written again, after a start or a failure.
func (r *reader) resume(ctx context.Context, at position) (err error) {
	r.next = at
	r.touched = accountSet{}
	if at.accounts == at.event {
		return nil
	}
	snap, err := r.source.LastSnapshot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	if at.event-at.accounts > rereadMost {
		r.touched.addAll(snap.Machine().NextAccount)
		return nil
	}
	err = snap.Events(at.accounts+1, func(e *machine.StoredEvent) error {
		if e.Seq > at.event {
			return errEnough
		}
		r.touched.add(e.Account)
		return ctx.Err()
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// accountSet is a set of accounts: a bit for each that the casino has.
type accountSet struct {
	words []uint64
	count int
	from  int // no word before it has a bit
}

func (s *accountSet) empty() bool { return s.count == 0 }

func (s *accountSet) add(id command.AccountID) {
	if id < command.FirstAccountID {
		return
	}
	n := uint64(id - command.FirstAccountID)
	word := int(n / 64)
	if word >= len(s.words) {
		s.words = append(s.words, make([]uint64, word+1-len(s.words))...)
	}
	bit := uint64(1) << (n % 64)
	if s.words[word]&bit == 0 {
		s.words[word] |= bit
		s.count++
		s.from = min(s.from, word)
	}
}

// addAll adds all accounts below next.
func (s *accountSet) addAll(next command.AccountID) {
	for id := command.FirstAccountID; id < next; id++ {
		s.add(id)
	}
}

// take removes the lowest account; ok is false if there is none.
func (s *accountSet) take() (id command.AccountID, ok bool) {
	for ; s.from < len(s.words); s.from++ {
		if w := s.words[s.from]; w != 0 {
			bit := bits.TrailingZeros64(w)
			s.words[s.from] &= w - 1
			s.count--
			return command.FirstAccountID + command.AccountID(s.from*64+bit), true
		}
	}
	s.from = 0
	return 0, false
}

// position is how far the mirror is.
type position struct {
	event    uint64
	hash     [32]byte
	time     time.Time // of the event; zero before the first
	accounts uint64    // the event after which the accounts stand so
}

package storage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"imperio/storage/command"
)

// Snapshot is the state at one moment, for reading at length: commands go on being applied beside it. It must be
// closed. It is not safe for concurrent use.
type Snapshot struct {
	r     reader
	head  MachineRecord
	store *Store
}

// Snapshot fixes the state: of a store that is written, its newest checkpoint, made now; of one that is open for
// reading only, what was applied so far (nothing may be applied while the snapshot is open).
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	if !s.opts.ReadOnly {
		if _, err := s.Checkpoint(ctx); err != nil {
			return nil, err
		}
	}
	return s.LastSnapshot()
}

// LastSnapshot is Snapshot without the wait for a disk: of a store that is written, its newest checkpoint so far.
func (s *Store) LastSnapshot() (*Snapshot, error) {
	snap := &Snapshot{r: reader{live: newLayer(), file: s.path}, store: s}
	snap.r.head = &snap.head
	if s.opts.ReadOnly {
		snap.r.live, snap.head = s.live, s.head
	}
	err := snap.guard(func() (err error) {
		if snap.r.tx, err = s.db.Begin(false); err != nil || s.opts.ReadOnly {
			return err
		}
		head, ok, err := load[MachineRecord](&snap.r, bMeta, machineKey)
		if err == nil && !ok {
			err = &DamageError{File: s.path, What: "the machine's record is missing"}
		}
		snap.head = head
		return err
	})
	if err != nil {
		if snap.r.tx != nil {
			err = errors.Join(err, snap.r.tx.Rollback())
		}
		return nil, err
	}
	return snap, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() error { return s.r.tx.Rollback() }

// Machine is what the machine knows about itself.
func (s *Snapshot) Machine() MachineRecord { return s.head }

// StoredEvent is an event with the bytes that it is stored as.
type StoredEvent struct {
	Event
	Hash [32]byte // of the stored bytes: what the next event carries
}

// Events visits the history in order, from the event from (1 is the first) on.
func (s *Snapshot) Events(from uint64, fn func(*StoredEvent) error) error {
	return s.each(bHistory, eventKey(from), func(k, data []byte) error {
		var e StoredEvent
		if err := s.decode(bHistory, k, data, &e.Event); err != nil {
			return err
		}
		if e.Seq != eventNumber(k) {
			return &DamageError{File: s.r.file, What: fmt.Sprintf("event %d is stored as number %d", e.Seq, eventNumber(k))}
		}
		e.Hash = chainHash(data)
		return fn(&e)
	})
}

// Wallets visits all wallets by rising account.
func (s *Snapshot) Wallets(fn func(command.AccountID, *WalletRecord) error) error {
	return s.each(bWallets, nil, func(k, data []byte) error {
		var w WalletRecord
		if err := s.decode(bWallets, k, data, &w); err != nil {
			return err
		}
		return fn(command.AccountID(binary.BigEndian.Uint64(k)), &w)
	})
}

// Accounts visits all accounts by rising id, and tells of each whether its names lead back to it.
func (s *Snapshot) Accounts(fn func(id command.AccountID, a *AccountRecord, found bool) error) error {
	return s.each(bAccounts, nil, func(k, data []byte) error {
		var a AccountRecord
		if err := s.decode(bAccounts, k, data, &a); err != nil {
			return err
		}
		id := command.AccountID(binary.BigEndian.Uint64(k))
		by, found, err := s.r.accountByName(a.UsernameKey)
		found = found && by == id
		if err == nil && found && a.EmailKey != "" {
			by, found, err = s.r.accountByName(a.EmailKey)
			found = found && by == id
		}
		if err != nil {
			return err
		}
		return fn(id, &a, found)
	})
}

// Seeds are an account's active and next seeds.
func (s *Snapshot) Seeds(id command.AccountID) (SeedsRecord, bool, error) {
	return loadGuarded[SeedsRecord](s, bSeeds, accountKey(id))
}

// Pair is a revealed seed pair of an account.
func (s *Snapshot) Pair(id command.AccountID, pair uint32) (PairRecord, bool, error) {
	return loadGuarded[PairRecord](s, bPairs, pairKey(id, pair))
}

// OpenRounds visits the open rounds, oldest first, with the number that each is kept under.
func (s *Snapshot) OpenRounds(fn func(command.RoundID, *OpenRoundRecord) error) error {
	return s.each(bOpenRounds, nil, func(k, data []byte) error {
		var o OpenRoundRecord
		if err := s.decode(bOpenRounds, k, data, &o); err != nil {
			return err
		}
		return fn(command.RoundID(binary.BigEndian.Uint64(k)), &o)
	})
}

// Settlement is the event that settled a round, where that is not the one that opened it; 0 if there is none.
func (s *Snapshot) Settlement(round command.RoundID) (event uint64, err error) {
	err = s.guard(func() error {
		v, err := s.r.get(bSettlements, roundKey(round))
		if len(v) == 8 {
			event = binary.BigEndian.Uint64(v)
		}
		return err
	})
	return event, err
}

// CountSessions counts the sessions.
func (s *Snapshot) CountSessions() (uint64, error) { return s.count(bSessions) }

// CountPairs counts the revealed seed pairs of all accounts.
func (s *Snapshot) CountPairs() (uint64, error) { return s.count(bPairs) }

// CountSettlements counts the rounds that another event settled than the one that opened them.
func (s *Snapshot) CountSettlements() (uint64, error) { return s.count(bSettlements) }

func (s *Snapshot) count(b bucket) (n uint64, err error) {
	err = s.each(b, nil, func(_, _ []byte) error { n++; return nil })
	return n, err
}

// VerifyRecords reads every record, so that each one's checksum is checked. It ends early with the context's error.
func (s *Snapshot) VerifyRecords(ctx context.Context) (records uint64, err error) {
	for b := bucket(0); b < bucketCount; b++ {
		if err := s.each(b, nil, func(k, v []byte) error {
			records++
			return ctx.Err()
		}); err != nil {
			return records, err
		}
	}
	return records, nil
}

// Hash is the SHA-256 of the whole state in the order of its tables and keys. Two machines that applied the same log
// have the same. Records that have outlived their use are left out: when they are dropped is no part of the state.
func (s *Snapshot) Hash() (sum [32]byte, err error) {
	h := sha256.New()
	number := make([]byte, 8)
	part := func(p []byte) {
		h.Write(binary.BigEndian.AppendUint64(number[:0], uint64(len(p))))
		h.Write(p)
	}
	data, err := encode(&s.head)
	if err != nil {
		return sum, err
	}
	part(data)
	for b := bAccounts; b < bucketCount; b++ {
		part([]byte(bucketNames[b]))
		var from []byte
		if b == bThrottle {
			gen := generation(s.head.Time, throttlePeriod)
			from = generationKey(gen - min(gen, 1))
		}
		if err := s.each(b, from, func(k, v []byte) error {
			part(k)
			part(v)
			return nil
		}); err != nil {
			return sum, err
		}
	}
	return [32]byte(h.Sum(nil)), nil
}

// Each of these reads under guard, since a snapshot may be of a damaged file.

func (s *Snapshot) guard(fn func() error) error { return s.store.distrust(guard(s.r.file, fn)) }

func (s *Snapshot) each(b bucket, from []byte, fn func(k, v []byte) error) error {
	return s.guard(func() error { return s.r.each(b, from, fn) })
}

func loadGuarded[T any](s *Snapshot, b bucket, key []byte) (v T, ok bool, err error) {
	err = s.guard(func() (err error) {
		v, ok, err = load[T](&s.r, b, key)
		return err
	})
	return v, ok, err
}

func (s *Snapshot) decode(b bucket, key, data []byte, v any) error {
	if err := decMode.Unmarshal(data, v); err != nil {
		return &DamageError{File: s.r.file, What: fmt.Sprintf("the record %x of the table %s can't be read", key, bucketNames[b]), Err: err}
	}
	return nil
}

package logstore

import (
	"fmt"
	"slices"
)

// DeleteRange removes the entries from low to high. They must be at the beginning or the end of the log, or all of it: a
// hole in the middle is refused. Entries above the last checkpoint (Options.MayCut) are never cut from the beginning.
// Entries that the checkpoint includes are never removed from the end alone, as if they were in conflict.
//
// A cut from the beginning that leaves something leaves the entries above Options.Hold, too, as long as the log takes up at
// most Options.HoldBytes. In a larger log nothing is held back. It also leaves those above Options.Keep. None of this is an
// error: a later cut takes them.
//
// After SaveInstalled all of the log may be removed at once, whatever the checkpoint holds.
func (s *Store) DeleteRange(low, high uint64) error {
	unneeded, err := s.deleteRange(low, high)
	for _, g := range unneeded { // without the lock: no append waits for the file system
		s.remove(g)
	}
	return err
}

// deleteRange is DeleteRange. It returns the segments that are to be removed.
func (s *Store) deleteRange(low, high uint64) (unneeded []*segment, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readOnly {
		return nil, s.refuseChange()
	}
	first, last := s.bounds()
	if last == 0 || low > high || high < first || low > last {
		return nil, nil // nothing of it is there
	}
	low, high = max(low, first), min(high, last)
	if low > first && high < last {
		return nil, fmt.Errorf("remove entries %d to %d: that would leave a hole in a log from %d to %d", low, high, first, last)
	}
	if s.mayCut != nil {
		held := s.mayCut()
		switch conflict := high == last && low > held; {
		case conflict: // entries that were never committed; another leader has replaced them
		case low == first && high == last && s.rec.replaces(first): // the state came from another member
		case high > held && low == first:
			return nil, fmt.Errorf("cut the log up to entry %d: the last checkpoint holds the state only up to %d", high, held)
		case low > first:
			return nil, fmt.Errorf("remove entries %d to %d: the last checkpoint holds the state up to %d already", low, high, held)
		}
	}
	if high < last {
		if high = s.cutUpTo(high); high >= first {
			s.setBounds(high+1, last)
		}
		return s.recycle(), nil
	}
	if err := s.change(0, func() error { return s.shorten(low, first) }); err != nil {
		return nil, fmt.Errorf("remove entries %d to %d: %w", low, high, err)
	}
	return s.recycle(), nil
}

// cutUpTo is how far a cut up to an entry goes, with regard to what is held back. Called with mu held.
func (s *Store) cutUpTo(high uint64) uint64 {
	size := s.Bytes()
	if s.keep != nil {
		high = min(high, s.keep(size))
	}
	if s.hold == nil {
		return high
	}
	held := s.hold()
	if held >= high {
		return high
	}
	if size > s.holdBytes {
		s.log.Warn("the log has reached its limit: it is cut, although some entries were still to be read back",
			"bytes", size, "limit", s.holdBytes, "from", held+1, "to", high)
		s.unheld.Store(high)
		return high
	}
	return held
}

// Bytes is how much the segments take up that hold entries, used or not. Up to nine more wait to be used again.
func (s *Store) Bytes() (size int64) {
	s.view.RLock()
	defer s.view.RUnlock()
	for _, g := range s.live {
		size += int64(g.size)
	}
	return size
}

// Unheld is the newest entry that was cut although Options.Hold asked for it, since the log had become too large; 0: none was.
func (s *Store) Unheld() uint64 { return s.unheld.Load() }

// shorten removes the entries from low to the end. Called with mu held.
func (s *Store) shorten(low, first uint64) error {
	begins, last := low, low-1
	if low == first {
		begins, first, last = 0, 0, 0
	}
	// The witness goes first: it must not ask for entries that are gone.
	if err := s.bearWitness(s.live[len(s.live)-1].number, last, s.head()); err != nil {
		return err
	}
	if err := syncData(s.state.file); err != nil {
		return err
	}
	if err := s.roll(begins); err != nil {
		return err
	}
	s.setBounds(first, last)
	return nil
}

func (s *Store) setBounds(first, last uint64) {
	s.view.Lock()
	defer s.view.Unlock()
	s.first, s.last = first, last
	s.configurations = slices.DeleteFunc(slices.Clone(s.configurations), func(at uint64) bool { return at < first || at > last })
}

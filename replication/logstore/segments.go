package logstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"imperio/storage/engine"
)

// sizes are how large segments are, in bytes.
type sizes struct {
	// first is for the first segment of a new log, since a new casino needs little. That segment is not reused.
	first int
	// next is for all others. The largest batch fits; under load a segment lasts a second or so.
	next int
}

var usualSizes = sizes{first: 512 << 10, next: MaxEntry + 2<<20}

// maxFree is how many free segments are kept for reuse. The others are removed.
const maxFree = 8

// grown is a new segment, or why there is none.
type grown struct {
	segment *segment
	err     error
}

// grow begins to make the next segment, in the background, when three quarters of the current one are used and no other
// waits. Called with mu held.
func (s *Store) grow(current *segment) {
	if current.end < current.size/4*3 || s.growing != nil || slices.ContainsFunc(s.free, s.usable) {
		return
	}
	s.names++
	path, c := segmentPath(s.dir, s.names), make(chan grown, 1)
	s.growing = c
	go func() {
		g, err := newSegment(path, s.path("segment.new"), s.sizes.next)
		if err != nil {
			s.log.Warn("could not make a new segment of the log; the next write that needs one tries again", "error", err)
		}
		c <- grown{g, err}
	}()
}

func newSegment(path, unfinished string, size int) (*segment, error) {
	f, err := newFile(path, unfinished, size)
	if err != nil {
		return nil, fmt.Errorf("make a segment: %w", err)
	}
	return &segment{file: f, path: path, size: size}, nil
}

// usable reports whether a segment may be reused: reused segments all have one size.
func (s *Store) usable(g *segment) bool { return g.size == s.sizes.next }

// nextSegment returns a segment for the next entries. Called with mu held.
func (s *Store) nextSegment() (*segment, error) {
	if len(s.free) == 0 && s.growing != nil {
		g := <-s.growing
		s.growing = nil
		if g.segment != nil {
			s.free = append(s.free, g.segment)
		}
	}
	for len(s.free) > 0 {
		g := s.free[0]
		s.free = s.free[1:]
		if s.usable(g) {
			return g, nil
		}
		s.remove(g)
	}
	s.names++
	g, err := newSegment(segmentPath(s.dir, s.names), s.path("segment.new"), s.sizes.next)
	if errors.Is(err, fs.ErrNotExist) {
		err = cmp.Or(s.inPlace(), err) // the directory is gone: say what became of it
	}
	return g, err
}

// recycle frees the oldest segments that hold no valid entry. It returns those that are not kept to be used again, for remove.
// Called with mu held.
func (s *Store) recycle() (unneeded []*segment) {
	s.view.Lock()
	n := 0
	for n < len(s.live)-1 && s.live[n].last() < max(s.first, 1) {
		n++
	}
	unused := s.live[:n]
	s.live = slices.Clone(s.live[n:])
	s.view.Unlock()
	for _, g := range unused {
		if s.usable(g) && len(s.free) < maxFree {
			s.free = append(s.free, g)
		} else {
			unneeded = append(unneeded, g)
		}
	}
	return unneeded
}

// remove removes a segment that is no longer needed. A failure does no harm.
func (s *Store) remove(g *segment) {
	g.file.Close()
	if err := os.Remove(g.path); err != nil {
		s.log.Warn("could not remove a segment of the log that is no longer needed", "error", err)
	}
}

// InPlace returns an error if a file of the log is not where it was opened any more: it or the directory was removed,
// moved or replaced. Nobody would find what is written from then on.
func (s *Store) InPlace() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.inPlace()
}

// inPlace is InPlace with mu held.
func (s *Store) inPlace() error {
	if err := engine.InPlace(s.path(stateFile), s.state.file); err != nil {
		return err
	}
	for _, g := range slices.Concat(s.live, s.free) {
		if err := engine.InPlace(g.path, g.file); err != nil {
			return err
		}
	}
	return nil
}

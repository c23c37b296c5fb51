package backup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"imperio/storage"
)

// finding is what a target holds of a lineage.
type finding struct {
	lineage  string
	archives int
	oldest   time.Time     // the casino's time at the oldest archive
	newest   ArchiveInfo   // the newest one whose manifest can be read; Index 0: there is none
	manifest Manifest      // of the newest archive
	index    uint64        // the newest archive and the segments after it hold all entries up to this one
	at       time.Time     // the casino's time then
	segments []SegmentInfo // those that go beyond the newest archive, by first index
	// differs says why the target's history is not the casino's own; "": it is.
	differs string
	// unclear means that the history can't be compared up to index, since the log was cut.
	unclear bool

	lastDrill, lastGoodDrill time.Time
}

// look reads what a target holds of the casino's lineage, and compares it with the casino's own history.
func (s *Service) look(ctx context.Context, t Target, source Source) (f *finding, err error) {
	f = &finding{}
	_, _, head, err := source.Position()
	if err != nil {
		return nil, err
	}
	casino := s.o.Writing.Casino
	f.lineage = LineageName(head.Lineage)
	archives, err := listArchives(ctx, t, archivesPrefix(casino, f.lineage))
	if err != nil {
		return nil, err
	}
	if f.archives = len(archives); f.archives > 0 {
		f.oldest = archives[0].Time
	}
	for i := len(archives) - 1; i >= 0 && f.newest.Index == 0; i-- {
		m, err := ReadManifest(ctx, t, archives[i].Object)
		if errors.As(err, new(*DamageError)) {
			s.o.Log.Warn("an archive does not count, since it is damaged", "target", t.String(), "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		f.newest, f.manifest = archives[i], m
	}
	if f.segments, err = listSegments(ctx, t, casino, f.lineage, f.newest.Index); err != nil {
		return nil, err
	}
	f.index, f.at = f.newest.Index, f.newest.Time
	for _, g := range f.segments {
		if f.newest.Index > 0 && g.First <= f.index+1 && g.Last > f.index {
			f.index, f.at = g.Last, g.To
		}
	}
	if f.lastDrill, f.lastGoodDrill, err = readDrills(ctx, t, casino); err != nil {
		return nil, err
	}
	// The casino's position is read after the lists: it is never behind what it has shipped itself meanwhile.
	index, _, _, err := source.Position()
	if err != nil {
		return nil, err
	}
	return f, s.compare(ctx, t, source, f, index)
}

// tellNewer warns if the casino was restored elsewhere, as a newer lineage shows.
func (s *Service) tellNewer(ctx context.Context, t Target, lineage string) error {
	archives, err := listArchives(ctx, t, casinoPrefix(s.o.Writing.Casino))
	if err != nil || len(archives) == 0 {
		return err
	}
	if newest := archives[len(archives)-1]; lineageBegan(newest.Lineage).After(lineageBegan(lineage)) {
		s.o.Log.Warn("the casino was restored elsewhere, as a newer lineage in the target shows. Only one of the two may take bets",
			"target", t.String(), "lineage", lineage, "newer_lineage", newest.Lineage)
	}
	return nil
}

// compare compares the newest that the target has with the casino's history up to an entry.
func (s *Service) compare(ctx context.Context, t Target, source Source, f *finding, index uint64) error {
	newest := f.newest.Index
	for _, g := range f.segments {
		newest = max(newest, g.Last)
	}
	if newest > index {
		f.differs = fmt.Sprintf("it holds entries up to %d, and this data directory only those up to %d", newest, index)
		return nil
	}
	for _, g := range slices.Backward(f.segments) {
		m, err := ReadManifest(ctx, t, g.Object)
		if errors.As(err, new(*DamageError)) {
			f.unclear = f.unclear || g.Last == f.index
			continue
		}
		if err != nil {
			return err
		}
		if !m.Partial {
			return f.comparePosition(source, &m)
		}
		if err := s.compareEntry(ctx, t, source, f, g); err != nil || f.differs != "" {
			return err
		}
	}
	if f.newest.Index == 0 {
		return nil
	}
	return f.comparePosition(source, &f.manifest)
}

// comparePosition compares the head of the history in a manifest with the casino's own at the same event.
func (f *finding) comparePosition(source Source, m *Manifest) error {
	if m.Events == 0 {
		return nil
	}
	hash, ok, err := source.EventHash(m.Events)
	if err != nil {
		return err
	}
	if !ok || hex.EncodeToString(hash[:]) != m.HistoryHead {
		f.differs = fmt.Sprintf("its history goes on differently: at the latest with event %d", m.Events)
	}
	return nil
}

// compareEntry compares the last entry of a partial segment with the casino's own.
func (s *Service) compareEntry(ctx context.Context, t Target, source Source, f *finding, g SegmentInfo) error {
	_, entries, err := ReadSegment(ctx, t, g.Object, s.o.Keys)
	if errors.As(err, new(*DamageError)) {
		f.unclear = f.unclear || g.Last == f.index
		return nil
	}
	if err != nil {
		return err
	}
	theirs := entries[len(entries)-1]
	err = source.Entries(ctx, theirs.Index, theirs.Index, func(own storage.Entry) error {
		if own.Term != theirs.Term || !bytes.Equal(own.Data, theirs.Data) {
			f.differs = fmt.Sprintf("its entry %d is another one", own.Index)
		}
		return nil
	})
	if errors.Is(err, ErrCut) {
		f.unclear = true
		return nil
	}
	return err
}

package backup

import (
	"context"
	"fmt"

	"filippo.io/age"

	"imperio/storage"
)

// fetchAhead is how many small segments are fetched at a time, ahead of the one in use: each costs a few answers of the
// target, which may be far away. A large one counts for several, so that memory stays bounded: see weight.
const fetchAhead = 16

// weight is for how many small segments one counts. A segment of MaxSegment takes a third of all.
func weight(s SegmentInfo) int { return min(1+int(s.Object.Size/(4<<20)), fetchAhead) }

// coming is a segment with its entries, or why there are none.
type coming struct {
	info     SegmentInfo
	manifest Manifest
	entries  []storage.Entry
	err      error
}

// fetchSegments reads segments, several at a time, and hands them to use in order. The first error ends it.
func fetchSegments(ctx context.Context, t Target, list []SegmentInfo, keys []age.Identity, use func(*coming) error) error {
	whole := ctx
	ctx, stop := context.WithCancel(whole)
	defer stop()
	queue := make(chan chan coming, fetchAhead)
	room := make(chan struct{}, fetchAhead)
	go func() {
		defer close(queue)
		for _, s := range list {
			for range weight(s) {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
			one := make(chan coming, 1)
			queue <- one // there is room for as many as have a weight
			go func() { one <- fetchSegment(ctx, t, s, keys) }()
		}
	}()
	var failed error
	for one := range queue { // to the end, so that no fetch outlives the call
		f := <-one
		if failed == nil {
			failed = f.err
		}
		if failed == nil {
			failed = use(&f)
		}
		if failed != nil {
			stop()
		}
		for range weight(f.info) {
			<-room
		}
	}
	if failed == nil {
		failed = whole.Err() // the list may have ended early
	}
	return failed
}

// fetchSegment reads a segment, and checks that it is the one that its name says.
func fetchSegment(ctx context.Context, t Target, s SegmentInfo, keys []age.Identity) coming {
	m, entries, err := ReadSegment(ctx, t, s.Object, keys)
	if err == nil && (m.Casino != s.Casino || m.Lineage != s.Lineage || m.FirstIndex != s.First || m.Index != s.Last) {
		err = damaged(nameOf(t, s.Object), "its manifest is that of entries %d to %d of casino %s, lineage %s. It was moved or renamed",
			m.FirstIndex, m.Index, m.Casino, m.Lineage)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("read entries %d to %d: %w", s.First, s.Last, err)
	}
	return coming{s, m, entries, err}
}

package backup

import (
	"context"
	"fmt"

	"filippo.io/age"

	"imperio/storage"
)

// fetchAhead is how many segments are coming at a time, ahead of the one in use. Each takes up to twice MaxSegment of
// memory.
const fetchAhead = 4

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
	queue := make(chan chan coming, fetchAhead-1) // with the one that is waited for: fetchAhead
	go func() {
		defer close(queue)
		for _, s := range list {
			one := make(chan coming, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			go func() { one <- fetchSegment(ctx, t, s, keys) }()
		}
	}()
	var failed error
	for one := range queue { // to the end, so that no fetch outlives the call
		f := <-one
		if failed != nil {
			continue
		}
		if failed = f.err; failed == nil {
			failed = use(&f)
		}
		if failed != nil {
			stop()
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

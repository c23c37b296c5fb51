package engine

import (
	"math"
	"testing"
)

func TestMappedFor_LeavesRoomToGrow(t *testing.T) {
	const mib, gib = int64(1 << 20), int64(1 << 30)
	for size, want := range map[int64]int64{0: 16 * gib, mib: 16 * gib, 4 * gib: 16 * gib, 5 * gib: 20 * gib, 300 * gib: 1200 * gib} {
		if got := mappedFor(size); int64(got) != min(want, math.MaxInt/8) {
			t.Errorf("%d bytes are mapped for a file of %d", got, size)
		}
	}
}

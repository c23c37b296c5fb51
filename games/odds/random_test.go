package odds

import (
	"math/rand/v2"
	"testing"
)

func TestGenerator_IsPCG(t *testing.T) {
	g := newGenerator(1, 2)
	reference := rand.NewPCG(g.high, g.low)
	for i := range 1000 {
		if got, want := g.word(), reference.Uint64(); got != want {
			t.Fatalf("word %d: %#x, want %#x", i, got, want)
		}
	}
}

func TestGenerator_BelowIsEvenlySpread(t *testing.T) {
	g := newGenerator(3, 4)
	for _, n := range []uint32{1, 2, 3, 37, 312} {
		seen := make([]int, n)
		for range 2000 * n {
			seen[g.below(n)]++
		}
		for v, count := range seen {
			// Each count is binomial with mean 2000 and a standard deviation below 45; the seed is fixed.
			if n > 1 && (count < 1750 || count > 2250) {
				t.Errorf("%d of %d came %d times in %d", v, n, count, 2000*n)
			}
		}
	}
}

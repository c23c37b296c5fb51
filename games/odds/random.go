package odds

import "math/bits"

// generator is PCG-DXSM with 128 bits of state (O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
// Algorithms for Random Number Generation", 2014), the same as PCG in math/rand/v2: a test compares the two.
// It is for simulations only; games draw their numbers from a fair.Stream.
type generator struct {
	high, low uint64
	spare     uint32 // the unused half of a word
	hasSpare  bool
}

// newGenerator makes a generator for one part of a simulation. It mixes the seeds, since close states would begin with
// similar numbers.
func newGenerator(seed, part uint64) generator {
	return generator{high: mix(seed), low: mix(seed ^ mix(part+1))}
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (g *generator) word() uint64 {
	const (
		multiplierHigh = 2549297995355413924
		multiplierLow  = 4865540595714422341
		incrementHigh  = 6364136223846793005
		incrementLow   = 1442695040888963407
		cheap          = 0xda942042e4dd58b5
	)
	high, low := bits.Mul64(g.low, multiplierLow)
	high += g.high*multiplierLow + g.low*multiplierHigh
	low, carry := bits.Add64(low, incrementLow, 0)
	high, _ = bits.Add64(high, incrementHigh, carry)
	g.high, g.low = high, low
	high ^= high >> 32
	high *= cheap
	high ^= high >> 48
	return high * (low | 1)
}

// below returns a number in 0 … n-1, exactly uniform over the generator's words (Lemire, "Fast Random Integer Generation in
// an Interval", 2019).
func (g *generator) below(n uint32) uint32 {
	for {
		var r uint32
		if g.hasSpare {
			r, g.hasSpare = g.spare, false
		} else {
			w := g.word()
			r, g.spare, g.hasSpare = uint32(w), uint32(w>>32), true
		}
		high, low := bits.Mul32(r, n)
		if low >= n || low >= -n%n {
			return high
		}
	}
}

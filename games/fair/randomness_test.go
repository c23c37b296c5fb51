package fair

import (
	"crypto/sha256"
	"math"
	"math/bits"
	"testing"
)

// These randomness tests are those of Knuth, "The Art of Computer Programming", volume 2, section 3.3.2, and of FIPS 140.
// Each gives a statistic with a known distribution; a test passes if the statistic lies in the middle 99 % of it. The seeds
// are fixed, so the statistics are always the same, and the tests can't fail by chance.

// battery feeds words to all tests.
type battery struct {
	words int

	ones   int         // bits set
	runs   int         // runs of equal bits, over all words as one sequence
	last   uint64      // the last bit
	bytes  [256]int    // of all eight bytes of each word
	pocket [37]int     // w mod 37, as roulette takes it
	card   [312]int    // w mod 312, as the first card of blackjack is taken
	hands  [6]int      // poker: hands of five hexadecimal digits, by the number of different digits
	gaps   [41]int     // words between two words below 1/8 of the range; the last counts 40 and more
	gap    int         // the current gap
	sets   [61]int     // coupon collector: words until all eight leading octal digits came; the last counts 60 and more
	set    uint8       // the digits in the current set
	length int         // the number of words in it so far
	serial correlation // of each word with the next
	lagged correlation // of each word with the fourth after it, at the same position of the next block
	before [WordsPerBlock]float64
}

// correlation sums products of centred uniform numbers, whose variance is 1/12.
type correlation struct {
	sum float64
	n   int
}

func (c *correlation) add(x, y float64) { c.sum += x * y; c.n++ }

// z is standard normal if the numbers are independent.
func (c *correlation) z() float64 { return 12 * c.sum / math.Sqrt(float64(c.n)) }

// add can't race with anything; without the race detector it takes a quarter of the time.
//
//go:norace
func (b *battery) add(w uint64) {
	b.ones += bits.OnesCount64(w)
	b.runs += bits.OnesCount64(w^w>>1) - int(w>>63) // borders between neighbouring bits; the bit above the top is no neighbour
	if b.words == 0 || w>>63 != b.last {
		b.runs++
	}
	b.last = w & 1
	for i := range 8 {
		b.bytes[byte(w>>(8*i))]++
	}
	b.pocket[w%37]++
	b.card[w%312]++

	var digits uint16
	for i := range 5 {
		digits |= 1 << (w >> (4 * i) & 15)
	}
	b.hands[bits.OnesCount16(digits)]++

	if b.gap++; w>>61 == 0 {
		b.gaps[min(b.gap, len(b.gaps))-1]++
		b.gap = 0
	}
	b.length++
	if b.set |= 1 << (w >> 61); b.set == 255 {
		b.sets[min(b.length, len(b.sets)-1)]++
		b.set, b.length = 0, 0
	}
	x := float64(w)/(1<<64) - 0.5
	at := b.words % WordsPerBlock
	if b.words >= WordsPerBlock {
		b.serial.add(b.before[(at+WordsPerBlock-1)%WordsPerBlock], x)
		b.lagged.add(b.before[at], x)
	}
	b.before[at] = x
	b.words++
}

// statistic is the result of one test; exceeded is the probability of a value at least as large if the words are random.
type statistic struct {
	name     string
	value    float64
	exceeded float64
}

func (s statistic) passes() bool { return s.exceeded > 0.005 && s.exceeded < 0.995 }

func (b *battery) statistics() []statistic {
	n := float64(b.words)
	bitCount := 64 * n
	return []statistic{
		normal("frequency of bits", (2*float64(b.ones)-bitCount)/math.Sqrt(bitCount)),
		// Two neighbouring random bits differ with probability 1/2.
		normal("runs of bits", (2*float64(b.runs-1)-(bitCount-1))/math.Sqrt(bitCount-1)),
		chiSquare("chi-square of bytes", b.bytes[:], even(256)),
		chiSquare("chi-square of w mod 37", b.pocket[:], even(37)),
		chiSquare("chi-square of w mod 312", b.card[:], even(312)),
		normal("serial correlation", b.serial.z()),
		normal("serial correlation across blocks", b.lagged.z()),
		chiSquare("poker", b.hands[1:], pokerChances()),
		chiSquare("gap", b.gaps[:], gapChances(len(b.gaps))),
		chiSquare("coupon collector", b.sets[8:], couponChances(len(b.sets)-1)),
	}
}

func even(n int) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = 1 / float64(n)
	}
	return p
}

// pokerChances are the probabilities of 1 … 5 different digits among five hexadecimal digits: d(d−1)…(d−r+1)/d^5 times
// the Stirling number {5, r}.
func pokerChances() []float64 {
	stirling := []float64{1, 15, 25, 10, 1}
	p := make([]float64, 5)
	ways := 1.0
	for r := range p {
		ways *= float64(16 - r)
		p[r] = ways * stirling[r] / (16 * 16 * 16 * 16 * 16)
	}
	return p
}

// gapChances are the probabilities of 0 … n−2 words between two hits of probability 1/8, and of more.
func gapChances(n int) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = math.Pow(7.0/8, float64(i)) / 8
	}
	p[n-1] *= 8
	return p
}

// couponChances are the probabilities that all eight digits come within 8 … most−1 words, and of more.
func couponChances(most int) []float64 {
	have := [9]float64{1} // the probability of having that many different digits
	var p []float64
	left := 1.0
	for length := 1; length < most; length++ {
		next := [9]float64{}
		for k := range 8 {
			next[k] += have[k] * float64(k) / 8
			next[k+1] += have[k] * float64(8-k) / 8
		}
		have = next
		if length >= 8 {
			p = append(p, have[8])
			left -= have[8]
		}
	}
	return append(p, left)
}

func normal(name string, z float64) statistic {
	return statistic{name, z, math.Erfc(z/math.Sqrt2) / 2}
}

// chiSquare compares counts with probabilities. It uses Wilson and Hilferty's approximation (1931) for the upper tail of
// chi-square, which is good to about a thousandth here.
func chiSquare(name string, counts []int, chances []float64) statistic {
	total := 0
	for _, c := range counts {
		total += c
	}
	sum := 0.0
	for i, c := range counts {
		expected := float64(total) * chances[i]
		sum += (float64(c) - expected) * (float64(c) - expected) / expected
	}
	k := float64(len(counts) - 1)
	z := (math.Cbrt(sum/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
	return statistic{name, sum, math.Erfc(z/math.Sqrt2) / 2}
}

// The test takes the first four words of each of many nonces, which is what players see, and long streams. Every test
// sees at least ten million words of the long streams.
func TestRandomness(t *testing.T) {
	if testing.Short() {
		t.Skip("it draws millions of words")
	}
	seed := sha256.Sum256([]byte("imperio randomness test"))
	t.Run("the first words of rounds", func(t *testing.T) {
		b := new(battery)
		for nonce := range uint64(600_000) {
			s := NewStream(seed, "slots/2", "default:1", nonce)
			for range WordsPerBlock {
				b.add(s.Word())
			}
		}
		report(t, b)
	})
	t.Run("long streams", func(t *testing.T) {
		b := new(battery)
		for nonce := range uint64(10) {
			s := NewStream(seed, "blackjack/1", "a player's own seed", nonce)
			for range 1_020_000 {
				b.add(s.Word())
			}
		}
		report(t, b)
		if least := min(b.serial.n, b.lagged.n, b.words); least < 10_000_000 {
			t.Errorf("a test saw only %d words", least)
		}
	})
}

func report(t *testing.T, b *battery) {
	t.Helper()
	t.Logf("%d words", b.words)
	for _, s := range b.statistics() {
		t.Logf("%-34s %12.4f   exceeded with probability %.4f", s.name, s.value, s.exceeded)
		if !s.passes() {
			t.Errorf("%s fails at 99 %%", s.name)
		}
	}
}

// The battery must be able to fail: each test catches a stream with the fault that it looks for.
func TestRandomness_FaultsAreFound(t *testing.T) {
	seed := sha256.Sum256([]byte("imperio randomness test"))
	faults := map[string]func(w uint64, i int, before *uint64) uint64{
		"frequency of bits": func(w uint64, i int, _ *uint64) uint64 { return w | 1<<(i%1000) },
		"runs of bits": func(w uint64, i int, _ *uint64) uint64 {
			if i%50 == 0 {
				w = w & 0x5555555555555555 * 3 // each bit comes twice
			}
			return w
		},
		"chi-square of bytes":     func(w uint64, i int, _ *uint64) uint64 { return w - w&255*b2u(i%100 == 0) },
		"chi-square of w mod 37":  func(w uint64, i int, _ *uint64) uint64 { return w - w%37*b2u(i%100 == 0) },
		"chi-square of w mod 312": func(w uint64, i int, _ *uint64) uint64 { return w - w%312*b2u(i%100 == 0) },
		"serial correlation across blocks": func(w uint64, i int, before *uint64) uint64 {
			if i%40 == 0 {
				*before = w
			} else if i%40 == WordsPerBlock {
				w = *before
			}
			return w
		},
		"serial correlation": func(w uint64, i int, before *uint64) uint64 {
			if i%50 == 0 {
				w = *before
			}
			*before = w
			return w
		},
		"poker": func(w uint64, i int, _ *uint64) uint64 {
			return w&^0xff | w&0xf*0x11*b2u(i%50 == 0) | w&0xff*b2u(i%50 != 0)
		},
		"gap":              func(w uint64, i int, _ *uint64) uint64 { return w | b2u(i%16 < 8)<<61 },
		"coupon collector": func(w uint64, i int, _ *uint64) uint64 { return w&(1<<61-1) | uint64(i%8)<<61 },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			b := new(battery)
			s := NewStream(seed, "slots/2", "faulty", 0)
			var before uint64
			for i := range 200_000 {
				b.add(fault(s.Word(), i, &before))
			}
			for _, s := range b.statistics() {
				if s.name == name && s.passes() {
					t.Errorf("a faulty stream passes with %v", s)
				}
			}
		})
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

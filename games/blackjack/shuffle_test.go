package blackjack

import (
	"crypto/sha256"
	"math"
	"slices"
	"testing"

	"imperio/games/fair"
)

// Every card comes to every position of the shoe equally often. The test counts cards by position over many whole
// shuffles. Each row and each column of the counts has a fixed sum, so the chi-square, scaled by 311/312, has (312−1)²
// degrees of freedom; with that many it is practically normal. The seed is fixed, so the statistic is always the same.
func TestShuffle_HasNoPositionBias(t *testing.T) {
	if testing.Short() {
		t.Skip("it shuffles tens of thousands of shoes")
	}
	const shuffles = 20_000
	count := func(stream func(nonce uint64) *fair.Stream) float64 {
		counts := make([][Cards]int, Cards)
		for nonce := range uint64(shuffles) {
			sh := newShoe(stream(nonce))
			for place := range Cards {
				c, err := sh.next()
				if err != nil {
					t.Fatal(err)
				}
				counts[place][c]++
			}
		}
		const expected = float64(shuffles) / Cards
		sum := 0.0
		for place := range counts {
			for _, n := range counts[place] {
				sum += (float64(n) - expected) * (float64(n) - expected) / expected
			}
		}
		const degrees = (Cards - 1) * (Cards - 1)
		return (sum*(Cards-1)/Cards - degrees) / math.Sqrt(2*degrees)
	}
	seed := sha256.Sum256([]byte("imperio shuffle test"))
	z := count(func(nonce uint64) *fair.Stream { return fair.NewStream(seed, "blackjack/1", "default:1", nonce) })
	t.Logf("%d shuffles, z = %.4f", shuffles, z)
	if math.Abs(z) > 2.5758 {
		t.Errorf("cards are biased by position: z = %v lies outside the middle 99 %%", z)
	}
	// The test can fail: if one shuffle in twenty is dealt twice, positions repeat too often.
	z = count(func(nonce uint64) *fair.Stream {
		if nonce%20 == 0 {
			nonce++
		}
		return fair.NewStream(seed, "blackjack/1", "default:1", nonce)
	})
	if math.Abs(z) <= 2.5758 {
		t.Errorf("the test does not notice repeated shuffles: z = %v", z)
	}
}

func TestShuffle_DealsEveryCardOnce(t *testing.T) {
	sh := newShoe(fair.NewStream([32]byte{}, "blackjack/1", "a", 0))
	var all []Card
	for range Cards {
		c, err := sh.next()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	slices.Sort(all)
	for i, c := range all {
		if int(c) != i {
			t.Fatalf("card %d is missing or dealt twice", i)
		}
	}
}

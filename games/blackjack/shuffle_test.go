package blackjack

import (
	"crypto/sha256"
	"math"
	"slices"
	"testing"

	"imperio/games/fair"
)

// Every card comes to every place of the shoe equally often. The counts of cards by place, over many whole shuffles, give a
// chi-square with (312−1)² degrees of freedom when it is reduced by 311/312, since each row and each column has a fixed
// sum; with so many degrees it is normal. The seed is fixed: the statistic is always the same.
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
		t.Errorf("the places of cards are biased: z = %v lies outside the middle 99 %%", z)
	}
	// The test can fail: with one shuffle in twenty dealt twice the places are too much alike.
	z = count(func(nonce uint64) *fair.Stream {
		if nonce%20 == 0 {
			nonce++
		}
		return fair.NewStream(seed, "blackjack/1", "default:1", nonce)
	})
	if math.Abs(z) <= 2.5758 {
		t.Errorf("repeated shuffles are not found: z = %v", z)
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

package odds

import (
	"slices"
	"testing"

	"imperio/games"
	"imperio/games/roulette"
)

// The published edge of European roulette is 1/37 (2.70 %) on every bet, and of La Partage 1/74 (1.35 %) on even money.
func TestRoulette_ExactEdgeOfEveryBet(t *testing.T) {
	evenMoney := []string{"low", "high", "red", "black", "odd", "even"}
	for _, w := range roulette.Versions() {
		for _, b := range roulette.All() {
			d, err := Roulette(w, b)
			if err != nil {
				t.Fatal(err)
			}
			want := "1/37"
			if w.LaPartage() && slices.Contains(evenMoney, b.Type) {
				want = "1/74"
			}
			if got := d.HouseEdge().RatString(); got != want || d.Outcomes() != 37 {
				t.Errorf("%s %v: edge %s over %d outcomes, want %s", w.Rules(), b, got, d.Outcomes(), want)
			}
		}
	}
}

func TestRoulette_RefusesWhatIsNoBet(t *testing.T) {
	if _, err := Roulette(roulette.Versions()[0], games.Bet{Type: "split", Numbers: []int{1, 9}}); err == nil {
		t.Error("a split of 1 and 9 was evaluated")
	}
}

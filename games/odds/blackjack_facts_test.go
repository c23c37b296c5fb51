package odds

import (
	"fmt"
	"math"
	"testing"
)

// Values of Michael Shackleford's "Blackjack Appendix 2B" (The Wizard of Odds, 2004): one deck, the dealer stands on soft 17, before
// the dealer has peeked.
func TestDealerFinishes_MatchThePublishedDeck(t *testing.T) {
	published := map[int][7]float64{ // 17 … 21, blackjack, bust
		1: {0.126128, 0.131003, 0.129486, 0.131553, 0.0515646, 0.313726, 0.11654},
		2: {0.138976, 0.131762, 0.131815, 0.123948, 0.120526, 0, 0.352973},
		3: {0.130313, 0.130946, 0.123761, 0.123345, 0.116047, 0, 0.375588},
		4: {0.130973, 0.114163, 0.120679, 0.116286, 0.115096, 0, 0.402803},
		5: {0.119687, 0.123483, 0.116909, 0.104694, 0.106321, 0, 0.428905},
		6: {0.166948, 0.106454, 0.107192, 0.100705, 0.0978785, 0, 0.420823},
		7: {0.372345, 0.138583, 0.0773344, 0.0788967, 0.072987, 0, 0.259854},
		8: {0.130857, 0.362989, 0.129445, 0.0682898, 0.0697914, 0, 0.238627},
	}
	for _, d := range dealerFinishes(1) {
		want, ok := published[d.Up]
		if !ok {
			continue
		}
		got := [7]float64{d.Totals[0], d.Totals[1], d.Totals[2], d.Totals[3], d.Totals[4], d.Blackjack, d.Bust}
		for i := range got {
			if math.Abs(got[i]-want[i]) > 0.51e-6 {
				t.Errorf("up card %d, result %d: %.7f, published %.7f", d.Up, i, got[i], want[i])
			}
		}
	}
	for _, d := range DealerFinishes() {
		sum := d.Blackjack + d.Bust
		for _, p := range d.Totals {
			sum += p
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("up card %d: the chances add up to %v", d.Up, sum)
		}
	}
}

func TestEvaluateInsurance_MatchesThePublishedEdges(t *testing.T) {
	for decks, published := range map[int]string{1: "-5.882 %", 2: "-6.796 %", 4: "-7.246 %", 6: "-7.395 %", 8: "-7.470 %"} {
		v := evaluateInsurance(decks)
		if got := fmt.Sprintf("%.3f %%", 100*Decimal(v.Average)); got != published {
			t.Errorf("%d decks: %s, published %s", decks, got, published)
		}
	}
	v := EvaluateInsurance()
	if got := fmt.Sprint(v.Average, v.ByTens); got != "-23/311 [-7/103 -8/103 -9/103]" {
		t.Error(got)
	}
	// The evaluation of each deal has the same, per half a stake.
	for _, d := range exactBlackjack(t).Deals {
		if d.Up != 1 {
			continue
		}
		tens := 0
		for _, card := range d.Player {
			if card == 10 {
				tens++
			}
		}
		if want := Decimal(v.ByTens[tens]) / 2; math.Abs(d.Insurance-want) > 1e-12 {
			t.Errorf("%v: %v, want %v", d.Player, d.Insurance, want)
		}
	}
}

// Late surrender is published as worth 0.06 % to 0.08 % with six decks.
func TestEvaluateBlackjack_WithoutSurrender(t *testing.T) {
	r := exactBlackjack(t)
	for name, worth := range map[string]float64{"best play": r.BestNet - r.BestNetUnsurrendered, "basic strategy": r.BasicNet - r.BasicNetUnsurrendered} {
		if worth < 0.0006 || worth > 0.0008 {
			t.Errorf("%s: surrender is worth %v", name, worth)
		}
	}
	for _, d := range r.Deals {
		if d.BestNetUnsurrendered > d.BestNet || d.Basic != "surrender" && d.BasicNetUnsurrendered != d.BasicNet {
			t.Errorf("%+v", d)
		}
	}
}

// The simulation of a thousand million hands knows the variance to about 0.00005.
func TestEvaluateBlackjack_VarianceMatchesTheSimulation(t *testing.T) {
	r, record := exactBlackjack(t), RecordedBlackjack()
	if simulated := record.Volatility * record.Volatility; math.Abs(r.BasicVariance-simulated) > 0.0002 {
		t.Errorf("variance %v, simulated %v", r.BasicVariance, simulated)
	}
	squares := 0.0
	for _, d := range r.Deals {
		squares += d.Chance * d.BasicSquare
	}
	if math.Abs(squares-r.BasicNet*r.BasicNet-r.BasicVariance) > 1e-12 {
		t.Errorf("squares %v", squares)
	}
}

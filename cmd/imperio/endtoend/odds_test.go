package endtoend

import (
	"strings"
	"testing"
)

// The other games are asked in the tests of the verbs. This one computes for a second, and for 40 under the race detector, which has
// nothing to find in arithmetic.
func TestOdds_OfBlackjackAreTheStatedOnes(t *testing.T) {
	p := newProcess(t)
	out, err := p.run("odds", "blackjack", "--hands", "200000")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, part := range []string{"0.3303 %", "0.3332 %", "0.4059 %", "2,10 against 4: hit", "Simulation of 200000 hands", "variance 1.301", "-23/311", "-8/103", "42.2842 %"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in:\n%s", part, out)
		}
	}
}

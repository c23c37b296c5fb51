package catalogue

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"imperio/games"
	"imperio/games/blackjack"
)

// random is a stream of random numbers.
type random struct{ *rand.Rand }

func (r random) Uniform(n uint64) uint64 { return r.Uint64N(n) }

// The sheet of blackjack says what each result pays. Rounds with even stakes, played at random, must pay so.
func TestSheets_BlackjackPaysWhatItsLinesSay(t *testing.T) {
	pays := map[string]float64{"lose": 0, "bust": 0}
	for _, l := range sheet(t, "blackjack/1").Pays {
		pays[l.Name] = l.Multiplier
	}
	version, _ := Released().Version("blackjack/1")
	source := rand.New(rand.NewPCG(20261129, 1))
	seen := map[string]int{}
	for n := range 3000 {
		w := games.Wager{Stake: 20}
		for {
			p, err := version.Play(random{rand.New(rand.NewPCG(1, uint64(n)))}, w)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Settled {
				w.Actions = append(w.Actions, p.Allowed[source.IntN(len(p.Allowed))])
				continue
			}
			described, err := version.Describe(p.Draws, w)
			if err != nil {
				t.Fatal(err)
			}
			o := described.(blackjack.Outcome)
			for _, h := range o.Hands {
				line, known := pays[*h.Result]
				if seen[*h.Result]++; !known || float64(h.Payout) != line*float64(h.Stake) {
					t.Fatalf("%v: a hand of %d that is a %s pays %d, the sheet says %v times the stake", w.Actions, h.Stake, *h.Result, h.Payout, line)
				}
			}
			if i := o.Insurance; i != nil && o.Dealer.Blackjack {
				if seen["insurance"]++; float64(i.Payout) != pays["insurance"]*float64(i.Stake) {
					t.Fatalf("an insurance of %d pays %d", i.Stake, i.Payout)
				}
			}
			break
		}
	}
	for name := range pays {
		if seen[name] == 0 {
			t.Errorf("in no round there was a %s: %s", name, fmt.Sprint(seen))
		}
	}
}

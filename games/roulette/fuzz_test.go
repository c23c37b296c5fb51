package roulette

import (
	"encoding/json"
	"errors"
	"testing"

	"imperio/games"
)

// Any list of bets is either refused, or pays between 0 and 36 times its sum at every pocket, and Describe agrees with the
// payouts.
func FuzzBets(f *testing.F) {
	for _, b := range All() {
		seed, err := json.Marshal([]games.Bet{b})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`[{"type":"split","numbers":[1,2],"amount":9007199254740991},{"type":"red","amount":9223372036854775807}]`))
	f.Add([]byte(`[{"type":"straight","numbers":[63],"amount":1}]`))
	f.Add([]byte(`[{"type":"dozen","selection":-1,"amount":-1}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var bets []games.Bet
		if json.Unmarshal(data, &bets) != nil {
			return
		}
		total, err := Validate(bets)
		if err != nil {
			var refusal *games.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("refused with %v, which is not a *games.Refusal", err)
			}
			return
		}
		wager := games.Wager{Stake: total, Bets: bets}
		for n, paid := range payouts(t, wheel(t, "roulette/1"), wager) {
			if paid < 0 || paid > 36*total {
				t.Fatalf("pocket %d pays %d for %d", n, paid, total)
			}
			o, err := wheel(t, "roulette/1").Describe([]uint16{uint16(n)}, wager)
			if err != nil {
				t.Fatal(err)
			}
			var described games.Coins
			for _, b := range o.(Outcome).Bets {
				described += b.Payout
			}
			if described != paid {
				t.Fatalf("pocket %d: described %d, paid %d", n, described, paid)
			}
		}
	})
}

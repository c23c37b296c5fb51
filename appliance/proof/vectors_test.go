package proof

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/blackjack"
	"imperio/games/catalogue"
	"imperio/games/fair"
)

// specification is the published page with the vectors. The code must do what it says.
const specification = "../../docs/FAIRNESS.md"

// readVectors decodes the JSON block under a heading of the specification.
func readVectors(t *testing.T, heading string, into any) {
	t.Helper()
	data, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	_, vectors, found := strings.Cut(string(data), "# Test vectors\n")
	if !found {
		t.Fatalf("%s has no test vectors", specification)
	}
	_, section, found := strings.Cut(vectors, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no vectors of %s", specification, heading)
	}
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, found = strings.Cut(block, "```")
	if !found {
		t.Fatalf("the vectors of %s are not in a block", heading)
	}
	if err := json.Unmarshal([]byte(block), into); err != nil {
		t.Fatalf("the vectors of %s: %v", heading, err)
	}
}

func TestVectors_Words(t *testing.T) {
	var vectors []struct {
		Round
		N          string
		Words      []string
		Values     []string
		PassedOver int `json:"passed_over"`
	}
	readVectors(t, "Words and uniform(n)", &vectors)
	passedOver := 0
	for i, v := range vectors {
		n, err := strconv.ParseUint(v.N, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed, err := fair.ParseServerSeed(v.ServerSeed)
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{stream: fair.NewStream(seed, v.Rules, v.ClientSeed, *v.Nonce)}
		plain := fair.NewStream(seed, v.Rules, v.ClientSeed, *v.Nonce)
		for j, want := range v.Values {
			if got := fmt.Sprint(r.Uniform(n)); got != want || fmt.Sprint(plain.Uniform(n)) != want {
				t.Errorf("vector %d, value %d: %s, want %s", i, j, got, want)
			}
		}
		rejected := 0
		var words []string
		for _, w := range r.words {
			words = append(words, fmt.Sprintf("%016x", w.Word))
			if w.Rejected {
				rejected++
			}
		}
		if !slices.Equal(words, v.Words) || rejected != v.PassedOver {
			t.Errorf("vector %d: words %v, %d rejected", i, words, rejected)
		}
		passedOver += rejected
	}
	if len(vectors) < 10 || passedOver < 10 {
		t.Errorf("only %d vectors with %d rejected words", len(vectors), passedOver)
	}
}

func TestVectors_Games(t *testing.T) {
	for _, name := range catalogue.Released().Names() {
		heading := strings.ToUpper(name[:1]) + name[1:]
		t.Run(heading, func(t *testing.T) {
			var vectors []struct {
				Round
				Draws []uint16
			}
			readVectors(t, heading, &vectors)
			if len(vectors) < 10 {
				t.Errorf("only %d vectors", len(vectors))
			}
			for i, v := range vectors {
				p, err := Recompute(catalogue.Released(), v.Round)
				if err != nil {
					t.Errorf("vector %d: %v", i, err)
					continue
				}
				if !p.Matches() || !slices.Equal(p.Compared, []string{"commitment", "settled", "staked", "payout"}) {
					t.Errorf("vector %d: compared %v, mismatches %v", i, p.Compared, p.Mismatches)
				}
				if !slices.Equal(p.Draws, v.Draws) {
					t.Errorf("vector %d: draws %v, want %v", i, p.Draws, v.Draws)
				}
				var text strings.Builder
				if err := p.WriteText(&text); err != nil || !strings.Contains(text.String(), "The round is what the house said") {
					t.Errorf("vector %d: %v in\n%s", i, err, text.String())
				}
			}
		})
	}
}

// The proof of a blackjack round shows each card, in words and in JSON. The published page has one as an example.
func TestWriteText_TellsBlackjackStepByStep(t *testing.T) {
	page, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```steps\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("the page shows no round")
	}
	var vectors []Round
	readVectors(t, "Blackjack", &vectors)
	shown, insured := false, false
	for _, v := range vectors {
		p, err := Recompute(catalogue.Released(), v)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := p.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		shown = shown || strings.Contains(text.String(), example)
		insured = insured || strings.Contains(text.String(), "     insurance: hand 1 has 6; insured for 7 coins\n     look: the dealer has soft 12, no blackjack\n     surrender: hand 1 has 6\n")
		for _, c := range p.Draws { // every card went to a hand
			if want := fmt.Sprintf(" gets the %s, and has ", blackjack.Card(c)); !strings.Contains(text.String(), want) {
				t.Errorf("nonce %d: %q is missing in\n%s", *v.Nonce, want, text.String())
			}
		}
		var encoded struct {
			Steps []struct {
				What string
				Hand int
				Card *struct{ Rank, Suit string }
			}
		}
		if data, err := json.Marshal(p); err != nil || json.Unmarshal(data, &encoded) != nil {
			t.Fatal(err)
		}
		cards := 0
		for _, s := range encoded.Steps {
			if s.Card != nil {
				if got := s.Card.Rank + " of " + s.Card.Suit; got != blackjack.Card(p.Draws[cards]).String() {
					t.Errorf("nonce %d: card %d is shown as %s", *v.Nonce, cards, got)
				}
				cards++
			}
		}
		if cards != len(p.Draws) {
			t.Errorf("nonce %d: %d cards are shown, %d were dealt", *v.Nonce, cards, len(p.Draws))
		}
	}
	if !shown || !insured {
		t.Errorf("no vector gives the page's example (%v), or none has insurance (%v)", shown, insured)
	}
}

// A round as the API returns it matches, and every lie in it is found.
func TestRecompute_FindsEveryDifference(t *testing.T) {
	round, err := ReadRound(strings.NewReader(`{"coins": 5, "round": {"id": "1", "game": "roulette", "rules": "roulette/2",
		"server_seed": "` + strings.Repeat("0", 64) + `", "client_seed": "abc", "nonce": 3, "stake": 7,
		"bets": [{"type": "red", "amount": 5}, {"type": "split", "numbers": [1, 2], "amount": 2}],
		"commitment": "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925", "staked": 7, "payout": 10, "settled": true,
		"outcome": {"pocket": 12, "color": "red", "bets": [{"type": "red", "amount": 5, "payout": 10},
			{"type": "split", "numbers": [1, 2], "selection": null, "amount": 2, "payout": 0}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Recompute(catalogue.Released(), round)
	if err != nil || !p.Matches() || len(p.Compared) != 5 {
		t.Fatalf("%v: compared %v, mismatches %v", err, p.Compared, p.Mismatches)
	}
	lies := map[string]func(*Round){
		"commitment":             func(r *Round) { r.Commitment = strings.Repeat("0", 64) },
		"staked":                 func(r *Round) { r.Staked = new(games.Coins(8)) },
		"payout":                 func(r *Round) { r.Payout = new(games.Coins(11)) },
		"settled":                func(r *Round) { r.Settled = new(false) },
		"outcome.pocket":         func(r *Round) { r.Outcome = change(r.Outcome, `"pocket": 12`, `"pocket": 14`) },
		"outcome.color":          func(r *Round) { r.Outcome = change(r.Outcome, `"color": "red"`, `"color": "black"`) },
		"outcome.bets[1].payout": func(r *Round) { r.Outcome = change(r.Outcome, `"payout": 0`, `"payout": 36`) },
		"outcome.bets[1].extra":  func(r *Round) { r.Outcome = change(r.Outcome, `"selection": null`, `"extra": 1`) },
	}
	for field, lie := range lies {
		changed := round
		lie(&changed)
		p, err := Recompute(catalogue.Released(), changed)
		if err != nil {
			t.Errorf("%s: %v", field, err)
		} else if len(p.Mismatches) != 1 || p.Mismatches[0].Field != field {
			t.Errorf("%s: found %v", field, p.Mismatches)
		}
	}
}

func change(outcome json.RawMessage, old, with string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(outcome), old, with, 1))
}

func TestStream_WritesTheWordsOfEachNonce(t *testing.T) {
	round := Round{Rules: "slots/2", ServerSeed: strings.Repeat("0", 64), ClientSeed: "default:1", Nonce: new(uint64(7))}
	var all, few strings.Builder
	if err := Stream(t.Context(), &all, round, 0, 20); err != nil {
		t.Fatal(err)
	}
	if err := Stream(t.Context(), &few, round, 2, 4); err != nil {
		t.Fatal(err)
	}
	if all.Len() != 160 || few.Len() != 32 {
		t.Fatalf("%d and %d bytes", all.Len(), few.Len())
	}
	*round.Nonce++
	var next strings.Builder
	if err := Stream(t.Context(), &next, round, 0, 2); err != nil {
		t.Fatal(err)
	}
	if few.String() != all.String()[:16]+next.String() {
		t.Error("two words of each nonce are not the first two of each")
	}
}

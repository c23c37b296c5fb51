package api

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"testing"

	"imperio/appliance/problem"
	"imperio/games"
	roulettegame "imperio/games/roulette"
)

// Whatever comes in, it is either refused with a 4xx and its code, or it is exactly one stake in range that another
// JSON reader sees as well.
func FuzzStake(f *testing.F) {
	for _, c := range badStakes {
		f.Add([]byte(c.body))
	}
	for _, good := range []string{`{"stake":1}`, ` {"stake" : 10000 } `, `{"st\u0061ke":7}`} {
		f.Add([]byte(good))
	}
	table := &Table{Rules: "slots/2", Enabled: true, MinStake: 1, MaxStake: 10_000}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest("POST", "/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w, err := (&call{r: r}).stakeOf(table)
		stake := w.Stake
		if w.refused != nil {
			err = w.refused
		}
		if err != nil {
			if p := problem.Of(err); p.Status < 400 || p.Status >= 500 || p.Detail == "" || problem.New(p.Code, "").Status != p.Status || !slices.Contains(problem.Codes(), p.Code) {
				t.Fatalf("%q is refused with %d %s: %v", body, p.Status, p.Code, err)
			}
			return
		}
		var other map[string]json.Number
		if err := json.Unmarshal(body, &other); err != nil || len(other) != 1 {
			t.Fatalf("%q is taken as %d: %v, %v", body, stake, other, err)
		}
		n, ok := new(big.Int).SetString(other["stake"].String(), 10)
		if !ok || n.Cmp(big.NewInt(int64(stake))) != 0 || stake < table.MinStake || stake > table.MaxStake {
			t.Fatalf("%q is taken as %d", body, stake)
		}
	})
}

func FuzzBets(f *testing.F) {
	for _, s := range []string{
		`{"bets":[{"type":"red","amount":1}]}`, `{"bets":[{"type":"split","numbers":[0,3],"amount":5},{"type":"column","selection":2,"amount":7}]}`,
		`{"bets":[null]}`, `{"bets":[{"type":"straight","numbers":[null],"amount":1}]}`, `{"bets":[{"type":"straight","numbers":[1e1],"amount":1}]}`,
	} {
		f.Add([]byte(s))
	}
	table := &Table{Rules: "roulette/1", Enabled: true, MinStake: 1, MaxStake: 10_000, MaxBet: 5_000}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest("POST", "/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w, err := (&call{r: r}).betsOf(table)
		if w.refused != nil {
			err = w.refused
		}
		if err != nil {
			if p := problem.Of(err); p.Status < 400 || p.Status >= 500 || p.Detail == "" || problem.New(p.Code, "").Status != p.Status || !slices.Contains(problem.Codes(), p.Code) {
				t.Fatalf("%q is refused with %d %s: %v", body, p.Status, p.Code, err)
			}
			return
		}
		var sum games.Coins
		for _, b := range w.Bets {
			if b.Amount < table.MinStake || b.Amount > table.MaxBet {
				t.Fatalf("%q has a bet of %d", body, b.Amount)
			}
			sum += b.Amount
		}
		if len(w.Bets) < 1 || len(w.Bets) > roulettegame.MaxBets || w.Stake != sum || sum > table.MaxStake {
			t.Fatalf("%q is taken as %+v", body, w)
		}
	})
}

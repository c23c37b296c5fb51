package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

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
			if p := problemOf(err); p.status < 400 || p.status >= 500 || p.detail == "" || statuses[p.code] != p.status {
				t.Fatalf("%q is refused with %d %s: %v", body, p.status, p.code, err)
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
			if p := problemOf(err); p.status < 400 || p.status >= 500 || p.detail == "" || statuses[p.code] != p.status {
				t.Fatalf("%q is refused with %d %s: %v", body, p.status, p.code, err)
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

// A body that ends too early, or whose connection breaks, is the client's trouble and not the casino's.
func TestReadBody_EndsWhereTheBodyDoes(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		body io.Reader
		size int
		code string
	}{
		{"empty", strings.NewReader(""), 0, ""},
		{"small", strings.NewReader("12345"), 5, ""},
		{"at the limit", strings.NewReader(strings.Repeat("x", maxBody)), maxBody, ""},
		{"above the limit", strings.NewReader(strings.Repeat("x", maxBody+1)), 0, "body_too_large"},
		{"without end", endless{}, 0, "body_too_large"},
		{"limited in front", http.MaxBytesReader(nil, io.NopCloser(endless{}), maxBody), 0, "body_too_large"},
		{"broken", io.MultiReader(strings.NewReader("123"), failing{broken}), 0, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Body: io.NopCloser(c.body), ContentLength: -1}
			got, err := readBody(r, nil)
			if c.code == "" {
				if err != nil || len(got) != c.size {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			} else if err == nil || problemOf(err).code != c.code {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := readBody(&http.Request{Body: io.NopCloser(failing{broken}), ContentLength: maxBody + 1}, nil); problemOf(err).code != "body_too_large" {
		t.Errorf("announced to be too large, and read: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

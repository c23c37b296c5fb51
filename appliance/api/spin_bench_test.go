package api

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"imperio/games/catalogue"
	"imperio/storage/command"
)

// BenchmarkSpin measures what the API itself costs a spin: everything but net/http, the machine and the disk.
func BenchmarkSpin(b *testing.B) {
	casino := newFakeCasino(time.Now)
	api, err := New(Options{
		Casino: casino, Events: casino, Passwords: cheapPasswords(b), Log: slog.New(slog.DiscardHandler), Now: time.Now, Random: rand.Reader,
		Games: catalogue.Released(), Offer: Offer{Tables: []Table{{Game: "slots", Rules: "slots/2", Enabled: true, MinStake: 1, MaxStake: 10_000}}, DailyCoins: 1},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer api.Close()
	token := strings.Repeat("A", 43)
	quiet := &quietCasino{fakeCasino: casino, round: command.RoundResult{Coins: 990, Round: command.Round{
		ID: 12345678, Rules: "slots/2", Draws: []uint16{17, 22, 30}, Staked: 10, Settled: true, Nonce: 17,
		OpenedAt: time.Now(), SettledAt: time.Now(), Commitment: strings.Repeat("0", 64), ClientSeed: "default:1000",
	}}}
	quiet.round.Round.Wager.Stake = 10
	api.o.Casino = quiet
	w := &sink{h: make(http.Header)}
	body := strings.NewReader("")
	r, err := http.NewRequestWithContext(context.Background(), "POST", spin, io.NopCloser(body))
	if err != nil {
		b.Fatal(err)
	}
	r.ContentLength = 12
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(`{"stake":10}`)
		clear(w.h)
		api.ServeHTTP(w, r)
		if w.status != http.StatusCreated {
			b.Fatalf("answered %d", w.status)
		}
	}
	b.ReportMetric(float64(w.bytes)/float64(b.N), "bytes/answer")
}

// quietCasino answers at once.
type quietCasino struct {
	*fakeCasino
	round command.RoundResult
}

func (q *quietCasino) Session(command.TokenHash) (command.Session, bool, error) {
	return command.Session{ID: 1, Account: 1000, ExpiresAt: time.Now().Add(time.Hour)}, true, nil
}

func (q *quietCasino) Propose(context.Context, command.Command) (command.Result, error) {
	return command.Result{Event: 1, Value: &q.round}, nil
}

type sink struct {
	h      http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header { return s.h }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	return len(p), nil
}

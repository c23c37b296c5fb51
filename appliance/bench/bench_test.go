package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func optionsFor(server *httptest.Server) Options {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return Options{
		URL: server.URL, TLS: &tls.Config{RootCAs: roots}, Connections: 4, Players: 6,
		Duration: 200 * time.Millisecond, Mix: Mix{Slots: 1}, Stake: 2, Patience: 10 * time.Second,
		Now: stepClock(),
	}
}

// stepClock is a clock that advances by a millisecond whenever it is read. So a run makes as many bets on a slow machine as
// on a fast one.
func stepClock() func() time.Time {
	var reads atomic.Int64
	begin := time.Now()
	return func() time.Time { return begin.Add(time.Duration(reads.Add(1)) * time.Millisecond) }
}

func optionsWith(client Client, server *httptest.Server) Options {
	options := optionsFor(server)
	options.Client = client
	return options
}

func withEachClient(t *testing.T, test func(t *testing.T, client Client)) {
	for _, client := range []Client{Lean, NetHTTP} {
		t.Run(string(client), func(t *testing.T) { test(t, client) })
	}
}

func TestRun_AnHonestCasinoIsProven(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		c := &smallCasino{}
		report, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, c)))
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() {
			t.Errorf("violations: %v", report.Violations)
		}
		var text bytes.Buffer
		if err := report.Print(&text); err != nil || report.Client != client || !strings.Contains(text.String(), "\nclient: "+string(client)+"\n") {
			t.Errorf("the report names client %q: %v %s", report.Client, err, text.String())
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		booked := 0
		for _, p := range c.players {
			booked += len(p.rounds)
		}
		if report.Checked.Answers != booked || booked == 0 {
			t.Errorf("%d answers were checked, the books have %d rounds", report.Checked.Answers, booked)
		}
		if m := report.Casino; m.Requests == 0 || m.RequestsPerSecond <= 0 || m.Latency.P50 <= 0 || m.Latency.P99 > m.Latency.Max || m.Latency.P50 > m.Latency.P95 {
			t.Errorf("measured %+v", m)
		}
	})
}

func TestRun_BlackjackIsPlayedToItsEnd(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		options := optionsWith(client, openSmallCasino(t, &smallCasino{}))
		options.Mix = Mix{Slots: 1, Roulette: 1, Blackjack: 2}
		report, err := Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || len(report.Games) != 3 {
			t.Errorf("games %+v, violations: %v", report.Games, report.Violations)
		}
		for _, game := range report.Games {
			if game.Rounds == 0 {
				t.Errorf("no rounds of %s", game.Game)
			}
		}
	})
}

// A check that can't fail proves nothing: it must notice each kind of dishonesty.
func TestRun_NoticesWhatACasinoMustNotDo(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		for _, c := range []struct {
			name  string
			spoil func(n int, told, booked *smallRound) int
			want  string
		}{
			{"an answer that is not in the books", func(n int, told, booked *smallRound) int { return 0 }, "is not in the books"},
			{"a bet that is booked twice", func(n int, told, booked *smallRound) int { return 2 }, "has 2 stakes"},
			{"another payout than was told", func(n int, told, booked *smallRound) int { booked.Payout += 5; return 1 }, "or another outcome"},
			{"another outcome than was told", func(n int, told, booked *smallRound) int { booked.Outcome = "other"; return 1 }, "or another outcome"},
			{"another stake than was told", func(n int, told, booked *smallRound) int { booked.Staked++; return 1 }, "the balance went from"},
			{"one round for two bets", func(n int, told, booked *smallRound) int { told.ID, booked.ID = "7777777", "7777777"; return 1 }, "was the answer to two bets"},
			{"a round that never ends", func(n int, told, booked *smallRound) int { booked.Settled = false; return 1 }, "or another outcome"},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := 0
				casino := &smallCasino{spoil: func(told, booked *smallRound) int {
					n++
					if n != 5 && c.want != "was the answer to two bets" {
						return 1
					}
					return c.spoil(n, told, booked)
				}}
				report, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, casino)))
				if err != nil {
					t.Fatal(err)
				}
				if report.Proven() || !strings.Contains(strings.Join(report.Violations, "\n"), c.want) {
					t.Errorf("want a violation %q, got %q", c.want, report.Violations)
				}
				var text bytes.Buffer
				if err := report.Print(&text); err != nil || !strings.Contains(text.String(), "broken promises") {
					t.Errorf("printed %v %s", err, text.String())
				}
			})
		}
	})
}

func TestRun_ALostAnswerIsAskedForAgainUnderTheSameKey(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		casino := &smallCasino{dropAnswer: func(n int) bool { return n%5 == 4 }}
		report, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, casino)))
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || report.Failures["connection"] == 0 || report.Checked.Unanswered != 0 {
			t.Errorf("failures %v, unanswered %d, violations %v", report.Failures, report.Checked.Unanswered, report.Violations)
		}
	})
}

func TestRun_ALostSignUpIsAskedForAgainUnderItsKey(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		casino := &smallCasino{dropSignUp: func(n int) bool { return n%2 == 1 }}
		report, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, casino)))
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || report.Players != 6 || len(casino.players) != 6 {
			t.Errorf("%d players, %d accounts, violations %v", report.Players, len(casino.players), report.Violations)
		}
	})
}

func TestRun_APlayerWithAnOpenRoundFinishesItFirst(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		casino := &smallCasino{}
		options := optionsWith(client, openSmallCasino(t, casino))
		options.Players = 2
		for _, name := range []string{"with an open round", "without"} {
			token, p := casino.seat(name, "")
			options.Tokens = append(options.Tokens, token)
			if name != "without" {
				casino.deal(p)
			}
		}
		report, err := Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || report.Checked.Unanswered != 0 {
			t.Errorf("checked %+v, violations %v", report.Checked, report.Violations)
		}
		if p := casino.players[options.Tokens[0]]; p.open != nil || !p.rounds[0].Settled || len(p.rounds) < 2 {
			t.Errorf("the open round is %+v, and %d rounds were played", p.rounds[0], len(p.rounds))
		}
	})
}

func TestRun_WithoutKeysALostAnswerStaysUnknown(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		options := optionsWith(client, openSmallCasino(t, &smallCasino{dropAnswer: func(n int) bool { return n%5 == 4 }}))
		options.WithoutKeys = true
		report, err := Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || report.Checked.Unanswered == 0 {
			t.Errorf("unanswered %d, violations %v", report.Checked.Unanswered, report.Violations)
		}
	})
}

func TestRun_WaitsWhereTheCasinoSaysSo(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		casino := &smallCasino{refuse: func(n int) int {
			switch n % 8 {
			case 3:
				return 503
			case 6:
				return 429
			}
			return 0
		}}
		report, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, casino)))
		if err != nil {
			t.Fatal(err)
		}
		if !report.Proven() || report.Failures["unavailable"] == 0 || report.Failures["rate_limited"] == 0 {
			t.Errorf("failures %v, violations %v", report.Failures, report.Violations)
		}
	})
}

func TestRun_AClosedGameEndsTheRun(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		_, err := Run(t.Context(), optionsWith(client, openSmallCasino(t, &smallCasino{refuse: func(int) int { return 403 }})))
		if err == nil || !strings.Contains(err.Error(), "game_disabled") {
			t.Errorf("got %v", err)
		}
	})
}

func TestRun_PlayersWithoutCoinsStop(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		n := 0
		casino := &smallCasino{welcome: 1000, spoil: func(told, booked *smallRound) int {
			if n++; n > 6 { // at first they win, so that there is something to measure
				told.Payout, booked.Payout = 0, 0
				told.Staked, booked.Staked = 100, 100
			}
			return 1
		}}
		options := optionsWith(client, openSmallCasino(t, casino))
		options.Duration = 5 * time.Second // far longer than their coins last
		report, err := Run(t.Context(), options)
		if err != nil {
			// The coins were gone before anything was measured.
			if !strings.Contains(err.Error(), "insufficient_coins") {
				t.Error(err)
			}
			return
		}
		if !report.Proven() || report.Refusals["insufficient_coins"] == 0 || report.Broke == 0 {
			t.Errorf("refusals %v, broke %d, violations %v", report.Refusals, report.Broke, report.Violations)
		}
	})
}

func TestRun_ABaselineGivesARatio(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		options := optionsWith(client, openSmallCasino(t, &smallCasino{}))
		options.StartBare = func(ctx context.Context, secure bool, body []byte) (Bare, func() error, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return Bare{}, nil, err
			}
			ctx, cancel := context.WithCancel(ctx)
			served := make(chan error, 1)
			go func() { served <- ServeBare(ctx, listener, secure, body) }()
			stop := func() error {
				cancel()
				return <-served
			}
			return Bare{URL: "https://" + listener.Addr().String(), TLS: &tls.Config{InsecureSkipVerify: true}}, stop, nil
		}
		report, err := Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		base := report.Baseline
		if !report.Proven() || base == nil || len(base.Ratios) != baselinePairs || base.Ratio() <= 0 || base.Requests == 0 {
			t.Fatalf("baseline %+v, violations %v", base, report.Violations)
		}
		if !strings.HasSuffix(base.TLS, "ECDSA P-256") || base.Caveat == "" {
			t.Errorf("the test's casino has an RSA key, so a caveat is due: %q, %q", base.TLS, base.Caveat)
		}
	})
}

func TestRun_RefusesOptionsThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no connections":         func(o *Options) { o.Connections = 0 },
		"too short":              func(o *Options) { o.Duration = 0 },
		"no such client":         func(o *Options) { o.Client = "curl" },
		"no game":                func(o *Options) { o.Mix = Mix{} },
		"no stake":               func(o *Options) { o.Stake = 0 },
		"half coins":             func(o *Options) { o.Mix.Blackjack, o.Stake = 1, 1 },
		"more players than keys": func(o *Options) { o.Tokens, o.Players = []string{"a"}, 2 },
		"no scheme":              func(o *Options) { o.URL = "127.0.0.1:8080" },
		"a path":                 func(o *Options) { o.URL = "http://127.0.0.1:8080/casino" },
	} {
		options := Options{URL: "http://127.0.0.1:1", Connections: 1, Duration: time.Second, Mix: Mix{Slots: 1}, Stake: 1}
		change(&options)
		if _, err := Run(t.Context(), options); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRun_CountsWhoHasSignedUpAndNotWhoTries(t *testing.T) {
	var progress strings.Builder
	_, err := Run(t.Context(), Options{URL: "http://127.0.0.1:1", Connections: 64, Players: 64, Duration: time.Second, Mix: Mix{Slots: 1}, Stake: 1, Patience: time.Millisecond, Progress: &progress})
	if err == nil || strings.Contains(progress.String(), "signed up") {
		t.Errorf("no casino answers: %v\n%s", err, &progress)
	}
}

func TestMix_RoundTripAndRefusals(t *testing.T) {
	for text, want := range map[string]string{"slots=1": "slots=1", "blackjack=2, slots=1": "slots=1,blackjack=2"} {
		var mix Mix
		if err := mix.UnmarshalText([]byte(text)); err != nil || mix.String() != want {
			t.Errorf("%q: %v, %v", text, mix, err)
		}
	}
	for _, text := range []string{"", "slots", "slots=0", "slots=-1", "poker=1", "slots=x"} {
		var mix Mix
		if err := mix.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %v", text, mix)
		}
	}
}

func TestPercentile_IsTheNearestRank(t *testing.T) {
	var times []time.Duration
	for i := 1; i <= 200; i++ {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	for p, want := range map[int]float64{50: 100, 95: 190, 99: 198, 100: 200} {
		if got := percentile(times, p); got != want {
			t.Errorf("p%d is %v, want %v", p, got, want)
		}
	}
	if got := percentile(times[:1], 50); got != 1 {
		t.Errorf("p50 of one is %v", got)
	}
}

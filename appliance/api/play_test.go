package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
	slotsgame "imperio/games/slots"
	"imperio/storage/command"
)

func TestSpin_AnswersWithTheRoundAndTheBalance(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	r := p.do("POST", spin, `{"stake":10}`).want(t, 201, "")
	round := r.body["round"].(map[string]any)
	payout := r.body["payout"].(float64)
	if r.body["coins"].(float64) != 100_000-10+payout || r.body["held_coins"] != 0.0 || round["payout"] != payout {
		t.Errorf("%s", r.raw)
	}
	if round["game"] != "slots" || round["rules"] != "slots/2" || round["settled"] != true || round["nonce"] != 0.0 ||
		round["server_seed"] != nil || round["client_seed"] != "default:"+p.id || len(round["commitment"].(string)) != 64 ||
		round["opened_at"] != "2026-11-23T21:00:00.000Z" {
		t.Errorf("%s", r.raw)
	}
	if one := p.do("GET", "/api/v1/me/rounds/"+round["id"].(string), ""); one.status != 200 || fmt.Sprint(one.body) != fmt.Sprint(round) {
		t.Errorf("alone the round is %s", one.raw)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Length") != fmt.Sprint(len(r.raw)) {
		t.Errorf("%v", r.header)
	}
}

// The answer of a spin writes its own JSON, for speed. It must be what reflection would write.
func TestSpin_WritesItselfAsReflectionWould(t *testing.T) {
	machine := slotsgame.Versions()[1]
	rapid.Check(t, func(t *rapid.T) {
		stop := rapid.Uint16Range(slotsgame.FirstStop, slotsgame.FirstStop+slotsgame.Stops-1)
		coins := rapid.Int64Range(0, int64(games.MaxCoins))
		moment := rapid.Custom(func(t *rapid.T) time.Time { return time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "time")) })
		r := command.RoundResult{Coins: games.Coins(coins.Draw(t, "coins")), Held: games.Coins(coins.Draw(t, "held")), Round: command.Round{
			ID: command.RoundID(rapid.Uint64().Draw(t, "id")), Rules: "slots/2", Draws: []uint16{stop.Draw(t, "0"), stop.Draw(t, "1"), stop.Draw(t, "2")},
			Staked: games.Coins(coins.Draw(t, "staked")), Payout: games.Coins(coins.Draw(t, "payout")), Settled: rapid.Bool().Draw(t, "settled"),
			OpenedAt: moment.Draw(t, "opened"), Nonce: rapid.Uint64().Draw(t, "nonce"), Pair: rapid.Uint32().Draw(t, "pair"),
			Commitment: rapid.StringMatching("[0-9a-f]{64}").Draw(t, "commitment"), ClientSeed: rapid.String().Draw(t, "client seed"),
			Wager: games.Wager{Stake: games.Coins(rapid.Int64Range(1, int64(machine.MaxStake())).Draw(t, "stake"))},
		}}
		if rapid.Bool().Draw(t, "revealed") {
			r.Round.ServerSeed = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
			r.Round.SettledAt = moment.Draw(t, "settled at")
		}
		view, err := viewSpin(catalogue.Released(), &r)
		if err != nil {
			t.Fatal(err)
		}
		v := view.(*spinView)
		want, err := jsonv2.Marshal(v, marshalOptions)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.appendJSON(nil); !bytes.Equal(got, want) {
			t.Fatalf("wrote %s\nwant  %s", got, want)
		}
	})
}

func TestSpin_CanBeRecomputedOnceTheSeedIsRevealed(t *testing.T) {
	p := newHouse(t).player("cherry")
	r := p.do("POST", spin, `{"stake":10}`).want(t, 201, "")
	rot := p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":"my own seed 🍒"}`).want(t, 201, "")
	revealed := rot.body["revealed"].(map[string]any)
	round := p.do("GET", "/api/v1/me/rounds/"+r.body["round"].(map[string]any)["id"].(string), "").body
	if round["server_seed"] != revealed["server_seed"] || revealed["rounds"] != 1.0 {
		t.Fatalf("%v, %v", round, revealed)
	}
	seed, err := fair.ParseServerSeed(round["server_seed"].(string))
	if err != nil || fair.Commitment(seed) != round["commitment"] {
		t.Fatalf("%v: %v", err, round)
	}
	machine := slotsgame.Versions()[1]
	pos, err := machine.Play(fair.NewStream(seed, "slots/2", round["client_seed"].(string), 0), games.Wager{Stake: 10})
	if err != nil || fmt.Sprint(r.body["stops"]) != fmt.Sprint(pos.Draws) || r.body["payout"] != float64(pos.Payout) {
		t.Errorf("%v: %v, answered %s", err, pos, r.raw)
	}
	f := p.do("GET", "/api/v1/me/fairness", "").want(t, 200, "").body
	if f["client_seed"] != "my own seed 🍒" || f["client_seed_is_default"] != false || f["nonce"] != 0.0 || len(f["revealed"].([]any)) != 1 {
		t.Errorf("%v", f)
	}
}

func TestRotation_RefusesWhatIsNoClientSeed(t *testing.T) {
	p := newHouse(t).player("cherry")
	for _, seed := range []string{"", strings.Repeat("x", 65), strings.Repeat("é", 33), `a\u0000b`, `a\nb`, `a\u0085b`} {
		p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":"`+seed+`"}`).want(t, 422, "invalid_client_seed")
	}
	p.do("POST", "/api/v1/me/fairness/rotations", `{}`).want(t, 400, "bad_request")
	p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":7}`).want(t, 400, "bad_request")
}

func TestIdempotencyKey_TheSameKeyIsAnsweredTheSame(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for path, body := range map[string]string{
		spin:                            `{"stake":10}`,
		"/api/v1/games/roulette/spins":  `{"bets":[{"type":"red","amount":5},{"type":"split","numbers":[1,2],"amount":1}]}`,
		"/api/v1/me/daily-coins":        ``,
		"/api/v1/me/fairness/rotations": `{"client_seed":"again"}`,
	} {
		first := p.do("POST", path, body, "Idempotency-Key", "key of "+path).want(t, 201, "")
		coins := p.coins()
		again := p.do("POST", path, body, "Idempotency-Key", "key of "+path).want(t, 201, "")
		if !bytes.Equal(first.raw, again.raw) {
			t.Errorf("%s: first %s, then %s", path, first.raw, again.raw)
		}
		if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: not said to be a replay", path)
		}
		if now := p.coins(); now != coins {
			t.Errorf("%s: coins went from %d to %d", path, coins, now)
		}
	}
}

func TestIdempotencyKey_GoesIntoEveryCommandThatMovesCoins(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	h.casino.intercept = func(c command.Command) (command.Result, error, bool) {
		if c.Key != command.KeyOf("k") {
			t.Errorf("%T came without its key", c.Body)
		}
		return command.Refusef("idempotency_mismatch", "This key was used for something else."), nil, true
	}
	for path, body := range map[string]string{
		spin: `{"stake":10}`, "/api/v1/games/roulette/spins": `{"bets":[{"type":"red","amount":5}]}`, "/api/v1/me/daily-coins": `{}`,
		"/api/v1/games/blackjack/rounds": `{"stake":10}`, "/api/v1/games/blackjack/rounds/1/actions": `{"action":"hit"}`,
	} {
		p.do("POST", path, body, "Idempotency-Key", "k").want(t, 409, "idempotency_mismatch")
	}
}

// wagers are one of each game, and the daily coins.
var wagers = map[string]string{
	spin: `{"stake":10}`, "/api/v1/games/roulette/spins": `{"bets":[{"type":"red","amount":10}]}`, "/api/v1/games/blackjack/rounds": `{"stake":10}`,
	"/api/v1/me/daily-coins": `{}`,
}

// A bet that was taken under a key gets the same answer again, whatever the house has changed since. Without a key, or under
// a new one, the house refuses it.
func TestIdempotencyKey_IsKnownBeforeTheHouseRefuses(t *testing.T) {
	coins := "/api/v1/me/daily-coins"
	for name, c := range map[string]struct {
		change func(o *Options)
		status int
		code   string
		daily  bool // whether daily coins are refused as well
	}{
		"games are closed":  {eachTable(func(t *Table) { t.Enabled = false }), 409, "game_disabled", false},
		"stakes are higher": {eachTable(func(t *Table) { t.MinStake = 20 }), 422, "stake_out_of_range", false},
		"stakes are lower":  {eachTable(func(t *Table) { t.MaxStake, t.MaxBet = 5, 5 }), 422, "stake_out_of_range", false},
		"the disk is nearly full": {func(o *Options) {
			o.NewBets = func() *command.Refusal { return &command.Refusal{Code: "low_disk_space", Message: "No new bets."} }
		}, 503, "low_disk_space", false},
		"daily coins are off": {func(o *Options) { o.Offer.DailyCoins = 0 }, 409, "daily_coins_off", true},
	} {
		t.Run(name, func(t *testing.T) {
			for path, body := range wagers {
				if c.daily != (path == coins) {
					continue
				}
				h := newHouse(t)
				p := h.player(strings.Split(path, "/")[4])
				first := p.do("POST", path, body, "Idempotency-Key", "known").want(t, 201, "")
				c.change(&h.api.o)
				if err := h.api.Change(h.api.o.Offer); err != nil {
					t.Fatal(err)
				}
				again := p.do("POST", path, body, "Idempotency-Key", "known").want(t, 201, "")
				if !bytes.Equal(again.raw, first.raw) || again.header.Get("Idempotency-Replayed") != "true" {
					t.Errorf("%s: first %s, then %s", path, first.raw, again.raw)
				}
				proposed := len(h.casino.proposed)
				p.do("POST", path, body).want(t, c.status, c.code)
				if len(h.casino.proposed) != proposed {
					t.Errorf("%s: proposed without a key", path)
				}
				p.do("POST", path, body, "Idempotency-Key", "new").want(t, c.status, c.code)
			}
		})
	}
}

func TestIdempotencyKey_NoPlaceInTheLogForWhatNoTableTakes(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	proposed := len(h.casino.proposed)
	for path, body := range map[string]string{
		spin: `{"stake":0}`, "/api/v1/games/blackjack/rounds": `{"stake":9007199254740992}`,
		"/api/v1/games/roulette/spins": `{"bets":[{"type":"red","amount":0}]}`,
	} {
		p.do("POST", path, body, "Idempotency-Key", "k").want(t, 422, "stake_out_of_range")
	}
	if n := len(h.casino.proposed) - proposed; n != 0 {
		t.Errorf("%d commands were proposed", n)
	}
}

func TestTables_CanBeClosed(t *testing.T) {
	h := newHouse(t, eachTable(func(t *Table) { t.Enabled = false }))
	p := h.player("cherry")
	p.do("POST", spin, `{"stake":10}`).want(t, 409, "game_disabled")
	p.do("POST", "/api/v1/games/roulette/spins", `{"bets":[{"type":"red","amount":5}]}`).want(t, 409, "game_disabled")
	p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 409, "game_disabled")
	for _, g := range p.do("GET", "/api/v1/games", "").body["games"].([]any) {
		if g.(map[string]any)["enabled"] != false {
			t.Errorf("%v", g)
		}
	}
}

func TestTables_OpenRoundsFinishWhileTheDiskIsNearlyFull(t *testing.T) {
	var full bool
	h := newHouse(t, func(o *Options) {
		o.NewBets = func() *command.Refusal {
			if full {
				return &command.Refusal{Code: "low_disk_space", Message: "No new bets."}
			}
			return nil
		}
	})
	p := h.player("cherry")
	id := p.dealUntilOpen()
	full = true
	p.do("POST", spin, `{"stake":10}`).want(t, 503, "low_disk_space")
	p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 503, "low_disk_space")
	p.finish(id)
}

func TestWrites_OnlyWhatCantWaitIsTakenWhileTheDiskIsNearlyFull(t *testing.T) {
	var full, half bool
	refusing := func(is *bool) func() *command.Refusal {
		return func() *command.Refusal {
			if *is {
				return &command.Refusal{Code: "low_disk_space", Message: "Not now."}
			}
			return nil
		}
	}
	h := newHouse(t, func(o *Options) { o.NewBets, o.Writes, o.Spare = refusing(&full), refusing(&full), refusing(&half) })
	p := h.player("cherry")
	full = true
	signUp := `{"username":"plum","email":"plum@example.org","password":"correct horse"}`
	signIn := `{"login":"cherry","password":"correct horse"}`
	p.do("POST", "/api/v1/accounts", signUp).want(t, 503, "low_disk_space")
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 503, "low_disk_space")
	p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":"plum"}`).want(t, 503, "low_disk_space")
	p.do("PUT", "/api/v1/me/password", `{"current":"a","new":"another horse"}`).want(t, 503, "low_disk_space")
	p.do("POST", "/api/v1/sessions", signIn).want(t, 201, "")
	half = true
	p.do("POST", "/api/v1/sessions", signIn).want(t, 503, "low_disk_space")
	proposed := h.casino.proposals()
	p.do("POST", spin, `{"stake":0}`).want(t, 422, "stake_out_of_range")
	p.do("POST", spin, `{"stake":5}`, "Idempotency-Key", "bet").want(t, 503, "low_disk_space")
	if n := h.casino.proposals() - proposed; n != 0 {
		t.Errorf("refused bets left %d entries in the log", n)
	}
	p.do("PUT", "/api/v1/me/limits", `{"stake_per_day":5,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":null,"reality_check_minutes":null}`).want(t, 200, "")
	p.do("GET", "/api/v1/me", "").want(t, 200, "")
	p.do("POST", "/api/v1/me/exclusions", `{"days":1}`).want(t, 201, "")
}

// dealUntilOpen deals until a round waits for its player.
func (c *client) dealUntilOpen() (id string) {
	c.h.t.Helper()
	for range 100 {
		r := c.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(c.h.t, 201, "")
		if r.body["settled"] == false {
			return r.body["round"].(map[string]any)["id"].(string)
		}
	}
	c.h.t.Fatal("a hundred rounds were settled by their deal")
	return ""
}

// dealUntilAllowed deals until a round waits for its player in which the action is allowed.
func (c *client) dealUntilAllowed(action string) (id string) {
	c.h.t.Helper()
	for range 100 {
		id = c.dealUntilOpen()
		r := c.do("GET", "/api/v1/games/blackjack/rounds/open", "")
		if slices.Contains(r.body["allowed_actions"].([]any), any(action)) {
			return id
		}
		c.finish(id)
	}
	c.h.t.Fatalf("no round allowed %s", action)
	return ""
}

// finish declines insurance and stands until the round is settled.
func (c *client) finish(id string) reply {
	c.h.t.Helper()
	r := c.do("GET", "/api/v1/games/blackjack/rounds/open", "").want(c.h.t, 200, "")
	for range 10 {
		action := "stand"
		if fmt.Sprint(r.body["allowed_actions"]) == "[insurance decline_insurance]" {
			action = "decline_insurance"
		}
		r = c.do("POST", "/api/v1/games/blackjack/rounds/"+id+"/actions", `{"action":"`+action+`"}`).want(c.h.t, 200, "")
		if r.body["settled"] == true {
			return r
		}
	}
	c.h.t.Fatal("the round does not end")
	return r
}

func TestBlackjack_NeverShowsTheHoleCardOrTheShoe(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	h.seen = func(r *http.Request, _ *http.Response, body []byte) {
		if !bytes.Contains(body, []byte(`"hands"`)) {
			return
		}
		if bytes.Contains(body, []byte("draws")) || bytes.Contains(body, []byte("shoe")) {
			t.Errorf("%s: %s", r.URL, body)
		}
		if bytes.Contains(body, []byte(`"settled":false`)) && !bytes.Contains(body, []byte(`"hidden":1`)) {
			t.Errorf("%s: nothing is hidden: %s", r.URL, body)
		}
		if i := bytes.Index(body, []byte(`"server_seed":"`)); i >= 0 {
			t.Errorf("%s: the seed of an open pair: %s", r.URL, body)
		}
	}
	for range 30 {
		id := p.dealUntilOpen()
		for _, path := range []string{"/api/v1/games/blackjack/rounds/open", "/api/v1/me/rounds/" + id, "/api/v1/me/rounds"} {
			p.do("GET", path, "").want(t, 200, "")
		}
		r := p.do("GET", "/api/v1/games/blackjack/rounds/open", "")
		dealer := r.body["dealer"].(map[string]any)
		if len(dealer["cards"].([]any)) != 1 || dealer["blackjack"] != false {
			t.Errorf("the dealer shows %v", dealer)
		}
		p.finish(id)
	}
}

// allowedActions are those of an answer or an event, which must be the same wherever they occur in it.
func allowedActions(t *testing.T, body map[string]any) string {
	t.Helper()
	within := fmt.Sprint(body["round"].(map[string]any)["outcome"].(map[string]any)["allowed_actions"])
	if top, ok := body["allowed_actions"]; ok && fmt.Sprint(top) != within {
		t.Errorf("%v are allowed, and within the round %s", top, within)
	}
	return within
}

// setCoins sets everybody's balance.
func (f *fakeCasino) setCoins(coins games.Coins) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.accounts {
		a.Coins = coins
	}
}

// Doubles, splits and insurance cost coins: a player with too few is not offered them.
func TestBlackjack_AllowsWhatTheBalanceCanPay(t *testing.T) {
	for action, c := range map[string]struct {
		costs games.Coins
		rest  string // what is allowed without it, at least
	}{"double": {10, "[hit stand"}, "split": {10, "[hit stand"}, "insurance": {5, "[decline_insurance]"}} {
		h := newHouse(t)
		p := h.player("cherry")
		p.dealUntilAllowed(action)
		for coins, offered := range map[games.Coins]bool{c.costs: true, c.costs - 1: false} {
			h.casino.setCoins(coins)
			allowed := allowedActions(t, p.do("GET", "/api/v1/games/blackjack/rounds/open", "").want(t, 200, "").body)
			if words := strings.Fields(strings.Trim(allowed, "[]")); slices.Contains(words, action) != offered || !offered && !strings.HasPrefix(allowed, c.rest) {
				t.Errorf("%s costs %d, and with %d coins %s are allowed", action, c.costs, coins, allowed)
			}
		}
	}
}

func TestBlackjack_ADealOfTheLastCoinsLeavesNothingToPayWith(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	conn := p.mustListen()
	next(t, conn)
	for range 20 {
		h.casino.setCoins(10)
		r := p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 201, "")
		for told := next(t, conn); ; told = next(t, conn) {
			allowed := allowedActions(t, r.body)
			if strings.Contains(allowed, "double") || strings.Contains(allowed, "split") || strings.Contains(allowed, "[insurance") {
				t.Errorf("without a coin %s are allowed", allowed)
			}
			if live := allowedActions(t, told); live != allowed {
				t.Errorf("answered %s, told %s", allowed, live)
			}
			if r.body["settled"] == true {
				break
			}
			action := "stand"
			if allowed == "[decline_insurance]" {
				action = "decline_insurance"
			}
			path := "/api/v1/games/blackjack/rounds/" + r.body["round"].(map[string]any)["id"].(string) + "/actions"
			r = p.do("POST", path, `{"action":"`+action+`"}`).want(t, 200, "")
		}
	}
}

func TestBlackjack_RefusalsAreToldApart(t *testing.T) {
	h := newHouse(t)
	p, q := h.player("cherry"), h.player("apple")
	id := p.dealUntilOpen()
	actions := "/api/v1/games/blackjack/rounds/" + id + "/actions"
	p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`).want(t, 409, "round_open")
	p.do("POST", "/api/v1/games/blackjack/rounds", `{"stake":1}`).want(t, 422, "stake_out_of_range")
	p.do("POST", actions, `{"action":"fold"}`).want(t, 422, "unknown_action")
	p.do("POST", actions, `{"action":"Hit"}`).want(t, 422, "unknown_action")
	p.do("POST", actions, `{}`).want(t, 400, "bad_request")
	p.do("POST", actions, `{"action":null}`).want(t, 400, "bad_request")
	p.do("POST", actions, `{"action":"hit","cards":[1]}`).want(t, 400, "unknown_field")
	q.do("POST", actions, `{"action":"hit"}`).want(t, 404, "round_not_found")
	q.do("GET", "/api/v1/me/rounds/"+id, "").want(t, 404, "round_not_found")
	p.do("POST", "/api/v1/games/blackjack/rounds/0/actions", `{"action":"hit"}`).want(t, 404, "round_not_found")
	p.do("POST", "/api/v1/games/blackjack/rounds/x/actions", `{"action":"hit"}`).want(t, 404, "round_not_found")
	p.finish(id)
	p.do("POST", actions, `{"action":"hit"}`).want(t, 409, "round_settled")
	p.do("GET", "/api/v1/games/blackjack/rounds/open", "").want(t, 404, "no_open_round")
}

// meeting holds actions back until all that are awaited have come in: all were decided on in the same position.
type meeting struct {
	*fakeCasino
	awaited atomic.Pointer[sync.WaitGroup] // nil: no action is held back
}

func (m *meeting) Propose(ctx context.Context, c command.Command) (command.Result, error) {
	if w := m.awaited.Load(); w != nil && c.Body.Kind() == command.KindTakeAction {
		w.Done()
		w.Wait()
	}
	return m.fakeCasino.Propose(ctx, c)
}

func TestBlackjack_OfHitsAtOnceOneIsTaken(t *testing.T) {
	m := new(meeting)
	h := newHouse(t, func(o *Options) { m.fakeCasino, o.Casino = o.Casino.(*fakeCasino), m })
	p := h.player("cherry")
	actions := "/api/v1/games/blackjack/rounds/" + p.dealUntilAllowed("hit") + "/actions"
	const atOnce = 5
	var all sync.WaitGroup
	all.Add(atOnce)
	m.awaited.Store(&all)
	codes := make(chan string, atOnce)
	for range atOnce {
		go func() { codes <- p.do("POST", actions, `{"action":"hit"}`).code() }()
	}
	taken := 0
	for range atOnce {
		switch code := <-codes; code {
		case "":
			taken++
		case "round_moved", "round_settled": // settled if the hit busts
		default:
			t.Errorf("refused with %s", code)
		}
	}
	if taken != 1 {
		t.Errorf("%d hits were taken", taken)
	}
}

func TestBlackjack_AnActionIsForTheRoundAsItWasSeen(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	var actions string
	for moved := false; !moved; { // a hit may settle the round
		actions = "/api/v1/games/blackjack/rounds/" + p.dealUntilAllowed("hit") + "/actions"
		moved = p.do("POST", actions, `{"action":"hit","taken":0}`, "Idempotency-Key", actions).want(t, 200, "").body["settled"] == false
	}
	p.do("POST", actions, `{"action":"stand","taken":0}`).want(t, 409, "round_moved")
	p.do("POST", actions, `{"action":"stand","taken":9223372036854775808}`).want(t, 409, "round_moved")
	for _, bad := range []string{"-1", "1.0", `"1"`, "null"} {
		p.do("POST", actions, `{"action":"stand","taken":`+bad+`}`).want(t, 400, "bad_request")
	}
	for _, body := range []string{`{"action":"hit","taken":0}`, `{"action":"hit","taken":1}`, `{"action":"hit"}`} {
		r := p.do("POST", actions, body, "Idempotency-Key", actions).want(t, 200, "")
		if r.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s is a new action: %s", body, r.raw)
		}
	}
	p.do("POST", actions, `{"action":"stand","taken":1}`).want(t, 200, "")
}

func TestDailyCoins_OnceADay(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	r := p.do("POST", "/api/v1/me/daily-coins", "").want(t, 201, "")
	if r.body["amount"] != 100.0 || r.body["coins"] != 100_100.0 || r.body["next_at"] != "2026-11-24T21:00:00.000Z" {
		t.Errorf("%s", r.raw)
	}
	again := p.do("POST", "/api/v1/me/daily-coins", "").want(t, 409, "already_collected")
	if again.body["next_at"] != "2026-11-24T21:00:00.000Z" {
		t.Errorf("%s", again.raw)
	}
	if me := p.do("GET", "/api/v1/me", ""); me.body["daily_coins_at"] != "2026-11-24T21:00:00.000Z" {
		t.Errorf("%s", me.raw)
	}
	h.pass(24 * time.Hour)
	if me := p.do("GET", "/api/v1/me", ""); me.body["daily_coins_at"] != nil {
		t.Errorf("%s", me.raw)
	}
	p.do("POST", "/api/v1/me/daily-coins", "{}").want(t, 201, "")
	p.do("POST", "/api/v1/me/daily-coins", `{"amount":1000}`).want(t, 400, "unknown_field")
}

func TestDailyCoins_AreOffWhereThereAreNone(t *testing.T) {
	p := newHouse(t, func(o *Options) { o.Offer.DailyCoins = 0 }).player("cherry")
	p.do("POST", "/api/v1/me/daily-coins", "").want(t, 409, "daily_coins_off")
}

func TestLists_ArePagedToTheirEnd(t *testing.T) {
	p := newHouse(t).player("cherry")
	for range 7 {
		p.do("POST", spin, `{"stake":1}`).want(t, 201, "")
	}
	seen := make(map[string]bool)
	path, pages := "/api/v1/me/rounds?limit=3&game=slots", 0
	for next := ""; ; pages++ {
		r := p.do("GET", path+next, "").want(t, 200, "")
		for _, round := range r.body["rounds"].([]any) {
			id := round.(map[string]any)["id"].(string)
			if seen[id] {
				t.Errorf("round %s is on two pages", id)
			}
			seen[id] = true
		}
		cursor, ok := r.body["next_cursor"].(string)
		if !ok {
			break
		}
		next = "&cursor=" + cursor
	}
	if len(seen) != 7 || pages != 2 {
		t.Errorf("%d rounds on %d pages", len(seen), pages+1)
	}
	if r := p.do("GET", "/api/v1/me/transfers?kind=stake", ""); len(r.body["transfers"].([]any)) != 7 {
		t.Errorf("%s", r.raw)
	}
	if r := p.do("GET", "/api/v1/me/rounds?game=roulette", ""); string(r.raw) != `{"rounds":[],"next_cursor":null}` {
		t.Errorf("%s", r.raw)
	}
}

func TestLimits_AllSixAreSetAtOnce(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	none := `"stake_per_day":null,"loss_per_day":null,"loss_per_week":null,"loss_per_month":null,"session_minutes":null`
	r := p.do("PUT", "/api/v1/me/limits", `{`+none+`,"reality_check_minutes":60}`).want(t, 200, "")
	in := r.body["in_force"].(map[string]any)
	pending := r.body["pending"].([]any)
	if in["reality_check_minutes"] != 60.0 || in["stake_per_day"] != nil || len(pending) != 2 {
		t.Fatalf("%s", r.raw)
	}
	if one, other := pending[0].(map[string]any), pending[1].(map[string]any); one["limit"] != "stake_per_day" || one["value"] != 5.0 ||
		other["limit"] != "loss_per_day" || other["value"] != nil || one["from"] == other["from"] {
		t.Errorf("%s", r.raw)
	}
	p.do("PUT", "/api/v1/me/limits", `{`+none+`}`).want(t, 400, "bad_request")
	for _, bad := range []string{"0", "-1", "1441", "9223372036854775808"} {
		p.do("PUT", "/api/v1/me/limits", `{`+none+`,"reality_check_minutes":`+bad+`}`).want(t, 422, "invalid_limits")
	}
	for _, bad := range []string{"1.5", `"60"`, "true", "1e2"} {
		p.do("PUT", "/api/v1/me/limits", `{`+none+`,"reality_check_minutes":`+bad+`}`).want(t, 400, "bad_request")
	}
}

func TestExclusion_IsForDaysOrForEver(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	for body, code := range map[string]string{
		`{"days":0}`: "invalid_exclusion", `{"days":-1}`: "invalid_exclusion", `{"days":1826}`: "invalid_exclusion",
		`{"days":1.5}`: "bad_request", `{"days":"7"}`: "bad_request", `{"days":null}`: "bad_request", `{}`: "bad_request",
		`{"days":"For_ever"}`: "bad_request",
	} {
		if r := p.do("POST", "/api/v1/me/exclusions", body); r.code() != code {
			t.Errorf("%s: %d %q", body, r.status, r.code())
		}
	}
	r := p.do("POST", "/api/v1/me/exclusions", `{"days":"for_ever"}`).want(t, 201, "")
	if r.body["excluded_until"] != "9999-12-31T23:59:59.000Z" {
		t.Errorf("%s", r.raw)
	}
	p.do("GET", "/api/v1/me", "").want(t, 401, "unauthenticated")
}

func TestCommands_AreStampedWithFreshEntropy(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	p.do("POST", spin, `{"stake":1}`).want(t, 201, "")
	p.do("POST", "/api/v1/me/fairness/rotations", `{"client_seed":"x"}`).want(t, 201, "")
	ids, seeds := make(map[command.ID]bool), make(map[string]bool)
	for _, c := range h.casino.proposed {
		if c.ID == (command.ID{}) || ids[c.ID] {
			t.Errorf("%T has the id %x", c.Body, c.ID)
		}
		ids[c.ID] = true
		want := map[command.Kind]int{command.KindOpenAccount: 64, command.KindRotateSeed: 32}[c.Body.Kind()]
		if len(c.Entropy) != want {
			t.Errorf("%T has %d bytes of entropy", c.Body, len(c.Entropy))
		}
		for i := 0; i+32 <= len(c.Entropy); i += 32 {
			seeds[hex.EncodeToString(c.Entropy[i:i+32])] = true
		}
	}
	if len(seeds) != 3 {
		t.Errorf("%d different seeds, want 3", len(seeds))
	}
}

func TestCalls_DoNotShareWhatTheyPool(t *testing.T) {
	h := newHouse(t)
	players := make([]*client, 8)
	for i := range players {
		players[i] = h.player(fmt.Sprintf("player%d", i))
	}
	var wait sync.WaitGroup
	for i, p := range players {
		wait.Go(func() {
			for range 50 {
				r := p.do("POST", spin, fmt.Sprintf(`{"stake":%d}`, i+1))
				round, _ := r.body["round"].(map[string]any)
				if r.status != 201 || round["stake"] != float64(i+1) || round["client_seed"] != "default:"+p.id {
					t.Errorf("player %s: %d %s", p.id, r.status, r.raw)
				}
				if me := p.do("GET", "/api/v1/me", ""); me.body["id"] != p.id {
					t.Errorf("player %s is told of %s", p.id, me.raw)
				}
			}
		})
	}
	wait.Wait()
}

func TestGames_AreOpenToEverybody(t *testing.T) {
	r := newHouse(t).visitor().do("GET", "/api/v1/games", "").want(t, 200, "")
	if !strings.Contains(r.body["play_money"].(string), "never bought, sold or paid out") {
		t.Errorf("%s", r.raw)
	}
	for i, name := range []string{"slots", "roulette", "blackjack"} {
		g := r.body["games"].([]any)[i].(map[string]any)
		if g["game"] != name || g["sheet"].(map[string]any)["rules"] != g["rules"] {
			t.Errorf("%v", g)
		}
	}
}

// The operator decides how long an open round waits; if it is known, the rules that players read say it.
func TestGames_SayWhenAnAbandonedRoundIsSettled(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "for a time that the operator sets, the round is settled:", 24 * time.Hour: "for 24 hours, the round is settled:", time.Hour: "for 1 hour, the round is settled:",
		90 * time.Minute: "for 90 minutes, the round is settled:", 75 * time.Second: "for 75 seconds, the round is settled:",
	} {
		h := newHouse(t, eachTable(func(t *Table) { t.AbandonAfter = after }))
		list := h.visitor().do("GET", "/api/v1/games", "").want(t, 200, "").body["games"].([]any)
		for _, g := range list {
			g := g.(map[string]any)
			seconds, said := g["abandon_after_seconds"]
			if g["game"] != "blackjack" {
				if said {
					t.Errorf("%v has no open rounds, but waits %v", g["game"], seconds)
				}
				continue
			}
			text := fmt.Sprint(g["sheet"].(map[string]any)["text"])
			if !strings.Contains(text, want) || said != (after > 0) || said && seconds != after.Seconds() {
				t.Errorf("%s: %v seconds, %q is missing in %s", after, seconds, want, text)
			}
		}
	}
}

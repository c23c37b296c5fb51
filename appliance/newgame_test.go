package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/proof"
	"imperio/games/gamestest"
	"imperio/storage/ledger"
)

// openDiceHouse opens a house that also plays a game that the product does not know.
func openDiceHouse(t *testing.T) *realHouse {
	t.Helper()
	h := &realHouse{t: t, config: config.Default(), games: gamestest.Catalogue()}
	c := &h.config
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	c.Limits.On = false
	c.Accounts.BcryptCost, c.Accounts.WelcomeCoins = 4, 100_000
	h.tables = append(c.Games.Tables(), config.Table{
		Game: "dice", Enabled: true, Rules: "dice/1", MinStake: 1, MaxStake: 100, MaxTotal: 100, AbandonAfter: 2 * time.Hour,
	})
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

// diceRound plays until a round of dice matches. In other rounds it keeps the die.
func (c *realClient) diceRound(wanted func(round map[string]any) bool) map[string]any {
	c.h.t.Helper()
	for range 1000 {
		r := c.object(201, "POST", "/api/v1/games/dice/rounds", `{"stake":10}`)["round"].(map[string]any)
		if wanted(r) {
			return r
		}
		if r["settled"] == false {
			c.actDice(r, gamestest.Keep)
		}
	}
	c.h.t.Fatal("no round of dice matches")
	return nil
}

func (c *realClient) actDice(round map[string]any, action string) map[string]any {
	c.h.t.Helper()
	return c.object(200, "POST", "/api/v1/games/dice/rounds/"+round["id"].(string)+"/actions", `{"action":"`+action+`"}`)["round"].(map[string]any)
}

// A game in test code works in every part of the house. Only its descriptor says what it is.
func TestNewGame_GoesThroughTheWholeHouse(t *testing.T) {
	h := openDiceHouse(t)
	p := h.player("cherry")

	// The API offers it, with its sheet.
	offered := p.object(200, "GET", "/api/v1/games", "")["games"].([]any)
	if len(offered) != 4 {
		t.Fatalf("%d games are offered", len(offered))
	}
	dice := offered[3].(map[string]any)
	sheet := dice["sheet"].(map[string]any)
	if dice["game"] != "dice" || dice["max_stake"] != 100.0 || dice["abandon_after_seconds"] != 7200.0 || sheet["name"] != "Lucky Dice" ||
		sheet["figures"].(map[string]any)["return"] != "2/3" || !strings.Contains(fmt.Sprint(sheet["text"]), "After 2 hours the die is kept.") {
		t.Errorf("dice is offered as %v", dice)
	}

	// It is played: rounds settle at once, by an action, by an action that costs more, or are abandoned.
	isOpen := func(r map[string]any) bool { return r["settled"] == false }
	p.diceRound(func(r map[string]any) bool { return r["settled"] == true })
	raised := p.diceRound(isOpen)
	p.object(404, "GET", "/api/v1/games/blackjack/rounds/open", "") // another game's desk does not know it
	p.object(404, "POST", "/api/v1/games/blackjack/rounds/"+raised["id"].(string)+"/actions", `{"action":"hit"}`)
	p.object(409, "POST", "/api/v1/games/blackjack/rounds", `{"stake":10}`)
	open := p.object(200, "GET", "/api/v1/games/dice/rounds/open", "")
	if fmt.Sprint(open["round"].(map[string]any)["outcome"].(map[string]any)["allowed_actions"]) != "[keep again]" || open["held_coins"] != 10.0 {
		t.Errorf("the open round is %v", open)
	}
	p.object(422, "POST", "/api/v1/games/dice/rounds/"+raised["id"].(string)+"/actions", `{"action":"hit"}`)
	if raised = p.actDice(raised, gamestest.Again); raised["staked"] != 20.0 || raised["settled"] != true {
		t.Errorf("with a second die the round is %v", raised)
	}
	left := p.diceRound(isOpen)
	ctx := context.Background()
	if _, err := h.app.dir.store.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.app.settleAllAbandoned(ctx, "blackjack", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r := p.object(200, "GET", "/api/v1/me/rounds/"+left["id"].(string), ""); r["settled"] != false {
		t.Fatal("a round of dice was settled as one of blackjack")
	}
	if err := h.app.settleAllAbandoned(ctx, "dice", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r := p.object(200, "GET", "/api/v1/me/rounds/"+left["id"].(string), ""); r["settled"] != true || fmt.Sprint(r["actions"]) != "[keep]" {
		t.Fatalf("the round that its player left is %v", r)
	}

	// Idempotency keys work.
	first := p.object(201, "POST", "/api/v1/games/dice/rounds", `{"stake":7}`, "Idempotency-Key", "once")
	if again := p.object(201, "POST", "/api/v1/games/dice/rounds", `{"stake":7}`, "Idempotency-Key", "once"); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("asked again the round is %v, was %v", again, first)
	}
	if r := first["round"].(map[string]any); r["settled"] == false {
		p.actDice(r, gamestest.Keep)
	}
	p.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":5}`)

	// Statistics, lists, metrics and the ledger know it by its name.
	rounds := p.all("/api/v1/me/rounds", "rounds")
	var staked, paid float64
	n := 0
	for _, r := range rounds {
		if r["game"] == "dice" {
			n, staked, paid = n+1, staked+r["staked"].(float64), paid+r["payout"].(float64)
		}
	}
	if only := p.object(200, "GET", "/api/v1/me/rounds?game=dice&limit=200", "")["rounds"].([]any); len(only) != n || n != len(rounds)-1 {
		t.Errorf("%d of %d rounds are of dice, listed are %d", n, len(rounds), len(only))
	}
	moved := 0.0
	for _, x := range p.object(200, "GET", "/api/v1/me/transfers?game=dice&limit=200", "")["transfers"].([]any) {
		moved += x.(map[string]any)["amount"].(float64)
	}
	if moved != paid-staked {
		t.Errorf("transfers of dice add up to %v, its rounds to %v", moved, paid-staked)
	}
	statistics := p.object(200, "GET", "/api/v1/me/statistics", "")["games"].([]any)
	if len(statistics) != 4 {
		t.Fatalf("%d games are in the statistics", len(statistics))
	}
	if s := statistics[3].(map[string]any); s["game"] != "dice" || s["rounds"] != float64(n) || s["staked"] != staked || s["paid"] != paid {
		t.Errorf("the statistics of dice are %v, want %d rounds, %v staked, %v paid", s, n, staked, paid)
	}
	wantMetric(t, h.app.metrics, fmt.Sprintf(`imperio_bets_total{game="dice"} %d`, n), fmt.Sprintf(`imperio_house_balance_coins{game="dice"} %v`, staked-paid),
		`imperio_return_theoretical_ratio{game="dice",rules="dice/1"} 0.6666666666666666`)
	snapshot, err := h.app.dir.store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	record := snapshot.Machine()
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	game, _ := h.games.Named("dice")
	if got := record.Books.Of(ledger.House(game)); float64(got) != staked-paid {
		t.Errorf("the house of dice has %d, want %v", got, staked-paid)
	}

	// "fair" proves its rounds, and finds a forged outcome.
	p.object(201, "POST", "/api/v1/me/fairness/rotations", `{"client_seed":"clover"}`)
	for _, r := range []map[string]any{raised, left} {
		_, data := p.send("GET", "/api/v1/me/rounds/"+r["id"].(string), "")
		holdDiceProof(t, h, data)
	}

	// "odds" prints its mathematics.
	var printed strings.Builder
	odds, err := proof.ComputeOdds(ctx, h.games, proof.OddsOptions{Game: "dice"})
	if err == nil {
		err = odds.WriteText(&printed)
	}
	if err != nil ||
		!strings.Contains(printed.String(), "Lucky Dice (dice/1)") || !strings.Contains(printed.String(), "2/3") {
		t.Errorf("%v:\n%s", err, printed.String())
	}

	// The audit proves it: through the server, from the directory, and after a restart.
	holdDiceAudit(t, h, n)
	h.stop()
	holdDiceAudit(t, h, n)
	h.start()
	if s := p.object(200, "GET", "/api/v1/me/statistics", "")["games"].([]any)[3].(map[string]any); s["rounds"] != float64(n) {
		t.Errorf("after a restart the statistics of dice are %v", s)
	}
	holdDiceAudit(t, h, n)

	// A program that does not know the game does not accept its books.
	h.stop()
	if _, err := Audit(ctx, h.config.Data, nil); err == nil || !strings.Contains(err.Error(), "dice/1") {
		t.Errorf("an audit without dice says %v", err)
	}
}

// holdDiceProof recomputes a round from the API's answer.
func holdDiceProof(t *testing.T, h *realHouse, data []byte) {
	t.Helper()
	round, err := proof.ReadRound(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	proved, err := proof.Recompute(h.games, round)
	if err != nil || !proved.Matches() || !slices.Contains(proved.Compared, "outcome") {
		t.Fatalf("%s is not proved: %v, %+v", data, err, proved)
	}
	var told strings.Builder
	if err := proved.WriteText(&told); err != nil || !strings.Contains(told.String(), "die 1: 1 + ") || !strings.Contains(told.String(), "the dice show ") {
		t.Errorf("%v:\n%s", err, told.String())
	}
	round.Outcome = json.RawMessage(`{"dice":[6,6,6],"allowed_actions":[]}`)
	if lied, err := proof.Recompute(h.games, round); err != nil || lied.Matches() {
		t.Errorf("a lie is proved: %v", err)
	}
}

func holdDiceAudit(t *testing.T, h *realHouse, rounds int) {
	t.Helper()
	proved, err := auditWith(context.Background(), h.config.Data, h.games, nil)
	if err != nil || !slices.ContainsFunc(proved.Proved, func(line string) bool { return strings.HasPrefix(line, fmt.Sprintf("dice      %d rounds, ", rounds)) }) {
		t.Errorf("the audit proves %q, %v", proved.Proved, err)
	}
}

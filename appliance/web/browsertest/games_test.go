package browsertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func TestSignUp_OpensAnAccountWithWelcomeCoins(t *testing.T) {
	p := open(t, look{})
	p.visit("/")
	p.click(`a[href="/sign-up"]`)
	p.wait("the form", `document.querySelector('input[name=username]')`)
	p.click("form button[type=submit]")
	p.wait("an empty form is refused in words", `document.querySelector('[aria-invalid=true]')`)
	run(p, `(() => { const set = (n, v) => { document.querySelector('input[name=' + n + ']').value = v; }; set('username', 'agrippina'); set('email', 'agrippina@example.org'); set('password', 'short'); })()`)
	p.expect("422")
	p.click("form button[type=submit]")
	p.wait("a short password is refused at its field", `document.querySelector('input[name=password][aria-invalid=true]')`)
	run(p, `document.querySelector('input[name=password]').value = 'long enough for a password'`)
	p.click("form button[type=submit]")
	p.wait("the lobby with a balance", `location.pathname === '/' && document.getElementById('balance')`)
	if got := p.shownCoins(); got != welcomeCoins {
		t.Errorf("the page shows %d coins, want %d", got, welcomeCoins)
	}
	before := p.shownCoins()
	p.click("#collect")
	p.wait("the daily coins", `document.getElementById('collect').hidden && Number(document.getElementById('balance').dataset.coins) > %s`, before)
	p.click("#sign-out")
	p.wait("signed out", `document.querySelector('a[href="/sign-in"]') && !document.getElementById('balance')`)
}

func (p *tab) spot(id string) string { return `[data-spot="` + id + `"]` }

func (p *tab) onTable() int {
	p.t.Helper()
	return eval[int](p, `[...document.querySelectorAll('.laid im-chip')].reduce((sum, c) => sum + Number(c.getAttribute('amount')), 0)`)
}

func (p *tab) expectOnTable(what string, want int) {
	p.t.Helper()
	if got := p.onTable(); got != want {
		p.t.Errorf("%s: %d coins on the table, want %d", what, got, want)
	}
}

// Chips on one spot add up to at most the highest bet of a position, by clicks as by doubling.
func TestRoulette_ASpotTakesAtMostTheHighestBet(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/wallet")
	p.standIn("/api/v1/games", `(to, options) => window.fetchOfTheBrowser(to, options).then(a => a.json()).then(all => {
		all.games.find(g => g.game === 'roulette').max_bet = 2;
		return new Response(JSON.stringify(all), { headers: { 'Content-Type': 'application/json' } });
	})`)
	p.click(`nav a[href="/roulette"]`)
	p.wait("the table", `document.querySelector('[data-spot="straight:17"]')`)
	p.point(`.chips [data-chip="1"]`)
	for range 3 {
		p.point(p.spot("straight:17"))
	}
	p.expectOnTable("three clicks on 17", 2)
	if text := p.text("#outcome"); text != "This table takes at most 2 coins on one position." {
		t.Errorf("the page says %q", text)
	}
	p.point(p.spot("split:17-20"))
	p.expectOnTable("a click beside it", 3)
	p.click(`[data-tool="double"]`)
	p.expectOnTable("double", 3)
}

func TestRoulette_ChipsAreLaidByMouseAndKeyboard(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/roulette")
	p.point(`.chips [data-chip="1"]`)
	for _, id := range []string{"straight:17", "split:8-9", "split:14-17", "corner:8-9-11-12", "street:34-35-36", "six_line:1-2-3-4-5-6", "trio:0-1-2", "first_four:0-1-2-3", "dozen:2", "column:3", "red"} {
		before := p.onTable()
		p.point(p.spot(id))
		p.expectOnTable("a click on "+id, before+1)
		if n := eval[int](p, `document.querySelectorAll('.laid im-chip[data-on="'+%s+'"]').length`, id); n != 1 {
			t.Errorf("the click on %s laid the chip elsewhere", id)
		}
	}
	if name := eval[string](p, `document.querySelector('[data-spot="corner:8-9-11-12"]').getAttribute('aria-label')`); name != "Corner 8, 9, 11, 12, pays 8 to 1, 1 coin" {
		t.Errorf("the corner is called %q", name)
	}
	p.click(`[data-tool="double"]`)
	p.expectOnTable("double", 22)
	p.click(`[data-tool="undo"]`)
	p.expectOnTable("undo", 11)
	p.click(`[data-tool="clear"]`)
	p.expectOnTable("clear", 0)

	run(p, `document.querySelector('[data-spot="straight:17"]').focus()`)
	p.press(kb.ArrowRight)
	if at := eval[string](p, `document.activeElement.dataset.spot`); at != "split:17-20" {
		t.Errorf("right of 17 is %s, want the split with 20", at)
	}
	p.press(kb.ArrowDown)
	if at := eval[string](p, `document.activeElement.dataset.spot`); at != "corner:16-17-19-20" {
		t.Errorf("below the split of 17 and 20 is %s, want the corner", at)
	}
	if lit := eval[int](p, `document.querySelectorAll('.lit').length`); lit != 4 {
		t.Errorf("%d numbers are lit for a corner", lit)
	}
	p.press(" ")
	p.press(" ")
	p.expectOnTable("two spaces", 2)
	p.press(kb.Backspace)
	p.expectOnTable("backspace", 1)
	p.click(`[data-tool="clear"]`)
	for call, chips := range map[string]int{"voisins": 9, "tiers": 6, "orphelins": 5} {
		p.point(".racetrack ." + call + " text")
		p.expectOnTable(call, chips)
		p.click(`[data-tool="clear"]`)
	}
}

func TestRoulette_TheBallFallsWhereTheServerSaid(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/roulette")
	p.point(`.chips [data-chip="1"]`)
	// One bet of every type, and the call bets: the server gets them all as meant.
	types := []string{"straight:0", "split:0-3", "street:1-2-3", "trio:0-2-3", "corner:1-2-4-5", "first_four:0-1-2-3", "six_line:31-32-33-34-35-36", "dozen:1", "column:1", "low", "high", "red", "black", "odd", "even"}
	for _, id := range types {
		p.click(p.spot(id))
	}
	for _, call := range []string{"voisins", "tiers", "orphelins"} {
		run(p, `document.querySelector('.racetrack .' + %s).dispatchEvent(new MouseEvent('click', { bubbles: true }))`, call)
	}
	total := p.onTable()
	if total != len(types)+20 {
		t.Errorf("%d coins on the table, want %d", total, len(types)+20)
	}
	run(p, `document.querySelector('[data-spot="straight:0"]').focus()`)
	p.press(kb.Enter)
	p.wait("the ball has fallen", `document.querySelector('.spot.fallen')`)
	rounds := q.rounds("roulette")
	if len(rounds) != 1 || rounds[0].Staked != total {
		t.Fatalf("the rounds are %+v; want one of %d coins", rounds, total)
	}
	for _, want := range types {
		name, _, _ := strings.Cut(want, ":")
		if !slices.ContainsFunc(rounds[0].Bets, func(b struct {
			Type   string `json:"type"`
			Amount int    `json:"amount"`
		}) bool {
			return b.Type == name
		}) {
			t.Errorf("no bet of type %s arrived", name)
		}
	}
	// The ball lies in the server's pocket, measured on the screen.
	under := eval[int](p, `(() => {
		const bowl = document.querySelector('.bowl').getBoundingClientRect(), ball = document.querySelector('.ball').getBoundingClientRect();
		const cx = bowl.x + bowl.width / 2, cy = bowl.y + bowl.height / 2;
		const angle = (x, y) => Math.atan2(y - cy, x - cx);
		const at = angle(ball.x + ball.width / 2, ball.y + ball.height / 2);
		let best = -1, nearest = 9;
		for (const text of document.querySelectorAll('.bowl .pocket text')) {
			const r = text.getBoundingClientRect();
			const d = Math.abs(Math.atan2(Math.sin(angle(r.x + r.width / 2, r.y + r.height / 2) - at), Math.cos(angle(r.x + r.width / 2, r.y + r.height / 2) - at)));
			if (d < nearest) { nearest = d; best = Number(text.textContent); }
		}
		return best;
	})()`)
	if under != rounds[0].Outcome.Pocket {
		t.Errorf("the ball lies in %d, the server drew %d", under, rounds[0].Outcome.Pocket)
	}
	if first := eval[int](p, `Number(document.querySelector('.numbers li').textContent)`); first != rounds[0].Outcome.Pocket {
		t.Errorf("the last number is %d, the server drew %d", first, rounds[0].Outcome.Pocket)
	}
	p.sameCoins(q)
	p.click(`[data-tool="repeat"]`)
	p.expectOnTable("repeat", total)
}

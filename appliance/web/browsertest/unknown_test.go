package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// signIn signs in on the sign-in page, which is shown.
func (p *tab) signIn(q *player) {
	p.t.Helper()
	p.wait("the form", `document.querySelector('input[name=login]')`)
	run(p, `(() => { document.querySelector('input[name=login]').value = %s; document.querySelector('input[name=password]').value = %s; })()`, q.name, q.password)
	p.click("form button[type=submit]")
}

// again gives the player a session for the API beside the browser's.
func (q *player) again() {
	q.t.Helper()
	var session struct {
		Token string `json:"token"`
	}
	q.do("POST", "/sessions", map[string]string{"login": q.name, "password": q.password}, &session)
	q.token = session.Token
}

// loseBet places a bet of a game whose answer gets lost, and ends the session meanwhile.
func (p *tab) loseBet(q *player, game string) (mend func()) {
	p.t.Helper()
	p.expect("401")
	p.expect("WebSocket")
	paths := map[string]string{"slots": "slots/spins", "roulette": "roulette/spins", "blackjack": "blackjack/rounds"}
	p.visit("/" + game)
	_, mend = p.cut("/api/v1/games/"+paths[game], fetch.RequestStageResponse)
	switch game {
	case "roulette":
		p.click(p.spot("red"))
		p.click("#spin")
	case "blackjack":
		p.click("#deal")
	default:
		p.click("#spin")
	}
	p.wait("the banner", `document.querySelector('.banner[data-kind=lost]')`)
	q.do("DELETE", "/sessions/current", nil, nil) // the token of the browser's own session
	p.wait("the page says that the bet is not known", `location.pathname === '/sign-in' && document.querySelector('.banner[data-kind=unknown]')`)
	return mend
}

func TestBetOfAnEndedSession_IsToldAfterSigningIn(t *testing.T) {
	shown := map[string]string{
		"slots": `document.querySelectorAll('.facet.shown').length === 3 && /net/.test(document.getElementById('outcome').textContent)`, "roulette": `document.querySelector('.ball-number')`,
		"blackjack": `document.querySelectorAll('.hand im-card').length >= 2`,
	}
	for _, game := range []string{"slots", "roulette", "blackjack"} {
		t.Run(game, func(t *testing.T) {
			p := open(t, look{})
			q := p.join()
			mend := p.loseBet(q, game)
			mend()
			p.signIn(q)
			p.wait("what happened", `location.pathname === %s && document.querySelector('.banner.good') && (`+shown[game]+`)`, "/"+game)
			q.again()
			r := p.expectOneRound(q, game)
			if link := eval[string](p, `document.querySelector('.banner a').getAttribute('href')`); link != "/history?round="+r.ID {
				t.Errorf("the banner links to %s", link)
			}
			if r.Settled {
				p.wait("the balance", `document.getElementById('balance').dataset.coins === %s`, fmt.Sprint(q.coins()))
			}
		})
	}
}

// Signed out, the page says again that a bet is not known, and asks about it once its player is back.
func TestBetOfAnEndedSession_OutlivesAReload(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	mend := p.loseBet(q, "slots")
	mend()
	run(p, `window.left = true`)
	p.do("the reload", chromedp.Navigate(p.base+"/sign-in?next=%2Fslots"))
	p.wait("it is said again", `!window.left && document.querySelector('.banner[data-kind=unknown]')`)
	p.signIn(q)
	p.wait("what happened", `location.pathname === '/slots' && document.querySelector('.banner.good')`)
	q.again()
	p.expectOneRound(q, "slots")
	p.wait("the balance", `document.getElementById('balance').dataset.coins === %s`, fmt.Sprint(q.coins()))
}

// Another player who signs in between neither hears of the bet nor makes it, and doesn't make it forgotten.
func TestBetOfAnEndedSession_IsNoBusinessOfAnotherPlayer(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	other := &player{t: t, base: p.base, name: fmt.Sprintf("player%d", names.Add(1)), password: "correct horse battery"}
	other.do("POST", "/accounts", map[string]string{"username": other.name, "email": other.name + "@example.org", "password": other.password}, nil)
	other.again()
	mend := p.loseBet(q, "slots")
	mend()
	p.signIn(other)
	p.wait("the other player is in, and nothing speaks of the bet", `location.pathname === '/slots' && document.getElementById('balance') && document.querySelector('.machine') && !document.querySelector('.banner')`)
	if n := len(other.rounds("slots")); n != 0 {
		t.Fatalf("the other player has %d rounds", n)
	}
	p.click("#spin")
	p.wait("a spin of the other player", `!document.getElementById('spin').disabled && document.querySelector('.recent a')`)
	if n := len(other.rounds("slots")); n != 1 {
		t.Errorf("the other player has %d rounds for one spin", n)
	}
	p.click("#sign-out")
	p.wait("signed out, and the bet is still not known", `!document.getElementById('balance')`)
	p.visit("/sign-in?next=%2Fslots")
	p.wait("it is said", `document.querySelector('.banner[data-kind=unknown]')`)
	p.signIn(q)
	p.wait("what happened", `location.pathname === '/slots' && document.querySelector('.banner.good')`)
	q.again()
	p.expectOneRound(q, "slots")
	p.wait("the balance", `document.getElementById('balance').dataset.coins === %s`, fmt.Sprint(q.coins()))
}

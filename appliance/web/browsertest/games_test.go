package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
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

// finish plays the open round in the page to its end.
func (p *tab) finish() {
	p.t.Helper()
	p.wait("the round can be played or is over", `document.querySelector('.actions button:not(:disabled)') || !document.getElementById('deal').disabled && document.querySelector('.actions').hidden`)
	for eval[bool](p, `!document.querySelector('.actions').hidden`) {
		run(p, `(document.querySelector('[data-action=decline_insurance]:not(:disabled)') ?? document.querySelector('[data-action=stand]:not(:disabled)'))?.click()`)
		p.wait("the action is done", `document.querySelector('.actions').hidden ? !document.getElementById('deal').disabled : document.querySelector('.actions button:not(:disabled)')`)
	}
}

func TestBlackjack_ARoundIsPlayedToItsEnd(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/blackjack")
	p.click("#deal")
	p.wait("the cards are dealt", `document.querySelectorAll('.hand im-card').length >= 2 && (document.querySelector('.actions button:not(:disabled)') || document.querySelector('.hand .result'))`)
	p.finish()
	rounds := q.rounds("blackjack")
	if len(rounds) != 1 || !rounds[0].Settled {
		t.Fatalf("the rounds are %+v; want a settled one", rounds)
	}
	shown := eval[[]card](p, `[...document.querySelectorAll('.hand im-card')].map(c => ({ rank: c.getAttribute('rank'), suit: c.getAttribute('suit') }))`)
	if !slices.Equal(shown, rounds[0].Outcome.Hands[0].Cards) {
		t.Errorf("the hand shows %v, the server dealt %v", shown, rounds[0].Outcome.Hands[0].Cards)
	}
	if hidden := eval[int](p, `document.querySelectorAll('.dealer im-card[facedown]').length`); hidden != 0 {
		t.Errorf("%d of the dealer's cards still lie face down", hidden)
	}
	p.sameCoins(q)
}

func TestBlackjack_AnInterruptedRoundIsResumedAfterReload(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.dealUntil("a decision to take", func(now table) bool { return slices.Contains(now.Allowed, "hit") })
	const lying = `[...document.querySelectorAll('.felt .dealer im-card, .felt .hand im-card')].map(c => c.getAttribute('aria-label')).join('; ')`
	p.visit("/")
	p.click(`a.button[href="/blackjack"]`)
	p.wait("the cards lie", `document.querySelectorAll('.hand im-card').length === 2`)
	before := eval[string](p, lying)
	p.visit("/blackjack")
	p.wait("the notice of the resumed round", `!document.getElementById('resume').hidden`)
	if after := eval[string](p, lying); after != before || !strings.Contains(after, "face down") {
		t.Errorf("the cards after the reload are %q, before it they were %q", after, before)
	}
	p.press("s")
	p.finish()
	if open := q.try("GET", "/games/blackjack/rounds/open", nil, nil); !isRefused(open, "no_open_round") {
		t.Errorf("the open round: %v", open)
	}
	p.sameCoins(q)
}

func TestBlackjack_ARoundThatWasPlayedOnElsewhereIsShownAsItStands(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	now := q.dealUntil("a hand that one card can't end", func(now table) bool { return now.Allowed[0] == "hit" && now.Hands[0].Total <= 9 })
	actions := "/games/blackjack/rounds/" + now.Round.ID + "/actions"
	p.deafen() // else it would know at once
	p.expect("409 (Conflict)")
	p.visit("/blackjack")
	p.wait("the cards lie", `document.querySelectorAll('.hand im-card').length === 2`)
	q.do("POST", actions, map[string]string{"action": "hit"}, &now)
	p.press("s") // for the two cards that this page shows
	p.wait("the third card, and why", `document.querySelectorAll('.hand im-card').length === 3 && !document.getElementById('resume').hidden`)
	q.do("GET", "/games/blackjack/rounds/open", nil, &now) // nobody stood
	q.settle(now)
	p.press("s")
	p.wait("how it ended", `document.querySelector('.hand .result') && !document.getElementById('deal').disabled`)
	p.wait("the net result follows", fmt.Sprintf(`Number(document.getElementById('net').dataset.net) === %d`, q.coins()-welcomeCoins))
	p.sameCoins(q)
}

func TestBlackjack_SplitsAndInsuresAndSurrenders(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.dealUntil("a pair", func(now table) bool { return slices.Contains(now.Allowed, "split") })
	p.visit("/blackjack")
	p.click("[data-action=split]")
	p.wait("two hands", `document.querySelectorAll('.hand').length === 2 && [...document.querySelectorAll('.hand')].every(h => h.querySelectorAll('im-card').length === 2)`)
	p.finish()
	p.sameCoins(q)
	q.dealUntil("an ace of the dealer", func(now table) bool { return now.Allowed[0] == "insurance" })
	p.visit("/blackjack")
	p.click("[data-action=insurance]")
	p.wait("the insurance is shown", `!document.querySelector('.insurance').hidden`)
	p.finish()
	p.sameCoins(q)
	q.dealUntil("a surrender", func(now table) bool { return slices.Contains(now.Allowed, "surrender") })
	p.visit("/blackjack")
	p.press("r")
	p.wait("the hand is given up", `document.querySelector('.hand[data-result=surrender]')`)
	p.sameCoins(q)
}

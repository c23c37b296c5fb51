package browsertest

import (
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

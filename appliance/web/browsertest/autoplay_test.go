package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/fetch"
)

// automatic begins autoplay of ten rounds with a limit of what may be lost.
func (p *tab) automatic(loss string) {
	p.t.Helper()
	p.click("#autoplay")
	p.wait("the dialog", `document.querySelector('dialog.stops[open]')`)
	run(p, `document.querySelector('input[name=loss]').value = %s`, loss)
	p.click(".stops button[type=submit]")
}

// expectEnd waits until autoplay has ended and its last round is shown, and checks why it says that it ended.
func (p *tab) expectEnd(want string) {
	p.t.Helper()
	p.wait("autoplay has ended", `document.querySelector('.what [role=status]').textContent !== ''`)
	if why := p.text(".what [role=status]"); !strings.HasPrefix(why, want+" Net ") {
		p.t.Errorf("it says %q, want %q with the net result", why, want)
	}
}

const playing = `document.querySelector('#autoplay-stop') && document.getElementById('spin').disabled`

func TestAutoplay_NeedsALimit(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	p.click("#autoplay")
	p.wait("the dialog", `document.querySelector('dialog.stops[open]')`)
	p.checkAccess("the stops of autoplay")
	for _, x := range []struct{ field, typed, words string }{
		{"loss", "", "Say how much may be lost."},
		{"loss", "1.5", "Enter a whole number of coins."},
		{"loss", "4", "A single round costs 5 coins."},
		{"win", "0", "Enter a whole number of coins."},
		{"above", "5000", "The balance is 5,000 coins now."},
	} {
		run(p, `document.querySelector('input[name=' + %s + ']').value = %s`, x.field, x.typed)
		p.click(".stops button[type=submit]")
		p.wait("it is refused at its field, which has the focus", `document.activeElement.name === %s && document.activeElement.closest('.field').querySelector('.wrong').textContent === %s`, x.field, x.words)
		run(p, `document.querySelector('input[name=' + %s + ']').value = %s`, x.field, map[bool]string{true: "50"}[x.field == "loss"])
	}
	p.click(".stops button[type=button]")
	p.wait("the dialog goes, and the focus is back", `!document.querySelector('.stops') && document.activeElement.id === 'autoplay'`)
	if n := len(q.rounds("slots")); n != 0 {
		t.Errorf("%d rounds were played", n)
	}
}

func TestAutoplay_EndsAtTheLimitOfWhatMayBeLost(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	p.click(`.chips [data-chip="100"]`)
	p.automatic("200")
	p.wait("it plays, with the focus at its stop", playing+` && document.activeElement.id === 'autoplay-stop'`)
	p.wait("it has ended", `document.querySelector('#autoplay')`)
	rounds := q.rounds("slots")
	slot := func(i int) round { return rounds[len(rounds)-1-i] } // the oldest first
	net := 0
	for i := range rounds {
		if net += slot(i).Payout - slot(i).Staked; net < -200 {
			t.Errorf("of at most 200 coins it lost %d", -net)
		}
	}
	if net-100 < -200 {
		p.expectEnd("Autoplay: stopped at your loss limit.")
	} else {
		p.expectEnd("Autoplay: all rounds are played.")
		if len(rounds) != 10 {
			t.Errorf("it played %d rounds", len(rounds))
		}
	}
	p.wait("the focus is where the next round begins", `document.activeElement.id === 'spin'`)
	p.sameCoins(q)
}

// From one round to the next it takes two and a half seconds, also where nothing moves.
func TestAutoplay_KeepsThePaceOfTheMachine(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/slots")
	run(p, `(() => {
		window.began = [];
		window.fetchOfTheBrowser = window.fetch;
		window.fetch = (to, options) => { if (String(to).includes('/games/slots/spins')) window.began.push(performance.now()); return window.fetchOfTheBrowser(to, options); };
	})()`)
	p.automatic("1000")
	p.wait("three rounds began", `window.began.length >= 3`)
	p.click("#autoplay-stop")
	p.expectEnd("Autoplay: stopped.")
	// The first request may come later after its round's beginning than the next one does: it waits for the player's seeds.
	if gap := eval[float64](p, `window.began[2] - window.began[1]`); gap < 2500 {
		t.Errorf("a round began %.0f ms after the one before it", gap)
	}
}

// Whatever asks for the player ends autoplay: the round under way is shown, and no other begins.
func TestAutoplay_IsEnded(t *testing.T) {
	const store = `performance.getEntriesByType('resource').map(r => r.name).find(n => /app\/store[^/]*\.js$/.test(n))`
	for name, x := range map[string]struct {
		does  func(p *tab)
		words string
	}{
		"by its button": {func(p *tab) { p.click("#autoplay-stop") }, "Autoplay: stopped."},
		"by the space key": {func(p *tab) {
			run(p, `document.activeElement.blur()`)
			p.press(" ")
		}, "Autoplay: stopped."},
		"when the page is hidden": {func(p *tab) {
			run(p, `(() => { Object.defineProperty(document, 'hidden', { configurable: true, value: true }); document.dispatchEvent(new Event('visibilitychange')); delete document.hidden; })()`)
		}, "Autoplay: stopped, as the page was hidden."},
		"by the reality check": {func(p *tab) {
			run(p, `import(`+store+`).then(({ state }) => { state.realityMinutes = 1; state.sitting.checked = 0; })`)
		}, "Autoplay: stopped for your reality check."},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, look{})
			q := p.join()
			p.visit("/slots")
			release := p.hold("/games/slots/spins")
			p.automatic("1000")
			p.wait("it plays", playing)
			x.does(p)
			release()
			p.expectEnd(x.words)
			if name == "by the reality check" {
				p.wait("the check is there", `document.querySelector('dialog.reality[open]')`)
				p.click("dialog.reality button")
			}
			p.wait("the next round is the player's", spun)
			if n := len(q.rounds("slots")); n != 1 {
				t.Errorf("%d rounds were played", n)
			}
		})
	}
}

func TestAutoplay_ARefusalEndsIt(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("PUT", "/me/limits", map[string]any{"stake_per_day": 9, "loss_per_day": nil, "loss_per_week": nil, "loss_per_month": nil, "session_minutes": nil, "reality_check_minutes": nil}, nil)
	p.expect("409")
	p.visit("/slots")
	p.automatic("1000")
	p.wait("it plays", playing)
	p.expectEnd("Autoplay: a round was refused.")
	p.wait("which limit", `document.querySelector('#outcome a[href="/responsible-play"]')`)
	if n := len(q.rounds("slots")); n != 1 {
		t.Errorf("%d rounds of 5 coins with a limit of 9", n)
	}
}

func TestAutoplay_ALostConnectionEndsItAndTheBetIsTakenOnce(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	_, mend := p.cut("/games/slots/spins", fetch.RequestStageResponse)
	p.automatic("1000")
	p.wait("the bet is being asked for", `document.querySelector('.banner')`)
	mend()
	p.expectEnd("Autoplay: stopped without a connection.")
	p.expectOneRound(q, "slots")
}

func TestAutoplay_DoesNotOutliveItsPage(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	p.automatic("1000")
	p.wait("it plays", playing)
	p.visit("/slots")
	if eval[bool](p, `!!document.querySelector('#autoplay-stop')`) {
		t.Error("it plays again after a reload")
	}
	p.wait("the machine is the player's", `!document.getElementById('spin').disabled`)
	p.wait("the bet that the reload interrupted is known", `!sessionStorage.getItem('imperio.pending')`)
	before := len(q.rounds("slots"))
	p.automatic("1000")
	p.wait("it plays", playing)
	p.click(`nav a[href="/roulette"]`)
	p.wait("another page", `document.querySelector('[data-spot="straight:17"]')`)
	p.click(`nav a[href="/slots"]`)
	p.wait("back", `document.getElementById('spin') && !document.getElementById('spin').disabled`)
	if eval[bool](p, `!!document.querySelector('#autoplay-stop')`) {
		t.Error("it plays on when the player comes back")
	}
	for range 2 { // they take longer than the pause between two rounds of autoplay
		p.click("#spin")
		p.wait("it spins", `document.getElementById('spin').disabled`)
		p.wait("it is over", spun)
	}
	if n := len(q.rounds("slots")) - before; n != 3 {
		t.Errorf("%d rounds: one by autoplay and two by hand", n)
	}
}

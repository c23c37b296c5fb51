package browsertest

import (
	"strings"
	"testing"
)

func TestSignOutEverywhere_EndsAllSessions(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	other := &player{t: t, base: q.base, name: q.name + "b"}
	var session struct {
		Token string `json:"token"`
	}
	other.do("POST", "/sessions", map[string]string{"login": q.name, "password": q.password}, &session)
	other.token = session.Token
	other.coins()
	p.visit("/account")
	if n := eval[int](p, `document.querySelectorAll('#sessions [data-id]').length`); n != 2 {
		t.Errorf("%d sessions are shown, want 2", n)
	}
	p.click("#sign-out-everywhere")
	p.wait("signed out", `location.pathname === '/' && !document.getElementById('balance')`)
	for _, x := range []*player{q, other} {
		if err := x.try("GET", "/me", nil, nil); !isRefused(err, "unauthenticated") {
			t.Errorf("a session lives on after signing out everywhere: %v", err)
		}
	}
	p.visit("/wallet")
	p.wait("the wallet asks to sign in", `location.pathname === '/sign-in' && new URLSearchParams(location.search).get('next') === '/wallet'`)
	run(p, `(() => { document.querySelector('input[name=login]').value = %s; document.querySelector('input[name=password]').value = %s; })()`, q.name, q.password)
	p.click("form button[type=submit]")
	p.wait("back at the wallet", `location.pathname === '/wallet' && document.querySelector('.tiles')`)
}

func TestSessionEndedElsewhere_ThePageSaysSo(t *testing.T) {
	for name, deaf := range map[string]bool{"AtOnceByTheLiveLine": false, "AtTheNextPressWithoutALiveLine": true} {
		t.Run(name, func(t *testing.T) {
			p := open(t, look{})
			q := p.join()
			if deaf {
				p.deafen()
			}
			q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "from the player"}, nil) // else the page would
			p.visit("/slots")
			p.expect("401")
			p.expect("WebSocket")
			// What the page asks for by itself must be answered by now, or it would learn of the end without a press.
			p.wait("the seeds and the last rounds", `['/me/fairness', '/me/rounds'].every(path => performance.getEntriesByType('resource').some(e => e.name.includes('/api/v1' + path) && e.responseEnd))`)
			if !deaf {
				p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
			}
			q.do("DELETE", "/sessions/current", nil, nil) // the token of the browser's own session
			if deaf {
				p.click("#spin")
			}
			p.wait("the page asks to sign in", `location.pathname === '/sign-in' && document.querySelector('input[name=login]')`)
			if n := eval[int](p, `document.querySelectorAll('.banner').length`); n != 1 {
				t.Errorf("%d banners", n)
			}
			run(p, `(() => { document.querySelector('input[name=login]').value = %s; document.querySelector('input[name=password]').value = %s; })()`, q.name, q.password)
			p.click("form button[type=submit]")
			p.wait("back at the game, and nothing speaks of the end", `location.pathname === '/slots' && document.querySelector('.machine') && !document.querySelector('.banner')`)
		})
	}
}

// The live line closes when the session ends, perhaps before the answer to the sign-out arrives.
func TestSignOut_IsNotCalledTheEndOfASessionElsewhere(t *testing.T) {
	for _, button := range []string{"#sign-out", "#sign-out-everywhere"} {
		t.Run(button, func(t *testing.T) {
			p := open(t, look{})
			p.join()
			p.visit("/account")
			p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
			release := p.hold("/sessions/current")
			p.click(button)
			p.wait("the live line ends", `document.documentElement.dataset.live === undefined`)
			if at := eval[string](p, `location.pathname`); at != "/account" {
				t.Errorf("the player was sent to %s while signing out", at)
			}
			release()
			p.wait("signed out", `location.pathname === '/' && document.getElementById('main').dataset.page === '/' && !document.getElementById('balance')`)
			if words := p.text(".banner"); words != "" {
				t.Errorf("after signing out the page says %q", words)
			}
		})
	}
}

func TestPassword_IsChangedAndOtherSessionsEnd(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	other := &player{t: t, base: q.base, name: q.name + "b"}
	var session struct {
		Token string `json:"token"`
	}
	other.do("POST", "/sessions", map[string]string{"login": q.name, "password": q.password}, &session)
	other.token = session.Token
	p.visit("/account")
	set := func(current, fresh string) {
		run(p, `(() => { document.querySelector('input[name=current]').value = %s; document.querySelector('input[name=new]').value = %s; })()`, current, fresh)
		p.click("#change-password button[type=submit]")
	}
	p.expect("401")
	p.expect("403")
	set("not my password", "another good password")
	p.wait("a wrong password is refused in words", `document.querySelector('input[name=current][aria-invalid=true]') || document.querySelector('.note.bad:not([hidden])')`)
	p.expect("422")
	set(q.password, "password")
	p.wait("a common password is refused in words", `document.querySelector('input[name=new][aria-invalid=true]') && document.querySelector('form').textContent.includes('one of the commonest')`)
	set(q.password, "another good password")
	p.wait("it is changed", `document.querySelector('form .note:not([hidden]):not(.bad)')`)
	if err := other.try("GET", "/me", nil, nil); !isRefused(err, "unauthenticated") {
		t.Errorf("the other session lives on: %v", err)
	}
	q.coins()
}

func TestLimits_AreStricterAtOnceAndLooserLater(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/responsible-play")
	run(p, `document.querySelector('input[name=stake_per_day]').value = '10'`)
	p.click("#limits button[type=submit]")
	p.wait("the limit is saved", `document.querySelector('.banner.good')`)
	var limits struct {
		InForce struct {
			StakePerDay *int `json:"stake_per_day"`
		} `json:"in_force"`
		Pending []struct {
			Limit string `json:"limit"`
			From  string `json:"from"`
			Value *int   `json:"value"`
		} `json:"pending"`
	}
	q.do("GET", "/me/limits", nil, &limits)
	if limits.InForce.StakePerDay == nil || *limits.InForce.StakePerDay != 10 {
		t.Fatalf("the limits are %+v", limits)
	}
	p.visit("/slots")
	run(p, `(() => { const i = document.querySelector('im-stake input'); i.value = '11'; i.dispatchEvent(new Event('input')); })()`)
	p.expect("409")
	p.click("#spin")
	p.wait("the bet is refused in words", `document.getElementById('outcome').textContent.includes('limit')`)
	if n := len(q.rounds("slots")); n != 0 {
		t.Errorf("%d rounds were played past the limit", n)
	}
	p.visit("/responsible-play")
	run(p, `document.querySelector('input[name=stake_per_day]').value = ''`)
	p.click("#limits button[type=submit]")
	p.wait("the looser limit waits", `document.getElementById('pending')`)
	q.do("GET", "/me/limits", nil, &limits)
	if limits.InForce.StakePerDay == nil || len(limits.Pending) != 1 || limits.Pending[0].Limit != "stake_per_day" || limits.Pending[0].Value != nil {
		t.Fatalf("the looser limit did not wait: %+v", limits)
	}
	// Saving another limit does not restart the wait.
	from := limits.Pending[0].From
	run(p, `document.querySelector('input[name=loss_per_week]').value = '500'`)
	p.click("#limits button[type=submit]")
	p.wait("the other limit is in force", `document.querySelector('input[name=loss_per_week]').closest('.field').textContent.includes('Now: 500')`)
	q.do("GET", "/me/limits", nil, &limits)
	if len(limits.Pending) != 1 || limits.Pending[0].From != from {
		t.Errorf("the wait was until %s, and now is %+v", from, limits.Pending)
	}
	if text := p.text("#own-clock"); !strings.Contains(text, "By your clock, the next day begins on") {
		t.Errorf("the page says when days begin: %q", text)
	}
}

// A limit must be exactly what the player meant, since it holds for a day.
func TestLimits_AreReadAsTheLanguageWritesThem(t *testing.T) {
	for language, typed := range map[string]struct{ refused, taken string }{
		"en": {"1.000", "1,000"}, "de": {"1,5", "1.000"}, "es": {"1.5", "1.000"},
	} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{languages: language})
			q := p.join()
			var limits struct {
				InForce struct {
					StakePerDay *int `json:"stake_per_day"`
				} `json:"in_force"`
			}
			p.visit("/responsible-play")
			save := func(text string) {
				run(p, `(i => { i.value = %s; i.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector('input[name=stake_per_day]'))`, text)
				p.click("#limits button[type=submit]")
			}
			save(typed.refused)
			p.wait("it is refused at its field", `document.querySelector('input[name=stake_per_day][aria-invalid=true]') === document.activeElement`)
			q.do("GET", "/me/limits", nil, &limits)
			if limits.InForce.StakePerDay != nil {
				t.Fatalf("%s became a limit of %d", typed.refused, *limits.InForce.StakePerDay)
			}
			save(typed.taken)
			p.wait("it is saved", `document.querySelector('.banner.good')`)
			q.do("GET", "/me/limits", nil, &limits)
			if limits.InForce.StakePerDay == nil || *limits.InForce.StakePerDay != 1000 {
				t.Errorf("%s became %+v", typed.taken, limits.InForce)
			}
			p.visit("/slots")
			run(p, `(i => { i.value = '7'; i.dispatchEvent(new Event('input')); i.value = '1;5'; i.dispatchEvent(new Event('input')); i.dispatchEvent(new Event('change')); })(document.querySelector('im-stake input'))`)
			if stake := eval[string](p, `document.querySelector('im-stake input').value`); stake != "7" {
				t.Errorf("text that is not a number became a stake of %s", stake)
			}
		})
	}
}

func TestExclusion_SignsOutAndShutsTheDoor(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/responsible-play")
	if !eval[bool](p, `document.getElementById('exclude').disabled`) {
		t.Error("an exclusion takes one click")
	}
	p.expect("WebSocket")
	p.click("#exclusion input[type=checkbox]")
	p.click("#exclude")
	p.wait("signed out", `location.pathname === '/' && !document.getElementById('balance')`)
	p.visit("/sign-in")
	run(p, `(() => { document.querySelector('input[name=login]').value = %s; document.querySelector('input[name=password]').value = %s; })()`, q.name, q.password)
	p.expect("403")
	p.click("form button[type=submit]")
	p.wait("the door is shut, with a time", `/excluded yourself.*Until/s.test(document.querySelector('.note.bad:not([hidden])')?.textContent ?? '')`)
}

func TestRealityCheck_ComesAfterTheTimeThatThePlayerChose(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("PUT", "/me/limits", map[string]any{"stake_per_day": nil, "loss_per_day": nil, "loss_per_week": nil, "loss_per_month": nil, "session_minutes": nil, "reality_check_minutes": 30}, nil)
	p.visit("/slots")
	// Instead of waiting, the test sets the last check back by 31 minutes.
	run(p, `(() => { const s = JSON.parse(localStorage.getItem('imperio.sitting')); s.start -= 31 * 60000; s.checked -= 31 * 60000; localStorage.setItem('imperio.sitting', JSON.stringify(s)); })()`)
	p.visit("/slots")
	p.wait("the check", `document.querySelector('dialog.reality[open]')`)
	run(p, `document.querySelector('dialog.reality button').click()`)
	p.wait("it goes", `!document.querySelector('dialog.reality')`)
	p.wait("the clock counts from the beginning of the sitting",
		`document.getElementById('clock').textContent === '0:' + Math.floor((Date.now() - JSON.parse(localStorage.getItem('imperio.sitting')).start) / 60000)`)
}

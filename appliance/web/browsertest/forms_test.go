package browsertest

import (
	"fmt"
	"testing"
)

// All that is wrong is said at once. What was said stays while the player types, until it is right.
func TestForms_SayAllThatIsWrongAtOnce(t *testing.T) {
	p := open(t, look{})
	p.visit("/sign-up")
	p.click("form button[type=submit]")
	p.wait("every field says so, and the first has the focus", `document.querySelectorAll('[aria-invalid=true]').length === 3 && document.activeElement.name === 'username'`)
	typed := func(name, text string) {
		run(p, `(i => { i.value = %s; i.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector('input[name=' + %s + ']'))`, text, name)
	}
	wrong := func(name string, want bool) {
		t.Helper()
		if got := eval[bool](p, `document.querySelector('input[name=' + %s + ']').hasAttribute('aria-invalid')`, name); got != want {
			t.Errorf("%s is wrong: %v, want %v", name, got, want)
		}
	}
	typed("username", "li")
	wrong("username", true)
	typed("username", "livia")
	wrong("username", false)
	typed("email", "livia")
	wrong("email", true)
	typed("email", "livia@example.org")
	wrong("email", false)
	typed("password", "short")
	wrong("password", true)
	p.expect("409")
	p.join() // takes a name
	taken := fmt.Sprintf("player%d", names.Load())
	p.click("#sign-out")
	p.wait("signed out", `!document.getElementById('balance')`)
	p.visit("/sign-up")
	typed("username", taken)
	typed("email", "livia@example.org")
	typed("password", "a long one for her")
	p.click("form button[type=submit]")
	p.wait("the name is taken", `document.querySelector('input[name=username][aria-invalid=true]') === document.activeElement`)
	typed("username", taken+"b")
	wrong("username", false)
	typed("username", taken)
	wrong("username", true)
}

func TestLimits_SayAllThatIsWrongAtOnce(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/responsible-play")
	run(p, `for (const name of ['loss_per_day', 'session_minutes']) document.querySelector('input[name=' + name + ']').value = 'much'`)
	p.click("#limits button[type=submit]")
	p.wait("both say so", `document.querySelectorAll('#limits [aria-invalid=true]').length === 2 && document.activeElement.name === 'loss_per_day'`)
}

// Daily coins are mentioned once, when they come, and never to who has set a limit or took a break.
func TestDailyCoins_AreMentionedWhenTheyCome(t *testing.T) {
	p := open(t, look{width: 360, height: 740, languages: "de"})
	p.join()
	for _, c := range []struct {
		name, change string
		want         bool
	}{
		{"a player", ``, true},
		{"one whom the casino may not invite", `state.account.nudges = false`, false},
		{"one with a limit", `state.limited = true`, false},
		{"one who took a break", `localStorage.setItem('imperio.rested', '1')`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.visit("/slots")
			got := eval[[]bool](p, `(async () => {
				const module = name => import(performance.getEntriesByType('resource').map(r => r.name).find(n => n.endsWith('/js/app/' + name)));
				const { state } = await module('store.js');
				const { emit } = await module('events.js');
				const real = Date.now;
				const seen = () => !!document.getElementById('daily-ready');
				state.account.nudges = true;
				`+c.change+`;
				const before = seen();
				state.account.daily_coins_at = new Date(real() + 60_000).toISOString();
				emit('account');
				const waiting = seen();
				Date.now = () => real() + 120_000;
				emit('account');
				const come = seen();
				state.account.daily_coins_at = new Date(real() + 86_400_000).toISOString(); // collected elsewhere
				emit('account');
				return [before, waiting, come, seen()];
			})()`)
			if want := []bool{false, false, c.want, false}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("mentioned before, while waiting, when they come, and once collected: %v, want %v", got, want)
			}
		})
	}
	run(p, `localStorage.removeItem('imperio.rested')`)
}

func TestNames_AsLongAsTheyMayBeFit(t *testing.T) {
	for _, language := range []string{"en", "es", "de"} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{width: 360, height: 740, languages: language})
			inside := func(what, selector string) {
				t.Helper()
				p.checkWidth(what)
				if out := eval[string](p, `[...document.querySelectorAll(%s)].filter(e => e.checkVisibility()).filter(e => { const r = e.getBoundingClientRect(); return r.left < 0 || r.right > innerWidth + 0.5 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline'; }).map(e => e.outerHTML.slice(0, 100)).join(' | ')`, selector); out != "" {
					t.Errorf("%s: too wide: %s", what, out)
				}
			}
			p.visit("/slots")
			inside("the frame for a guest", ".top .inside > *, .purse > *, .foot .inside > *, .foot li, .languages button")
			p.join()
			p.visit("/slots")
			run(p, `(async () => {
				const { state } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => n.endsWith('/js/app/store.js')));
				const { drawFrame } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => n.endsWith('/js/app/frame.js')));
				state.account.username = 'W'.repeat(32);
				drawFrame();
			})()`)
			p.click(".menu-button")
			inside("the menu", "#menu .who, #menu .who strong, #menu a, #menu button")
			run(p, `document.getElementById('menu').hidePopover()`)
			for _, path := range []string{"/", "/account"} {
				run(p, `(() => { const a = document.createElement('a'); a.href = %s; document.body.append(a); a.click(); a.remove(); })()`, path)
				p.wait(path, `document.getElementById('main').dataset.page === %s && document.querySelector('main').textContent.includes('W'.repeat(32))`, path)
				inside(path, ".top .inside > *, .purse > *, main h1, main h2, .foot .inside > *")
			}
		})
	}
}

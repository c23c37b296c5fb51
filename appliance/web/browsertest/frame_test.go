package browsertest

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/fetch"
)

// standIn answers the page's requests whose address contains path, with a script in place of the casino, until mend.
func (p *tab) standIn(path, answer string) {
	p.t.Helper()
	run(p, `(path => {
		window.fetchOfTheBrowser ??= window.fetch;
		window.fetch = (to, options) => String(to).includes(path) ? (`+answer+`)(to, options) : window.fetchOfTheBrowser(to, options);
	})(%s)`, path)
}

// hold keeps the casino's answers to requests for a path from the page until release is called. So a test can keep the page in
// a state that otherwise passes quickly. The page's own timeout doesn't apply meanwhile.
func (p *tab) hold(path string) (release func()) {
	p.t.Helper()
	run(p, `window.held = []`)
	p.standIn(path, `(to, options) => window.fetchOfTheBrowser(to, { ...options, signal: undefined }).then(answer => new Promise(go => { window.held.push(() => go(answer)); }))`)
	return func() {
		p.t.Helper()
		p.wait("the casino has answered", `window.held.length > 0`)
		run(p, `(() => { window.fetch = window.fetchOfTheBrowser; for (const go of window.held) go(); })()`)
	}
}

func (p *tab) mend() {
	p.t.Helper()
	run(p, `(() => { window.fetch = window.fetchOfTheBrowser; })()`)
}

const (
	failing = `async () => new Response('{"code":"internal_error"}', { status: 500 })`
	cutOff  = `async () => { throw new TypeError('cut off'); }`
)

func TestTopBar_StaysInSight(t *testing.T) {
	for name, l := range map[string]look{"desk": {width: 1366, height: 768}, "phone": {width: 360, height: 740, languages: "de"}} {
		t.Run(name, func(t *testing.T) {
			p := open(t, l)
			p.join()
			p.visit("/rules/blackjack")
			run(p, `scrollTo({ top: 600, behavior: 'instant' })`)
			p.wait("the page has scrolled", `scrollY > 300`)
			for _, id := range []string{"balance", "net", "clock"} {
				if !eval[bool](p, `(e => { const r = e.getBoundingClientRect(); return r.top >= 0 && e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)); })(document.getElementById(%s))`, id) {
					t.Errorf("%s is out of sight", id)
				}
			}
		})
	}
}

func TestTopBar_HoldsLargeFiguresAndLongNames(t *testing.T) {
	p := open(t, look{width: 360, height: 740, languages: "es"})
	fits := func(what string) {
		t.Helper()
		p.checkWidth(what)
		if eval[bool](p, `[...document.querySelectorAll('.top .inside > *, .purse > *')].some(e => e.getBoundingClientRect().right > innerWidth) || document.querySelector('.menu-button').getBoundingClientRect().bottom > 58`) {
			t.Errorf("the top bar overflows %s", what)
		}
	}
	p.visit("/")
	fits("when signed out")
	p.join()
	p.visit("/")
	run(p, `(async () => {
		const { state, setCoins, hold } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => /js\/app\/store\.js$/.test(n)));
		state.account.username = 'Maximilianvonundzubraunschweig12';
		setCoins(1234567890);
		hold(); // the live line says what the player really has as soon as it is open
	})()`)
	for _, page := range []string{"/wallet", "/account", "/"} {
		p.click(".menu-button")
		p.click(`a[href="` + page + `"]`)
		p.wait(page, `document.getElementById('main').dataset.page === %s`, page)
		fits("with a fortune at " + page)
	}
	if seen := eval[string](p, `[...document.getElementById('balance').children].filter(e => e.getBoundingClientRect().width > 5).map(e => e.textContent).join()`); seen == "" || len(seen) > 8 {
		t.Errorf("the balance is shown as %q", seen)
	}
	if whole := p.text("#balance .whole"); whole != "1.234.567.890" {
		t.Errorf("the balance is read out as %q", whole)
	}
}

func TestConnection_IsAskedForAndFoundAgain(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.expect("cut off")
	p.visit("/history")
	// A single failure doesn't mean that the connection is lost.
	p.standIn("/me/statistics", cutOff)
	p.click(`a[href="/wallet"]`)
	p.wait("the page says what is missing", `document.querySelector('main h1').textContent === 'That did not work'`)
	p.mend()
	run(p, `document.querySelector('main button').click()`)
	p.wait("the wallet", `document.querySelector('.tiles')`)
	if eval[bool](p, `!!document.querySelector('.banner')`) {
		t.Error("a banner reports a lost connection that is not lost")
	}
	// Everything fails, including the modules of the next page.
	_, mend := p.cut("*", fetch.RequestStageRequest)
	run(p, `document.querySelector('.foot a[href="/rules"]').click()`)
	p.wait("the banner and the page say so", `document.querySelector('.banner') && /can't be reached/.test(document.querySelector('main').textContent)`)
	p.expect("dynamically imported module")
	p.expect("WebSocket")
	mend()
	p.wait("the page comes by itself", `document.getElementById('main')?.dataset.page === '/rules' && document.querySelector('.rule-list') && !document.querySelector('.banner')`)
}

func TestCasinoGoesAway_AnIdlePageNotices(t *testing.T) {
	p := openFresh(t, look{})
	other, err := startHouse(shared.house.command.Path, filepath.Join(t.TempDir(), "data"))
	must(t, err)
	t.Cleanup(other.close)
	p.base = other.base
	p.join()
	p.visit("/")
	p.wait("the live line is open", `document.documentElement.dataset.live === 'open'`)
	p.expect("ERR_")
	p.expect("WebSocket")
	other.close()
	p.wait("the banner", `document.querySelector('.banner[data-kind=lost]')`)
}

func TestBanner_CoversNothing(t *testing.T) {
	p := open(t, look{width: 360, height: 740})
	p.join()
	p.visit("/blackjack")
	before := eval[float64](p, `document.querySelector('.felt').getBoundingClientRect().top`)
	p.expect("ERR_")
	p.expect("WebSocket")
	p.offline(true)
	// The banner may come and go while old and new requests are running, so it is measured in the moment in which it is seen.
	p.wait("the banner", `(banner => {
		if (!banner) return false;
		window.covers = banner.getBoundingClientRect().bottom > document.querySelector('.felt').getBoundingClientRect().top;
		return true;
	})(document.querySelector('.banner'))`)
	if eval[bool](p, `window.covers`) {
		t.Error("the banner lies over the table")
	}
	p.offline(false)
	p.wait("it goes, and the table is where it was", fmt.Sprintf(`!document.querySelector('.banner') && document.querySelector('.felt').getBoundingClientRect().top === %v`, before))
}

func TestSlowPage_ShowsItsBones(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/")
	p.standIn("/me/statistics", `(to, options) => new Promise(go => { window.release = go; }).then(() => window.fetchOfTheBrowser(to, options))`)
	p.click(".purse a[href='/wallet']")
	p.wait("the bones", `document.querySelector('main h1').textContent === 'Wallet' && document.querySelector('main [aria-busy] .skeleton')`)
	run(p, `window.release()`)
	p.wait("the page", `document.querySelector('.tiles') && !document.querySelector('[aria-busy]')`)
}

// While a list is on its way, its place is held: nothing moves when it comes.
func TestSlowLists_HoldTheirPlace(t *testing.T) {
	p := open(t, look{width: 1366, height: 768})
	p.join().lived()
	for path, list := range map[string]string{"/history": "tbody tr", "/wallet": "tbody tr", "/slots": ".recent a"} {
		t.Run(path, func(t *testing.T) {
			p.visit("/rules")
			from := map[string]string{"/history": "/me/rounds", "/wallet": "/me/transfers", "/slots": "/me/rounds"}[path]
			p.standIn(from, `(to, options) => new Promise(go => { (window.release ??= []).push(go); }).then(() => window.fetchOfTheBrowser(to, options))`)
			run(p, `(() => { const a = document.createElement('a'); a.href = %s; document.body.append(a); a.click(); a.remove(); })()`, path)
			p.wait("the bones", `document.getElementById('main').dataset.page === %s && [...document.querySelectorAll('main .skeleton')].some(e => e.checkVisibility() && getComputedStyle(e).opacity === '1')`, path)
			if spinners := eval[int](p, `document.querySelectorAll('.spinner, [class*=spin]:not(#spin), progress').length`); spinners > 0 {
				t.Errorf("%d spinners", spinners)
			}
			run(p, `(() => {
				window.shifts = [];
				new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts.push(e.value); }).observe({ type: 'layout-shift' });
				for (const go of window.release) go();
				window.release = [];
			})()`)
			p.wait("the list", `document.querySelector('main '+%s) && ![...document.querySelectorAll('main .skeleton')].some(e => e.checkVisibility())`, list)
			run(p, `new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))`)
			if shift := eval[float64](p, `window.shifts.reduce((a, b) => a + b, 0)`); shift > 0.01 {
				t.Errorf("the page shifts by %.4f when the list comes", shift)
			}
		})
	}
}

func TestFailures_AreSaidAndCanBeTriedAgain(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 1}, nil)
	p.visit("/history")
	p.wait("the round", `document.querySelectorAll('tbody tr').length === 1`)
	p.standIn("/me/rounds", failing)
	run(p, `(() => { const s = document.querySelector('.filter select'); s.value = 'slots'; s.dispatchEvent(new Event('change')); })()`)
	p.wait("the list says so", `/went wrong on our side/.test(document.querySelector('main .note.bad:not([hidden])')?.textContent)`)
	p.mend()
	run(p, `document.querySelector('main .note.bad button').click()`)
	p.wait("the round again", `document.querySelectorAll('tbody tr').length === 1 && document.querySelector('main .note.bad').hidden`)

	p.standIn("/sessions/current", cutOff)
	p.click("#sign-out")
	p.wait("it says that nobody is signed out", `/still signed in/.test(document.querySelector('.banner')?.textContent) && document.getElementById('balance')`)
	p.mend()
	p.visit("/slots")
	p.standIn("/me/fairness", cutOff)
	run(p, `(() => { document.querySelector('.shield').click(); document.querySelector('.shield').click(); })()`)
	p.wait("the shield says so", `document.querySelector('dialog[open] .note.bad')`)
	if n := eval[int](p, `document.querySelectorAll('dialog').length`); n != 1 {
		t.Errorf("two clicks open %d dialogs", n)
	}
}

func TestFocus_StaysWhereAPageIsDrawnAnew(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/responsible-play")
	run(p, `(() => { const b = document.querySelector('.languages button[lang=de]'); b.focus(); b.click(); })()`)
	p.wait("German, and the focus where it was", `document.querySelector('h1')?.textContent === 'Verantwortungsvoll spielen' && document.activeElement.lang === 'de' && document.activeElement.tagName === 'BUTTON'`)
	run(p, `(() => { const b = document.querySelector('#limits button[type=submit]'); b.focus(); b.click(); })()`)
	p.wait("saved", `document.querySelector('.banner.good')`)
	if !eval[bool](p, `document.activeElement?.matches('#limits button[type=submit]')`) {
		t.Error("the focus is lost when limits are saved")
	}
	p.visit("/")
	run(p, `(() => { const b = document.getElementById('collect'); b.focus(); b.click(); })()`)
	p.wait("collected", `document.getElementById('collect').hidden`)
	p.wait("the focus is at what was said", `document.activeElement.closest('.daily')`)
}

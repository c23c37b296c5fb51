package browsertest

import (
	_ "embed"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"imperio/appliance/web"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/rulebook"
)

//go:embed testdata/axe.min.js
var axe string

// lived plays some rounds of everything, so that the pages have something to show.
func (q *player) lived() {
	q.t.Helper()
	defer q.hurry()()
	q.takePart()
	for range 4 {
		q.do("POST", "/games/slots/spins", map[string]int{"stake": 5}, nil)
	}
	q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{
		{"type": "red", "amount": 25}, {"type": "straight", "numbers": []int{17}, "amount": 5}, {"type": "split", "numbers": []int{0, 2}, "amount": 5}}}, nil)
	q.settle(q.dealUntil("a decision", func(now table) bool { return true }))
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "from the player"}, nil)
	for range 3 {
		q.do("POST", "/games/slots/spins", map[string]int{"stake": 10}, nil)
	}
}

// paths are all pages, including those that show a round.
func paths(q *player) []string {
	var list []string
	for _, p := range web.Pages() {
		if !strings.HasPrefix(p.Path, "/sign-") {
			list = append(list, p.Path)
		}
	}
	id := q.rounds("roulette")[0].ID
	return append(list, "/history?round="+id, "/fairness?round="+id, "/seasons?board=rounds", q.seasonPage(), "/fairness?proof="+id)
}

// checkAccess runs axe-core on the current page.
func (p *tab) checkAccess(path string) {
	p.t.Helper()
	run(p, axe)
	// Wait for fade-ins, or else they would be measured half-way.
	run(p, `Promise.all(document.getAnimations().map(a => a.finished.catch(() => {})))`)
	found := eval[[]struct {
		ID    string   `json:"id"`
		Help  string   `json:"help"`
		Nodes []string `json:"nodes"`
	}](p, `(async () => {
		const answer = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
		return answer.violations.map(v => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? n.all[0]?.message ?? '')) }));
	})()`)
	for _, v := range found {
		p.t.Errorf("%s: %s: %s\n\t%s", path, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
	}
}

// checkWidth checks that the page is not wider than the screen.
func (p *tab) checkWidth(path string) {
	p.t.Helper()
	if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		wide := eval[string](p, `[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join('\n')`)
		p.t.Errorf("%s is %d pixels wider than the screen:\n%s", path, over, wide)
	}
}

func TestPages_OnADesktopInTheDark(t *testing.T) { everyPage(t, look{theme: "dark"}) }

func TestPages_OnAPhoneInTheLightInGerman(t *testing.T) {
	everyPage(t, look{width: 360, height: 740, theme: "light", languages: "de"})
}

func everyPage(t *testing.T, l look) {
	p := open(t, l)
	for _, path := range []string{"/", "/sign-in", "/sign-up", "/slots", "/reset-password", "/reset-password#1000.secret"} {
		p.visit(path)
		p.checkAccess(path + " (signed out)")
		p.checkWidth(path + " (signed out)")
	}
	q := p.join()
	q.lived()
	for _, path := range paths(q) {
		p.visit(path)
		p.wait(path+" has all its parts", `document.querySelector('h1') && ![...document.querySelectorAll('.skeleton')].some(e => e.checkVisibility())`)
		p.checkAccess(path)
		p.checkWidth(path)
	}
	p.click(".menu-button")
	p.checkAccess("the menu")
	p.visit("/slots")
	p.click(".shield")
	p.wait("the shield's dialog", `document.querySelector('dialog[open]')`)
	p.checkAccess("the shield's dialog")
}

func TestLanguages_AreChosenFromTheBrowserAndSwitched(t *testing.T) {
	p := open(t, look{languages: "es-MX,es,en"})
	p.visit("/sign-in")
	if h := p.text("h1"); h != "Entrar" {
		t.Errorf("a Spanish browser is greeted with %q", h)
	}
	p.click(`.languages button[lang=de]`)
	p.wait("German", `document.documentElement.lang === 'de' && document.querySelector('h1').textContent === 'Anmelden'`)
	p.expect("401")
	run(p, `(() => { document.querySelector('input[name=login]').value = 'nobody'; document.querySelector('input[name=password]').value = 'nothing at all'; })()`)
	p.click("form button[type=submit]")
	p.wait("the refusal is German", `document.querySelector('.note.bad:not([hidden])')?.textContent === 'Name oder Passwort stimmt nicht.'`)
	p.visit("/rules/slots")
	p.wait("the choice is kept", `document.documentElement.lang === 'de'`)
	if text := p.text("main"); !strings.Contains(text, "%") || !strings.Contains(text, ",") {
		t.Errorf("figures are not as Germans write them: %q", text)
	}
}

// weight is how many bytes a first visit takes over the wire.
func weight(t *testing.T, path string) (bytes float64) {
	p := open(t, look{})
	var mu sync.Mutex
	must(t, chromedp.Listen(p.ctx, func(event any) {
		if e, ok := event.(*network.EventLoadingFinished); ok {
			mu.Lock()
			bytes += e.EncodedDataLength
			mu.Unlock()
		}
	}))
	call(p, network.Enable, network.EnableParams{})
	call(p, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	p.visit(path)
	p.wait("everything is loaded", `document.readyState === 'complete' && [...document.images].every(i => i.complete)`)
	mu.Lock()
	defer mu.Unlock()
	return bytes
}

func TestWeight_FirstVisitsAreLight(t *testing.T) {
	// Over HTTP/1.1: the headers of some fifty answers, which HTTP/2 compresses to almost nothing, are a sixth of it.
	for path, most := range map[string]float64{"/": 175_000, "/slots": 300_000, "/roulette": 300_000, "/blackjack": 300_000} {
		t.Run(path, func(t *testing.T) {
			bytes := weight(t, path)
			t.Logf("%s takes %.0f kB over the wire", path, bytes/1000)
			if bytes == 0 || bytes > most {
				t.Errorf("%s takes %.0f bytes, the most is %.0f", path, bytes, most)
			}
		})
	}
}

func TestLayout_NothingShifts(t *testing.T) {
	p := openFresh(t, look{motion: true}) // what is loaded late may shift the rest
	p.join().lived()
	p.look(look{width: 1366, height: 768, motion: true})
	for _, path := range []string{"/", "/slots", "/roulette", "/blackjack", "/wallet", "/history"} {
		p.visit(path)
		p.wait(path+" has all its parts", `![...document.querySelectorAll('.skeleton')].some(e => e.checkVisibility())`)
		shift := eval[struct {
			Sum   float64
			Parts []string
		}](p, `new Promise(resolve => {
			const entries = [];
			const observer = new PerformanceObserver(list => entries.push(...list.getEntries()));
			observer.observe({ type: 'layout-shift', buffered: true });
			requestAnimationFrame(() => requestAnimationFrame(() => {
				entries.push(...observer.takeRecords());
				const shifts = entries.filter(e => !e.hadRecentInput);
				resolve({ Sum: shifts.reduce((s, e) => s + e.value, 0), Parts: shifts.flatMap(e => e.sources.map(x => x.node?.outerHTML?.slice(0, 80) ?? '')) });
			}));
		})`)
		if shift.Sum > 0.001 {
			t.Errorf("%s shifts by %.4f: %s", path, shift.Sum, strings.Join(shift.Parts, " | "))
		}
	}
}

// Logs how smooth and how fast a spin is. On a busy machine the figures mean nothing, so they are not judged.
func TestMotion_IsMeasured(t *testing.T) {
	p := open(t, look{width: 390, height: 800, motion: true})
	p.join()
	call(p, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4})
	p.visit("/slots")
	t.Logf("on a phone four times slower than this machine the page is ready after %.0f ms", eval[float64](p, `performance.getEntriesByName('ready')[0]?.startTime ?? -1`))
	call(p, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 1})
	seen := eval[struct {
		Frames, Longest float64
		Tasks           int
	}](p, `(async () => {
		let tasks = 0;
		const observer = new PerformanceObserver(list => { tasks += list.getEntries().length; });
		observer.observe({ type: 'longtask' });
		document.getElementById('spin').click();
		let frames = 0, longest = 0, last = performance.now();
		const began = last;
		while (document.getElementById('spin').disabled) {
			await new Promise(requestAnimationFrame);
			const now = performance.now();
			longest = Math.max(longest, now - last); last = now; frames++;
		}
		return { Frames: frames * 1000 / (last - began), Longest: longest, Tasks: tasks };
	})()`)
	t.Logf("a spin runs at %.0f frames a second, the longest takes %.0f ms, with %d tasks above 50 ms", seen.Frames, seen.Longest, seen.Tasks)
	if seen.Frames <= 0 {
		t.Error("no frame was drawn")
	}
}

// The pages state the rules in the words of their one source, in each language.
func TestRules_AreThoseOfTheHouseInEachLanguage(t *testing.T) {
	for language, time := range map[string]string{"en": "for 24 hours", "de": "24 Stunden lang", "es": "durante 24 horas"} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{languages: language})
			for path, rules := range map[string][]games.Rule{
				"/rules": rulebook.House(), "/responsible-play": rulebook.Limits()[:len(rulebook.Limits())-1], // the last one, about exclusion, is for players
				"/rules/slots": ruleTexts("slots"), "/rules/roulette": ruleTexts("roulette"), "/rules/blackjack": ruleTexts("blackjack"),
			} {
				p.visit(path)
				text := p.text("main")
				for _, r := range rules {
					if said := r.In()[language]; !strings.Contains(text, said) && !strings.HasPrefix(r.ID, "slots/strip_") {
						t.Errorf("%s does not state %q", path, said)
					}
				}
				if path == "/rules/blackjack" && !strings.Contains(text, time) { // after which a round is settled
					t.Errorf("%q is missing in %s", time, text)
				}
			}
		})
	}
}

// ruleTexts are the rules of a game as the casino under test plays it.
func ruleTexts(game string) []games.Rule {
	d, _ := catalogue.Released().Named(game)
	v, _ := catalogue.Released().Version(d.Default)
	return v.SheetFor(rulebook.Time(24 * 3600)).Text
}

func TestMissingPage_IsOneOfTheHouse(t *testing.T) {
	p := open(t, look{languages: "es"})
	p.expect("404")
	p.visit("/no/hay")
	if h := p.text("h1"); h != "Aquí no hay nada" {
		t.Errorf("a missing page says %q", h)
	}
	p.checkAccess("a missing page")
	p.visit("/slots/?x=y")
	p.wait("the page without its slash", `location.pathname === '/slots' && location.search === '?x=y' && document.querySelector('.machine')`)
}

package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"
)

// spun is true when the reels rest after a spin, and the next one can begin.
const spun = `document.querySelectorAll('.facet.shown').length === 3 && !document.getElementById('spin').disabled`

func TestSlots_StopsWhereTheServerSaid(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/slots")
	before := p.shownCoins()
	took := eval[float64](p, `(async () => {
		window.rested = []; // the reels in the order in which they came to rest
		const drums = [...document.querySelectorAll('.drum')];
		drums.forEach((drum, reel) => new MutationObserver(() => { if (drum.querySelector('.shown')) window.rested.push(reel); })
			.observe(drum, { subtree: true, attributeFilter: ['class'] }));
		await new Promise(requestAnimationFrame);
		const began = performance.now();
		document.getElementById('spin').click();
		const balance = document.getElementById('balance').dataset.coins;
		while (document.getElementById('spin').disabled) {
			if (document.getElementById('balance').dataset.coins !== balance && !document.querySelector('.facet.shown')) throw new Error('the balance told the outcome before the reels');
			await new Promise(requestAnimationFrame);
		}
		return performance.now() - began;
	})()`)
	if order := eval[[]int](p, `window.rested.filter((reel, i) => window.rested.indexOf(reel) === i)`); !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("the reels came to rest in the order %v", order)
	}
	if took < 2500 {
		t.Errorf("a cycle took %.0f ms; the rule is at least 2500", took)
	}
	// The browser drew a client seed before the account's first bet.
	var seeds struct {
		ClientSeed string `json:"client_seed"`
		Default    bool   `json:"client_seed_is_default"`
	}
	q.do("GET", "/me/fairness", nil, &seeds)
	if seeds.Default || strings.HasPrefix(seeds.ClientSeed, "default:") {
		t.Errorf("the first bet was made under the default client seed %q", seeds.ClientSeed)
	}
	run(p, `document.activeElement.blur()`)
	release := p.hold("/games/slots/spins")
	p.press(" ")
	p.wait("the space key spins", `document.getElementById('spin').disabled`)
	release()
	p.wait("the second spin is over", spun)
	rounds := q.rounds("slots")
	if len(rounds) != 2 {
		t.Fatalf("%d rounds for two spins", len(rounds))
	}
	shown := eval[[]int](p, `[...document.querySelectorAll('.facet.shown')].map(f => Number(f.dataset.stop))`)
	if !slices.Equal(shown, rounds[0].Outcome.Stops) {
		t.Errorf("the reels show the stops %v, the server drew %v", shown, rounds[0].Outcome.Stops)
	}
	// They also do so on the screen: the stop's facet lies on the pay line, in front.
	if off := eval[float64](p, `Math.max(...[...document.querySelectorAll('.facet.shown')].map(f => { const d = f.closest('.drum').getBoundingClientRect(), r = f.getBoundingClientRect(); return Math.abs(r.y + r.height / 2 - d.y - d.height / 2) + (r.height > d.height / 4 ? 0 : 999); }))`); off > 4 {
		t.Errorf("a symbol lies %.1f pixels off the pay line", off)
	}
	if won := eval[bool](p, `document.getElementById('outcome').classList.contains('won')`); won != (rounds[0].Payout > rounds[0].Staked) {
		t.Errorf("a win is shown: %v, for a payout of %d on %d", won, rounds[0].Payout, rounds[0].Staked)
	}
	if before != welcomeCoins {
		t.Errorf("%d coins before the first spin", before)
	}
	p.sameCoins(q)
}

func TestSlots_TheSpaceKeySpinsAfterAClickAndTheFocusStays(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	p.point(`im-stake .button[title="Double the stake"]`)
	p.press(" ")
	p.wait("the spin is over", `document.querySelectorAll('.facet.shown').length === 3 && !document.getElementById('spin').disabled`)
	if r := q.rounds("slots"); len(r) != 1 || r[0].Stake != 10 {
		t.Errorf("after doubling 5 and the space key the rounds are %+v", r)
	}
	run(p, `document.getElementById('spin').focus()`)
	release := p.hold("/games/slots/spins")
	p.press(kb.Enter)
	p.wait("the second spin", `document.getElementById('spin').disabled`)
	release()
	p.wait("it is over, and the focus where it was", `!document.getElementById('spin').disabled && document.activeElement.id === 'spin'`)
	p.visit("/slots")
	if stake := eval[string](p, `document.querySelector('im-stake input').value`); stake != "10" {
		t.Errorf("on the next visit the stake is %s", stake)
	}
	p.click(`.chips [data-chip="25"]`)
	p.click("im-stake .repeat")
	if stake := eval[string](p, `document.querySelector('im-stake input').value`); stake != "10" {
		t.Errorf("repeat sets the stake to %s", stake)
	}
}

// A drum at rest fills its window at every stop: no dark gap shows between two facets.
func TestSlots_NoStopShowsAGapBetweenFacets(t *testing.T) {
	for name, l := range map[string]look{"desk": {width: 1280, height: 860}, "narrow": {width: 820, height: 900}, "phone": {width: 390, height: 844}} {
		t.Run(name, func(t *testing.T) {
			p := open(t, l)
			p.visit("/slots")
			for stop := 15; stop <= 30; stop++ {
				places := eval[[]struct{ X, Top, Bottom int }](p, `(async (stop) => {
					const { Drum } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => /games\/slots\/drum[^/]*\.js$/.test(n)));
					const old = [...document.querySelectorAll('.drum')];
					const drums = old.map((_, reel) => new Drum(reel, 15));
					old.forEach((e, reel) => e.replaceWith(drums[reel].element));
					await Promise.all(drums.map(d => d.land(stop)));
					document.querySelector('.machine').scrollIntoView({ block: 'center', behavior: 'instant' });
					await Promise.all([...document.querySelectorAll('.drum img')].map(i => i.decode()));
					await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
					return drums.map(d => { const r = d.element.getBoundingClientRect(); return { X: Math.round(r.x + r.width * .08), Top: Math.ceil(r.y + r.height * .2), Bottom: Math.floor(r.y + r.height * .8) }; });
				})(%s)`, stop)
				shot := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng, OptimizeForSpeed: new(true)})
				// The browser decodes the picture: under the race detector it does so many times faster than Go.
				greens := eval[[][]int](p, `(async (shot, places) => {
					const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(shot), c => c.charCodeAt(0))], { type: 'image/png' }));
					const paper = new OffscreenCanvas(picture.width, picture.height).getContext('2d', { willReadFrequently: true });
					paper.drawImage(picture, 0, 0);
					return places.map(p => [...paper.getImageData(p.X, p.Top, 1, p.Bottom - p.Top).data].filter((_, i) => (i & 3) === 1));
				})(%s, %s)`, shot.Data, places)
				for reel, place := range places {
					for i, green := range greens[reel] {
						if green < 64 {
							t.Errorf("stop %d of reel %d: dark at %d, %d, in the window from %d to %d", stop, reel, place.X, place.Top+i, place.Top, place.Bottom)
							break
						}
					}
				}
				if len(places) != 3 {
					t.Fatalf("%d reels", len(places))
				}
			}
		})
	}
}

// typed types into the field of the stake, as a player does.
func (p *tab) typed(stake string) {
	p.t.Helper()
	run(p, `(i => { i.focus(); i.select(); })(document.querySelector('im-stake input'))`)
	p.press(stake)
}

func (p *tab) stake() string {
	p.t.Helper()
	return eval[string](p, `document.querySelector('im-stake input').value`)
}

func TestSlots_AHeldKeySpinsOnce(t *testing.T) {
	for name, key := range map[string]input.DispatchKeyEventParams{
		"enter on the button": {Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13},
		"space on the page":   {Key: " ", Code: "Space", Text: " ", WindowsVirtualKeyCode: 32},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, look{height: 500, width: 1280}) // low, so that a space could scroll
			q := p.join()
			p.visit("/slots")
			if key.Key == "Enter" {
				run(p, `document.getElementById('spin').focus()`)
			}
			press := func(kind input.DispatchKeyEventType, repeat bool) {
				now := key
				now.Type, now.AutoRepeat = kind, &repeat
				call(p, input.DispatchKeyEvent, now)
			}
			press(input.DispatchKeyEventTypeKeyDown, false)
			p.wait("it spins", `document.getElementById('spin').disabled`)
			p.until("the spin is over, and the key still held", func() bool {
				press(input.DispatchKeyEventTypeKeyDown, true)
				return eval[bool](p, spun)
			})
			for range 3 {
				press(input.DispatchKeyEventTypeKeyDown, true)
			}
			if eval[bool](p, `document.getElementById('spin').disabled`) || len(q.rounds("slots")) != 1 {
				t.Errorf("a held key spins again: %d rounds", len(q.rounds("slots")))
			}
			key.Text = ""
			press(input.DispatchKeyEventTypeKeyUp, false)
			if y := eval[int](p, `Math.round(scrollY)`); y != 0 {
				t.Errorf("the page scrolled to %d", y)
			}
		})
	}
}

func TestSlots_ADoubleTapSpinsOnce(t *testing.T) {
	p := open(t, look{width: 390, height: 844})
	q := p.join()
	call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	p.visit("/slots")
	at := eval[input.TouchPoint](p, `(r => ({ x: r.x + r.width / 2, y: r.y + r.height / 2 }))(document.getElementById('spin').getBoundingClientRect())`)
	for range 2 {
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{&at}})
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}})
	}
	p.wait("the spin is over", spun)
	if n := len(q.rounds("slots")); n != 1 {
		t.Errorf("%d rounds", n)
	}
	if z := eval[float64](p, `visualViewport.scale`); z != 1 {
		t.Errorf("the page is zoomed by %v", z)
	}
}

func TestSlots_LettersSetTheStakeUntilTheyAreSwitchedOff(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/slots")
	p.press(" ")
	p.wait("it spins", `document.getElementById('spin').disabled`)
	p.wait("it is over", spun)
	expect := func(key, want string) {
		t.Helper()
		p.press(key)
		if got := p.stake(); got != want {
			t.Errorf("after %s the stake is %s, want %s", key, got, want)
		}
	}
	expect("d", "10")
	expect("d", "20")
	expect("h", "10")
	expect("r", "5")
	p.click(".keys input")
	expect("d", "5")
	p.visit("/slots")
	p.wait("the switch is off after a reload", `!document.querySelector('.keys input').checked`)
	expect("d", "5")
	p.click(".keys input")
	expect("d", "10")
}

func TestStake_WhatIsTypedBeyondTheLimitsIsRefusedInWords(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	for _, x := range []struct{ typed, words string }{
		{"0", "This table takes at least 1 coin."},
		{"20000", "This table takes at most 10,000 coins."},
		{"5001", "You have 5,000 coins."},
		{"5x", "Enter a whole number of coins."},
	} {
		p.typed(x.typed)
		if got := p.text("im-stake .wrong"); got != x.words {
			t.Errorf("%s: the page says %q", x.typed, got)
		}
		if got := p.stake(); got != x.typed {
			t.Errorf("%s became %s", x.typed, got)
		}
	}
	p.typed("5001")
	p.click("#spin")
	p.wait("the field has the focus", `document.activeElement === document.querySelector('im-stake input')`)
	p.press(kb.Enter)
	if eval[bool](p, `document.getElementById('spin').disabled`) || len(q.rounds("slots")) > 0 {
		t.Error("it spun all the same")
	}
	p.typed("7")
	p.press(kb.Enter)
	p.wait("it spins", `document.getElementById('spin').disabled`)
	p.wait("it is over", spun)
	if r := q.rounds("slots"); len(r) != 1 || r[0].Stake != 7 {
		t.Errorf("the rounds are %+v", r)
	}
}

func TestStake_ChipsKeepToTheBalance(t *testing.T) {
	p, _ := openIn(t, look{}, "--welcome-coins", "120")
	p.join()
	p.visit("/slots")
	off := eval[[]string](p, `[...document.querySelectorAll('[data-chip]:disabled')].map(c => c.dataset.chip)`)
	if !slices.Equal(off, []string{"500", "1000"}) {
		t.Errorf("of 120 coins these chips can't be chosen: %v", off)
	}
	for _, x := range [][2]string{{"all", "120"}, {"double", "120"}, {"half", "60"}, {"double", "120"}} {
		p.click("im-stake ." + x[0])
		if got := p.stake(); got != x[1] {
			t.Errorf("%s makes it %s, want %s", x[0], got, x[1])
		}
	}
}

func TestSlots_WhoHasTooFewCoinsIsToldWhenThereWillBeSome(t *testing.T) {
	p, _ := openIn(t, look{}, "--welcome-coins", "0")
	q := p.join()
	p.visit("/slots")
	p.wait("what is missing, and what there is", `/at least 1 coin\b.*\(100\) are ready/s.test(document.querySelector('.short-of-coins').textContent) && document.querySelector('#spin:disabled')`)
	p.press(" ")
	if eval[bool](p, `!!document.querySelector('#autoplay')`) {
		t.Error("autoplay is offered")
	}
	run(p, `document.getElementById('collect').focus()`)
	p.press(kb.Enter)
	p.wait("the coins, and the focus at the button that they are for", `!document.querySelector('.short-of-coins') && document.getElementById('balance').dataset.coins === '100' && document.activeElement.id === 'spin'`)
	if n := len(q.rounds("slots")); n != 0 {
		t.Errorf("%d rounds were played without coins", n)
	}
	for q.coins() > 0 { // all on one spin, until it loses
		q.do("POST", "/games/slots/spins", map[string]int{"stake": min(q.coins(), 10_000)}, nil)
	}
	p.wait("when the next coins come", `/The next coins \(100\) are ready \S/.test(document.querySelector('.short-of-coins')?.textContent ?? '') && document.getElementById('collect').hidden`)
}

// What stands in the panel is neither cut off nor covered, in the languages with the longest words.
func TestSlots_ThePanelHoldsItsWords(t *testing.T) {
	const faults = `(async () => {
		await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))); // the page's style follows the measured top bar
		const panel = document.querySelector('.betting').getBoundingClientRect();
		const name = e => e.id || e.className || e.tagName;
		const parts = [...document.querySelectorAll('.betting :is(button, input[type=text], a, .what, .wrong, .facts-line > span, .short-of-coins p, .autoplaying span)')].filter(e => e.checkVisibility()).map(e => {
			const range = document.createRange();
			range.selectNodeContents(e);
			return { e, box: e.matches('p, span') ? range.getBoundingClientRect() : e.getBoundingClientRect() };
		}).filter(({ box }) => box.width > 0);
		const found = [];
		for (const { e, box } of parts) {
			if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline') found.push(name(e) + ' is cut off');
			if (box.bottom > Math.min(innerHeight, panel.bottom) + 1 || box.right > panel.right + 1) found.push(name(e) + ' is out of sight');
		}
		parts.forEach((a, i) => parts.slice(i + 1).forEach(b => {
			if (a.e.contains(b.e) || b.e.contains(a.e)) return;
			if (a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 && a.box.top < b.box.bottom - 1 && b.box.top < a.box.bottom - 1) found.push(name(a.e) + ' and ' + name(b.e) + ' overlap');
		}));
		if (parts.length < 14) found.push('there are only ' + parts.length + ' parts');
		return found;
	})()`
	for _, size := range []look{{width: 360, height: 740, languages: "es"}, {width: 844, height: 390, languages: "es"}, {width: 844, height: 390, languages: "de"}, {width: 1280, height: 632, languages: "de"}} {
		t.Run(fmt.Sprintf("%s at %d by %d", size.languages, size.width, size.height), func(t *testing.T) {
			p := open(t, size)
			p.join()
			p.visit("/slots")
			check := func(when string) {
				t.Helper()
				if f := eval[[]string](p, faults); len(f) > 0 {
					t.Errorf("%s: %s", when, strings.Join(f, "; "))
				}
			}
			check("at the beginning")
			p.typed("20000")
			check("with a stake beyond the limits")
			p.typed("5")
			release := p.hold("/games/slots/spins")
			p.click("#spin")
			p.wait("it spins", `document.getElementById('spin').disabled`)
			check("during a spin")
			release()
			p.wait("it is over", spun)
			check("after a spin")
		})
	}
}

func TestRules_OpenBesideTheTable(t *testing.T) {
	for name, l := range map[string]look{"desk": {}, "phone": {width: 390, height: 844}} {
		t.Run(name, func(t *testing.T) {
			p := open(t, l)
			q := p.join()
			p.visit("/slots")
			if href := eval[string](p, `document.querySelector('.rules-link').getAttribute('href')`); href != "/rules/slots" {
				t.Errorf("the link leads to %s", href)
			}
			run(p, `document.querySelector('.rules-link').focus()`)
			p.press(kb.Enter)
			p.wait("the rules, with the focus in them", `document.activeElement.closest('.rules-drawer') && document.querySelectorAll('.rules-drawer tbody tr').length === 7 && document.querySelector('.rules-drawer .strips')`)
			if at := eval[string](p, `location.pathname`); at != "/slots" {
				t.Errorf("the page went to %s", at)
			}
			p.checkAccess("the rules beside the table")
			p.press(" ") // meant for the rules
			if l.width == 0 && eval[bool](p, `document.querySelector('.rules-drawer').getBoundingClientRect().left < document.querySelector('.machine').getBoundingClientRect().right`) {
				t.Error("the rules lie over the machine")
			}
			p.press(kb.Escape)
			p.wait("they are gone, and the focus is back", `!document.querySelector('.rules-drawer') && document.activeElement.matches('.rules-link')`)
			if n := len(q.rounds("slots")); n != 0 {
				t.Errorf("%d rounds were played from the rules", n)
			}
			p.press(kb.Enter)
			p.wait("open again", `document.querySelector('.rules-drawer')`)
			p.click(".rules-drawer .close")
			p.wait("closed by its button", `!document.querySelector('.rules-drawer') && document.activeElement.matches('.rules-link')`)
		})
	}
}

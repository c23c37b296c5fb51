package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

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
	run(p, `new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(r))))`)
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
	p.sitDown()
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
	for call, chips := range map[string]int{"voisins": 9, "tiers": 6, "orphelins": 5, "zero": 4} {
		p.point(".racetrack ." + call + " text")
		p.expectOnTable(call, chips)
		p.click(`[data-tool="clear"]`)
	}
}

func TestRoulette_TheBallFallsWhereTheServerSaid(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.sitDown()
	p.point(`.chips [data-chip="1"]`)
	// One bet of every type, and the call bets: the server gets them all as meant.
	types := []string{"straight:0", "split:0-3", "street:1-2-3", "trio:0-2-3", "corner:1-2-4-5", "first_four:0-1-2-3", "six_line:31-32-33-34-35-36", "dozen:1", "column:1", "low", "high", "red", "black", "odd", "even"}
	for _, id := range types {
		p.click(p.spot(id))
	}
	for _, call := range []string{"voisins", "tiers", "orphelins", "zero"} {
		run(p, `document.querySelector('.racetrack .' + %s).dispatchEvent(new MouseEvent('click', { bubbles: true }))`, call)
	}
	total := p.onTable()
	if total != len(types)+24 {
		t.Errorf("%d coins on the table, want %d", total, len(types)+24)
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

func TestRoulette_ChipsAreTakenBackWithoutAMouse(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.sitDown()
	for range 2 {
		p.click(p.spot("red"))
	}
	p.click(".eraser")
	p.click(p.spot("red"))
	p.expectOnTable("the eraser takes one chip", 5)
	p.click(`.chips [data-chip="5"]`)
	const hold = `(async () => {
		const spot = document.querySelector('[data-spot=black]');
		spot.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, pointerType: %s }));
		await new Promise(r => setTimeout(r, 600)); // longer than a press that only shows
		spot.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 1 }));
	})()`
	run(p, fmt.Sprintf(hold, `'touch'`))
	p.expectOnTable("a long press of a finger only shows", 5)
	run(p, fmt.Sprintf(hold, `'mouse'`))
	p.expectOnTable("a slow click places", 10)
}

// sitDown opens the table, and waits until it has measured its stage: that is told in a frame.
func (p *tab) sitDown() {
	p.t.Helper()
	p.visit("/roulette")
	run(p, `new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(r))))`)
}

// fingers makes the page believe that it is touched, or that there is a mouse.
func (p *tab) fingers(on bool) {
	p.t.Helper()
	call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: on, MaxTouchPoints: 1})
	p.wait("the page knows what points", `matchMedia('(pointer: coarse)').matches === %s`, on)
	run(p, `new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(r))))`) // it is told in a frame, and draws
}

// touch rests a finger in the middle of an element until a condition holds.
func (p *tab) touch(selector, until string) {
	p.t.Helper()
	at := eval[struct{ X, Y float64 }](p, `(() => { const r = document.querySelector(%s).getBoundingClientRect(); return { X: r.x + r.width / 2, Y: r.y + r.height / 2 }; })()`, selector)
	call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: "touchStart", TouchPoints: []*input.TouchPoint{{X: at.X, Y: at.Y}}})
	p.wait("a finger on "+selector, until)
	call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: "touchEnd", TouchPoints: []*input.TouchPoint{}})
}

// rouletteFaults lists what of the table is too small, out of sight, or covered.
const rouletteFaults = `(async () => {
	await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
	await Promise.all(document.getAnimations().map(a => a.finished.catch(() => {})));
	const least = matchMedia('(pointer: coarse)').matches ? 44 : 24, out = [];
	const shown = e => e.checkVisibility({ visibilityProperty: true });
	const name = e => (e.dataset.spot ?? e.id) + ' ' + e.getAttribute('class') + ' "' + (e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40) + '"';
	const box = e => e.getBoundingClientRect();
	const beyond = r => r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;
	const meet = (a, b) => a.left < b.right - 1 && a.right > b.left + 1 && a.top < b.bottom - 1 && a.bottom > b.top + 1;
	for (const e of document.querySelectorAll('.play :is(button, a, [role=button])')) {
		if (!shown(e)) continue;
		const r = box(e);
		if (r.width < least - 0.05 || r.height < least - 0.05) out.push('small: ' + name(e) + ' ' + r.width + ' by ' + r.height);
		if (beyond(r) && !e.closest('.halved')) out.push('out of sight: ' + name(e));
	}
	for (const e of document.querySelectorAll('#outcome, .bowl, .betting, .racetrack svg, .cloth, .numbers, .calls-box, .sheet, .small-print, .what'))
		if (shown(e) && beyond(box(e))) out.push('out of sight: ' + name(e));
	for (const e of document.querySelectorAll('.betting, #outcome, .calls-box, .sheet'))
		if (shown(e) && e.scrollHeight > e.clientHeight + 1) out.push('higher than its place: ' + name(e) + ' ' + e.scrollHeight + ' in ' + e.clientHeight);
	for (const e of document.querySelectorAll('.play :is(.tab, .tool, .go, .call, .inside-bet, .kinds button)'))
		if (shown(e) && e.scrollWidth > e.clientWidth + 1) out.push('wider than its place: ' + name(e));
	for (const e of document.querySelectorAll('.spot.outside:not(.diamond)')) {
		if (!shown(e)) continue;
		const word = box(e.querySelector('span')), field = box(e), chip = document.querySelector('.laid [data-on="' + e.dataset.spot + '"]');
		if (word.left < field.left - 1 || word.right > field.right + 1 || word.top < field.top - 1 || word.bottom > field.bottom + 1) out.push('a word leaves its field: ' + name(e));
		if (chip && meet(box(chip), word)) out.push('a chip lies on the word of ' + name(e));
	}
	const parts = [...document.querySelectorAll('.tabs, #outcome, .numbers-box, .wheel-box, .track-box, .table-box, .calls-box')].filter(e => shown(e) && !document.querySelector('.sheet'));
	for (const a of parts) for (const b of parts) if (a !== b && meet(box(a), box(b))) out.push(name(a) + ' lies on ' + name(b));
	if (scrollY !== 0) out.push('the page scrolled');
	return out;
})()`

// expectNoFaults reports each fault of the table at a moment of a round.
func (p *tab) expectNoFaults(moment string) {
	p.t.Helper()
	for _, fault := range eval[[]string](p, rouletteFaults) {
		p.t.Errorf("%s: %s", moment, fault)
	}
}

// All that is needed for a round is in sight in every window and language, large enough to be touched, and nothing scrolls.
func TestRoulette_EachWindowHoldsAWholeRound(t *testing.T) {
	p := open(t, look{})
	p.join()
	for _, language := range []string{"en", "es", "de"} {
		run(p, `localStorage.setItem('imperio.language', JSON.stringify(%s))`, language)
		p.sitDown()
		for _, window := range []struct {
			width, height int64
			fingers       bool
		}{{360, 740, true}, {390, 844, true}, {844, 390, true}, {820, 1180, true}, {1024, 768, true}, {1280, 632, false}, {1366, 650, false}, {1440, 900, false}, {1920, 1080, false}} {
			if language != "en" && window.width > 1280 {
				continue // longer words have more room there
			}
			p.look(look{width: window.width, height: window.height})
			p.fingers(window.fingers)
			name := func(moment string) string {
				return fmt.Sprintf("%s, %d by %d, %s", language, window.width, window.height, moment)
			}
			run(p, `document.querySelector('[data-place^=cloth]')?.click()`)
			for _, id := range []string{"straight:17", "dozen:1", "dozen:2", "dozen:3", "low", "even", "red", "odd", "high", "column:1", "column:2"} {
				p.click(p.spot(id))
			}
			p.expectNoFaults(name("bets are laid"))
			for _, more := range []string{`[data-place="cloth-1"]`, `.tab[data-place=calls]`, `[data-calls=neighbours]`, `[data-calls=finals]`, `[data-sheet=finals]`, `[data-sheet=saved]`} {
				if eval[bool](p, `!!document.querySelector(%s)`, more) {
					p.click(more)
					p.expectNoFaults(name(more))
				}
			}
			p.click(".sheet .shut")
			if window.fingers {
				p.click("[data-lines]")
				p.click(p.spot("straight:17"))
				p.expectNoFaults(name("all bets of a number"))
				p.click(".sheet .shut")
				p.click("[data-lines]")
			}
			release := p.hold("/games/roulette/spins")
			p.click("#spin")
			p.wait("the wheel", `document.getElementById('spin').disabled && document.querySelector('.bowl').checkVisibility()`)
			p.expectNoFaults(name("the wheel turns"))
			release()
			p.wait("the ball has fallen", `document.querySelector('.spot.fallen') && !document.getElementById('spin').disabled`)
			p.expectNoFaults(name("the result"))
			p.click(`[data-tool="repeat"]`)
			p.wait("the cloth", `document.querySelector('.cloth').checkVisibility()`)
			p.click(`[data-tool="clear"]`)
		}
	}
}

func TestRoulette_HalvesOfTheClothTakeTurnsOnPhones(t *testing.T) {
	p := open(t, look{width: 360, height: 740})
	p.join()
	p.sitDown()
	p.fingers(true)
	shows := func(what string, some, others []string) {
		t.Helper()
		p.wait(what, `(shown => %s.every(shown) && !%s.some(shown))(id => document.querySelector('[data-spot="' + id + '"]').checkVisibility({ visibilityProperty: true }))`, some, others)
	}
	shows("the first half", []string{"straight:0", "straight:18", "low", "even", "red", "dozen:1", "dozen:2"}, []string{"straight:19", "black", "dozen:3", "column:1"})
	p.click(`[data-place="cloth-1"]`)
	shows("the second half", []string{"straight:19", "straight:36", "black", "odd", "high", "dozen:2", "dozen:3", "column:1"}, []string{"straight:18", "red", "dozen:1"})
	p.wait("the table has slid", `document.getAnimations().length === 0`)
	p.touch(p.spot("straight:19"), `true`)
	p.wait("a chip on 19", `document.querySelector('.laid [data-on="straight:19"]')`)
	run(p, `document.querySelector('[data-spot="straight:19"]').focus()`)
	p.press(kb.ArrowUp)
	p.wait("the keys slide the table back", `document.activeElement.dataset.spot === 'straight:16' && document.querySelector('[data-spot="straight:16"]').checkVisibility({ visibilityProperty: true })`)
}

func TestRoulette_FingersReachTheBetsOnLines(t *testing.T) {
	p := open(t, look{width: 390, height: 844})
	q := p.join()
	p.sitDown()
	p.fingers(true)
	if n := eval[int](p, `document.querySelectorAll('.spot.line').length`); n != 0 {
		t.Errorf("%d lines are targets for fingers", n)
	}
	p.touch(p.spot("straight:17"), `document.querySelector('.sheet')`)
	p.expectOnTable("a long press", 0)
	if n := eval[int](p, `document.querySelectorAll('.inside-bet').length`); n != 12 {
		t.Errorf("17 has %d bets, want 12", n)
	}
	p.touch(`[data-bet="corner:16-17-19-20"]`, `true`)
	p.wait("the corner", `document.querySelector('.laid [data-on="corner:16-17-19-20"]')`)
	if name := eval[string](p, `document.querySelector('[data-bet="corner:16-17-19-20"] .sr').textContent`); name != "Corner 16, 17, 19, 20, pays 8 to 1, 5 coins" {
		t.Errorf("the corner is called %q", name)
	}
	p.press(kb.Escape)
	p.wait("the table", `!document.querySelector('.sheet')`)
	p.click("[data-lines]")
	p.touch(p.spot("straight:0"), `true`)
	p.wait("the bets of 0, by a tap", `document.querySelector('[data-bet="trio:0-1-2"]')`)
	p.touch(`[data-bet="trio:0-1-2"]`, `true`)
	p.expectOnTable("corner and trio", 10)
	p.click("#spin")
	p.wait("the ball has fallen", `document.querySelector('.spot.fallen')`)
	if r := q.rounds("roulette"); len(r) != 1 || len(r[0].Bets) != 2 || r[0].Staked != 10 {
		t.Errorf("the rounds are %+v", r)
	}
	if !eval[bool](p, `document.querySelector('.bowl').checkVisibility() && !document.querySelector('.cloth').checkVisibility()`) {
		t.Error("the wheel doesn't show the result")
	}
	p.touch(".bowl", `true`)
	p.wait("the next touch goes back to the table", `document.querySelector('.cloth').checkVisibility()`)
}

func TestRoulette_CallsAreButtonsWhereTheRacetrackHasNoRoom(t *testing.T) {
	p := open(t, look{width: 390, height: 844})
	p.join()
	p.sitDown()
	p.fingers(true)
	p.click(`[data-place=calls]`)
	for i, want := range []int{45, 30, 25, 20} {
		button := fmt.Sprintf(".sectors .call:nth-child(%d)", i+1)
		if text := p.text(button); !strings.Contains(text, fmt.Sprintf("%d coins", want)) {
			t.Errorf("call %d says %q, want its cost of %d coins", i, text, want)
		}
		p.click(button)
		p.expectOnTable("a call", want)
		p.click(`[data-tool="clear"]`)
	}
	p.click(`[data-calls=finals]`)
	if text := p.text(".finals .call:nth-child(5)"); !strings.Contains(text, "4 14 24 34") || !strings.Contains(text, "20 coins") {
		t.Errorf("final 4 says %q", text)
	}
	p.click(".finals .call:nth-child(5)")
	p.expectOnTable("final 4", 20)
	p.click(`[data-tool="clear"]`)
	p.click(`[data-calls=neighbours]`)
	for range 3 {
		p.click(".ring .stepper button:last-child")
	}
	p.touch(`.ring [data-part="0"]`, `document.getElementById('outcome').textContent.startsWith('Neighbours of 0: ') && document.getElementById('outcome').textContent.endsWith('55 coins')`)
	p.wait("the finger has left", `document.querySelector('.laid') && document.querySelectorAll('.laid im-chip').length > 0`)
	p.expectOnTable("0 and five on each side", 55)
	if n := eval[int](p, `document.querySelectorAll('.laid im-chip').length`); n != 11 {
		t.Errorf("%d chips for 11 numbers", n)
	}
}

// The gold button plays the same again; a held key and a double click are one press; the focus stays.
func TestRoulette_OnePressRepeatsAndSpins(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.sitDown()
	p.point(p.spot("red"))
	fallen := func(n int) {
		t.Helper()
		p.wait(fmt.Sprintf("spin %d", n), `document.querySelector('.spot.fallen') && document.querySelectorAll('.recent a').length === %s && !document.getElementById('spin').disabled`, n)
	}
	p.press(kb.Enter)
	fallen(1)
	if text := strings.TrimSpace(p.text("#spin")); text != "Again for 5 coins" {
		t.Errorf("after a round the button says %q", text)
	}
	run(p, `document.getElementById('spin').focus()`)
	p.press(kb.Enter)
	fallen(2)
	p.wait("the focus stays", `document.activeElement.id === 'spin'`)
	// The browser counts clicks: the second of a double click is none.
	run(p, `document.getElementById('spin').dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 }))`)
	run(p, `document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, repeat: true }))`)
	if eval[bool](p, `document.getElementById('spin').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, repeat: true }))`) {
		t.Error("a held key presses the button again")
	}
	p.point(p.spot("black"))
	if text := strings.TrimSpace(p.text("#spin")); text != "Spin for 5 coins" {
		t.Errorf("after a new chip the button says %q", text)
	}
	if n := len(q.rounds("roulette")); n != 2 {
		t.Errorf("%d rounds after two presses", n)
	}
	p.press("d")
	p.expectOnTable("D doubles", 10)
	p.press("z")
	p.expectOnTable("Z undoes", 5)
	p.press("c")
	p.expectOnTable("C clears", 0)
	p.press("r")
	p.expectOnTable("R repeats", 5)
	p.click(".letters input")
	p.press("d")
	p.expectOnTable("letters that are switched off", 5)
	p.click(".letters input")
	p.point(`[data-tool="double"]`)
	p.press(kb.Enter)
	fallen(3)
	if r := q.rounds("roulette"); r[0].Staked != 10 {
		t.Errorf("after a click on double, enter played %d coins", r[0].Staked)
	}
}

func TestRoulette_ChipsSurviveNavigationAndReload(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.sitDown()
	p.click(`.chips [data-chip="25"]`)
	p.click(p.spot("straight:17"))
	p.click(`nav a[href="/slots"]`)
	p.wait("the slot machine", `document.querySelector('.window')`)
	p.click(`nav a[href="/roulette"]`)
	p.wait("the table", `document.querySelector('.cloth')`)
	p.expectOnTable("after another page", 25)
	p.sitDown()
	p.expectOnTable("after a reload", 25)
	p.click(`.languages button[lang=de]`)
	p.wait("German", `document.getElementById('spin')?.textContent.trim().startsWith('Drehen')`)
	p.expectOnTable("in another language", 25)
	p.click(p.spot("red"))
	p.expectOnTable("with the chosen chip", 50)
	p.click("#spin")
	p.wait("the ball has fallen", `document.querySelector('.spot.fallen')`)
	p.sitDown()
	p.expectOnTable("after a spin and a reload", 0)
	p.click(`[data-tool="repeat"]`)
	p.expectOnTable("the last bets", 50)
}

func TestRoulette_ASpinThatAReloadInterruptedIsShown(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.sitDown()
	p.click(p.spot("split:17-20"))
	_, mend := p.cut("/api/v1/games/roulette/spins", fetch.RequestStageResponse)
	p.click("#spin")
	p.wait("the banner", `document.querySelector('.banner')`)
	run(p, `window.left = true`)
	p.do("the reload", chromedp.Navigate(p.base+"/roulette"))
	p.wait("the banner of the page that was loaded", `!window.left && document.querySelector('.banner')`)
	mend()
	p.wait("the result", `document.querySelector('.spot.fallen') && document.querySelector('#outcome .ball-number')`)
	r := p.expectOneRound(q, "roulette")
	if shown := eval[int](p, `Number(document.querySelector('.spot.fallen').textContent)`); shown != r.Outcome.Pocket {
		t.Errorf("the page shows %d, the server drew %d", shown, r.Outcome.Pocket)
	}
	if !eval[bool](p, `!!document.querySelector('.laid [data-on="split:17-20"]')`) {
		t.Error("the chips of the spin are not shown")
	}
	p.sameCoins(q)
}

func TestRoulette_TheWheelCanBeSkipped(t *testing.T) {
	p := open(t, look{motion: true, width: 844, height: 390})
	q := p.join()
	p.sitDown()
	p.fingers(true)
	p.click(p.spot("red"))
	p.click("#spin")
	p.wait("the wheel runs", `document.querySelector('.skip-run').checkVisibility() && document.querySelector('.disc').getAnimations().length > 0`)
	if eval[bool](p, `!!document.querySelector('.spot.fallen')`) {
		t.Error("the result is told before the ball has fallen")
	}
	// Whatever time has passed, the run is at its end with the press.
	if !eval[bool](p, `(document.querySelector('.skip-run').click(), document.querySelector('.disc').getAnimations().every(a => a.playState === 'finished'))`) {
		t.Error("the wheel turns on")
	}
	p.wait("the result", `document.querySelector('.spot.fallen') && !document.querySelector('.skip-run').checkVisibility()`)
	p.sameCoins(q)
}

func TestRoulette_SaysWhichNumbersFellMost(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	for range 25 {
		q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{{"type": "red", "amount": 1}}}, nil)
	}
	counts := map[int]int{}
	for _, r := range q.rounds("roulette") {
		counts[r.Outcome.Pocket]++
	}
	p.sitDown()
	p.wait("the words", `document.querySelector('.look').textContent.includes('no memory')`)
	text := p.text(".look")
	for n, times := range counts {
		if times > 3 && !strings.Contains(text, fmt.Sprintf("%d (%d×)", n, times)) && strings.Count(text, "(") != 3 {
			t.Errorf("%q misses that %d fell %d times", text, n, times)
		}
	}
	if !strings.Contains(text, "last 25 spins") {
		t.Errorf("the words are %q", text)
	}
}

func TestRoulette_BetsAreSavedAndPut(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.sitDown()
	for _, id := range []string{"straight:17", "corner:16-17-19-20"} {
		p.click(p.spot(id))
	}
	p.click("[data-sheet=saved]")
	run(p, `document.querySelector('.save input').focus()`)
	p.press("crd")
	p.expectOnTable("letters in a field", 10)
	p.press(kb.Enter)
	p.wait("it is kept", `document.querySelector('[data-put="crd"]')`)
	p.click(".sheet .shut")
	p.click(`[data-tool="clear"]`)
	p.sitDown()
	p.click("[data-sheet=saved]")
	p.click(`[data-put="crd"]`)
	p.expectOnTable("the saved bets", 10)
	if eval[bool](p, `!!document.querySelector('.sheet')`) {
		t.Error("the sheet stays open")
	}
	p.click("[data-sheet=saved]")
	p.click(".forget")
	p.wait("it is gone", `!document.querySelector('[data-put]')`)
	p.sitDown()
	p.click("[data-sheet=saved]")
	if eval[bool](p, `!!document.querySelector('[data-put]')`) {
		t.Error("deleted bets come back")
	}
}

func TestRoulette_NothingIsStakedBeyondTheBalance(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.sitDown()
	p.click(".all-in")
	if text := p.text("#outcome"); text != "Touch a spot first." {
		t.Errorf("without a spot the page says %q", text)
	}
	p.click(p.spot("red"))
	p.click(".all-in")
	p.expectOnTable("all in", q.coins())
	if n := eval[int](p, `document.querySelectorAll('.chips .beyond').length`); n != 6 {
		t.Errorf("%d chips are dimmed without a coin left, want all six", n)
	}
	p.click(p.spot("black"))
	if text, off := strings.TrimSpace(p.text("#spin")), eval[bool](p, `document.getElementById('spin').disabled`); !off || !strings.HasPrefix(text, "You have ") {
		t.Errorf("with more than the balance on the table the button says %q, off: %v", text, off)
	}
	for i := 0; q.coins() > 0 && i < 200; i++ {
		q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{{"type": "straight", "numbers": []int{17}, "amount": min(q.coins(), 10_000)}}}, nil)
	}
	p.sitDown()
	p.wait("what there is to say", `document.querySelector('.short-of-coins') && document.getElementById('spin').disabled`)
	p.expectNoFaults("without coins")
}

func TestRoulette_AutoplayRepeatsTheBets(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.sitDown()
	p.click(p.spot("red"))
	p.click(p.spot("straight:17"))
	p.click("#autoplay")
	p.wait("the stops", `document.querySelector('dialog.stops')`)
	p.enter("dialog.stops input[name=loss]", "100")
	p.click("dialog.stops .primary")
	p.wait("two rounds", `document.querySelectorAll('.recent a').length >= 2`)
	p.click(p.spot("black")) // not while it plays
	p.press(kb.Escape)
	p.wait("it has stopped", `!document.querySelector('.autoplaying') && !document.getElementById('spin').disabled && document.querySelector('.what').textContent.includes('stopped')`)
	for _, r := range q.rounds("roulette") {
		if r.Staked != 10 || len(r.Bets) != 2 {
			t.Errorf("a round of autoplay is %+v", r)
		}
	}
	p.sameCoins(q)
}

func TestRoulette_IsAccessibleInEveryShape(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.sitDown()
	p.click(p.spot("red"))
	for _, window := range []struct {
		width, height int64
		fingers       bool
		places        []string
	}{
		{1280, 632, false, []string{"[data-sheet=finals]", "[data-sheet=saved]", ".sheet .shut"}},
		{820, 1180, true, nil},
		{360, 740, true, []string{"[data-place=calls]", "[data-calls=neighbours]", `[data-place="cloth-0"]`, "[data-lines]", `[data-spot="straight:17"]`, "[data-place=wheel]"}},
	} {
		p.look(look{width: window.width, height: window.height})
		p.fingers(window.fingers)
		p.checkAccess(fmt.Sprintf("%d by %d", window.width, window.height))
		for _, place := range window.places {
			p.click(place)
			p.checkAccess(fmt.Sprintf("%d by %d, %s", window.width, window.height, place))
		}
	}
}

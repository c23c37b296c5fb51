package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

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

// dealtTo deals in the page until the hand has something to decide. Rounds that end at once, or that begin with the offer of
// insurance, are played to their end.
func (p *tab) dealtTo(deal func()) {
	p.t.Helper()
	for range 50 {
		deal()
		p.wait("the cards lie", `document.querySelector('.actions button:not(:disabled)') || document.querySelector('.hand .result') && !document.getElementById('deal').disabled`)
		if eval[bool](p, `!!document.querySelector('[data-action=hit]:not(:disabled)')`) {
			return
		}
		p.finish()
	}
	p.t.Fatal("50 rounds, and none with a decision")
}

const firstAction = `document.activeElement === document.querySelector('.actions button:not(:disabled)')`

// The focus is never lost: not when the actions take the place of the stake, and not when they give it back.
func TestBlackjack_TheFocusFollowsTheHand(t *testing.T) {
	for _, motion := range []bool{false, true} {
		t.Run(fmt.Sprintf("motion %v", motion), func(t *testing.T) {
			p := open(t, look{motion: motion})
			q := p.join()
			p.visit("/blackjack")
			run(p, `document.querySelector('.fast input').click()`)
			for range 2 {
				run(p, `document.getElementById('deal').focus()`)
				p.dealtTo(func() { p.press(kb.Enter) })
				p.wait("the focus is on the first action", firstAction)
				run(p, `document.querySelector('[data-action=stand]').focus()`)
				p.press(kb.Enter)
				p.wait("the focus is on the button that deals again", isOver+` && document.activeElement.id === 'deal'`)
			}
			p.sameCoins(q)
			// Who has gone elsewhere stays there.
			p.dealtTo(func() { p.press(kb.Enter) })
			run(p, `document.querySelector('.shield').focus()`)
			p.press("s")
			p.wait("it is over", isOver)
			if on := eval[string](p, `document.activeElement.className`); on != "shield" {
				t.Errorf("the focus was taken from the shield to %q", on)
			}
		})
	}
}

// holdEnter presses the enter key as a finger does that stays on it, and lets it go when released.
func (p *tab) holdEnter() (repeat, release func()) {
	p.t.Helper()
	send := func(kind input.DispatchKeyEventType, again bool) {
		call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &again})
	}
	send(input.DispatchKeyEventTypeKeyDown, false)
	return func() { send(input.DispatchKeyEventTypeKeyDown, true) }, func() { send(input.DispatchKeyEventTypeKeyUp, false) }
}

func TestBlackjack_AHeldKeyActsOnce(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.dealUntil("a hand that one card can't end", func(now table) bool { return now.Allowed[0] == "hit" && now.Hands[0].Total <= 9 })
	p.visit("/blackjack")
	p.wait("the actions", `document.querySelector('[data-action=hit]:not(:disabled)')`)
	run(p, `document.querySelector('[data-action=hit]').focus()`)
	repeat, release := p.holdEnter()
	p.wait("the card, and the next actions", `document.querySelectorAll('.hand im-card').length === 3 && document.activeElement.dataset.action === 'hit'`)
	for range 3 {
		repeat()
	}
	release()
	p.standsWithThree(q, "a held key")
}

// standsWithThree ends a hand for which one card was taken, unless the page takes more.
func (p *tab) standsWithThree(q *player, what string) {
	p.t.Helper()
	p.press("s")
	p.wait("the end, or one more card", isOver+` || document.querySelectorAll('.hand im-card').length > 3`)
	if cards := q.rounds("blackjack")[0].Outcome.Hands[0].Cards; len(cards) != 3 {
		p.t.Errorf("%s took %d cards", what, len(cards)-2)
	}
}

// The second tap of a double tap falls on what has just appeared.
func TestBlackjack_ADoubleTapActsOnce(t *testing.T) {
	p := open(t, look{width: 360, height: 740})
	q := p.join()
	p.visit("/blackjack")
	run(p, `new MutationObserver(() => { // as soon as a hand can be played, long before an eye could see it
		if (window.tapped || !document.querySelector('.hand.active')) return;
		window.tapped = true;
		setTimeout(() => document.querySelector('.actions button').click());
	}).observe(document.querySelector('.felt'), { subtree: true, childList: true, attributes: true })`)
	p.dealtTo(func() {
		run(p, `window.tapped = false`)
		p.click("#deal")
	})
	if !eval[bool](p, `window.tapped`) {
		t.Fatal("nothing was tapped")
	}
	var now struct {
		Round struct {
			Actions []string `json:"actions"`
		} `json:"round"`
	}
	q.do("GET", "/games/blackjack/rounds/open", nil, &now)
	if len(now.Round.Actions) > 1 || len(now.Round.Actions) == 1 && now.Round.Actions[0] != "decline_insurance" {
		t.Errorf("the second tap of a double tap did %v", now.Round.Actions)
	}
}

// A press that begins while a card is dealt is not meant for what lies there when it ends.
func TestBlackjack_APressThatBeganTooEarlyIsNone(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.dealUntil("a hand that one card can't end", func(now table) bool { return now.Allowed[0] == "hit" && now.Hands[0].Total <= 9 })
	p.visit("/blackjack")
	p.wait("the actions", `document.querySelector('[data-action=hit]:not(:disabled)')`)
	release := p.hold("/actions")
	p.press("h")
	p.wait("the page waits", `document.querySelector('[data-action=hit]:disabled')`)
	at := eval[struct{ X, Y float64 }](p, `(r => ({ X: r.x + r.width / 2, Y: r.y + r.height / 2 }))(document.querySelector('[data-action=hit]').getBoundingClientRect())`)
	p.do("the mouse goes down", chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	release()
	p.wait("the card, and the next actions", `document.querySelectorAll('.hand im-card').length === 3 && document.querySelector('[data-action=hit]:not(:disabled)')`)
	p.do("the mouse goes up", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	p.standsWithThree(q, "a press that began too early")
}

func TestBlackjack_DealsByKeyAndAgainInOnePress(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/blackjack")
	p.click(`.chips [data-chip="25"]`)
	run(p, `document.activeElement.blur()`)
	p.press(kb.Enter)
	p.wait("the cards are dealt", `document.querySelector('.hand')`)
	p.finish()
	if got := p.text("#deal"); strings.TrimSpace(got) != "Deal again" {
		t.Errorf("after a round the button says %q", got)
	}
	p.wait("the button", `!document.getElementById('deal').disabled`)
	run(p, `document.activeElement.blur()`)
	p.press(" ")
	p.until("the second round", func() bool { return len(q.rounds("blackjack")) == 2 })
	p.finish()
	p.click("#deal")
	p.until("the third round", func() bool { return len(q.rounds("blackjack")) == 3 })
	p.finish()
	for _, r := range q.rounds("blackjack") {
		if r.Stake != 25 {
			t.Errorf("a round for %d, not for 25", r.Stake)
		}
	}
}

// A deal shows its cards one after the other, by flights. A click skips what is left, and a fast deal has none.
func TestBlackjack_DealsFastOrSkips(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	const count = `(() => {
		window.flights = 0;
		const animate = Element.prototype.animate;
		Element.prototype.animate = function (...args) {
			if (this.matches('im-card')) window.flights++;
			if (window.skips) queueMicrotask(() => document.querySelector('.felt').click());
			return animate.apply(this, args);
		};
	})()`
	p.visit("/blackjack")
	run(p, count)
	p.dealtTo(func() { run(p, `window.flights = 0`); p.click("#deal") })
	if n := eval[int](p, `window.flights`); n < 4 {
		t.Errorf("%d cards flew at a deal", n)
	}
	p.finish()
	p.dealtTo(func() { run(p, `window.flights = 0; window.skips = true`); p.click("#deal") })
	if n := eval[int](p, `window.flights`); n != 1 {
		t.Errorf("after a click on the felt %d cards flew", n)
	}
	p.finish()
	p.click(".fast input")
	p.visit("/blackjack")
	if !eval[bool](p, `document.querySelector('.fast input').checked`) {
		t.Error("the switch is not kept")
	}
	run(p, count)
	p.dealtTo(func() { p.click("#deal") })
	p.finish()
	if n := eval[int](p, `window.flights`); n != 0 {
		t.Errorf("%d cards flew at a fast deal", n)
	}
	p.sameCoins(q)
}

// poor makes an account that has so many coins left.
func (p *tab) poor(left int) *player {
	p.t.Helper()
	for range 50 {
		q := p.join()
		q.do("POST", "/games/slots/spins", map[string]int{"stake": welcomeCoins - left}, nil)
		if q.coins() == left {
			return q
		}
	}
	p.t.Fatal("50 spins, and each paid")
	return nil
}

func TestBlackjack_WhatCannotBePaidIsNotOffered(t *testing.T) {
	p := open(t, look{})
	for range 20 { // a blackjack, or an ace of the dealer, decides nothing
		p.poor(13)
		p.visit("/blackjack")
		p.click(`.chips [data-chip="5"]`)
		p.click("im-stake .double")
		p.click("#deal")
		p.wait("the cards lie", `document.querySelector('.actions button:not(:disabled)') || document.querySelector('.hand .result') && !document.getElementById('deal').disabled`)
		if eval[bool](p, `!!document.querySelector('[data-action=hit]')`) {
			break
		}
	}
	double := eval[struct {
		Disabled bool
		Text     string
	}](p, `(b => ({ Disabled: b.disabled, Text: b.textContent.replace(/\s+/g, ' ') }))(document.querySelector('[data-action=double]'))`)
	if !double.Disabled || !strings.Contains(double.Text, "10") {
		t.Errorf("with 3 coins left, to double for 10 is %+v", double)
	}
	p.press("d") // does nothing
	p.finish()
	for _, action := range eval[[]string](p, `fetch('/api/v1/me/rounds?limit=1').then(r => r.json()).then(r => r.rounds[0].actions)`) {
		if action == "double" {
			t.Error("the hand was doubled")
		}
	}
}

func TestBlackjack_NothingStartsWithoutCoins(t *testing.T) {
	p := open(t, look{})
	q := p.poor(1)
	p.visit("/blackjack")
	p.wait("it is said when there will be coins", `document.querySelector('.opening .short-of-coins')?.checkVisibility()`)
	if !eval[bool](p, `document.getElementById('deal').disabled`) {
		t.Error("a round can be dealt for 1 coin")
	}
	p.press(kb.Enter)
	p.checkAccess("/blackjack without coins")
	if n := len(q.rounds("blackjack")); n > 0 {
		t.Errorf("%d rounds were played", n)
	}
	p.click("#collect")
	p.wait("the coins of the day allow a round", `!document.getElementById('deal').disabled && !document.querySelector('.short-of-coins')`)
}

// dealFour plays until four hands are open.
func (p *player) dealFour() table {
	p.t.Helper()
	defer p.hurry()()
	for range 2000 {
		var now table
		p.do("POST", "/games/blackjack/rounds", map[string]int{"stake": 2}, &now)
		for !now.Settled && slices.Contains(now.Allowed, "split") {
			p.do("POST", "/games/blackjack/rounds/"+now.Round.ID+"/actions", map[string]string{"action": "split"}, &now)
		}
		if !now.Settled && len(now.Hands) == 4 {
			return now
		}
		p.settle(now)
	}
	p.t.Fatal("2000 rounds, and none with four hands")
	return table{}
}

// misplaced are the parts of the table that can't be seen whole, or that lie over others.
const misplaced = `(() => {
	const wrong = [];
	const felt = document.querySelector('.felt').getBoundingClientRect();
	const shown = e => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
	const name = e => e.tagName.toLowerCase() + '.' + e.className + ' ' + e.textContent.trim().replace(/\s+/g, ' ').slice(0, 20);
	for (const e of document.querySelectorAll('.felt .dealer, .felt .hand, .felt .hand > *, .felt im-card, .middle > *, .betting, .betting button, .betting label, .betting a')) {
		if (!shown(e)) continue;
		const r = e.getBoundingClientRect();
		if (r.top < -1 || r.left < -1 || r.bottom > innerHeight + 1 || r.right > innerWidth + 1) wrong.push('outside the screen: ' + name(e) + ', from ' + r.top + ' to ' + r.bottom);
		if (e.closest('.felt') && (r.top < felt.top + 7 || r.left < felt.left + 7 || r.bottom > felt.bottom - 7 || r.right > felt.right - 7)) wrong.push('outside the felt: ' + name(e));
	}
	for (const e of document.querySelectorAll('.hand, .result, .caption, .outcome, .notice, .betting button, .switches label, .what, .betting'))
		if (shown(e) && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1) wrong.push('clipped: ' + name(e));
	const apart = (a, b) => {
		for (const e of document.querySelectorAll(a)) for (const f of document.querySelectorAll(b)) {
			if (!shown(e) || !shown(f) || !e.textContent.trim()) continue;
			const range = document.createRange();
			range.selectNodeContents(e);
			const r = e.matches('button') ? e.getBoundingClientRect() : range.getBoundingClientRect(), s = f.getBoundingClientRect();
			if (r.right > s.left + 1 && r.left < s.right - 1 && r.bottom > s.top + 1 && r.top < s.bottom - 1) wrong.push(name(e) + ' over ' + name(f));
		}
	};
	apart('.what span, .actions button, .opening button', '.shield');
	apart('.middle > *', '.dealer .cards im-card, .hand .cards');
	for (const hand of document.querySelectorAll('.hand')) if (hand.querySelector('.result') && !hand.querySelector('.result').textContent.trim()) wrong.push('a result without words');
	return [...new Set(wrong)];
})()`

func (p *tab) wellPlaced(when string) {
	p.t.Helper()
	// A page slides in when it is opened.
	run(p, `new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))).then(() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => {}))))`)
	for _, wrong := range eval[[]string](p, misplaced) {
		p.t.Errorf("%s: %s", when, wrong)
	}
}

// The smallest screens hold the largest table: four hands, first with actions and then with results, in the longest words.
func TestBlackjack_FourHandsFitOnAPhone(t *testing.T) {
	p := open(t, look{languages: "de"})
	q := p.join()
	q.dealFour()
	sizes := [][2]int64{{360, 740}, {844, 390}}
	for _, size := range sizes {
		p.resize(size[0], size[1], true)
		p.visit("/blackjack")
		p.wait("four hands", `document.querySelectorAll('.hand').length === 4`)
		p.wellPlaced(fmt.Sprintf("four hands to play at %d by %d", size[0], size[1]))
	}
	p.finish()
	// Chance decides what came of the hands, so each says what is longest.
	run(p, `for (const e of document.querySelectorAll('.hand .result')) for (const text of e.childNodes) if (text.nodeType === Node.TEXT_NODE && text.data.trim()) text.data = 'Unentschieden'`)
	for _, size := range sizes {
		p.resize(size[0], size[1], true)
		p.wellPlaced(fmt.Sprintf("four results at %d by %d", size[0], size[1]))
	}
	if n := eval[int](p, `document.querySelectorAll('.hand .result').length`); n != 4 {
		t.Errorf("%d of 4 hands say what came of them", n)
	}
	p.checkAccess("/blackjack with four results")
}

func TestBlackjack_NothingJumpsAndNoWordsAreClipped(t *testing.T) {
	for _, language := range []string{"en", "es", "de"} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{languages: language})
			q := p.join()
			for _, s := range []struct {
				width, height int64
				touch         bool
			}{{360, 740, true}, {844, 390, true}, {1280, 632, false}} {
				size := fmt.Sprintf("at %d by %d", s.width, s.height)
				p.resize(s.width, s.height, s.touch)
				p.visit("/blackjack")
				const height = `document.querySelector('.betting').getBoundingClientRect().height`
				p.click(`.chips [data-chip="1000"]`) // the longest sums
				before := eval[float64](p, height)
				p.wellPlaced("before a round " + size)
				p.click(`.chips [data-chip="5"]`)
				p.dealtTo(func() { p.click("#deal") })
				if during := eval[float64](p, height); during != before {
					t.Errorf("the panel is %v high while choosing a stake %s, and %v while playing", before, size, during)
				}
				p.wellPlaced("during a round " + size)
				p.finish()
				if after := eval[float64](p, height); after != before {
					t.Errorf("the panel is %v high before a round %s, and %v after it", before, size, after)
				}
				p.wellPlaced("after a round " + size)
				q.dealUntil("insurance", func(now table) bool { return now.Allowed[0] == "insurance" })
				p.visit("/blackjack")
				p.wellPlaced("insurance offered " + size)
				p.finish()
			}
		})
	}
}

// Who looks at the last rounds below the table goes on looking at them.
func TestBlackjack_ScrollsNothing(t *testing.T) {
	p := open(t, look{width: 1280, height: 632})
	p.join()
	p.visit("/blackjack")
	run(p, `scrollTo({ top: 60, behavior: 'instant' })`)
	at := eval[float64](p, `scrollY`)
	if at == 0 {
		t.Fatal("there is nothing to scroll")
	}
	p.dealtTo(func() { run(p, `document.getElementById('deal').click()`) })
	p.finish()
	if now := eval[float64](p, `scrollY`); now != at {
		t.Errorf("the page scrolled from %v to %v", at, now)
	}
}

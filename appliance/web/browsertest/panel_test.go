package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// The whole game is visible between the top bar and the bet panel, or beside it, without scrolling.
func TestGames_FitOnTheScreenBesideTheirPanel(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.dealUntil("a decision to take", canHit)
	for _, size := range []look{{width: 360, height: 740}, {width: 360, height: 640}, {width: 683, height: 384}, {width: 768, height: 700}, {width: 1366, height: 768}, {width: 1920, height: 1080}} {
		p.look(size)
		for _, game := range [][2]string{{"/slots", ".window, .plate"}, {"/roulette", ".bowl"}, {"/blackjack", ".dealer im-card, .hand, .outcome, .notice"}} {
			path, parts := game[0], game[1]
			p.visit(path)
			hidden := eval[[]string](p, `(async () => {
				await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))); // the page's style follows the measured panel
				const panel = document.querySelector('.betting').getBoundingClientRect();
				const beside = panel.bottom < innerHeight - 1 || panel.right < innerWidth / 2;
				const top = document.querySelector('.top').getBoundingClientRect().bottom, bottom = beside ? innerHeight : panel.top;
				return [...document.querySelectorAll(%s)].filter(e => e.checkVisibility()).map(e => ({ e, r: e.getBoundingClientRect() }))
					.filter(({ r }) => r.top < top - 1 || r.bottom > bottom + 1).map(({ e, r }) => e.className + ' from ' + r.top + ' to ' + r.bottom + ', seen from ' + top + ' to ' + bottom);
			})()`, parts)
			if len(hidden) > 0 {
				t.Errorf("%s at %d by %d: %s", path, size.width, size.height, strings.Join(hidden, "; "))
			}
		}
		if size.width < 900 && !eval[bool](p, `document.querySelector('.letters').checkVisibility() && !!document.querySelector('.betting a[href^="/rules/"]').checkVisibility()`) {
			t.Errorf("at %d by %d the switch of the letter keys or the rules can't be reached", size.width, size.height)
		}
	}
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

func TestLanguages_ChangeAGameInUseOnceItsRoundWasShown(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/slots")
	release := p.hold("/games/slots/spins")
	p.click("#spin")
	p.click(`.languages button[lang=es]`)
	p.wait("the frame is Spanish", `document.documentElement.lang === 'es'`)
	if !eval[bool](p, `document.getElementById('spin').disabled && document.getElementById('spin').textContent === 'Spin'`) {
		t.Error("the game was redrawn before its round was shown")
	}
	release()
	p.wait("the outcome, in Spanish", `!document.getElementById('spin').disabled && document.querySelectorAll('.facet.shown').length === 3 && /neto/.test(document.getElementById('outcome').textContent)`)
	if n := len(q.rounds("slots")); n != 1 {
		t.Errorf("%d rounds for one spin", n)
	}
}

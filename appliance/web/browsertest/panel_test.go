package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
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

func TestLanguages_ChangeAGameInUseOnceItsRoundWasShown(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/slots")
	release := p.hold("/games/slots/spins")
	p.click("#spin")
	p.click(`.languages button[lang=es]`)
	release()
	p.wait("Spanish, with the reels where they stopped", `document.documentElement.lang === 'es' && document.querySelectorAll('.facet.shown').length === 3 && document.querySelector('.recent a')`)
	r := q.rounds("slots")[0]
	if stops := eval[[]int](p, `[...document.querySelectorAll('.facet.shown')].map(f => Number(f.dataset.stop))`); !slices.Equal(stops, r.Outcome.Stops) {
		t.Errorf("the reels show %v", stops)
	}
	if n := len(q.rounds("slots")); n != 1 {
		t.Errorf("%d rounds for one spin", n)
	}
	p.visit("/roulette")
	p.click(p.spot("red"))
	p.click(p.spot("straight:17"))
	p.click(`.languages button[lang=de]`)
	p.wait("German", `document.getElementById('spin').textContent.startsWith('Drehen')`)
	p.expectOnTable("in another language", 10)
}

func TestRoulette_ChipsAreTakenBackWithoutAMouse(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.visit("/roulette")
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

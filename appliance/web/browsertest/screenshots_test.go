//go:build screenshots

package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// pictures is where the screenshots go, from this directory.
const pictures = "../../../docs/screenshots"

// TestScreenshots takes the pictures of every page that the README and the guides show:
// go test -tags screenshots -run TestScreenshots ./appliance/web/browsertest
func TestScreenshots(t *testing.T) {
	must(t, os.MkdirAll(pictures, 0o755))
	for _, l := range []struct {
		name string
		look look
	}{
		{"dark", look{width: 1280, height: 860, theme: "dark"}},
		{"light", look{width: 1280, height: 860, theme: "light"}},
		{"phone", look{width: 390, height: 844, theme: "dark"}},
	} {
		t.Run(l.name, func(t *testing.T) { takeAll(t, l.name, l.look) })
	}
	t.Run("sizes", takeGamesAtSizes)
}

// takeGamesAtSizes takes each game, after a round, at the sizes where its parts lie differently.
func takeGamesAtSizes(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	shoot := func(scene string) {
		t.Helper()
		for _, s := range screens {
			if !slices.Contains([]int64{360, 844, 820, 1366, 1920}, s.width) {
				continue
			}
			p.resize(s.width, s.height, s.touch)
			p.take(fmt.Sprintf("%s-%dx%d", scene, s.width, s.height))
		}
		p.resize(1280, 860, false)
	}
	p.visit("/slots")
	p.click("#spin")
	p.wait("the reels rest", `!document.getElementById('spin').disabled`)
	shoot("slots")
	p.visit("/roulette")
	for _, id := range []string{"straight:17", "corner:25-26-28-29", "red", "dozen:2"} {
		p.click(p.spot(id))
	}
	shoot("roulette-bets")
	p.click("#spin")
	p.wait("the ball has fallen", `document.querySelector('#outcome .ball-number')`)
	shoot("roulette")
	q.dealUntil("a decision to take", canHit)
	p.visit("/blackjack")
	shoot("blackjack")
}

// take takes a picture of what is on the screen, once it stands still.
func (p *tab) take(name string) {
	p.t.Helper()
	run(p, `document.fonts.ready.then(() => Promise.all([...document.images].map(i => i.decode().catch(() => {}))))`)
	run(p, `Promise.all(document.getAnimations().map(a => a.finished.catch(() => {})))`)
	quality := int64(86)
	shot := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality})
	must(p.t, os.WriteFile(filepath.Join(pictures, name+".webp"), shot.Data, 0o644))
}

func takeAll(t *testing.T, name string, l look) {
	p := open(t, l)
	take := func(scene string) {
		t.Helper()
		p.take(scene + "-" + name)
	}
	if l.width < 700 {
		call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 2, Mobile: true})
	}
	for _, path := range []string{"sign-up", "sign-in"} {
		p.visit("/" + path)
		take(path)
	}
	q := p.join()
	p.visit("/slots")
	for {
		p.click("#spin")
		p.wait("the reels rest", `!document.getElementById('spin').disabled`)
		if r := q.rounds("slots"); r[0].Payout > r[0].Staked || len(r) > 12 {
			break
		}
	}
	take("slots")
	p.click(".shield")
	p.wait("the dialog", `document.querySelector('dialog[open]')`)
	take("shield")
	p.visit("/roulette")
	p.click(`.chips [data-chip="25"]`)
	for _, id := range []string{"straight:17", "corner:25-26-28-29", "red", "dozen:2", "split:0-2"} {
		p.click(p.spot(id))
	}
	p.click(`.chips [data-chip="5"]`)
	run(p, `document.querySelector('.racetrack .tiers')?.dispatchEvent(new MouseEvent('click', { bubbles: true }))`)
	p.click("#spin")
	p.wait("the ball has fallen", `document.querySelector('.spot.fallen')`)
	take("roulette")
	p.click(`[data-tool="repeat"]`)
	take("roulette-table")
	q.lived()
	q.dealUntil("a pair", func(now table) bool { return slices.Contains(now.Allowed, "split") })
	p.visit("/blackjack")
	p.click("[data-action=split]")
	p.wait("two hands", `document.querySelectorAll('.hand').length === 2`)
	take("blackjack")
	p.finish()
	p.visit("/fairness?round=" + q.rounds("roulette")[0].ID)
	p.wait("computed", `document.querySelector('[data-verdict]')`)
	take("fairness")
	run(p, `document.querySelector('.proof').scrollIntoView()`)
	take("proof")
	p.visit("/history?round=" + q.rounds("roulette")[0].ID)
	take("round")
	for _, path := range []string{"/", "/wallet", "/history", "/account", "/rules", "/rules/slots", "/rules/roulette", "/rules/blackjack", "/responsible-play"} {
		p.visit(path)
		p.wait(path+" has all its parts", `![...document.querySelectorAll('.skeleton')].some(e => e.checkVisibility())`)
		scene := "lobby"
		if path != "/" {
			scene = filepath.Base(filepath.Dir(path + "/x"))
			if filepath.Dir(path) == "/rules" {
				scene = "rules-" + filepath.Base(path)
			}
		}
		take(scene)
	}
}

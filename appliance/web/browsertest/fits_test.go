package browsertest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// screens are the sizes at which every game is played without scrolling. What is touched is larger than what is clicked.
var screens = []struct {
	width, height int64
	touch         bool
}{
	{360, 740, true}, {390, 844, true}, {844, 390, true}, {820, 1180, true}, {1024, 768, true},
	{1280, 632, false}, {1366, 650, false}, {1440, 900, false}, {1920, 1080, false},
}

//go:embed testdata/fits.js
var fits string

// fitsEverywhere judges the game that is shown at each size: its parts must be seen, its targets be large enough, its words
// be whole. when says what is going on.
func (p *tab) fitsEverywhere(when string, must ...string) {
	p.t.Helper()
	parts, err := json.Marshal(append([]string{".stage", ".betting"}, must...))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range screens {
		p.resize(s.width, s.height, s.touch)
		least := "24"
		if s.touch {
			least = "44"
		}
		script := strings.NewReplacer("$LEAST", least, "$MUST", string(parts)).Replace(fits)
		for _, wrong := range eval[[]string](p, script) {
			p.t.Errorf("%s, %d by %d: %s", when, s.width, s.height, wrong)
		}
	}
}

// resize changes the size of the window, and whether it is used by touch.
func (p *tab) resize(width, height int64, touch bool) {
	p.t.Helper()
	call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: touch})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: touch})
	p.wait(fmt.Sprintf("a window of %d by %d", width, height), fmt.Sprintf(`innerWidth === %d && innerHeight === %d && matchMedia('(pointer: coarse)').matches === %v`, width, height, touch))
}

func TestFits_SlotsBeforeWhileAndAfterASpin(t *testing.T) {
	inEachLanguage(t, func(t *testing.T, p *tab, q *player) {
		p.visit("/slots")
		p.fitsEverywhere("before", "#spin", "#outcome")
		release := p.hold("/games/slots/spins")
		p.click("#spin")
		p.wait("it spins", `document.getElementById('spin').disabled`)
		p.fitsEverywhere("while it spins", "#spin", "#outcome")
		release()
		p.wait("the reels rest", `!document.getElementById('spin').disabled`)
		p.fitsEverywhere("after", "#spin", "#outcome")
	})
}

func TestFits_RouletteBeforeWhileAndAfterASpin(t *testing.T) {
	inEachLanguage(t, func(t *testing.T, p *tab, q *player) {
		p.visit("/roulette")
		p.fitsEverywhere("before", "#spin")
		for _, spot := range []string{"red", "dozen:2", "straight:17", "column:1"} {
			p.click(p.spot(spot))
		}
		p.fitsEverywhere("with chips", "#spin")
		release := p.hold("/games/roulette/spins")
		p.click("#spin")
		p.wait("it rolls", `document.getElementById('spin').disabled`)
		p.fitsEverywhere("while it rolls", "#spin", "#outcome", ".bowl")
		release()
		p.wait("the ball has fallen", `document.querySelector('#outcome .ball-number')`)
		p.fitsEverywhere("after", "#spin", "#outcome")
	})
}

func TestFits_BlackjackBeforeWhileAndAfterARound(t *testing.T) {
	inEachLanguage(t, func(t *testing.T, p *tab, q *player) {
		p.visit("/blackjack")
		p.fitsEverywhere("before", "#deal", "#outcome")
		q.dealUntil("a decision to take", canHit)
		p.visit("/blackjack")
		p.fitsEverywhere("with a decision to take", "[data-action]", "#outcome", ".hand", ".dealer im-card")
		p.finish()
		p.fitsEverywhere("after", "#deal", "#outcome", ".hand", ".dealer im-card")
	})
}

// inEachLanguage plays as somebody whose name is as long as a name can be.
func inEachLanguage(t *testing.T, play func(t *testing.T, p *tab, q *player)) {
	for _, language := range []string{"en", "es", "de"} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{languages: language})
			play(t, p, p.joinAs(fmt.Sprintf("player%026d", names.Add(1))))
		})
	}
}

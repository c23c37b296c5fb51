package browsertest

import (
	"bytes"
	"image/png"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// A drum at rest fills its window at every stop: no dark gap shows between two facets.
func TestSlots_NoStopShowsAGapBetweenFacets(t *testing.T) {
	for name, l := range map[string]look{"desk": {width: 1280, height: 860}, "narrow": {width: 820, height: 900}, "phone": {width: 390, height: 844}} {
		t.Run(name, func(t *testing.T) {
			p := open(t, l)
			p.visit("/slots")
			for stop := 15; stop <= 30; stop++ {
				places := eval[[]struct{ X, Top, Bottom int }](p, `(async (stop) => {
					const { Drum } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => /games\/drum[^/]*\.js$/.test(n)));
					const old = [...document.querySelectorAll('.drum')];
					const drums = old.map((_, reel) => new Drum(reel, 15));
					old.forEach((e, reel) => e.replaceWith(drums[reel].element));
					await Promise.all(drums.map(d => d.land(stop)));
					document.querySelector('.machine').scrollIntoView({ block: 'center', behavior: 'instant' });
					await Promise.all([...document.querySelectorAll('.drum img')].map(i => i.decode()));
					await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
					return drums.map(d => { const r = d.element.getBoundingClientRect(); return { X: Math.round(r.x + r.width * .08), Top: Math.ceil(r.y + r.height * .2), Bottom: Math.floor(r.y + r.height * .8) }; });
				})(%s)`, stop)
				shot := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
				picture, err := png.Decode(bytes.NewReader(shot.Data))
				must(t, err)
				for reel, place := range places {
					for y := place.Top; y < place.Bottom; y++ {
						if _, green, _, _ := picture.At(place.X, y).RGBA(); green>>8 < 64 {
							t.Errorf("stop %d of reel %d: dark at %d, %d, in the window from %d to %d", stop, reel, place.X, y, place.Top, place.Bottom)
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

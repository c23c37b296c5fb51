package browsertest

import (
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

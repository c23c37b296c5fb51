package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The API's description is a document of its own: it has no scripts but the one that knows the chosen theme.
func TestAPIPage_IsReadableOnEveryScreenAndWithoutScripts(t *testing.T) {
	p := open(t, look{})
	for _, l := range []look{{width: 1280, height: 860, theme: "dark"}, {width: 360, height: 740, theme: "light"}} {
		p.look(l)
		p.do("nothing", chromedp.Navigate("about:blank")) // else the address would only scroll
		p.do("/api", chromedp.Navigate(p.base+"/api#spinRoulette"))
		p.wait("the operation that the address names", `document.getElementById('spinRoulette')?.getBoundingClientRect().top < innerHeight`)
		p.checkWidth("/api")
		run(p, `document.querySelectorAll('article:nth-of-type(n + 3)').forEach(e => e.remove())`) // one is like the other, and axe is slow
		p.checkAccess("/api")
	}
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.do("/api", chromedp.Navigate(p.base+"/api"))
	if text := p.text("main"); !strings.Contains(text, "/api/v1/games/slots/spins") || !strings.Contains(text, "idempotency_mismatch") {
		t.Errorf("without scripts the page says %.300q", text)
	}
}

func TestAPIPage_IsReachedFromEveryPage(t *testing.T) {
	p := open(t, look{})
	p.visit("/")
	p.click(`.foot a[href="/api"]`)
	p.wait("the page of the API", `document.querySelector('h1')?.textContent === 'The API'`)
	p.click(".wordmark")
	p.wait("the lobby", `location.pathname === '/' && document.documentElement.dataset.ready !== undefined`)
}

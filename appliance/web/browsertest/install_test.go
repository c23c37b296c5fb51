package browsertest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// worked lets the service worker of a page work, and waits until it does.
func (p *tab) worked() {
	p.t.Helper()
	call(p, network.SetBypassServiceWorker, network.SetBypassServiceWorkerParams{Bypass: false})
	p.visit("/rules")
	run(p, `navigator.serviceWorker.ready.then(() => {})`)
	p.visit("/rules") // a page that came while the worker began may be without it
	p.wait("the service worker", `navigator.serviceWorker.controller?.state === 'activated'`)
}

func TestInstall_TheManifestIsRead(t *testing.T) {
	p := openFresh(t, look{})
	p.visit("/")
	m := call(p, page.GetAppManifest, page.GetAppManifestParams{})
	if !strings.HasSuffix(m.URL, "/manifest.webmanifest") || len(m.Errors) > 0 || !strings.Contains(m.Data, `"Imperio"`) {
		t.Errorf("the browser reads %s with the errors %+v", m.URL, m.Errors)
	}
}

// The worker keeps assets of its version and nothing else: what may change always comes from the casino.
func TestServiceWorker_KeepsOnlyWhatNeverChanges(t *testing.T) {
	p := openFresh(t, look{})
	p.join()
	p.worked()
	p.visit("/slots")
	run(p, `Promise.all(['/api/v1/games', '/api/v1/me', '/health/live'].map(path => fetch(path)))`)
	kept := eval[[]string](p, `(async () => {
		const urls = [];
		for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) urls.push(new URL(request.url).pathname);
		return urls;
	})()`)
	version := eval[string](p, `document.querySelector('script[type=module]').getAttribute('src').split('/js/')[0] + '/'`)
	for _, path := range kept {
		if path != "/offline" && !strings.HasPrefix(path, version) {
			t.Errorf("the worker keeps %s", path)
		}
	}
	if !slices.Contains(kept, "/offline") || !slices.ContainsFunc(kept, func(path string) bool { return strings.HasSuffix(path, "/js/games/slots/view.js") }) {
		t.Errorf("the worker keeps only %v", kept)
	}
	// A new version is a new worker. It drops what older ones kept.
	run(p, `(async () => {
		await (await caches.open('imperio /assets/0123456789abcdef/')).put('/assets/0123456789abcdef/js/old.js', new Response('old'));
		await (await navigator.serviceWorker.getRegistration()).unregister();
	})()`)
	p.visit("/rules")
	p.wait("the older cache is gone", `caches.keys().then(names => { window.names = names; }) && window.names?.length === 1 && !window.names[0].includes('0123456789abcdef')`)
}

func TestServiceWorker_SaysThatTheCasinoCantBeReached(t *testing.T) {
	p := openFresh(t, look{languages: "es"})
	other, err := startHouse(shared.house.command.Path, filepath.Join(t.TempDir(), "data"))
	must(t, err)
	t.Cleanup(other.close)
	p.base = other.base
	p.worked()
	run(p, `fetch('/api/v1/games')`)
	p.expect("ERR_")
	p.expect("Failed to load")
	other.close()
	p.do("a page", chromedp.Navigate(p.base+"/wallet"))
	p.wait("the offline page in the reader's language", `document.querySelector('.offline h1')?.textContent === 'No se puede llegar al casino' && document.querySelectorAll('section').length === 1 && getComputedStyle(document.querySelector('main')).display === 'grid'`)
	p.checkAccess("the offline page")
	if eval[bool](p, `fetch('/api/v1/games').then(() => true, () => false)`) {
		t.Error("odds come from a cache")
	}
}

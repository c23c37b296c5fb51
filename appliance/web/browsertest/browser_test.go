package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"imperio/appliance/auth"
)

// The first test that needs them starts the house and the browser; TestMain ends them.
var shared struct {
	once    sync.Once
	err     error
	missing string // the program that this machine lacks
	house   *house
	browser context.Context
	profile context.Context // holds a page of the house that shows nothing, so that the process that draws its pages lives on
	taken   bool            // a tab of the profile is open
	close   []func()
}

var names atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(shared.close) - 1; i >= 0; i-- {
		shared.close[i]()
	}
	os.Exit(code)
}

func start() {
	chromium, err := findChromium()
	if err != nil {
		shared.missing = err.Error()
		return
	}
	directory, err := os.MkdirTemp("", "imperio-browsertest-")
	if err != nil {
		shared.err = err
		return
	}
	shared.close = append(shared.close, func() { _ = os.RemoveAll(directory) })
	if shared.house, shared.err = openHouse(directory); shared.err != nil {
		return
	}
	shared.close = append(shared.close, shared.house.close)
	allocator, end := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium), chromedp.UserDataDir(directory+"/browser"), chromedp.Flag("headless", "new"), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		// Starting a process to draw pages costs more than most tests.
		chromedp.Flag("process-per-site", true), chromedp.Flag("disable-features", "SpareRendererForSitePerProcess"))
	shared.close = append(shared.close, end)
	browser, end := chromedp.NewContext(allocator)
	shared.close = append(shared.close, end)
	shared.browser = browser
	if shared.err = chromedp.Do(browser, chromedp.Navigate("about:blank")); shared.err != nil {
		return
	}
	profile, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	shared.close = append(shared.close, end)
	shared.profile = profile
	shared.err = chromedp.Do(profile, chromedp.Navigate(shared.house.base+"/health/live"))
}

// findChromium looks for it under the names that Debian and others use.
func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium is installed (Debian's package: chromium)")
}

// look is how a page is displayed.
type look struct {
	width, height int64 // 0: 1280 by 860
	theme         string
	languages     string // as in Accept-Language; empty: en
	motion        bool   // with animations
}

// tab is one page of one player's browser.
type tab struct {
	t       testing.TB
	ctx     context.Context
	base    string
	mu      sync.Mutex
	said    []string // errors and warnings of the console; guarded by mu
	allowed []string // parts of those that a test expects; guarded by mu
}

// ready starts the house and the browser, unless they run already.
func ready(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("tests in a browser take minutes")
	}
	shared.once.Do(start)
	if shared.missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(shared.missing)
		}
		t.Skip(shared.missing)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}

// open returns a tab in a browser profile that holds nothing but files of the house in its cache. The test fails at its end if
// the console had errors.
func open(t testing.TB, l look) *tab {
	t.Helper()
	ready(t)
	if shared.taken {
		return openFresh(t, l)
	}
	// A new profile costs more than most tests, so they share one.
	clearing, done := context.WithTimeout(shared.profile, patience)
	defer done()
	_, err := chromedp.Call(clearing, network.ClearBrowserCookies, cdp.Empty{})
	must(t, err)
	must(t, chromedp.Do(clearing, chromedp.Evaluate[chromedp.Void](`localStorage.clear()`)))
	ctx, end := chromedp.NewContext(shared.profile, chromedp.WithNewWindow(false)) // a window costs much, too
	shared.taken = true
	t.Cleanup(func() { end(); shared.taken = false })
	return prepare(t, ctx, l)
}

// openFresh returns a tab in a new browser profile, as a visitor has who was never here.
func openFresh(t testing.TB, l look) *tab {
	t.Helper()
	ready(t)
	ctx, end := chromedp.NewContext(shared.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	return prepare(t, ctx, l)
}

// prepare makes a page look as wanted.
func prepare(t testing.TB, ctx context.Context, l look) *tab {
	t.Helper()
	p := &tab{t: t, ctx: ctx, base: shared.house.base}
	must(t, chromedp.Listen(ctx, p.hear))
	if l.width == 0 {
		l.width, l.height = 1280, 860
	}
	if l.theme == "" {
		l.theme = "dark"
	}
	if l.languages == "" {
		l.languages = "en"
	}
	call(p, runtime.Enable, cdp.Empty{})
	call(p, log.Enable, cdp.Empty{})
	// What tests do to a page's network, they would not do to its service worker's.
	call(p, network.SetBypassServiceWorker, network.SetBypassServiceWorkerParams{Bypass: true})
	call(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", AcceptLanguage: l.languages})
	p.look(l)
	if slow.processor > 1 {
		call(p, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slow.processor})
	}
	t.Cleanup(func() {
		if t.Failed() {
			if text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 1500)`)); err == nil {
				t.Logf("the page at the end: %s", text)
			}
		}
		for _, line := range p.complaints() {
			t.Errorf("the console said: %s", line)
		}
	})
	return p
}

func (p *tab) look(l look) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 700})
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.theme}}
	if !l.motion {
		features = append(features, &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// hear records errors and warnings of the console.
func (p *tab) hear(event any) {
	line := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		line = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			line += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			for _, a := range e.Args {
				line += string(a.Value) + a.Description + " "
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			line = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if line != "" {
		p.mu.Lock()
		p.said = append(p.said, line)
		p.mu.Unlock()
	}
}

// expect allows console errors that the test causes on purpose.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, part)
}

func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, line := range p.said {
		fine := false
		for _, part := range p.allowed {
			fine = fine || strings.Contains(line, part)
		}
		if !fine {
			list = append(list, line)
		}
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// step begins a step of a test: it pauses as BROWSERTEST_PAUSE says, and returns a context with the step's deadline.
func (p *tab) step() (context.Context, context.CancelFunc) {
	slow.pause()
	return context.WithTimeout(p.ctx, patience)
}

// call sends a command to the browser itself.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, end := p.step()
	defer end()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

// eval runs a script in the page and returns its value, or the value of its promise.
func eval[T any](p *tab, script string, args ...any) T {
	p.t.Helper()
	ctx, end := p.step()
	defer end()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](fill(p.t, script, args), chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// fill replaces each %s by an argument as JSON.
func fill(t testing.TB, script string, args []any) string {
	t.Helper()
	if len(args) == 0 {
		return script
	}
	texts := make([]any, len(args))
	for i, a := range args {
		b, err := json.Marshal(a)
		must(t, err)
		texts[i] = string(b)
	}
	return fmt.Sprintf(script, texts...)
}

func run(p *tab, script string, args ...any) {
	p.t.Helper()
	p.do(script, chromedp.Evaluate[chromedp.Void](fill(p.t, script, args), chromedp.EvalAwaitPromise))
}

// do takes one step in the browser.
func (p *tab) do(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, end := p.step()
	defer end()
	if err := chromedp.Do(ctx, action); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// wait asks the page until a condition holds. It outlives navigations.
func (p *tab) wait(what, condition string, args ...any) {
	p.t.Helper()
	ctx, end := p.step()
	defer end()
	script := fill(p.t, condition, args)
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+script+`)`))
		if err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("timed out waiting for: %s (%v)", what, err)
		case <-time.After(40 * time.Millisecond): // the polling interval
		}
	}
}

// until waits for a condition outside the page.
func (p *tab) until(what string, holds func() bool) {
	p.t.Helper()
	ctx, end := p.step()
	defer end()
	for !holds() {
		select {
		case <-ctx.Done():
			p.t.Fatalf("timed out waiting for: %s", what)
		case <-time.After(40 * time.Millisecond): // the polling interval
		}
	}
}

// visit opens a page and waits until it is drawn.
func (p *tab) visit(path string) {
	p.t.Helper()
	p.do(path, chromedp.Navigate(p.base+path))
	p.wait(path+" is drawn", `document.documentElement.dataset.ready !== undefined`)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(selector+" can be clicked", `(e => e && !e.disabled)(document.querySelector(%s))`, selector)
	run(p, `document.querySelector(%s).click()`, selector)
}

// point clicks with the mouse in the middle of an element, so that whatever is on top there gets the click.
func (p *tab) point(selector string) {
	p.t.Helper()
	at := eval[struct{ X, Y float64 }](p, `(() => { const e = document.querySelector(%s); e.scrollIntoView({ block: 'center', behavior: 'instant' }); const r = e.getBoundingClientRect(); return { X: r.x + r.width / 2, Y: r.y + r.height / 2 }; })()`, selector)
	p.do("a click on "+selector, chromedp.MouseClickXY(at.X, at.Y))
}

func (p *tab) press(keys string) {
	p.t.Helper()
	p.do("the key "+keys, chromedp.KeyEvent(keys))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, `document.querySelector(%s)?.textContent ?? ''`, selector)
}

// shownCoins is the balance in the top bar.
func (p *tab) shownCoins() int {
	p.t.Helper()
	return eval[int](p, `Number(document.getElementById('balance').dataset.coins)`)
}

// join makes an account, signs this browser in, and returns the account's player for the API.
func (p *tab) join() *player {
	p.t.Helper()
	return p.joinAs(fmt.Sprintf("player%d", names.Add(1)))
}

// joinAs is join under a name.
func (p *tab) joinAs(name string) *player {
	p.t.Helper()
	q := &player{t: p.t, base: p.base, name: name, password: "correct horse battery"}
	var account struct {
		Token string `json:"token"`
	}
	q.do("POST", "/accounts", map[string]string{"username": q.name, "email": q.name + "@example.org", "password": q.password}, &account)
	q.token = account.Token
	call(p, network.SetCookie, network.SetCookieParams{Name: p.cookieName(), Value: q.token, URL: p.base, HTTPOnly: new(true), SameSite: network.CookieSameSiteLax})
	// A page that never saw a sign-in would not ask who is signed in.
	known := call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `localStorage.setItem('imperio.known', '1')`})
	p.visit("/rules") // the sitting begins
	call(p, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(known))
	return q
}

// cookieName is the name of the session's cookie.
func (p *tab) cookieName() string {
	p.t.Helper()
	u, err := url.Parse(p.base)
	if err != nil {
		p.t.Fatal(err)
	}
	return auth.CookieName(auth.SessionCookie, &http.Request{Host: u.Host}, u.Scheme == "https")
}

// sameCoins compares what the page shows with what the API says.
func (p *tab) sameCoins(q *player) {
	p.t.Helper()
	want := q.coins()
	p.wait("the balance and the net result that the API says", fmt.Sprintf(
		`document.getElementById('balance').dataset.coins === '%d' && document.getElementById('net').dataset.net === '%d'`, want, want-welcomeCoins))
}

// Tests share a profile, but nothing that the pages keep there.
func TestOpen_HoldsNothingOfAnEarlierTest(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			p := open(t, look{})
			p.visit("/rules")
			if c := call(p, network.GetCookies, network.GetCookiesParams{}).Cookies; len(c) > 0 {
				t.Errorf("there are cookies: %+v", c)
			}
			if n := eval[int](p, `localStorage.length + sessionStorage.length`); n > 0 {
				t.Errorf("%d values are stored", n)
			}
			p.join()
			if eval[int](p, `localStorage.length`) == 0 || len(call(p, network.GetCookies, network.GetCookiesParams{}).Cookies) == 0 {
				t.Error("a player who is signed in leaves nothing, so this test proves nothing")
			}
		})
	}
}

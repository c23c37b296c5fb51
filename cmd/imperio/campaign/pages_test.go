package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// slowdown is how much slower than this machine the promised phone is.
const slowdown = 4

// pageCost is what one visit of a page costs the browser until the page can be used.
type pageCost struct {
	processor time.Duration // of the page's main thread: scripts, style, layout
	requests  int
	bytes     float64 // over the wire
	shift     float64 // cumulative layout shift
}

// measurePages visits pages with Debian's Chromium: as a stranger with an empty cache, and as a player who comes back.
func (m *campaign) measurePages(ctx context.Context) error {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			return err
		}
		m.printf("\n## The pages\n\nNot measured: Debian's package chromium is not installed.\n")
		return nil
	}
	visits := 5
	if m.quick {
		visits = 1
	}
	m.printf("\n## The pages\n\nIn Chromium, until a page can be used: processor time of its main thread (the median of %d visits), requests, bytes over the wire, and by how much the layout shifted. A first visit has an empty cache.\n\n"+
		"| page | visit | processor time | at %d× slowdown | requests | over the wire | layout shift |\n|---|---|---:|---:|---:|---:|---:|\n", visits, slowdown)
	return m.withCasino(ctx, &populated{directory: filepath.Join(m.directory, "pages")}, func(c *casino) error {
		allocator, end := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(chromium), chromedp.UserDataDir(filepath.Join(m.directory, "browser")),
			chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("disable-quic", true),
			chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("ignore-certificate-errors", true))
		defer end()
		browser, end := chromedp.NewContext(allocator)
		defer end()
		if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
			return fmt.Errorf("start Chromium: %w", err)
		}
		var worst time.Duration
		var shifted float64
		for _, page := range []string{"/", "/slots", "/roulette", "/blackjack"} {
			for _, player := range []bool{false, true} {
				cost, err := visitPage(ctx, browser, c, page, player, visits)
				if err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				who := "first"
				if player {
					who = "of a player, again"
				}
				worst, shifted = max(worst, cost.processor), max(shifted, cost.shift)
				m.printf("| `%s` | %s | %d ms | %d ms | %d | %.0f kB | %.4f |\n", page, who, cost.processor.Milliseconds(), (slowdown * cost.processor).Milliseconds(), cost.requests, cost.bytes/1000, cost.shift)
			}
		}
		m.goal(slowdown*worst < time.Second, "pages: processor time until they can be used, at 4× slowdown", "below 1 s", "%.2f s", (slowdown * worst).Seconds())
		m.goal(shifted < 0.001, "pages: layout shift", "none", "%.4f", shifted)
		return nil
	})
}

// visitPage returns the median cost of visits, each in a profile of its own.
func visitPage(ctx context.Context, browser context.Context, c *casino, page string, player bool, visits int) (pageCost, error) {
	var costs []pageCost
	for range visits {
		cost, err := visitOnce(ctx, browser, c, page, player)
		if err != nil {
			return pageCost{}, err
		}
		costs = append(costs, cost)
	}
	slices.SortFunc(costs, func(a, b pageCost) int { return int(a.processor - b.processor) })
	return costs[len(costs)/2], nil
}

func visitOnce(ctx context.Context, browser context.Context, c *casino, page string, player bool) (cost pageCost, err error) {
	tab, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer end()
	tab, cancel := context.WithTimeout(tab, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		return cost, err
	}
	if player {
		if err := comesBack(ctx, tab, c, page); err != nil {
			return cost, err
		}
	}
	var mu sync.Mutex
	err = chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			cost.requests++
		case *network.EventLoadingFinished:
			cost.bytes += e.EncodedDataLength
		}
	})
	if err != nil {
		return cost, err
	}
	_, err = chromedp.Call(tab, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(tab, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	}
	if err != nil {
		return cost, err
	}
	before, err := mainThread(tab)
	if err != nil {
		return cost, err
	}
	if err := openPage(tab, c.URL+page); err != nil {
		return cost, err
	}
	after, err := mainThread(tab)
	if err != nil {
		return cost, err
	}
	shift, err := chromedp.Run(tab, chromedp.Evaluate[float64](`new Promise((resolve) => {
		let sum = 0;
		new PerformanceObserver((list) => list.getEntries().forEach((e) => { sum += e.value; })).observe({ type: 'layout-shift', buffered: true });
		setTimeout(() => resolve(sum), 300); // what comes late shifts, too
	})`, chromedp.EvalAwaitPromise))
	mu.Lock()
	defer mu.Unlock()
	cost.processor, cost.shift = after-before, shift
	return cost, err
}

// comesBack signs a new player in, and visits the page once, so that the browser keeps what it may keep.
func comesBack(ctx context.Context, tab context.Context, c *casino, page string) error {
	name := fmt.Sprintf("p%x", time.Now().UnixNano())
	body, err := json.Marshal(map[string]string{"username": name, "email": name + "@example.org", "password": "correct horse battery"})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/api/v1/accounts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS()}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return errors.New("no account: " + answer.Status)
	}
	for _, cookie := range answer.Cookies() {
		_, err := chromedp.Call(tab, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: c.URL, HTTPOnly: new(true), Secure: new(cookie.Secure), Path: "/"})
		if err != nil {
			return err
		}
	}
	if err := openPage(tab, c.URL+"/rules"); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Evaluate[chromedp.Void](`localStorage.setItem('imperio.known', '1')`)); err != nil {
		return err
	}
	return openPage(tab, c.URL+page)
}

// openPage waits until the page can be used.
func openPage(tab context.Context, address string) error {
	if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		ready, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.dataset.ready !== undefined`))
		if err == nil && ready {
			return nil
		}
		select {
		case <-tab.Done():
			return fmt.Errorf("%s is never ready: %w", address, context.Cause(tab))
		case <-ticker.C:
		}
	}
}

// mainThread is the processor time that the page's main thread has taken.
func mainThread(tab context.Context) (time.Duration, error) {
	metrics, err := chromedp.Call(tab, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		return 0, err
	}
	for _, metric := range metrics.Metrics {
		if metric.Name == "TaskDuration" {
			return time.Duration(metric.Value * float64(time.Second)), nil
		}
	}
	return 0, errors.New("the browser tells no TaskDuration")
}

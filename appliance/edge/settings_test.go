package edge

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// limited are settings with one limit for all requests.
func limited(events int, per time.Duration, burst int) Settings {
	return Settings{Zones: []Zone{{Name: "general", Limit: Limit{events, per, burst}, PerAccount: true}}}
}

// left sends a request and returns what the client has left of its limit, and of how much.
func (h *house) left(t *testing.T) string {
	t.Helper()
	res, _ := h.ask(t, "GET", "/x", "")
	return fmt.Sprintf("%d: %s of %s", res.StatusCode, res.Header.Get("Ratelimit-Remaining"), res.Header.Get("Ratelimit-Limit"))
}

func TestChange_KeepsWhatClientsHaveUsedOfALimit(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings = limited(1, time.Minute, 10) })
	change := func(s Settings) {
		t.Helper()
		if err := h.edge.Change(s); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := h.left(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expect("200: 9 of 10")
	expect("200: 8 of 10")
	h.clock.move(30 * time.Second) // half of one comes back
	same := limited(1, time.Minute, 10)
	same.CORSOrigins = []string{"https://pages.example"}
	change(same)
	if table := h.edge.settings.Load().zones.all[0].addresses; table.len() != 1 {
		t.Errorf("the limit is the same, and %d clients are remembered", table.len())
	}
	h.clock.move(30 * time.Second)
	expect("200: 8 of 10") // the two halves are one: the fill was kept exactly
	change(limited(1, time.Minute, 20))
	expect("200: 17 of 20") // 2 were used, and this is the third
	change(limited(1, time.Hour, 4))
	expect("200: 0 of 4")
	expect("429: 0 of 4")
	change(limited(1, time.Hour, 2)) // all of it is used, and more than all can't be
	expect("429: 0 of 2")
	h.clock.move(time.Hour)
	expect("200: 0 of 2")
	change(Settings{})
	expect("200:  of ")
	change(limited(1, time.Minute, 10)) // nobody has used anything of a limit that was off
	expect("200: 9 of 10")
}

func TestChange_ManyClientsStayInTheBoundedTables(t *testing.T) {
	const most, clients = 128, 4000
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings, o.MaxBuckets = limited(1, time.Hour, 3), most })
	now := h.clock.Now()
	table := func() *buckets { return h.edge.settings.Load().zones.all[0].addresses }
	address := func(i int) bucketKey { return clientKey(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})) }
	for i := range clients {
		table().take(address(i), now, 3)
	}
	before := table().len()
	if err := h.edge.Change(limited(2, time.Hour, 4)); err != nil {
		t.Fatal(err)
	}
	if n := table().len(); n != before || n > most {
		t.Errorf("%d clients after the change, %d before", n, before)
	}
	if _, tokens := table().take(address(clients-1), now, 0); tokens != 1 {
		t.Errorf("who used 3 has %v of 4 left", tokens)
	}
}

func TestChange_RefusesWhatMakesNoSenseAndChangesNothing(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings = limited(1, time.Minute, 10) })
	for _, s := range []Settings{{CORSOrigins: []string{"pages.example"}}, limited(1, time.Minute, 0)} {
		if err := h.edge.Change(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
	if got := h.left(t); got != "200: 9 of 10" {
		t.Errorf("got %s", got)
	}
}

func TestChange_OriginsAndAccessLogHoldForTheNextRequest(t *testing.T) {
	const page = "https://pages.example"
	var lines safeBuffer
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings = Settings{} })
	preflight := func() int {
		res, _ := h.ask(t, "OPTIONS", "/api/v1/me", "", "Origin", page, "Access-Control-Request-Method", "POST")
		return res.StatusCode
	}
	upgrade := func() int {
		res, _ := h.ask(t, "GET", "/api/v1/live", "", "Origin", page, "Upgrade", "websocket", "Connection", "upgrade")
		return res.StatusCode
	}
	for _, c := range []struct {
		settings            Settings
		preflight, upgrades int
		lines               bool
	}{
		{Settings{}, http.StatusForbidden, http.StatusForbidden, false},
		{Settings{CORSOrigins: []string{page}, AccessLog: slog.NewJSONHandler(&lines, nil)}, http.StatusNoContent, http.StatusOK, true},
		{Settings{CORSOrigins: []string{"https://other.example"}}, http.StatusForbidden, http.StatusForbidden, false},
	} {
		if err := h.edge.Change(c.settings); err != nil {
			t.Fatal(err)
		}
		had := lines.String()
		if got := preflight(); got != c.preflight {
			t.Errorf("%v: a preflight gets %d, want %d", c.settings.CORSOrigins, got, c.preflight)
		}
		if got := upgrade(); got != c.upgrades {
			t.Errorf("%v: a WebSocket gets %d, want %d", c.settings.CORSOrigins, got, c.upgrades)
		}
		if c.lines {
			for deadline := time.Now().Add(patience); strings.Count(lines.String(), "\n") != 2; runtime.Gosched() { // a line follows its answer
				if time.Now().After(deadline) {
					t.Fatalf("in the access log: %s", lines.String())
				}
			}
		} else if lines.String() != had {
			t.Error("requests are logged while the access log is off")
		}
	}
}

// A lower cap closes nobody by itself. The next connection takes the place of idle ones.
func TestChange_ALowerCapHoldsForNewConnections(t *testing.T) {
	busy, release := make(chan struct{}, 10), make(chan struct{})
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			busy <- struct{}{}
			<-release
		}
		io.WriteString(w, "{}")
	}), func(o *Options) { o.Settings = Settings{MaxConnections: 100} })
	var slow sync.WaitGroup
	for range 3 {
		slow.Go(func() {
			if res, _ := h.ask(t, "GET", "/slow", ""); res.StatusCode != http.StatusOK {
				t.Errorf("a request that had begun got %d", res.StatusCode)
			}
		})
		<-busy
	}
	idle := make([]*http.Client, 5)
	for i := range idle {
		idle[i] = &http.Client{Transport: &http.Transport{}}
		defer idle[i].CloseIdleConnections()
		get(t, idle[i], h.url)
	}
	if err := h.edge.Change(Settings{MaxConnections: 4}); err != nil {
		t.Fatal(err)
	}
	opened := func() int {
		h.edge.counts.mu.Lock()
		defer h.edge.counts.mu.Unlock()
		return len(h.edge.counts.open)
	}
	if n := opened(); n != 8 {
		t.Errorf("%d connections are left of 8", n)
	}
	fresh := &http.Client{Transport: &http.Transport{}}
	defer fresh.CloseIdleConnections()
	get(t, fresh, h.url) // all idle ones give way
	if n := opened(); n != 4 {
		t.Errorf("%d connections, and the cap is 4", n)
	}
	close(release)
	slow.Wait()
}

func get(t *testing.T, client *http.Client, url string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("got %d, %v", res.StatusCode, err)
	}
}

// A request sees the settings from before a change, or those from after it, never a mixture.
func TestChange_RequestsSeeOneOrTheOther(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	settings := []Settings{limited(1_000_000, time.Second, 111_111), limited(1_000_000, time.Second, 222_222)}
	settings[0].CORSOrigins, settings[1].CORSOrigins = []string{a}, []string{b}
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings = settings[0]; o.Now = time.Now })
	done := make(chan struct{})
	var changes sync.WaitGroup
	for range 2 {
		changes.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := h.edge.Change(settings[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for i := range 300 {
				origin, want := a, "111111"
				if i%2 == 1 {
					origin, want = b, "222222"
				}
				res, _ := h.ask(t, "GET", "/x", "", "Origin", origin)
				allowed := res.Header.Get("Access-Control-Allow-Origin") == origin
				if limit := res.Header.Get("Ratelimit-Limit"); res.StatusCode != http.StatusOK || allowed != (limit == want) {
					t.Errorf("%d: origin %s is allowed: %v; the limit is %s", res.StatusCode, origin, allowed, limit)
				}
				h.edge.AdmitAccount(t.Context(), http.Header{}, "/x", 1)
			}
		})
	}
	clients.Wait()
	close(done)
	changes.Wait()
}

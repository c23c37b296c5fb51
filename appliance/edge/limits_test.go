package edge

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"
)

// handClock is a clock that stands until it is moved.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newHandClock() *handClock { return &handClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *handClock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// spend sends requests until one is refused, and returns how many were allowed.
func spend(t *testing.T, h *house, method, path string, headers ...string) int {
	t.Helper()
	for n := range 1000 {
		if answer, _ := h.ask(t, method, path, "", headers...); answer.StatusCode == http.StatusTooManyRequests {
			return n
		}
	}
	t.Fatalf("%s %s: a thousand requests were allowed", method, path)
	return 0
}

func TestLimits_OfEachZone(t *testing.T) {
	for _, c := range []struct {
		method, path string
		burst        int
		refill       time.Duration // of one request
		retryAfter   int
		reset        int
	}{
		{"GET", "/api/v1/games", 60, 50 * time.Millisecond, 1, 3},
		{"POST", "/api/v1/me/daily-coins", 60, 50 * time.Millisecond, 1, 3},
		{"POST", "/api/v1/sessions", 10, 3 * time.Second, 3, 30},
		{"POST", "/api/v1/accounts", 10, 3 * time.Minute, 180, 1800},
		{"POST", "/api/v1/games/slots/spins", 60, 50 * time.Millisecond, 1, 3}, // by address; an account has 10
		{"GET", "/api/v1/sessions", 60, 50 * time.Millisecond, 1, 3},           // not signing in
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			h := open(t, "http", says("{}"), nil)
			answer, _ := h.ask(t, c.method, c.path, "")
			if got := answer.Header.Get("RateLimit-Limit") + " " + answer.Header.Get("RateLimit-Remaining"); got != fmt.Sprint(c.burst, " ", c.burst-1) {
				t.Errorf("limit and remaining: %s", got)
			}
			if n := spend(t, h, c.method, c.path); n != c.burst-1 {
				t.Fatalf("%d allowed after the first", n)
			}
			answer, body := h.ask(t, c.method, c.path, "")
			p := problemIn(t, answer, body, "rate_limited")
			if got := answer.Header.Get("Retry-After"); got != strconv.Itoa(c.retryAfter) || p.RetryAfter != c.retryAfter {
				t.Errorf("Retry-After %s, in the body %d", got, p.RetryAfter)
			}
			if got := answer.Header.Get("RateLimit-Reset"); got != strconv.Itoa(c.reset) {
				t.Errorf("RateLimit-Reset %s", got)
			}
			if got := answer.Header.Get("RateLimit-Remaining"); got != "0" {
				t.Errorf("RateLimit-Remaining %s", got)
			}
			// A client that waits as long as it was told is let in.
			h.clock.move(time.Duration(c.retryAfter) * time.Second)
			if answer, _ := h.ask(t, c.method, c.path, ""); answer.StatusCode != 200 {
				t.Errorf("refused after waiting")
			}
			// After the reset, the whole burst is available again.
			h.clock.move(time.Duration(c.reset) * time.Second)
			if n := spend(t, h, c.method, c.path); n != c.burst {
				t.Errorf("%d allowed after the reset", n)
			}
		})
	}
}

func TestLimits_CountEachAddressApart(t *testing.T) {
	h := open(t, "http", says("{}"), trustLoopback)
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "198.51.100.1"); n != 10 {
		t.Fatalf("%d allowed", n)
	}
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "198.51.100.2"); n != 10 {
		t.Errorf("another address had %d", n)
	}
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "2001:db8::1"); n != 10 {
		t.Errorf("an IPv6 address had %d", n)
	}
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "2001:db8::ffff:2"); n != 0 {
		t.Errorf("another address of its /64 had %d", n)
	}
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "6.6.6.6, 198.51.100.1"); n != 0 {
		t.Errorf("a forged address had %d", n)
	}
	// Zones count separately, too.
	if answer, _ := h.ask(t, "GET", "/api/v1/games", "", "X-Forwarded-For", "198.51.100.1"); answer.StatusCode != 200 {
		t.Error("the sign-ins count for another zone")
	}
}

func TestLimits_DontCountHealthNorStaticFiles(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) {
		o.Uncounted = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/assets/") }
	})
	for _, path := range []string{"/health", "/health/live", "/health/ready/store", "/assets/app.js"} {
		for range 50 {
			answer, _ := h.ask(t, "GET", path, "")
			if answer.StatusCode != 200 || answer.Header.Get("RateLimit-Limit") != "" {
				t.Fatalf("%s: %d %v", path, answer.StatusCode, answer.Header)
			}
		}
	}
	if spend(t, h, "GET", "/healthy") > 61 { // not a health check, so it is limited
		t.Error("what only looks like a probe is not limited")
	}
}

// Requests that are refused for other reasons still cause work, so they count. So do requests that only look like one for a
// file or a probe.
func TestLimits_CountEveryRefusal(t *testing.T) {
	files := func(o *Options) {
		o.Uncounted = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/assets/") }
	}
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	for _, c := range []struct {
		name, method, path string
		headers            []string
	}{
		{"preflights", "OPTIONS", "/api/v1/games", append(foreign, "Access-Control-Request-Method", "POST")},
		{"preflights of a file", "OPTIONS", "/assets/app.js", append(foreign, "Access-Control-Request-Method", "POST")},
		{"writes of foreign pages", "POST", "/api/v1/games/slots/spins", foreign},
		{"WebSockets of foreign pages", "GET", "/assets/app.js", append(foreign, "Upgrade", "websocket", "Connection", "Upgrade")},
		{"writes to a file", "POST", "/assets/app.js", nil},
		{"writes to a probe", "POST", "/health/live", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, "http", says("{}"), files)
			if n := spend(t, h, c.method, c.path, c.headers...); n != 60 {
				t.Errorf("%d were answered", n)
			}
			// The page of another site has not used up its visitor's spins.
			if answer, _ := h.ask(t, "POST", "/api/v1/games/slots/spins", ""); answer.StatusCode != 200 {
				t.Errorf("a spin: %d", answer.StatusCode)
			}
		})
	}
}

func TestLimits_OffMeansOff(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { o.Settings = o.Unlimited() })
	for range 100 {
		if answer, _ := h.ask(t, "POST", "/api/v1/accounts", ""); answer.StatusCode != 200 || answer.Header.Get("RateLimit-Limit") != "" {
			t.Fatal("limited")
		}
	}
	one := open(t, "http", says("{}"), func(o *Options) { o.Zones[1].Events = 0 })
	for range 100 {
		if answer, _ := one.ask(t, "POST", "/api/v1/sessions", ""); answer.StatusCode != 200 {
			t.Fatal("a zone that is off still limits")
		}
	}
	if spend(t, one, "GET", "/api/v1/games") < 60 {
		t.Error("the others are off too")
	}
}

// fewSignUps are limits that tell tries and sign-ups apart.
func fewSignUps(o *Options) {
	o.Zones = Zones(ZoneLimits{SignIn: Limit{5, time.Minute, 2}, SignUp: Limit{3, time.Hour, 1}})
}

// A refused sign-up does not count as one of the three per hour, but it counts as a try.
func TestLimits_CountWhatIsDoneApartFromTries(t *testing.T) {
	status := 0
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }),
		fewSignUps)
	try := func(answer, want int, left string) {
		t.Helper()
		status = answer
		got, _ := h.ask(t, "POST", "/api/v1/accounts", "")
		if got.StatusCode != want || got.Header.Get("RateLimit-Remaining") != left {
			t.Errorf("%d, %s left, wanted %d and %s", got.StatusCode, got.Header.Get("RateLimit-Remaining"), want, left)
		}
	}
	try(422, 422, "2") // a typing error; the headers show how many tries are left
	try(409, 409, "1") // a name that is taken
	try(201, 201, "0")
	h.clock.move(time.Minute)
	try(201, 429, "0") // the next account is possible after 20 minutes
	h.clock.move(20 * time.Minute)
	try(503, 503, "0") // the account may have been opened
	try(201, 429, "0")
	h.clock.move(20 * time.Minute)
	// Finding out which names are taken is as slow as guessing passwords.
	for range 3 {
		status = 409
		h.ask(t, "POST", "/api/v1/accounts", "")
	}
	if n := spend(t, h, "POST", "/api/v1/accounts"); n != 0 {
		t.Errorf("%d more names could be tried", n)
	}
	h.clock.move(12 * time.Second)
	try(201, 201, "0")
	h.seen.read(func() {
		if h.seen.limits["sign-up address true"] == 0 || h.seen.limits["sign-up-tries address false"] != 1 {
			t.Errorf("%v", h.seen.limits)
		}
	})
}

func TestLimits_OfTriesAloneStandWithoutTheOthers(t *testing.T) {
	h := open(t, "http", says("{}"), func(o *Options) { o.Zones[2].Events = 0 })
	if n := spend(t, h, "POST", "/api/v1/accounts"); n != 20 {
		t.Errorf("%d tries", n)
	}
}

func TestLimits_CountAccountsBesideAddresses(t *testing.T) {
	var h *house
	h = open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, _ := strconv.ParseUint(r.Header.Get("Account"), 10, 64)
		if wait, ok := h.edge.AdmitAccount(r.Context(), w.Header(), r.URL.Path, account); !ok {
			if strconv.Itoa(int(wait/time.Second)) != w.Header().Get("Retry-After") {
				t.Errorf("wait %s, header %s", wait, w.Header().Get("Retry-After"))
			}
			WriteProblem(w, r, problemRateLimited)
		}
	}), trustLoopback)
	const spins = "/api/v1/games/slots/spins"
	// One account from many addresses is one player.
	allowed := 0
	for i := range 30 {
		answer, _ := h.ask(t, "POST", spins, "", "Account", "1001", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		if answer.StatusCode == 200 {
			allowed++
			if got := answer.Header.Get("RateLimit-Remaining"); got != strconv.Itoa(10-allowed) {
				t.Errorf("answer %d: %s left, which is not the stricter limit", allowed, got)
			}
		}
	}
	if allowed != 10 {
		t.Errorf("one account had %d spins", allowed)
	}
	if answer, _ := h.ask(t, "POST", spins, "", "Account", "1002", "X-Forwarded-For", "203.0.113.1"); answer.StatusCode != 200 {
		t.Error("another account is limited too")
	}
	// Many accounts behind one address share its limit, which leaves room for a household.
	allowed = 0
	for i := range 80 {
		if answer, _ := h.ask(t, "POST", spins, "", "Account", strconv.Itoa(2000+i), "X-Forwarded-For", "203.0.113.77"); answer.StatusCode == 200 {
			allowed++
		}
	}
	if allowed != 60 {
		t.Errorf("one address had %d spins", allowed)
	}
	h.seen.read(func() {
		if !slices.Contains(h.seen.requests, "POST refused: slots 429") {
			t.Errorf("the log doesn't tell which limit refused: %v", h.seen.requests)
		}
		if h.seen.limits["slots account false"] != 20 || h.seen.limits["slots address false"] != 20 {
			t.Errorf("observed %v", h.seen.limits)
		}
	})
}

func key(n uint64) (k bucketKey) {
	binary.LittleEndian.PutUint64(k[:], n)
	return k
}

// With room for all clients, buckets decide exactly as one rate.Limiter per client.
func TestBuckets_AgreeWithOneLimiterForEachClient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBuckets(2, 5, 64*64)
		model := map[uint64]*rate.Limiter{}
		now := time.Unix(1_700_000_000, 0)
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 700).Draw(t, "ms")) * time.Millisecond)
			who := rapid.Uint64Range(1, 6).Draw(t, "client")
			if model[who] == nil {
				model[who] = rate.NewLimiter(2, 5)
			}
			allowed, tokens := b.take(key(who), now, 1)
			if want := model[who].AllowN(now, 1); allowed != want || tokens != model[who].TokensAt(now) {
				t.Fatalf("client %d: %t, wanted %t", who, allowed, want)
			}
		}
	})
}

// The list and the index always hold the same clients, and never more than there is room for.
func TestBuckets_StayWholeAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const room = 4 * shards
		b := newBuckets(1, 2, room)
		now := time.Unix(1_700_000_000, 0)
		for range rapid.IntRange(1, 2000).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
			b.take(key(rapid.Uint64Range(0, 3*room).Draw(t, "client")), now, 1)
		}
		for i := range b.shards {
			s := &b.shards[i]
			n, last := 0, int32(-1)
			for j := s.newest; j >= 0; j = s.entries[j].older {
				if s.entries[j].newer != last || s.index[s.entries[j].key] != j {
					t.Fatalf("shard %d: entry %d is linked or indexed wrongly", i, j)
				}
				last = j
				n++
			}
			if last != s.oldest || n != len(s.entries) || n != len(s.index) || n > s.max {
				t.Fatalf("shard %d: %d linked, %d entries, %d indexed, room for %d", i, n, len(s.entries), len(s.index), s.max)
			}
		}
	})
}

func TestBuckets_ForgetFullOnesBeforeThoseThatAreUsedUp(t *testing.T) {
	b := newBuckets(1, 2, 4*shards)
	now := time.Unix(1_700_000_000, 0)
	shardOf := func(n uint64) *shard { return b.shardOf(key(n)) }
	// Clients of one shard: the first uses up its bucket, the others don't.
	var clients []uint64
	for n := uint64(1); len(clients) < 5; n++ {
		if shardOf(n) == shardOf(1) {
			clients = append(clients, n)
		}
	}
	for range 3 {
		b.take(key(clients[0]), now, 1)
	}
	for _, c := range clients[1:4] {
		b.take(key(c), now, 1)
	}
	b.take(key(clients[4]), now, 1) // needs an entry
	if allowed, _ := b.take(key(clients[0]), now, 1); allowed {
		t.Error("the oldest client, whose bucket was empty, was forgotten for one with a fuller bucket")
	}
}

// A flood of a hundred thousand addresses in every zone, by address and by account.
func TestFlood_OfAHundredThousandAddressesStaysBelow32MB(t *testing.T) {
	o := production()
	zs, err := newZones(o.Zones, o.MaxBuckets, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	now := time.Unix(1_700_000_000, 0)
	for i := range uint32(100_000) {
		site, _ := networkKey(netip.AddrFrom16([16]byte{0x20, 0x01, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
		a := clientKey(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
		for _, z := range zs.all {
			z.addresses.take(a, now, 1)
			z.networks.take(site, now, 1)
			if z.accounts != nil {
				z.accounts.take(key(uint64(i)), now, 1)
			}
		}
	}
	used := float64(int64(heap())-int64(before)) / (1 << 20)
	clients := 0
	for _, z := range zs.all {
		clients += z.addresses.len() + z.networks.len()
		if z.accounts != nil {
			clients += z.accounts.len()
		}
	}
	t.Logf("after 100,000 addresses in each of %d zones: %.1f MB for %d buckets", len(zs.all), used, clients)
	if used >= 32 {
		t.Errorf("%.1f MB", used)
	}
	runtime.KeepAlive(zs)
}

// BenchmarkFlood measures what a decision for one client costs: alone, and during a flood of new addresses. It reports the
// nanoseconds of this client's own decisions.
func BenchmarkFlood(b *testing.B) {
	o := production()
	zs, err := newZones(o.Zones, o.MaxBuckets, nil, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	general := zs.rest.addresses
	me := clientKey(netip.MustParseAddr("192.0.2.1"))
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			general.decide(me, time.Now(), 1)
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	b.Run("among strangers", func(b *testing.B) {
		var mine time.Duration // includes the cost of reading the clock
		for b.Loop() {
			for range 4 {
				general.decide(key(random.Uint64()), time.Now(), 1)
			}
			start := time.Now()
			general.decide(me, start, 1)
			mine += time.Since(start)
		}
		b.ReportMetric(float64(mine)/float64(b.N), "ns/own-decision")
	})
	b.Run("a stranger", func(b *testing.B) {
		for b.Loop() {
			general.decide(key(random.Uint64()), time.Now(), 1)
		}
	})
}

// Whoever has a /48 has 65,536 of the networks that count as one client. Together they have 16 times as much.
func TestLimits_OfASiteAreSixteenTimesThoseOfAClient(t *testing.T) {
	h := open(t, "http", says("{}"), trustLoopback)
	allowed := 0
	for i := range 400 {
		if answer, _ := h.ask(t, "POST", "/api/v1/sessions", "", "X-Forwarded-For", fmt.Sprintf("2001:db8:1:%x::1", i)); answer.StatusCode == 200 {
			allowed++
		} else if got := answer.Header.Get("Retry-After"); got != "1" { // one of 320 a minute
			t.Fatalf("Retry-After %s", got)
		}
	}
	if allowed != 160 {
		t.Errorf("a site had %d sign-ins", allowed)
	}
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "2001:db8:2::1"); n != 10 {
		t.Errorf("another site had %d", n)
	}
	h.clock.move(time.Second) // the refused networks have kept what is theirs
	if n := spend(t, h, "POST", "/api/v1/sessions", "X-Forwarded-For", "2001:db8:1:18f::1"); n != 5 {
		t.Errorf("a network that was refused had %d of the 5 that its site had", n)
	}
}

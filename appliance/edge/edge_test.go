package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/problem"
)

// house is a server behind an edge on a real listener, with its logs and what its observer saw.
type house struct {
	edge    *Edge
	address string
	url     string
	client  *http.Client
	seen    *sight
	access  *safeBuffer
	log     *safeBuffer
	clock   *handClock // of the limits; it stands until a test moves it
}

// patience is how long a test waits for something before it fails, on a busy machine.
const patience = 2 * time.Minute

// production are the options of a casino whose operator has configured nothing.
func production() Options {
	o := DefaultOptions()
	o.HeaderTimeout, o.BodyTimeout = 12*time.Second, 12*time.Second
	o.IdleTimeout, o.WriteTimeout = 2*time.Minute, 30*time.Second
	o.MaxConnections, o.MaxConnectionsPerAddress = 10_000, 100
	o.Zones = Zones(ZoneLimits{
		General: Limit{20, time.Second, 60}, SignIn: Limit{20, time.Minute, 10}, SignUp: Limit{20, time.Hour, 10}, Slots: Limit{60, time.Minute, 10},
	})
	o.Compression = true
	return o
}

// open starts a house over http or https. change adapts the options of production. Timeouts are an hour, so that none ends
// a test on a busy machine. A test of a timeout shortens that one.
func open(t testing.TB, over string, handler http.Handler, change func(*Options)) *house {
	t.Helper()
	return openTuned(t, over, handler, change, nil, nil)
}

// openTuned also tunes the server, and puts front around its listener. Either may be nil.
func openTuned(t testing.TB, over string, handler http.Handler, change func(*Options), tune func(*http.Server), front func(net.Listener) net.Listener) *house {
	t.Helper()
	h := &house{seen: &sight{limits: map[string]int{}, refused: map[string]int{}, gaveWay: map[string]int{}}, access: &safeBuffer{}, log: &safeBuffer{}, clock: newHandClock()}
	o := production()
	o.HeaderTimeout, o.BodyTimeout, o.IdleTimeout, o.WriteTimeout = time.Hour, time.Hour, time.Hour, time.Hour
	o.Now = h.clock.Now
	o.Log = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.AccessLog = slog.NewJSONHandler(h.access, nil)
	o.Observer = h.seen
	if change != nil {
		change(&o)
	}
	var err error
	if h.edge, err = New(o); err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = tcp.Addr().String()
	if front != nil {
		tcp = front(tcp)
	}
	server := h.edge.Server(handler)
	if tune != nil {
		tune(server)
	}
	transport := &http.Transport{DisableCompression: true}
	served := make(chan error, 1)
	listener := h.edge.Listener(tcp)
	if over == "https" {
		certificate := testCertificate(t)
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		transport.ForceAttemptHTTP2 = true
		go func() { served <- server.ServeTLS(listener, "", "") }()
	} else {
		go func() { served <- server.Serve(listener) }()
	}
	h.url = over + "://" + h.address
	h.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
		<-served
	})
	return h
}

// testCertificate borrows the certificate of net/http/httptest.
func testCertificate(t testing.TB) tls.Certificate {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates[0]
}

// ask sends a request with headers given as name, value, name, value.
func (h *house) ask(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, h.url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := h.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(content)
}

// problemIn checks that an answer is a problem with a code.
func problemIn(t testing.TB, answer *http.Response, body, code string) problem.Document {
	t.Helper()
	if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q, body %q", got, body)
	}
	var p problem.Document
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Code != code || p.Status != answer.StatusCode || p.RequestID != answer.Header.Get("X-Request-Id") || p.Title == "" {
		t.Fatalf("problem %+v under status %d and id %s; wanted %s", p, answer.StatusCode, answer.Header.Get("X-Request-Id"), code)
	}
	return p
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// sight is an Observer that remembers.
type sight struct {
	mu       sync.Mutex
	requests []string
	limits   map[string]int
	refused  map[string]int
	gaveWay  map[string]int
	open     int
	panics   int
}

func (s *sight) RequestDone(route, method string, status int, took time.Duration, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, fmt.Sprintf("%s %s %d", method, route, status))
}

func (s *sight) LimitDecision(zone, by string, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[fmt.Sprintf("%s %s %t", zone, by, allowed)]++
}

func (s *sight) ConnectionOpened() { s.mu.Lock(); s.open++; s.mu.Unlock() }
func (s *sight) ConnectionClosed() { s.mu.Lock(); s.open--; s.mu.Unlock() }
func (s *sight) Panicked()         { s.mu.Lock(); s.panics++; s.mu.Unlock() }
func (s *sight) ConnectionRefused(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[reason]++
}

func (s *sight) ConnectionGaveWay(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaveWay[reason]++
}

func (s *sight) read(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// safeBuffer is a bytes.Buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// says is a handler that answers with JSON.
func says(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}

func TestNew_RefusesOptionsThatCantWork(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, change := range map[string]func(*Options){
		"no log":                        func(o *Options) { o.Log = nil },
		"PROXY protocol without proxy":  func(o *Options) { o.ProxyProtocol = true },
		"too few buckets":               func(o *Options) { o.MaxBuckets = 1 },
		"an origin with a path":         func(o *Options) { o.CORSOrigins = []string{"https://a.example/"} },
		"any origin":                    func(o *Options) { o.CORSOrigins = []string{"*"} },
		"a line break in a header":      func(o *Options) { o.HSTS = "a\r\nb" },
		"two zones of one name":         func(o *Options) { o.Zones = append(o.Zones, o.Zones[1]) },
		"a zone without burst":          func(o *Options) { o.Zones[0].Burst = 0 },
		"two zones for all other paths": func(o *Options) { o.Zones[1].Routes = nil },
		"a route in two zones":          func(o *Options) { o.Zones[1].Routes = o.Zones[2].Routes },
		"a route that is none":          func(o *Options) { o.Zones[1].Routes = []string{"/api"} },
	} {
		o := production()
		o.Log = log
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	o := production()
	o.Log = log
	if _, err := New(o); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestPanic_IsA500WithoutItsText(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		panic("seed 1234")
	}), nil)
	answer, body := h.ask(t, "GET", "/api/v1/me", "")
	if answer.StatusCode != 500 || strings.Contains(body, "1234") || answer.Header.Get("Set-Cookie") != "" {
		t.Fatalf("status %d, headers %v, body %s", answer.StatusCode, answer.Header, body)
	}
	problemIn(t, answer, body, "internal_error")
	if log := h.log.String(); !strings.Contains(log, "handler panicked") || !strings.Contains(log, "edge_test.go") || !strings.Contains(log, answer.Header.Get("X-Request-Id")) {
		t.Errorf("log without panic, stack or id: %s", log)
	}
	h.seen.read(func() {
		if h.seen.panics != 1 {
			t.Errorf("%d panics observed", h.seen.panics)
		}
	})
}

func TestPanic_AfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic("late")
	}), nil)
	answer, err := h.client.Get(h.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("the client took %q for a whole answer", body)
	}
	eventually(t, "the request is reported", func() bool { return strings.Contains(h.access.String(), `"status":200`) })
}

func TestPanic_WhileTheAnswerIsHeldIsA500(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"half":`))
		panic("late")
	}), nil)
	answer, body := h.ask(t, "GET", "/api/v1/me", "")
	problemIn(t, answer, body, "internal_error")
}

func TestErrors_ArePagesForBrowsersAndProblemsForPrograms(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, problem.NewDocument("not_found", "Not <here>."))
	}), nil)
	answer, body := h.ask(t, "GET", "/nowhere", "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if answer.StatusCode != 404 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, "Not &lt;here&gt;.") {
		t.Errorf("%d %s %s", answer.StatusCode, answer.Header.Get("Content-Type"), body)
	}
	if strings.Contains(body, "<style") || strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Errorf("the page breaks its own policy: %s", body)
	}
	for _, accept := range []string{"", "application/json", "*/*"} {
		answer, body := h.ask(t, "GET", "/nowhere", "", "Accept", accept)
		problemIn(t, answer, body, "not_found")
	}
	answer, body = h.ask(t, "GET", "/api/nowhere", "", "Accept", "text/html")
	problemIn(t, answer, body, "not_found")
}

func TestErrors_ARefusalForTooMuchAlwaysSaysHowLong(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, r, problemTooManyConnections) }), nil)
	for _, path := range []string{"/", "/api/v1/me"} {
		if answer, body := h.ask(t, "GET", path, "", "Accept", "text/html"); answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "60" {
			t.Errorf("%s: %d, Retry-After %q: %s", path, answer.StatusCode, answer.Header.Get("Retry-After"), body)
		}
	}
}

func TestErrors_UseThePageThatIsGiven(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, problem.NewDocument("not_found", ""))
	}), func(o *Options) {
		o.ErrorPage = func(p problem.Document, language string) ([]byte, string) {
			return fmt.Appendf(nil, "<h1>%s in %s</h1>", p.Code, language), "default-src 'none'"
		}
	})
	answer, body := h.ask(t, "GET", "/nowhere", "", "Accept", "text/html", "Accept-Language", "de")
	if body != "<h1>not_found in de</h1>" || answer.Header.Get("Content-Security-Policy") != "default-src 'none'" || answer.Header.Get("Vary") != "Accept-Language" {
		t.Errorf("got %s with %v", body, answer.Header)
	}
}

func TestRequestID_IsOnEveryAnswerAndNeverTheSame(t *testing.T) {
	var inside string
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inside = RequestID(r.Context()) }), nil)
	seen := map[string]bool{}
	for range 3 {
		answer, _ := h.ask(t, "GET", "/health", "")
		id := answer.Header.Get("X-Request-ID")
		if len(id) != 32 || seen[id] || id != inside {
			t.Fatalf("id %q, in the handler %q", id, inside)
		}
		seen[id] = true
	}
}

func TestRequestID_IsTakenFromTrustedProxiesOnly(t *testing.T) {
	strange := open(t, "http", says("{}"), nil)
	if answer, _ := strange.ask(t, "GET", "/", "", "X-Request-ID", "mine-1"); answer.Header.Get("X-Request-ID") == "mine-1" {
		t.Error("anybody's id was taken")
	}
	trusted := open(t, "http", says("{}"), trustLoopback)
	if answer, _ := trusted.ask(t, "GET", "/", "", "X-Request-ID", "mine-1"); answer.Header.Get("X-Request-ID") != "mine-1" {
		t.Error("the proxy's id was not taken")
	}
	for _, bad := range []string{"a b", "a\tb", "<x>", "ü", strings.Repeat("x", 65)} {
		if answer, _ := trusted.ask(t, "GET", "/", "", "X-Request-ID", bad); answer.Header.Get("X-Request-ID") == bad {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestHeaders_OfTheHighestGradeOnEveryAnswer(t *testing.T) {
	for _, over := range []string{"http", "https"} {
		h := open(t, over, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/panic" {
				panic("x")
			}
		}), nil)
		for _, path := range []string{"/", "/health", "/api/v1/games", "/api/v1/panic", "/nowhere"} {
			answer, _ := h.ask(t, "GET", path, "")
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := answer.Header.Get(name); got != want {
					t.Errorf("%s%s: %s is %q", over, path, name, got)
				}
			}
			if !strings.Contains(answer.Header.Get("Permissions-Policy"), "geolocation=()") {
				t.Errorf("%s%s: no permissions policy", over, path)
			}
			policy := answer.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") ||
				!strings.Contains(policy, "base-uri 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
				t.Errorf("%s%s: policy %q", over, path, policy)
			}
			want := ""
			if over == "https" {
				want = "max-age=63072000"
			}
			if got := answer.Header.Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s%s: HSTS %q", over, path, got)
			}
			if answer.Header.Get("Server") != "" || answer.Header.Get("X-Powered-By") != "" {
				t.Errorf("%s%s: names its software", over, path)
			}
			if strings.HasPrefix(path, "/api/") && answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s: may be kept by caches", over, path)
			}
		}
	}
}

func TestHeaders_HandlersAddToThemWithoutChangingThoseOfOthers(t *testing.T) {
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/add" {
			w.Header().Add("X-Frame-Options", "added")
		}
	}), nil)
	h.ask(t, "GET", "/add", "")
	if answer, _ := h.ask(t, "GET", "/", ""); len(answer.Header.Values("X-Frame-Options")) != 1 {
		t.Errorf("%v", answer.Header.Values("X-Frame-Options"))
	}
}

func TestHTTP2_IsSpokenOverTLS(t *testing.T) {
	h := open(t, "https", says("{}"), nil)
	if answer, _ := h.ask(t, "GET", "/", ""); answer.ProtoMajor != 2 {
		t.Errorf("spoke %s", answer.Proto)
	}
}

func TestContext_OfNoEdgeKnowsNothing(t *testing.T) {
	ctx := context.Background()
	NoteRoute(ctx, "/x")
	NoteAccount(ctx, "1")
	NeverCompress(ctx)
	if RequestID(ctx) != "" || ClientAddress(ctx).IsValid() || ClientNetwork(ctx) != "" || Secure(ctx) {
		t.Error("it knows something")
	}
}

package edge

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// answerOfASpin is as long as the API's answer.
var answerOfASpin = []byte(`{"round":{"id":"123456","game":"slots","rules":"slots/2","opened_at":"2026-11-23T21:00:00.000Z","settled_at":"2026-11-23T21:00:00.000Z","settled":true,"stake":5,"staked":5,"payout":0,"nonce":17,"pair":0,"commitment":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","client_seed":"a4ayc","server_seed":null},"stops":[17,22,30],"symbols":["lemon","apple","apple"],"payout":0,"coins":9995,"held_coins":0}`)

var spinHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	NoteRoute(r.Context(), "/api/v1/games/slots/spins")
	NoteAccount(r.Context(), "1001")
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(answerOfASpin)
})

// player sends spins over one TLS connection, and does as little else as possible.
type player struct {
	conn net.Conn
	buf  []byte
}

const spinRequest = "POST /api/v1/games/slots/spins HTTP/1.1\r\nHost: casino.example\r\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\r\n" +
	"Content-Type: application/json\r\nAccept-Encoding: gzip\r\nIdempotency-Key: 0123456789\r\nContent-Length: 11\r\n\r\n{\"stake\":5}"

func (p *player) spin() error {
	if _, err := io.WriteString(p.conn, spinRequest); err != nil {
		return err
	}
	for n := 0; ; {
		m, err := p.conn.Read(p.buf[n:])
		if err != nil {
			return err
		}
		if n += m; strings.HasSuffix(string(p.buf[:n]), `"held_coins":0}`) {
			return nil
		}
	}
}

// measured is a server and its players, for interleaved rounds.
type measured struct {
	name    string
	players []*player
	rounds  []float64 // requests per second
}

func startMeasured(t testing.TB, name string, listen func(net.Listener) net.Listener, server *http.Server) *measured {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listen(tcp), "", "") }()
	m := &measured{name: name}
	for range 32 {
		c, err := tls.Dial("tcp", tcp.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		m.players = append(m.players, &player{c, make([]byte, 8192)})
	}
	t.Cleanup(func() {
		for _, p := range m.players {
			p.conn.Close()
		}
		_ = server.Close()
		<-served
	})
	return m
}

func (m *measured) round(t testing.TB, d time.Duration) {
	var wg sync.WaitGroup
	counts := make([]int, len(m.players))
	end := time.Now().Add(d)
	start := time.Now()
	for i, p := range m.players {
		wg.Go(func() {
			for time.Now().Before(end) {
				if err := p.spin(); err != nil {
					t.Errorf("%s: %v", m.name, err)
					return
				}
				counts[i]++
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	m.rounds = append(m.rounds, float64(total)/time.Since(start).Seconds())
}

// BenchmarkMiddleware prints the cost of the middleware, as ratios of throughput over TLS with keep-alive: to the same
// route without limits, compression and logs, and to a bare handler. The rounds are interleaved, so that a busy machine
// is busy for all three. Run it with -benchtime 1x.
func BenchmarkMiddleware(b *testing.B) {
	// A casino has much state in memory, so its garbage collector runs less often than with the few megabytes of this
	// benchmark. All three servers run under the same setting.
	state := make([]byte, 64<<20)
	defer runtime.KeepAlive(state)
	plain := func(l net.Listener) net.Listener { return l }
	bare := startMeasured(b, "bare", plain, &http.Server{Handler: spinHandler})

	o := production()
	o.Log = slog.New(slog.DiscardHandler)
	o.Settings = o.Unlimited()
	o.Compression = false
	without, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	off := startMeasured(b, "off", without.Listener, without.Server(spinHandler))

	o = production()
	for i := range o.Zones {
		o.Zones[i].Events, o.Zones[i].Burst = 1e9, 1e9 // counted, and never refused
	}
	o.MaxConnectionsPerAddress = 1000
	o.Log = slog.New(slog.DiscardHandler)
	buffer := NewLogBuffer(io.Discard, 4<<20)
	defer buffer.Close()
	o.AccessLog = slog.NewJSONHandler(buffer, nil)
	with, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	on := startMeasured(b, "on", with.Listener, with.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := with.AdmitAccount(r.Context(), w.Header(), "/api/v1/games/slots/spins", 1001); ok {
			spinHandler(w, r)
		}
	})))
	for b.Loop() {
		for range 8 {
			for _, m := range []*measured{bare, off, on} {
				m.round(b, 200*time.Millisecond)
			}
		}
	}
	median := func(m *measured) float64 {
		slices.Sort(m.rounds)
		return m.rounds[len(m.rounds)/2]
	}
	b.ReportMetric(median(on), "req/s")
	b.ReportMetric(median(on)/median(off), "of-route-without")
	b.ReportMetric(median(on)/median(bare), "of-bare-handler")
	b.ReportMetric(float64(buffer.Dropped()), "lines-dropped")
}

// BenchmarkExchange is the middleware without the network, for profiles.
func BenchmarkExchange(b *testing.B) {
	o := production()
	for i := range o.Zones {
		o.Zones[i].Events, o.Zones[i].Burst = 1e9, 1e9
	}
	o.Log = slog.New(slog.DiscardHandler)
	buffer := NewLogBuffer(io.Discard, 4<<20)
	defer buffer.Close()
	o.AccessLog = slog.NewJSONHandler(buffer, nil)
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	handler := e.Handler(spinHandler)
	r, _ := http.NewRequest("POST", "/api/v1/games/slots/spins", http.NoBody)
	r.RemoteAddr = "192.0.2.1:4711"
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(&discardAnswer{header: make(http.Header, 16)}, r)
	}
}

type discardAnswer struct{ header http.Header }

func (d *discardAnswer) Header() http.Header         { return d.header }
func (d *discardAnswer) WriteHeader(int)             {}
func (d *discardAnswer) Write(p []byte) (int, error) { return len(p), nil }

// Hijack exists because the server's own writer has it.
func (d *discardAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// BenchmarkCompression compares our own compression with klauspost/compress/gzhttp around an edge that has none. Decision
// 0066 rests on its allocations.
func BenchmarkCompression(b *testing.B) {
	open := func(compression bool, answer []byte) http.Handler {
		o := production()
		o.Settings = o.Unlimited()
		o.Compression = compression
		o.Log = slog.New(slog.DiscardHandler)
		e, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		return e.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = jsonType
			_, _ = w.Write(answer)
		}))
	}
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressAbove), gzhttp.CompressionLevel(4), gzhttp.PreferZstd(true), gzhttp.SetContentType(false),
		gzhttp.ContentTypeFilter(func(t string) bool { return compressible([]string{t}) }))
	if err != nil {
		b.Fatal(err)
	}
	for _, answer := range []struct {
		name string
		body []byte
	}{{"bet of 0.3 KB", []byte(longText[:300])}, {"list of 6 KB", []byte(longText)}} {
		for _, accept := range []string{"", "gzip", "zstd"} {
			for _, c := range []struct {
				name    string
				handler http.Handler
			}{{"own", open(true, answer.body)}, {"gzhttp", wrap(open(false, answer.body))}} {
				b.Run(fmt.Sprintf("%s/accepts %q/%s", answer.name, accept, c.name), func(b *testing.B) {
					r, _ := http.NewRequest("GET", "/api/v1/me/rounds", http.NoBody)
					r.RemoteAddr = "192.0.2.1:4711"
					if accept != "" {
						r.Header.Set("Accept-Encoding", accept)
					}
					b.ReportAllocs()
					for b.Loop() {
						c.handler.ServeHTTP(&discardAnswer{header: make(http.Header, 16)}, r)
					}
				})
			}
		}
	}
}

var jsonType = []string{"application/json"}

// BenchmarkFloodedHouse prints how much slower one client's requests are during a flood of a hundred thousand new
// addresses, as a ratio to the same among a few known clients. It times only this client's requests, each between four of
// others.
func BenchmarkFloodedHouse(b *testing.B) {
	o := production()
	o.Log = slog.New(slog.DiscardHandler)
	for i := range o.Zones {
		o.Zones[i].Events, o.Zones[i].Burst = 1e9, 1e9
	}
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	handler := e.Handler(spinHandler)
	ask := func(address netip.Addr) time.Duration {
		r, _ := http.NewRequest("POST", "/api/v1/games/slots/spins", http.NoBody)
		r.RemoteAddr = netip.AddrPortFrom(address, 4711).String()
		w := &discardAnswer{header: make(http.Header, 16)}
		start := time.Now()
		handler.ServeHTTP(w, r)
		return time.Since(start)
	}
	var stranger uint32
	others := func(flood bool) {
		for i := range 4 {
			n := uint32(i)
			if flood {
				stranger++
				n = 10 + stranger%100_000
			}
			ask(netip.AddrFrom4([4]byte{198, byte(n >> 16), byte(n >> 8), byte(n)}))
		}
	}
	me := netip.MustParseAddr("203.0.113.1")
	var calm, flooded []time.Duration
	for b.Loop() {
		for range 25_000 { // 100,000 strangers
			others(false)
			calm = append(calm, ask(me))
			others(true)
			flooded = append(flooded, ask(me))
		}
	}
	slices.Sort(calm)
	slices.Sort(flooded)
	b.ReportMetric(float64(calm[len(calm)/2]), "ns-calm")
	b.ReportMetric(float64(flooded[len(flooded)/2]), "ns-flooded")
	b.ReportMetric(float64(flooded[len(flooded)/2])/float64(calm[len(calm)/2]), "flooded-to-calm")
}

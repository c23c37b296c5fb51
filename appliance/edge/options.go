package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"imperio/appliance/problem"
)

// Options configures an Edge. DefaultOptions returns the values that operators don't configure. A duration or a number
// that is zero means "no such limit", for tests and load tests only.
type Options struct {
	// HeaderTimeout is for a PROXY header, the TLS handshake, and a request's header; BodyTimeout for its body; IdleTimeout for
	// the pause between two requests; WriteTimeout for the time from the end of the header to the end of the answer. None of
	// them applies to a hijacked connection (WebSocket).
	HeaderTimeout, BodyTimeout, IdleTimeout, WriteTimeout time.Duration

	MaxHeaderBytes int   // of the request line and all headers together
	MaxBodyBytes   int64 // of a request's body

	// TrustedProxies may name the client in X-Forwarded-For. With ProxyProtocol, they must name it in a PROXY header.
	// Nobody else is trusted.
	TrustedProxies []netip.Prefix
	ProxyProtocol  bool

	// Settings are those at the beginning; see Edge.Change.
	Settings
	// MaxBuckets bounds the token buckets of each zone, separately for addresses and for accounts.
	MaxBuckets int
	// Uncounted says which reads (GET, HEAD) no zone counts: those of static files. Health checks never count. nil: none.
	Uncounted func(*http.Request) bool

	// HSTS is the Strict-Transport-Security header of answers over TLS; empty: none.
	HSTS string
	// PagePolicy is the Content-Security-Policy outside /api/, /health and /metrics.
	PagePolicy string

	Compression bool

	// ErrorPage makes the HTML of an error for a browser, in a language that its Accept-Language header prefers. policy is the
	// page's Content-Security-Policy; empty: as of all pages. nil: a plain page.
	ErrorPage func(p problem.Document, acceptLanguage string) (page []byte, policy string)

	// Log gets panics, and what http.Server logs.
	Log *slog.Logger
	// Observer is told what happens. May be nil.
	Observer Observer
	// Now is the clock of the limits; nil: time.Now.
	Now func() time.Time
}

// Observer is told what the edge does, for metrics. Its methods are called from many goroutines and must return at once.
type Observer interface {
	// RequestDone is called once per request. route is a pattern, or "other". method is a method that HTTP defines, or
	// "other".
	RequestDone(route, method string, status int, took time.Duration, bytes int64)
	// LimitDecision is called for each request that a zone counts. by is "address" or "account".
	LimitDecision(zone, by string, allowed bool)
	ConnectionOpened()
	ConnectionClosed()
	// ConnectionRefused is called with the reason: "total", "address" or "proxy_header".
	ConnectionRefused(reason string)
	// ConnectionGaveWay is called for an idle connection that is closed in favour of a new one, with the reason: "total" or
	// "address". ConnectionClosed is called for it as well.
	ConnectionGaveWay(reason string)
	// Panicked is called for each panic of a handler.
	Panicked()
}

// DefaultOptions are the values that operators don't configure. Timeouts, connection caps, zones, compression and logs
// come from the configuration.
func DefaultOptions() Options {
	return Options{
		MaxHeaderBytes: 16 << 10,
		MaxBodyBytes:   64 << 10,
		MaxBuckets:     16_384,
		HSTS:           HSTSHost,
		PagePolicy:     DefaultPagePolicy,
	}
}

// Unlimited removes the limits on requests and connections, for load tests. Timeouts and sizes stay.
func (s Settings) Unlimited() Settings {
	s.Zones = nil
	s.MaxConnections, s.MaxConnectionsPerAddress = 0, 0
	return s
}

func (o Options) validate() error {
	var errs []error
	if o.Log == nil {
		errs = append(errs, errors.New("edge: no log is given"))
	}
	if o.ProxyProtocol && len(o.TrustedProxies) == 0 {
		errs = append(errs, errors.New("edge: the PROXY protocol needs trusted proxies"))
	}
	for _, value := range []string{o.HSTS, o.PagePolicy} {
		if strings.ContainsAny(value, "\r\n") {
			errs = append(errs, fmt.Errorf("edge: a header can't hold a line break: %q", value))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) validate(maxBuckets int) error {
	var errs []error
	if len(s.Zones) > 0 && maxBuckets < shards {
		errs = append(errs, fmt.Errorf("edge: at least %d buckets are needed for limits, not %d", shards, maxBuckets))
	}
	for _, origin := range slices.Concat(s.CORSOrigins, s.Older.Origins) {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			errs = append(errs, fmt.Errorf("edge: %q is not an origin such as https://pages.example", origin))
		}
	}
	return errors.Join(errs...)
}

package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"imperio/appliance/problem"
)

// Options is all that an Edge is told. DefaultOptions gives the values of production; the zero value of a duration or
// of a number means "no such limit", which only tests and load tests want.
type Options struct {
	// HeaderTimeout bounds the TLS handshake and the reading of a request's header, BodyTimeout the reading of its
	// body, IdleTimeout the silence between two requests, WriteTimeout the time from the header's end until the
	// answer is taken. A hijacked connection (WebSocket) is exempt from all of them.
	HeaderTimeout, BodyTimeout, IdleTimeout, WriteTimeout time.Duration

	MaxHeaderBytes int   // of the request line and all headers together
	MaxBodyBytes   int64 // of a request's body

	// MaxConnections is for all clients together, MaxConnectionsPerAddress for one; see Listener.
	MaxConnections, MaxConnectionsPerAddress int

	// TrustedProxies may name the client in X-Forwarded-For, and with ProxyProtocol in a PROXY header, which then is
	// required of them. Nobody else is believed.
	TrustedProxies []netip.Prefix
	ProxyProtocol  bool

	// Zones are the limits on requests; none: requests are not limited. MaxBuckets bounds the token buckets of each
	// zone, once for addresses and once for accounts.
	Zones      []Zone
	MaxBuckets int
	// Uncounted says which reads (GET, HEAD) no zone counts, beside health checks: those of static files. nil: none.
	Uncounted func(*http.Request) bool

	// CORSOrigins are the origins (https://pages.example) whose pages may call the API.
	CORSOrigins []string

	// HSTS is the Strict-Transport-Security of answers over TLS; empty: none is sent.
	HSTS string
	// PagePolicy is the Content-Security-Policy of everything outside /api/, /health and /metrics.
	PagePolicy string

	Compression bool

	// ErrorPage makes the HTML of an error for a browser; nil: a plain page.
	ErrorPage func(problem.Document) []byte

	// AccessLog takes one record a request; nil: none. It is called from many goroutines and must not block: give it
	// a LogBuffer to write to.
	AccessLog slog.Handler
	// Log takes panics and what the servers complain about.
	Log *slog.Logger
	// Observer is told what happens; nil: nobody is.
	Observer Observer
	// Now is the clock of the limits; nil: time.Now.
	Now func() time.Time
}

// Observer is told what the edge does, for metrics. Its methods are called from many goroutines and must return at once.
type Observer interface {
	// RequestDone is called once for each request. route is a pattern, or "other"; method is one of the methods that
	// HTTP defines, or "other".
	RequestDone(route, method string, status int, took time.Duration, bytes int64)
	// LimitDecision is called for each request counted in a zone. by is "address" or "account".
	LimitDecision(zone, by string, allowed bool)
	ConnectionOpened()
	ConnectionClosed()
	// ConnectionRefused gives the reason: "total", "address" or "proxy_header".
	ConnectionRefused(reason string)
	// Panicked is called for each panic of a handler.
	Panicked()
}

// DefaultOptions are those of production, without proxies, origins and logs.
func DefaultOptions() Options {
	return Options{
		HeaderTimeout:            12 * time.Second,
		BodyTimeout:              12 * time.Second,
		IdleTimeout:              2 * time.Minute,
		WriteTimeout:             30 * time.Second,
		MaxHeaderBytes:           16 << 10,
		MaxBodyBytes:             64 << 10,
		MaxConnections:           10_000,
		MaxConnectionsPerAddress: 10,
		Zones:                    DefaultZones(),
		MaxBuckets:               16_384,
		HSTS:                     DefaultHSTS,
		PagePolicy:               DefaultPagePolicy,
		Compression:              true,
	}
}

// Unlimited takes the limits on requests and connections out: for load tests. Timeouts and sizes stay.
func (o Options) Unlimited() Options {
	o.Zones = nil
	o.MaxConnections, o.MaxConnectionsPerAddress = 0, 0
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.Log == nil {
		errs = append(errs, errors.New("edge: a log is needed"))
	}
	if o.ProxyProtocol && len(o.TrustedProxies) == 0 {
		errs = append(errs, errors.New("edge: the PROXY protocol needs trusted proxies"))
	}
	if len(o.Zones) > 0 && o.MaxBuckets < shards {
		errs = append(errs, fmt.Errorf("edge: at least %d buckets are needed for limits, not %d", shards, o.MaxBuckets))
	}
	for _, origin := range o.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			errs = append(errs, fmt.Errorf("edge: %q is no origin; one looks like https://pages.example", origin))
		}
	}
	for _, value := range []string{o.HSTS, o.PagePolicy} {
		if strings.ContainsAny(value, "\r\n") {
			errs = append(errs, fmt.Errorf("edge: a header can't hold a line break: %q", value))
		}
	}
	return errors.Join(errs...)
}

package ops

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves all metrics in Prometheus's text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Guard decides who may read data for operators.
type Guard struct {
	// Allow are the networks with access.
	Allow []netip.Prefix
	// Token is a bearer token that allows access from anywhere; empty: no token does.
	Token string
	// Address returns the client's address; nil: the connection's.
	Address func(*http.Request) netip.Addr
}

// Protect passes only requests on to next that the guard allows at the time. All others get a 403.
func Protect(guard func() Guard, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g := guard(); g.knows(r) || (g.Token != "" && bears(r, sha256.Sum256([]byte(g.Token)))) {
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, r, "forbidden", "Metrics are for operators: set metrics-allow or metrics-token.")
	})
}

func (g Guard) knows(r *http.Request) bool {
	var client netip.Addr
	if g.Address != nil {
		client = g.Address(r)
	} else if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		client = ap.Addr().Unmap().WithZone("")
	}
	for _, network := range g.Allow {
		if network.Contains(client) {
			return true
		}
	}
	return false
}

// bears compares hashes, so that response times reveal neither the content nor the length of the token.
func bears(r *http.Request, want [sha256.Size]byte) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got := sha256.Sum256([]byte(token))
	return ok && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// Loopback are the loopback networks, for the guard of a listener that only this machine can reach.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// OwnHosts accepts requests whose Host means this machine: localhost, an IP address, or one of names. A web page can point
// its own name at this machine's address, and then read whatever answers to any name (DNS rebinding).
func OwnHosts(names []string) func(host string) bool {
	return func(host string) bool {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil || host == "" || host == "localhost" || slices.Contains(names, host)
	}
}

// NewServer makes the server of the operator's listener: /metrics for those whom the guard allows, and /health. Metrics
// may be nil while a start waits: there is nothing to count. guard is asked at each request for metrics. hosts accepts the Host of a request; nil accepts all. Each
// answer carries headers. There is no edge in front of this server, so it must not listen where players can reach it.
func NewServer(m *Metrics, h *Health, guard func() Guard, hosts func(host string) bool, headers http.Header, log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	if m != nil {
		mux.Handle("/metrics", Protect(guard, m.Handler()))
	}
	mux.Handle("/health", h)
	mux.Handle("/health/", h)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, "not_found", "This listener has only /metrics and /health.")
	})
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), headers)
			w.Header().Set("X-Request-Id", rand.Text())
			if hosts != nil && !hosts(r.Host) {
				refuse(w, r, "misdirected",
					"This listener is for the local machine: use 127.0.0.1, localhost or the casino's own name.")
				return
			}
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

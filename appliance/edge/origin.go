package edge

import (
	"net/http"
	"net/url"
	"strings"
)

// What pages of other origins may send and read: the headers of an answer to a preflight.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
	corsExpose  = "X-Request-Id, Ratelimit-Limit, Ratelimit-Remaining, Ratelimit-Reset, Retry-After, Idempotency-Replayed, Location, ETag"
	corsMaxAge  = "600"
)

// origins decides what pages of other origins may do. Pages of configured origins may call the API with a bearer token,
// but never with the session cookie: no answer allows credentials. All other pages may not write at all.
type origins struct {
	allowed map[string][]string // origin → the header value that allows it
	foreign *http.CrossOriginProtection
}

func newOrigins(configured []string) origins {
	o := origins{allowed: make(map[string][]string, len(configured)), foreign: http.NewCrossOriginProtection()}
	for _, origin := range configured {
		o.allowed[origin] = []string{origin}
	}
	return o
}

// annotate sets an answer's CORS headers, and says whether the request is a preflight.
func (o *origins) annotate(h http.Header, r *http.Request) (preflight bool) {
	origin := r.Header["Origin"]
	preflight = r.Method == http.MethodOptions && len(origin) == 1 && r.Header.Get("Access-Control-Request-Method") != ""
	if len(o.allowed) > 0 {
		h["Vary"] = append(h["Vary"], "Origin")
	}
	if len(origin) != 1 {
		return preflight
	}
	value, ok := o.allowed[origin[0]]
	if !ok {
		return preflight
	}
	h["Access-Control-Allow-Origin"] = value
	h["Access-Control-Expose-Headers"] = []string{corsExpose}
	if preflight {
		h["Access-Control-Allow-Methods"] = []string{corsMethods}
		h["Access-Control-Allow-Headers"] = []string{corsHeaders}
		h["Access-Control-Max-Age"] = []string{corsMaxAge}
	}
	return preflight
}

// refuses says whether a request is a write that its page may not do: with a cookie, from a page of another origin;
// without one, from a page whose origin is not configured. Opening a WebSocket counts as a write, since browsers let any
// page do it with the cookie. Programs other than browsers send neither Origin nor Sec-Fetch-Site, and are not refused.
func (o *origins) refuses(r *http.Request, secure bool) bool {
	if isUpgrade(r) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		if err == nil && strings.EqualFold(u.Host, r.Host) && (!secure || u.Scheme == "https") {
			return false
		}
		return !o.allows(r)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	if len(r.Header["Origin"]) == 0 && len(r.Header["Sec-Fetch-Site"]) == 0 {
		return false
	}
	return o.foreign.Check(r) != nil && !o.allows(r)
}

// allows says whether the request comes from a page of a configured origin, without a cookie.
func (o *origins) allows(r *http.Request) bool {
	_, ok := o.allowed[r.Header.Get("Origin")]
	return ok && len(r.Header["Cookie"]) == 0
}

// isUpgrade says whether a request opens a WebSocket. A request with another method or with a body never does.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ContentLength == 0 &&
		hasToken(r.Header["Upgrade"], "websocket") && hasToken(r.Header["Connection"], "upgrade")
}

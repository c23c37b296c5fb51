package edge

import (
	"net/http"
	"strings"
)

// Values of Options.HSTS: two years, for this host alone, with its subdomains, or in the form that browsers' preload lists
// require (hstspreload.org).
const (
	HSTSHost       = "max-age=63072000"
	HSTSSubdomains = HSTSHost + "; includeSubDomains"
	HSTSPreload    = HSTSSubdomains + "; preload"
)

// DefaultPagePolicy lets a page load what the casino itself serves, and nothing inline. Images may also be data: URLs,
// since style sheets hold small SVG marks.
const DefaultPagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// dataPolicy is for answers that are not pages.
const dataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// permissions switches off browser features that a casino does not need.
const permissions = "accelerometer=(), autoplay=(self), camera=(), display-capture=(), encrypted-media=(), " +
	"fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), " +
	"publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"

// securityHeaders are made once. Each request puts the shared slices into its header map. They have no spare capacity,
// so a handler's Header.Add can't write into them.
type securityHeaders struct {
	common     []headerLine
	hsts       []string // nil: none
	pagePolicy []string
	pageTLS    []string // the page policy over TLS
	dataPolicy []string
	noStore    []string
	vary       []string // for answers that may be compressed
}

type headerLine struct {
	name  string
	value []string
}

func newSecurityHeaders(o Options) securityHeaders {
	h := securityHeaders{
		common: []headerLine{
			{"X-Content-Type-Options", []string{"nosniff"}},
			{"X-Frame-Options", []string{"DENY"}},
			{"Referrer-Policy", []string{"same-origin"}},
			{"Permissions-Policy", []string{permissions}},
			{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
			{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		},
		pagePolicy: []string{o.PagePolicy},
		pageTLS:    []string{o.PagePolicy + "; upgrade-insecure-requests"},
		dataPolicy: []string{dataPolicy},
		noStore:    []string{"no-store"},
		vary:       []string{"Accept-Encoding"},
	}
	if o.HSTS != "" {
		h.hsts = []string{o.HSTS}
	}
	return h
}

// set sets an answer's security headers. A handler may replace them before it writes.
func (s *securityHeaders) set(h http.Header, data, secure bool) {
	for _, line := range s.common {
		h[line.name] = line.value
	}
	switch {
	case data:
		h["Content-Security-Policy"] = s.dataPolicy
		h["Cache-Control"] = s.noStore
	case secure:
		h["Content-Security-Policy"] = s.pageTLS
	default:
		h["Content-Security-Policy"] = s.pagePolicy
	}
	if secure && s.hsts != nil {
		h["Strict-Transport-Security"] = s.hsts
	}
}

// DataHeaders are the security headers of answers that are not pages, for listeners without an edge. Don't modify them.
func DataHeaders() http.Header {
	headers, h := newSecurityHeaders(Options{}), make(http.Header)
	headers.set(h, true, false)
	return h
}

// isData says whether the request's path answers with data, never with a page.
func (x *exchange) isData() bool {
	path := x.request.URL.Path
	return isData(path) || x.settings.older[path]
}

// isData says whether a path answers with data, never with a page, whatever the settings.
func isData(path string) bool {
	return strings.HasPrefix(path, "/api/") || isHealth(path) || path == "/metrics"
}

// isProbe says whether a request is a health check. Health checks are never limited, and never in the access log.
func isProbe(r *http.Request) bool { return isRead(r) && isHealth(r.URL.Path) }

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func isHealth(path string) bool {
	rest, ok := strings.CutPrefix(path, "/health")
	return ok && (rest == "" || rest[0] == '/')
}

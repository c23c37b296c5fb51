package appliance

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"imperio/appliance/config"
	"imperio/appliance/edge"
)

// redirect sends clients to the same path over HTTPS, with 301 for reads, and 308 for other methods, which must not change.
// The host is always the casino's own, whatever the request says.
func (a *App) redirect(w http.ResponseWriter, r *http.Request) {
	host := a.canonicalHost(r.Host)
	if _, port, _ := net.SplitHostPort(a.config.Listen.HTTPSAddr); port != "" && port != "443" {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	// An absolute or opaque address in the request line (GET http:@evil.example/x) has parts that are no path.
	target := "https://" + host + "/" + strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	status := http.StatusPermanentRedirect
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, target, status)
}

// canonicalHost is the first of the casino's domains. Without a domain it is the name that the client used, if a certificate is
// for that, and else the first name of the certificate.
func (a *App) canonicalHost(asked string) string {
	if domains := a.config.Listen.Domains; len(domains) > 0 {
		return domains[0]
	}
	if host, _, err := net.SplitHostPort(asked); err == nil {
		asked = host
	}
	asked = strings.ToLower(strings.Trim(asked, "[]"))
	hosts := a.certs.Hosts()
	if slices.Contains(hosts, asked) && !strings.Contains(asked, "*") {
		return asked
	}
	for _, host := range hosts {
		if !strings.Contains(host, "*") {
			return host
		}
	}
	return "localhost" // the certificate has only wildcards
}

// hsts is the Strict-Transport-Security header of a mode; "" for none.
func hsts(m config.HSTSMode) string {
	switch m {
	case config.HSTSHost:
		return edge.HSTSHost
	case config.HSTSSubdomains:
		return edge.HSTSSubdomains
	case config.HSTSPreload:
		return edge.HSTSPreload
	}
	return ""
}

package appliance

import (
	"fmt"
	"net"
	"strings"

	"imperio/appliance/config"
)

// Welcome tells a person at a terminal where the casino is, and what to do first. program is how that person calls this program. It needs
// an App that New has made.
func (a *App) Welcome(program string) string {
	dir := " --data-dir " + shellWord(a.config.Data.Dir)
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe casino is open at %s\n\n", a.URL())
	fmt.Fprintf(&b, "  the first operator  %s account create NAME --role operator%s\n", program, dir)
	fmt.Fprintf(&b, "  is it well?         %s health%s\n", program, dir)
	fmt.Fprintf(&b, "  all verbs           %s help\n", program)
	fmt.Fprintf(&b, "  documents           README.md, docs/OPERATIONS.md\n\nRun these in another terminal. Ctrl-C stops the casino.\n\n")
	return b.String()
}

// URL is where players find the casino, as far as this machine knows; "" if it does not serve players.
func (a *App) URL() string {
	var plain, secure string // the addresses of the listeners
	for _, s := range a.servers {
		switch s.name {
		case "http":
			plain = s.on.Addr().String()
		case "https":
			secure = s.on.Addr().String()
		}
	}
	return publicURL(a.config.Listen.Domains, plain, secure)
}

// configuredURL is what URL will be once the casino runs.
func configuredURL(c *config.Config) string {
	return publicURL(c.Listen.Domains, c.Listen.HTTPAddr, c.Listen.HTTPSAddr)
}

// publicURL is where players find a casino with these domains and listeners; an empty address is no listener. A casino that has a
// domain and serves plain HTTP alone is behind a proxy, which has the certificate.
func publicURL(domains []string, plain, secure string) string {
	scheme, address, usual := "https", secure, "443"
	switch {
	case secure != "":
	case plain != "" && len(domains) > 0:
		return "https://" + domains[0]
	case plain != "":
		scheme, address, usual = "http", plain, "80"
	default:
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return scheme + "://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if len(domains) > 0 {
		host = domains[0]
	}
	if port == usual {
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// shellWord quotes a word for a shell if it must be.
func shellWord(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-", r)
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

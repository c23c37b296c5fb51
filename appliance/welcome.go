package appliance

import (
	"fmt"
	"net"
	"strings"
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
	for _, s := range a.servers {
		if s.name != "http" && s.name != "https" {
			continue
		}
		host, port, err := net.SplitHostPort(s.on.Addr().String())
		if err != nil {
			return s.name + "://" + s.on.Addr().String()
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		if len(a.config.Listen.Domains) > 0 {
			host = a.config.Listen.Domains[0]
		}
		if s.name == "http" && port == "80" || s.name == "https" && port == "443" {
			return s.name + "://" + host
		}
		return s.name + "://" + net.JoinHostPort(host, port)
	}
	return ""
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

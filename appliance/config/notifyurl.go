package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// NotifyURL is where messages go. Its path, parameters or user may be secrets, so fmt, slog and JSON see only scheme and host.
type NotifyURL string

// NotifyURLs is a list of these.
type NotifyURLs []NotifyURL

// urlStart is where the next URL of a list begins. Commas inside a URL don't end it: they separate addresses of mail.
var urlStart = regexp.MustCompile(`(?:^|[\s,])[A-Za-z][A-Za-z0-9+]*://`)

// UnmarshalText takes URLs that commas, blanks or line breaks separate. Lines that begin with # are comments.
func (l *NotifyURLs) UnmarshalText(text []byte) error {
	var lines []string
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	all := strings.Join(lines, "\n")
	starts := urlStart.FindAllStringIndex(all, -1)
	if before := all; len(starts) == 0 || strings.Trim(all[:starts[0][0]], ", \n") != "" {
		if strings.Trim(before, ", \n") == "" {
			*l = NotifyURLs{}
			return nil
		}
		return errNotifyURL
	}
	list := NotifyURLs{}
	for i, start := range starts {
		end := len(all)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		one := NotifyURL(strings.Trim(all[start[0]:end], ", \t\n"))
		if _, err := one.Destination(); err != nil {
			return fmt.Errorf("URL %d: %w", i+1, err)
		}
		list = append(list, one)
	}
	*l = list
	return nil
}

func (l NotifyURLs) String() string {
	parts := make([]string, len(l))
	for i, u := range l {
		parts[i] = u.String()
	}
	return strings.Join(parts, ",")
}

func (u NotifyURL) String() string {
	parsed, err := url.Parse(string(u))
	switch {
	case u == "":
		return ""
	case err != nil || parsed.Host == "":
		return mask
	}
	return parsed.Scheme + "://" + parsed.Host
}

// GoString masks the URL in %#v.
func (u NotifyURL) GoString() string { return strconv.Quote(u.String()) }

// MarshalText masks the URL in JSON and TOML.
func (u NotifyURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue masks the URL in logs.
func (u NotifyURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Destination is what a NotifyURL means.
type Destination struct {
	Kind string   // webhook, slack, discord, ntfy or mail
	URL  *url.URL // http, https, smtp or smtps; with its secrets
	From string   // of mail: an address
	To   []string // of mail: addresses
}

// The kinds of destinations.
const (
	NotifyWebhook = "webhook"
	NotifySlack   = "slack"
	NotifyDiscord = "discord"
	NotifyNtfy    = "ntfy"
	NotifyMail    = "mail"
)

var errNotifyURL = errors.New("not a URL of a destination: use https://…, slack+https://…, discord+https://…, ntfy+https://host/topic, smtp://…?from=…&to=… or smtps://…")

// Destination reads the URL. Its errors quote no more than its host.
func (u NotifyURL) Destination() (Destination, error) {
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Hostname() == "" || parsed.Fragment != "" {
		return Destination{}, errNotifyURL
	}
	kind, scheme, prefixed := strings.Cut(parsed.Scheme, "+")
	if !prefixed {
		kind, scheme = NotifyWebhook, parsed.Scheme
	}
	d := Destination{Kind: kind, URL: parsed}
	parsed.Scheme = scheme
	switch {
	case !prefixed && (scheme == "smtp" || scheme == "smtps"):
		d.Kind = NotifyMail
		err = d.mail()
	case scheme != "https" && scheme != "http",
		prefixed && kind != NotifySlack && kind != NotifyDiscord && kind != NotifyNtfy:
		err = errNotifyURL
	case scheme == "http" && !isLoopbackHost(parsed.Hostname()):
		err = fmt.Errorf("http to %s would send messages and their secrets in the clear: use https, or a host on loopback", parsed.Hostname())
	case kind == NotifyNtfy && strings.Trim(parsed.Path, "/") == "":
		err = fmt.Errorf("the path of a URL of ntfy is the topic: write ntfy+https://%s/topic", parsed.Host)
	}
	return d, err
}

// mail takes the parameters out of the URL.
func (d *Destination) mail() error {
	if strings.Trim(d.URL.Path, "/") != "" {
		return errors.New("a URL for mail has no path: write smtp://host:587?from=…&to=…")
	}
	query, err := url.ParseQuery(d.URL.RawQuery)
	if err != nil {
		return errors.New("the parameters of a URL for mail can't be read: write them as ?from=…&to=…")
	}
	for name := range query {
		if name != "from" && name != "to" {
			return errors.New("a URL for mail has only the parameters from and to")
		}
	}
	if _, set := d.URL.User.Password(); d.URL.User.Username() != "" && !set {
		return errors.New("a URL for mail has a user without a password: write smtp://user:password@host, with special characters as %XX")
	}
	d.From = query.Get("from")
	for _, list := range query["to"] {
		for to := range strings.SplitSeq(list, ",") {
			d.To = append(d.To, strings.TrimSpace(to))
		}
	}
	if len(d.To) == 0 {
		return errors.New("a URL for mail needs the parameter to: the addresses, separated by commas")
	}
	for _, address := range append([]string{d.From}, d.To...) {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			return errors.New("a URL for mail needs addresses such as from=casino@example.org&to=you@example.org, with '+' written as %2B")
		}
	}
	d.URL.RawQuery, d.URL.Path = "", ""
	return nil
}

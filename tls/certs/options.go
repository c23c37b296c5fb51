package certs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/net/idna"
)

// Mode says where the certificate comes from.
type Mode string

const (
	ModeACME     Mode = "acme"     // from an ACME issuer, by default Let's Encrypt; obtained and renewed by itself
	ModeFiles    Mode = "files"    // from the operator's files; read again when they change
	ModeInternal Mode = "internal" // from a certificate authority of our own, made once and kept in the storage
	ModeOff      Mode = "off"      // none: plain HTTP, for loopback or behind a proxy
)

// Options configure a Source.
type Options struct {
	Mode Mode

	// Domains are the names to have certificates for. acme: at least one; each gets a certificate of its own, and a client that names
	// none gets the first. internal: names and addresses beside localhost, 127.0.0.1 and ::1, which are always on the certificate.
	// files: unused. Names in other scripts are turned into their ASCII form.
	Domains []string

	ACME  ACME  // acme only
	Files Files // files only

	// Storage keeps what must outlive the process: accounts, keys and certificates (acme), the authority (internal). In a cluster
	// all nodes share it. The owner of the storage closes it, after the Source.
	Storage certmagic.Storage

	// CheckInterval is how often to look whether there is something to do. Zero: 10 minutes for acme (is a renewal due?), 5 seconds
	// for files (have they changed?), 1 minute for internal.
	CheckInterval time.Duration

	// Clock tells the time. nil: time.Now. The ACME library does not take one and goes by the system's clock.
	Clock func() time.Time

	Logger *slog.Logger // nil: nothing is logged
}

// ACME configures mode acme.
type ACME struct {
	Directory string // URL of the issuer's directory. Empty: Let's Encrypt
	Staging   bool   // Let's Encrypt's staging directory: generous limits, untrusted certificates. Not together with Directory
	Email     string // the issuer may write here when something is wrong. May be empty

	// EABKeyID and EABMACKey bind the ACME account to one that the issuer already knows (RFC 8555, 7.3.4): the
	// key's identifier, and the key in base64url, both as the issuer gives them. Both or neither.
	EABKeyID, EABMACKey string

	// Roots is PEM: the authorities to trust for the connection to the directory, for a private issuer. Empty: the system's.
	Roots []byte

	// HTTPAddr and TLSAddr are the host:port addresses on which this process itself listens, or will within seconds: for plain
	// HTTP, served through HTTPHandler, and for TLS, with TLSConfig. The issuer connects to ports 80 and 443 of the domain; where those are forwarded,
	// the addresses here are those behind the forwarding. An empty address turns its challenge off: HTTP-01, TLS-ALPN-01.
	HTTPAddr, TLSAddr string

	// RenewalWindow is the part at the end of a certificate's life in which it is renewed, unless the issuer
	// suggests another time (RFC 9773). Zero: 1/3. Between 0 and 1.
	RenewalWindow float64

	// RetryMin and RetryMax bound the wait after a failure to obtain a first certificate; it doubles each time. Zero: 1 minute, 1 hour.
	RetryMin, RetryMax time.Duration
}

// Files configures mode files: both PEM, the certificate followed by its intermediates.
type Files struct {
	CertFile, KeyFile string
}

// Validate checks the options without touching disk or network, and says what to change.
func (o Options) Validate() error {
	if o.CheckInterval < 0 {
		return errors.New("TLS: the check interval is negative")
	}
	switch o.Mode {
	case ModeOff:
		return nil
	case ModeFiles:
		if o.Files.CertFile == "" || o.Files.KeyFile == "" {
			return errors.New("TLS mode files needs both a certificate file and a key file")
		}
		return nil
	case ModeInternal, ModeACME:
	default:
		return fmt.Errorf("TLS mode %q is unknown: use acme, files, internal or off", o.Mode)
	}
	if o.Storage == nil {
		return fmt.Errorf("TLS mode %s needs a storage", o.Mode)
	}
	for _, domain := range o.Domains {
		name, err := asciiName(domain)
		if err != nil {
			return err
		}
		if o.Mode == ModeACME && strings.Contains(name, "*") {
			return fmt.Errorf("domain %q: a wildcard needs the DNS challenge, which is not supported; list the names one by one", domain)
		}
	}
	if o.Mode == ModeACME {
		if len(o.Domains) == 0 {
			return errors.New("TLS mode acme needs at least one domain")
		}
		return o.ACME.validate()
	}
	return nil
}

func (a ACME) validate() error {
	if a.Staging && a.Directory != "" {
		return errors.New("ACME: staging is Let's Encrypt's; give either it or a directory, not both")
	}
	if a.Directory != "" {
		u, err := url.Parse(a.Directory)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("ACME directory %q is not a URL like https://acme.example/directory", a.Directory)
		}
		if u.Scheme != "https" && !certmagic.SubjectIsInternal(u.Host) {
			return fmt.Errorf("ACME directory %q: https is needed for an issuer outside of the local network", a.Directory)
		}
	}
	if a.Email != "" {
		at := strings.LastIndexByte(a.Email, '@')
		if at <= 0 || at == len(a.Email)-1 || strings.ContainsAny(a.Email, " \t\r\n,") {
			return fmt.Errorf("ACME e-mail %q is not an e-mail address", a.Email)
		}
	}
	if (a.EABKeyID == "") != (a.EABMACKey == "") {
		return errors.New("ACME external account binding needs both the key's id and the key")
	}
	if _, err := base64.RawURLEncoding.DecodeString(a.EABMACKey); err != nil {
		return errors.New("ACME external account binding: the key is not base64url without padding; copy it as the issuer shows it")
	}
	if a.HTTPAddr == "" && a.TLSAddr == "" {
		return errors.New("ACME needs a listener for plain HTTP or for TLS, to answer the issuer's challenge on")
	}
	for _, addr := range []string{a.HTTPAddr, a.TLSAddr} {
		if addr == "" {
			continue
		}
		if _, _, err := splitAddr(addr); err != nil {
			return err
		}
	}
	if a.RenewalWindow < 0 || a.RenewalWindow >= 1 {
		return fmt.Errorf("ACME renewal window %v is not between 0 and 1", a.RenewalWindow)
	}
	if a.RetryMin < 0 || a.RetryMax < 0 {
		return errors.New("ACME: the wait between attempts is negative")
	}
	return nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("ACME: %q is not an address that something listens on, like 0.0.0.0:443", addr)
	}
	return host, port, nil
}

// asciiName returns a domain or an IP address in the form in which it stands in certificates.
func asciiName(domain string) (string, error) {
	if addr, err := netip.ParseAddr(domain); err == nil && addr.Zone() == "" {
		return addr.String(), nil
	}
	bare := strings.TrimPrefix(domain, "*.")
	ascii, err := idna.Lookup.ToASCII(bare)
	if err != nil || ascii == "" || len(ascii) > 253 || strings.HasPrefix(ascii, ".") || strings.HasSuffix(ascii, ".") || strings.ContainsAny(ascii, "*/:@ ") {
		return "", fmt.Errorf("%q is not a domain name; give it without scheme, port and path, like casino.example", domain)
	}
	return domain[:len(domain)-len(bare)] + ascii, nil
}

// asciiNames returns the names of domains, each once, in their order. The domains have been validated.
func asciiNames(domains []string) []string {
	seen := make(map[string]bool)
	var names []string
	for _, domain := range domains {
		name, err := asciiName(domain)
		if err == nil && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

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
	ModeACME     Mode = "acme"     // from an ACME issuer, by default Let's Encrypt; obtained and renewed automatically
	ModeFiles    Mode = "files"    // from the operator's files; read again when they change
	ModeInternal Mode = "internal" // from our own certificate authority, made once and kept in the storage
	ModeOff      Mode = "off"      // none: plain HTTP, for loopback or behind a proxy
)

// Options configure a Source.
type Options struct {
	Mode Mode

	// Domains are the names to have certificates for, which are converted to ASCII if they are in other scripts.
	//
	//   - acme: at least one. Each gets its own certificate; a client that sends no name gets the first.
	//   - internal: names and addresses besides localhost, 127.0.0.1 and ::1, which the certificate always has.
	//   - files: what the certificate must be for. None: any certificate will do.
	Domains []string

	ACME  ACME  // acme only
	Files Files // files only

	// Storage keeps what must outlive the process: accounts, keys and certificates (acme), the authority (internal). All nodes
	// of a cluster share it. Its owner closes it, after the Source.
	Storage certmagic.Storage

	// CheckInterval is how often to look for something to do. Zero: 10 minutes for acme (is a renewal due?), 5 seconds for files
	// (have they changed?), 1 minute for internal (is a renewal due?).
	CheckInterval time.Duration

	// Clock returns the current time. nil: time.Now. The ACME library accepts no clock: it reads the system's.
	Clock func() time.Time

	Logger *slog.Logger // nil: nothing is logged
}

// ACME configures mode acme.
type ACME struct {
	Directory string // URL of the issuer's directory. Empty: Let's Encrypt
	Staging   bool   // Let's Encrypt's staging directory: generous limits, untrusted certificates. Excludes Directory
	Email     string // where the issuer may report problems. May be empty

	// EABKeyID and EABMACKey bind the ACME account to an account that the issuer already has (RFC 8555, 7.3.4): the
	// key's identifier, and the key in base64url, both as the issuer shows them. Both or neither.
	EABKeyID, EABMACKey string

	// Roots are the authorities to trust for connections to a private issuer, as PEM. Empty: the system's.
	Roots []byte

	// HTTPAddr and TLSAddr are the host:port addresses on which this process listens, or will within seconds: for plain HTTP
	// with HTTPHandler, and for TLS with TLSConfig. The issuer connects to ports 80 and 443 of the domain; if those are forwarded,
	// these are the addresses that they are forwarded to. An empty address turns its challenge off: HTTP-01, TLS-ALPN-01.
	HTTPAddr, TLSAddr string

	// RenewalWindow is the last part of a certificate's life, in which it is renewed, as a fraction between 0 and 1. The issuer
	// may suggest another time (RFC 9773). Zero: 1/3.
	RenewalWindow float64

	// RetryMin and RetryMax are the first and the longest wait after a failure to obtain a first certificate; the wait doubles each
	// time. Zero: 1 minute, 1 hour.
	RetryMin, RetryMax time.Duration
}

// Files configures mode files: both PEM, the certificate followed by its intermediates.
type Files struct {
	CertFile, KeyFile string
}

// Check checks the options as New would, and reads the files that they name, but needs no storage. It changes nothing, so that
// a server can find mistakes before it makes anything.
func (o Options) Check() error {
	if err := o.validate(); err != nil {
		return err
	}
	switch o.Mode {
	case ModeFiles:
		_, _, err := (&filesSource{files: o.Files, names: asciiNames(o.Domains)}).read()
		return err
	case ModeACME:
		_, err := issuerTemplate(o.ACME)
		return err
	}
	return nil
}

// Validate checks the options without touching disk or network, and says what to change.
func (o Options) Validate() error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.Storage == nil && (o.Mode == ModeACME || o.Mode == ModeInternal) {
		return fmt.Errorf("TLS mode %s needs a storage", o.Mode)
	}
	return nil
}

func (o Options) validate() error {
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
	case ModeInternal, ModeACME:
	default:
		return fmt.Errorf("TLS mode %q is unknown: use acme, files, internal or off", o.Mode)
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
			return fmt.Errorf("ACME directory %q: https is needed for an issuer outside the local network", a.Directory)
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
		return errors.New("ACME needs a listener for plain HTTP or for TLS, on which to answer the issuer's challenges")
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

// asciiName returns a domain or an IP address in the form that certificates have it in.
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

// asciiNames returns the ASCII names of domains in their order, without repetitions. The domains have been validated.
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

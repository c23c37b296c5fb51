// Package certs gives a server its TLS: where the certificate comes from, how it is renewed, and
// which protocol versions and cipher suites the server speaks.
//
// New makes a Source in one of four modes. Until Close, the Source renews its certificates long before they expire,
// rereads files that change, and staples OCSP responses if the issuer offers them. When something fails in the
// background, it keeps serving the best certificate it has, logs the error, and shows it in Expiry.
//
// CertMagic does the work of mode acme. This package neither uses nor changes CertMagic's global defaults.
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
)

// ErrNoRoot means that there is no internal authority: the mode is not internal, or the server never ran in it.
var ErrNoRoot = errors.New("there is no internal certificate authority; it is made when the server first runs with TLS mode internal")

// Source is a running source of certificates. All methods may be called concurrently.
type Source struct {
	mode   Mode
	config *tls.Config // nil in mode off
	from   provider    // nil in mode off
}

// provider is a source in one mode.
type provider interface {
	// certificate chooses the certificate for a handshake; nil without an error if there is none for that name.
	certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	expiry() []Validity
	hosts() []string
	// close ends background work and waits for it.
	close()
}

// Validity is the state of one certificate, for health checks and metrics.
type Validity struct {
	Name      string    // the domain. Mode files without domains: the first name in the certificate. Mode internal: the first of all names
	NotBefore time.Time // from when it is valid; zero if there is none yet
	NotAfter  time.Time // when it expires; zero if there is none yet
	// Problem is why the last attempt to obtain, renew or read the certificate failed; nil if it succeeded.
	Problem error
}

// New makes a Source. In modes files and internal, New returns with a certificate or an error. In mode acme it returns at once;
// certificates that the storage does not hold are obtained in the background, once the server listens where the issuer's
// challenges arrive. ctx applies to New only.
func New(ctx context.Context, options Options) (*Source, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{mode: options.Mode}
	var err error
	switch options.Mode {
	case ModeOff:
		return s, nil
	case ModeFiles:
		s.from, err = newFiles(ctx, options)
	case ModeInternal:
		s.from, err = newInternal(ctx, options)
	case ModeACME:
		s.from, err = newACME(options)
	}
	if err != nil {
		return nil, err
	}
	s.config = newConfig(s.from.certificate, options.Clock)
	if options.Mode == ModeACME {
		s.config.NextProtos = append(s.config.NextProtos, acmez.ACMETLS1Protocol)
	}
	return s, nil
}

// Mode returns the mode that the Source was made with.
func (s *Source) Mode() Mode { return s.mode }

// TLSConfig returns a configuration for a server's listener, nil in mode off. The keys of session tickets belong to the returned value:
// take one for all listeners that should resume each other's sessions.
func (s *Source) TLSConfig() *tls.Config {
	if s.config == nil {
		return nil
	}
	return s.config.Clone()
}

// HTTPHandler answers the challenges of ACME (GET /.well-known/acme-challenge/…) that are under way, on this node or on another
// that shares the storage, and leaves everything else to next. In other modes it is next.
func (s *Source) HTTPHandler(next http.Handler) http.Handler {
	if a, ok := s.from.(*acmeSource); ok {
		return a.handler(next)
	}
	return next
}

// Expiry returns the state of each certificate, in the order of the domains. It is empty in mode off.
func (s *Source) Expiry() []Validity {
	if s.from == nil {
		return nil
	}
	return s.from.expiry()
}

// Hosts returns the names that the certificates are for: DNS names, perhaps with a wildcard, and IP addresses. It is empty in mode off.
func (s *Source) Hosts() []string {
	if s.from == nil {
		return nil
	}
	return s.from.hosts()
}

// Reload reads the certificate files soon, without waiting until they are looked at anyway. From then on they are these; the zero
// Files are those from before. false: the mode has no files.
func (s *Source) Reload(files Files) bool {
	f, ok := s.from.(*filesSource)
	if ok {
		if files != (Files{}) {
			f.mu.Lock()
			f.files = files
			f.mu.Unlock()
		}
		f.loop.hurry()
	}
	return ok
}

// Root returns the internal authority's certificate as PEM, for clients to trust. ErrNoRoot in other modes.
func (s *Source) Root() ([]byte, error) {
	if in, ok := s.from.(*internalSource); ok {
		return in.root(), nil
	}
	return nil, ErrNoRoot
}

// Close ends all background work and waits for it. The TLS configuration keeps serving the last certificates.
func (s *Source) Close() error {
	if s.from != nil {
		s.from.close()
	}
	return nil
}

// Forget deletes all certificates, keys, ACME accounts and the internal authority from a storage, without reading them, for use
// after their encryption key was lost. The next Source obtains or makes new ones. No Source may use the storage meanwhile.
func Forget(ctx context.Context, storage certmagic.Storage) error {
	// CertMagic's directories, and ours.
	for _, dir := range []string{"certificates", "acme", "ocsp", authorityLock} {
		if err := storage.Delete(ctx, dir); err != nil {
			return fmt.Errorf("forgetting stored certificates: %w", err)
		}
	}
	return nil
}

// newConfig follows Mozilla's "intermediate" recommendation (ssl-config.mozilla.org, guideline 5.7) as far as Go allows:
// TLS 1.2 and 1.3, and for 1.2 only AEAD suites with forward secrecy. Go has no finite-field Diffie-Hellman, and chooses the
// order of suites itself. The curves are the recommended ones, after the post-quantum hybrid.
//
// crypto/tls encrypts session tickets with keys that it replaces every 24 hours and forgets after 7 days.
func newConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), clock func() time.Time) *tls.Config {
	return &tls.Config{
		GetCertificate: certificate,
		Time:           clock,
		MinVersion:     tls.VersionTLS12,
		MaxVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
	}
}

package certs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// maxCertFile is the largest certificate or key file that is read, in bytes. A chain of four with large keys takes about 10 KiB.
const maxCertFile = 1 << 20

// filesSource serves the operator's own certificate, and rereads it when its files change. It takes no certificate that is not
// for all of the casino's names.
//
// Each check reads and hashes both files: they are small, and a hash notices changes that a modification time hides
// (a copy that keeps times, a symbolic link that now points elsewhere).
type filesSource struct {
	names  []string // that the certificate must be for; none: any certificate will do
	clock  func() time.Time
	logger *slog.Logger
	client *http.Client // for OCSP
	loop   *loop

	used       [sha256.Size]byte // check; the contents that the certificate in use was read from
	told       string            // check; why the files as they are now are not used; kept so that it is logged once
	nextStaple time.Time         // check; when to ask the issuer's responder again

	mu      sync.RWMutex
	files   Files            // mu
	cert    *tls.Certificate // mu; the value is never changed, only replaced
	stapled time.Time        // mu; when the staple expires
	problem error            // mu; why the files as they are now are not used; nil if they are
}

func newFiles(_ context.Context, options Options) (*filesSource, error) {
	s := &filesSource{
		files: options.Files, names: asciiNames(options.Domains), clock: options.Clock, logger: options.Logger,
		client: &http.Client{Timeout: ocspTimeout},
	}
	cert, hash, err := s.read()
	if err != nil {
		return nil, err
	}
	// An expired certificate is served all the same: a casino that is up and loud can be mended sooner than one that is down.
	if err := s.current(cert); err != nil {
		s.logger.Error("the certificate is not valid now: clients will refuse it", "error", err)
	}
	s.used, s.cert = hash, cert
	s.logger.Info("certificate read", "file", s.paths().CertFile, "names", leafNames(cert.Leaf), "expires", cert.Leaf.NotAfter)
	interval := options.CheckInterval
	if interval == 0 {
		interval = 5 * time.Second
	}
	s.loop = startLoop(interval, s.check)
	return s, nil
}

// paths are where the certificate and its key are read.
func (s *filesSource) paths() Files {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.files
}

func (s *filesSource) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cert, nil
}

func (s *filesSource) expiry() []Validity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := s.names
	if len(names) == 0 {
		names = leafNames(s.cert.Leaf)[:1]
	}
	all := make([]Validity, len(names))
	for i, name := range names {
		all[i] = Validity{Name: name, NotBefore: s.cert.Leaf.NotBefore, NotAfter: s.cert.Leaf.NotAfter, Problem: s.problem}
	}
	return all
}

// hosts returns the names of the certificate in use.
func (s *filesSource) hosts() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return leafNames(s.cert.Leaf)
}

func (s *filesSource) close() {
	s.loop.close()
	s.client.CloseIdleConnections()
}

func (s *filesSource) check(ctx context.Context) {
	s.reload()
	s.staple(ctx)
}

// reload starts to use the certificate in the files if they have changed and it can be used; else it keeps the one in use.
func (s *filesSource) reload() {
	cert, hash, err := s.read()
	if err == nil && hash == s.used && s.told == "" {
		return
	}
	if err == nil {
		err = s.current(cert)
	}
	if err != nil {
		if err.Error() != s.told {
			s.told = err.Error()
			s.keep(err)
		}
		return
	}
	s.used, s.told = hash, ""
	s.mu.Lock()
	s.cert, s.problem, s.stapled = cert, nil, time.Time{}
	s.mu.Unlock()
	s.nextStaple = time.Time{}
	s.logger.Info("certificate read again after its files changed", "file", s.paths().CertFile,
		"names", leafNames(cert.Leaf), "expires", cert.Leaf.NotAfter)
}

func (s *filesSource) keep(err error) {
	s.mu.Lock()
	s.problem = err
	notAfter := s.cert.Leaf.NotAfter
	s.mu.Unlock()
	s.logger.Error("the changed certificate files can't be used; the certificate from before is still served",
		"error", err, "expires", notAfter)
}

// read reads the certificate in the files, and checks everything about it but the time. Its errors reveal nothing about the key
// except that it does not fit.
func (s *filesSource) read() (*tls.Certificate, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	files := s.paths()
	certPEM, err := readBounded(files.CertFile)
	if err != nil {
		return nil, none, fmt.Errorf("certificate file: %w", err)
	}
	keyPEM, err := readBounded(files.KeyFile)
	if err != nil {
		return nil, none, fmt.Errorf("key file: %w", err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, none, fmt.Errorf("certificate file %s with key file %s: %w", files.CertFile, files.KeyFile, err)
	}
	if len(leafNames(cert.Leaf)) == 0 {
		return nil, none, fmt.Errorf("certificate file %s: the first certificate in it has no domain name", files.CertFile)
	}
	var missing []string
	for _, name := range s.names {
		if cert.Leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, none, fmt.Errorf("certificate file %s: it is for %s, and not for %s. Get one for all domains of the casino, or leave out those that it is not for",
			files.CertFile, strings.Join(leafNames(cert.Leaf), ", "), strings.Join(missing, ", "))
	}
	return &cert, contentHash(certPEM, keyPEM), nil
}

// current refuses a certificate that is not valid now.
func (s *filesSource) current(cert *tls.Certificate) error {
	switch now := s.clock(); {
	case now.After(cert.Leaf.NotAfter):
		return fmt.Errorf("certificate file %s: it expired on %s", s.paths().CertFile, cert.Leaf.NotAfter.Format(time.RFC3339))
	case now.Before(cert.Leaf.NotBefore):
		return fmt.Errorf("certificate file %s: it is valid from %s on. Is this machine's clock right?", s.paths().CertFile, cert.Leaf.NotBefore.Format(time.RFC3339))
	}
	return nil
}

// staple renews the OCSP response, if the certificate names a responder.
func (s *filesSource) staple(ctx context.Context) {
	cert, now := s.cert, s.clock() // only check replaces cert, and this is check
	if len(cert.Leaf.OCSPServer) == 0 || now.Before(s.nextStaple) {
		return
	}
	staple, err := fetchStaple(ctx, s.client, cert, now)
	if ctx.Err() != nil {
		return
	}
	fresh := *cert
	switch {
	case err == nil:
		fresh.OCSPStaple = staple.raw
		s.nextStaple = staple.refresh
		s.logger.Info("certificate status stapled", "name", leafNames(cert.Leaf)[0], "until", staple.until)
	case errors.Is(err, errRevoked):
		fresh.OCSPStaple = nil
		s.nextStaple = now.Add(ocspRetry)
		s.logger.Error("the certificate has been revoked by its issuer: replace it", "file", s.paths().CertFile)
	default:
		s.nextStaple = now.Add(ocspRetry)
		s.logger.Warn("the certificate's OCSP response could not be fetched, trying again later", "error", err)
		if now.Before(s.stapled) { // the last response is still valid
			if s.stapled.Before(s.nextStaple) {
				s.nextStaple = s.stapled
			}
			return
		}
		fresh.OCSPStaple = nil
	}
	s.mu.Lock()
	s.cert, s.stapled = &fresh, staple.until
	if errors.Is(err, errRevoked) {
		s.problem = err
	} else if errors.Is(s.problem, errRevoked) {
		s.problem = nil
	}
	s.mu.Unlock()
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxCertFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxCertFile {
		return nil, fmt.Errorf("%s has more than %d bytes: too large for a certificate or a key", name, maxCertFile)
	}
	return content, nil
}

func contentHash(certPEM, keyPEM []byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.Join([][]byte{certPEM, keyPEM}, []byte{0}))
}

// leafNames returns the names that a certificate is for.
func leafNames(leaf *x509.Certificate) []string {
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, leaf.Subject.CommonName)
	}
	return names
}

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
	"sync"
	"time"
)

// maxCertFile is the largest certificate or key file that is read, in bytes. A chain of four with large keys takes about 10 KiB.
const maxCertFile = 1 << 20

// filesSource serves the operator's own certificate, and rereads it when its files change.
//
// Each check reads and hashes both files: they are small, and a hash notices changes that a modification time hides
// (a copy that keeps times, a symbolic link that now points elsewhere).
type filesSource struct {
	files  Files
	clock  func() time.Time
	logger *slog.Logger
	client *http.Client // for OCSP
	loop   *loop

	seen       [sha256.Size]byte // check; the contents that were last tried, whether usable or not
	missing    string            // check; the last error of reading; kept so that it is logged once
	nextStaple time.Time         // check; when to ask the issuer's responder again

	mu      sync.RWMutex
	cert    *tls.Certificate // mu; the value is never changed, only replaced
	stapled time.Time        // mu; when the staple expires
	problem error            // mu; why the files as they are now are not used; nil if they are
}

func newFiles(_ context.Context, options Options) (*filesSource, error) {
	s := &filesSource{
		files: options.Files, clock: options.Clock, logger: options.Logger,
		client: &http.Client{Timeout: ocspTimeout},
	}
	certPEM, keyPEM, err := s.read()
	if err != nil {
		return nil, err
	}
	cert, err := s.parse(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	if s.clock().After(cert.Leaf.NotAfter) {
		s.logger.Error("the certificate has expired, clients will refuse it", "file", s.files.CertFile, "expired", cert.Leaf.NotAfter)
	}
	s.seen, s.cert = contentHash(certPEM, keyPEM), cert
	s.logger.Info("certificate read", "file", s.files.CertFile, "names", leafNames(cert.Leaf), "expires", cert.Leaf.NotAfter)
	interval := options.CheckInterval
	if interval == 0 {
		interval = 5 * time.Second
	}
	s.loop = startLoop(interval, s.check)
	return s, nil
}

func (s *filesSource) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cert, nil
}

func (s *filesSource) expiry() []Validity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return []Validity{{Name: leafNames(s.cert.Leaf)[0], NotAfter: s.cert.Leaf.NotAfter, Problem: s.problem}}
}

func (s *filesSource) close() {
	s.loop.close()
	s.client.CloseIdleConnections()
}

func (s *filesSource) check(ctx context.Context) {
	s.reload()
	s.staple(ctx)
}

// reload starts to use the certificate in the files if they have changed and fit together; else it keeps the one in use.
func (s *filesSource) reload() {
	certPEM, keyPEM, err := s.read()
	if err != nil {
		if err.Error() != s.missing {
			s.missing = err.Error()
			s.keep(err)
		}
		return
	}
	hash := contentHash(certPEM, keyPEM)
	if hash == s.seen && s.missing == "" {
		return
	}
	s.seen, s.missing = hash, ""
	cert, err := s.parse(certPEM, keyPEM)
	if err == nil && s.clock().After(cert.Leaf.NotAfter) {
		err = fmt.Errorf("certificate file %s: it expired on %s", s.files.CertFile, cert.Leaf.NotAfter.Format(time.RFC3339))
	}
	if err != nil {
		s.keep(err)
		return
	}
	s.mu.Lock()
	s.cert, s.problem, s.stapled = cert, nil, time.Time{}
	s.mu.Unlock()
	s.nextStaple = time.Time{}
	s.logger.Info("certificate read again after its files changed", "file", s.files.CertFile,
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

func (s *filesSource) read() (certPEM, keyPEM []byte, err error) {
	if certPEM, err = readBounded(s.files.CertFile); err != nil {
		return nil, nil, fmt.Errorf("certificate file: %w", err)
	}
	if keyPEM, err = readBounded(s.files.KeyFile); err != nil {
		return nil, nil, fmt.Errorf("key file: %w", err)
	}
	return certPEM, keyPEM, nil
}

// parse makes a certificate from the contents of the files. Its errors reveal nothing about the key except that it does not fit.
func (s *filesSource) parse(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s with key file %s: %w", s.files.CertFile, s.files.KeyFile, err)
	}
	if len(leafNames(cert.Leaf)) == 0 {
		return nil, fmt.Errorf("certificate file %s: the first certificate in it has no domain name", s.files.CertFile)
	}
	return &cert, nil
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
		s.logger.Error("the certificate has been revoked by its issuer: replace it", "file", s.files.CertFile)
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

package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// The internal authority is one value in the storage, certificate and key together, so that they always fit. The lock has the name
// of the value's directory, which tells a fenced storage that the lock guards the value.
const (
	authorityLock = "internal"
	authorityKey  = "internal/authority.pem"
)

const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	authorityReserve  = 100 * 24 * time.Hour // an authority with less left than this is replaced
	leafLifetime      = 90 * 24 * time.Hour
	leafReserve       = leafLifetime / 3 // a leaf with less left than this is replaced
	backdate          = time.Hour        // certificates are valid from a time in the past, for clients whose clocks are slow
)

// internalSource serves a certificate signed by our own authority. The leaf and its key stay in memory: each node makes its own.
type internalSource struct {
	names   []string
	storage certmagic.Storage
	clock   func() time.Time
	logger  *slog.Logger
	loop    *loop

	mu      sync.RWMutex
	leaf    *tls.Certificate // mu
	rootPEM []byte           // mu
	problem error            // mu
}

// authority is a certificate authority: a root certificate and the key that signs leaves.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newInternal(ctx context.Context, options Options) (*internalSource, error) {
	s := &internalSource{
		names:   asciiNames(append(append([]string{}, options.Domains...), "localhost", "127.0.0.1", "::1")),
		storage: options.Storage, clock: options.Clock, logger: options.Logger,
	}
	if err := s.reissue(ctx); err != nil {
		return nil, err
	}
	interval := options.CheckInterval
	if interval == 0 {
		interval = time.Minute
	}
	s.loop = startLoop(interval, s.check)
	return s, nil
}

func (s *internalSource) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.leaf, nil
}

func (s *internalSource) expiry() []Validity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return []Validity{{Name: s.names[0], NotBefore: s.leaf.Leaf.NotBefore, NotAfter: s.leaf.Leaf.NotAfter, Problem: s.problem}}
}

func (s *internalSource) hosts() []string { return s.names }

func (s *internalSource) root() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]byte(nil), s.rootPEM...)
}

func (s *internalSource) close() { s.loop.close() }

// check replaces a leaf that expires soon.
func (s *internalSource) check(ctx context.Context) {
	s.mu.RLock()
	due := s.clock().After(s.leaf.Leaf.NotAfter.Add(-leafReserve))
	s.mu.RUnlock()
	if !due {
		return
	}
	err := s.reissue(ctx)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	s.problem = err
	notAfter := s.leaf.Leaf.NotAfter
	s.mu.Unlock()
	if err != nil {
		s.logger.Error("the internal certificate could not be renewed; the old one is still served", "expires", notAfter, "error", err)
	}
}

// reissue reads the authority, or makes one, and signs a new leaf with it.
func (s *internalSource) reissue(ctx context.Context) error {
	ca, err := s.authority(ctx)
	if err != nil {
		return fmt.Errorf("internal certificate authority: %w", err)
	}
	leaf, err := ca.issue(s.names, s.clock())
	if err != nil {
		return fmt.Errorf("internal certificate: %w", err)
	}
	s.mu.Lock()
	s.leaf = leaf
	s.rootPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	s.mu.Unlock()
	s.logger.Info("internal certificate issued", "names", s.names, "expires", leaf.Leaf.NotAfter)
	return nil
}

// authority returns the authority in the storage. If there is none, or it expires soon, it makes one, under a lock that all nodes share.
func (s *internalSource) authority(ctx context.Context) (ca authority, err error) {
	ca, err = loadAuthority(ctx, s.storage)
	if err == nil && s.lasts(ca) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if err := s.storage.Lock(ctx, authorityLock); err != nil {
		return authority{}, err
	}
	defer func() {
		if unlock := s.storage.Unlock(context.WithoutCancel(ctx), authorityLock); err == nil && unlock != nil {
			s.logger.Warn("the lock of the internal certificate authority could not be released", "error", unlock)
		}
	}()
	ca, err = loadAuthority(ctx, s.storage) // another node may have made one by now
	if err == nil && s.lasts(ca) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if err == nil {
		s.logger.Warn("the internal certificate authority expires soon and is replaced: clients have to trust the new root",
			"expires", ca.cert.NotAfter)
	}
	ca, err = newAuthority(s.clock())
	if err != nil {
		return authority{}, err
	}
	value, err := ca.encode()
	if err != nil {
		return authority{}, err
	}
	if err := s.storage.Store(ctx, authorityKey, value); err != nil {
		return authority{}, err
	}
	s.logger.Info("internal certificate authority made", "name", ca.cert.Subject.CommonName, "expires", ca.cert.NotAfter)
	return ca, nil
}

func (s *internalSource) lasts(ca authority) bool {
	return s.clock().Before(ca.cert.NotAfter.Add(-authorityReserve))
}

// LoadRoot returns the certificate of the internal authority in a storage as PEM, without a Source. ErrNoRoot if there is none.
func LoadRoot(ctx context.Context, storage certmagic.Storage) ([]byte, error) {
	ca, err := loadAuthority(ctx, storage)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoRoot
	}
	if err != nil {
		return nil, fmt.Errorf("internal certificate authority: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), nil
}

func loadAuthority(ctx context.Context, storage certmagic.Storage) (authority, error) {
	value, err := storage.Load(ctx, authorityKey)
	if err != nil {
		return authority{}, err
	}
	pair, err := tls.X509KeyPair(value, value)
	if err != nil {
		return authority{}, fmt.Errorf("the stored value can't be read: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return authority{}, errors.New("the stored certificate is not that of a certificate authority")
	}
	return authority{cert: pair.Leaf, key: key}, nil
}

// newAuthority makes a root that can sign TLS server certificates and nothing else.
func newAuthority(now time.Time) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	serial := newSerial()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Organization: []string{"Imperio"},
			CommonName:   "Imperio local root " + hex.EncodeToString(serial.Bytes()[:4]), // a number, for lists of trusted roots
		},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, err
	}
	return authority{cert: cert, key: key}, nil
}

func (ca authority) encode() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, err
	}
	value := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	return append(value, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// issue makes a key, and signs a certificate for it with names, which are DNS names and IP addresses.
func (ca authority) issue(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{Organization: []string{"Imperio"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	template.Subject.CommonName = template.DNSNames[0] // at least localhost
	if len(template.Subject.CommonName) > 64 {         // ub-common-name, RFC 5280
		template.Subject.CommonName = ""
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, nil
}

// newSerial draws 127 random bits with the highest set, so that a serial number always has 16 bytes (RFC 5280, 4.1.2.2: at most 20).
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never returns an error, see its documentation
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

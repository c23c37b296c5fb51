package network

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"time"
)

const (
	authorityLifetime   = 20 * 365 * 24 * time.Hour
	certificateLifetime = 30 * 24 * time.Hour
	backdate            = time.Hour            // for members whose clocks are behind
	authorityBackdate   = 365 * 24 * time.Hour // so that only the members' certificates depend on clocks
)

// Authority signs the certificates of a cluster's members. It doesn't change, so its methods may be called from any
// goroutine.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// NewAuthority makes the authority of a cluster. It is valid for 20 years.
func NewAuthority(clusterID string, now time.Time) (*Authority, error) {
	if err := checkID(clusterID); err != nil {
		return nil, fmt.Errorf("cluster id: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{Organization: []string{"Imperio cluster " + clusterID}},
		URIs:                  []*url.URL{{Scheme: scheme, Host: clusterID}},
		NotBefore:             now.Add(-authorityBackdate),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the authority's certificate: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// ParseAuthority reads what PEM wrote.
func ParseAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	certificate, err := parseAuthorityCertificate(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the authority's key: %w", err)
	}
	if !samePublic(certificate.PublicKey, key.Public()) {
		return nil, errors.New("the authority's certificate and key do not belong together")
	}
	return &Authority{certificate, key}, nil
}

// parseAuthorityCertificate reads the certificate of a cluster's authority.
func parseAuthorityCertificate(certPEM []byte) (*x509.Certificate, error) {
	certificate, err := parseCertificate(certPEM)
	if err != nil {
		return nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	if _, err := clusterOf(certificate); err != nil {
		return nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	return certificate, nil
}

// PEM returns the certificate and the key. The key is the cluster's deepest secret.
func (a *Authority) PEM() (cert, key []byte, err error) {
	key, err = encodeKey(a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("the authority's key: %w", err)
	}
	return a.Certificate(), key, nil
}

// Certificate returns the certificate as PEM.
func (a *Authority) Certificate() []byte { return encodeCertificate(a.certificate) }

// Fingerprint is the SHA-256 of the certificate (DER). Tokens hold it.
func (a *Authority) Fingerprint() [32]byte { return sha256.Sum256(a.certificate.Raw) }

// ClusterID is the cluster's.
func (a *Authority) ClusterID() string {
	id, _ := clusterOf(a.certificate) // checked when it was made or read
	return id
}

// Issue signs a certificate for a member's public key, as PEM. It is valid for 30 days, and from an hour ago.
func (a *Authority) Issue(nodeID string, public crypto.PublicKey, now time.Time) (certPEM []byte, err error) {
	if err := checkID(nodeID); err != nil {
		return nil, fmt.Errorf("node id: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{Organization: []string{"Imperio node " + nodeID}},
		URIs:                  []*url.URL{{Scheme: scheme, Host: a.ClusterID(), Path: "/" + nodeID}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(certificateLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	certificate, err := sign(template, a.certificate, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", nodeID, err)
	}
	return encodeCertificate(certificate), nil
}

// Sign is Issue for the key in a signing request, which must be signed with that key. It takes nothing else from the
// request.
func (a *Authority) Sign(csrPEM []byte, nodeID string, now time.Time) (certPEM []byte, err error) {
	csr, err := parseRequest(csrPEM)
	if err != nil {
		return nil, err
	}
	return a.Issue(nodeID, csr.PublicKey, now)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newSerial draws 127 random bits with the highest set, so that a serial number always has 16 bytes (RFC 5280, 4.1.2.2: at
// most 20).
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never returns an error, see its documentation
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// scheme is that of the URI in a certificate: imperio://CLUSTER for the authority, imperio://CLUSTER/NODE for a member.
const scheme = "imperio"

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// checkID refuses an id that can't be a host name in a URI.
func checkID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%q is not 1 to 63 letters, digits, dashes and underscores that begin with a letter or digit", id)
	}
	return nil
}

// identityOf returns what a member's certificate says, whoever signed it.
func identityOf(c *x509.Certificate) (clusterID, nodeID string, err error) {
	if len(c.URIs) == 1 && c.URIs[0].Scheme == scheme && len(c.URIs[0].Path) > 1 {
		clusterID, nodeID = c.URIs[0].Host, c.URIs[0].Path[1:]
	}
	if checkID(clusterID) != nil || checkID(nodeID) != nil {
		return "", "", errors.New("the certificate is not that of a cluster's member")
	}
	return clusterID, nodeID, nil
}

// clusterOf returns the cluster that an authority's certificate is for.
func clusterOf(c *x509.Certificate) (string, error) {
	if !c.IsCA || len(c.URIs) != 1 || c.URIs[0].Scheme != scheme || c.URIs[0].Path != "" || checkID(c.URIs[0].Host) != nil {
		return "", errors.New("the certificate is not that of a cluster's authority")
	}
	return c.URIs[0].Host, nil
}

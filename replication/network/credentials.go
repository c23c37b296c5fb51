package network

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Credentials are a member's certificate and key, and the certificate of the cluster's authority. Their methods may be
// called from any goroutine.
type Credentials struct {
	clusterID, nodeID string
	authority         *x509.Certificate
	roots             *x509.CertPool // the authority alone

	mu  sync.RWMutex
	own *tls.Certificate // mu; the certificate, and the authority's after it for those who join
}

// NewCredentials puts a member's credentials together, all PEM. The certificate may have expired: renew it and Replace it.
func NewCredentials(certPEM, keyPEM, authorityPEM []byte) (*Credentials, error) {
	authority, err := parseAuthorityCertificate(authorityPEM)
	if err != nil {
		return nil, err
	}
	c := &Credentials{authority: authority, roots: x509.NewCertPool()}
	c.roots.AddCert(authority)
	own, err := c.pair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	c.own = own
	c.clusterID, c.nodeID, err = identityOf(own.Leaf)
	return c, err
}

// Replace takes a renewed certificate of the same member, and its key, for all new connections. Those that exist stay.
func (c *Credentials) Replace(certPEM, keyPEM []byte) error {
	own, err := c.pair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	if _, nodeID, err := identityOf(own.Leaf); err != nil || nodeID != c.nodeID {
		return fmt.Errorf("the new certificate is that of %q, not of %q", nodeID, c.nodeID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = own
	return nil
}

// pair checks a certificate and its key, at a time when the certificate is valid.
func (c *Credentials) pair(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	leaf, err := parseCertificate(certPEM)
	if err != nil {
		return nil, fmt.Errorf("the node's certificate: %w", err)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the node's key: %w", err)
	}
	if !samePublic(leaf.PublicKey, key.Public()) {
		return nil, errors.New("the node's certificate and key do not belong together")
	}
	if _, _, err := verify(leaf, c.authority, c.roots, leaf.NotBefore); err != nil {
		return nil, fmt.Errorf("the node's certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, c.authority.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// PEM returns what NewCredentials takes. The key is secret.
func (c *Credentials) PEM() (cert, key, authority []byte, err error) {
	own := c.current()
	key, err = encodeKey(own.PrivateKey.(crypto.Signer)) // pair has made it
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the node's key: %w", err)
	}
	return encodeCertificate(own.Leaf), key, encodeCertificate(c.authority), nil
}

// ClusterID is the cluster's.
func (c *Credentials) ClusterID() string { return c.clusterID }

// NodeID is the member's.
func (c *Credentials) NodeID() string { return c.nodeID }

// Fingerprint is that of the authority: see Authority.Fingerprint.
func (c *Credentials) Fingerprint() [32]byte { return sha256.Sum256(c.authority.Raw) }

// Expires is when the certificate stops being valid.
func (c *Credentials) Expires() time.Time { return c.current().Leaf.NotAfter }

// Renew is when the certificate should be renewed: at half of its life.
func (c *Credentials) Renew() time.Time {
	leaf := c.current().Leaf
	return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
}

func (c *Credentials) current() *tls.Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.own
}

// verifyMember returns the id of the member that a peer's certificates are of. now is this machine's time.
func (c *Credentials) verifyMember(peer []*x509.Certificate, now time.Time) (nodeID string, err error) {
	if len(peer) == 0 {
		return "", fmt.Errorf("%w: no certificate", ErrForeign)
	}
	_, nodeID, err = verify(peer[0], c.authority, c.roots, now)
	return nodeID, err
}

// verify checks that an authority signed a member's certificate, and that it is valid now. The error wraps ErrForeign if
// another authority signed it.
func verify(leaf, authority *x509.Certificate, roots *x509.CertPool, now time.Time) (clusterID, nodeID string, err error) {
	clusterID, nodeID, err = identityOf(leaf)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrForeign, err)
	}
	who := fmt.Sprintf("node %s of cluster %s", nodeID, clusterID)
	if own, err := clusterOf(authority); err != nil || own != clusterID {
		return "", "", fmt.Errorf("%w: %s", ErrForeign, who)
	}
	if err := leaf.CheckSignatureFrom(authority); err != nil {
		return "", "", fmt.Errorf("%w: %s, whose certificate another authority signed: %w", ErrForeign, who, err)
	}
	const format = time.RFC3339
	if now.Before(leaf.NotBefore) {
		return "", "", fmt.Errorf("the certificate of %s is not valid before %s, and it is %s here. Check the clocks of both machines",
			who, leaf.NotBefore.UTC().Format(format), now.UTC().Format(format))
	}
	if now.After(leaf.NotAfter) {
		return "", "", fmt.Errorf("the certificate of %s expired at %s, and it is %s here. "+
			"Check the clocks of both machines; if they are right, the node has to join again",
			who, leaf.NotAfter.UTC().Format(format), now.UTC().Format(format))
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return "", "", fmt.Errorf("the certificate of %s: %w", who, err)
	}
	return clusterID, nodeID, nil
}

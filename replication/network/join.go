package network

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// JoinRequest is what a node without a certificate asks with.
type JoinRequest struct {
	NodeID  string `json:"node_id"`          // its own
	Address string `json:"address"`          // where members will reach it, host:port
	CSR     string `json:"csr"`              // PEM, see NewRequest
	Program string `json:"program"`          // the version of its program
	Level   uint32 `json:"level"`            // the newest feature level that it can work with
	KeyID   []byte `json:"key_id,omitempty"` // of the casino's key, if it has one already; nil: it asks for the key
}

// JoinAnswer is what a member answers with. It holds the casino's key, which is secret.
type JoinAnswer struct {
	ClusterID   string   `json:"cluster_id"`
	Authority   string   `json:"authority"`            // the certificate of the cluster's authority, PEM
	Certificate string   `json:"certificate"`          // the node's, PEM
	CasinoKey   string   `json:"casino_key,omitempty"` // hexadecimal; "" if the node has it
	Contacts    []string `json:"contacts"`             // addresses of members, host:port
}

// joinMessage is a request on the wire.
type joinMessage struct {
	Secret []byte `json:"secret"`
	JoinRequest
}

type joinHandler func(ctx context.Context, secretID string, r JoinRequest) (JoinAnswer, error)

const (
	maxJoin   = 1 << 20          // bytes of a request and of an answer
	joinLimit = 30 * time.Second // for Join without a deadline, and for a node to send nothing
)

// HandleJoin sets what answers requests to join. secretID is Token.ID of the token that the node has brought; the function
// decides whether the token is valid. A *JoinRefused in the error's chain is told to the node. All other errors are
// logged, and the node only hears that it should try again. ctx ends when the node no longer waits.
func (n *Network) HandleJoin(handler func(ctx context.Context, secretID string, r JoinRequest) (JoinAnswer, error)) {
	h := joinHandler(handler)
	n.admit.Store(&h)
}

func (n *Network) serveJoin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	handler := n.admit.Load()
	if handler == nil {
		reply(w, http.StatusServiceUnavailable, nil)
		return
	}
	if n.refused.Tokens() < 1 {
		reply(w, http.StatusTooManyRequests, nil)
		return
	}
	body, ok := readRequest(w, r, maxJoin)
	if !ok {
		return
	}
	var m joinMessage
	if err := json.Unmarshal(body, &m); err != nil || len(m.Secret) != len(Token{}.Secret) {
		n.refused.Allow()
		reply(w, http.StatusBadRequest, nil)
		return
	}
	answer, err := (*handler)(r.Context(), Token{Secret: [16]byte(m.Secret)}.ID(), m.JoinRequest)
	if refused := (*JoinRefused)(nil); errors.As(err, &refused) {
		n.refused.Allow()
		n.log.Warn("a node was refused that wanted to join the cluster", "from", r.RemoteAddr, "node", m.NodeID, "error", err)
		reply(w, http.StatusForbidden, []byte(refused.Message))
		return
	}
	var encoded []byte
	if err == nil {
		encoded, err = json.Marshal(answer)
	}
	if err != nil {
		n.tell("a node that wants to join the cluster could not be admitted", "from", r.RemoteAddr, "node", m.NodeID, "error", err)
		reply(w, http.StatusServiceUnavailable, nil)
		return
	}
	reply(w, http.StatusOK, encoded)
}

// Join asks the member at an address, host:port, to admit this node. It talks only to a member of the cluster whose
// authority has the token's fingerprint, and checks that the certificate in the answer is signed by it, for the key in
// r.CSR. The error wraps *JoinRefused if the member refuses for good; after any other the caller may try again, with the
// same CSR. It ends with ctx, or after 30 seconds without a deadline in ctx.
func Join(ctx context.Context, address string, t Token, r JoinRequest) (JoinAnswer, error) {
	answer, err := join(ctx, address, t, r)
	if err != nil {
		return JoinAnswer{}, fmt.Errorf("join the cluster at %s: %w", address, err)
	}
	return answer, nil
}

func join(ctx context.Context, address string, t Token, r JoinRequest) (answer JoinAnswer, err error) {
	csr, err := parseRequest([]byte(r.CSR))
	if err != nil {
		return JoinAnswer{}, err
	}
	body, err := json.Marshal(joinMessage{Secret: t.Secret[:], JoinRequest: r})
	if err != nil {
		return JoinAnswer{}, err
	}
	status, content, err := post(ctx, address, t, body)
	if err != nil {
		return JoinAnswer{}, err
	}
	switch status {
	case http.StatusOK:
	case http.StatusForbidden:
		return JoinAnswer{}, &JoinRefused{string(content)}
	case http.StatusTooManyRequests:
		return JoinAnswer{}, errors.New("the member refused too many requests to join; wait some seconds")
	case http.StatusServiceUnavailable:
		return JoinAnswer{}, errors.New("the member can't admit this node now, and its log says why; try again")
	default:
		return JoinAnswer{}, fmt.Errorf("the member answered with status %d; its version may differ too much from this one's", status)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return JoinAnswer{}, fmt.Errorf("read the answer: %w", err)
	}
	if err := answer.check(t, csr, r.NodeID); err != nil {
		return JoinAnswer{}, fmt.Errorf("check the answer: %w", err)
	}
	return answer, nil
}

// check makes sure that the answer has what the node needs.
func (a JoinAnswer) check(t Token, csr *x509.CertificateRequest, nodeID string) error {
	authority, err := parseAuthorityCertificate([]byte(a.Authority))
	if err != nil {
		return err
	}
	if sha256.Sum256(authority.Raw) != t.Fingerprint {
		return errors.New("the authority is not the one that the token is for")
	}
	leaf, err := parseCertificate([]byte(a.Certificate))
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	clusterID, id, err := verify(leaf, authority, roots, leaf.NotBefore)
	if err != nil {
		return err
	}
	if clusterID != a.ClusterID || id != nodeID || !samePublic(leaf.PublicKey, csr.PublicKey) {
		return errors.New("the certificate is not for this node and its key")
	}
	return nil
}

// post sends a request to a member that the token is for, and returns the answer.
func post(ctx context.Context, address string, t Token, body []byte) (status int, content []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	if _, has := ctx.Deadline(); !has {
		ctx, cancel = context.WithTimeout(ctx, joinLimit)
	}
	defer cancel()
	c, err := dialTLS(ctx, address, &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{joinProtocol},
		InsecureSkipVerify: true, // the token says who may answer: VerifyConnection checks that
		VerifyConnection:   func(s tls.ConnectionState) error { return t.verify(s.PeerCertificates, time.Now()) },
	})
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("wait for the answer: %w", ctx.Err())
		}
	}()
	u := url.URL{Scheme: "https", Host: address, Path: joinPath}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if err := r.Write(c); err != nil {
		return 0, nil, fmt.Errorf("send the request: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	defer response.Body.Close()
	content, err = io.ReadAll(io.LimitReader(response.Body, maxJoin))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return response.StatusCode, content, nil
}

// verify checks that a member of the token's cluster answers. A member sends the authority's certificate after its own.
func (t Token) verify(peer []*x509.Certificate, now time.Time) error {
	if len(peer) < 2 || sha256.Sum256(peer[1].Raw) != t.Fingerprint {
		return fmt.Errorf("%w: the join token is for another cluster than the one that answers. Check the address and the token", ErrForeign)
	}
	roots := x509.NewCertPool()
	roots.AddCert(peer[1])
	_, _, err := verify(peer[0], peer[1], roots, now)
	return err
}

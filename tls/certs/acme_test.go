package certs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/crypto/ocsp"

	"imperio/tls/certs"
	"imperio/tls/certs/certstest"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// servePlain serves what the appliance serves on port 80: challenges, and a redirect for everything else.
func servePlain(t *testing.T, ln net.Listener, source *certs.Source) {
	t.Helper()
	server := &http.Server{
		Handler: source.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusPermanentRedirect)
		})),
		ReadHeaderTimeout: patience,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
}

// clientOf returns the options that use a server.
func clientOf(p *certstest.Pebble) certs.ACME {
	return certs.ACME{Directory: p.Directory(), Roots: p.Trust()}
}

func acmeOptions(dir string, client certs.ACME, domains ...string) certs.Options {
	return certs.Options{
		Mode: certs.ModeACME, Domains: domains, ACME: client,
		Storage: &certmagic.FileStorage{Path: dir}, CheckInterval: 50 * time.Millisecond,
	}
}

// ready waits until every domain has a certificate.
func ready(t *testing.T, source *certs.Source) {
	t.Helper()
	await(t, "certificates", func() bool {
		for _, v := range source.Expiry() {
			if v.NotAfter.IsZero() {
				return false
			}
		}
		return true
	})
}

func TestACME_HTTP01IssuesForSeveralDomains(t *testing.T) {
	plain, secure := listen(t), listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{HTTPAddr: plain.Addr().String()})
	client := clientOf(p)
	client.HTTPAddr, client.Email = plain.Addr().String(), "operator@http01.test"
	source := newSource(t, acmeOptions(t.TempDir(), client, "casino.http01.test", "www.http01.test"))
	servePlain(t, plain, source)
	site := serveOn(t, secure, source, "casino.http01.test")
	ready(t, source)

	for _, name := range []string{"casino.http01.test", "www.http01.test"} {
		state, err := site.dial(&tls.Config{RootCAs: trust(t, p.Roots()), ServerName: name, NextProtos: []string{"h2"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); !ok || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %T key and %q, want ECDSA and h2", name, state.PeerCertificates[0].PublicKey, state.NegotiatedProtocol)
		}
	}
	for i, v := range source.Expiry() {
		if v.Problem != nil || time.Until(v.NotAfter) < 80*24*time.Hour || v.Name != []string{"casino.http01.test", "www.http01.test"}[i] {
			t.Errorf("Expiry()[%d] = %+v", i, v)
		}
	}

	// A client that names no domain gets the first; one that names another is refused.
	config := &tls.Config{InsecureSkipVerify: true, ServerName: ""}
	conn, err := tls.Dial("tcp", site.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	if names := conn.ConnectionState().PeerCertificates[0].DNSNames; names[0] != "casino.http01.test" {
		t.Errorf("without a name the certificate is for %v", names)
	}
	conn.Close()
	if _, err := site.dial(&tls.Config{InsecureSkipVerify: true, ServerName: "other.test"}); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a name that is not ours: %v, want unrecognized name", err)
	}

	// Requests other than challenges go on to the next handler.
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: patience}
	for _, path := range []string{"/", "/.well-known/acme-challenge/unknown"} {
		response, err := noFollow.Get("http://" + plain.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusPermanentRedirect {
			t.Errorf("%s answers %s, want the redirect", path, response.Status)
		}
	}
}

func TestACME_TLSALPN01Issues(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String()})
	client := clientOf(p)
	client.TLSAddr = secure.Addr().String()
	dir := t.TempDir()
	source := newSource(t, acmeOptions(dir, client, "casino.alpn01.test"))
	site := serveOn(t, secure, source, "casino.alpn01.test")
	ready(t, source)
	if _, err := site.dial(&tls.Config{RootCAs: trust(t, p.Roots())}); err != nil {
		t.Error(err)
	}
	// No e-mail address was configured: CertMagic neither made one up, nor asked for one on the terminal, nor took another instance's.
	accounts, err := filepath.Glob(filepath.Join(dir, "acme", "*", "users", "*", "*.json"))
	if err != nil || len(accounts) != 1 {
		t.Fatalf("accounts in the storage: %v %v", accounts, err)
	}
	account, err := os.ReadFile(accounts[0])
	if err != nil || strings.Contains(string(account), "mailto") {
		t.Errorf("the account has a contact: %s %v", account, err)
	}
}

func TestACME_CertificateIsRenewedBeforeItExpires(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String(), Validity: 3600})
	client := clientOf(p)
	client.TLSAddr, client.RenewalWindow = secure.Addr().String(), 0.9999 // due in the first second of its hour
	options, book := acmeOptions(t.TempDir(), client, "casino.renewal.test"), &logBook{}
	options.Logger = book.logger()
	t.Cleanup(func() {
		if t.Failed() {
			for line := range strings.Lines(book.String()) {
				if !strings.Contains(line, `"component":"certmagic"`) || !strings.Contains(line, `"level":"DEBUG"`) { // debug lines tell of every handshake
					t.Log(strings.TrimSuffix(line, "\n"))
				}
			}
		}
	})
	source := newSource(t, options)
	site := serveOn(t, secure, source, "casino.renewal.test")
	ready(t, source)
	pool := trust(t, p.Roots())
	var first tls.ConnectionState
	await(t, "another certificate, without a moment in which there was none", func() bool {
		state, err := site.dial(&tls.Config{RootCAs: pool})
		if err != nil {
			t.Fatal(err)
		}
		if first.PeerCertificates == nil {
			first = state
		}
		return state.PeerCertificates[0].SerialNumber.Cmp(first.PeerCertificates[0].SerialNumber) != 0
	})
	if expiry := source.Expiry()[0]; expiry.Problem != nil {
		t.Errorf("Expiry() shows a problem: %v", expiry.Problem)
	}
	book.await(t, `"msg":"certificate ready"`, `"msg":"certificate renewed"`, `"component":"certmagic"`)
	if strings.Contains(book.String(), "PRIVATE KEY") {
		t.Error("the log holds a key")
	}
}

func TestACME_FailingIssuerIsToldAndTriedAgain(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String()})
	p.Down.Store(true)
	book := &logBook{}
	client := clientOf(p)
	client.TLSAddr, client.RetryMin, client.RetryMax = secure.Addr().String(), 10*time.Millisecond, 100*time.Millisecond
	options := acmeOptions(t.TempDir(), client, "casino.failing.test")
	options.Logger = book.logger()
	source := newSource(t, options)
	site := serveOn(t, secure, source, "casino.failing.test")
	await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
	if v := source.Expiry()[0]; !v.NotAfter.IsZero() || !strings.Contains(v.Problem.Error(), "503") {
		t.Errorf("Expiry() = %+v, want no certificate and the issuer's 503", v)
	}
	if _, err := site.dial(&tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("there is a certificate, from whom?")
	}
	book.await(t, "no certificate could be obtained, trying again")
	p.Down.Store(false)
	ready(t, source)
	await(t, "the problem to go", func() bool { return source.Expiry()[0].Problem == nil })
}

func TestACME_ValidationThatFailsSaysWhy(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{}) // it connects to a port where nobody listens
	client := clientOf(p)
	client.TLSAddr = secure.Addr().String()
	source := newSource(t, acmeOptions(t.TempDir(), client, "casino.unreachable.test"))
	serveOn(t, secure, source, "casino.unreachable.test")
	await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
	problem := source.Expiry()[0].Problem.Error()
	if !strings.HasPrefix(problem, "the issuer answers: HTTP ") || !strings.Contains(problem, "Failed to connect to 127.0.0.1:1 ") {
		t.Errorf("the problem is %q, want what the issuer says of the connection", problem)
	}
}

func TestACME_FailedRenewalKeepsServing(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String(), Validity: 3600})
	client, dir, book := clientOf(p), t.TempDir(), &logBook{}
	client.TLSAddr = secure.Addr().String()
	once, err := certs.New(t.Context(), acmeOptions(dir, client, "casino.keeps.test"))
	if err != nil {
		t.Fatal(err)
	}
	site := serveOn(t, secure, once, "casino.keeps.test")
	ready(t, once)
	once.Close()

	p.Down.Store(true)
	client.RenewalWindow = 0.9999
	options := acmeOptions(dir, client, "casino.keeps.test")
	options.Logger = book.logger()
	again := newSource(t, options)
	await(t, "a renewal that fails", func() bool { return again.Expiry()[0].Problem != nil })
	if v := again.Expiry()[0]; v.NotAfter.IsZero() || !strings.Contains(v.Problem.Error(), "503") {
		t.Errorf("Expiry() = %+v, want the old certificate and the issuer's 503", v)
	}
	if _, err := serve(t, again, "casino.keeps.test").dial(&tls.Config{RootCAs: trust(t, p.Roots())}); err != nil {
		t.Errorf("the old certificate is not served: %v", err)
	}
	book.await(t, "the certificate could not be renewed; the old one is still served")
	if _, err := site.dial(&tls.Config{RootCAs: trust(t, p.Roots())}); err != nil {
		t.Errorf("after Close the certificate that was there is gone: %v", err)
	}
}

func TestACME_RestartServesStoredCertificateWithoutTheIssuer(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String()})
	client, dir := clientOf(p), t.TempDir()
	client.TLSAddr = secure.Addr().String()
	once, err := certs.New(t.Context(), acmeOptions(dir, client, "casino.restart.test"))
	if err != nil {
		t.Fatal(err)
	}
	first := serveOn(t, secure, once, "casino.restart.test")
	ready(t, once)
	before, orders := first.leaf(t), p.Orders.Load()
	once.Close()

	p.Down.Store(true)
	again := newSource(t, acmeOptions(dir, client, "casino.restart.test"))
	ready(t, again)
	after := serve(t, again, "casino.restart.test").leaf(t)
	if after.SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("another certificate is served after the restart")
	}
	if got := p.Orders.Load(); got != orders {
		t.Errorf("%d orders were placed by the restart", got-orders)
	}
}

// readCounter counts reads of challenges.
type readCounter struct {
	certmagic.Storage
	reads atomic.Int64
}

func (r *readCounter) Load(ctx context.Context, key string) ([]byte, error) {
	if strings.Contains(key, "/challenge_tokens/") {
		r.reads.Add(1)
	}
	return r.Storage.Load(ctx, key)
}

func TestACME_ChallengesForOtherNamesAreNotLookedUp(t *testing.T) {
	plain, secure := listen(t), listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String()})
	client := clientOf(p)
	client.HTTPAddr, client.TLSAddr = plain.Addr().String(), secure.Addr().String()
	options := acmeOptions(t.TempDir(), client, "casino.names.test")
	counter := &readCounter{Storage: options.Storage}
	options.Storage = counter
	p.Down.Store(true) // no order is under way
	source := newSource(t, options)
	servePlain(t, plain, source)
	site := serveOn(t, secure, source, "casino.names.test")
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: patience}
	probe := func(name string) int64 {
		t.Helper()
		before := counter.reads.Load()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+plain.Addr().String()+"/.well-known/acme-challenge/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = name
		response, err := noFollow.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusPermanentRedirect {
			t.Errorf("%s: %s, want the redirect", name, response.Status)
		}
		if _, err := site.dial(&tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: []string{"acme-tls/1"}}); err == nil {
			t.Errorf("%s: a challenge that nobody posed is answered", name)
		}
		return counter.reads.Load() - before
	}
	if reads := probe("other.test"); reads != 0 {
		t.Errorf("a name that is not ours costs %d reads of the storage", reads)
	}
	if reads := probe("Casino.Names.Test"); reads != 2 {
		t.Errorf("our own name costs %d reads, want one for each kind of challenge", reads)
	}
}

func TestForget_MakesTheNextSourceStartAnew(t *testing.T) {
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String()})
	client, dir := clientOf(p), t.TempDir()
	client.TLSAddr = secure.Addr().String()
	storage := &certmagic.FileStorage{Path: dir}
	internal, err := certs.New(t.Context(), certs.Options{Mode: certs.ModeInternal, Storage: storage})
	if err != nil {
		t.Fatal(err)
	}
	internal.Close()
	once, err := certs.New(t.Context(), acmeOptions(dir, client, "casino.forget.test"))
	if err != nil {
		t.Fatal(err)
	}
	before := serveOn(t, secure, once, "casino.forget.test")
	ready(t, once)
	serial := before.leaf(t).SerialNumber
	once.Close()

	// As after the loss of the key, the stored values can't be read.
	certFiles, _ := filepath.Glob(filepath.Join(dir, "certificates", "*", "*", "*"))
	if len(certFiles) != 3 {
		t.Fatalf("stored: %v", certFiles)
	}
	for _, name := range certFiles {
		if err := os.WriteFile(name, []byte("unreadable"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := certs.Forget(t.Context(), storage); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.LoadRoot(t.Context(), storage); !errors.Is(err, certs.ErrNoRoot) {
		t.Errorf("the internal authority is still there: %v", err)
	}
	again := newSource(t, acmeOptions(dir, client, "casino.forget.test"))
	await(t, "a new certificate", func() bool { return !again.Expiry()[0].NotAfter.IsZero() || again.Expiry()[0].Problem != nil })
	if problem := again.Expiry()[0].Problem; problem != nil {
		t.Fatal(problem)
	}
	if serve(t, again, "casino.forget.test").leaf(t).SerialNumber.Cmp(serial) == 0 {
		t.Error("the old certificate is still served")
	}
	if err := certs.Forget(t.Context(), &certmagic.FileStorage{Path: t.TempDir()}); err != nil {
		t.Errorf("forgetting nothing: %v", err)
	}
}

func TestACME_ExternalAccountBinding(t *testing.T) {
	const id = "account-7"
	good := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	bad := base64.RawURLEncoding.EncodeToString([]byte("another key of the same length!!"))
	secure := listen(t)
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String(), EAB: map[string]string{id: good}})

	for name, key := range map[string]string{"none": "", "bad": bad} {
		t.Run(name, func(t *testing.T) {
			book := &logBook{}
			client := clientOf(p)
			client.TLSAddr = secure.Addr().String()
			if key != "" {
				client.EABKeyID, client.EABMACKey = id, key
			}
			options := acmeOptions(t.TempDir(), client, "casino."+name+"-eab.test")
			options.Logger = book.logger()
			source := newSource(t, options)
			await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
			problem := source.Expiry()[0].Problem.Error()
			if !strings.HasPrefix(problem, "the issuer answers: ") || !strings.Contains(problem, "xternal") {
				t.Errorf("the problem is %q, want what the issuer says of the account", problem)
			}
			if key != "" && strings.Contains(book.String(), key) {
				t.Error("the log holds the key")
			}
		})
	}

	client := clientOf(p)
	client.TLSAddr, client.EABKeyID, client.EABMACKey = secure.Addr().String(), id, good
	source := newSource(t, acmeOptions(t.TempDir(), client, "casino.good-eab.test"))
	site := serveOn(t, secure, source, "casino.good-eab.test")
	ready(t, source)
	if _, err := site.dial(&tls.Config{RootCAs: trust(t, p.Roots())}); err != nil {
		t.Error(err)
	}
}

func TestACME_StatusOfTheIssuerIsStapled(t *testing.T) {
	secure := listen(t)
	var p atomic.Pointer[certstest.Pebble]
	responder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request, err := ocsp.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		issuer, key := p.Load().CA.GetIntermediateCert(0).Cert, p.Load().CA.GetIntermediateKey(0)
		response, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{
			Status: ocsp.Good, SerialNumber: request.SerialNumber,
			ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		}, key)
		if err != nil {
			t.Error(err)
		}
		w.Write(response)
	}))
	defer responder.Close()
	p.Store(certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: secure.Addr().String(), OCSP: responder.URL}))
	client := clientOf(p.Load())
	client.TLSAddr = secure.Addr().String()
	source := newSource(t, acmeOptions(t.TempDir(), client, "casino.ocsp.test"))
	site := serveOn(t, secure, source, "casino.ocsp.test")
	ready(t, source)
	if len(site.stapled(t)) == 0 {
		t.Error("nothing is stapled")
	}
}

// A server makes its Source before it listens. CertMagic listens on a challenge's port itself if the port is free; it must not
// do so before the server.
func TestACME_LeavesThePortToTheServer(t *testing.T) {
	free := listen(t)
	addr := free.Addr().String()
	free.Close()
	p := certstest.StartPebble(t, certstest.PebbleOptions{TLSAddr: addr})
	client := clientOf(p)
	client.TLSAddr = addr
	source := newSource(t, acmeOptions(t.TempDir(), client, "casino.port.test"))
	for range 20 { // time enough to do it wrong: an order takes about 20 requests
		response, err := p.Server.Client().Get(p.Directory())
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if p.Orders.Load() != 0 {
		t.Error("an order was placed before anybody listens")
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port was taken: %v", err)
	}
	serveOn(t, ln, source, "casino.port.test")
	ready(t, source)
}

func TestACME_CloseEndsAnAttemptUnderWay(t *testing.T) {
	stuck := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer stuck.Close()
	source, err := certs.New(t.Context(), acmeOptions(t.TempDir(), certs.ACME{
		Directory: stuck.URL, Roots: certstest.PEM(stuck.Certificate().Raw), TLSAddr: stuck.Listener.Addr().String(),
	}, "casino.stuck.test"))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		source.Close()
		source.Close()
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("Close waits for an issuer that never answers")
	}
}

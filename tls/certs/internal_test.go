package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"imperio/tls/certs"
)

func internalOptions(storage certmagic.Storage) certs.Options {
	return certs.Options{Mode: certs.ModeInternal, Domains: []string{"casino.test"}, Storage: storage}
}

func TestInternal_ClientThatTrustsTheRootConnects(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	options := internalOptions(storage)
	options.Domains = []string{"casino.test", "spiel.bücher.test", "192.0.2.7"}
	source := newSource(t, options)
	root, err := source.Root()
	if err != nil {
		t.Fatal(err)
	}
	pool := trust(t, root)
	for _, name := range []string{"casino.test", "spiel.xn--bcher-kva.test", "192.0.2.7", "localhost", "127.0.0.1", "::1"} {
		state, err := serve(t, source, name).dial(&tls.Config{RootCAs: pool, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: negotiated %q, want h2", name, state.NegotiatedProtocol)
		}
		key, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey)
		if !ok || key.Curve.Params().Name != "P-256" {
			t.Errorf("%s: the key is %T, want ECDSA on P-256", name, state.PeerCertificates[0].PublicKey)
		}
	}
	if _, err := serve(t, source, "other.test").dial(&tls.Config{RootCAs: pool}); err == nil {
		t.Error("the certificate is good for a name that was not asked for")
	}
	if _, err := serve(t, source, "casino.test").dial(&tls.Config{RootCAs: x509.NewCertPool()}); err == nil {
		t.Error("a client that trusts nobody connects")
	}
	fromStorage, err := certs.LoadRoot(t.Context(), storage)
	if err != nil || !bytes.Equal(fromStorage, root) {
		t.Errorf("the root in the storage is another one (%v)", err)
	}
}

func TestInternal_ServesHTTP2(t *testing.T) {
	source := newSource(t, internalOptions(&certmagic.FileStorage{Path: t.TempDir()}))
	root, _ := source.Root()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust(t, root), ServerName: "casino.test"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	body, err := serve(t, source, "casino.test").get(&http.Client{Transport: transport, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(body, "HTTP/2.0") {
		t.Errorf("answered %q", body)
	}
}

func TestInternal_AuthorityIsMadeOnce(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	roots := make([][]byte, 4)
	var nodes sync.WaitGroup
	for i := range roots {
		nodes.Go(func() {
			source, err := certs.New(context.Background(), internalOptions(storage))
			if err != nil {
				t.Error(err)
				return
			}
			defer source.Close()
			roots[i], _ = source.Root()
		})
	}
	nodes.Wait()
	for _, root := range roots {
		if len(root) == 0 || !bytes.Equal(root, roots[0]) {
			t.Fatal("nodes that started together have different authorities")
		}
	}
	again, err := newSource(t, internalOptions(storage)).Root()
	if err != nil || !bytes.Equal(again, roots[0]) {
		t.Error("the authority did not outlive a restart")
	}
}

func TestInternal_RootSignsServersOnly(t *testing.T) {
	source := newSource(t, internalOptions(&certmagic.FileStorage{Path: t.TempDir()}))
	root, _ := source.Root()
	leaf := serve(t, source, "casino.test").leaf(t)
	if leaf.IsCA {
		t.Error("the leaf is an authority")
	}
	pool := trust(t, root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err == nil {
		t.Error("the root vouches for signed code as well")
	}
	if strings.Contains(string(root), "PRIVATE") {
		t.Error("the root is given out with its key")
	}
}

func TestInternal_LeafIsRenewedBeforeItExpires(t *testing.T) {
	now := &clock{now: time.Now()}
	options := internalOptions(&certmagic.FileStorage{Path: t.TempDir()})
	options.Clock, options.CheckInterval = now.Now, time.Millisecond
	source := newSource(t, options)
	site := serve(t, source, "casino.test")
	first := site.leaf(t)
	if got := source.Expiry(); len(got) != 1 || got[0].Name != "casino.test" || !got[0].NotAfter.Equal(first.NotAfter) || got[0].Problem != nil {
		t.Fatalf("Expiry() = %+v, want the leaf's, %s", got, first.NotAfter)
	}

	now.advance(first.NotAfter.Sub(now.Now()) * 3 / 4) // a quarter is left
	await(t, "a new leaf", func() bool { return source.Expiry()[0].NotAfter.After(first.NotAfter) })
	second := site.leaf(t)
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Fatal("the old leaf is still served")
	}
	root, _ := source.Root()
	if _, err := site.dial(&tls.Config{RootCAs: trust(t, root), Time: now.Now}); err != nil {
		t.Errorf("the new leaf is not good at the time it was made: %v", err)
	}
}

func TestInternal_AuthorityIsReplacedBeforeItExpires(t *testing.T) {
	book, now := &logBook{}, &clock{now: time.Now()}
	options := internalOptions(&certmagic.FileStorage{Path: t.TempDir()})
	options.Clock, options.CheckInterval, options.Logger = now.Now, time.Millisecond, book.logger()
	source := newSource(t, options)
	old, _ := source.Root()

	now.advance(10*365*24*time.Hour - 40*24*time.Hour)
	await(t, "a new authority", func() bool {
		root, _ := source.Root()
		return !bytes.Equal(root, old)
	})
	root, _ := source.Root()
	if _, err := serve(t, source, "casino.test").dial(&tls.Config{RootCAs: trust(t, root), Time: now.Now}); err != nil {
		t.Error(err)
	}
	book.await(t, "clients have to trust the new root")
}

func TestInternal_StorageThatFailsKeepsTheLeaf(t *testing.T) {
	dir := t.TempDir()
	now := &clock{now: time.Now()}
	options := internalOptions(&certmagic.FileStorage{Path: dir})
	options.Clock, options.CheckInterval = now.Now, time.Millisecond
	source := newSource(t, options)
	site := serve(t, source, "casino.test")
	first := site.leaf(t)

	file := filepath.Join(dir, "internal", "authority.pem")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	now.advance(80 * 24 * time.Hour)
	await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
	if site.leaf(t).SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("another leaf is served")
	}

	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "recovery", func() bool {
		state := source.Expiry()[0]
		return state.Problem == nil && state.NotAfter.After(first.NotAfter)
	})
}

func TestTLS_OldVersionsAndSuitesAreRefused(t *testing.T) {
	site := serve(t, newSource(t, internalOptions(&certmagic.FileStorage{Path: t.TempDir()})), "casino.test")
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if _, err := site.dial(&tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}); err == nil {
			t.Errorf("the server accepts %s", tls.VersionName(version))
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		state, err := site.dial(&tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if err != nil || state.Version != version {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	intermediate := []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS13) && len(suite.SupportedVersions) == 1 {
			continue
		}
		_, err := site.dial(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if spoken := err == nil; spoken != slices.Contains(intermediate, suite.Name) {
			t.Errorf("%s: accepted %v, Mozilla's intermediate list says otherwise", suite.Name, spoken)
		}
	}
}

func TestTLS_SessionsAreResumedAndTicketKeysRotate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			now := &clock{now: time.Now()}
			options := internalOptions(&certmagic.FileStorage{Path: t.TempDir()})
			options.Clock = now.Now
			source := newSource(t, options)
			root, _ := source.Root()
			site := serve(t, source, "casino.test")
			cache := tls.NewLRUClientSessionCache(8)
			// This client keeps its first ticket forever, and has its own clock. Does the server still accept the ticket?
			resumed := func(cache tls.ClientSessionCache) bool {
				transport := &http.Transport{
					TLSClientConfig: &tls.Config{
						RootCAs: trust(t, root), ServerName: "casino.test", MaxVersion: version, ClientSessionCache: cache, Time: now.Now,
					},
					DisableKeepAlives: true,
				}
				body, err := site.get(&http.Client{Transport: transport, Timeout: patience})
				if err != nil {
					t.Fatal(err)
				}
				return strings.HasSuffix(body, "resumed=true")
			}
			if resumed(cache) {
				t.Fatal("a first connection was resumed")
			}
			if !resumed(cache) {
				t.Fatal("a second connection was not resumed")
			}
			kept := &firstTicket{}
			resumed(kept)
			now.advance(25 * time.Hour) // the keys have rotated once
			if !resumed(kept) {
				t.Error("a ticket of yesterday is refused")
			}
			now.advance(7 * 24 * time.Hour)
			if resumed(kept) {
				t.Error("a ticket of last week is still good: its key was not forgotten")
			}
		})
	}
}

// firstTicket is a client's cache that keeps the first ticket it gets.
type firstTicket struct {
	mu     sync.Mutex
	ticket *tls.ClientSessionState
}

func (f *firstTicket) Get(string) (*tls.ClientSessionState, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ticket, f.ticket != nil
}

func (f *firstTicket) Put(_ string, ticket *tls.ClientSessionState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ticket == nil {
		f.ticket = ticket
	}
}

func TestRoot_OtherModesHaveNone(t *testing.T) {
	source := newSource(t, certs.Options{Mode: certs.ModeOff})
	if _, err := source.Root(); !errors.Is(err, certs.ErrNoRoot) {
		t.Errorf("Root() = %v, want ErrNoRoot", err)
	}
	if source.TLSConfig() != nil || len(source.Expiry()) != 0 {
		t.Error("mode off has TLS")
	}
	if _, err := certs.LoadRoot(t.Context(), &certmagic.FileStorage{Path: t.TempDir()}); !errors.Is(err, certs.ErrNoRoot) {
		t.Errorf("LoadRoot of an empty storage: %v, want ErrNoRoot", err)
	}
}

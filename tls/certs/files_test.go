package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"imperio/tls/certs"
)

// issuer is a certificate authority of the test.
type issuer struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial atomic.Int64
	ocsp   string // URL of the responder that leaves name
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Issuer of the test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert: cert, key: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue returns certificate and key for a name as they stand in files.
func (i *issuer) issue(t *testing.T, name string, life time.Duration) (certPEM, keyPEM []byte) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + i.serial.Add(1)), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if i.ocsp != "" {
		template.OCSPServer = []string{i.ocsp}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certPEM = append(certPEM, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})...)
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// write puts both files in place, each in one step.
func write(t *testing.T, files certs.Files, certPEM, keyPEM []byte) {
	t.Helper()
	for name, content := range map[string][]byte{files.CertFile: certPEM, files.KeyFile: keyPEM} {
		if err := os.WriteFile(name+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
}

func fileNames(t *testing.T) certs.Files {
	dir := t.TempDir()
	return certs.Files{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
}

func TestFiles_ChangedCertificateIsServedWithoutRestart(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	first, firstKey := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, first, firstKey)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond})
	site := serve(t, source, "casino.test")
	before := site.leaf(t)

	second, secondKey := ca.issue(t, "casino.test", 48*time.Hour)
	write(t, files, second, secondKey)
	await(t, "the new certificate", func() bool { return site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 })
	if got := source.Expiry(); len(got) != 1 || got[0].Name != "casino.test" || !got[0].NotAfter.After(before.NotAfter) {
		t.Errorf("Expiry() = %+v", got)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	if _, err := site.dial(&tls.Config{RootCAs: pool}); err != nil {
		t.Error(err)
	}
	await(t, "no problem left", func() bool { return source.Expiry()[0].Problem == nil })
}

func TestFiles_BrokenChangeKeepsTheOldCertificate(t *testing.T) {
	ca := newIssuer(t)
	good, goodKey := ca.issue(t, "casino.test", 24*time.Hour)
	other, otherKey := ca.issue(t, "casino.test", 24*time.Hour)
	expired, expiredKey := ca.issue(t, "casino.test", -time.Minute)
	cases := []struct {
		name      string
		cert, key []byte
		says      string
	}{
		{"not PEM", []byte("hello"), otherKey, "failed to find any PEM data"},
		{"half a file", other[:len(other)/4], otherKey, "failed to find any PEM data"},
		{"key of another", other, goodKey, "private key does not match"},
		{"expired", expired, expiredKey, "it expired on"},
		{"too large", make([]byte, 2<<20), otherKey, "too large for a certificate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files, book := fileNames(t), &logBook{}
			write(t, files, good, goodKey)
			source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond, Logger: book.logger()})
			site := serve(t, source, "casino.test")
			before := site.leaf(t)

			write(t, files, c.cert, c.key)
			await(t, "the problem to show", func() bool {
				problem := source.Expiry()[0].Problem
				return problem != nil && strings.Contains(problem.Error(), c.says)
			})
			if site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 {
				t.Error("the old certificate is not served any more")
			}
			book.await(t, "the certificate from before is still served", files.CertFile)
			if strings.Contains(book.String(), "PRIVATE") {
				t.Error("the log holds a key")
			}

			write(t, files, other, otherKey)
			await(t, "recovery", func() bool {
				return source.Expiry()[0].Problem == nil && site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0
			})
		})
	}
}

func TestFiles_MissingFilesKeepTheOldCertificate(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	cert, key := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond})
	site := serve(t, source, "casino.test")
	if err := os.Remove(files.KeyFile); err != nil {
		t.Fatal(err)
	}
	await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
	site.leaf(t)
	write(t, files, cert, key) // the same as before
	await(t, "recovery", func() bool { return source.Expiry()[0].Problem == nil })
}

func TestFiles_NewRefusesWhatItCannotServe(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	if _, err := certs.New(t.Context(), certs.Options{Mode: certs.ModeFiles, Files: files}); err == nil || !strings.Contains(err.Error(), files.CertFile) {
		t.Errorf("missing files: %v", err)
	}
	cert, _ := ca.issue(t, "casino.test", time.Hour)
	_, key := ca.issue(t, "casino.test", time.Hour)
	write(t, files, cert, key)
	if _, err := certs.New(t.Context(), certs.Options{Mode: certs.ModeFiles, Files: files}); err == nil || !strings.Contains(err.Error(), files.KeyFile) {
		t.Errorf("a key that does not fit: %v", err)
	}
}

// responder is a real OCSP responder of the issuer.
func (i *issuer) responder(t *testing.T) (status *atomic.Int64, asked *atomic.Int64) {
	t.Helper()
	status, asked = &atomic.Int64{}, &atomic.Int64{}
	status.Store(ocsp.Good)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request, err := ocsp.ParseRequest(body)
		if err != nil {
			t.Errorf("not an OCSP request: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if status.Load() < 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		response, err := ocsp.CreateResponse(i.cert, i.cert, ocsp.Response{
			Status: int(status.Load()), SerialNumber: request.SerialNumber,
			ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour), RevokedAt: time.Now(),
		}, i.key)
		if err != nil {
			t.Error(err)
		}
		w.Write(response)
	}))
	t.Cleanup(server.Close)
	i.ocsp = server.URL
	return status, asked
}

func (s site) stapled(t *testing.T) []byte {
	t.Helper()
	state, err := s.dial(&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	return state.OCSPResponse
}

func TestFiles_StatusOfTheIssuerIsStapled(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	ca.responder(t)
	cert, key := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	site := serve(t, newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond}), "casino.test")
	await(t, "a staple", func() bool { return len(site.stapled(t)) > 0 })
	response, err := ocsp.ParseResponseForCert(site.stapled(t), site.leaf(t), ca.cert)
	if err != nil || response.Status != ocsp.Good {
		t.Errorf("the staple is not a good one: %v", err)
	}
}

func TestFiles_StapleIsRefreshedAndOutlivesAFailingResponder(t *testing.T) {
	ca, files, now := newIssuer(t), fileNames(t), &clock{now: time.Now()}
	status, asked := ca.responder(t)
	cert, key := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond, Clock: now.Now})
	site := serve(t, source, "casino.test")
	await(t, "a staple", func() bool { return len(site.stapled(t)) > 0 })

	status.Store(-1)
	before := asked.Load()
	now.advance(40 * time.Minute) // past half of its hour
	await(t, "the responder to be asked again", func() bool { return asked.Load() > before })
	if len(site.stapled(t)) == 0 {
		t.Error("a staple that is still good was dropped")
	}
	now.advance(30 * time.Minute) // past the hour
	await(t, "the stale staple to be dropped", func() bool { return len(site.stapled(t)) == 0 })

	status.Store(ocsp.Revoked)
	now.advance(-30 * time.Minute)
	await(t, "the revocation to show", func() bool {
		now.advance(time.Minute)
		problem := source.Expiry()[0].Problem
		return problem != nil && strings.Contains(problem.Error(), "revoked")
	})
}

package appliance

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/tls/certstore"
)

// If another node takes over the lock, a certificate is not stored. That must not happen silently.
func TestCertStore_SaysWhenALockIsLost(t *testing.T) {
	h := openRealHouse(t)
	said := make(lines, 10)
	options := certStoreOptions(h.app.dir, slog.New(slog.NewTextHandler(said, nil)))
	options.LockTTL = 150 * time.Millisecond
	options.KV = forgetful{options.KV}
	store, err := certstore.New(options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Lock(t.Context(), "issue_cert_casino.example"); err != nil {
		t.Fatal(err)
	}
	if line := <-said; !strings.Contains(line, "a certificate lock was lost") {
		t.Error(line)
	}
}

// forgetful loses every lock.
type forgetful struct{ certstore.KV }

func (forgetful) RenewLock(context.Context, certstore.Fence, time.Duration) error {
	return certstore.ErrStaleFence
}

// lines is a writer that passes each line on.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// Behind a load balancer, a node that is not ready gets no challenge, and so would never get a certificate.
func TestHealth_ANodeThatWaitsForItsFirstCertificateIsReady(t *testing.T) {
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.Listen.OpsAddr = freeAddress(t), freeAddress(t), freeAddress(t)
	c.TLS.Mode, c.TLS.ACMEDirectory, c.Listen.Domains = config.TLSACME, "https://127.0.0.1:1/directory", []string{"casino.example"}
	h := &realHouse{t: t, config: c}
	h.start()
	defer func() { h.stop() }()
	for path, want := range map[string]string{"": "degraded", "/certificate_expiry": "there is no certificate for casino.example yet"} {
		res, err := http.Get("http://" + c.Listen.OpsAddr + "/health/ready" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("/health/ready%s: %d %s, %v", path, res.StatusCode, body, err)
		}
	}
	res, err := http.Get("http://" + c.Listen.OpsAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), `imperio_certificate_expiry_timestamp_seconds{domain="casino.example"} 0`) {
		t.Errorf("no metric for the alert: %v", err)
	}
}

package appliance

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"imperio/tls/certstore"
)

// A certificate that is not stored, since another node has taken the lock over, must not fail in silence.
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

// forgetful keeps no lock.
type forgetful struct{ certstore.KV }

func (forgetful) RenewLock(context.Context, certstore.Fence, time.Duration) error {
	return certstore.ErrStaleFence
}

// lines is a writer that hands on each line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

package appliance

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

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

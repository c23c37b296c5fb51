package certstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"imperio/tls/certstore"
)

var goldenEnvelope, _ = hex.DecodeString("01010101010101010101010101010101010101010101010101d61b6f29179b732fa2a8c37dcd34bda37900ba9c")

const (
	siteLock = "issue_cert_casino.test"
	siteKey  = "certificates/issuer/casino.test/casino.test.key"
)

// await waits until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func lock(t *testing.T, s *certstore.Storage, name string) {
	t.Helper()
	if err := s.Lock(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// quickly gives leases a short life. A test whose holder must keep its lease runs in a synctest bubble, where no time passes
// while anything runs: otherwise, on a busy machine, renewals would come too late.
func quickly(o *certstore.Options) { o.LockTTL = 60 * time.Millisecond }

func TestLock_ExcludesOthersUntilUnlock(t *testing.T) {
	kv := newMemoryKV()
	a, b := open(t, kv), open(t, kv)
	for name, other := range map[string]*certstore.Storage{"another node": b, "the same node": a} {
		t.Run(name, func(t *testing.T) {
			lock(t, a, "l")
			if ok, err := other.TryLock(t.Context(), "l"); ok || err != nil {
				t.Fatalf("TryLock of a lock that is held: %v, %v", ok, err)
			}
			if ok, err := other.TryLock(t.Context(), "m"); !ok || err != nil {
				t.Fatalf("TryLock of another lock: %v, %v", ok, err)
			}
			if err := other.Unlock(t.Context(), "m"); err != nil {
				t.Fatal(err)
			}
			got := make(chan error, 1)
			go func() { got <- other.Lock(context.Background(), "l") }()
			if err := a.Unlock(t.Context(), "l"); err != nil {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Fatalf("Lock after Unlock: %v", err)
			}
			if err := other.Unlock(t.Context(), "l"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLock_OneAtATime(t *testing.T) {
	kv := newMemoryKV()
	nodes := []*certstore.Storage{open(t, kv), open(t, kv), open(t, kv)}
	var inside, total atomic.Int32
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			s := nodes[i%len(nodes)]
			if err := s.Lock(context.Background(), "l"); err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) != 1 {
				t.Error("two are inside")
			}
			total.Add(1)
			inside.Add(-1)
			if err := s.Unlock(context.Background(), "l"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if total.Load() != 12 {
		t.Errorf("%d were inside, want 12", total.Load())
	}
}

func TestLock_GivesUpWithItsContext(t *testing.T) {
	kv := newMemoryKV()
	a, b := open(t, kv), open(t, kv)
	lock(t, a, "l")
	for name, s := range map[string]*certstore.Storage{"held by another node": b, "held by the same node": a} {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- s.Lock(ctx, "l") }()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	if err := a.Unlock(t.Context(), "l"); err != nil {
		t.Fatal(err)
	}
	lock(t, b, "l") // those who gave up don't block it
}

func TestLock_IsRenewedWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := newMemoryKV()
		s := open(t, kv, quickly)
		lock(t, s, "l")
		for range 5 { // each step is shorter than the time to live, all five together are longer
			kv.advance(40 * time.Millisecond)
			before := kv.renewals()
			await(t, "a renewal", func() bool { return kv.renewals() > before })
		}
		if kv.heldBy("l") == "" {
			t.Fatal("the lease ran out while its holder was alive")
		}
		if err := s.Unlock(t.Context(), "l"); err != nil {
			t.Fatal(err)
		}
		if holder := kv.heldBy("l"); holder != "" {
			t.Errorf("after Unlock %s holds it", holder)
		}
	})
}

func TestLock_HolderWhoseLeaseRanOutCanNotWrite(t *testing.T) {
	kv := newMemoryKV()
	a, b := open(t, kv), open(t, kv) // with leases of a minute nothing is renewed during the test, as if a were paused
	lock(t, a, siteLock)
	if err := a.Store(t.Context(), siteKey, []byte("by a")); err != nil {
		t.Fatal(err)
	}
	kv.advance(2 * time.Minute)
	if err := a.Store(t.Context(), siteKey, []byte("late")); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("a write after the lease ran out: %v, want ErrStaleFence", err)
	}
	lock(t, b, siteLock) // does not wait for a
	if err := b.Store(t.Context(), siteKey, []byte("by b")); err != nil {
		t.Fatal(err)
	}
	if err := a.Store(t.Context(), siteKey, []byte("later")); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("a write after another took the lock: %v, want ErrStaleFence", err)
	}
	if err := a.Delete(t.Context(), siteKey); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("a deletion after another took the lock: %v, want ErrStaleFence", err)
	}
	if err := a.RenewLockLease(t.Context(), siteLock, time.Hour); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("RenewLockLease: %v, want ErrStaleFence", err)
	}
	if err := a.Store(t.Context(), "certificates/issuer/other.test/other.test.key", nil); err != nil {
		t.Errorf("a write that has nothing to do with the lock: %v", err)
	}
	if err := a.Unlock(t.Context(), siteLock); err != nil {
		t.Errorf("Unlock of a lost lock: %v", err)
	}
	if err := b.Store(t.Context(), siteKey, []byte("by b again")); err != nil {
		t.Errorf("the old holder's Unlock took the lock from the new one: %v", err)
	}
	if got, err := b.Load(t.Context(), siteKey); err != nil || string(got) != "by b again" {
		t.Errorf("stored: %q, %v", got, err)
	}
}

func TestLock_RenewalThatComesTooLateLosesIt(t *testing.T) {
	kv := newMemoryKV()
	s := open(t, kv, quickly)
	lock(t, s, siteLock)
	kv.advance(time.Hour)
	await(t, "the loss to be noticed", func() bool {
		return errors.Is(s.RenewLockLease(t.Context(), siteLock, 0), certstore.ErrStaleFence)
	})
	if err := s.Store(t.Context(), siteKey, nil); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("a write under it: %v", err)
	}
	// Within the process the lock stays taken until its owner calls Unlock, so that two can't work on the same thing.
	if ok, err := s.TryLock(t.Context(), siteLock); ok || err != nil {
		t.Errorf("TryLock before the owner who lost it called Unlock: %v, %v", ok, err)
	}
	if err := s.Unlock(t.Context(), siteLock); err != nil {
		t.Fatal(err)
	}
	lock(t, s, siteLock)
	if err := s.Store(t.Context(), siteKey, nil); err != nil {
		t.Errorf("a write under the new lease: %v", err)
	}
}

func TestLock_StoreThatCanNotBeReachedLosesItInTime(t *testing.T) {
	kv := newMemoryKV()
	s := open(t, kv, quickly)
	lock(t, s, siteLock)
	kv.setFailure(errors.New("no leader"))
	// The store's clock stands still: the holder learns from its own clock that the lease has run out.
	await(t, "the holder to give up", func() bool {
		return errors.Is(s.Store(t.Context(), siteKey, nil), certstore.ErrStaleFence)
	})
	kv.setFailure(nil)
	if err := s.Store(t.Context(), siteKey, nil); !errors.Is(err, certstore.ErrStaleFence) {
		t.Errorf("a write after the store came back: %v, want ErrStaleFence", err)
	}
}

func TestLock_FencesWhatItGuards(t *testing.T) {
	cases := []struct{ lock, key string }{
		{siteLock, siteKey},
		{siteLock, "certificates/issuer/casino.test/casino.test.crt"},
		{siteLock, "acme/issuer/challenge_tokens/casino.test.json"},
		{"issue_cert_*.casino.test", "certificates/issuer/wildcard_.casino.test/wildcard_.casino.test.crt"},
		{"register_acme_account", "acme/issuer/users/default/default.json"},
		{"register_acme_account_me@casino.test", "acme/issuer/users/me@casino.test/me.key"},
		{"internal", "internal/authority.pem"},
	}
	for _, c := range cases {
		kv := newMemoryKV()
		s := open(t, kv)
		if err := s.Store(t.Context(), c.key, nil); err != nil || !kv.fences[c.key].IsZero() {
			t.Errorf("%s without a lock: fence %+v, %v", c.key, kv.fences[c.key], err)
		}
		lock(t, s, c.lock)
		for _, other := range cases {
			if err := s.Store(t.Context(), other.key, nil); err != nil {
				t.Fatal(err)
			}
			guarded := other.lock == c.lock || strings.HasPrefix(c.lock, "register") && strings.HasPrefix(other.lock, "register")
			if fence := kv.fences[other.key]; guarded != (fence.Lock == c.lock && fence.Token == 1) || guarded == fence.IsZero() {
				t.Errorf("%s under %s: fence %+v", other.key, c.lock, fence)
			}
		}
	}
}

func TestLock_UnlockWithoutLockIsAnError(t *testing.T) {
	if err := open(t, newMemoryKV()).Unlock(t.Context(), "l"); err == nil {
		t.Error("no error")
	}
}

func TestClose_ReleasesLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := newMemoryKV()
		a, b := open(t, kv, quickly), open(t, kv)
		lock(t, a, "l")
		waiting := make(chan error, 1)
		go func() { waiting <- a.Lock(context.Background(), "l") }()
		for range 2 {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-waiting; err == nil {
			t.Error("a waiter got the lock of a closed storage")
		}
		if ok, err := b.TryLock(t.Context(), "l"); !ok || err != nil {
			t.Errorf("the lock is left behind: %v, %v", ok, err)
		}
		if err := a.Unlock(t.Context(), "l"); err != nil {
			t.Errorf("Unlock after Close: %v", err)
		}
		if kv.heldBy("l") == "" {
			t.Error("Unlock after Close released another's lock")
		}
	})
}

// countingIssuer signs certificates with its own key and counts them.
type countingIssuer struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	issued atomic.Int64
}

func (i *countingIssuer) IssuerKey() string { return "issuer" }

func (i *countingIssuer) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(i.issued.Add(1)), DNSNames: csr.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, csr.PublicKey, i.key)
	if err != nil {
		i.t.Error(err)
	}
	return &certmagic.IssuedCertificate{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

func TestStorage_ClusterSharesOneCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kv, issuer := newMemoryKV(), &countingIssuer{t: t, key: key}
	const nodes = 4
	serials := make([]*big.Int, nodes)
	var group sync.WaitGroup
	for n := range nodes {
		storage := open(t, kv)
		group.Go(func() {
			var config *certmagic.Config
			cache := certmagic.NewCache(certmagic.CacheOptions{
				GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil }, Logger: zap.NewNop(),
			})
			defer cache.Stop()
			config = certmagic.New(cache, certmagic.Config{
				Storage: storage, Issuers: []certmagic.Issuer{issuer}, Logger: zap.NewNop(),
				KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
				OCSP:      certmagic.OCSPConfig{DisableStapling: true},
			})
			if err := config.ManageSync(context.Background(), []string{"casino.test"}); err != nil {
				t.Error(err)
				return
			}
			serials[n] = cache.AllMatchingCertificates("casino.test")[0].Leaf.SerialNumber
		})
	}
	group.Wait()
	if got := issuer.issued.Load(); got != 1 {
		t.Errorf("%d certificates were issued for %d nodes, want 1", got, nodes)
	}
	// CertMagic chooses the names of locks and of the values written under them: a release that changes them fails here.
	written := 0
	for key, fence := range kv.fences {
		if strings.HasPrefix(key, "certificates/") {
			written++
			if fence.Lock != siteLock || fence.Token == 0 {
				t.Errorf("%s was written under the fence %+v, want the lock %s", key, fence, siteLock)
			}
		}
	}
	if written != 3 {
		t.Errorf("%d values were written for the certificate, want certificate, key and description", written)
	}
	for n, serial := range serials {
		if serial == nil || serial.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("node %d serves %v", n, serial)
		}
	}
}

// CertMagic registers an account under the lock that fenceFor expects.
func TestLock_AccountsAreRegisteredUnderTheLockThatGuardsThem(t *testing.T) {
	kv := newMemoryKV()
	storage := open(t, kv)
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil }, Logger: zap.NewNop(),
	})
	defer cache.Stop()
	config = certmagic.New(cache, certmagic.Config{Storage: storage, Logger: zap.NewNop(), Issuers: []certmagic.Issuer{}})
	const key = "acme/127.0.0.1/users/me@casino.test/me.json"
	config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{
		CA: "https://127.0.0.1:1", Email: "me@casino.test", Logger: zap.NewNop(),
		NewAccountFunc: func(ctx context.Context, _ *certmagic.ACMEIssuer, account acme.Account) (acme.Account, error) {
			if err := storage.Store(ctx, key, nil); err != nil {
				t.Error(err)
			}
			return account, errors.New("seen enough")
		},
	})}
	if err := config.ManageSync(t.Context(), []string{"casino.test"}); err == nil {
		t.Error("a certificate out of nowhere")
	}
	if fence := kv.fences[key]; fence.Lock != "register_acme_account_me@casino.test" {
		t.Errorf("the account was written under the fence %+v", fence)
	}
}

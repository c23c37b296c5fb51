package certstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// lock is this process's side of a named lock. It stays in Storage.locks from Lock to Unlock, even if the lease is lost in
// between, so that nobody else in this process can take the name, and the old owner's Unlock can't release a newer lock.
type lock struct {
	name    string
	waiting int           // Storage.mu; how many wait for turn or have it; at 0 the lock is removed from the map
	turn    chan struct{} // holds one token, unless somebody in this process owns the lock

	fence Fence              // Storage.mu; zero while nobody here holds it
	lost  bool               // Storage.mu; the lease is gone, but the owner has not called Unlock yet
	stop  context.CancelFunc // Storage.mu; ends the renewal
	done  chan struct{}      // Storage.mu; closed when the renewal has ended
}

// releaseTimeout is how long Unlock and Close wait for the store: a lease that can't be released runs out anyway.
const releaseTimeout = 10 * time.Second

// Lock waits until the lock is free, takes it, and renews it in the background until Unlock. It gives up when ctx ends.
// If the lease is lost because the store could not be reached for longer than the time to live, the owner's writes
// under the lock return ErrStaleFence.
func (s *Storage) Lock(ctx context.Context, name string) error {
	holder := s.newHolder()
	for {
		ok, err := s.tryLock(ctx, name, holder, true)
		if err != nil {
			return fmt.Errorf("locking %s: %w", name, err)
		}
		if ok {
			return nil
		}
		select {
		case <-time.After(s.poll):
		case <-ctx.Done():
			return fmt.Errorf("locking %s: %w", name, ctx.Err())
		case <-s.ctx.Done():
		}
	}
}

// TryLock is Lock without waiting. It returns false if somebody else has the lock.
func (s *Storage) TryLock(ctx context.Context, name string) (bool, error) {
	ok, err := s.tryLock(ctx, name, s.newHolder(), false)
	if err != nil {
		return false, fmt.Errorf("locking %s: %w", name, err)
	}
	return ok, nil
}

// newHolder names a holder for one acquisition, so that an abandoned lease of this process counts as somebody else's.
func (s *Storage) newHolder() string { return s.node + "/" + rand.Text() }

// tryLock takes the turn in this process, and then the lock in the store. With wait it waits for the turn, but not for the store's lock.
func (s *Storage) tryLock(ctx context.Context, name, holder string, wait bool) (bool, error) {
	if err := s.usable(ctx); err != nil {
		return false, err
	}
	l := s.join(name)
	if wait {
		select {
		case <-l.turn:
		case <-ctx.Done():
			s.leave(l)
			return false, ctx.Err()
		case <-s.ctx.Done():
			s.leave(l)
			return false, s.usable(ctx)
		}
	} else {
		select {
		case <-l.turn:
		default:
			s.leave(l)
			return false, nil
		}
	}

	asked := time.Now()
	token, err := s.kv.AcquireLock(ctx, name, holder, s.ttl)
	if err != nil {
		l.turn <- struct{}{}
		s.leave(l)
		if errors.Is(err, ErrLockHeld) {
			return false, nil
		}
		return false, err
	}

	renewal, stop := context.WithCancel(s.ctx)
	fence, done := Fence{Lock: name, Token: token}, make(chan struct{})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		stop()
		s.release(ctx, fence)
		l.turn <- struct{}{}
		s.leave(l)
		return false, s.usable(ctx)
	}
	l.fence, l.lost, l.stop, l.done = fence, false, stop, done
	s.renewals.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.renewals.Done()
		defer close(done)
		s.renew(renewal, l, fence, asked)
	}()
	return true, nil
}

// Unlock ends the renewal and releases the lock. It is no error if the lock was lost before.
func (s *Storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.locks[name]
	if l == nil || l.fence.IsZero() {
		s.mu.Unlock()
		return fmt.Errorf("unlocking %s: it is not locked here", name)
	}
	fence, lost, stop, done := l.fence, l.lost, l.stop, l.done
	l.fence, l.lost = Fence{}, false
	s.mu.Unlock()

	stop()
	<-done
	var err error
	if !lost {
		err = s.release(ctx, fence)
	}
	l.turn <- struct{}{}
	s.leave(l)
	if err != nil {
		return fmt.Errorf("unlocking %s (its lease runs out within %v anyway): %w", name, s.ttl, err)
	}
	return nil
}

// RenewLockLease renews a lease now, which tells CertMagic whether it still has the lock. The length that it asks for does not
// matter, since leases are renewed in the background for as long as they are held.
func (s *Storage) RenewLockLease(ctx context.Context, name string, _ time.Duration) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	l := s.locks[name]
	var fence Fence
	var lost bool
	if l != nil {
		fence, lost = l.fence, l.lost
	}
	s.mu.Unlock()
	if fence.IsZero() || lost {
		return fmt.Errorf("renewing the lock %s: %w", name, ErrStaleFence)
	}
	if err := s.kv.RenewLock(ctx, fence, s.ttl); err != nil {
		return fmt.Errorf("renewing the lock %s: %w", name, err)
	}
	return nil
}

// Close ends all renewals, releases the locks that are still held, and waits for both. All later calls return fs.ErrClosed;
// Close itself may be called more than once.
func (s *Storage) Close() error {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	var held []Fence
	for _, l := range s.locks {
		if !l.fence.IsZero() && !l.lost {
			held = append(held, l.fence)
			l.lost = true
		}
	}
	s.mu.Unlock()
	s.renewals.Wait()
	var errs []error
	for _, fence := range held {
		if err := s.release(context.Background(), fence); err != nil {
			errs = append(errs, fmt.Errorf("releasing the lock %s: %w", fence.Lock, err))
		}
	}
	return errors.Join(errs...)
}

// release releases the lock even if ctx has ended: a holder that gives up must not keep others waiting.
func (s *Storage) release(ctx context.Context, fence Fence) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return s.kv.ReleaseLock(ctx, fence)
}

func (s *Storage) join(name string) *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locks[name]
	if l == nil {
		l = &lock{name: name, turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		s.locks[name] = l
	}
	l.waiting++
	return l
}

func (s *Storage) leave(l *lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		delete(s.locks, l.name)
	}
}

// renew keeps the lease alive until ctx ends or the lease is lost. since is when the last successful request
// was sent: by our monotonic clock, the lease lasts at least until since plus its time to live.
func (s *Storage) renew(ctx context.Context, l *lock, fence Fence, since time.Time) {
	ticker := time.NewTicker(s.ttl / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		attempt, cancel := context.WithDeadline(ctx, since.Add(s.ttl))
		err := s.kv.RenewLock(attempt, fence, s.ttl)
		cancel()
		switch {
		case err == nil:
			since = asked
			continue
		case ctx.Err() != nil:
			return
		case !errors.Is(err, ErrStaleFence) && time.Since(since) < s.ttl:
			s.logger.Warn("a certificate lock could not be renewed, trying again", "lock", l.name, "error", err)
			continue
		}
		s.mu.Lock()
		if l.fence == fence {
			l.lost = true
		}
		s.mu.Unlock()
		s.logger.Error("a certificate lock was lost: later writes under it will be refused", "lock", l.name, "error", err)
		return
	}
}

// fenceFor returns the fence for a write to key: that of the lock which CertMagic takes before it writes there, if we hold it.
// The error is ErrStaleFence if we have lost it. CertMagic gives its storage only names, so its naming is repeated here:
//
//	lock issue_cert_NAME  guards  certificates/ISSUER/NAME/… and acme/ISSUER/challenge_tokens/NAME.json
//	lock register_acme_account_…  guards  acme/ISSUER/users/…
//	lock DIR (our own use, e.g. "internal")  guards  DIR/…
//
// Other writes (OCSP staples, renewal information) can be repeated, and need no fence.
func (s *Storage) fenceFor(key string) (Fence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.locks {
		if l.fence.IsZero() || !guards(l.name, key) {
			continue
		}
		if l.lost {
			return Fence{}, ErrStaleFence
		}
		return l.fence, nil
	}
	return Fence{}, nil
}

func guards(lock, key string) bool {
	parts := strings.Split(key, "/")
	if name, ok := strings.CutPrefix(lock, "issue_cert_"); ok {
		site := certmagic.StorageKeys.Safe(name)
		switch {
		case len(parts) >= 3 && parts[0] == "certificates":
			return parts[2] == site
		case len(parts) == 4 && parts[0] == "acme" && parts[2] == "challenge_tokens":
			return parts[3] == site+".json"
		}
		return false
	}
	if strings.HasPrefix(lock, "register_acme_account") {
		return len(parts) >= 3 && parts[0] == "acme" && parts[2] == "users"
	}
	return parts[0] == lock
}

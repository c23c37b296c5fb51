// Package certstore keeps certificates, private keys and ACME accounts in a small replicated
// key-value store, so that every node of a cluster serves the same certificates and only one
// of them at a time talks to the issuer.
//
// It implements CertMagic's storage interface over KV, and adds two things:
//
//   - Values are encrypted at rest (XChaCha20-Poly1305) with a key that never enters the store: a stolen backup or
//     disk of the store reveals no private key. The names of values are not encrypted; they contain domain names.
//   - Locks are leases with fencing tokens. A lease that is not renewed runs out, so a node that dies delays the
//     others for no longer than its time to live. A node that was only paused finds out when it writes: each write
//     under a lock carries the lock's token, and the store refuses a token that is no longer the lock's.
package certstore

import (
	"context"
	"errors"
	"time"
)

// ErrLockHeld means that another holder has the lock, and its lease has not run out.
var ErrLockHeld = errors.New("lock is held by another")

// ErrStaleFence means that nothing was done, since the fence is no longer that of its lock: the lease has run out, or
// another holder has taken the lock.
var ErrStaleFence = errors.New("lock was lost: its lease has run out or another holder has taken it")

// Fence binds a write to a lock. The store writes only if, in the same step, the lock named Lock is held,
// its lease has not run out, and its token is Token. The zero Fence binds to no lock.
type Fence struct {
	Lock  string
	Token uint64
}

// IsZero reports whether the write is bound to no lock.
func (f Fence) IsZero() bool { return f == Fence{} }

// Record is a stored value.
type Record struct {
	Value    []byte
	Modified time.Time
}

// KV is the store underneath. All methods may be called concurrently, honour their context, and return after the
// operation is durable. A write that returned an error may or may not have been done; with ErrLockHeld and
// ErrStaleFence nothing was done. A read sees all writes that returned before it began.
//
// The store's own clock measures a lease's time to live. A replicated store uses the time that its leader stamped
// on the operation, so that all replicas come to the same result.
type KV interface {
	// Get returns the record at exactly this key. The error is fs.ErrNotExist if there is none.
	// The caller owns the value.
	Get(ctx context.Context, key string) (Record, error)

	// List returns the keys that begin with these bytes, in ascending order of bytes. It is no error if there are none.
	List(ctx context.Context, prefix string) ([]string, error)

	// Put sets the record at key. The error is ErrStaleFence if the fence is not good.
	Put(ctx context.Context, key string, record Record, fence Fence) error

	// Delete removes the record at exactly this key, if there is one. The error is ErrStaleFence if the fence is not good.
	Delete(ctx context.Context, key string, fence Fence) error

	// AcquireLock takes the lock for ttl and returns its token, which is above every earlier token of this name. If the
	// same holder already has the lock, its lease is renewed and it gets the same token, so that a call whose answer was
	// lost can be repeated. The error is ErrLockHeld if another holder has the lock.
	AcquireLock(ctx context.Context, name, holder string, ttl time.Duration) (token uint64, err error)

	// RenewLock makes the lease run for ttl from now. The error is ErrStaleFence if the lease has run out already.
	RenewLock(ctx context.Context, fence Fence, ttl time.Duration) error

	// ReleaseLock ends the lease. If the lock was lost before, it does nothing.
	ReleaseLock(ctx context.Context, fence Fence) error
}

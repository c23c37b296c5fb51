// Package certstore keeps certificates, private keys and ACME accounts in a small replicated
// key-value store, so that every node of a cluster serves the same certificates and only one
// of them at a time talks to the issuer.
//
// It implements the storage interface of CertMagic over KV. Two things are added to what CertMagic asks for:
//
//   - Values are encrypted at rest (XChaCha20-Poly1305) with a key that never enters the store: who reads
//     a backup or a disk of the store reads no private key. Names of keys are not secret; they hold domain names.
//   - Locks are leases with fencing tokens. A lease that is not renewed runs out, so a node that dies holds up
//     nobody for longer than its time to live. A node that was only paused finds out when it writes: each write
//     made under a lock carries the lock's token, and the store refuses a token that is no longer the lock's.
package certstore

import (
	"context"
	"errors"
	"time"
)

// ErrLockHeld says that another holder has the lock, and that its lease has not run out.
var ErrLockHeld = errors.New("lock is held by another")

// ErrStaleFence says that a fence is no longer that of its lock: the lease ran out, or somebody else took the lock since.
// What was asked for under it has not been done.
var ErrStaleFence = errors.New("lock was lost: its lease has run out or another holder has taken it")

// Fence binds a write to a lock. The store carries out the write only if, in the same step, the lock named Lock
// is held, its lease has not run out, and its token is Token. The zero Fence binds to nothing.
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
// operation is durable. A write that returned an error may or may not have been done, except with
// ErrLockHeld and ErrStaleFence, which mean that nothing was done. A read sees all writes that returned before it began.
//
// Time to live is measured by the store's own clock. An implementation that replicates takes the time from the command,
// where its proposer has put it, so that all replicas judge alike.
type KV interface {
	// Get returns the record at exactly this key; an error that is fs.ErrNotExist when there is none.
	// The caller may keep and change the value.
	Get(ctx context.Context, key string) (Record, error)

	// List returns the keys that begin with these bytes, in ascending order of bytes. None is not an error.
	List(ctx context.Context, prefix string) ([]string, error)

	// Put sets the record at key. ErrStaleFence refuses it.
	Put(ctx context.Context, key string, record Record, fence Fence) error

	// Delete removes the record at exactly this key. A missing record is not an error. ErrStaleFence refuses it.
	Delete(ctx context.Context, key string, fence Fence) error

	// AcquireLock takes the lock for ttl and returns its token, which is above every token that was ever given for this
	// name. If the same holder already has the lock it gets the lease renewed and its token again, so that a call
	// whose answer was lost can be repeated. ErrLockHeld when somebody else has it.
	AcquireLock(ctx context.Context, name, holder string, ttl time.Duration) (token uint64, err error)

	// RenewLock makes the lease run for ttl from now. ErrStaleFence when it has run out before or somebody else took the lock.
	RenewLock(ctx context.Context, fence Fence, ttl time.Duration) error

	// ReleaseLock ends the lease. A lock that was lost is not an error: nothing is left to release.
	ReleaseLock(ctx context.Context, fence Fence) error
}

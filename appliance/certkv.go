package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/tls/certstore"
)

// certKV stores certificates in the replicated state, so that a cluster shares them.
type certKV struct {
	store *storage.Store
	node  *replication.Node
}

var _ certstore.KV = certKV{}

// certPrefix is the prefix of certificates among the house's values.
const certPrefix = "tls/"

func (kv certKV) propose(ctx context.Context, b command.Body) (command.Result, error) {
	c := command.Command{Body: b}
	rand.Read(c.ID[:]) // never fails
	r, err := kv.node.Propose(ctx, c)
	if err == nil && r.Refusal != nil {
		switch r.Refusal.Code {
		case "lock_lost":
			return r, certstore.ErrStaleFence
		case "lock_held":
			return r, certstore.ErrLockHeld
		}
		return r, r.Refusal
	}
	return r, err
}

func (kv certKV) Get(ctx context.Context, key string) (certstore.Record, error) {
	if err := kv.node.Barrier(ctx); err != nil {
		return certstore.Record{}, err
	}
	v, ok, err := kv.store.Value(certPrefix + key)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return certstore.Record{Value: v.Value, Modified: v.Modified}, err
}

func (kv certKV) List(ctx context.Context, prefix string) ([]string, error) {
	if err := kv.node.Barrier(ctx); err != nil {
		return nil, err
	}
	names, err := kv.store.ValueNames(certPrefix + prefix)
	for i := range names {
		names[i] = names[i][len(certPrefix):]
	}
	return names, err
}

func (kv certKV) Put(ctx context.Context, key string, r certstore.Record, f certstore.Fence) error {
	_, err := kv.propose(ctx, command.PutValue{Name: certPrefix + key, Value: r.Value, Lock: f.Lock, Fence: f.Token})
	return err
}

func (kv certKV) Delete(ctx context.Context, key string, f certstore.Fence) error {
	_, err := kv.propose(ctx, command.DeleteValue{Name: certPrefix + key, Lock: f.Lock, Fence: f.Token})
	var r *command.Refusal
	if errors.As(err, &r) && r.Code == "not_found" {
		return nil
	}
	return err
}

func (kv certKV) AcquireLock(ctx context.Context, name, holder string, ttl time.Duration) (uint64, error) {
	r, err := kv.propose(ctx, command.AcquireLock{Name: name, Holder: holder, TTL: ttl})
	if err != nil {
		return 0, err
	}
	return r.Value.(*command.LockHeld).Fence, nil
}

func (kv certKV) RenewLock(ctx context.Context, f certstore.Fence, ttl time.Duration) error {
	_, err := kv.propose(ctx, command.AcquireLock{Name: f.Lock, TTL: ttl, Fence: f.Token})
	return err
}

func (kv certKV) ReleaseLock(ctx context.Context, f certstore.Fence) error {
	_, err := kv.propose(ctx, command.ReleaseLock{Name: f.Lock, Fence: f.Token})
	return err
}

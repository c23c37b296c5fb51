package certstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// Options are what a Storage needs.
type Options struct {
	KV  KV
	Key []byte // KeySize bytes; values are encrypted with it

	// Node is part of the holder's name in this node's locks. It may be empty, since each Storage adds a unique part.
	Node string

	// LockTTL is how long a lock outlives its holder, at least 50 milliseconds. Zero: 30 seconds.
	// A lease is renewed after a third of it.
	LockTTL time.Duration

	// LockPoll is how often Lock asks again for a lock that somebody else has. Zero: 1 second.
	LockPoll time.Duration

	Clock  func() time.Time // for times of modification. nil: time.Now
	Logger *slog.Logger     // nil: nothing is logged
}

const (
	defaultLockTTL  = 30 * time.Second
	defaultLockPoll = time.Second
	minLockTTL      = 50 * time.Millisecond
)

// Storage implements certmagic.Storage, certmagic.TryLocker and certmagic.LockLeaseRenewer. It is safe for concurrent use.
// Its owner calls Close when nothing uses it any longer.
type Storage struct {
	kv     KV
	seal   sealer
	node   string
	ttl    time.Duration
	poll   time.Duration
	clock  func() time.Time
	logger *slog.Logger

	ctx      context.Context // ends with Close; renewals run under it
	cancel   context.CancelFunc
	renewals sync.WaitGroup

	mu     sync.Mutex
	closed bool             // mu
	locks  map[string]*lock // mu; by name: the locks that this process holds or waits for
}

var (
	_ certmagic.Storage          = (*Storage)(nil)
	_ certmagic.TryLocker        = (*Storage)(nil)
	_ certmagic.LockLeaseRenewer = (*Storage)(nil)
)

// New makes a Storage. It does not touch the store.
func New(options Options) (*Storage, error) {
	if options.KV == nil {
		return nil, errors.New("certificate storage: no key-value store given")
	}
	seal, err := newSealer(options.Key)
	if err != nil {
		return nil, err
	}
	if options.LockTTL == 0 {
		options.LockTTL = defaultLockTTL
	}
	if options.LockTTL < minLockTTL {
		return nil, fmt.Errorf("certificate storage: locks that live for %v, want at least %v", options.LockTTL, minLockTTL)
	}
	if options.LockPoll <= 0 {
		options.LockPoll = defaultLockPoll
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Storage{
		kv: options.KV, seal: seal,
		node: options.Node + "/" + rand.Text(), ttl: options.LockTTL, poll: options.LockPoll,
		clock: options.Clock, logger: options.Logger,
		ctx: ctx, cancel: cancel,
		locks: make(map[string]*lock),
	}, nil
}

// String names the storage in log lines, without its contents.
func (s *Storage) String() string { return "certstore" }

// Store encrypts value and puts it at key. If this Storage holds the lock that guards the key, the lock fences the write:
// ErrStaleFence means that the lock was lost and nothing was written.
func (s *Storage) Store(ctx context.Context, key string, value []byte) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	fence, err := s.fenceFor(key)
	if err != nil {
		return fmt.Errorf("storing %s: %w", key, err)
	}
	record := Record{Value: s.seal.seal(key, value), Modified: s.clock()}
	if err := s.kv.Put(ctx, key, record, fence); err != nil {
		return fmt.Errorf("storing %s: %w", key, err)
	}
	return nil
}

// Load returns the value at key. The error is fs.ErrNotExist if there is none.
func (s *Storage) Load(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.get(ctx, key)
	return value, err
}

func (s *Storage) get(ctx context.Context, key string) ([]byte, time.Time, error) {
	if err := s.usable(ctx); err != nil {
		return nil, time.Time{}, err
	}
	record, err := s.kv.Get(ctx, key)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("loading %s: %w", key, err)
	}
	value, err := s.seal.open(key, record.Value)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("loading %w", err)
	}
	return value, record.Modified, nil
}

// Delete removes the value at key, and everything below key if key is a directory. It is fenced as Store is.
func (s *Storage) Delete(ctx context.Context, key string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	below, err := s.kv.List(ctx, key+"/")
	if err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	for _, k := range append(below, key) {
		fence, err := s.fenceFor(k)
		if err != nil {
			return fmt.Errorf("deleting %s: %w", k, err)
		}
		if err := s.kv.Delete(ctx, k, fence); err != nil {
			return fmt.Errorf("deleting %s: %w", k, err)
		}
	}
	return nil
}

// Exists reports whether key holds a value or is a directory. It returns false if the store could not be asked.
func (s *Storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// Stat describes the value or directory at key. The error is fs.ErrNotExist if there is neither.
func (s *Storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	if err := s.usable(ctx); err != nil {
		return certmagic.KeyInfo{}, err
	}
	record, err := s.kv.Get(ctx, key)
	if err == nil {
		size := max(0, len(record.Value)-sealOverhead)
		return certmagic.KeyInfo{Key: key, Modified: record.Modified, Size: int64(size), IsTerminal: true}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return certmagic.KeyInfo{}, fmt.Errorf("looking up %s: %w", key, err)
	}
	below, err := s.kv.List(ctx, key+"/")
	if err != nil {
		return certmagic.KeyInfo{}, fmt.Errorf("looking up %s: %w", key, err)
	}
	if len(below) == 0 {
		return certmagic.KeyInfo{}, fmt.Errorf("looking up %s: %w", key, fs.ErrNotExist)
	}
	return certmagic.KeyInfo{Key: key}, nil
}

// List returns the values and directories in the directory dir, in ascending order; with recursive also those in the
// directories below. The empty dir is the root. The error is fs.ErrNotExist if there is no such directory.
func (s *Storage) List(ctx context.Context, dir string, recursive bool) ([]string, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	prefix := strings.TrimSuffix(dir, "/")
	if prefix != "" {
		prefix += "/"
	}
	all, err := s.kv.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	if len(all) == 0 && prefix != "" {
		if _, err := s.kv.Get(ctx, strings.TrimSuffix(dir, "/")); err == nil {
			return nil, nil // a value, with nothing below
		}
		return nil, fmt.Errorf("listing %s: %w", dir, fs.ErrNotExist)
	}
	seen := make(map[string]bool)
	var found []string
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			found = append(found, key)
		}
	}
	for _, key := range all {
		parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
		if !recursive {
			parts = parts[:1]
		}
		for i := range parts {
			add(prefix + strings.Join(parts[:i+1], "/"))
		}
	}
	slices.Sort(found)
	return found, nil
}

// usable returns an error if ctx has ended, or the Storage is closed.
func (s *Storage) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return fmt.Errorf("certificate storage: %w", fs.ErrClosed)
	}
	return nil
}

// checkKey checks that a key has CertMagic's form: components with single slashes between them, and no slash at either end.
func checkKey(key string) error {
	if key == "" || key == "." || key == ".." || path.Clean("/"+key) != "/"+key {
		return fmt.Errorf("certificate storage: %q is not a key: %w", key, fs.ErrInvalid)
	}
	return nil
}

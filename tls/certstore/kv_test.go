package certstore_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"imperio/tls/certstore"
)

// memoryKV implements certstore.KV in memory, with a clock and faults that the test sets.
type memoryKV struct {
	mu      sync.Mutex
	now     time.Time
	records map[string]certstore.Record
	locks   map[string]lease
	tokens  map[string]uint64 // the last token of each lock
	fail    error             // not nil: what every call returns
	renewed int
	fences  map[string]certstore.Fence // of the last write, by key
}

type lease struct {
	holder string
	token  uint64
	until  time.Time
}

func newMemoryKV() *memoryKV {
	return &memoryKV{
		now: time.Unix(1_700_000_000, 0), records: map[string]certstore.Record{}, locks: map[string]lease{},
		tokens: map[string]uint64{}, fences: map[string]certstore.Fence{},
	}
}

func (m *memoryKV) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func (m *memoryKV) setFailure(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memoryKV) renewals() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.renewed
}

func (m *memoryKV) heldBy(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.locks[name]; m.now.Before(l.until) {
		return l.holder
	}
	return ""
}

// begin is called first by every method; the caller unlocks.
func (m *memoryKV) begin(ctx context.Context) error {
	m.mu.Lock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.fail
}

// holds reports whether a fence is good now.
func (m *memoryKV) holds(fence certstore.Fence) bool {
	l := m.locks[fence.Lock]
	return fence.IsZero() || l.token == fence.Token && m.now.Before(l.until)
}

func (m *memoryKV) Get(ctx context.Context, key string) (certstore.Record, error) {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return certstore.Record{}, err
	}
	record, ok := m.records[key]
	if !ok {
		return certstore.Record{}, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	record.Value = slices.Clone(record.Value)
	return record, nil
}

func (m *memoryKV) List(ctx context.Context, prefix string) ([]string, error) {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.records)), func(k string) bool { return !strings.HasPrefix(k, prefix) }), nil
}

func (m *memoryKV) Put(ctx context.Context, key string, record certstore.Record, fence certstore.Fence) error {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return err
	}
	if !m.holds(fence) {
		return certstore.ErrStaleFence
	}
	m.records[key], m.fences[key] = certstore.Record{Value: slices.Clone(record.Value), Modified: record.Modified}, fence
	return nil
}

func (m *memoryKV) Delete(ctx context.Context, key string, fence certstore.Fence) error {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return err
	}
	if !m.holds(fence) {
		return certstore.ErrStaleFence
	}
	delete(m.records, key)
	m.fences[key] = fence
	return nil
}

func (m *memoryKV) AcquireLock(ctx context.Context, name, holder string, ttl time.Duration) (uint64, error) {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return 0, err
	}
	l := m.locks[name]
	if m.now.Before(l.until) && l.holder != holder {
		return 0, certstore.ErrLockHeld
	}
	if !m.now.Before(l.until) {
		m.tokens[name]++
		l = lease{holder: holder, token: m.tokens[name]}
	}
	l.until = m.now.Add(ttl)
	m.locks[name] = l
	return l.token, nil
}

func (m *memoryKV) RenewLock(ctx context.Context, fence certstore.Fence, ttl time.Duration) error {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return err
	}
	if !m.holds(fence) {
		return certstore.ErrStaleFence
	}
	l := m.locks[fence.Lock]
	l.until = m.now.Add(ttl)
	m.locks[fence.Lock] = l
	m.renewed++
	return nil
}

func (m *memoryKV) ReleaseLock(ctx context.Context, fence certstore.Fence) error {
	defer m.mu.Unlock()
	if err := m.begin(ctx); err != nil {
		return err
	}
	if l := m.locks[fence.Lock]; l.token == fence.Token {
		delete(m.locks, fence.Lock)
	}
	return nil
}

package backup_test

import (
	"context"
	"errors"
	"io"
	"sync"

	"imperio/storage/backup"
)

// moody is a target with faults. Each function may be nil, and is called before the target does something.
type moody struct {
	backup.Target
	mu     sync.Mutex
	before func(ctx context.Context, what, name string) error // "create", "write", "commit", "open", "list", "delete"
	hides  func(name string) bool                             // from the list
}

var errDown = errors.New("the target is down")

func (m *moody) set(before func(ctx context.Context, what, name string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

func (m *moody) ask(ctx context.Context, what, name string) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, what, name)
}

func (m *moody) Create(ctx context.Context, name string) (backup.Upload, error) {
	if err := m.ask(ctx, "create", name); err != nil {
		return nil, err
	}
	u, err := m.Target.Create(ctx, name)
	return &moodyUpload{u, m, ctx, name}, err
}

func (m *moody) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := m.ask(ctx, "open", name); err != nil {
		return nil, err
	}
	return m.Target.Open(ctx, name, offset, length)
}

func (m *moody) List(ctx context.Context, prefix string, visit func(backup.Object) error) error {
	if err := m.ask(ctx, "list", prefix); err != nil {
		return err
	}
	return m.Target.List(ctx, prefix, func(o backup.Object) error {
		m.mu.Lock()
		hidden := m.hides != nil && m.hides(o.Name)
		m.mu.Unlock()
		if hidden {
			return nil
		}
		return visit(o)
	})
}

func (m *moody) Delete(ctx context.Context, name string) error {
	if err := m.ask(ctx, "delete", name); err != nil {
		return err
	}
	return m.Target.Delete(ctx, name)
}

type moodyUpload struct {
	backup.Upload
	m    *moody
	ctx  context.Context
	name string
}

func (u *moodyUpload) Write(b []byte) (int, error) {
	if err := u.m.ask(u.ctx, "write", u.name); err != nil {
		return 0, err
	}
	return u.Upload.Write(b)
}

func (u *moodyUpload) Commit(ctx context.Context, verify func(io.Reader) error) error {
	if err := u.m.ask(ctx, "commit", u.name); err != nil {
		u.Upload.Abort()
		return err
	}
	return u.Upload.Commit(ctx, verify)
}

func noCheck(io.Reader) error { return nil }

// serial lets one call at a time through to a target.
func serial(m *moody) backup.Target {
	var one sync.Mutex
	inner := m.before
	m.set(func(ctx context.Context, what, name string) error {
		one.Lock()
		defer one.Unlock()
		return inner(ctx, what, name)
	})
	return m
}

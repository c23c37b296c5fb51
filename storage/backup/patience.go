package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// errHangs says that a target does nothing any more.
var errHangs = errors.New("it does not respond. Check the network, or the file system that it is on")

// attempt does some work with a site's target, and leaves it when the target has done nothing for as long as patience says, or
// when ctx ends. What is left behind may go on in the background, so work must return all that it finds. Until it ends,
// the site is stuck, and further attempts fail at once. progress may be called by work that goes on without the target.
func attempt[T any](ctx context.Context, s *site, patience time.Duration, work func(ctx context.Context, t Target, progress func()) (T, error)) (T, error) {
	var none T
	if s.left.Load() > 0 {
		return none, errHangs
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watched{Target: s.target, site: s, began: time.Now()}
	w.progress()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := work(ctx, w, w.progress)
		done <- outcome{value, err}
	}()
	tick := time.NewTicker(max(patience/8, time.Millisecond))
	defer tick.Stop()
	var leave <-chan time.Time // set once the work was told to end
	ended := ctx.Done()
	for {
		select {
		case o := <-done:
			if cause := context.Cause(ctx); o.err != nil && cause != nil && !errors.Is(o.err, cause) {
				o.err = fmt.Errorf("%w (%w)", cause, o.err)
			}
			return o.value, o.err
		case <-tick.C:
			if w.idle() >= patience {
				cancel(errHangs)
			}
		case <-ended:
			ended, leave = nil, time.After(min(patience, leaveAfter))
		case <-leave:
			s.leave(func() { <-done })
			return none, context.Cause(ctx)
		}
	}
}

// leaveAfter is how long work may take to end after it was told to.
const leaveAfter = 2 * time.Second

// watched is a target that notes when it last did something.
type watched struct {
	Target
	site  *site
	began time.Time
	at    atomic.Int64 // nanoseconds since it began
}

func (w *watched) progress() { w.at.Store(int64(time.Since(w.began))) }

// idle is how long the target has done nothing.
func (w *watched) idle() time.Duration { return time.Since(w.began) - time.Duration(w.at.Load()) }

// try does something with an upload, and leaves it when ctx ends, if it does not end soon itself. So whoever writes can let go
// of what it reads, which holds up the end of the process.
func (w *watched) try(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	var leave <-chan time.Time
	for ended := ctx.Done(); ; {
		select {
		case err := <-done:
			w.progress()
			return err
		case <-ended:
			ended, leave = nil, time.After(leaveAfter/2)
		case <-leave:
			w.site.leave(func() { <-done })
			return errLeft{context.Cause(ctx)}
		}
	}
}

// errLeft is about an upload that was left behind, so that nobody may touch it any more.
type errLeft struct{ error }

func (e errLeft) Unwrap() error { return e.error }

// leave counts work that was left behind, until it ends.
func (s *site) leave(end func()) {
	s.left.Add(1)
	go func() {
		end()
		s.left.Add(-1)
	}()
}

func (w *watched) Create(ctx context.Context, name string) (u Upload, err error) {
	var made Upload
	err = w.try(ctx, func() (err error) { made, err = w.Target.Create(ctx, name); return err })
	if err != nil {
		return nil, err
	}
	return &watchedUpload{upload: made, ctx: ctx, watched: w}, nil
}

func (w *watched) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := w.Target.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{w.reader(r), r}, nil
}

func (w *watched) reader(r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		defer w.progress()
		return r.Read(b)
	})
}

func (w *watched) List(ctx context.Context, prefix string, visit func(Object) error) error {
	return w.Target.List(ctx, prefix, func(o Object) error {
		w.progress()
		return visit(o)
	})
}

func (w *watched) Delete(ctx context.Context, name string) error {
	defer w.progress()
	return w.Target.Delete(ctx, name)
}

type watchedUpload struct {
	upload  Upload
	ctx     context.Context
	watched *watched
	left    bool
}

func (u *watchedUpload) try(ctx context.Context, do func() error) error {
	err := u.watched.try(ctx, do)
	u.left = u.left || errors.As(err, new(errLeft))
	return err
}

func (u *watchedUpload) Write(b []byte) (n int, err error) {
	if u.left {
		return 0, errHangs
	}
	own := bytes.Clone(b) // the caller uses b again, also if the write was left behind
	if err := u.try(u.ctx, func() error { _, err := u.upload.Write(own); return err }); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (u *watchedUpload) Commit(ctx context.Context, verify func(io.Reader) error) error {
	if u.left {
		return errHangs
	}
	return u.try(ctx, func() error {
		return u.upload.Commit(ctx, func(r io.Reader) error { return verify(u.watched.reader(r)) })
	})
}

// Abort leaves an upload that hangs to Clean.
func (u *watchedUpload) Abort() {
	if !u.left {
		u.upload.Abort()
	}
}

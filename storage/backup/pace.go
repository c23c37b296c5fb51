package backup

import (
	"context"
	"io"
	"time"
)

// pace slows work down to a share of one processor. The work is what happens between two calls of Write, apart from the time
// that the sink below takes, which is another machine's or the disk's.
type pace struct {
	ctx   context.Context
	share float64 // of one processor; 1: no pause
	last  time.Time
	owed  time.Duration // of pauses, not yet taken
	sunk  time.Duration // spent in the sink since last
}

func newPace(ctx context.Context, share float64) *pace {
	return &pace{ctx: ctx, share: share, last: time.Now()}
}

// shortestPause is the least that a pause takes; shorter ones are gathered.
const shortestPause = 5 * time.Millisecond

// rest takes the pause that the work since the last call asks for.
func (p *pace) rest() error {
	if p.share >= 1 {
		return p.ctx.Err()
	}
	now := time.Now()
	work := max(now.Sub(p.last)-p.sunk, 0)
	p.owed += time.Duration(float64(work) * (1/p.share - 1))
	p.sunk = 0
	if p.owed >= shortestPause {
		pause := time.NewTimer(p.owed)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-p.ctx.Done():
		}
		p.owed = 0
	}
	p.last = time.Now()
	return p.ctx.Err()
}

// above paces whoever writes to w.
func (p *pace) above(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (n int, err error) {
		for len(b) > 0 && err == nil {
			chunk := b[:min(len(b), paceChunk)]
			var k int
			if k, err = w.Write(chunk); err == nil {
				err = p.rest()
			}
			n, b = n+k, b[len(chunk):]
		}
		return n, err
	})
}

// paceChunk is how many bytes pass between two pauses: some milliseconds of work.
const paceChunk = 256 << 10

// sink marks w as the sink, whose time is not work.
func (p *pace) sink(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		began := time.Now()
		n, err := w.Write(b)
		p.sunk += time.Since(began)
		return n, err
	})
}

// source marks r as the source, whose time is not work, and paces whoever reads from it.
func (p *pace) source(r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if err := p.rest(); err != nil {
			return 0, err
		}
		n, err := r.Read(b[:min(len(b), paceChunk)])
		p.last = time.Now()
		return n, err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imperio/games"
)

// Mirror keeps the tables up to date. Its methods are safe for concurrent use, except Run, which is called once.
type Mirror struct {
	o        Options
	pool     *pgxpool.Config
	database string // for people: host, port and name
	games    *games.Catalogue

	progress progress
	rebuild  atomic.Bool // an operator has asked for it
	wake     chan struct{}
	most     int // events in a batch; of the loop
}

// New makes a mirror. It connects to nothing before Run. The error is that of the URL, without its password.
func New(o Options) (*Mirror, error) {
	o.setDefaults()
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", rootOf(err)) // the error itself quotes the URL
	}
	if o.Password != "" {
		c.ConnConfig.Password = o.Password
	}
	// One connection writes. Another one is there while that is being closed.
	c.MaxConns, c.MinConns, c.MinIdleConns = 2, 0, 0
	c.MaxConnIdleTime = 5 * time.Minute
	c.ConnConfig.ConnectTimeout = min(o.Patience, 10*time.Second)
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "imperio mirror"
	}
	m := &Mirror{o: o, pool: c, most: o.BatchEvents, wake: make(chan struct{}, 1)}
	m.database = net.JoinHostPort(c.ConnConfig.Host, strconv.Itoa(int(c.ConnConfig.Port))) + "/" + c.ConnConfig.Database
	m.progress.s = Status{Database: m.database, Schema: o.Schema, State: Connecting}
	m.progress.caughtUp = time.Now()
	return m, nil
}

// Status is how the mirror stands, where the history of source ends now.
func (m *Mirror) Status(source Source) Status {
	head, _ := source.Head()
	return m.progress.look(head, time.Now())
}

// Rebuild makes the mirror empty its tables and begin again. It returns at once.
func (m *Mirror) Rebuild() {
	m.rebuild.Store(true)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run mirrors until ctx ends. It returns soon after that, whatever PostgreSQL does.
func (m *Mirror) Run(ctx context.Context, source Source) {
	pool, err := pgxpool.NewWithConfig(ctx, m.pool)
	if err != nil {
		m.progress.failed(Failing, err, time.Now())
		m.o.Log.Error("the mirror can't work", "error", err)
		return
	}
	defer closeSoon(pool)
	wait := m.o.RetryFrom
	for ctx.Err() == nil {
		if !source.Leads() {
			m.progress.standBy(time.Now())
			m.pause(ctx, m.o.Interval)
			continue
		}
		worked, err := m.session(ctx, pool, source)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errNotLeading) || errors.Is(err, errRebuild) {
			continue
		}
		if worked {
			wait = m.o.RetryFrom
		}
		m.note(err)
		// Many casinos may wait for one server, so they don't all come back at once.
		m.pause(ctx, wait/2+rand.N(wait/2+1))
		wait = min(2*wait, m.o.RetryMost)
	}
}

// closeSoon closes the pool. Of a frozen server it takes leave for 15 seconds, since pgx first asks it to cancel what it does. Nothing
// depends on that, so it is left behind.
func closeSoon(pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}

// note tells of a failure.
func (m *Mirror) note(err error) {
	if tooSlow(err) {
		m.most = max(100, m.most/4)
	}
	state := Failing
	if errors.Is(err, errOtherHistory) {
		state = OtherCasino
	}
	words := m.inWords(err)
	if m.progress.failed(state, words, time.Now()) {
		m.o.Log.Warn("the mirror does not work; bets go on, and it catches up later", "database", m.database, "error", words)
	}
}

// session connects, and mirrors until something fails. worked says whether it has written anything.
func (m *Mirror) session(ctx context.Context, pool *pgxpool.Pool, source Source) (worked bool, err error) {
	conn, err := m.connect(ctx, pool)
	if err != nil {
		return false, err
	}
	defer func() {
		// A connection that failed, or that nobody needs any more, is cut. Taking leave of a frozen server would take long.
		if err != nil && !errors.Is(err, errRebuild) && !errors.Is(err, errNotLeading) {
			conn.Conn().PgConn().Conn().Close()
		}
		conn.Release()
	}()
	r, err := m.prepare(ctx, conn.Conn(), source)
	if err != nil {
		return false, err
	}

	// The next batch is read while one is written.
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan *batch)
	pace := pace{used: processorTime}
	var readErr error
	var reads sync.WaitGroup
	reads.Go(func() {
		defer close(batches)
		readErr = m.read(reading, r, batches)
	})
	for b := range batches {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, 2*m.o.Patience)
		if err = m.write(limited, conn.Conn(), b); err != nil && limited.Err() != nil && ctx.Err() == nil {
			err = errors.Join(context.DeadlineExceeded, err)
		}
		cancel()
		if err != nil {
			break
		}
		worked = true
		m.progress.reached(b.to, b)
		head, _ := source.Head()
		if long := pace.after(time.Since(began), head); long > 0 {
			m.pause(ctx, long)
		}
	}
	stop()
	for range batches { // what the reader holds is dropped
	}
	reads.Wait()
	m.most = r.most
	if err == nil {
		err = readErr
	}
	return worked, err
}

// connect takes a connection that works.
func (m *Mirror) connect(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, m.o.Patience)
	defer cancel()
	return pool.Acquire(ctx)
}

// prepare makes the tables what they must be, and finds where to go on.
func (m *Mirror) prepare(ctx context.Context, conn *pgx.Conn, source Source) (*reader, error) {
	limited, cancel := context.WithTimeout(ctx, 2*m.o.Patience)
	defer cancel()
	if err := m.migrate(limited, conn); err != nil {
		return nil, err
	}
	if m.rebuild.Load() {
		if err := m.clear(limited, conn); err != nil {
			return nil, err
		}
		m.rebuild.Store(false)
		m.o.Log.Info("the mirror was emptied, and is written again", "database", m.database)
	}
	at, err := m.position(limited, conn)
	if err != nil {
		return nil, err
	}
	if at.event > 0 {
		if hash, ok, err := source.EventHash(at.event); err != nil {
			return nil, err
		} else if !ok || hash != at.hash {
			return nil, errOtherHistory
		}
	}
	c, err := m.catalogue(source)
	if err != nil {
		return nil, err
	}
	if err := m.writeRules(limited, conn, c); err != nil {
		return nil, err
	}
	r := &reader{source: source, most: m.most, bytes: m.o.BatchBytes}
	if err := r.resume(ctx, at); err != nil {
		return nil, err
	}
	m.progress.reached(at, nil)
	return r, nil
}

// read passes batches on until something fails.
func (m *Mirror) read(ctx context.Context, r *reader, batches chan<- *batch) error {
	heard := time.Now()
	for ctx.Err() == nil {
		switch {
		case !r.source.Leads():
			return errNotLeading
		case m.rebuild.Load():
			return errRebuild
		}
		b, err := r.read(ctx)
		if err != nil {
			return err
		}
		if b == nil && time.Since(heard) < m.o.Patience/4 {
			m.pause(ctx, m.o.Interval)
			continue
		}
		if b == nil {
			b = newBatch(r.next) // an empty one shows whether PostgreSQL still answers
			b.lineage = r.lineage
		}
		heard = time.Now()
		if b.events == uint64(r.most) && r.most < m.o.BatchEvents {
			r.most = min(2*r.most, m.o.BatchEvents) // it was lowered because PostgreSQL was slow
		}
		select {
		case batches <- b:
		case <-ctx.Done():
		}
		if b.complete && b.events > busyEvents {
			m.pause(ctx, 8*m.o.Interval)
		}
	}
	return ctx.Err()
}

// busyEvents is how many events a mirror that follows finds at once in a busy casino. Then it waits longer before it looks again: larger
// batches cost less, above all since an account is written once for all its bets.
const busyEvents = 1000

// pause waits until the time is over, ctx ends, or somebody asks for a rebuild.
func (m *Mirror) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-m.wake:
	case <-t.C:
	}
}

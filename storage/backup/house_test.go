package backup_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/backup"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// deadline is how long a test waits for anything.
const deadline = 2 * time.Minute

// casinoID names the casino under test in targets.
const casinoID = "casino-test"

// house is a casino that is played in, with a log that is cut like that of a node.
type house struct {
	t      *testing.T
	player command.AccountID
	absent atomic.Bool // the node does not lead

	mu    sync.Mutex
	c     *storagetest.Casino
	first uint64 // guarded by mu: the first entry in the log
	bets  int    // guarded by mu
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, c: storagetest.New(t, 1, storage.Options{}), first: 1}
	h.player = h.c.Player("Ada", 1_000_000)
	return h
}

// bet plays one round, and returns the index of its entry.
func (h *house) bet() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.c.One(command.Command{Account: h.player, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	h.bets++
	index, _ := h.c.Store.Applied()
	return index
}

// play lets bets go on until the test ends. They must never stop.
func (h *house) play() {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				h.bet()
			}
		}
	}()
	h.t.Cleanup(func() { close(stop); <-stopped })
}

// cut cuts the log up to an entry, as a node does at a checkpoint.
func (h *house) cut(upTo uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first = max(h.first, upTo+1)
}

func (h *house) Leads() bool { return !h.absent.Load() }

func (h *house) Position() (index, term uint64, r machine.Record, err error) {
	return h.c.Store.Position()
}

func (h *house) EventHash(event uint64) ([32]byte, bool, error) { return h.c.Store.EventHash(event) }

func (h *house) Snapshot(ctx context.Context) (*storage.Snapshot, error) {
	return h.c.Store.Snapshot(ctx)
}

// Entries fills the gaps in the casino's log with the entries that a log has of its own.
func (h *house) Entries(_ context.Context, from, to uint64, visit func(storage.Entry) error) error {
	h.mu.Lock()
	if from < h.first {
		h.mu.Unlock()
		return backup.ErrCut
	}
	var entries []storage.Entry
	next := from
	for _, c := range h.c.Log {
		if c.Index < from || c.Index > to {
			continue
		}
		for ; next < c.Index; next++ {
			entries = append(entries, storage.Entry{Index: next, Term: c.Term})
		}
		data, err := command.Pack(c.Time, [][]byte{c.Data})
		if err != nil {
			h.t.Error(err)
		}
		entries, next = append(entries, storage.Entry{Index: c.Index, Term: c.Term, Data: data}), next+1
	}
	h.mu.Unlock()
	for _, e := range entries {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// options are those of a service in a hurry.
func (h *house) options(targets ...backup.Target) backup.ServiceOptions {
	return backup.ServiceOptions{
		Targets: targets, Writing: backup.Writing{Casino: casinoID, Program: "test", Sealing: backup.Sealing{Compression: backup.Zstd}},
		Dir: h.t.TempDir(), Interval: 10 * time.Millisecond, RetryFrom: 10 * time.Millisecond, RetryMost: 50 * time.Millisecond,
		Audit: auditRestored,
	}
}

// auditRestored proves a state as the casino does in a drill.
func auditRestored(ctx context.Context, dir string, m *backup.Manifest, rest func() error) error {
	s, err := storage.Open(dir, storagetest.Keys, storage.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer s.Close()
	_, _, r, err := s.Position()
	if err != nil {
		return err
	}
	if why := backup.PositionOf(&r, storage.FormatVersion).Differs(m.Position); why != "" {
		return errors.New(why)
	}
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	_, err = audit.Run(ctx, snapshot, audit.Options{Workers: 1, Rest: rest})
	return err
}

// running is a service under test.
type running struct {
	*backup.Service
	t       *testing.T
	stop    func() // ends it, and waits
	reports *reports
}

// reports gathers what the operator hears.
type reports struct {
	mu  sync.Mutex
	all []backup.Report
}

func (r *reports) add(v backup.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, v)
}

func (r *reports) count(kind backup.ReportKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.all {
		if v.Kind == kind {
			n++
		}
	}
	return n
}

// serve runs a service on the house until the test ends or stop is called.
func (h *house) serve(o backup.ServiceOptions) *running {
	h.t.Helper()
	r := &running{t: h.t, reports: &reports{}}
	o.Report = r.reports.add
	r.Service = backup.NewService(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx, h) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(deadline):
			h.t.Error("the service does not end")
		}
	})
	h.t.Cleanup(r.stop)
	return r
}

// wait waits until a condition holds.
func (r *running) wait(what string, holds func(backup.Status) bool) backup.Status {
	r.t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(2 * time.Millisecond) {
		s := r.Status()
		if holds(s) {
			return s
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s did not come: %+v", what, s)
		}
	}
}

// startArchives begins archives, once those are finished that the service makes by itself.
func (r *running) startArchives() (run uint64) {
	r.t.Helper()
	r.wait("the beginning of archives", func(backup.Status) bool {
		var err error
		if run, err = r.StartArchives(); err != nil && err != backup.ErrRunning {
			r.t.Fatal(err)
		}
		return err == nil
	})
	return run
}

// has reports that all targets have everything up to an entry.
func has(index uint64) func(backup.Status) bool {
	return func(s backup.Status) bool {
		for _, t := range s.Targets {
			if t.Index < index || t.State != backup.Shipping {
				return false
			}
		}
		return true
	}
}

func directory(t *testing.T) backup.Target {
	t.Helper()
	d, err := backup.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rebuild restores what a target holds of the house, and compares each position with what was noted in the backups. It
// returns the newest index that can be restored.
func (h *house) rebuild(target backup.Target) uint64 {
	h.t.Helper()
	ctx := h.t.Context()
	v, err := backup.ReadInventory(ctx, target, casinoID)
	if err != nil || len(v.Lineages) != 1 || len(v.Lineages[0].Archives) == 0 {
		h.t.Fatalf("inventory %+v, %v", v, err)
	}
	l := v.Lineages[0]
	dir, a := h.t.TempDir(), l.Archives[0] // the first one, so that all segments count
	m, err := backup.ReadManifest(ctx, target, a.Object)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := backup.ExtractArchive(ctx, target, a.Object, &m, nil, dir, nil); err != nil {
		h.t.Fatal(err)
	}
	s, err := storage.Open(dir, storagetest.Keys, storage.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	index := a.Index
	for _, g := range l.Segments {
		if g.Last <= index || g.First > index+1 {
			continue
		}
		m, entries, err := backup.ReadSegment(ctx, target, g.Object, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range entries {
			commands, err := e.Commands()
			if err != nil {
				h.t.Fatal(err)
			}
			if _, err := s.Apply(commands); err != nil {
				h.t.Fatal(err)
			}
		}
		_, _, r, err := s.Position()
		if err != nil {
			h.t.Fatal(err)
		}
		if why := backup.PositionOf(&r, storage.FormatVersion).Differs(m.Position); why != "" {
			h.t.Fatalf("after segment %s: %s", g.Object.Name, why)
		}
		index = g.Last
	}
	event, hash := s.Head()
	if own, ok, err := h.EventHash(event); err != nil || !ok || own != hash {
		h.t.Fatalf("what was restored has another history: event %d", event)
	}
	return index
}

// names lists what a target holds.
func names(t *testing.T, target backup.Target) (list []string) {
	t.Helper()
	if err := target.List(context.Background(), "", func(o backup.Object) error { list = append(list, o.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func count(list []string, part string) (n int) {
	for _, name := range list {
		if strings.Contains(name, part) {
			n++
		}
	}
	return n
}

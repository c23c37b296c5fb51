package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// bets plays n rounds, each under its own idempotency key.
func bets(c *storagetest.Casino, p command.AccountID, from, n int) {
	for i := range n {
		c.One(keyedSpin(p, from+i))
	}
}

// A member that was away goes on with the leader's state as if it had applied the log itself.
func TestReplace_GoesOnWithTheOtherState(t *testing.T) {
	leader, member := storagetest.New(t, 1, byHand), storagetest.New(t, 2, byHand)
	p := leader.Player("ann", 1000)
	bets(leader, p, 0, 30)
	member.Replay(leader.Log)
	member.Checkpoint()
	bets(leader, p, 30, 300)
	leader.One(signIn(p, 1))
	leader.Checkpoint()
	grants(member, p, 1) // it only has this one in memory, and drops it

	path, c := copied(t, leader, member.Store)
	if err := member.Store.Replace(t.Context(), path, c.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
	if member.Store.Durable() != c.Checkpoint {
		t.Errorf("durable: %+v, want %+v", member.Store.Durable(), c.Checkpoint)
	}
	member.Log = append(member.Log[:0], leader.Log...)
	equal := func(when string) {
		t.Helper()
		want, record := leader.Identity()
		if got, m := member.Identity(); got != want || m.Head != record.Head {
			t.Fatalf("%s: the states differ", when)
		}
	}
	equal("after the swap")
	log := len(leader.Log)
	bets(leader, p, 330, 30)
	for n := range 360 { // all keys are known, those before the swap, too
		if r := leader.One(keyedSpin(p, n)); !r.Replayed {
			t.Fatalf("bet %d was played again", n)
		}
	}
	member.Replay(leader.Log[log:])
	equal("after more commands")
	member.Reopen()
	equal("after a restart")
}

// Reads, snapshots and followers of the feed go on while the state is replaced again and again.
func TestReplace_BesideReadersSnapshotsAndFollowers(t *testing.T) {
	const swaps = 12
	leader := storagetest.NewIn(t, memoryDir(t), 1, byHand)
	member := storagetest.NewIn(t, memoryDir(t), 2, storage.Options{CheckpointInterval: time.Millisecond, PatrolInterval: time.Millisecond, PatrolShare: 1})
	p := leader.Player("ann", 1_000_000)
	leader.One(signIn(p, 1))
	member.Replay(leader.Log)

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var working sync.WaitGroup
	repeat := func(what string, work func() error) {
		working.Go(func() {
			for ctx.Err() == nil {
				if err := work(); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", what, err)
					stop()
				}
			}
		})
	}
	var newest uint64
	repeat("transfers", func() error {
		list, _, err := member.Store.Transfers(ctx, p, command.Page{Limit: 100})
		for n := range max(0, len(list)-1) {
			if list[n].BalanceAfter != list[n+1].BalanceAfter+list[n].Amount {
				return fmt.Errorf("transfers %+v and %+v don't add up", list[n], list[n+1])
			}
		}
		return err
	})
	repeat("head", func() error {
		events, _ := member.Store.Head()
		if events < newest {
			return fmt.Errorf("event %d came after %d", events, newest)
		}
		newest = events
		return nil
	})
	repeat("session", func() error {
		if s, ok, err := member.Store.Session(command.TokenHash{1, 1}); err != nil || !ok || s.Account != p {
			return fmt.Errorf("%+v, %w", s, err)
		}
		return nil
	})
	repeat("snapshot", func() error {
		s, err := member.Store.LastSnapshot()
		if err != nil {
			return err
		}
		index, _ := s.Applied()
		var copy bytes.Buffer
		_, err = s.WriteTo(&copy)
		sum, hashErr := s.Hash()
		if err = errors.Join(err, hashErr, s.Close()); err != nil {
			return err
		}
		return holds(t, copy.Bytes(), index, sum)
	})
	repeat("checkpoint", func() error { _, err := member.Store.Checkpoint(ctx); return err })
	follower := member.Store.Follow()
	heard := make(chan error, 1)
	last := make(chan uint64, 1)
	go func() { heard <- follow(ctx, follower, last) }()

	for n := range swaps {
		bets(leader, p, 100*n, 40)
		leader.Checkpoint()
		path, c := copied(t, leader, member.Store)
		if err := member.Store.Replace(ctx, path, c.Checkpoint); err != nil {
			t.Fatal(err)
		}
		log := len(leader.Log)
		bets(leader, p, 100*n+50, 10)
		member.Replay(leader.Log[log:])
	}
	events, _ := leader.Store.Head()
	last <- events + 1
	log := len(leader.Log)
	bets(leader, p, 100*swaps, 1)
	member.Replay(leader.Log[log:])
	select {
	case err := <-heard:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("a follower did not hear the last event")
	}
	stop()
	working.Wait()
	member.Log = append(member.Log[:0], leader.Log...)
	want, _ := leader.Identity()
	if got, _ := member.Identity(); got != want {
		t.Error("the states differ")
	}
}

// follow reads the feed until the event whose number last tells. Events are in order, and those that are left out are told.
func follow(ctx context.Context, f *storage.Follower, last <-chan uint64) error {
	var seq, until, missed, sinceLast uint64
	for {
		events, more, err := f.Next(ctx)
		if err != nil {
			return err
		}
		missed, sinceLast = missed+more, sinceLast+more
		for _, e := range events {
			if seq != 0 && e.Seq != seq+1+sinceLast {
				return fmt.Errorf("event %d came after %d, and %d were missed", e.Seq, seq, sinceLast)
			}
			seq, sinceLast = e.Seq, 0
		}
		select {
		case until = <-last:
		default:
		}
		if until != 0 && seq == until {
			if missed == 0 {
				return errors.New("nothing was missed")
			}
			return nil
		}
	}
}

// holds checks that a file holds the state of a hash.
func holds(t *testing.T, file []byte, index uint64, want [32]byte) error {
	dir := memoryDir(t)
	if err := os.WriteFile(filepath.Join(dir, storage.StateFile), file, 0o600); err != nil {
		return err
	}
	s, err := storage.Open(dir, storagetest.Keys, storage.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	sum, _, err := identity(s)
	if applied, _ := s.Applied(); err == nil && (sum != want || applied != index) {
		err = fmt.Errorf("the file of a snapshot of entry %d holds another state", index)
	}
	return errors.Join(err, s.Close())
}

// A snapshot keeps the old state, however late it is read and whatever has taken its place.
func TestReplace_LeavesOpenSnapshotsTheOldState(t *testing.T) {
	leader, member := storagetest.New(t, 1, byHand), storagetest.New(t, 2, byHand)
	p := leader.Player("ann", 1000)
	member.Replay(leader.Log)
	want, _ := member.Identity()
	snapshot, err := member.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bets(leader, p, 0, 10)
	leader.Checkpoint()
	path, c := copied(t, leader, member.Store)
	if err := member.Store.Replace(t.Context(), path, c.Checkpoint); err != nil {
		t.Fatal(err)
	}
	member.Log = append(member.Log[:0], leader.Log...)
	index, _ := snapshot.Applied()
	var file bytes.Buffer
	_, err = snapshot.WriteTo(&file)
	got, hashErr := snapshot.Hash()
	if err := errors.Join(err, hashErr, snapshot.Close()); err != nil || got != want {
		t.Fatalf("the snapshot changed (%v)", err)
	}
	if err := holds(t, file.Bytes(), index, want); err != nil {
		t.Error(err)
	}
}

func TestReplace_RefusesWhatIsNotWanted(t *testing.T) {
	leader := storagetest.New(t, 1, byHand)
	owned := byHand
	owned.Owner = "cluster"
	member := storagetest.New(t, 2, owned)
	p := leader.Player("ann", 1000)
	member.Replay(leader.Log)
	member.Checkpoint()
	want, _ := member.Identity()
	bets(leader, p, 0, 30)
	leader.Checkpoint()
	before := read(t, member.Store.Path())
	path, c := copied(t, leader, member.Store)
	good := read(t, path)

	other := c.Checkpoint
	other.Head[0]++
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	altered := func(fn func(f *forger)) []byte {
		return read(t, forgeFile(t, good, fn))
	}
	for name, a := range map[string]struct {
		file  []byte
		ctx   context.Context
		want  storage.Checkpoint
		says  string
		is    func(error) bool
		given string
	}{
		"another checkpoint": {want: other, says: "Get the copy again"},
		"no file":            {given: filepath.Join(t.TempDir(), "none"), is: func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		"its own file":       {given: member.Store.Path(), says: "the same file"},
		"nobody who waits":   {ctx: cancelled, is: func(err error) bool { return errors.Is(err, context.Canceled) }},
		"a changed byte":     {file: flipped(good), is: storage.IsDamage},
		"half of it":         {file: good[:len(good)/2], is: storage.IsDamage},
		"nothing in it":      {file: []byte{}, is: storage.IsDamage},
		"a newer level":      {file: altered(func(f *forger) { f.machine(func(m *machine.Record) { m.Level = machine.NewestLevel + 1 }) }), is: func(err error) bool { return errors.As(err, new(*command.NewerError)) }},
		"another key":        {file: altered(func(f *forger) { f.machine(func(m *machine.Record) { m.Key[0]++ }) }), is: func(err error) bool { return errors.Is(err, storage.ErrWrongKey) }},
		"another cluster": {file: altered(func(f *forger) {
			f.must(f.table("meta").Put([]byte("owner"), engine.Seal("meta", []byte("owner"), []byte("other"))))
		}), says: "belongs to"},
		"a head that is none": {file: altered(func(f *forger) { f.machine(func(m *machine.Record) { m.Head[0]++ }) }), is: storage.IsDamage},
	} {
		if a.file == nil {
			a.file = good
		}
		if a.ctx == nil {
			a.ctx = t.Context()
		}
		if a.want == (storage.Checkpoint{}) {
			a.want = c.Checkpoint
		}
		if a.given == "" {
			a.given = path
		}
		if err := os.WriteFile(path, a.file, 0o600); err != nil {
			t.Fatal(err)
		}
		err := member.Store.Replace(a.ctx, a.given, a.want)
		if err == nil || !strings.Contains(err.Error(), a.says) || a.is != nil && !a.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := member.Identity(); got != want || !bytes.Equal(read(t, member.Store.Path()), before) {
			t.Fatalf("%s: the state has changed", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := member.Store.Replace(t.Context(), path, c.Checkpoint); err != nil {
		t.Fatalf("after all refusals: %v", err)
	}
	member.Log = append(member.Log[:0], leader.Log...)
}

// flipped is a file with one other byte in the middle of its data.
func flipped(file []byte) []byte {
	out := bytes.Clone(file)
	at := bytes.LastIndex(out, []byte("hash of ann"))
	out[at] ^= 1
	return out
}

func TestReplace_NeedsAStoreThatWrites(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 1000)
	c.Checkpoint()
	path := filepath.Join(t.TempDir(), storage.StateFile)
	copy, err := c.Store.CopyTo(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := storage.Open(filepath.Dir(path), storagetest.Keys, storage.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Replace(t.Context(), path, copy.Checkpoint); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Error(err)
	}
}

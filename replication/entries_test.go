package replication_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imperio/replication"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// ids are the commands of the entries from one to another, in order. Entries must follow one another.
func ids(t testing.TB, n *replication.Node, from, to uint64) (list []command.ID, err error) {
	t.Helper()
	next := from
	err = n.Entries(within(t), from, to, func(e storage.Entry) error {
		if e.Index != next {
			t.Fatalf("entry %d follows entry %d", e.Index, next-1)
		}
		next++
		commands, err := e.Commands()
		if err != nil {
			return err
		}
		for _, c := range commands {
			if c.Index != e.Index || c.Term != e.Term || c.Time.IsZero() != (len(e.Data) == 0) {
				t.Fatalf("%+v of %+v", c, e)
			}
			if len(c.Data) == 0 {
				continue
			}
			d, err := command.Decode(c.Data)
			if err != nil {
				return err
			}
			list = append(list, d.ID)
		}
		return nil
	})
	return list, err
}

func TestEntries_AreThoseThatTheMachineHasApplied(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n := create(t, dir, j)
	propose(t, n, 1, 20)
	applied, _ := j.Applied()
	got, err := ids(t, n, 1, applied)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(j.IDs()) {
		t.Fatalf("%x, %v", got, err)
	}
	if got, err := ids(t, n, applied, applied); err != nil || len(got) != 1 || got[0] != replicationtest.Command(20).ID {
		t.Errorf("the newest entry holds %x, %v", got, err)
	}
	if got, err := ids(t, n, applied, applied-1); err != nil || got != nil {
		t.Errorf("none: %x, %v", got, err)
	}
	for _, bounds := range [][2]uint64{{0, 3}, {1, applied + 1}, {applied + 1, applied + 1}} {
		if _, err := ids(t, n, bounds[0], bounds[1]); err == nil || errors.Is(err, replication.ErrCut) || !strings.Contains(err.Error(), fmt.Sprintf("applied 1 to %d", applied)) {
			t.Errorf("entries %v: %v", bounds, err)
		}
	}
	enough := errors.New("enough")
	if err := n.Entries(within(t), 1, applied, func(storage.Entry) error { return enough }); err != enough {
		t.Errorf("the visitor's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	if err := n.Entries(ctx, 1, applied, func(storage.Entry) error { seen++; cancel(); return nil }); !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("%d entries, then %v", seen, err)
	}
	shut(t, n)
	if _, err := ids(t, n, 1, applied); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("of a closed node: %v", err)
	}
}

// holdingBack opens a node that cuts its log often, but holds back what is above a mark.
func holdingBack(t testing.TB, dir string, j *replicationtest.Journal, bytes int64, made bool) (n *replication.Node, mark *atomic.Uint64) {
	t.Helper()
	mark = new(atomic.Uint64)
	return open(t, replication.Options{Dir: dir, Machine: j, Create: made, Hold: mark.Load, HoldBytes: bytes,
		SnapshotEntries: 20, SnapshotInterval: 5 * time.Millisecond, TrailingEntries: 5}), mark
}

// snapshotted proposes commands until raft has taken a snapshot above an entry, and returns the last one's number.
func snapshotted(t testing.TB, n *replication.Node, last, above uint64) uint64 {
	t.Helper()
	until(t, "a snapshot", func() bool {
		propose(t, n, last+1, last+25)
		last += 25
		return n.Status().SnapshotIndex > above
	})
	return last
}

func TestHold_KeepsEntriesUntilTheyAreReadAndThenLetsThemGo(t *testing.T) {
	dir := t.TempDir()
	j := replicationtest.New()
	n, mark := holdingBack(t, dir, j, 0, true)
	last := snapshotted(t, n, 0, 60)
	applied, _ := j.Applied()
	if got, err := ids(t, n, 1, applied); err != nil || uint64(len(got)) != last {
		t.Fatalf("%d of %d commands, %v", len(got), last, err)
	}
	if s := n.Status(); s.FirstIndex != 1 || s.HeldBytes <= 0 || s.HoldBytes != 256<<20 || s.Unheld != 0 {
		t.Fatalf("%+v", s)
	}
	mark.Store(30)
	until(t, "the log to be cut while nobody plays", func() bool { return n.Status().FirstIndex == 31 })
	if _, err := ids(t, n, 30, 40); !errors.Is(err, replication.ErrCut) || !strings.Contains(err.Error(), "the first one is 31") {
		t.Errorf("%v", err)
	}
	if _, err := ids(t, n, 31, 40); err != nil {
		t.Error(err)
	}
	if _, err := j.Checkpoint(within(t)); err != nil {
		t.Fatal(err)
	}
	shut(t, n)

	n, mark = holdingBack(t, dir, j.Reopen(), 0, false) // raft takes no snapshot, since nobody plays
	if err := n.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	first := n.Status().FirstIndex
	if first > 31 {
		t.Fatalf("the log begins with %d", first)
	}
	mark.Store(1<<64 - 1)
	until(t, "the log to be cut as far as raft would", func() bool {
		s := n.Status()
		return s.FirstIndex == min(s.SnapshotIndex, s.LastIndex-5)+1 && s.FirstIndex > 60
	})
}

func TestHold_EndsWhenTheLogIsTooLarge(t *testing.T) {
	n, mark := holdingBack(t, t.TempDir(), replicationtest.New(), 1, true)
	mark.Store(3)
	snapshotted(t, n, 0, 60)
	until(t, "the log to be cut", func() bool { return n.Status().FirstIndex > 60 })
	if s := n.Status(); s.Unheld < 60 || s.Unheld >= s.FirstIndex {
		t.Errorf("cut from %d on, told of %d", s.FirstIndex, s.Unheld)
	}
	if _, err := ids(t, n, 4, 10); !errors.Is(err, replication.ErrCut) {
		t.Errorf("%v", err)
	}
}

// A reader that follows gets every command once, in order, while the log is written, held back and cut.
func TestEntries_CanBeFollowedWhileTheLogIsWrittenAndCut(t *testing.T) {
	j := replicationtest.New()
	n, mark := holdingBack(t, t.TempDir(), j, 0, true)
	const callers, each = 8, 200
	var running sync.WaitGroup
	for caller := range uint64(callers) {
		running.Go(func() {
			for i := range uint64(each) {
				if _, err := n.Propose(within(t), replicationtest.Command(caller*each+i+1)); err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
			}
		})
	}
	var got []command.ID
	until(t, "all commands to be read", func() bool {
		from := mark.Load() + 1
		to, _ := j.Applied()
		some, err := ids(t, n, from, to)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, some...)
		mark.Store(max(to, from-1))
		return len(got) >= callers*each
	})
	running.Wait()
	if fmt.Sprint(got) != fmt.Sprint(j.IDs()) {
		t.Error("what was read is not what was applied")
	}
}

// A restored casino's log begins after its state, wherever that ends.
func TestOpen_BeginsALogAfterARestoredCasino(t *testing.T) {
	dir := t.TempDir()
	id := storage.Identity{NodeID: identity.NodeID, ClusterID: identity.ClusterID, Format: storage.FormatVersion}
	if err := storage.Create(dir, id, storagetest.Keys.ID()); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(dir, storagetest.Keys, storage.Options{CheckpointInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	player := numbered(0)
	player.Entropy = make([]byte, 2*command.SeedSize)
	player = storagetest.Keys.Command(player)
	player.Body = command.OpenAccount{Username: "Ada", UsernameKey: "ada", PasswordHash: "hash", Role: command.RolePlayer, WelcomeCoins: 1000}
	data, err := command.Encode(player)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apply([]storage.Command{{Index: 4711, Term: 3, Time: storagetest.Birth, Data: data}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	term, index := uint64(3), uint64(4711)
	for n := uint64(1); n <= 4; n++ {
		before, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
		if err != nil {
			t.Fatal(err)
		}
		if store, err = storage.Open(dir, storagetest.Keys, storage.Options{CheckpointInterval: time.Hour}); err != nil {
			t.Fatal(err)
		}
		node := open(t, replication.Options{Dir: dir, Machine: store, Create: n == 1, SnapshotEntries: 4, SnapshotInterval: 10 * time.Millisecond, TrailingEntries: 1})
		if r, err := node.Propose(within(t), wager(n)); err != nil || r.Refusal != nil || r.Replayed {
			t.Fatalf("wager %d: %+v, %v", n, r, err)
		}
		if n == 3 {
			if err := node.Depose(); err != nil {
				t.Fatal(err)
			}
			if r, err := node.Propose(within(t), wager(n)); err != nil || !r.Replayed {
				t.Fatalf("wager %d again: %+v, %v", n, r, err)
			}
		}
		applied, of := store.Applied()
		if s := node.Status(); s.Term <= term || of != s.Term || applied <= index || s.FirstIndex <= 4711 {
			t.Fatalf("from entry %d of term %d to entry %d of term %d: %+v", index, term, applied, of, s)
		}
		if _, err := ids(t, node, 4711, applied); !errors.Is(err, replication.ErrCut) {
			t.Errorf("the restored entry: %v", err)
		}
		index, term = applied, of
		snapshot, err := store.Snapshot(within(t))
		if err != nil {
			t.Fatal(err)
		}
		_, err = audit.Run(within(t), snapshot, audit.Options{Workers: 1})
		shut(t, node)
		if err := errors.Join(err, snapshot.Close(), store.Close()); err != nil {
			t.Fatal(err)
		}
		if n == 2 { // as if it had been killed before its last checkpoint: the next start replays the log
			if err := os.WriteFile(filepath.Join(dir, storage.StateFile), before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

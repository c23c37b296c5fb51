package replication_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/storagetest"
	"imperio/storage/storagetest/faults"
)

// casino is a whole node: the log and the state in one directory.
type casino struct {
	store *storage.Store
	node  *replication.Node
}

// openCasino opens both files. Checkpoints are only made when the test or a snapshot asks for one.
func openCasino(dir string, create bool) (*casino, error) {
	if create {
		id := storage.Identity{NodeID: identity.NodeID, ClusterID: identity.ClusterID, Format: storage.FormatVersion}
		if err := storage.Create(dir, id, storagetest.Keys.ID()); err != nil {
			return nil, err
		}
	}
	store, err := storage.Open(dir, storagetest.Keys, storage.Options{CheckpointInterval: time.Hour})
	if err != nil {
		return nil, err
	}
	node, err := replication.Open(patient(replication.Options{Dir: dir, Machine: store, Identity: identity, Create: create,
		SnapshotEntries: 4, SnapshotInterval: 10 * time.Millisecond, TrailingEntries: 1, CanaryInterval: time.Hour}))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &casino{store, node}, nil
}

func (c *casino) close(t *testing.T) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return errors.Join(c.node.Close(ctx), c.store.Close())
}

// wager is the n-th command that the only player of these tests proposes.
func wager(n uint64) command.Command {
	c := numbered(n)
	c.Account, c.Key = command.FirstAccountID, command.KeyOf(fmt.Sprint("wager ", n))
	c.Body = command.PlaceWager{Rules: "slots/2", Stake: 1}
	return c
}

// numbered is the n-th command without a body.
func numbered(n uint64) command.Command {
	var c command.Command
	c.ID[0], c.ID[15] = byte(n), 1
	return c
}

// foundCasino makes a casino with a player who has played six rounds, three of them in a checkpoint.
func foundCasino(t *testing.T) (dir string, answers map[uint64]command.Result) {
	t.Helper()
	dir = t.TempDir()
	c, err := openCasino(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	player := numbered(0)
	player.Entropy = make([]byte, 2*command.SeedSize)
	player = storagetest.Keys.Command(player)
	player.Body = command.OpenAccount{Username: "Ada", UsernameKey: "ada", PasswordHash: "hash", Role: command.RolePlayer, WelcomeCoins: 1000}
	if r, err := c.node.Propose(within(t), player); err != nil || r.Refusal != nil {
		t.Fatalf("open the account: %+v, %v", r, err)
	}
	answers = map[uint64]command.Result{}
	for n := uint64(1); n <= 6; n++ {
		if answers[n], err = c.node.Propose(within(t), wager(n)); err != nil || answers[n].Refusal != nil {
			t.Fatalf("wager %d: %+v, %v", n, answers[n], err)
		}
		if n == 3 {
			if _, err := c.store.Checkpoint(within(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.close(t); err != nil {
		t.Fatal(err)
	}
	return dir, answers
}

// Bets without a key that may or may not have been committed when leadership was lost are not played twice.
func TestPropose_PlaysNoBetTwiceAcrossLostLeadership(t *testing.T) {
	t.Parallel()
	const callers, each = 16, 40
	dir, _ := foundCasino(t)
	c, err := openCasino(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.node.Barrier(within(t)); err != nil {
		t.Fatal(err)
	}
	before, _ := c.store.Head()
	ctx := within(t)
	var running sync.WaitGroup
	var mu sync.Mutex
	events := map[uint64]bool{}
	for caller := range callers {
		running.Go(func() {
			for i := range each {
				bet := command.Command{Account: command.FirstAccountID, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
				bet.ID = command.ID{byte(caller), byte(i), 14: 1, 15: 2}
				r, err := c.node.Propose(ctx, bet)
				if err != nil || r.Refusal != nil {
					t.Errorf("caller %d, bet %d: %+v, %v", caller, i, r, err)
					return
				}
				mu.Lock()
				events[r.Event] = true
				mu.Unlock()
			}
		})
	}
	for range 5 {
		if err := c.node.Depose(); err != nil {
			t.Fatal(err)
		}
		if err := c.node.Barrier(ctx); err != nil {
			t.Fatal(err)
		}
	}
	running.Wait()
	if after, _ := c.store.Head(); len(events) != callers*each || after != before+callers*each {
		t.Errorf("%d bets were answered from %d events, and left %d", callers*each, len(events), after-before)
	}
	if err := c.close(t); err != nil {
		t.Fatal(err)
	}
}

const lastWager = 14

// play proposes the remaining wagers while a disk operation may fail, and reports each answer.
func play(t *testing.T, dir string, fired func() bool, answered func(n uint64, r command.Result)) {
	t.Helper()
	c, err := openCasino(dir, false)
	if err != nil {
		if !fired() {
			t.Fatalf("the casino did not open, but nothing failed: %v", err)
		}
		return
	}
	defer func() {
		if err := c.close(t); err != nil && !fired() {
			t.Errorf("the casino did not close: %v", err)
		}
	}()
	for n := uint64(7); n <= lastWager; n++ {
		r, err := c.node.Propose(within(t), wager(n))
		switch {
		case err == nil && r.Refusal == nil && r.Event != 0:
			answered(n, r)
		case err == nil:
			t.Fatalf("wager %d was answered with %+v", n, r)
		case !fired():
			t.Fatalf("wager %d failed, but nothing else did: %v", n, err)
		case !errors.Is(err, command.ErrUnknown) && !errors.Is(err, command.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			t.Fatalf("wager %d: %v", n, err)
		default:
			if err := failed(t, c.node); !strings.Contains(err.Error(), faults.ErrInjected.Error()) {
				t.Fatalf("the node failed with %v", err)
			}
			return
		}
		if n%3 == 0 {
			if _, err := c.store.Checkpoint(within(t)); err != nil && !fired() {
				t.Fatalf("a checkpoint failed, but nothing else did: %v", err)
			}
		}
	}
}

// reopened checks that the casino opens with what is left on the disk, repeats each answer, passes the audit, and takes new bets.
func reopened(t *testing.T, when, dir string, answers map[uint64]command.Result) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log("this was", when)
		}
	}()
	c, err := openCasino(dir, false)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	for n, want := range answers {
		got, err := c.node.Propose(within(t), wager(n))
		if err != nil || !got.Replayed {
			t.Fatalf("wager %d was answered with %+v, and is now: %+v, %v", n, want, got, err)
		}
		want.Replayed = true
		if diff := storagetest.Differ(want, got); diff != "" {
			t.Fatalf("the answer to wager %d has changed (-before +now):\n%s", n, diff)
		}
	}
	if r, err := c.node.Propose(within(t), wager(100)); err != nil || r.Refusal != nil || r.Replayed {
		t.Fatalf("a new wager: %+v, %v", r, err)
	}
	snapshot, err := c.store.Snapshot(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Run(within(t), snapshot, audit.Options{Workers: 1}); err != nil {
		t.Fatalf("audit: %v", err)
	}
	if err := errors.Join(snapshot.Close(), c.close(t)); err != nil {
		t.Fatal(err)
	}
}

func TestFaults_NoFailedWriteOrSyncOfEitherFileLosesABet(t *testing.T) {
	template, before := foundCasino(t)
	for _, file := range []string{replication.LogDir, storage.StateFile} {
		for _, mode := range faults.Modes {
			t.Run(fmt.Sprintf("%s, %v", file, mode), func(t *testing.T) {
				t.Parallel()
				struck := 0
				for operation := 1; ; operation++ {
					dir := t.TempDir()
					faults.CopyDirectory(t, template, dir)
					disk := faults.Watch(t, dir)
					disk.Fail(faults.Fault{File: file, N: operation, Mode: mode, Sticky: operation%2 == 0})
					answers := map[uint64]command.Result{}
					for n, r := range before {
						answers[n] = r
					}
					play(t, dir, disk.Fired, func(n uint64, r command.Result) { answers[n] = r })
					if !disk.Fired() {
						if len(answers) != lastWager {
							t.Fatalf("without a fault, only %d of %d wagers were answered", len(answers), lastWager)
						}
						break
					}
					struck++
					disk.Heal()
					for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Random(uint64(operation))} {
						to := t.TempDir()
						disk.CutPower(t, to, disk.Now(), unsynced)
						reopened(t, fmt.Sprintf("after operation %d failed and the power was cut, variant %d", operation, i), to, answers)
					}
					reopened(t, fmt.Sprintf("after operation %d failed", operation), dir, answers)
				}
				if struck < 20 {
					t.Fatalf("the scenario has only %d operations on %s", struck, file)
				}
			})
		}
	}
}

func TestPowerCut_OfAWholeCasinoLosesNoBet(t *testing.T) {
	t.Parallel()
	dir, before := foundCasino(t)
	disk := faults.Watch(t, dir)
	type answer struct {
		operations int
		n          uint64
		result     command.Result
	}
	var given []answer
	play(t, dir, func() bool { return false }, func(n uint64, r command.Result) {
		given = append(given, answer{disk.Now(), n, r})
	})
	total := disk.Now()
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d operations, seed %d", total, seed)
	for at := 0; at <= total; at++ {
		answers := map[uint64]command.Result{}
		for n, r := range before {
			answers[n] = r
		}
		for _, a := range given {
			if a.operations <= at {
				answers[a.n] = a.result
			}
		}
		for i, unsynced := range []faults.Unsynced{faults.Lost, faults.Kept, faults.Random(seed + uint64(at))} {
			to := t.TempDir()
			disk.CutPower(t, to, at, unsynced)
			reopened(t, fmt.Sprintf("a power cut after operation %d of %d, variant %d, seed %d", at, total, i, seed), to, answers)
		}
	}
}

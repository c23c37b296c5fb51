package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func TestCheckpoint_CoversWhatWasAppliedBeforeIt(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	if d := c.Store.Durable(); d.Index != 0 {
		t.Fatalf("a new casino has checkpoint %d", d.Index)
	}
	c.Player("ann", 100)
	if lag := c.Store.CheckpointFigures(); lag.Lag == 0 || lag.HeldSize == 0 || lag.Count != 0 {
		t.Fatalf("figures %+v", lag)
	}
	c.Checkpoint()
	index, term := c.Store.Applied()
	if d := c.Store.Durable(); d.Index != index || d.Term != term || d.At.IsZero() {
		t.Fatalf("durable %+v, applied %d/%d", d, index, term)
	}
	f := c.Store.CheckpointFigures()
	if f.Lag != 0 || f.HeldSize != 0 || f.Count != 1 || f.Records == 0 || f.Longest < f.Last {
		t.Fatalf("figures %+v", f)
	}
	c.Checkpoint() // nothing to write
	if again := c.Store.CheckpointFigures(); again.Count != 1 {
		t.Fatalf("an empty checkpoint was written: %+v", again)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Store.Checkpoint(canceled); err == nil {
		t.Fatal("a checkpoint under a canceled context")
	}
	if c.Store.Size() == 0 || c.Store.Path() != filepath.Join(c.Dir(), storage.StateFile) {
		t.Fatalf("size %d, path %s", c.Store.Size(), c.Store.Path())
	}
}

func TestCheckpoint_IsWrittenAfterATime(t *testing.T) {
	c := storagetest.New(t, 1, storage.Options{CheckpointInterval: time.Millisecond})
	c.Player("ann", 100)
	index, _ := c.Store.Applied()
	waitFor(t, "a checkpoint by time", func() bool { return c.Store.Durable().Index == index })
}

func TestCheckpoint_IsWrittenAtASize(t *testing.T) {
	c := storagetest.New(t, 1, storage.Options{CheckpointInterval: time.Hour, CheckpointBytes: 100})
	c.Player("ann", 100)
	waitFor(t, "a checkpoint by size", func() bool { return c.Store.Durable().Index > 0 })
}

func TestClose_WhileCheckpointsAreDue(t *testing.T) {
	for range 5 {
		c := storagetest.NewIn(t, memoryDir(t), 1, storage.Options{CheckpointInterval: time.Microsecond, CheckpointBytes: 1})
		c.Player("ann", 100)
		c.Reopen()
		if a, ok, err := c.Store.Account(command.FirstAccountID); err != nil || !ok || a.Coins != 100 {
			t.Fatalf("account %+v, %v", a, err)
		}
	}
}

func TestCheckpoint_DropsWhatHasOutlivedItsUse(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	for n := range 30 {
		c.One(command.Command{Account: p, Key: command.KeyOf(fmt.Sprint(n)), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
		c.One(command.Command{Body: command.AttemptSignIn{Subject: storagetest.Keys.Login(fmt.Sprint(n)), Tries: 5, Refill: 12_000}})
	}
	count := func(table string, want int) {
		t.Helper()
		c.One(command.Command{Body: command.RecordAct{Actor: "cashier", Act: "noted"}})
		c.Checkpoint()
		// The store holds the file's lock, so a copy is read.
		db, err := bbolt.Open(copyOf(t, c.Store.Path()), 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.View(func(tx *bbolt.Tx) error {
			if n := tx.Bucket([]byte(table)).Stats().KeyN; n != want {
				t.Errorf("%s: %d records at %s, want %d", table, n, c.Now, want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	count("throttle", 30)
	c.Now = c.Now.Add(2 * time.Hour)
	count("throttle", 0)
}

func TestIdempotency_HoldsAcrossDays(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	day := storagetest.Birth.Truncate(24 * time.Hour)
	bet := command.Command{Account: p, Key: command.KeyOf("k"), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}
	for _, used := range []time.Duration{24*time.Hour + time.Millisecond, 48*time.Hour - 10*time.Millisecond, 60 * time.Hour} {
		bet.Key[0]++
		c.Now = day.Add(used)
		first := c.One(bet)
		c.Now = day.Add(used + 24*time.Hour - time.Millisecond) // 24 hours are promised
		c.Checkpoint()
		again := c.One(bet)
		if !again.Replayed || again.Event != first.Event || again.Value.(*command.RoundResult).Coins != first.Value.(*command.RoundResult).Coins {
			t.Errorf("used at %v: %+v, and a day later %+v", used, first, again)
		}
		bet.Body = command.PlaceWager{Rules: "slots/2", Stake: 2}
		c.Refused("idempotency_mismatch", bet)
		bet.Body = command.PlaceWager{Rules: "slots/2", Stake: 1}
		day = day.AddDate(0, 0, 4)
		c.Now = day.Add(used)
		if late := c.One(bet); late.Replayed {
			t.Errorf("used at %v: still answered four days later", used)
		}
		day = day.AddDate(0, 0, 4)
	}
	if q := c.Player("ben", 100); c.One(command.Command{Account: q, Key: bet.Key, Body: bet.Body}).Replayed {
		t.Error("one player's key answered another")
	}
}

func TestOpen_OtherFormatVersions(t *testing.T) {
	for _, tc := range []struct {
		version  uint32
		readOnly bool
		says     string
	}{
		{storage.FormatVersion + 1, false, "written by a newer one. Run that version"},
		{storage.FormatVersion + 1, true, "written by a newer one"},
		{0, true, "start the casino once"},
		{0, false, "no step from format version 0"}, // there never was a version 0
	} {
		c := storagetest.New(t, 1, byHand)
		c.Player("ann", 100)
		dir := c.Dir()
		c.Abandon()
		path := filepath.Join(dir, storage.StateFile)
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("format"), storagetest.Format(tc.version))
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before := read(t, path)
		_, err = storage.Open(dir, storagetest.Keys, storage.Options{ReadOnly: tc.readOnly})
		if err == nil || storage.IsDamage(err) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("version %d, read only %v: %v", tc.version, tc.readOnly, err)
		}
		if !bytes.Equal(before, read(t, path)) {
			t.Errorf("version %d, read only %v: the file was changed", tc.version, tc.readOnly)
		}
	}
}

// copyOf is a copy of a file.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(to, read(t, path), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

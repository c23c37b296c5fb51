package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

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

func TestApply_WaitsWhileCheckpointsFallBehind(t *testing.T) {
	c := storagetest.New(t, 1, storage.Options{CheckpointInterval: time.Hour, CheckpointBytes: 2000})
	p := c.Player("ann", 1000)
	release := storage.StallCheckpoints(c.Store)
	done := make(chan struct{})
	const bets = 200
	go func() {
		defer close(done)
		for range bets {
			c.Do(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
		}
	}()
	waitFor(t, "four checkpoints' worth of changes", func() bool { return c.Store.CheckpointFigures().HeldSize > 4*2000 })
	select {
	case <-done:
		t.Fatal("all bets were applied though nothing could be written")
	default:
	}
	if held := c.Store.CheckpointFigures().HeldSize; held > 20*2000 {
		t.Fatalf("%d bytes are held", held)
	}
	release()
	<-done
	if f, _, err := c.Store.Fairness(p); err != nil || f.Nonce != bets {
		t.Fatalf("nonce %d, %v", f.Nonce, err)
	}
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

func TestView_SeesMemoryFrozenAndFile(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	for range 5 {
		c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	}
	c.Checkpoint()
	for range 5 {
		c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
	}
	thaw := storage.Freeze(c.Store)
	last := c.One(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}).Value.(*command.RoundResult)
	rounds, _, err := c.Store.Rounds(context.Background(), p, command.Page{Limit: 100})
	if err != nil || len(rounds) != 11 || rounds[0].ID != last.Round.ID {
		t.Fatalf("%d rounds, %v", len(rounds), err)
	}
	if a, _, err := c.Store.Account(p); err != nil || a.Coins != last.Coins {
		t.Fatalf("account %+v, %v", a, err)
	}
	thaw()
	if rounds, _, err = c.Store.Rounds(context.Background(), p, command.Page{Limit: 100}); err != nil || len(rounds) != 11 {
		t.Fatalf("%d rounds, %v", len(rounds), err)
	}
}

// The merged order of a table's records is that of one sorted map, whatever is where.
func TestEach_MergesLiveFrozenAndFileInOrder(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	rapid.Check(t, func(rt *rapid.T) {
		const table = "usernames" // any table of plain keys will do
		model := make(map[string]string)
		if err := storage.Each(c.Store, table, nil, func(k, v []byte) error { model[string(k)] = string(v); return nil }); err != nil {
			rt.Fatal(err)
		}
		change := func(what string) {
			for range rapid.IntRange(0, 12).Draw(rt, what) {
				k := string(rapid.SliceOfN(rapid.ByteRange('a', 'd'), 1, 3).Draw(rt, "key"))
				if rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
					storage.Put(c.Store, table, []byte(k), nil)
					delete(model, k)
				} else {
					v := string(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(rt, "value"))
					storage.Put(c.Store, table, []byte(k), append([]byte{}, v...))
					model[k] = v
				}
			}
		}
		change("file")
		c.Do(command.Command{Body: command.RecordAct{Actor: "cashier", Act: "noted"}})
		c.Checkpoint()
		change("frozen")
		thaw := storage.Freeze(c.Store)
		defer thaw()
		change("live")
		var keys []string
		for k, v := range model {
			keys = append(keys, k)
			if got, err := storage.Get(c.Store, table, []byte(k)); err != nil || got == nil || string(got) != v {
				rt.Fatalf("%q is %q (%v), want %q", k, got, err, v)
			}
		}
		slices.Sort(keys)
		from := string(rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 3).Draw(rt, "from"))
		start, _ := slices.BinarySearch(keys, from)
		var got []string
		err := storage.Each(c.Store, table, []byte(from), func(k, v []byte) error {
			if model[string(k)] != string(v) {
				rt.Fatalf("%q is %q, want %q", k, v, model[string(k)])
			}
			got = append(got, string(k))
			return nil
		})
		if err != nil || !slices.Equal(got, keys[start:]) {
			rt.Fatalf("from %q: %q (%v), want %q", from, got, err, keys[start:])
		}
	})
	// What the test put there is no account's; it is removed again for the audit.
	var keys [][]byte
	if err := storage.Each(c.Store, "usernames", nil, func(k, _ []byte) error { keys = append(keys, bytes.Clone(k)); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		storage.Put(c.Store, "usernames", k, nil)
	}
}

func TestCheckpoint_DropsWhatHasOutlivedItsUse(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	for n := range 30 {
		c.One(command.Command{Account: p, Key: command.KeyOf(fmt.Sprint(n)), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
		c.One(command.Command{Body: command.AttemptSignIn{Address: fmt.Sprint(n), Login: fmt.Sprint(n), Tries: 5, Refill: 12_000}})
	}
	count := func(table string, want int) {
		t.Helper()
		c.One(command.Command{Body: command.RecordAct{Actor: "cashier", Act: "noted"}})
		c.Checkpoint()
		if n, err := storage.CountInFile(c.Store, table); err != nil || n != want {
			t.Errorf("%s: %d records at %s (%v), want %d", table, n, c.Now, err, want)
		}
	}
	count("throttle", 60)
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

func TestMigrate_StepsRunInOneTransaction(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	dir := c.Dir()
	c.Abandon()
	db, err := bbolt.Open(filepath.Join(dir, storage.StateFile), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	format := func() (n int) {
		if err := db.View(func(tx *bbolt.Tx) (err error) { n, err = storage.Format(tx); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	set := func(n uint32) {
		if err := db.Update(func(tx *bbolt.Tx) error { return storage.SetFormat(tx, n) }); err != nil {
			t.Fatal(err)
		}
	}
	var ran []string
	step := func(name string, fail bool) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			ran = append(ran, name)
			if err := tx.Bucket([]byte("values")).Put([]byte(name), []byte("x")); err != nil || !fail {
				return err
			}
			return fmt.Errorf("step %s breaks", name)
		}
	}
	set(0)
	if err := storage.Migrate(db, map[int]func(*bbolt.Tx) error{0: step("a", false)}, storage.FormatVersion+1); err == nil || !strings.Contains(err.Error(), "no step from format version 1 to 2") {
		t.Fatalf("a step is missing: %v", err)
	}
	if err := storage.Migrate(db, map[int]func(*bbolt.Tx) error{0: step("b", true)}, storage.FormatVersion); err == nil || !strings.Contains(err.Error(), "step b breaks") {
		t.Fatalf("a step breaks: %v", err)
	}
	if n := format(); n != 0 {
		t.Fatalf("after failed steps the file has format %d", n)
	}
	if err := db.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket([]byte("values")).Cursor().First(); k != nil {
			return fmt.Errorf("a failed step left %q", k)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := storage.Migrate(db, map[int]func(*bbolt.Tx) error{0: step("c", false)}, storage.FormatVersion); err != nil {
		t.Fatal(err)
	}
	if n := format(); n != storage.FormatVersion || !slices.Equal(ran, []string{"a", "b", "c"}) {
		t.Fatalf("format %d after steps %v", n, ran)
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
		if err := db.Update(func(tx *bbolt.Tx) error { return storage.SetFormat(tx, tc.version) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before := read(t, path)
		_, err = storage.Open(dir, storage.Options{ReadOnly: tc.readOnly})
		if err == nil || storage.IsDamage(err) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("version %d, read only %v: %v", tc.version, tc.readOnly, err)
		}
		if !bytes.Equal(before, read(t, path)) {
			t.Errorf("version %d, read only %v: the file was changed", tc.version, tc.readOnly)
		}
	}
}

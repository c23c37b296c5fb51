package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// The tables of these tests: words, and numbers from 1 up to what the record says.
const (
	words = iota
	numbers
)

var plain = &Schema{Format: 1, Tables: []Table{
	words: {Name: "words"},
	numbers: {Name: "numbers", Appended: true, Numbers: func(record []byte) (first, last uint64, err error) {
		return 1, binary.BigEndian.Uint64(record), nil
	}},
}}

// byHand writes checkpoints only when the test asks for them.
var byHand = Options{CheckpointInterval: time.Hour}

func open(t *testing.T, opts Options) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := Create(path, plain, "owner", make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return reopen(t, path, opts)
}

func reopen(t *testing.T, path string, opts Options) *DB {
	t.Helper()
	d, err := Open(path, plain, opts, func(*Reader) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil && d.Err() == nil {
			t.Error(err)
		}
	})
	return d
}

// change updates a state and advances the index.
func change(t interface{ Fatal(...any) }, d *DB, fn func(*Writer)) {
	if err := d.Update(func(w *Writer) error {
		fn(w)
		index, _ := w.Applied()
		w.SetApplied(index+1, 1, w.Record())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// freeze turns the live layer into the frozen one, as while a checkpoint is written. thaw ends that.
func freeze(d *DB) (thaw func()) {
	d.turn.Lock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen, d.live = d.live, newLayer(len(d.schema.Tables))
	return func() {
		d.mu.Lock()
		newer := d.live
		d.live, d.frozen = d.frozen, nil
		for table := range newer.changes {
			for k, v := range newer.changes[table] {
				d.live.put(table, []byte(k), v)
			}
		}
		d.mu.Unlock()
		d.turn.Unlock()
	}
}

// waitFor waits until a condition holds. The deadline is far beyond what a loaded machine needs.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func TestSeal_TellsOtherTablesKeysAndContents(t *testing.T) {
	sealed := Seal("words", []byte("key"), []byte("content"))
	if got, ok := Unseal("words", []byte("key"), sealed); !ok || string(got) != "content" {
		t.Errorf("%q, %v", got, ok)
	}
	for _, c := range []struct {
		table, key string
		sealed     []byte
	}{
		{"numbers", "key", sealed}, {"words", "kez", sealed}, {"words", "key", sealed[1:]}, {"words", "key", nil}, {"words", "key", append([]byte{0}, sealed...)},
	} {
		if _, ok := Unseal(c.table, []byte(c.key), c.sealed); ok {
			t.Errorf("unsealed %+v", c)
		}
	}
}

// After a checkpoint and a restart, everything before the checkpoint is there, and nothing that came after it.
func TestOpen_GoesOnFromTheLastCheckpoint(t *testing.T) {
	d := open(t, byHand)
	put := func(word, record string, index uint64) {
		t.Helper()
		if err := d.Update(func(w *Writer) error {
			w.Put(words, []byte(word), []byte(record))
			w.SetApplied(index, 3, []byte(record))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("first", "record 1", 7)
	if c, err := d.Checkpoint(context.Background()); err != nil || c.Index != 7 || c.Term != 3 || string(c.Record) != "record 1" {
		t.Fatalf("%+v, %v", c, err)
	}
	put("second", "record 2", 9)
	d.Fail(errors.New("a test's kill")) // so that closing writes nothing
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = reopen(t, d.Path(), byHand)
	if err := d.View(func(r *Reader) error {
		first, err1 := r.Get(words, []byte("first"))
		second, err2 := r.Get(words, []byte("second"))
		index, term := r.Applied()
		if string(first) != "record 1" || second != nil || index != 7 || term != 3 || string(r.Record()) != "record 1" {
			t.Errorf("first %q, second %q, applied %d/%d, record %q", first, second, index, term, r.Record())
		}
		return errors.Join(err1, err2)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_RefusesTheFileOfAnotherOwner(t *testing.T) {
	d := open(t, byHand)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(d.Path(), plain, Options{Owner: "another"}, func(*Reader) error { return nil })
	if err == nil || IsDamage(err) || !strings.Contains(err.Error(), `belongs to "owner", and this directory to "another"`) {
		t.Errorf("%v", err)
	}
}

func TestUpdate_WaitsWhileCheckpointsFallBehind(t *testing.T) {
	d := open(t, Options{CheckpointInterval: time.Hour, CheckpointBytes: 2000})
	d.turn.Lock() // checkpoints are held back
	done := make(chan struct{})
	const changes = 200
	go func() {
		defer close(done)
		for n := range changes {
			change(t, d, func(w *Writer) { w.Put(words, fmt.Append(nil, n), make([]byte, 100)) })
		}
	}()
	waitFor(t, "four checkpoints' worth of changes", func() bool { return d.CheckpointFigures().HeldSize > 4*2000 })
	select {
	case <-done:
		t.Error("all changes were taken though nothing could be written")
	default:
	}
	if held := d.CheckpointFigures().HeldSize; held > 20*2000 {
		t.Errorf("%d bytes are held", held)
	}
	d.turn.Unlock()
	<-done
	if index, _ := d.Applied(); index != changes {
		t.Errorf("%d changes of %d", index, changes)
	}
}

// Records are visited in the order of one sorted map, no matter which of them are in the layers or in the file.
func TestReader_MergesLiveFrozenAndFileInOrder(t *testing.T) {
	d := open(t, byHand)
	model := make(map[string]string)
	rapid.Check(t, func(rt *rapid.T) {
		vary := func(what string) {
			for range rapid.IntRange(0, 12).Draw(rt, what) {
				k := string(rapid.SliceOfN(rapid.ByteRange('a', 'd'), 1, 3).Draw(rt, "key"))
				if rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
					change(rt, d, func(w *Writer) { w.Delete(words, []byte(k)) })
					delete(model, k)
				} else {
					v := string(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(rt, "value"))
					change(rt, d, func(w *Writer) { w.Put(words, []byte(k), []byte(v)) })
					model[k] = v
				}
			}
		}
		vary("file")
		if _, err := d.Checkpoint(context.Background()); err != nil {
			rt.Fatal(err)
		}
		vary("frozen")
		thaw := freeze(d)
		defer thaw()
		vary("live")
		from := string(rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 3).Draw(rt, "from"))
		var keys, got []string
		err := d.View(func(r *Reader) error {
			for k, v := range model {
				keys = append(keys, k)
				if got, err := r.Get(words, []byte(k)); err != nil || got == nil || string(got) != v {
					rt.Fatalf("%q is %q (%v), want %q", k, got, err, v)
				}
			}
			return r.Each(words, []byte(from), func(k, v []byte) error {
				if model[string(k)] != string(v) {
					rt.Fatalf("%q is %q, want %q", k, v, model[string(k)])
				}
				got = append(got, string(k))
				return nil
			})
		})
		slices.Sort(keys)
		start, _ := slices.BinarySearch(keys, from)
		if err != nil || !slices.Equal(got, keys[start:]) {
			rt.Fatalf("from %q: %q (%v), want %q", from, got, err, keys[start:])
		}
	})
}

func TestMigrate_StepsRunInOneTransaction(t *testing.T) {
	d := open(t, byHand)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(d.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	format := func() (n int) {
		if err := db.View(func(tx *bbolt.Tx) (err error) {
			n, err = plain.formatOf("file", tx.Bucket([]byte(metaTable)).Get(formatKey))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var ran []string
	step := func(name string, fail bool) Migration {
		return func(tx *bbolt.Tx) error {
			ran = append(ran, name)
			if err := tx.Bucket([]byte("words")).Put([]byte(name), []byte("x")); err != nil || !fail {
				return err
			}
			return fmt.Errorf("step %s breaks", name)
		}
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return putFormat(tx.Bucket([]byte(metaTable)), 0) }); err != nil {
		t.Fatal(err)
	}
	if err := migrate(db, map[int]Migration{0: step("a", false)}, 2); err == nil || !strings.Contains(err.Error(), "no step from format version 1 to 2") {
		t.Fatalf("a step is missing: %v", err)
	}
	if err := migrate(db, map[int]Migration{0: step("b", true)}, 1); err == nil || !strings.Contains(err.Error(), "step b breaks") {
		t.Fatalf("a step breaks: %v", err)
	}
	if n := format(); n != 0 {
		t.Fatalf("after failed steps the file has format %d", n)
	}
	if err := db.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket([]byte("words")).Cursor().First(); k != nil {
			return fmt.Errorf("a failed step left %q", k)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := migrate(db, map[int]Migration{0: step("c", false)}, 1); err != nil {
		t.Fatal(err)
	}
	if n := format(); n != 1 || !slices.Equal(ran, []string{"a", "b", "c"}) {
		t.Fatalf("format %d after steps %v", n, ran)
	}
}

// A panic counts as damage only if bbolt or a page of the file caused it. Any other panic is a bug, and keeps its stack.
func TestGuard_TellsDamageFromBugs(t *testing.T) {
	d := open(t, byHand)
	err := d.View(func(r *Reader) error {
		key := r.Record()
		_ = key[len(key)]
		return nil
	})
	var bug *BugError
	if IsDamage(err) || !errors.As(err, &bug) || !strings.Contains(bug.Stack, "TestGuard_TellsDamageFromBugs") || !strings.Contains(err.Error(), "this is a bug") {
		t.Errorf("a panic of a rule: %v", err)
	}
	if d.Err() != nil {
		t.Errorf("a reader's bug ended the service: %v", d.Err())
	}
	if err := Guard("file", func() error { new(bbolt.Cursor).First(); return nil }); !IsDamage(err) {
		t.Errorf("a panic of bbolt: %v", err)
	}
	err = d.Update(func(*Writer) error { panic("rule") })
	if !errors.As(err, &bug) || d.Err() == nil {
		t.Errorf("a panic of an update: %v, and then %v", err, d.Err())
	}
}

// If the file is no longer where it was opened, nothing may be acknowledged into it.
func TestWatch_NoticesAFileThatIsNotThereAnyMore(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"removed":  os.Remove,
		"moved":    func(path string) error { return os.Rename(path, path+".moved") },
		"replaced": func(path string) error { return WriteFile(path, []byte("another")) },
		"with its directory": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".moved")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, byHand)
			if err := take(d.Path()); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the watch to notice", func() bool { return d.Err() != nil })
			if err := d.Err(); IsDamage(err) || !strings.Contains(err.Error(), "while it was in use") || !strings.Contains(err.Error(), d.Path()) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A checkpoint that never ends is noticed, and ends the service.
func TestWatch_EndsACheckpointThatHangs(t *testing.T) {
	d := open(t, Options{CheckpointInterval: time.Hour, StallLimit: time.Nanosecond})
	tx, err := d.file.db.Begin(true) // bbolt has one writer at a time
	if err != nil {
		t.Fatal(err)
	}
	change(t, d, func(w *Writer) { w.Put(words, []byte("word"), nil) })
	done := make(chan error, 1)
	go func() { _, err := d.Checkpoint(context.Background()); done <- err }()
	waitFor(t, "the watch to notice", func() bool { return d.Err() != nil })
	if err := d.Err(); IsDamage(err) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	if f := d.CheckpointFigures(); f.Writing == 0 {
		t.Errorf("figures %+v", f)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	<-done
}

// With one flipped bit in the free list of a large file, the first checkpoint would overwrite live pages.
func TestOpen_WritesNothingBeforeALargeFileIsProven(t *testing.T) {
	d := open(t, byHand)
	for range 3 { // pages that are used and free again
		for n := range 40 {
			change(t, d, func(w *Writer) { w.Put(words, []byte{byte(n)}, bytes.Repeat([]byte{byte(n)}, 1<<20)) })
		}
		if _, err := d.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(d.Path())
	if err != nil || len(file) < checkAllBelow {
		t.Fatalf("a file of %d bytes, %v", len(file), err)
	}
	sound := reopen(t, d.Path(), byHand)
	change(t, sound, func(w *Writer) { w.Put(words, []byte("word"), nil) })
	if _, err := sound.Checkpoint(context.Background()); err != nil {
		t.Fatalf("a sound file: %v", err)
	}
	if err := sound.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err = os.ReadFile(d.Path()); err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	flipped := false
	for at := 2 * page; at+page <= len(file); at += page { // every list of free pages, also the old ones
		if count := binary.NativeEndian.Uint16(file[at+10:]); binary.NativeEndian.Uint16(file[at+8:]) == 0x10 && count > 0 {
			file[at+16] ^= 1
			flipped = true
		}
	}
	if !flipped {
		t.Fatal("there is no list of free pages")
	}
	if err := os.WriteFile(d.Path(), file, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, err := Open(d.Path(), plain, byHand, func(*Reader) error { return nil })
	if err == nil {
		change(t, damaged, func(w *Writer) { w.Put(words, []byte("word"), []byte("another")) })
		_, err = damaged.Checkpoint(context.Background())
		if err2 := damaged.Close(); err2 != nil {
			t.Error(err2)
		}
	}
	if !IsDamage(err) {
		t.Errorf("%v, want damage", err)
	}
	if after, err := os.ReadFile(d.Path()); err != nil || !bytes.Equal(after, file) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// The patrol checks a numbered table against the owner's record.
func TestPatrol_FindsAMissingNumber(t *testing.T) {
	d := open(t, byHand)
	if err := d.Update(func(w *Writer) error {
		for n := uint64(1); n <= 9; n++ {
			if n != 5 {
				w.Put(numbers, binary.BigEndian.AppendUint64(nil, n), bytes.Repeat([]byte{byte(n)}, 20))
			}
		}
		w.SetApplied(1, 1, binary.BigEndian.AppendUint64(nil, 9))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = reopen(t, d.Path(), Options{CheckpointInterval: time.Hour, PatrolInterval: time.Millisecond, PatrolShare: 1})
	waitFor(t, "the patrol to find the gap", func() bool { return d.Err() != nil })
	if err := d.Err(); !IsDamage(err) || !strings.Contains(err.Error(), "the record 5 of the table numbers is missing") {
		t.Errorf("%v", err)
	}
}

// The owner is asked before a file is brought up to a newer format. If it says no, nothing is changed.
func TestOpen_AsksTheOwnerBeforeAMigration(t *testing.T) {
	d := open(t, byHand)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	newer := *plain
	newer.Format = plain.Format + 1
	newer.Migrations = map[int]Migration{plain.Format: func(*bbolt.Tx) error { return nil }}
	before, err := os.ReadFile(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	opts := byHand
	var asked []Migrating
	no := errors.New("there is no room")
	opts.BeforeMigration = func(m Migrating) error { asked = append(asked, m); return no }
	if _, err := Open(d.Path(), &newer, opts, func(*Reader) error { return nil }); !errors.Is(err, no) || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("%v", err)
	}
	if after, err := os.ReadFile(d.Path()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	no = nil
	for range 2 { // the second time there is nothing to ask
		again, err := Open(d.Path(), &newer, opts, func(*Reader) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := Migrating{Path: d.Path(), From: plain.Format, To: newer.Format}
	if !slices.Equal(asked, []Migrating{want, want}) {
		t.Errorf("asked %+v", asked)
	}
	if _, err := Open(d.Path(), plain, byHand, func(*Reader) error { return nil }); !errors.As(err, new(*NewerFormatError)) {
		t.Errorf("a program that knows only the older format: %v", err)
	}
}

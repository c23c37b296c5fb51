package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// another is a file of the same owner with one word, beside that of d.
func another(t *testing.T, d *DB, schema *Schema, word string) (path string) {
	t.Helper()
	path = filepath.Join(filepath.Dir(d.Path()), "another")
	if err := Create(path, schema, "owner", make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	other, err := Open(path, schema, byHand, func(*Reader) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	change(t, other, func(w *Writer) { w.Put(words, []byte(word), []byte("there")) })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func replace(t *testing.T, d *DB, path string) {
	t.Helper()
	if err := d.Replace(t.Context(), path, func(*Reader) error { return nil }, func() {}); err != nil {
		t.Fatal(err)
	}
}

// has says whether the newest state has a word.
func has(t *testing.T, d *DB, word string) (there bool) {
	t.Helper()
	if err := d.View(func(r *Reader) error {
		v, err := r.Get(words, []byte(word))
		there = v != nil
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return there
}

// A checkpoint that waits for the proof of a large file goes on in the file that replaces it.
func TestReplace_EndsTheWaitForAProof(t *testing.T) {
	d := open(t, byHand)
	d.mu.Lock()
	d.file = &stateFile{db: d.file.db, raw: d.file.raw, proven: make(chan struct{}), replaced: make(chan struct{})}
	d.mu.Unlock()
	change(t, d, func(w *Writer) { w.Put(words, []byte("old"), []byte("x")) })
	written := make(chan error, 1)
	go func() {
		_, err := d.Checkpoint(context.Background())
		written <- err
	}()
	replace(t, d, another(t, d, plain, "new"))
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if has(t, d, "old") || !has(t, d, "new") {
		t.Error("the state is not that of the other file")
	}
}

func TestReplace_BringsAnOlderFileUp(t *testing.T) {
	newer := &Schema{Tables: plain.Tables, Format: 2, Migrations: map[int]Migration{1: func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("words")).Put([]byte("migrated"), Seal("words", []byte("migrated"), []byte("x")))
	}}}
	path := filepath.Join(t.TempDir(), "state.db")
	if err := Create(path, newer, "owner", make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	opts := byHand
	opts.BeforeMigration = func(Migrating) error { return errors.New("this is not about the casino's own file") }
	d, err := Open(path, newer, opts, func(*Reader) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	replace(t, d, another(t, d, plain, "new"))
	if !has(t, d, "new") || !has(t, d, "migrated") {
		t.Error("the file was not brought up")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var version uint32
	raw, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = raw.View(func(tx *bbolt.Tx) error {
		v, err := metaValue(tx, path, formatKey)
		if err == nil {
			version = binary.BigEndian.Uint32(v)
		}
		return err
	})
	if err = errors.Join(err, raw.Close()); err != nil || version != 2 {
		t.Errorf("the file has the format version %d (%v)", version, err)
	}
}

// Damage in a file that was replaced shows in snapshots of it, and does not end the service of the new one.
func TestReplace_DamageInTheOldFileIsHistory(t *testing.T) {
	d := open(t, byHand)
	change(t, d, func(w *Writer) { w.Put(words, []byte("old"), []byte("some content")) })
	snapshot, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.OpenFile(d.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	replace(t, d, another(t, d, plain, "new"))
	content, err := io.ReadAll(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.WriteAt([]byte("S"), int64(bytes.LastIndex(content, []byte("some content")))); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Verify(func() error { return nil }); !IsDamage(err) {
		t.Errorf("the snapshot of the damaged file: %v", err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Err(); err != nil || !has(t, d, "new") {
		t.Errorf("the service has ended: %v", err)
	}
}

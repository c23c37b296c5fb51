package storage_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// A file that is too large to be read completely at each start is checked at its root pages, and the rest when it is read.
func TestOpen_LargeFileIsCheckedAsItIsRead(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads a file of 72 MiB several times")
	}
	c := storagetest.NewIn(t, memoryDir(t), 1, byHand)
	p := c.Player("ann", 1000)
	for n := range 9 {
		c.One(command.Command{Body: command.PutValue{Name: fmt.Sprint("large ", n), Value: bytes.Repeat([]byte{byte(n)}, 8<<20)}})
	}
	c.Checkpoint()
	want, _ := c.Identity()
	dir := c.Dir()
	c.Reopen()
	if got, _ := c.Identity(); got != want {
		t.Fatal("opened again, the content is another")
	}
	c.Abandon()
	path := filepath.Join(dir, storage.StateFile)
	if fi, err := os.Stat(path); err != nil || fi.Size() < 72<<20 {
		t.Fatalf("the file is too small for this test: %v, %v", fi.Size(), err)
	}
	damage := func(at int64, b byte) (undo func()) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		old := make([]byte, 1)
		if _, err := f.ReadAt(old, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{old[0] ^ b}, at); err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := f.WriteAt(old, at); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := int64(os.Getpagesize())
	for _, at := range []int64{20, 64, page + 20, page + 64} { // the two pages that lead into the file
		undo := damage(at, 4)
		if _, err := storage.Open(dir, storagetest.Keys, byHand); !storage.IsDamage(err) {
			t.Errorf("byte %d is damaged: %v", at, err)
		}
		undo()
	}

	// The player's password hash is damaged: the store opens, and reading the record returns an error. Every copy is
	// damaged, since unused pages hold old ones.
	var undo []func()
	file, hash := read(t, path), []byte("hash of ann")
	for at := bytes.Index(file, hash); at >= 0; {
		undo = append(undo, damage(int64(at), 4))
		next := bytes.Index(file[at+1:], hash)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	s, err := storage.Open(dir, storagetest.Keys, byHand)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Credentials("ann"); !storage.IsDamage(err) {
		t.Errorf("a damaged record was read: %v", err)
	}
	select {
	case <-s.Failed(): // and so is the node
		if !storage.IsDamage(s.Err()) {
			t.Errorf("the store failed with %v", s.Err())
		}
	default:
		t.Error("damage was read, but the store has not failed")
	}
	if _, _, err := identity(s); !storage.IsDamage(err) {
		t.Errorf("a damaged state has a hash: %v", err)
	}
	index, _ := s.Applied()
	data, err := command.Encode(c.Complete(command.Command{Account: p, Body: command.ChangePassword{OldHash: "x", NewHash: "y"}}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // and it takes no more commands
		if _, err := s.Apply([]storage.Command{{Index: index + 1, Term: 1, Time: c.Now, Data: data}}); !storage.IsDamage(err) {
			t.Errorf("a command was applied over a damaged record: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, u := range undo {
		u()
	}

	if err := os.Truncate(path, 40<<20); err != nil { // small again, but incomplete
		t.Fatal(err)
	}
	if _, err := storage.Open(dir, storagetest.Keys, byHand); !storage.IsDamage(err) {
		t.Errorf("cut off: %v", err)
	}
}

package storage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"imperio/storage"
	"imperio/storage/storagetest"
)

// copied is a copy of a casino's newest checkpoint, on the file system of another one's directory.
func copied(t *testing.T, from *storagetest.Casino, to *storage.Store) (path string, c storage.Copy) {
	t.Helper()
	path = filepath.Join(filepath.Dir(to.Path()), "copy")
	c, err := from.Store.CopyTo(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return path, c
}

func TestCopyTo_IsTheNewestCheckpoint(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 1000)
	bets(c, p, 0, 20)
	c.Checkpoint()
	state, record := c.Identity()
	durable := c.Store.Durable()
	dir := t.TempDir()
	path := filepath.Join(dir, storage.StateFile)
	bets(c, p, 20, 20) // not in a checkpoint yet
	copy, err := c.Store.CopyTo(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	data := read(t, path)
	if copy.Checkpoint != durable || copy.Bytes != int64(len(data)) || copy.SHA256 != sha256.Sum256(data) {
		t.Errorf("%+v of %d bytes, want %+v", copy, len(data), durable)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
	s, err := storage.Open(dir, storagetest.Keys, byHand)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, m, err := identity(s); err != nil || got != state || m.Head != record.Head {
		t.Errorf("the copy holds another state: %v", err)
	}
}

func TestCopyTo_LeavesNoFileThatIsNotComplete(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	path := filepath.Join(t.TempDir(), "copy")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Store.CopyTo(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("without anybody who waits: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Store.CopyTo(t.Context(), path); !errors.Is(err, fs.ErrExist) || string(read(t, path)) != "mine" {
		t.Errorf("an existing file was not left alone: %v", err)
	}
}

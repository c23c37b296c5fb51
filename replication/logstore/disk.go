package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// All changes of the log's files go through this file, so that tests can make each fail; see inject.

func writeAt(f *os.File, b []byte, offset int64) error {
	return inject(f, "write", offset, b, func() error {
		_, err := f.WriteAt(b, offset)
		return err
	})
}

// syncData makes what was written to a file durable. The file's size has not changed since it was made.
func syncData(f *os.File) error {
	return inject(f, "sync", 0, nil, func() error { return fdatasync(f) })
}

// newFile makes a file of the given size, all zeroes, under its final name. It is written and synced under another name
// first: a file with the final name is whole.
func newFile(path, unfinished string, size int) (*os.File, error) {
	f, err := os.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	zeroes := make([]byte, min(size, 1<<20))
	for at := 0; at < size && err == nil; at += len(zeroes) {
		// Writing zeroes, and not only reserving the space, keeps the first real write from changing metadata.
		err = writeAt(f, zeroes[:min(len(zeroes), size-at)], int64(at))
	}
	if err == nil {
		err = inject(f, "sync", 0, nil, f.Sync)
	}
	f.Close()
	if err != nil {
		return nil, errors.Join(err, os.Remove(unfinished)) // a full disk has no room for it
	}
	if err := os.Rename(unfinished, path); err != nil {
		return nil, err
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer d.Close()
	if err := inject(d, "directory", 0, nil, d.Sync); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

// readBlock reads the first block of a file. What a shorter file lacks is zero.
func readBlock(f *os.File) ([]byte, fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	b := make([]byte, blockSize)
	if _, err := f.ReadAt(b[:min(blockSize, info.Size())], 0); err != nil {
		return nil, nil, err
	}
	return b, info, nil
}

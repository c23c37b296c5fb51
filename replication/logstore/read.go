package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/hashicorp/raft"

	"imperio/storage/boltcheck"
)

// Read verifies a log that no process has open, like Open, and visits its entries in order. It writes nothing.
func Read(path string, id Identity, visit func(*raft.Log) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(path)
	}
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", path, ErrLocked)
	} else if err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	if _, err := verify(f, path, id); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	_, err = boltcheck.Check(f, info.Size(), boltcheck.Visitor{Item: func(bucket string, k, v []byte) error {
		if bucket != string(bucketLog) {
			return nil
		}
		var l raft.Log
		if err := decodeEntry(k, v, &l); err != nil {
			return &DamagedError{File: path, What: "an entry is not what was written", Err: err}
		}
		return visit(&l)
	}})
	return err
}

package importer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// quietFile is a file of SQLite that works with a write-ahead log, and that no program has open. To take SQLite's locks there, a reader
// must make two files beside it. They would stay, and might belong to a user whose files the older casino can't write. So the file is
// read without locks, and looked at afterwards: a program that opens it makes those files, and changes it.
type quietFile struct {
	path     string
	size     int64
	modified time.Time
}

// findQuiet returns nil for any other file.
func findQuiet(path string) (*quietFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var header [20]byte
	if _, err := io.ReadFull(file, header[:]); err != nil || header[18] != 2 { // the version of the format: a write-ahead log
		return nil, nil
	}
	info, err := file.Stat()
	if err != nil || isOpened(path) {
		return nil, err
	}
	return &quietFile{path, info.Size(), info.ModTime()}, nil
}

// isOpened reports whether one of the files is there that a program makes which opens the database.
func isOpened(path string) bool {
	for _, end := range []string{"-wal", "-shm"} {
		if _, err := os.Lstat(path + end); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// check reports that a program has opened the file since. A nil file is never checked.
func (q *quietFile) check() error {
	if q == nil {
		return nil
	}
	info, err := os.Stat(q.path)
	if err != nil {
		return err
	}
	if isOpened(q.path) || info.Size() != q.size || !info.ModTime().Equal(q.modified) {
		return errors.New("another program has opened the older casino's database while it was read: stop the older casino, or import a copy")
	}
	return nil
}

package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NewFile is a file that appears whole or not at all: it is written beside its place, and put there at the end. It never takes the place
// of another file. Nobody but its owner may read it.
type NewFile struct {
	*os.File
	path string
}

// CreateNew begins a file. Call Discard at the end, whatever happens, and Keep before that if all is written.
func CreateNew(path string) (*NewFile, error) {
	if err := checkFree(path); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part") // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", path, err)
	}
	return &NewFile{f, path}, nil
}

func checkFree(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%s exists already, and is not overwritten. Name another file, or remove this one first", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for %s: %w", path, err)
	}
	return nil
}

// Keep makes the file durable, and puts it into its place.
func (f *NewFile) Keep() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	err := os.Link(f.Name(), f.path) // unlike a rename, it never replaces a file that came meanwhile
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if err = checkFree(f.path); err == nil { // a file system without links
			err = os.Rename(f.Name(), f.path)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		err = checkFree(f.path)
	}
	if err != nil {
		return fmt.Errorf("put %s into its place: %w", f.path, err)
	}
	return nil
}

// Discard removes what was written beside the file's place.
func (f *NewFile) Discard() {
	f.Close()
	os.Remove(f.Name())
}

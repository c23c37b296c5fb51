package backup

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// directory is a target in a file system: of this machine, or mounted.
type directory struct{ root string }

// OpenDirectory returns a directory as a target. It is made when the first backup is written.
func OpenDirectory(path string) (Target, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("the directory for backups, %q, is not an absolute path", path)
	}
	return &directory{filepath.Clean(path)}, nil
}

func (d *directory) String() string { return "file://" + filepath.ToSlash(d.root) }

func (d *directory) Close() error { return nil }

func (d *directory) path(name string) (string, error) {
	if err := checkObjectName(name); err != nil {
		return "", err
	}
	return filepath.Join(d.root, filepath.FromSlash(name)), nil
}

func (d *directory) Create(_ context.Context, name string) (Upload, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, explainDisk(err)
	}
	f, err := os.OpenFile(path+"."+rand.Text()+unfinished, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, explainDisk(err)
	}
	return &fileUpload{directory: d, path: path, file: f}, nil
}

// fileUpload is a file on its way.
type fileUpload struct {
	directory *directory
	path      string
	file      *os.File // nil once it is committed or aborted
	unsynced  int
}

// syncEvery is how many bytes are written between two syncs. So the last one has little to do, and does not hold up the
// casino's log on the same disk.
const syncEvery = 8 << 20

func (u *fileUpload) Write(b []byte) (int, error) {
	n, err := u.file.Write(b)
	if u.unsynced += n; err == nil && u.unsynced >= syncEvery {
		u.unsynced = 0
		err = u.file.Sync()
	}
	return n, explainDisk(err)
}

func (u *fileUpload) Commit(_ context.Context, verify func(io.Reader) error) error {
	defer u.Abort()
	if err := u.file.Sync(); err != nil {
		return explainDisk(err)
	}
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := verify(u.file); err != nil {
		return err
	}
	if err := os.Rename(u.file.Name(), u.path); err != nil {
		return explainDisk(err)
	}
	err := u.file.Close()
	u.file = nil
	// The directories up to the root may be new.
	for dir := filepath.Dir(u.path); err == nil && len(dir) >= len(u.directory.root); dir = filepath.Dir(dir) {
		err = syncDir(dir)
	}
	return explainDisk(err)
}

func (u *fileUpload) Abort() {
	if u.file == nil {
		return
	}
	os.Remove(u.file.Name())
	u.file.Close()
	u.file = nil
}

func (d *directory) Open(_ context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if length < 0 {
		return f, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, length), f}, nil
}

func (d *directory) List(ctx context.Context, prefix string, visit func(Object) error) error {
	return d.walk(ctx, "", prefix, func(name string, fi fs.FileInfo) error {
		if strings.HasSuffix(name, unfinished) {
			return nil
		}
		return visit(Object{Name: name, Size: fi.Size(), Modified: fi.ModTime()})
	})
}

// walk visits the files below a directory whose names begin with prefix, in the order of their whole names.
func (d *directory) walk(ctx context.Context, dir, prefix string, visit func(name string, fi fs.FileInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(d.root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	sorted := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sorted(a), sorted(b)) })
	for _, e := range entries {
		name := dir + sorted(e)
		if !strings.HasPrefix(name, prefix) && !(e.IsDir() && strings.HasPrefix(prefix, name)) {
			continue
		}
		if e.IsDir() {
			err = d.walk(ctx, name, prefix, visit)
		} else if fi, gone := e.Info(); gone == nil && fi.Mode().IsRegular() {
			err = visit(name, fi)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *directory) Delete(_ context.Context, name string) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	os.Remove(filepath.Dir(path)) // if that was its last file
	return nil
}

func (d *directory) Clean(ctx context.Context, prefix string, before time.Time) error {
	return d.walk(ctx, "", prefix, func(name string, fi fs.FileInfo) error {
		if !strings.HasSuffix(name, unfinished) || !fi.ModTime().Before(before) {
			return nil
		}
		return os.Remove(filepath.Join(d.root, filepath.FromSlash(name)))
	})
}

// explainDisk adds to an error of the disk what to do.
func explainDisk(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w. Free some space there, or keep backups for a shorter time (--backup-keep)", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w. Mount it for writing, or name another directory (--backup-to)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w. The directory must belong to the user that the casino runs as", err)
	}
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

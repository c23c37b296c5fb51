package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"imperio/storage"
	"imperio/storage/engine"
)

// A restore builds the new files within the data directory, which may be a mount point of its own, and then puts them in the
// place of the old ones. Its directories there:
const (
	restoreNew    = "restore.new"     // being built: worth nothing
	restoreReady  = "restore.ready"   // complete and durable: it will be the casino
	restoredAside = "before-restore-" // and a time: the old files, for the operator to keep or to delete
)

// errRestoring says that a restore was interrupted after it had decided.
var errRestoring = errors.New("a restore into this directory was interrupted when it was nearly done")

// swap puts restored files in the place of old ones, after a kill at any point.
type swap struct {
	dir  string // the data directory, locked
	log  *slog.Logger
	step func(done string) error // is called after each change of a name; for tests. May be nil
}

// pending reports whether restored files are to be put in place.
func (s *swap) pending() bool {
	_, err := os.Lstat(filepath.Join(s.dir, restoreReady))
	return !errors.Is(err, fs.ErrNotExist)
}

// decide makes what was built count. From here on, finish leads to the restored casino, whatever happens.
func (s *swap) decide() error {
	built := filepath.Join(s.dir, restoreNew)
	if err := engine.SyncDir(built); err != nil {
		return fmt.Errorf("make the restored files durable: %w", err)
	}
	return s.rename(restoreNew, restoreReady)
}

// finish moves old files aside and restored ones in their place. It does nothing if there are none. It may be called again
// after any failure or kill: a file that is still in restore.ready is not yet in place, and the one in its place is an old
// one.
func (s *swap) finish() (aside string, err error) {
	if !s.pending() {
		return "", nil
	}
	ready := filepath.Join(s.dir, restoreReady)
	entries, err := os.ReadDir(ready)
	if err != nil {
		return "", s.explain(err)
	}
	if len(entries) > 0 {
		if aside, err = s.replace(ready, entries); err != nil {
			return "", s.explain(err)
		}
	}
	if err := os.Remove(ready); err != nil {
		return "", s.explain(err)
	}
	if err := engine.SyncDir(s.dir); err != nil {
		return "", s.explain(err)
	}
	s.log.Info("the restored casino is in place", "directory", s.dir, "old_files", aside)
	return aside, nil
}

// replace puts the entries of the ready directory in place, node.json last: without it, there is no casino.
func (s *swap) replace(ready string, entries []os.DirEntry) (aside string, err error) {
	id, err := storage.ReadIdentity(ready)
	if err != nil {
		return "", err
	}
	aside = restoredAside + id.CreatedAt.UTC().Format("20060102T150405.000Z") // the same after a kill
	if err := os.MkdirAll(filepath.Join(s.dir, aside), 0o700); err != nil {
		return "", err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmpLast(a.Name(), b.Name(), storage.NodeFile)
	})
	for _, e := range entries {
		old := filepath.Join(s.dir, e.Name())
		if _, err := os.Lstat(old); err == nil {
			if err := s.rename(e.Name(), filepath.Join(aside, e.Name())); err != nil {
				return "", err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := s.rename(filepath.Join(restoreReady, e.Name()), e.Name()); err != nil {
			return "", err
		}
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, aside)); err == nil && len(left) == 0 { // there was no casino before
		return "", os.Remove(filepath.Join(s.dir, aside))
	}
	return aside, nil
}

// cmpLast sorts names, and one of them behind all others.
func cmpLast(a, b, last string) int {
	switch {
	case a == b:
		return 0
	case a == last:
		return 1
	case b == last:
		return -1
	}
	return strings.Compare(a, b)
}

// rename changes a name within the data directory, durably.
func (s *swap) rename(from, to string) error {
	if err := os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)); err != nil {
		return err
	}
	for _, changed := range []string{filepath.Dir(to), filepath.Dir(from)} {
		if err := engine.SyncDir(filepath.Join(s.dir, changed)); err != nil {
			return err
		}
	}
	if s.step != nil {
		return s.step(to)
	}
	return nil
}

func (s *swap) explain(err error) error {
	return fmt.Errorf("put the restored files in place in %s: %w. Nothing is lost: mend that, and start the casino. The start goes on with it", s.dir, err)
}

// movable refuses a data directory in which an old file can't be moved aside: one that is a mount point itself.
func (s *swap) movable() error {
	home, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		fi, gone := e.Info()
		if gone != nil {
			continue
		}
		here, ok := home.Sys().(*syscall.Stat_t)
		there, ok2 := fi.Sys().(*syscall.Stat_t)
		if ok && ok2 && here.Dev != there.Dev {
			return fmt.Errorf("%s is a file system of its own, so it can't be moved aside. Restore into another directory with --data-dir", filepath.Join(s.dir, e.Name()))
		}
	}
	return err
}

package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner names whom a file belongs to. Its user and group may not exist yet in a dry run.
type owner struct{ user, group string }

var (
	rootOwns   = owner{"root", "root"}
	casinoSees = owner{"root", user}
	casinoOwns = owner{user, user}
)

// ids looks the owner up; ok is false if the user or the group does not exist.
func (w *work) ids(o owner) (uid, gid int, ok bool) {
	if w.root != "" { // a test, which is not root
		return os.Getuid(), os.Getgid(), true
	}
	u, err := osuser.Lookup(o.user)
	if err != nil {
		return 0, 0, false
	}
	g, err := osuser.LookupGroup(o.group)
	if err != nil {
		return 0, 0, false
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(g.Gid)
	return uid, gid, uerr == nil && gerr == nil
}

func (w *work) read(name string) ([]byte, error) { return os.ReadFile(w.path(name)) }

// directory makes a directory with an owner and a mode, or corrects those of one that exists.
func (w *work) directory(name string, mode fs.FileMode, o owner) error {
	const step = "directory"
	text := fmt.Sprintf("%s (%s:%s, mode %o)", name, o.user, o.group, mode)
	info, err := os.Stat(w.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.change(step, text, func() error {
			if err := os.MkdirAll(w.path(name), mode); err != nil {
				return err
			}
			return w.own(name, mode, o)
		})
	case err != nil:
		return fmt.Errorf("look at the directory: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: move that file away, and try again", name)
	case !w.owned(info, mode, o):
		return w.change(step, text+": its owner or mode was another one", func() error { return w.own(name, mode, o) })
	}
	w.tell(Unchanged, step, "%s", text)
	return nil
}

func (w *work) own(name string, mode fs.FileMode, o owner) error {
	uid, gid, ok := w.ids(o)
	if !ok {
		return fmt.Errorf("there is no user %s or no group %s", o.user, o.group)
	}
	if err := os.Chown(w.path(name), uid, gid); err != nil {
		return err
	}
	return os.Chmod(w.path(name), mode)
}

func (w *work) owned(info fs.FileInfo, mode fs.FileMode, o owner) bool {
	uid, gid, ok := w.ids(o)
	has, known := info.Sys().(*syscall.Stat_t)
	return ok && known && int(has.Uid) == uid && int(has.Gid) == gid && info.Mode().Perm() == mode
}

// file writes a text file if it has another text, owner or mode. It says whether the text changed. why is told if a file that
// exists is changed.
func (w *work) file(name, text string, mode fs.FileMode, o owner, why string) (bool, error) {
	const step = "file"
	about := fmt.Sprintf("%s (%s:%s, mode %o)", name, o.user, o.group, mode)
	has, err := w.read(name)
	info, serr := os.Stat(w.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || serr != nil:
		return false, errors.Join(err, serr)
	case string(has) == text && w.owned(info, mode, o):
		w.tell(Unchanged, step, "%s", about)
		return false, nil
	case string(has) == text:
		about += ": its owner or mode was another one"
	default:
		about += ": " + why
	}
	return string(has) != text || err != nil, w.change(step, about, func() error {
		return w.replace(name, bytes.NewReader([]byte(text)), mode, o)
	})
}

// replace puts a file in place as a whole and durably: a power cut leaves the old one or the new one.
func (w *work) replace(name string, content io.Reader, mode fs.FileMode, o owner) error {
	uid, gid, ok := w.ids(o)
	if !ok {
		return fmt.Errorf("there is no user %s or no group %s", o.user, o.group)
	}
	dir := filepath.Dir(w.path(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// A fixed name: what a killed run leaves is taken by the next.
	temporary := w.path(name) + ".new"
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Chown(uid, gid), f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, w.path(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove removes a file, if it is there.
func (w *work) remove(name string) error {
	if !w.exists(name) {
		return nil
	}
	return w.change("remove", name, func() error { return os.Remove(w.path(name)) })
}

// sameFile says whether two files have the same content.
func sameFile(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	const chunk = 1 << 20
	bufA, bufB := make([]byte, chunk), make([]byte, chunk)
	for {
		na, errA := io.ReadFull(fa, bufA)
		nb, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:na], bufB[:nb]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			ended := errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF)
			if ended && (errors.Is(errB, io.EOF) || errors.Is(errB, io.ErrUnexpectedEOF)) {
				return true, nil
			}
			return false, errors.Join(errA, errB)
		}
	}
}

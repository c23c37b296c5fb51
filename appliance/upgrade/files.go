package upgrade

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile writes a file durably, by a name that nothing else uses before it is complete.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return syncDir(filepath.Dir(path))
}

// copyProgram copies a program to a name beside the installed one, durably, and returns its SHA-256 in hex. From then on
// only the copy is looked at: the original may belong to anybody, and change.
func copyProgram(from, to string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", from)
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err = errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("copy %s to %s: %w", from, to, err), os.Remove(to))
	}
	return hex.EncodeToString(h.Sum(nil)), syncDir(filepath.Dir(to))
}

// sumOf is the SHA-256 of a file in hex.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// linkOver gives a file a second name, in the place of what had that name, in one step and durably.
func linkOver(file, name string) error {
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(file, part); err != nil {
		return err
	}
	// If both are one file already, rename does nothing, and leaves the part.
	if err := os.Rename(part, name); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkTrusted refuses a path that somebody else than root and this user can change: a file of theirs must never be run, nor
// be written, by root.
func checkTrusted(path string) error {
	for at, child := path, ""; ; child, at = at, filepath.Dir(at) {
		fi, err := os.Lstat(at)
		if err != nil {
			return err
		}
		s, ok := fi.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("who owns %s can't be told", at)
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link. Name the program itself with --installed", at)
		}
		// In a sticky directory, such as /tmp, nobody else can replace what is ours. What is in it is checked itself.
		open := fi.Mode().Perm()&0o022 != 0 && (child == "" || fi.Mode()&fs.ModeSticky == 0)
		if s.Uid != 0 && int(s.Uid) != os.Geteuid() || open {
			return fmt.Errorf("%s can be changed by others than root and this user, so a program there is not safe to upgrade. Put the program where only root can write, such as /usr/local/bin", at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// lock makes sure that one upgrade of a program works at a time. If another one does, ok is false.
func lock(installed string) (release func(), ok bool, err error) {
	path := installed + lockSuffix
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, false, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, false, nil
			}
			return nil, false, fmt.Errorf("lock %s: %w", path, err)
		}
		here, err1 := f.Stat()
		there, err2 := os.Lstat(path)
		if err1 == nil && err2 == nil && os.SameFile(here, there) {
			return func() {
				os.Remove(path) // while it is locked: who has opened it meanwhile looks again
				f.Close()
			}, true, nil
		}
		f.Close() // somebody else removed it between the two calls
	}
}

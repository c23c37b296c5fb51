package appliance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// roomy is a disk that says it has room.
func roomy(string) (free, total uint64, err error) { return 1 << 40, 1 << 41, nil }

func TestRestore_RefusesADiskWithoutRoomByTheNumbers(t *testing.T) {
	h, _ := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	before := contentOf(t, h.config.Data.Dir)
	o := h.restoreOptions()
	o.space = func(string) (free, total uint64, err error) { return 5 << 20, 1 << 40, nil }
	if _, err := Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "5.0 MiB free") || contentOf(t, h.config.Data.Dir) != before {
		t.Error(err)
	}
}

// The disk becomes full at any point: the error says so, and the old casino is as it was.
func TestRestore_OnADiskThatBecomesFullChangesNothing(t *testing.T) {
	h, _ := backedUpHouse(t)
	cherry := h.player("cherry")
	for range 20 {
		cherry.spin()
	}
	h.shipped()
	h.stop()
	small := t.TempDir()
	if err := syscall.Mount("imperio-test", small, "tmpfs", 0, "size=256m"); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("this user may not mount a small file system: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Errorf("unmount the small file system: %v", err)
		}
	})
	dir, filler := filepath.Join(small, "data"), filepath.Join(small, "filler")
	if err := os.CopyFS(dir, os.DirFS(copyOf(t, h.config.Data.Dir))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	putKey(t, h.config.Data.Dir, dir)
	before := contentOf(t, dir)
	failed := 0
	for _, free := range []int64{0, 16 << 10, 64 << 10, 200 << 10, 1 << 20, 4 << 20, 17 << 20, 33 << 20} {
		fillUpTo(t, small, filler, free)
		o := h.restoreOptions()
		o.Config.Data.Dir, o.space = dir, roomy
		_, err := Restore(t.Context(), o)
		if err == nil {
			break
		}
		failed++
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") || !strings.Contains(err.Error(), "Nothing was changed") {
			t.Errorf("with %d bytes free: %v", free, err)
		}
		if contentOf(t, dir) != before {
			t.Fatalf("with %d bytes free, something has changed", free)
		}
	}
	if failed < 4 {
		t.Errorf("the disk was full %d times", failed)
	}
	fillUpTo(t, small, filler, 100<<20)
	o := h.restoreOptions()
	o.Config.Data.Dir, o.space = dir, roomy
	if _, err := Restore(t.Context(), o); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// fillUpTo leaves so many bytes free on a disk.
func fillUpTo(t *testing.T, disk, filler string, free int64) {
	t.Helper()
	if err := os.RemoveAll(filler); err != nil {
		t.Fatal(err)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(disk, &s); err != nil {
		t.Fatal(err)
	}
	size := int64(s.Bavail)*s.Bsize - free
	f, err := os.Create(filler)
	if err == nil {
		for chunk := make([]byte, 1<<20); size > 0 && err == nil; size -= int64(len(chunk)) {
			_, err = f.Write(chunk[:min(size, int64(len(chunk)))])
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(fmt.Errorf("fill the disk: %w", err))
	}
}

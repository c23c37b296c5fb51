package faults

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sectorSize is the unit, in bytes, that a disk writes completely or not at all.
const sectorSize = 512

// Unsynced decides which unsynced changes survive the power cut, by operation and sector.
type Unsynced func(Op, int) bool

// Lost loses all of them.
func Lost(Op, int) bool { return false }

// Kept keeps all of them.
func Kept(Op, int) bool { return true }

// Random keeps each sector with an even chance. Print the seed: the same operations and seed give the same result.
func Random(seed uint64) Unsynced {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(Op, int) bool { return r.IntN(2) == 0 }
}

// CutPower fills the empty directory to with what the disk may hold after a power cut right after the first at operations:
// everything synced, and those unsynced sectors for which unsynced returns true. Other files of the directory are copied as
// they are now. Sockets and unfinished files, whose names end in ".new", are left out.
func (d *Disk) CutPower(t testing.TB, to string, at int, unsynced Unsynced) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	files, err := regularFiles(d.dir, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if _, changed := d.initial[name]; changed || unfinished(name) {
			continue
		}
		m, err := readImage(filepath.Join(d.dir, name))
		if err == nil {
			err = m.write(filepath.Join(to, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range d.initial {
		if unfinished(name) {
			continue
		}
		if err := d.image(name, at, unsynced).write(filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// unfinished reports whether the file, or a directory above it, does not have its final name yet.
func unfinished(name string) bool {
	return strings.HasSuffix(name, ".new") || strings.Contains(name, ".new/")
}

// regularFiles lists the files below dir by their relative paths, and makes their directories below to.
func regularFiles(dir, to string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			if unfinished(name) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		if e.Type().IsRegular() {
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	return names, err
}

// image is a file's content; only non-zero sectors take memory. Sectors are replaced, never modified.
type image struct {
	sectors map[int64][]byte
	size    int64
}

var zeroes [sectorSize]byte

// readImage reads a file; one that does not exist is an empty image.
func readImage(path string) (*image, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	m := &image{sectors: map[int64][]byte{}, size: int64(len(content))}
	for at := 0; at < len(content); at += sectorSize {
		sector := content[at:min(at+sectorSize, len(content))]
		if !bytes.Equal(sector, zeroes[:len(sector)]) {
			m.put(bytes.Clone(sector), int64(at), nil)
		}
	}
	return m, nil
}

// image is what the file holds after the first at operations and a power cut. Called with mu held.
func (d *Disk) image(name string, at int, unsynced Unsynced) *image {
	m := &image{sectors: maps.Clone(d.initial[name].sectors), size: d.initial[name].size}
	synced := 0 // all operations before this one are durable
	for i, o := range d.ops[:at] {
		if o.File == name && o.Kind == "sync" && o.done {
			synced = i
		}
	}
	for i, o := range d.ops[:at] {
		if o.File != name || !o.done {
			continue
		}
		var keep func(int) bool
		if i >= synced {
			keep = func(sector int) bool { return unsynced(o.Op, sector) }
		}
		switch o.Kind {
		case "write":
			m.put(o.data, o.Offset, keep)
		case "truncate":
			if keep == nil || keep(0) {
				m.truncate(o.Offset)
			}
		}
	}
	return m
}

// put writes data at an offset, which must be a multiple of the sector size. It skips the sectors that keep rejects.
func (m *image) put(data []byte, offset int64, keep func(sector int) bool) {
	for i := 0; len(data) > 0; i++ {
		n := min(sectorSize, len(data))
		if keep == nil || keep(i) {
			sector := make([]byte, sectorSize)
			copy(sector, m.sectors[offset/sectorSize])
			copy(sector, data[:n])
			m.sectors[offset/sectorSize] = sector
			m.size = max(m.size, offset+int64(n))
		}
		offset += int64(n)
		data = data[n:]
	}
}

func (m *image) truncate(size int64) {
	m.size = size
	for at := range m.sectors {
		if at*sectorSize >= size {
			delete(m.sectors, at)
		}
	}
}

func (m *image) write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(m.size)
	for at, sector := range m.sectors {
		if err != nil {
			break
		}
		_, err = f.WriteAt(sector[:min(sectorSize, m.size-at*sectorSize)], at*sectorSize)
	}
	return errors.Join(err, f.Close())
}

// CopyDirectory copies the regular files below a directory into the empty directory to. The files must not be open. They
// keep their holes.
func CopyDirectory(t testing.TB, from, to string) {
	t.Helper()
	files, err := regularFiles(from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		m, err := readImage(filepath.Join(from, name))
		if err == nil {
			err = m.write(filepath.Join(to, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

package faults

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sectorSize is what a disk writes as a whole or not at all, in bytes.
const sectorSize = 512

// Unsynced says what becomes of changes that were not synced when the power went.
type Unsynced func(Op, int) bool

// Lost loses all of them.
func Lost(Op, int) bool { return false }

// Kept keeps all of them.
func Kept(Op, int) bool { return true }

// Random keeps each sector with an even chance. Print the seed: with the same operations it does the same again.
func Random(seed uint64) Unsynced {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(Op, int) bool { return r.IntN(2) == 0 }
}

// CutPower builds in the empty directory to what the disk may hold after a power cut right after the first at
// operations: all that was synced, and of the rest the sectors for which unsynced says so (it is asked for each
// operation and each sector of it). Other files of the directory are copied as they are now; unfinished ones, of which
// the name ends in ".new", and sockets are left out.
func (d *Disk) CutPower(t testing.TB, to string, at int, unsynced Unsynced) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, changed := d.initial[e.Name()]; changed || !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".new") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(d.dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, initial := range d.initial {
		if strings.HasSuffix(name, ".new") {
			continue
		}
		if err := d.image(name, initial, at, unsynced).write(filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// image is a file of which only the sectors that are not zero take memory.
type image struct {
	sectors map[int64][]byte
	size    int64
}

func (d *Disk) image(name string, initial []byte, at int, unsynced Unsynced) *image {
	m := &image{sectors: map[int64][]byte{}}
	m.put(initial, 0, nil)
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
		keep := func(int) bool { return true }
		if i >= synced {
			keep = func(sector int) bool { return unsynced(o.Op, sector) }
		}
		switch o.Kind {
		case "write":
			m.put(o.data, o.Offset, keep)
		case "truncate":
			if keep(0) {
				m.truncate(o.Offset)
			}
		}
	}
	return m
}

// put writes data at an offset, which must be a multiple of the size of a sector.
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

// CopyDirectory copies the regular files of a directory that nobody has open into the empty directory to.
func CopyDirectory(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

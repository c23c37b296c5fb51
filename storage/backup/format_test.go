package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

const (
	testCasino = "casino-1"
	testKey    = "the casino's key of thirty-two b"
)

func testHouse() *House { return NewHouse(bytes.Repeat([]byte{7}, 32)) }

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func directoryOf(t testing.TB) *directory {
	t.Helper()
	d, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d.(*directory)
}

// played is a casino in which something happened.
func played(t testing.TB) *storagetest.Casino {
	t.Helper()
	c := storagetest.New(t, 11, storage.Options{})
	ana := c.Player("ana", 1000)
	for range 20 {
		c.Now = c.Now.Add(time.Second)
		c.One(command.Command{Account: ana, Body: command.PlaceWager{Rules: "slots/2", Stake: 5}})
	}
	return c
}

func snapshotOf(t testing.TB, c *storagetest.Casino) *storage.Snapshot {
	t.Helper()
	s, err := c.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ways are the ways to write a backup.
func ways(t testing.TB) map[string]Sealing {
	return map[string]Sealing{
		"zstd": {Compression: Zstd}, "gzip": {Compression: Gzip},
		"encrypted": {Compression: Zstd, Recipients: []age.Recipient{identity(t).Recipient()}, House: testHouse()},
	}
}

func writeArchive(t testing.TB, to Target, c *storagetest.Casino, sealing Sealing) (ArchiveInfo, Manifest) {
	t.Helper()
	a, m, err := WriteArchive(t.Context(), to, snapshotOf(t, c), Writing{Casino: testCasino, Program: "1.2.3", Sealing: sealing, Key: []byte(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	return a, m
}

// An archive holds the state, byte by byte as its snapshot; its manifest tells what it is without the rest.
func TestArchive_HoldsTheState(t *testing.T) {
	for name, sealing := range ways(t) {
		t.Run(name, func(t *testing.T) {
			c, to := played(t), directoryOf(t)
			a, written := writeArchive(t, to, c, sealing)
			m, err := ReadManifest(t.Context(), to, a.Object)
			if err != nil {
				t.Fatal(err)
			}
			index, term, record, err := c.Store.Position()
			if err != nil {
				t.Fatal(err)
			}
			if diff := PositionOf(&record, storage.FormatVersion).Differs(m.Position); diff != "" || m.Index != index || m.Term != term || m.Events == 0 || m.Rounds != 20 {
				t.Errorf("the manifest is of another state: %s\n%+v", diff, m)
			}
			if m.Casino != testCasino || m.Lineage != Origin || m.Program != "1.2.3" || m.SHAOf(PartState) == "" || m.SHAOf(PartState) != written.SHAOf(PartState) {
				t.Errorf("%+v", m)
			}
			if m.Encrypted != sealing.encrypts() || m.KeyIncluded != sealing.encrypts() {
				t.Errorf("encrypted %t, with the key %t", m.Encrypted, m.KeyIncluded)
			}

			dir := t.TempDir()
			key, err := ExtractArchive(t.Context(), to, a.Object, &m, keysOf(sealing), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: testKey}[sealing.encrypts()]; string(key) != want {
				t.Errorf("the key is %q instead of %q", key, want)
			}
			restored, err := storage.Open(dir, storagetest.Keys, storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer restored.Close()
			if hashOf(t, restored) != hashOf(t, c.Store) {
				t.Error("the restored state is another one")
			}
		})
	}
}

func keysOf(s Sealing) []age.Identity {
	if s.encrypts() {
		return []age.Identity{s.House}
	}
	return nil
}

func hashOf(t testing.TB, s *storage.Store) [32]byte {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	sum, err := snapshot.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Whoever has the operator's identity or the casino's key opens an encrypted archive; nobody else does, and nothing of the
// state can be read in it.
func TestArchive_AnEncryptedOneOpensForItsKeysOnly(t *testing.T) {
	c, to, operator := played(t), directoryOf(t), identity(t)
	a, m := writeArchive(t, to, c, Sealing{Compression: Zstd, Recipients: []age.Recipient{operator.Recipient()}, House: testHouse()})
	for name, keys := range map[string][]age.Identity{"operator": {operator}, "house": {testHouse()}, "both": {identity(t), operator}} {
		if _, err := ExtractArchive(t.Context(), to, a.Object, &m, keys, t.TempDir(), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, keys := range map[string][]age.Identity{"nobody": nil, "a stranger": {identity(t)}, "another house": {NewHouse(make([]byte, 32))}} {
		if _, err := ExtractArchive(t.Context(), to, a.Object, &m, keys, t.TempDir(), nil); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(to.root, filepath.FromSlash(a.Object.Name)))
	if err != nil || bytes.Contains(content, []byte("ana")) || bytes.Contains(content, []byte(testKey)) {
		t.Errorf("the archive shows what is in it, %v", err)
	}
}

// The casino's key never gets into an archive that is not encrypted.
func TestArchive_AnOpenOneHasNoKey(t *testing.T) {
	c, to := played(t), directoryOf(t)
	a, m := writeArchive(t, to, c, Sealing{Compression: Zstd})
	content, err := os.ReadFile(filepath.Join(to.root, filepath.FromSlash(a.Object.Name)))
	if err != nil || m.KeyIncluded || bytes.Contains(content, []byte(testKey)) {
		t.Errorf("the key is in it: %t, %v", m.KeyIncluded, err)
	}
}

// Whatever byte of a backup changes, and wherever it ends, reading it fails: it never gives something else.
func TestArchive_NoDamageGoesUnnoticed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for name, sealing := range ways(t) {
		t.Run(name, func(t *testing.T) {
			c, to := played(t), directoryOf(t)
			a, _ := writeArchive(t, to, c, sealing)
			path := filepath.Join(to.root, filepath.FromSlash(a.Object.Name))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			try := func(what string, content []byte) {
				t.Helper()
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				o := Object{Name: a.Object.Name, Size: int64(len(content))}
				m, err := ReadManifest(t.Context(), to, o)
				if err == nil {
					_, err = ExtractArchive(t.Context(), to, o, &m, keysOf(sealing), t.TempDir(), nil)
				}
				if err == nil {
					t.Errorf("%s: it was read", what)
				} else if damage := (*DamageError)(nil); !errors.As(err, &damage) && !errors.Is(err, ErrLocked) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for range 60 {
				at := len(opening) + random.IntN(len(whole)-len(opening))
				damaged := bytes.Clone(whole)
				damaged[at] ^= 1 << random.IntN(8)
				try(fmt.Sprintf("a bit of byte %d of %d", at, len(whole)), damaged)
				try(fmt.Sprintf("cut at %d of %d", at, len(whole)), whole[:at])
			}
			try("empty", nil)
			try("a byte more", append(bytes.Clone(whole), 0))
			try("other text", []byte(strings.Repeat("not a backup\n", 10)))
		})
	}
}

// A backup of a newer format says which version wrote it.
func TestManifest_ANewerFormatNamesItsProgram(t *testing.T) {
	to := directoryOf(t)
	var b bytes.Buffer
	w := writer{to: &b, sealing: &Sealing{Compression: Zstd}}
	if err := w.part(PartState, func(to io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	text := `{"format": 2, "kind": "archive", "casino": "c", "lineage": "origin", "program": "9.8.7", "compression": "brotli", "surprise": 1}`
	content := append(b.Bytes(), footed(text)...)
	if err := os.WriteFile(filepath.Join(to.root, "newer"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadManifest(t.Context(), to, Object{Name: "newer", Size: int64(len(content))})
	if err == nil || !strings.Contains(err.Error(), "9.8.7") {
		t.Error(err)
	}
}

// packed are the entries that the casino's log would hold.
func packed(t testing.TB, log []storage.Command) (entries []storage.Entry) {
	t.Helper()
	for _, c := range log {
		data, err := command.Pack(c.Time, [][]byte{c.Data})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, storage.Entry{Index: c.Index, Term: c.Term, Data: data})
	}
	return entries
}

// single makes every command an entry of its own.
func single(log []storage.Command) []storage.Command {
	list := make([]storage.Command, len(log))
	for i, c := range log {
		c.Index = uint64(i + 1)
		list[i] = c
	}
	return list
}

func segmentIn(t testing.TB, to Target, c *storagetest.Casino, sealing Sealing) (SegmentInfo, []storage.Entry) {
	t.Helper()
	entries := packed(t, single(c.Log))
	var b Batch
	for _, e := range entries {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	_, _, record, err := c.Store.Position()
	if err != nil {
		t.Fatal(err)
	}
	s, err := WriteSegment(t.Context(), to, &b, storagetest.Birth, &record, Writing{Casino: testCasino, Program: "1.2.3", Sealing: sealing})
	if err != nil {
		t.Fatal(err)
	}
	return s, entries
}

func TestSegment_HoldsTheEntries(t *testing.T) {
	for name, sealing := range ways(t) {
		t.Run(name, func(t *testing.T) {
			c, to := played(t), directoryOf(t)
			s, want := segmentIn(t, to, c, sealing)
			m, got, err := ReadSegment(t.Context(), to, s.Object, keysOf(sealing))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) || s.First != 1 || s.Last != uint64(len(want)) || m.Index != s.Last || !m.Time.Equal(s.To) || !m.From.Equal(storagetest.Birth) {
				t.Fatalf("%d entries of %d, %+v, %+v", len(got), len(want), s, m)
			}
			for i := range want {
				if got[i].Index != want[i].Index || got[i].Term != want[i].Term || !bytes.Equal(got[i].Data, want[i].Data) {
					t.Fatalf("entry %d is another one", i)
				}
			}
		})
	}
}

func TestBatch_RefusesAGap(t *testing.T) {
	var b Batch
	if err := errors.Join(b.Add(storage.Entry{Index: 4}), b.Add(storage.Entry{Index: 5})); err != nil {
		t.Fatal(err)
	}
	if b.Add(storage.Entry{Index: 7}) == nil || b.Add(storage.Entry{Index: 5}) == nil {
		t.Error("entries that don't follow one another were taken")
	}
}

func TestSegment_NoDamageGoesUnnoticed(t *testing.T) {
	c, to := played(t), directoryOf(t)
	s, _ := segmentIn(t, to, c, Sealing{Compression: Zstd})
	path := filepath.Join(to.root, filepath.FromSlash(s.Object.Name))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(opening); at < len(whole); at++ {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadSegment(t.Context(), to, s.Object, nil); err == nil {
			t.Fatalf("with byte %d of %d changed, it was read", at, len(whole))
		}
	}
}

// Names tell what their objects hold, and any other name is somebody else's.
func TestNames_GoThereAndBack(t *testing.T) {
	at := time.Date(2026, 11, 20, 2, 0, 0, 123e6, time.UTC)
	a, ok := parseArchive(Object{Name: archiveName("c-1", Origin, at, 4711)})
	if !ok || a.Casino != "c-1" || a.Lineage != Origin || !a.Time.Equal(at) || a.Index != 4711 {
		t.Errorf("%t %+v", ok, a)
	}
	lineage := "20261120T100000Z-4f3a9c21"
	s, ok := parseSegment(Object{Name: segmentName("c-1", lineage, 7, 9, at, at.Add(time.Second))})
	if !ok || s.First != 7 || s.Last != 9 || s.Lineage != lineage || !s.From.Equal(at) || !s.To.Equal(at.Add(time.Second)) {
		t.Errorf("%t %+v", ok, s)
	}
	if got := lineageBegan(lineage); !got.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)) || !lineageBegan(Origin).IsZero() {
		t.Errorf("the lineage began %v", got)
	}
	for _, name := range []string{
		"", "x", s.Object.Name + "x", "c/origin/archives/20261320T020000.123Z-00000000000000004711.archive",
		segmentName("c", Origin, 9, 7, at, at), a.Object.Name + unfinished,
	} {
		_, archive := parseArchive(Object{Name: name})
		_, segment := parseSegment(Object{Name: name})
		if archive || segment {
			t.Errorf("%q is taken for a backup", name)
		}
	}
}

func TestInventory_ListsCasinosAndLineagesApart(t *testing.T) {
	to := directoryOf(t)
	at := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
	names := []string{
		archiveName("b", "20261121T000000Z-00000001", at, 9), archiveName("b", Origin, at, 7), archiveName("b", Origin, at.Add(-time.Hour), 3),
		segmentName("b", Origin, 4, 6, at, at), archiveName("a", Origin, at, 1), "b/notes.txt",
	}
	for _, name := range names {
		put(t, to, name, "x")
	}
	all, err := ReadInventories(t.Context(), to)
	if err != nil || len(all) != 2 || all[0].Casino != "a" || all[1].Casino != "b" {
		t.Fatalf("%+v, %v", all, err)
	}
	b, err := ReadInventory(t.Context(), to, "b")
	if err != nil || len(b.Lineages) != 2 || b.Lineages[0].Lineage != Origin {
		t.Fatalf("%+v, %v", b, err)
	}
	if l := b.Lineages[0]; len(l.Archives) != 2 || l.Archives[0].Index != 3 || len(l.Segments) != 1 {
		t.Errorf("%+v", l)
	}
	if none, err := ReadInventory(t.Context(), to, "c"); err != nil || none.Casino != "c" || len(none.Lineages) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
}

func put(t testing.TB, to Target, name, content string) {
	t.Helper()
	u, err := to.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(u, content); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context(), func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }); err != nil {
		t.Fatal(err)
	}
}

// A full disk ends the writing of a backup with what to do, and leaves nothing there.
func TestDirectory_ExplainsItsErrors(t *testing.T) {
	if os.Getuid() != 0 {
		to := directoryOf(t)
		if err := os.Chmod(to.root, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Create(t.Context(), "a/b"); err == nil || !strings.Contains(err.Error(), "must belong to the user") {
			t.Error(err)
		}
	}
	if _, err := OpenDirectory("backups"); err == nil {
		t.Error("a relative path was taken")
	}
	for _, name := range []string{"", "/a", "a//b", "../a", "a/..", "a\\b", "a" + unfinished} {
		if _, err := directoryOf(t).Create(t.Context(), name); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
}

// A paced work rests most of the time, and the sink's time is not counted.
func TestPace_RestsInProportion(t *testing.T) {
	p := newPace(context.Background(), 0.5)
	p.last = time.Now().Add(-40 * time.Millisecond)
	p.sunk = 20 * time.Millisecond
	began := time.Now()
	if err := p.rest(); err != nil {
		t.Fatal(err)
	}
	if rested := time.Since(began); rested < 18*time.Millisecond {
		t.Errorf("it rested %v after 20 ms of work at half a processor", rested)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	p = newPace(ended, 0.001)
	p.last = time.Now().Add(-time.Minute)
	if err := p.rest(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzReadManifest reads what may lie in a target.
func FuzzReadManifest(f *testing.F) {
	c, to := played(f), directoryOf(f)
	s, _ := segmentIn(f, to, c, Sealing{Compression: Zstd})
	whole, err := os.ReadFile(filepath.Join(to.root, filepath.FromSlash(s.Object.Name)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(append([]byte(opening), footed(`{"format":1}`)...))
	path := filepath.Join(to.root, "any")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Object{Name: "any", Size: int64(len(content))}
		if _, entries, err := ReadSegment(t.Context(), to, o, nil); err == nil && !bytes.Equal(content, whole) && len(entries) == 0 {
			t.Error("a segment without entries was read")
		}
	})
}

// footed is a manifest with its footer.
func footed(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	b := binary.BigEndian.AppendUint64([]byte(text), uint64(len(text)))
	return append(append(b, sum[:]...), ending...)
}

// SHAOf is the checksum of a part; "" if there is no such part.
func (m *Manifest) SHAOf(name string) string {
	p, _, _ := m.part(name)
	return p.SHA256
}

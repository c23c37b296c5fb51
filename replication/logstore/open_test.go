package logstore_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
	"imperio/storage/engine"
	"imperio/storage/storagetest/faults"
)

func TestOpen_RefusesAMissingLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	_, err := logstore.Open(path, logstore.Options{Identity: identity})
	refused(t, err, logstore.ErrMissing, path)
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a refused Open made a directory")
	}
}

func TestOpen_RefusesALogWithoutItsState(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 3)
	s.Close()
	if err := os.Remove(filepath.Join(s.Path(), "state")); err != nil {
		t.Fatal(err)
	}
	untouched(t, s.Path(), func() {
		_, err := logstore.Open(s.Path(), logstore.Options{Identity: identity})
		refused(t, err, logstore.ErrMissing, "state", "put it back")
	})
}

func TestCreate_RefusesAnExistingLog(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	untouched(t, s.Path(), func() {
		refused(t, logstore.Create(s.Path(), logstore.Options{Identity: identity}, nil), logstore.ErrExists, s.Path())
	})
}

func TestCreate_LeavesNothingBehindWhenItFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	cause := errors.New("no")
	err := logstore.Create(path, logstore.Options{Identity: identity}, func(*logstore.Store) error { return cause })
	if !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
	if err := os.MkdirAll(path+".new/left by a crash", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := logstore.Create(path, logstore.Options{Identity: identity}, nil); err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	openStore(t, path, logstore.Options{})
}

func TestOpen_RefusesALogInUse(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 3)
	_, err := logstore.Open(s.Path(), logstore.Options{Identity: identity})
	refused(t, err, logstore.ErrLocked, s.Path())
	refused(t, visitLog(s.Path(), identity, nil), logstore.ErrLocked, s.Path())
	store(t, s, 4, 5) // the first owner is not disturbed
	holds(t, s, 1, 5)
}

func TestOpen_RefusesTheLogOfAnotherNode(t *testing.T) {
	s := newStore(t, logstore.Options{})
	s.Close()
	for _, id := range []logstore.Identity{{ClusterID: "cluster-2", NodeID: "node-1"}, {ClusterID: "cluster-1", NodeID: "node-2"}} {
		untouched(t, s.Path(), func() {
			_, err := logstore.Open(s.Path(), logstore.Options{Identity: id})
			refused(t, err, logstore.ErrForeign, "cluster-1", "node-1", id.ClusterID, id.NodeID)
		})
	}
}

// Segments of another log of the same node, such as that of a copy which was restored, are not taken for its own.
func TestOpen_RefusesTheSegmentOfAnotherLog(t *testing.T) {
	s, other := newStore(t, logstore.Options{}), newStore(t, logstore.Options{})
	store(t, s, 1, 3)
	store(t, other, 1, 5)
	s.Close()
	other.Close()
	content, err := os.ReadFile(onlySegment(t, other.Path()))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, onlySegment(t, s.Path()), content)
	damaged(t, s.Path())
}

func TestOpen_RefusesANewerFormat(t *testing.T) {
	s := newStore(t, logstore.Options{})
	s.Close()
	// A record of format 2, of which only the fields before it are known.
	path := filepath.Join(s.Path(), "state")
	slot := []byte{0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 'a', 'n', 'y'}
	binary.BigEndian.PutUint32(slot, crc32.Checksum(slot[4:], crc32.MakeTable(crc32.Castagnoli)))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[logstore.BlockSize+logstore.SlotSize:], slot)
	overwrite(t, path, content)
	untouched(t, s.Path(), func() {
		_, err := logstore.Open(s.Path(), logstore.Options{Identity: identity})
		refused(t, err, logstore.ErrNewer, "format 2", "Use the version that wrote it")
	})
}

// twoSegments makes a log whose second segment is in use.
func twoSegments(t testing.TB) (s *logstore.Store, last uint64) {
	t.Helper()
	s = newStore(t, small)
	for live := 1; live < 2; live, _ = s.SegmentsForTest() {
		store(t, s, last+1, last+10)
		last += 10
	}
	store(t, s, last+1, last+10)
	return s, last + 10
}

func segmentPaths(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no segments in %s: %v", dir, err)
	}
	return paths
}

func onlySegment(t testing.TB, dir string) string {
	t.Helper()
	paths := segmentPaths(t, dir)
	if len(paths) != 1 {
		t.Fatalf("segments %v", paths)
	}
	return paths[0]
}

func TestOpen_RefusesDamage(t *testing.T) {
	template, _ := twoSegments(t)
	template.Discard() // as a kill does
	first := func(t *testing.T, dir string) string { return segmentPaths(t, dir)[0] }
	second := func(t *testing.T, dir string) string { return segmentPaths(t, dir)[1] }
	for name, damage := range map[string]func(t *testing.T, dir string){
		"an empty state":          func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "state"), 0) },
		"a state of a few bytes":  func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "state"), 100) },
		"a state of zeroes":       func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "state"), make([]byte, 1<<18)) },
		"an empty segment":        func(t *testing.T, dir string) { truncate(t, first(t, dir), 0) },
		"an empty last segment":   func(t *testing.T, dir string) { truncate(t, second(t, dir), 0) },
		"a segment of one block":  func(t *testing.T, dir string) { truncate(t, first(t, dir), 4096) },
		"half a segment":          func(t *testing.T, dir string) { truncate(t, first(t, dir), 2*4096) },
		"a last segment cut":      func(t *testing.T, dir string) { truncate(t, second(t, dir), 8*4096-1) },
		"another kind of segment": func(t *testing.T, dir string) { overwrite(t, first(t, dir), bytes.Repeat([]byte("text\n"), 10_000)) },
		"a segment of zeroes":     func(t *testing.T, dir string) { overwrite(t, first(t, dir), make([]byte, 4*4096)) },
		"a last one of zeroes":    func(t *testing.T, dir string) { overwrite(t, second(t, dir), make([]byte, 8*4096)) },
		"no first segment":        func(t *testing.T, dir string) { remove(t, first(t, dir)) },
		"no last segment":         func(t *testing.T, dir string) { remove(t, second(t, dir)) },
		"no segments":             func(t *testing.T, dir string) { remove(t, second(t, dir)); remove(t, first(t, dir)) },
		"a segment twice": func(t *testing.T, dir string) {
			overwrite(t, second(t, dir), read(t, first(t, dir)))
		},
		"an opening":       func(t *testing.T, dir string) { flip(t, first(t, dir), 20) },
		"the last opening": func(t *testing.T, dir string) { flip(t, second(t, dir), 20) },
		"the first batch":  func(t *testing.T, dir string) { flip(t, first(t, dir), 4096+20) },
		"an entry":         func(t *testing.T, dir string) { flip(t, first(t, dir), 2*4096+100) },
		"the last entry":   func(t *testing.T, dir string) { flip(t, second(t, dir), 2*4096+100) },
		"the last header":  func(t *testing.T, dir string) { flip(t, second(t, dir), 2*4096+20) },
		"both copies of it": func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, "state"), 4096+20)
			flip(t, filepath.Join(dir, "state"), 4096+logstore.SlotSize+30)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			faults.CopyDirectory(t, filepath.Dir(template.Path()), dir)
			dir = filepath.Join(dir, "log")
			damage(t, dir)
			damaged(t, dir)
		})
	}
}

// damaged checks that Open and Read refuse a log as damaged, say what to do, and change nothing.
func damaged(t *testing.T, dir string) {
	t.Helper()
	untouched(t, dir, func() {
		_, err := logstore.Open(dir, logstore.Options{Identity: identity})
		for _, err := range []error{err, visitLog(dir, identity, func(*raft.Log) error { return nil })} {
			var damaged *engine.DamageError
			if !errors.As(err, &damaged) || !strings.HasPrefix(damaged.File, dir) {
				t.Fatalf("not told as damage of the log: %v", err)
			}
			if !strings.Contains(err.Error(), "restore the casino from a backup") {
				t.Fatalf("does not say what to do: %v", err)
			}
		}
	})
}

// A flipped byte is either noticed, or has no effect: everything reads as it was written. One exception: if a power cut lost
// the witness of the last append, a damaged last append is dropped.
func TestOpen_NoticesEveryFlippedByte(t *testing.T) {
	for name, last := range map[string]uint64{"killed": 8, "power cut": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, small)
			if err := s.SaveSnapshot(logstore.Snapshot{Index: 3}); err != nil {
				t.Fatal(err)
			}
			store(t, s, 1, 2)
			store(t, s, 3, 4)
			if err := s.SetUint64([]byte("CurrentTerm"), 2); err != nil {
				t.Fatal(err)
			}
			store(t, s, 5, 5) // fills the first segment
			state := filepath.Join(s.Path(), "state")
			before := read(t, state)
			store(t, s, 6, 8)
			s.Discard()
			if last == 5 {
				overwrite(t, state, before)
			}
			for _, path := range append(segmentPaths(t, s.Path()), state) {
				file := filepath.Base(path)
				content := read(t, path)
				refused, dropped, flipped := 0, 0, 0
				for at := range content {
					if content[at] == 0 && at%4096 > 200 || content[at] == 0 && at > 5*4096 && at%512 != 0 {
						continue // unused space; a sample is enough
					}
					flipped++
					change := byte(1 + at%255)
					overwriteAt(t, path, []byte{content[at] ^ change}, at)
					switch end := openedAsWritten(t, s.Path(), file, at); {
					case end == 0:
						refused++
					case end < 8:
						dropped++
						if end < last || file == "state" {
							t.Errorf("%s, byte %d flipped: the log ends with entry %d", file, at, end)
						}
					}
					overwriteAt(t, path, content[at:at+1], at)
				}
				t.Logf("%s: %d flips, %d refused, the last append dropped by %d, %d without effect", file, flipped, refused, dropped, flipped-refused-dropped)
				if refused == 0 && file != "state" || refused+dropped == flipped {
					t.Errorf("of %d flips in %s %d were refused: the check checks nothing", flipped, file, refused)
				}
			}
			openStore(t, s.Path(), logstore.Options{})
		})
	}
}

// openedAsWritten returns the last entry, and 0 for a refusal. It fails the test if an entry reads otherwise.
func openedAsWritten(t *testing.T, dir, file string, at int) uint64 {
	t.Helper()
	next := uint64(1)
	err := visitLog(dir, identity, func(l *raft.Log) error {
		if l.Index != next || !bytes.Equal(l.Data, entry(next).Data) || l.Term != entry(next).Term {
			t.Fatalf("%s, byte %d flipped: entry %d is %+v", file, at, next, l)
		}
		next++
		return nil
	})
	if err != nil {
		return 0
	}
	return next - 1
}

func TestOpenReadOnly_ChangesNothing(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 4)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	state, segment := filepath.Join(s.Path(), "state"), onlySegment(t, s.Path())
	before := append(read(t, state), read(t, segment)...)
	one, err := logstore.OpenReadOnly(s.Path(), identity)
	if err != nil {
		t.Fatal(err)
	}
	two, err := logstore.OpenReadOnly(s.Path(), identity) // readers don't exclude each other
	if err != nil {
		t.Fatal(err)
	}
	holds(t, one, 1, 4)
	for name, change := range map[string]func() error{
		"append": func() error { return one.StoreLogs([]*raft.Log{{Index: 5, Term: 1}}) },
		"set":    func() error { return one.Set([]byte("key"), []byte("value")) },
		"touch":  one.Touch,
		"cut":    func() error { return one.DeleteRange(1, 2) },
	} {
		if change() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(before, append(read(t, state), read(t, segment)...)) {
		t.Error("a reader changed the log")
	}
}

// The end of an unfinished write is dropped, and that is logged. Its entries were never acknowledged.
func TestOpen_DropsATornWriteAndSaysSo(t *testing.T) {
	s := newStore(t, logstore.Options{})
	store(t, s, 1, 4)
	before := read(t, filepath.Join(s.Path(), "state"))
	large := []*raft.Log{{Index: 5, Term: 1, Data: bytes.Repeat([]byte("x"), 10_000)}}
	if err := s.StoreLogs(large); err != nil {
		t.Fatal(err)
	}
	s.Discard()
	path := onlySegment(t, s.Path())
	after := read(t, path)
	const start = 2 * 4096
	for name, torn := range map[string]func([]byte){
		"its end is missing":    func(b []byte) { clear(b[start+8192:]) },
		"its middle is missing": func(b []byte) { clear(b[start+4096 : start+4608]) },
		"its start is missing":  func(b []byte) { clear(b[start : start+512]) },
		"all of it is missing":  func(b []byte) { clear(b[start:]) },
	} {
		t.Run(name, func(t *testing.T) {
			overwrite(t, filepath.Join(s.Path(), "state"), before) // the witness was not written yet
			b := bytes.Clone(after)
			torn(b)
			overwrite(t, path, b)
			var said bytes.Buffer
			s := openStore(t, s.Path(), logstore.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
			holds(t, s, 1, 4)
			hasHeader := b[start] != 0
			if told := strings.Contains(said.String(), "never finished"); told != hasHeader {
				t.Errorf("told: %t; the log says %q", told, said.String())
			}
			store(t, s, 5, 9)
			s = reopen(t, s)
			holds(t, s, 1, 9)
			s.Close()
		})
	}
}

func TestOpen_TakesTheOtherCopyOfAHalfWrittenState(t *testing.T) {
	s := newStore(t, logstore.Options{})
	if err := s.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		t.Fatal(err)
	}
	s.Discard()
	path := filepath.Join(s.Path(), "state")
	whole := read(t, path)
	for slot := range 2 {
		b := bytes.Clone(whole)
		clear(b[4096+slot*logstore.SlotSize : 4096+slot*logstore.SlotSize+512])
		overwrite(t, path, b)
		s := openStore(t, s.Path(), logstore.Options{})
		for term := uint64(1); term < 4; term++ {
			if n, err := s.GetUint64([]byte("CurrentTerm")); err != nil || n != term {
				t.Fatalf("without copy %d the term is %d, %v; want %d", slot+1, n, err, term)
			}
			if err := s.SetUint64([]byte("CurrentTerm"), term+1); err != nil {
				t.Fatal(err)
			}
			s = reopen(t, s)
		}
		s.Close()
	}
}

// A file that is cut short while it is open must not end the process.
func TestGetLog_SurvivesAFileCutShort(t *testing.T) {
	var failure error
	s := newStore(t, logstore.Options{Failed: func(err error) { failure = err }})
	store(t, s, 1, 200)
	truncate(t, onlySegment(t, s.Path()), 4096)
	var l raft.Log
	err := s.GetLog(1, &l)
	var damaged *engine.DamageError
	if !errors.As(err, &damaged) {
		t.Fatalf("reading a file that was cut short: %v", err)
	}
	if !errors.Is(failure, logstore.ErrFailed) {
		t.Fatalf("the store was not said to have failed: %v", failure)
	}
	if err := s.StoreLog(entry(201)); !errors.Is(err, logstore.ErrFailed) {
		t.Fatalf("a write after the damage: %v", err)
	}
	s.Close() // must not hang; its result does not matter
}

// visitLog visits the entries of a log that no process writes to.
func visitLog(dir string, id logstore.Identity, visit func(*raft.Log) error) error {
	s, err := logstore.OpenReadOnly(dir, id)
	if err != nil {
		return err
	}
	return errors.Join(s.Each(visit), s.Close())
}

// The log as release 1 writes it. It must stay readable for ever.
func TestFormat_GoldenVectors(t *testing.T) {
	salt := []byte("0123456789abcdef")
	l := raft.Log{Index: 258, Term: 3, Type: raft.LogConfiguration, AppendedAt: time.Unix(0, 0x17979cfe362a0001),
		Extensions: []byte("ex"), Data: []byte("data")}
	for name, c := range map[string]struct {
		got    []byte
		golden string
	}{
		"entry":  {logstore.AppendEntryForTest(&l, identity, salt), "8e60929000000006000000020105000000000000000317979cfe362a0001657864617461"},
		"header": {logstore.HeaderForTest(identity, salt), "696d706572696f429bd408d500000001000000000000000200000000000000030000000400000005000000000000000607000000000000000000000000000000000000000000000000000000000000080000000000000009"},
		"state":  {bytes.TrimRight(logstore.SlotForTest(identity, salt, map[string][]byte{"CurrentTerm": {0, 0, 0, 0, 0, 0, 0, 7}}), "\x00"), "ee11af270000003d00000000000000090001a40169636c75737465722d3102666e6f64652d3103503031323334353637383961626364656604a16b43757272656e745465726d480000000000000007"},
	} {
		if got := hex.EncodeToString(c.got); got != c.golden {
			t.Errorf("the %s is written as %s, not as %s", name, got, c.golden)
		}
	}
}

func refused(t *testing.T, err, want error, mentions ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("refused with %v, not with %v", err, want)
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Fatalf("%q does not mention %q", err, m)
		}
	}
}

// untouched fails the test if fn changes a file of the log, or what is beside it.
func untouched(t *testing.T, dir string, fn func()) {
	t.Helper()
	content := func() (all string) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			all += f.Name() + string(read(t, filepath.Join(dir, f.Name())))
		}
		return all
	}
	before := content()
	fn()
	if content() != before {
		t.Fatal("the log was changed")
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Fatalf("the directory was changed: %v", left)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func overwriteAt(t *testing.T, path string, content []byte, at int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, int64(at)); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	overwriteAt(t, path, []byte{read(t, path)[at] ^ 0x10}, at)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

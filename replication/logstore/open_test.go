package logstore_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"

	"imperio/replication/logstore"
)

var everyByte = flag.Bool("every-byte", false, "flip each byte of the file, not only a sample")

func TestOpen_RefusesAMissingLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	_, err := logstore.Open(path, logstore.Options{Identity: identity})
	refused(t, err, logstore.ErrMissing, path)
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a refused Open made a file")
	}
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
	path := filepath.Join(t.TempDir(), "log.db")
	cause := errors.New("no")
	err := logstore.Create(path, logstore.Options{Identity: identity}, func(*logstore.Store) error { return cause })
	if !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
	if err := os.WriteFile(path+".new", []byte("left by a crash"), 0o600); err != nil {
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

func TestOpen_RefusesANewerFormat(t *testing.T) {
	s := newStore(t, logstore.Options{})
	s.Close()
	// A record of format 2, of which only the header is known.
	rewrite(t, s.Path(), "state", []byte("record"), logstore.SealForTest([]byte("record"), []byte{0, 2, 'a', 'n', 'y'}))
	untouched(t, s.Path(), func() {
		_, err := logstore.Open(s.Path(), logstore.Options{Identity: identity})
		refused(t, err, logstore.ErrNewer, "format 2", "Use the version that wrote it")
	})
}

func TestOpen_RefusesDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"an empty file":          func(t *testing.T, path string) { truncate(t, path, 0) },
		"a few bytes":            func(t *testing.T, path string) { truncate(t, path, 100) },
		"one page":               func(t *testing.T, path string) { truncate(t, path, 4096) },
		"half of it":             func(t *testing.T, path string) { truncate(t, path, 20<<10) },
		"another kind of file":   func(t *testing.T, path string) { overwrite(t, path, bytes.Repeat([]byte("text\n"), 10_000)) },
		"zeroes":                 func(t *testing.T, path string) { overwrite(t, path, make([]byte, 1<<16)) },
		"an entry missing":       func(t *testing.T, path string) { remove(t, path, "log", []byte{0, 0, 0, 0, 0, 0, 0, 50}) },
		"the last entry missing": func(t *testing.T, path string) { remove(t, path, "log", []byte{0, 0, 0, 0, 0, 0, 0, 200}) },
		"the record missing":     func(t *testing.T, path string) { remove(t, path, "state", []byte("record")) },
		"an entry of another key": func(t *testing.T, path string) {
			rewrite(t, path, "log", []byte{0, 0, 0, 0, 0, 0, 0, 50}, []byte("short"))
		},
		"an unknown record": func(t *testing.T, path string) { rewrite(t, path, "state", []byte("recorf"), []byte("x")) },
		"an odd key":        func(t *testing.T, path string) { rewrite(t, path, "log", []byte("odd"), []byte("x")) },
		"an unknown bucket": func(t *testing.T, path string) { rewrite(t, path, "other", []byte("k"), []byte("v")) },
		"a bucket in a bucket": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.Bucket([]byte("state")).CreateBucket([]byte("inner"))
				return err
			})
		},
		"no log": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("log")) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, logstore.Options{})
			store(t, s, 1, 200)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, s.Path())
			untouched(t, s.Path(), func() {
				_, err := logstore.Open(s.Path(), logstore.Options{Identity: identity})
				var damaged *logstore.DamagedError
				if !errors.As(err, &damaged) || damaged.File != s.Path() {
					t.Fatalf("not told as damage of the file: %v", err)
				}
				if !strings.Contains(err.Error(), "restore the latest backup") {
					t.Fatalf("does not say what to do: %v", err)
				}
			})
		})
	}
}

// A flipped byte is either noticed, or lies where nothing is stored: then everything reads as it was written.
func TestOpen_NoticesEveryFlippedByte(t *testing.T) {
	for name, closed := range map[string]bool{"closed": true, "killed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, logstore.Options{})
			store(t, s, 1, 120)
			if err := s.SetUint64([]byte("CurrentTerm"), 2); err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteRange(1, 20); err != nil {
				t.Fatal(err)
			}
			store(t, s, 121, 130) // works the cut off, so that there are free pages
			if closed {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			sound, err := os.ReadFile(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			sound = bytes.TrimRight(sound, "\x00") // the file is grown in advance
			size := (len(sound) + 4095) / 4096 * 4096
			sound = append(sound, make([]byte, size-len(sound))...)
			s.Close()

			seed := uint64(time.Now().UnixNano())
			r := rand.New(rand.NewPCG(seed, 0))
			t.Logf("seed %d, %d bytes", seed, size)
			flipped, refused := 0, 0
			path := filepath.Join(t.TempDir(), "log.db")
			for at := range size {
				sample := 100 // one of so many bytes
				if at%4096 < 96 {
					sample = 4 // there the headers are
				}
				if !*everyByte && r.IntN(sample) != 0 {
					continue
				}
				flipped++
				content := append([]byte(nil), sound...)
				content[at] ^= byte(1 + r.IntN(255))
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				if !openedAsWritten(t, path, at, r.IntN(20) == 0) {
					refused++
				}
			}
			if refused == 0 || refused == flipped {
				t.Fatalf("of %d flips %d were refused: the check checks nothing", flipped, refused)
			}
			t.Logf("%d flips, %d refused, %d without effect", flipped, refused, flipped-refused)
		})
	}
}

// openedAsWritten returns false for a refusal, and fails the test if the store opens and holds anything else.
func openedAsWritten(t *testing.T, path string, at int, goOn bool) bool {
	t.Helper()
	s, err := logstore.Open(path, logstore.Options{Identity: identity})
	if err != nil {
		return false
	}
	defer s.Discard()
	if n, err := s.GetUint64([]byte("CurrentTerm")); n != 2 || err != nil {
		t.Fatalf("byte %d flipped: the term is %d, %v", at, n, err)
	}
	if last, _ := s.LastIndex(); last != 130 {
		t.Fatalf("byte %d flipped: the log ends with %d", at, last)
	}
	first, _ := s.FirstIndex()
	if first > 21 {
		t.Fatalf("byte %d flipped: the log begins with %d", at, first)
	}
	for i := first; i <= 130; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil || !bytes.Equal(l.Data, entry(i).Data) || l.Term != entry(i).Term {
			t.Fatalf("byte %d flipped: entry %d is %+v, %v", at, i, l, err)
		}
	}
	if goOn {
		if err := s.StoreLog(entry(131)); err != nil {
			t.Fatalf("byte %d flipped: append: %v", at, err)
		}
	}
	return true
}

// A file that is cut short while it is open must not end the process.
func TestGetLog_SurvivesAFileCutShort(t *testing.T) {
	var failure error
	s := newStore(t, logstore.Options{Failed: func(err error) { failure = err }})
	for i := uint64(1); i < 2000; i += 100 {
		store(t, s, i, i+99)
	}
	truncate(t, s.Path(), 8192)
	var l raft.Log
	err := s.GetLog(1, &l)
	var damaged *logstore.DamagedError
	if !errors.As(err, &damaged) {
		t.Fatalf("reading a file that was cut short: %v", err)
	}
	if !errors.Is(failure, logstore.ErrFailed) {
		t.Fatalf("the store was not said to have failed: %v", failure)
	}
	if err := s.StoreLog(entry(2001)); !errors.Is(err, logstore.ErrFailed) {
		t.Fatalf("a write after the damage: %v", err)
	}
	s.Close() // must not hang, whatever it says
}

// An entry as release 1 writes it. It must be readable for ever.
func TestFormat_GoldenVectors(t *testing.T) {
	const golden = "" +
		"ffa1ea26" + "01" + "05" + "0000000000000003" + "17979cfe362a0001" + "00000002" + "6578" + "64617461"
	l := raft.Log{Index: 258, Term: 3, Type: raft.LogConfiguration, AppendedAt: time.Unix(0, 0x17979cfe362a0001),
		Extensions: []byte("ex"), Data: []byte("data")}
	if got := hex.EncodeToString(logstore.AppendEntryForTest(nil, &l)); got != golden {
		t.Errorf("the entry is written as %s, not as %s", got, golden)
	}
	const goldenRecord = "" +
		"c2cffca7" + "0001" + "a3" + "0169636c75737465722d31" + "02666e6f64652d31" + "03a16b43757272656e745465726d480000000000000007"
	v := logstore.RecordForTest(identity, map[string][]byte{"CurrentTerm": {0, 0, 0, 0, 0, 0, 0, 7}})
	if got := hex.EncodeToString(v); got != goldenRecord {
		t.Errorf("the state record is written as %s, not as %s", got, goldenRecord)
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

// untouched fails the test if fn changes the file or its directory.
func untouched(t *testing.T, path string, fn func()) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fn()
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Fatal("the file was changed")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Fatalf("the directory was changed: %v", left)
	}
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

func edit(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path, bucket string, k, v []byte) {
	t.Helper()
	edit(t, path, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put(k, v)
	})
}

func remove(t *testing.T, path, bucket string, k []byte) {
	t.Helper()
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Delete(k) })
}

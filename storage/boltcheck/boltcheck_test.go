package boltcheck_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
)

// build makes a database of random shape: nested buckets, inline ones, values of several pages, free pages.
func build(t testing.TB, r *rand.Rand, options *bbolt.Options, transactions int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	options.Timeout = time.Second
	db, err := bbolt.Open(path, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.AllocSize = 1 << 16
	for range transactions {
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "bucket %d", r.IntN(3)))
			if err != nil {
				return err
			}
			if r.IntN(3) == 0 {
				if b, err = b.CreateBucketIfNotExists(fmt.Appendf(nil, "inner %d", r.IntN(2))); err != nil {
					return err
				}
			}
			for range r.IntN(80) {
				k := fmt.Appendf(nil, "key %d", r.IntN(1000))
				if r.IntN(3) == 0 {
					if err := b.Delete(k); err != nil {
						return err
					}
				} else if err := b.Put(k, bytes.Repeat([]byte("v"), r.IntN(1+r.IntN(300))*r.IntN(40))); err != nil {
					return err
				}
			}
			return b.SetSequence(r.Uint64())
		}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func check(path string, v boltcheck.Visitor) (boltcheck.Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return boltcheck.Summary{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return boltcheck.Summary{}, err
	}
	return boltcheck.Check(f, info.Size(), v)
}

func TestCheck_VisitsJustWhatBboltReads(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 20 {
		noFreelist := i%2 == 0
		path := build(t, r, &bbolt.Options{NoFreelistSync: noFreelist}, r.IntN(30))
		var visited, read []string
		summary, err := check(path, boltcheck.Visitor{
			Bucket: func(name string, sequence uint64) error {
				visited = append(visited, fmt.Sprintf("%s %d", name, sequence))
				return nil
			},
			Item: func(bucket string, k, v []byte) error {
				visited = append(visited, fmt.Sprintf("%s/%s=%d", bucket, k, len(v)))
				return nil
			},
		})
		if err != nil {
			t.Fatalf("a sound database: %v", err)
		}
		if summary.PageSize == 0 || summary.Pages < 4 {
			t.Fatalf("summary is %+v", summary)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return list(&read, string(name), b) })
		}); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if diff := cmp.Diff(read, visited); diff != "" {
			t.Fatalf("(-bbolt +check):\n%s", diff)
		}
	}
}

func list(to *[]string, name string, b *bbolt.Bucket) error {
	*to = append(*to, fmt.Sprintf("%s %d", name, b.Sequence()))
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return list(to, name+"/"+string(k), b.Bucket(k))
		}
		*to = append(*to, fmt.Sprintf("%s/%s=%d", name, k, len(v)))
		return nil
	})
}

func TestCheck_RefusesATruncatedFile(t *testing.T) {
	path := build(t, rand.New(rand.NewPCG(1, 0)), &bbolt.Options{}, 20)
	summary, err := check(path, boltcheck.Visitor{})
	if err != nil {
		t.Fatal(err)
	}
	for size := int64(summary.Pages)*int64(summary.PageSize) - 1; size > 0; size -= 1777 {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if _, err := check(path, boltcheck.Visitor{}); err == nil {
			t.Fatalf("truncated to %d bytes: no error", size)
		}
	}
}

func TestCheck_ReturnsTheVisitorsError(t *testing.T) {
	path := build(t, rand.New(rand.NewPCG(2, 0)), &bbolt.Options{}, 20)
	want := fmt.Errorf("enough")
	if _, err := check(path, boltcheck.Visitor{Bucket: func(string, uint64) error { return want }}); err != want {
		t.Errorf("of Bucket: %v", err)
	}
	if _, err := check(path, boltcheck.Visitor{Item: func(string, []byte, []byte) error { return want }}); err != want {
		t.Errorf("of Item: %v", err)
	}
}

// bbolt opens, reads and writes whatever passes the check without a panic.
func FuzzCheck_NeverPanicsAndWhatPassesIsSafe(f *testing.F) {
	sound, err := os.ReadFile(build(f, rand.New(rand.NewPCG(3, 0)), &bbolt.Options{NoFreelistSync: true, PageSize: 1024}, 6))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := boltcheck.Check(bytes.NewReader(sound), int64(len(sound)), boltcheck.Visitor{}); err != nil {
		f.Fatal(err)
	}
	for _, at := range []uint32{0, 8, 16, 1024, 1032, 2048, 2056, 2060, 2064, 3072, 5000} {
		f.Add(at, []byte{0xff})
		f.Add(at, []byte{0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		content := bytes.Clone(sound)
		copy(content[int(at)%len(content):], patch)
		if _, err := boltcheck.Check(bytes.NewReader(content), int64(len(content)), boltcheck.Visitor{}); err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("another"))
			if err != nil {
				return err
			}
			return b.Put([]byte("k"), []byte("v"))
		}); err != nil {
			t.Fatal(err)
		}
	})
}

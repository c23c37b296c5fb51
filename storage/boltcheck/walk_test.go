package boltcheck_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"imperio/storage/boltcheck"
)

// walk goes through all trees of an open database in steps of limit bytes, reading from r.
func walk(db *bbolt.DB, r *bytes.Reader, limit int) (visited []string, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		size := db.Info().PageSize
		tree := boltcheck.Tree{Root: uint64(tx.Cursor().Bucket().Root()), PageSize: size, Pages: uint64(tx.Size()) / uint64(size)}
		v := boltcheck.Visitor{
			Bucket: func(name string, _ uint64) error { visited = append(visited, name); return nil },
			Item: func(bucket string, k, v []byte) error {
				visited = append(visited, fmt.Sprintf("%s/%s=%d", bucket, k, len(v)))
				return nil
			},
		}
		if _, err := tree.Walk(r, nil, limit, v); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			tree.Bucket, tree.Root = string(name), uint64(b.Root())
			for from, more := []byte(nil), tree.Root != 0; more; more = from != nil {
				if from, err = tree.Walk(r, from, limit, v); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return visited, err
}

func TestWalk_StepByStepVisitsAllOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("walks files in many small steps")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 6 {
		path := build(t, r, &bbolt.Options{PageSize: 1024}, r.IntN(30))
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := walk(db, bytes.NewReader(file), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := walk(db, bytes.NewReader(file), 1+r.IntN(4000))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, steps); diff != "" {
			t.Errorf("(-at once +in steps):\n%s", diff)
		}
		for range 100 { // damage never makes the walk run for ever or skip an item unnoticed; values may be wrong
			damaged := bytes.Clone(file)
			at := r.IntN(len(damaged)/1024)*1024 + r.IntN(64)
			damaged[at] ^= 1 << r.IntN(8)
			if got, err := walk(db, bytes.NewReader(damaged), 2000); err == nil && len(got) != len(whole) {
				t.Errorf("byte %d: %d items of %d, and no error", at, len(got), len(whole))
			}
		}
	}
}

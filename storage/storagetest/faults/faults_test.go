package faults_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage/storagetest/faults"
)

func openBolt(t *testing.T, dir string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "x.db"), 0o600, &bbolt.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func put(db *bbolt.DB, key string) error {
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte("v"))
	})
}

func has(t *testing.T, dir, key string) (found bool) {
	t.Helper()
	db := openBolt(t, dir)
	defer db.Close()
	err := db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		found = tx.Bucket([]byte("b")) != nil && tx.Bucket([]byte("b")).Get([]byte(key)) != nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFail_MakesEveryOperationOfATransactionFail(t *testing.T) {
	for _, mode := range faults.Modes {
		for n := 1; ; n++ {
			dir := t.TempDir()
			d := faults.Watch(t, dir)
			db := openBolt(t, dir)
			if err := put(db, "first"); err != nil {
				t.Fatal(err)
			}
			d.Fail(faults.Fault{File: "x.db", N: n, Mode: mode})
			err := put(db, "second")
			if !d.Fired() {
				if err != nil {
					t.Fatalf("failed without a fault: %v", err)
				}
				if n < 5 {
					t.Fatalf("a transaction has only %d operations", n-1)
				}
				break
			}
			if !errors.Is(err, faults.ErrInjected) {
				t.Fatalf("operation %d, %v: %v", n, mode, err)
			}
			if got, want := errors.Is(err, syscall.ENOSPC), mode == faults.Full; got != want {
				t.Fatalf("operation %d, %v: disk full is %t", n, mode, got)
			}
		}
	}
}

func TestCutPower_KeepsWhatWasSyncedAndLosesWhatWasNot(t *testing.T) {
	dir := t.TempDir()
	d := faults.Watch(t, dir)
	db := openBolt(t, dir)
	if err := put(db, "first"); err != nil {
		t.Fatal(err)
	}
	acknowledged := d.Now()
	if err := put(db, "second"); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for at := acknowledged; at <= d.Now(); at++ {
		for seed := range uint64(8) {
			for name, unsynced := range map[string]faults.Unsynced{
				"lost": faults.Lost, "kept": faults.Kept, fmt.Sprintf("seed %d", seed): faults.Random(seed),
			} {
				to := t.TempDir()
				d.CutPower(t, to, at, unsynced)
				if !has(t, to, "first") {
					t.Fatalf("power cut after operation %d (unsynced: %s) lost what was synced", at, name)
				}
				if second := has(t, to, "second"); at == d.Now() && !second {
					t.Fatalf("power cut at the end (unsynced: %s) lost what was synced", name)
				} else if !second {
					lost++
				}
			}
		}
	}
	if lost == 0 {
		t.Fatal("no power cut lost anything: the simulation does nothing")
	}
}

func TestCutPower_LosesAllWithoutSyncs(t *testing.T) {
	dir := t.TempDir()
	d := faults.Watch(t, dir)
	db := openBolt(t, dir)
	if err := put(db, "first"); err != nil {
		t.Fatal(err)
	}
	at := d.Now()
	db.NoSync = true
	if err := put(db, "second"); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	d.CutPower(t, to, d.Now(), faults.Lost)
	if has(t, to, "second") {
		t.Fatal("an unsynced write survived")
	}
	kept := t.TempDir()
	d.CutPower(t, kept, d.Now(), faults.Kept)
	if !has(t, kept, "second") {
		t.Fatal("the kept write is missing")
	}
	if d.Now() == at {
		t.Fatal("no operation was seen")
	}
}

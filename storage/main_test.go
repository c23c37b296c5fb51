package storage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// TestMain chooses the seed of all property tests and prints it, even if they pass. -rapid.seed sets it.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.seed"); f != nil && f.Value.String() == "0" {
		if err := f.Value.Set(fmt.Sprint(rand.Uint64N(1<<62) + 1)); err != nil {
			panic(err)
		}
	}
	if f := flag.Lookup("rapid.seed"); f != nil {
		fmt.Printf("property tests: -rapid.seed=%s\n", f.Value)
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if f := flag.Lookup("rapid.checks"); f != nil && !given {
		if err := f.Value.Set("50"); err != nil { // each makes a casino or two; use -rapid.checks=5000 for a long run
			panic(err)
		}
	}
	if f := flag.Lookup("rapid.nofailfile"); f != nil {
		if err := f.Value.Set("true"); err != nil { // the seed says enough
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// waitFor waits until a condition holds. The deadline is far beyond what a loaded machine needs.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// identity is the hash of a store's state.
func identity(s *storage.Store) (sum [32]byte, machine machine.Record, err error) {
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		return sum, machine, err
	}
	sum, err = snap.Hash()
	return sum, snap.Machine(), errors.Join(err, snap.Close())
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// memoryDir is a temporary directory, in memory if the system has one. These tests make thousands of casinos, and none
// tests a power cut.
func memoryDir(t storagetest.T) string {
	t.Helper()
	parent := "/dev/shm"
	if fi, err := os.Stat(parent); err != nil || !fi.IsDir() {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "imperio-storage-")
	if err != nil {
		t.Fatalf("temporary directory: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return dir
}

// tableNames are the names of the machine's tables.
func tableNames() (names []string) {
	for _, t := range machine.Tables() {
		names = append(names, t.Name)
	}
	return names
}

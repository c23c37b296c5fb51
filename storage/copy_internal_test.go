package storage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What is copied beside players is whole, and ends when nobody waits for it any more.
func TestCalmWriter_WritesAllUntilItsRequestEnds(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := make([]byte, 2*calmChunk+12345)
	for i := range want {
		want[i] = byte(i * i >> 8)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &calmWriter{ctx: ctx, file: f, began: time.Now()}
	for rest := want; len(rest) > 0; { // no pieces that fit the chunks
		n, err := w.Write(rest[:min(len(rest), 1<<20+7)])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d were written, or others: %v", len(got), len(want), err)
	}
	cancel()
	if _, err := w.Write(make([]byte, calmChunk)); !errors.Is(err, context.Canceled) {
		t.Errorf("without anybody who waits: %v", err)
	}
}

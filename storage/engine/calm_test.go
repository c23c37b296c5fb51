package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// Work that waits for calm never brings the state to where Update waits, however slow checkpoints are.
func TestCalm_KeepsFarFromWhereUpdateWaits(t *testing.T) {
	const most = 8 << 10
	options := byHand
	options.CheckpointBytes = most
	d := open(t, options)
	for n := range 200 {
		if err := d.Calm(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.mu.RLock()
		waits := d.live.bytes
		d.mu.RUnlock()
		if waits > most {
			t.Fatalf("%d bytes wait for a checkpoint, and it is said to be calm", waits)
		}
		change(t, d, func(w *Writer) { w.Put(words, fmt.Append(nil, n), make([]byte, 3<<10)) })
	}
}

func TestCalm_EndsWithItsCaller(t *testing.T) {
	options := byHand
	options.CheckpointBytes = 1
	d := open(t, options)
	thaw := freeze(d) // no checkpoint is written meanwhile
	change(t, d, func(w *Writer) { w.Put(words, []byte("a"), []byte("b")) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Calm(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	thaw()
	if err := d.Calm(t.Context()); err != nil {
		t.Error(err)
	}
}

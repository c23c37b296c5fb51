package engine

import (
	"context"
	"errors"
	"testing"
)

// digestAfter is the digest of an empty state after some changes.
func digestAfter(t *testing.T, record string, fn func(w *Writer)) (sum uint64) {
	t.Helper()
	d := open(t, byHand)
	change(t, d, func(w *Writer) {
		fn(w)
		sum = w.Digest([]byte(record))
	})
	return sum
}

// Members of different versions compare their digests, so these numbers must never change.
func TestDigest_IsTheSameInEveryVersion(t *testing.T) {
	for want, fn := range map[uint64]func(w *Writer){
		0xef46db3751d8e999: func(*Writer) {},
		0x54dce746a9b89640: func(w *Writer) { w.Put(words, []byte("key"), []byte("value")) },
		0x991c9e725cc06b95: func(w *Writer) {
			w.Put(words, []byte("key"), []byte("value"))
			w.Delete(words, []byte("key"))
			w.Put(numbers, make([]byte, 8), nil)
		},
	} {
		if got := digestAfter(t, "", fn); got != want {
			t.Errorf("%#016x, want %#016x", got, want)
		}
	}
}

func TestDigest_TellsEveryChange(t *testing.T) {
	seen := make(map[uint64]string)
	for name, c := range map[string]struct {
		record string
		fn     func(w *Writer)
	}{
		"nothing":        {fn: func(*Writer) {}},
		"a record":       {record: "record", fn: func(*Writer) {}},
		"a value":        {fn: func(w *Writer) { w.Put(words, []byte("key"), []byte("value")) }},
		"another value":  {fn: func(w *Writer) { w.Put(words, []byte("key"), []byte("valuf")) }},
		"another key":    {fn: func(w *Writer) { w.Put(words, []byte("kex"), []byte("value")) }},
		"another table":  {fn: func(w *Writer) { w.Put(numbers, []byte("key"), []byte("value")) }},
		"a longer key":   {fn: func(w *Writer) { w.Put(words, []byte("keyv"), []byte("alue")) }},
		"an empty value": {fn: func(w *Writer) { w.Put(words, []byte("key"), nil) }},
		"a deletion":     {fn: func(w *Writer) { w.Delete(words, []byte("key")) }},
		"two": {fn: func(w *Writer) {
			w.Put(words, []byte("a"), []byte("1"))
			w.Put(words, []byte("b"), []byte("2"))
		}},
		"the same two in another order": {fn: func(w *Writer) {
			w.Put(words, []byte("b"), []byte("2"))
			w.Put(words, []byte("a"), []byte("1"))
		}},
		"the same twice": {fn: func(w *Writer) {
			w.Put(words, []byte("key"), []byte("value"))
			w.Put(words, []byte("key"), []byte("value"))
		}},
	} {
		sum := digestAfter(t, c.record, c.fn)
		if other, known := seen[sum]; known {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[sum] = name
	}
}

// The digest goes on over checkpoints, restarts and lost memory as if there had been none.
func TestDigest_GoesOnFromTheLastCheckpoint(t *testing.T) {
	var want uint64
	straight := open(t, byHand)
	for _, word := range []string{"a", "b", "c"} {
		change(t, straight, func(w *Writer) {
			w.Put(words, []byte(word), []byte("x"))
			want = w.Digest(nil)
		})
	}
	d := open(t, byHand)
	change(t, d, func(w *Writer) { w.Put(words, []byte("a"), []byte("x")) })
	if _, err := d.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	change(t, d, func(w *Writer) { w.Put(words, []byte("lost"), []byte("x")) })
	d.Fail(errors.New("a test's kill")) // so that closing writes nothing
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = reopen(t, d.Path(), byHand)
	var got uint64
	for _, word := range []string{"b", "c"} {
		change(t, d, func(w *Writer) {
			w.Put(words, []byte(word), []byte("x"))
			got = w.Digest(nil)
		})
	}
	if got != want {
		t.Errorf("%#016x, want %#016x", got, want)
	}
}

// BenchmarkNote is what the digest costs for changes such as those of a spin.
func BenchmarkNote(b *testing.B) {
	var h head
	key := make([]byte, 8)
	values := [][]byte{make([]byte, 400), make([]byte, 120), make([]byte, 60)}
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range values {
			h.note(changePut, "events", key, v)
		}
	}
}

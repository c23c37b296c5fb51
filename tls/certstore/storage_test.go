package certstore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"pgregory.net/rapid"

	"imperio/tls/certstore"
)

var testKey = bytes.Repeat([]byte{7}, certstore.KeySize)

func open(t *testing.T, kv certstore.KV, change ...func(*certstore.Options)) *certstore.Storage {
	t.Helper()
	options := certstore.Options{KV: kv, Key: testKey, LockTTL: time.Minute, LockPoll: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&options)
	}
	s, err := certstore.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func store(t *testing.T, s *certstore.Storage, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.Store(t.Context(), key, []byte("value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStorage_LoadReturnsWhatWasStoredLast(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := open(t, newMemoryKV(), func(o *certstore.Options) { o.Clock = func() time.Time { return at } })
	for _, value := range []string{"first", "second", ""} {
		if err := s.Store(t.Context(), "certificates/issuer/casino.test/casino.test.crt", []byte(value)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context(), "certificates/issuer/casino.test/casino.test.crt")
		if err != nil || string(got) != value {
			t.Errorf("Load() = %q, %v; want %q", got, err, value)
		}
		info, err := s.Stat(t.Context(), "certificates/issuer/casino.test/casino.test.crt")
		want := certmagic.KeyInfo{Key: "certificates/issuer/casino.test/casino.test.crt", Modified: at, Size: int64(len(value)), IsTerminal: true}
		if err != nil || info != want {
			t.Errorf("Stat() = %+v, %v; want %+v", info, err, want)
		}
	}
}

func TestStorage_MissingKeysAreErrNotExist(t *testing.T) {
	s := open(t, newMemoryKV())
	store(t, s, "a/b/c")
	for _, key := range []string{"x", "a/b/c/d", "a/b/cc", "a/", "aa"} {
		if _, err := s.Load(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load(%q): %v", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(%q): %v", key, err)
		}
		if s.Exists(t.Context(), key) {
			t.Errorf("Exists(%q)", key)
		}
	}
	if _, err := s.List(t.Context(), "x", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List of a directory that is not there: %v", err)
	}
	if _, err := s.Load(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a directory: %v", err)
	}
}

func TestStorage_DirectoriesExistAndAreNotTerminal(t *testing.T) {
	s := open(t, newMemoryKV())
	store(t, s, "a/b/c")
	for _, dir := range []string{"a", "a/b"} {
		info, err := s.Stat(t.Context(), dir)
		if err != nil || info.IsTerminal || info.Key != dir || !s.Exists(t.Context(), dir) {
			t.Errorf("Stat(%q) = %+v, %v", dir, info, err)
		}
	}
}

func TestStorage_ListIsByComponents(t *testing.T) {
	s := open(t, newMemoryKV())
	store(t, s, "a/b/c", "a/b/d", "a/e", "a-b/f", "g")
	cases := []struct {
		dir       string
		recursive bool
		want      []string
	}{
		{"a", false, []string{"a/b", "a/e"}},
		{"a", true, []string{"a/b", "a/b/c", "a/b/d", "a/e"}},
		{"a/", false, []string{"a/b", "a/e"}},
		{"a/b", false, []string{"a/b/c", "a/b/d"}},
		{"", false, []string{"a", "a-b", "g"}},
		{"g", true, nil},
	}
	for _, c := range cases {
		got, err := s.List(t.Context(), c.dir, c.recursive)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("List(%q, %v) = %v, %v; want %v", c.dir, c.recursive, got, err, c.want)
		}
	}
}

func TestStorage_DeleteTakesADirectoryWithAllBelow(t *testing.T) {
	s := open(t, newMemoryKV())
	store(t, s, "a/b/c", "a/b/d", "a/bb", "a")
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	got, err := s.List(t.Context(), "", true)
	if err != nil || !slices.Equal(got, []string{"a", "a/bb"}) {
		t.Errorf("left: %v, %v", got, err)
	}
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

// For any sequence of operations, the storage gives the same results as CertMagic's own, which keeps files.
func TestStorage_AgreesWithCertmagicsFileStorage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ours := open(t, newMemoryKV())
		theirs := &certmagic.FileStorage{Path: t.TempDir()}
		// No key is both a file and a directory, which a file system can't have: only a last component is a letter from x on.
		key := rapid.Custom(func(t *rapid.T) string {
			dirs := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a.b"}), 0, 2).Draw(t, "dirs")
			return strings.Join(append(dirs, rapid.SampledFrom([]string{"x", "y.json"}).Draw(t, "file")), "/")
		})
		ctx := context.Background()
		same := func(what string, a, b error) {
			if (a == nil) != (b == nil) || errors.Is(a, fs.ErrNotExist) != errors.Is(b, fs.ErrNotExist) {
				rt.Fatalf("%s: ours %v, theirs %v", what, a, b)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"store": func(rt *rapid.T) {
				k, v := key.Draw(rt, "key"), rapid.SliceOf(rapid.Byte()).Draw(rt, "value")
				same("Store", ours.Store(ctx, k, v), theirs.Store(ctx, k, v))
			},
			"delete": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				if theirs.Exists(ctx, k) {
					same("Delete", ours.Delete(ctx, k), theirs.Delete(ctx, k))
				}
			},
			"load": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				a, errA := ours.Load(ctx, k)
				b, errB := theirs.Load(ctx, k)
				same("Load", errA, errB)
				if !bytes.Equal(a, b) || ours.Exists(ctx, k) != theirs.Exists(ctx, k) {
					rt.Fatalf("Load(%q) = %q, theirs %q", k, a, b)
				}
			},
			"stat": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				a, errA := ours.Stat(ctx, k)
				b, errB := theirs.Stat(ctx, k)
				same("Stat", errA, errB)
				if errA == nil && (a.Key != b.Key || a.Size != b.Size || a.IsTerminal != b.IsTerminal) {
					rt.Fatalf("Stat(%q) = %+v, theirs %+v", k, a, b)
				}
			},
			"list": func(rt *rapid.T) {
				recursive := rapid.Bool().Draw(rt, "recursive")
				terminal := func(s certmagic.Storage) []string {
					keys, err := s.List(ctx, "a", recursive)
					if err != nil && !errors.Is(err, fs.ErrNotExist) {
						rt.Fatal(err)
					}
					// A file system keeps empty directories: only files are compared.
					return slices.DeleteFunc(keys, func(k string) bool { i, err := s.Stat(ctx, k); return err != nil || !i.IsTerminal })
				}
				a, b := terminal(ours), terminal(theirs)
				slices.Sort(b)
				if !slices.Equal(a, b) {
					rt.Fatalf("List = %v, theirs %v", a, b)
				}
			},
		})
	})
}

func TestStorage_ValuesAreEncryptedAtRest(t *testing.T) {
	kv := newMemoryKV()
	s := open(t, kv)
	secret := []byte("-----BEGIN PRIVATE KEY-----")
	for range 2 {
		if err := s.Store(t.Context(), "a/b.key", secret); err != nil {
			t.Fatal(err)
		}
	}
	sealed := kv.records["a/b.key"].Value
	if bytes.Contains(sealed, secret[5:15]) {
		t.Fatal("the value is in the store in plain text")
	}
	if err := s.Store(t.Context(), "a/b.key", secret); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(sealed, kv.records["a/b.key"].Value) {
		t.Error("the same value is encrypted to the same bytes: the nonce repeats")
	}

	refused := func(what string, s *certstore.Storage, key string) {
		t.Helper()
		if value, err := s.Load(t.Context(), key); !errors.Is(err, certstore.ErrSealed) || errors.Is(err, fs.ErrNotExist) || value != nil {
			t.Errorf("%s: %q, %v; want ErrSealed", what, value, err)
		}
	}
	refused("another key", open(t, kv, func(o *certstore.Options) { o.Key = bytes.Repeat([]byte{8}, certstore.KeySize) }), "a/b.key")
	kv.records["a/c.key"] = kv.records["a/b.key"]
	refused("moved to another name", s, "a/c.key")
	for i := range kv.records["a/b.key"].Value {
		damaged := slices.Clone(kv.records["a/b.key"].Value)
		damaged[i] ^= 1
		kv.records["damaged"] = certstore.Record{Value: damaged}
		refused("a flipped bit", s, "damaged")
		kv.records["damaged"] = certstore.Record{Value: damaged[:i]}
		refused("cut short", s, "damaged")
	}
}

// A value that was sealed by the first release can be read by all later ones.
func TestStorage_GoldenEnvelope(t *testing.T) {
	kv := newMemoryKV()
	// XChaCha20-Poly1305, key 32 × 0x07, nonce 24 × 0x01, associated data "imperio/certstore/1\0a/b", plaintext "gold"
	kv.records["a/b"] = certstore.Record{Value: goldenEnvelope}
	got, err := open(t, kv).Load(t.Context(), "a/b")
	if err != nil || string(got) != "gold" {
		t.Errorf("Load() = %q, %v", got, err)
	}
}

func TestStorage_RefusesKeysOfAnotherForm(t *testing.T) {
	s := open(t, newMemoryKV())
	for _, key := range []string{"", "/", "/a", "a/", "a//b", "a/../b", ".", ".."} {
		if err := s.Store(t.Context(), key, nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Store(%q): %v", key, err)
		}
		if err := s.Delete(t.Context(), key); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
}

func TestStorage_HonoursContextAndStore(t *testing.T) {
	kv := newMemoryKV()
	s := open(t, kv)
	store(t, s, "a/b")
	calls := map[string]func(context.Context) error{
		"Store":  func(ctx context.Context) error { return s.Store(ctx, "a/b", nil) },
		"Load":   func(ctx context.Context) error { _, err := s.Load(ctx, "a/b"); return err },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, "a/b") },
		"Stat":   func(ctx context.Context) error { _, err := s.Stat(ctx, "a/b"); return err },
		"List":   func(ctx context.Context) error { _, err := s.List(ctx, "a", true); return err },
		"Lock":   func(ctx context.Context) error { return s.Lock(ctx, "l") },
		"TryLock": func(ctx context.Context) error {
			_, err := s.TryLock(ctx, "l")
			return err
		},
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("the disk is on fire")
	for name, call := range calls {
		if err := call(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: %v", name, err)
		}
		kv.setFailure(broken)
		if err := call(t.Context()); !errors.Is(err, broken) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s on a store that fails: %v", name, err)
		}
		kv.setFailure(nil)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		if err := call(t.Context()); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	for name, options := range map[string]certstore.Options{
		"no store":   {Key: testKey},
		"no key":     {KV: newMemoryKV()},
		"short key":  {KV: newMemoryKV(), Key: testKey[:31]},
		"short life": {KV: newMemoryKV(), Key: testKey, LockTTL: time.Millisecond},
	} {
		if _, err := certstore.New(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzStorage_LoadOfAnyBytes(f *testing.F) {
	f.Add(goldenEnvelope)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, 41))
	f.Fuzz(func(t *testing.T, value []byte) {
		kv := newMemoryKV()
		kv.records["a/b"] = certstore.Record{Value: value}
		got, err := open(t, kv).Load(t.Context(), "a/b")
		if bytes.Equal(value, goldenEnvelope) != (err == nil) {
			t.Errorf("Load of %x = %q, %v", value, got, err)
		}
		if err != nil && !errors.Is(err, certstore.ErrSealed) {
			t.Errorf("Load of %x: %v, want ErrSealed", value, err)
		}
	})
}

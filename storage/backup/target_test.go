package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// testTarget holds any target to what Target promises. open opens a new, empty one.
func testTarget(t *testing.T, open func(t *testing.T) Target) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Target)
	}{
		{"AnObjectExistsAfterCommitAndNotBefore", testWhole},
		{"AnObjectOfTheSameNameIsReplaced", testReplaced},
		{"PartsOfObjectsAreRead", testRanges},
		{"ListsAreInOrderByPrefixOfAnyLength", testLists},
		{"AMissingObjectIsToldAsSuch", testMissing},
		{"AbortLeavesNothing", testAbort},
		{"AFailedVerificationLeavesNothing", testVerification},
		{"CleanRemovesWhatBeganBeforeATime", testClean},
		{"OddNamesAreKeptAndBadOnesRefused", testNames},
		{"SeveralUseItAtOnce", testConcurrent},
		{"AnEndedContextLeavesNothing", testContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t)
			defer func() {
				if err := target.Close(); err != nil {
					t.Error(err)
				}
			}()
			c.test(t, target)
		})
	}
}

// largeObject needs several requests on its way to S3: a part has 5 MiB in tests.
const largeObject = 12 << 20

// content is the same for the same seed.
func content(seed uint64, size int) []byte {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	data := make([]byte, size)
	_, _ = random.Read(data) // it never fails
	return data
}

func accept(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func putWhole(ctx context.Context, target Target, name string, data []byte) error {
	upload, err := target.Create(ctx, name)
	if err != nil {
		return err
	}
	defer upload.Abort()
	if _, err := upload.Write(data); err != nil {
		return err
	}
	return upload.Commit(ctx, accept)
}

func mustPut(t *testing.T, target Target, name string, data []byte) {
	t.Helper()
	if err := putWhole(t.Context(), target, name, data); err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, target Target, name string, offset, length int64) ([]byte, error) {
	reader, err := target.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

func wantContent(t *testing.T, target Target, name string, want []byte) {
	t.Helper()
	got, err := get(t.Context(), target, name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s holds %d bytes, which are not the %d that were written", name, len(got), len(want))
	}
}

func list(t *testing.T, target Target, prefix string) []Object {
	t.Helper()
	var all []Object
	if err := target.List(t.Context(), prefix, func(o Object) error { all = append(all, o); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantNames(t *testing.T, target Target, prefix string, want ...string) {
	t.Helper()
	var got []string
	for _, o := range list(t, target, prefix) {
		got = append(got, o.Name)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("objects below %q: %q, want %q", prefix, got, want)
	}
}

func testWhole(t *testing.T, target Target) {
	for name, size := range map[string]int{"c/empty": 0, "c/small": 3000, "c/large": largeObject, "c/two parts": 10 << 20} {
		began := time.Now()
		data := content(1, size)
		upload, err := target.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range slices.Chunk(data, 1<<20-7) {
			if n, err := upload.Write(chunk); err != nil || n != len(chunk) {
				t.Fatal(n, err)
			}
		}
		wantNames(t, target, "c/")
		if _, err := get(t.Context(), target, name, 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("before Commit: %v", err)
		}
		var stored []byte
		if err := upload.Commit(t.Context(), func(r io.Reader) (err error) { stored, err = io.ReadAll(r); return err }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stored, data) {
			t.Fatal("Commit verified something else than was written")
		}
		upload.Abort() // does nothing now
		wantContent(t, target, name, data)
		objects := list(t, target, "c/")
		if len(objects) != 1 || objects[0].Name != name || objects[0].Size != int64(size) {
			t.Fatalf("listed: %+v", objects)
		}
		if age := objects[0].Modified.Sub(began); age < -time.Minute || age > time.Hour {
			t.Fatalf("modified %v after the upload began", age)
		}
		if err := target.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		wantNames(t, target, "")
	}
}

func testReplaced(t *testing.T, target Target) {
	for i, size := range []int{100, 50, largeObject, 200} {
		mustPut(t, target, "c/object", content(uint64(i), size))
		wantContent(t, target, "c/object", content(uint64(i), size))
	}
	wantNames(t, target, "", "c/object")
}

func testRanges(t *testing.T, target Target) {
	data := content(2, 10_000)
	mustPut(t, target, "c/object", data)
	for _, c := range []struct{ offset, length, from, to int64 }{
		{0, -1, 0, 10_000}, {0, 10_000, 0, 10_000}, {0, 1, 0, 1}, {1, 1, 1, 2}, {9_999, -1, 9_999, 10_000}, {9_000, 1_000, 9_000, 10_000},
		{9_000, 5_000, 9_000, 10_000}, {5_000, 0, 5_000, 5_000}, {10_000, -1, 0, 0}, {10_000, 10, 0, 0}, {20_000, -1, 0, 0},
	} {
		got, err := get(t.Context(), target, "c/object", c.offset, c.length)
		if err != nil || !bytes.Equal(got, data[c.from:c.to]) {
			t.Errorf("from %d, %d bytes: got %d bytes, %v", c.offset, c.length, len(got), err)
		}
	}
	if _, err := get(t.Context(), target, "c/object", -1, 1); err == nil {
		t.Error("a negative offset was accepted")
	}
}

func testLists(t *testing.T, target Target) {
	names := []string{"a-b", "a.b", "a/b", "a0b", "c/a", "c/b/c", "c/b-c", "d"}
	const many = 1050 // S3 lists at most 1,000 at once
	for i := range many {
		names = append(names, fmt.Sprintf("many/%05d", i))
	}
	var group sync.WaitGroup
	for part := range slices.Chunk(slices.Clone(names), len(names)/8+1) {
		group.Go(func() {
			for _, name := range part {
				if err := putWhole(t.Context(), target, name, []byte(name)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	slices.Sort(names)
	wantNames(t, target, "", names...)
	wantNames(t, target, "a", "a-b", "a.b", "a/b", "a0b")
	wantNames(t, target, "c/b", "c/b-c", "c/b/c")
	wantNames(t, target, "many/0104", "many/01040", "many/01041", "many/01042", "many/01043", "many/01044", "many/01045", "many/01046", "many/01047", "many/01048", "many/01049")
	wantNames(t, target, "e")
	wantNames(t, target, "c/b/c/d")

	enough, seen := errors.New("enough"), 0
	err := target.List(t.Context(), "many/", func(Object) error {
		if seen++; seen == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 3 {
		t.Errorf("a listing that is stopped after 3 objects saw %d: %v", seen, err)
	}
}

func testMissing(t *testing.T, target Target) {
	mustPut(t, target, "c/there", []byte("there"))
	for _, name := range []string{"c/missing", "missing", "c", "c/there/below"} {
		for _, length := range []int64{-1, 0, 10} {
			if _, err := get(t.Context(), target, name, 0, length); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %d bytes: %v", name, length, err)
			}
		}
		for range 2 {
			if err := target.Delete(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
	}
	wantContent(t, target, "c/there", []byte("there"))
	for range 2 {
		if err := target.Delete(t.Context(), "c/there"); err != nil {
			t.Error(err)
		}
	}
	wantNames(t, target, "")
}

func testAbort(t *testing.T, target Target) {
	for _, size := range []int{0, 100, largeObject} {
		upload, err := target.Create(t.Context(), "c/object")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(content(3, size)); err != nil {
			t.Fatal(err)
		}
		upload.Abort()
		upload.Abort()
		if _, err := upload.Write([]byte("more")); err == nil {
			t.Error("Write after Abort succeeds")
		}
		if err := upload.Commit(t.Context(), accept); err == nil {
			t.Error("Commit after Abort succeeds")
		}
		wantNames(t, target, "")
	}
}

func testVerification(t *testing.T, target Target) {
	bad := errors.New("bad")
	for _, size := range []int{100, largeObject} {
		upload, err := target.Create(t.Context(), "c/object")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(content(4, size)); err != nil {
			t.Fatal(err)
		}
		if err := upload.Commit(t.Context(), func(io.Reader) error { return bad }); !errors.Is(err, bad) {
			t.Fatal(err)
		}
		wantNames(t, target, "")
		if _, err := get(t.Context(), target, "c/object", 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func testClean(t *testing.T, target Target) {
	begin := func(name string) Upload {
		upload, err := target.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(content(5, largeObject)); err != nil {
			t.Fatal(err)
		}
		return upload
	}
	elsewhere, here := begin("d/object"), begin("c/object")
	// An hour on either side: the target's clock may differ.
	if err := target.Clean(t.Context(), "c/", time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := here.Commit(t.Context(), accept); err != nil {
		t.Fatal(err)
	}
	left := begin("c/left")
	if err := target.Clean(t.Context(), "c/", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := left.Commit(t.Context(), accept); err == nil {
		t.Error("Commit succeeds after Clean removed what was written")
	}
	if err := elsewhere.Commit(t.Context(), accept); err != nil {
		t.Error("Clean removed what is not below its prefix:", err)
	}
	wantNames(t, target, "", "c/object", "d/object")
}

func testNames(t *testing.T, target Target) {
	odd := []string{
		"c/spaces and + & = % # ? ; : @ ~ ' \" , $ ! * ( ) [ ] { } | ^ `", "c/%2e%2e%2f", "c/äöü-日本語-🎰", "c/.hidden", "c/...",
		"20261120T100000Z-4f3a9c21/archives/20261120T020000.123Z-00000000000000004711.archive",
	}
	slices.Sort(odd)
	for _, name := range odd {
		mustPut(t, target, name, []byte(name))
		wantContent(t, target, name, []byte(name))
	}
	wantNames(t, target, "", odd...)
	for _, name := range odd {
		if err := target.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	wantNames(t, target, "")

	for _, name := range []string{
		"", ".", "..", "../c", "c/../d", "c/./d", "/c", "c/", "c//d", "c\\d", "c\x00d", "c\nd", "c/\xff", "c/\u202etxt", string(bytes.Repeat([]byte("n"), 2000)),
	} {
		if _, err := target.Create(t.Context(), name); err == nil {
			t.Errorf("Create accepts %q", name)
		}
		if _, err := target.Open(t.Context(), name, 0, -1); err == nil {
			t.Errorf("Open accepts %q", name)
		}
		if err := target.Delete(t.Context(), name); err == nil {
			t.Errorf("Delete accepts %q", name)
		}
	}
}

func testConcurrent(t *testing.T, target Target) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			data := content(uint64(i), 1000*(i+1))
			for round := range 5 {
				name := fmt.Sprintf("c/%d/%d", i, round)
				if err := putWhole(t.Context(), target, name, data); err != nil {
					t.Error(err)
					return
				}
				if got, err := get(t.Context(), target, name, 0, -1); err != nil || !bytes.Equal(got, data) {
					t.Error(name, len(got), err)
				}
				if err := target.List(t.Context(), "c/", func(Object) error { return nil }); err != nil {
					t.Error(err)
				}
				if err := target.Delete(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	wantNames(t, target, "")
}

func testContext(t *testing.T, target Target) {
	ctx, cancel := context.WithCancel(t.Context())
	upload, err := target.Create(ctx, "c/object")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := upload.Write(content(6, largeObject)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := upload.Commit(ctx, accept); !errors.Is(err, context.Canceled) {
		t.Error("Commit:", err)
	}
	upload.Abort()
	if err := target.List(ctx, "", func(Object) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error("List:", err)
	}
	wantNames(t, target, "")
	if err := target.Clean(t.Context(), "", time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

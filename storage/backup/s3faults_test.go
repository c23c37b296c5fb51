package backup

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"imperio/storage/backup/backuptest"
)

// faultyS3 is a target behind a proxy that makes faults.
func faultyS3(t *testing.T, stall time.Duration) (*s3Target, *backuptest.Proxy) {
	t.Helper()
	server := backuptest.S3Server(t)
	proxy := backuptest.Faulty(t, server)
	target := openTestS3(t, &proxy.Server, "casino", stall)
	t.Cleanup(func() { target.Close() })
	return target, proxy
}

// long skips a test that waits for many tries or for time-outs, if time is short.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
}

// operations are all that a target does, each once.
func operations(t *testing.T, target Target) map[string]error {
	errs := map[string]error{
		"put small": putWhole(t.Context(), target, "c/small", content(1, 1000)),
		"put large": putWhole(t.Context(), target, "c/large", content(1, largeObject)),
		"list":      target.List(t.Context(), "c/", func(Object) error { return nil }),
		"delete":    target.Delete(t.Context(), "c/there"),
		"clean":     target.Clean(t.Context(), "c/", time.Now()),
	}
	_, errs["read"] = get(t.Context(), target, "c/there", 0, -1)
	_, errs["read nothing"] = get(t.Context(), target, "c/there", 0, 0)
	return errs
}

// wantErrors checks that each operation fails, with a text that names the target and says something, and no secret.
func wantErrors(t *testing.T, errs map[string]error, secret, text string) {
	t.Helper()
	for name, err := range errs {
		switch {
		case err == nil:
			t.Errorf("%s succeeds", name)
		case errors.Is(err, fs.ErrNotExist):
			t.Errorf("%s says that the object does not exist: %v", name, err)
		case !strings.Contains(err.Error(), "s3://backups/casino") || !strings.Contains(err.Error(), text):
			t.Errorf("%s does not name the target and say %q: %v", name, text, err)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s tells the secret key: %v", name, err)
		}
	}
}

func TestS3_ATargetThatIsDownFailsAndComesBack(t *testing.T) {
	long(t)
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	mustPut(t, target, "c/there", content(1, 100))
	proxy.Set(backuptest.Faults{Down: true})
	again := openTestS3(t, &proxy.Server, "casino", time.Minute) // without asking the target
	wantErrors(t, operations(t, again), proxy.SecretKey, "no good answer from http://"+proxy.Address)
	proxy.Set(backuptest.Faults{})
	for name, err := range operations(t, again) {
		if err != nil && !strings.HasPrefix(name, "read") { // "delete" may have come first
			t.Errorf("%s, after the target came back: %v", name, err)
		}
	}
	wantNames(t, again, "", "c/large", "c/small")
	wantNoUploads(t, &proxy.Server)
}

func TestS3_ATargetThatFailsOrIsOverloadedIsToldSo(t *testing.T) {
	long(t)
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	mustPut(t, target, "c/there", content(1, 100))
	proxy.Set(backuptest.Faults{Fail: -1})
	wantErrors(t, operations(t, target), proxy.SecretKey, "failed over several tries")
	proxy.Set(backuptest.Faults{SlowDown: -1})
	errs := operations(t, target)
	delete(errs, "read nothing") // asked with HEAD, whose answers have no text
	wantErrors(t, errs, proxy.SecretKey, "overloaded")
}

// A hang ends after the limit, so each operation takes several of them here.
func TestS3_ATargetThatHangsIsGivenUp(t *testing.T) {
	long(t)
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	mustPut(t, target, "c/there", content(1, 100))
	proxy.Set(backuptest.Faults{Hang: -1})
	impatient := openTestS3(t, &proxy.Server, "casino", 50*time.Millisecond)
	wantErrors(t, operations(t, impatient), proxy.SecretKey, "no good answer")
	proxy.Set(backuptest.Faults{HangReads: -1})
	if _, err := get(t.Context(), impatient, "c/there", 0, -1); err == nil {
		t.Error("a read that hangs in the middle succeeds")
	}
}

func TestS3_APassingFaultIsRetried(t *testing.T) {
	long(t)
	t.Parallel()
	for _, c := range []struct {
		name   string
		faults backuptest.Faults
		want   int // faults that must have happened to one of the objects
	}{
		{"500", backuptest.Faults{Fail: 3}, 3},
		{"503", backuptest.Faults{SlowDown: 3}, 3},
		{"uploads that break off", backuptest.Faults{CutUploads: 3}, 3},
		{"a lost answer to the last request of an upload", backuptest.Faults{LoseCompletes: 1}, 1},
		{"reads that break off", backuptest.Faults{CutReads: 3}, 3},
		{"an empty answer", backuptest.Faults{EmptyReads: 2}, 2},
		{"no answer", backuptest.Faults{Hang: 1}, 1},
		{"an answer that stops in the middle", backuptest.Faults{HangReads: 1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target, proxy := faultyS3(t, 3*time.Second)
			for name, size := range map[string]int{"c/small": 50_000, "c/large": largeObject} {
				if size != largeObject && c.faults.Hang+c.faults.HangReads > 0 {
					continue // it takes seconds
				}
				proxy.Set(c.faults)
				mustPut(t, target, name, content(7, size))
				if n := proxy.Injected(); n != c.want && (c.faults.LoseCompletes == 0 || size == largeObject) {
					t.Errorf("%s: %d faults happened, want %d", name, n, c.want)
				}
				proxy.Set(c.faults)
				wantContent(t, target, name, content(7, size))
			}
			proxy.Set(backuptest.Faults{})
			wantNoUploads(t, &proxy.Server)
		})
	}
}

// A part that is lost, and stays lost, must not leave a shorter object.
func TestS3_AnUploadWhoseLastPartIsLostLeavesNothing(t *testing.T) {
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	for _, size := range []int{1000, largeObject} {
		upload, err := target.Create(t.Context(), "c/object")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(content(8, size)); err != nil {
			t.Fatal(err)
		}
		proxy.Set(backuptest.Faults{CutUploads: -1})
		if err := upload.Commit(t.Context(), accept); err == nil || !strings.Contains(err.Error(), "c/object") {
			t.Errorf("Commit: %v", err)
		}
		proxy.Set(backuptest.Faults{})
		wantNames(t, target, "")
		wantNoUploads(t, &proxy.Server)
	}
}

func TestS3_ACorruptObjectIsRemovedAgain(t *testing.T) {
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	for _, size := range []int{1000, largeObject} {
		proxy.Set(backuptest.Faults{CorruptReads: -1})
		// This verification looks at nothing; the target compares by itself.
		upload, err := target.Create(t.Context(), "c/object")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(content(9, size)); err != nil {
			t.Fatal(err)
		}
		err = upload.Commit(t.Context(), func(io.Reader) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "is not what was written") {
			t.Errorf("Commit: %v", err)
		}
		wantNames(t, target, "")
	}
}

// An ill server may answer a read with 200 and nothing. That is never taken for an empty object.
func TestS3_AnEmptyAnswerIsNoEmptyObject(t *testing.T) {
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	mustPut(t, target, "c/object", content(1, 1000))
	mustPut(t, target, "c/empty", nil)
	proxy.Set(backuptest.Faults{EmptyReads: -1})
	for _, c := range []struct{ offset, length int64 }{{0, -1}, {0, 1000}, {500, -1}, {500, 10}} {
		if got, err := get(t.Context(), target, "c/object", c.offset, c.length); err == nil {
			t.Errorf("from %d, %d: got %d bytes and no error", c.offset, c.length, len(got))
		}
	}
	if err := putWhole(t.Context(), target, "c/new", content(2, 1000)); err == nil {
		t.Error("an object counts as read back although the target gave nothing")
	}
	if got, err := get(t.Context(), target, "c/empty", 0, -1); err != nil || len(got) != 0 {
		t.Errorf("an empty object: %d bytes, %v", len(got), err)
	}
	proxy.Set(backuptest.Faults{})
	wantNames(t, target, "", "c/empty", "c/object")
}

func TestS3_WhereDeletingIsForbiddenItIsToldSo(t *testing.T) {
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	proxy.Set(backuptest.Faults{RefuseDeletes: -1})
	mustPut(t, target, "c/object", content(1, 1000))
	if err := target.Delete(t.Context(), "c/object"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "s3:DeleteObject") {
		t.Errorf("Delete: %v", err)
	}
	bad := errors.New("bad")
	upload, err := target.Create(t.Context(), "c/bad")
	if err != nil {
		t.Fatal(err)
	}
	if err := upload.Commit(t.Context(), func(io.Reader) error { return bad }); !errors.Is(err, bad) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "delete it by hand") {
		t.Errorf("Commit: %v", err)
	}
}

// What counts is what can be read, not what a listing that lags behind shows.
func TestS3_ALateListingHarmsNoUpload(t *testing.T) {
	t.Parallel()
	target, proxy := faultyS3(t, time.Minute)
	mustPut(t, target, "c/1", content(1, 1000))
	proxy.Set(backuptest.Faults{LateListings: 1})
	wantNames(t, target, "")
	mustPut(t, target, "c/2", content(2, 1000))
	wantContent(t, target, "c/2", content(2, 1000))
	if n := len(list(t, target, "")); n != 1 {
		t.Errorf("%d objects are listed, want 1", n)
	}
	if err := target.Clean(t.Context(), "", time.Now()); err != nil {
		t.Error(err)
	}
	proxy.Set(backuptest.Faults{})
	wantNames(t, target, "", "c/1", "c/2")
}

func TestS3_ASlowTargetIsNoHangingOne(t *testing.T) {
	long(t)
	t.Parallel()
	target, proxy := faultyS3(t, 2*time.Second)
	mustPut(t, target, "c/object", content(1, 50_000))
	proxy.Set(backuptest.Faults{BytesPerSecond: 16_000}) // 3 seconds
	wantContent(t, target, "c/object", content(1, 50_000))
}

func TestStallConn_ASlowWriteEndsWellAndAStalledOneDoesNot(t *testing.T) {
	long(t)
	t.Parallel()
	here, there := net.Pipe()
	defer there.Close()
	conn := &stallConn{Conn: here, limit: 2 * time.Second}
	defer conn.Close()
	data := content(1, 10*64<<10)
	received := make(chan []byte, 1)
	go func() {
		var got []byte
		piece := make([]byte, 64<<10)
		for len(got) < len(data) {
			time.Sleep(300 * time.Millisecond) // 3 seconds in all, more than the limit
			n, err := io.ReadFull(there, piece)
			got = append(got, piece[:n]...)
			if err != nil {
				break
			}
		}
		received <- got
	}()
	if n, err := conn.Write(data); n != len(data) || err != nil {
		t.Fatalf("a slow write: %d bytes, %v", n, err)
	}
	if !bytes.Equal(<-received, data) {
		t.Fatal("other bytes arrived")
	}
	var timeout net.Error
	if _, err := conn.Write(data); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a write that nobody reads: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a read that nobody answers: %v", err)
	}
}

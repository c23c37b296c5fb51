package backup

import (
	"context"
	"net/url"
	"testing"
	"time"

	"imperio/storage/backup/backuptest"
)

func TestS3_IsATarget(t *testing.T) {
	server := backuptest.S3Server(t)
	prefixes := 0
	testTarget(t, func(t *testing.T) Target {
		prefixes++
		target := openTestS3(t, server, "prefix/of the+tests/"+string(rune('a'+prefixes)), time.Minute)
		t.Cleanup(func() { wantNoUploads(t, server) })
		return target
	})
}

// openTestS3 opens a target with small parts, short pauses, and a given patience with a connection on which nothing moves.
func openTestS3(t *testing.T, server *backuptest.Server, prefix string, stall time.Duration) *s3Target {
	t.Helper()
	u, err := url.Parse(server.URL(prefix))
	if err != nil {
		t.Fatal(err)
	}
	at, err := parseS3(u)
	if err != nil {
		t.Fatal(err)
	}
	limits := defaultS3Limits()
	limits.partSize = func(int) int { return 5 << 20 }
	limits.pause = time.Millisecond
	limits.stall, limits.complete = stall, stall
	target, err := newS3(at, TargetOptions{S3AccessKey: server.AccessKey, S3SecretKey: server.SecretKey}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// wantNoUploads checks that the server holds no unfinished uploads.
func wantNoUploads(t *testing.T, server *backuptest.Server) {
	t.Helper()
	// The test's own context may have ended.
	uploads, err := server.Client(t).ListMultipartUploads(context.Background(), server.Bucket, "", "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads.Uploads {
		t.Errorf("an unfinished upload is left: %s", u.Key)
	}
}

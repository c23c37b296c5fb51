package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"imperio/storage/backup/backuptest"
)

func TestS3_WrongSettingsAreToldWithWhatToDo(t *testing.T) {
	server := backuptest.S3Server(t)
	wrong := *server
	wrong.SecretKey = "another-secret"
	wrongSecret := openTestS3(t, &wrong, "casino", time.Minute)
	wrong = *server
	wrong.AccessKey = "nobody"
	wrongKey := openTestS3(t, &wrong, "casino", time.Minute)
	wrong = *server
	wrong.Bucket = "missing"
	noBucket := openTestS3(t, &wrong, "casino", time.Minute)
	wrongRegion, err := Open(t.Context(), server.URL("casino")+"&region=eu-north-1", TargetOptions{S3AccessKey: server.AccessKey, S3SecretKey: server.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		target     Target
	}{
		{"a wrong secret key", "check the access key, the secret key", wrongSecret},
		{"a wrong access key", "check the access key, the secret key", wrongKey},
		{"no such bucket", "has no bucket missing: create it, or correct the target's URL", noBucket},
		{"a wrong region", "set region=", wrongRegion},
	} {
		for operation, err := range map[string]error{
			"put": putWhole(t.Context(), c.target, "c/object", content(1, 10)), "put large": putWhole(t.Context(), c.target, "c/object", content(1, largeObject)),
			"list": c.target.List(t.Context(), "", func(Object) error { return nil }),
		} {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), wrong.SecretKey) {
				t.Errorf("%s, %s: %v; want %q", c.name, operation, err, c.want)
			}
		}
	}
	if _, err := get(t.Context(), noBucket, "c/object", 0, -1); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing bucket is told as a missing object: %v", err)
	}
}

// These refusals need another clock, other rights or a full disk on the server, so they are made here.
func TestS3_RefusalsAreExplained(t *testing.T) {
	target := &s3Target{s3Location: s3Location{bucket: "bucket", prefix: "p/", endpoint: "host", secure: true, region: "us-east-1"}}
	for _, c := range []struct {
		refusal minio.ErrorResponse
		want    string
		is      error
	}{
		{minio.ErrorResponse{Code: "RequestTimeTooSkewed", StatusCode: 403}, "set it by NTP", nil},
		{minio.ErrorResponse{Code: "AccessDenied", StatusCode: 403, Message: "Access Denied."}, "the keys lack s3:PutObject", fs.ErrPermission},
		{minio.ErrorResponse{Code: "SomethingNew", StatusCode: 403}, "the keys lack s3:PutObject", fs.ErrPermission},
		{minio.ErrorResponse{Code: "ExpiredToken", StatusCode: 400}, "wrong or expired", nil},
		{minio.ErrorResponse{Code: "AuthorizationHeaderMalformed", StatusCode: 400, Region: "eu-west-1"}, "set region=eu-west-1", nil},
		{minio.ErrorResponse{Code: "PermanentRedirect", StatusCode: 301, Region: "\x1b[31m"}, "set region=the bucket's", nil},
		{minio.ErrorResponse{Code: "NoSuchService", StatusCode: 404}, "refused it", nil},
		{minio.ErrorResponse{Code: "NoSuchKey", StatusCode: 404}, "not exist", fs.ErrNotExist},
		{minio.ErrorResponse{Code: "InvalidObjectState", StatusCode: 403}, "cold storage", nil},
		{minio.ErrorResponse{Code: "XMinioStorageFull", StatusCode: 507}, "is full", nil},
		{minio.ErrorResponse{Code: "507 Insufficient Storage", StatusCode: 507}, "is full", nil},
		{minio.ErrorResponse{Code: "502 Bad Gateway", Message: "<html>\x1b[2J" + strings.Repeat("x", 5000), StatusCode: 502}, "failed over several tries", nil},
		{minio.ErrorResponse{Code: "EntityTooSmall", StatusCode: 400, RequestID: "1234"}, "refused it", nil},
	} {
		err := target.explain(s3Put, "c/object", fmt.Errorf("wrapped: %w", c.refusal))
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `s3://bucket/p: put "c/object"`) {
			t.Errorf("%s: %v; want %q", c.refusal.Code, err, c.want)
		}
		for _, sort := range []error{fs.ErrPermission, fs.ErrNotExist} {
			if errors.Is(err, sort) != (c.is == sort) {
				t.Errorf("%s: %v; is %q: %t", c.refusal.Code, err, sort, !(c.is == sort))
			}
		}
		if len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: an unfit text: %q", c.refusal.Code, err)
		}
	}
}

// The certificate of httptest is trusted by nobody.
func TestS3_AnUntrustedCertificateIsToldAtOnce(t *testing.T) {
	requests := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs that we leave
	server.StartTLS()
	defer server.Close()
	target, err := Open(t.Context(), "s3://bucket/casino?endpoint="+server.URL, TargetOptions{S3AccessKey: "key", S3SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	err = putWhole(t.Context(), target, "c/object", nil)
	if err == nil || !strings.Contains(err.Error(), "is not trusted: add its authority") || requests != 0 {
		t.Errorf("%v, after %d requests", err, requests)
	}
}

func TestS3_KeysComeFromTheEnvironmentAFileOrARole(t *testing.T) {
	server := backuptest.S3Server(t)
	clean := func(t *testing.T) {
		for _, name := range []string{
			"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
			"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		} {
			t.Setenv(name, "")
		}
		nowhere := filepath.Join(t.TempDir(), "nothing")
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
		t.Setenv("AWS_CONFIG_FILE", nowhere)
		// A port that nobody listens on: a test asks no machine for a role.
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/role")
	}
	open := func(t *testing.T) Target {
		target, err := Open(t.Context(), server.URL("casino"), TargetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { target.Close() })
		return target
	}
	file := func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path)
	}
	t.Run("environment", func(t *testing.T) {
		clean(t)
		t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
		t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
		file(t, "[default]\naws_access_key_id = other\naws_secret_access_key = other\n")
		mustPut(t, open(t), "c/object", nil)
	})
	t.Run("file", func(t *testing.T) {
		clean(t)
		file(t, "[default]\naws_access_key_id = "+server.AccessKey+"\naws_secret_access_key = "+server.SecretKey+"\n")
		mustPut(t, open(t), "c/object", nil)
	})
	t.Run("role", func(t *testing.T) {
		clean(t)
		role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Token":"","Expiration":%q}`,
				server.AccessKey, server.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}))
		defer role.Close()
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.URL)
		mustPut(t, open(t), "c/object", nil)
	})
	t.Run("none", func(t *testing.T) {
		clean(t)
		err := putWhole(t.Context(), open(t), "c/object", nil)
		if !errors.Is(err, errNoCredentials) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Error(err)
		}
	})
	t.Run("a broken file", func(t *testing.T) {
		clean(t)
		file(t, "[default]\naws_secret_access_key hush\n")
		err := putWhole(t.Context(), open(t), "c/object", nil)
		if !errors.Is(err, errNoCredentials) || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "no usable keys") {
			t.Error(err)
		}
	})
}

func TestS3_PartsAreLargeEnoughForALargeArchiveAndSmallEnoughForMemory(t *testing.T) {
	sum := int64(0)
	for number := 1; number <= s3MaxParts; number++ {
		size := s3PartSize(number)
		if size < 5<<20 || size > 256<<20 || size < s3PartSize(max(1, number-1)) {
			t.Fatalf("part %d has %d bytes", number, size)
		}
		if sum < 64<<30 && size != 16<<20 {
			t.Fatalf("part %d has %d bytes after %d: up to 64 GiB all have 16 MiB", number, size, sum)
		}
		sum += int64(size)
	}
	if sum < 512<<30 || sum > 5<<40 {
		t.Fatalf("an object may have %d bytes", sum)
	}
}

// However much is written, two parts are in memory.
func TestS3_AnUploadHoldsTwoParts(t *testing.T) {
	server := backuptest.S3Server(t)
	target := openTestS3(t, server, "casino", time.Minute)
	upload, err := target.Create(t.Context(), "c/object")
	if err != nil {
		t.Fatal(err)
	}
	defer upload.Abort()
	u := upload.(*s3Upload)
	data := content(1, 1<<20)
	for range 60 {
		if _, err := u.Write(data); err != nil {
			t.Fatal(err)
		}
		// Growing a slice may leave a quarter unused.
		if held := cap(u.filling) + cap(u.spare); held > 2*(5<<20)*5/4 {
			t.Fatalf("%d bytes are held after %d", held, u.size)
		}
	}
}

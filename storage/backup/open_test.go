package backup

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

func TestCheckURL_GoodOnesPass(t *testing.T) {
	for _, text := range []string{
		"file:///var/backups/imperio", "file:///with%20space",
		"s3://bucket", "s3://bucket/", "s3://bucket/a/b?region=eu-central-1", "s3://my.bucket-1/a?path-style=false",
		"s3://bucket/a?endpoint=https://s3.example.com", "s3://bucket/a?endpoint=http://127.0.0.1:9000/&path-style=true&region=x",
		"s3://bucket/a?endpoint=https%3A%2F%2F%5B%3A%3A1%5D%3A9000",
	} {
		if err := CheckURL(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheckURL_BadOnesAreRefusedWithWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "write file:///path",
		"backups":                           "write file:///path",
		"/var/backups":                      "write file:///var/backups",
		"ftp://host/path":                   "write file:///path",
		"http://host/bucket":                "s3://bucket/prefix",
		"file://host/path":                  "three slashes",
		"file:path":                         "file:///path",
		"file:///":                          "needs a path",
		"file:///path?mode=1":               "no parameters",
		"file:///path#part":                 "file:///path",
		"s3://":                             "can't be a bucket",
		"s3:///prefix":                      "can't be a bucket",
		"s3://Bad_Bucket/":                  "can't be a bucket",
		"s3://bucket:9000/prefix":           "?endpoint=https://host:port",
		"s3://bucket/a/../b":                "clean relative path",
		"s3://bucket/a//b":                  "clean relative path",
		"s3://bucket/a?regoin=x":            `unknown parameter "regoin"`,
		"s3://bucket/a?region=":             "needs one value",
		"s3://bucket/a?region=x&region=y":   "needs one value",
		"s3://bucket/a?path-style=yes":      "true",
		"s3://bucket/a?endpoint=host:9000":  "endpoint=https://host",
		"s3://bucket/a?endpoint=ftp://host": "endpoint=https://host",
		"s3://bucket/a?endpoint=https://host/path":     "endpoint=https://host",
		"s3://bucket/a?endpoint=https://":              "endpoint=https://host",
		"s3://bucket/a?endpoint=https://ho!st":         "can't be used",
		"s3://bucket/a?region=%zz":                     "can't be read",
		"s3://key:hush@bucket/a":                       "AWS_ACCESS_KEY_ID",
		"s3://key@bucket/a":                            "AWS_ACCESS_KEY_ID",
		"s3://key:hush/1@bucket/a":                     "write file:///path",
		"s3://bucket/a?endpoint=https://key:hush@host": "Keys for S3",
		"s3://bucket/" + strings.Repeat("p", 301):      "at most 300",
	} {
		err := CheckURL(text)
		switch {
		case err == nil:
			t.Errorf("%q is accepted", text)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v; want %q", text, err, want)
		case strings.Contains(err.Error(), "hush"):
			t.Errorf("%q: the error tells the password: %v", text, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{"file:///path", "s3://bucket/a?endpoint=https://host:1&region=x&path-style=true", "s3://key:hush@bucket", "s3://000?endpoint=http://0!0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if CheckURL(text) != nil || !strings.HasPrefix(strings.ToLower(text), "s3:") {
			return
		}
		// Whatever the check accepts can be opened, and has a name without parameters.
		target, err := Open(t.Context(), text, TargetOptions{S3AccessKey: "key", S3SecretKey: "secret"})
		if err != nil {
			t.Fatalf("%q passes the check, and can't be opened: %v", text, err)
		}
		defer target.Close()
		if name := target.String(); !strings.HasPrefix(name, "s3://") || strings.ContainsAny(name, "\n\r\x00") {
			t.Fatalf("%q is called %q", text, name)
		}
	})
}

func TestOpen_S3DefaultsToAmazon(t *testing.T) {
	for text, want := range map[string]s3Location{
		"s3://bucket/a/b/":                                        {"bucket", "a/b/", "s3.amazonaws.com", true, "us-east-1", minio.BucketLookupAuto},
		"s3://bucket?region=eu-west-1":                            {"bucket", "", "s3.amazonaws.com", true, "eu-west-1", minio.BucketLookupAuto},
		"s3://bucket/a?endpoint=http://host:9000&path-style=true": {"bucket", "a/", "host:9000", false, "us-east-1", minio.BucketLookupPath},
		"s3://bucket/a?endpoint=https://host&path-style=false":    {"bucket", "a/", "host", true, "us-east-1", minio.BucketLookupDNS},
	} {
		target, err := Open(t.Context(), text, TargetOptions{S3AccessKey: "key", S3SecretKey: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		if got := target.(*s3Target).s3Location; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
		target.Close()
	}
}

func TestOpen_AnAccessKeyWithoutASecretIsRefused(t *testing.T) {
	for _, o := range []TargetOptions{{S3AccessKey: "key"}, {S3SecretKey: "secret"}, {S3SessionToken: "token"}} {
		if _, err := Open(t.Context(), "s3://bucket", o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
)

// TargetOptions are what a target needs besides its URL.
type TargetOptions struct {
	// S3AccessKey and S3SecretKey are given together, S3SessionToken beside them for temporary keys. Without them, keys come
	// from the environment (AWS_ACCESS_KEY_ID …), the file ~/.aws/credentials, or the role of the machine, in this order.
	S3AccessKey, S3SecretKey, S3SessionToken string

	Log *slog.Logger // nil: no log
}

// Open opens the target of a URL: file:///path for a directory, s3://bucket/prefix for S3-compatible storage. S3 takes
// the parameters endpoint, region and path-style. Opening S3 uses no network, so a target that is down opens as well.
func Open(ctx context.Context, text string, o TargetOptions) (Target, error) {
	u, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if u.Scheme == "file" {
		return OpenDirectory(filepath.FromSlash(u.Path))
	}
	return openS3(ctx, u, o)
}

// CheckURL says what is wrong with a target's URL. It looks at the text alone, not at the network or the disk.
func CheckURL(text string) error {
	u, err := parseURL(text)
	if err != nil {
		return err
	}
	if u.Scheme == "s3" {
		_, err = parseS3(u)
	}
	return err
}

// parseURL returns a URL of one of our schemes, and a file's path checked. Errors don't repeat the text: it may hold a password.
func parseURL(text string) (*url.URL, error) {
	const forms = "write file:///path for a directory, or s3://bucket/prefix for S3-compatible storage"
	if strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("a target is a URL: write file://%s", text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the target is not a URL: " + forms)
	case u.User != nil:
		return nil, errors.New("the target's URL holds a user or a password, which would be seen in logs: take them out. " +
			"Keys for S3 have their own settings, or come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or the machine's role")
	case u.Scheme != "file" && u.Scheme != "s3":
		return nil, fmt.Errorf("targets of the kind %q don't exist: %s", u.Scheme, forms)
	case u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("the target's URL has a part that targets don't have: " + forms)
	case u.Scheme == "s3":
		return u, nil
	case u.Host != "":
		return nil, fmt.Errorf("file://%s names a machine: a directory's URL has three slashes, file:///path", u.Host)
	case u.RawQuery != "":
		return nil, errors.New("a directory's URL has no parameters: write ? in a path as %3F")
	case !strings.HasPrefix(u.Path, "/") || u.Path == "/":
		return nil, errors.New("a directory's URL needs a path: file:///path")
	}
	return u, nil
}

package backup

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Target keeps backups in a bucket of S3-compatible storage.
type s3Target struct {
	s3Location
	limits      s3Limits
	log         *slog.Logger
	credentials *credentials.Credentials
	core        *minio.Core
	// patient is core with more time for an answer: putting the parts of a large object together takes some servers minutes.
	patient    *minio.Core
	transports []*http.Transport
}

// s3Limits bound what a target may take.
type s3Limits struct {
	partSize  func(number int) int // bytes of a part of a large object
	stall     time.Duration        // without a byte ends a request
	complete  time.Duration        // without a byte ends the request that puts parts together
	tries     int                  // of a request
	partTries int                  // of a part: a large upload should survive a target's bad minute
	pause     time.Duration        // after the first try; it doubles
}

func defaultS3Limits() s3Limits {
	return s3Limits{
		partSize: s3PartSize, stall: time.Minute, complete: 15 * time.Minute,
		tries: 4, partTries: 8, pause: 250 * time.Millisecond,
	}
}

// openS3 opens a target of S3-compatible storage. It uses no network.
func openS3(_ context.Context, u *url.URL, o TargetOptions) (Target, error) {
	at, err := parseS3(u)
	if err != nil {
		return nil, err
	}
	return newS3(at, o, defaultS3Limits())
}

func newS3(at s3Location, o TargetOptions, limits s3Limits) (*s3Target, error) {
	keys, err := s3Credentials(o)
	if err != nil {
		return nil, err
	}
	t := &s3Target{s3Location: at, limits: limits, log: o.Log, credentials: keys}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	for _, c := range []struct {
		core  **minio.Core
		stall time.Duration
	}{{&t.core, limits.stall}, {&t.patient, limits.complete}} {
		transport := s3Transport(c.stall)
		*c.core, err = minio.NewCore(at.endpoint, &minio.Options{
			Creds: keys, Secure: at.secure, Region: at.region, BucketLookup: at.lookup, Transport: transport,
			MaxRetries: 1, // we retry ourselves: its back-off ends after seconds, whatever is at stake
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		t.transports = append(t.transports, transport)
	}
	return t, nil
}

// String is s3://bucket/prefix.
func (t *s3Target) String() string {
	return "s3://" + t.bucket + "/" + strings.TrimSuffix(t.prefix, "/")
}

// Close lets go of connections.
func (t *s3Target) Close() error {
	for _, transport := range t.transports {
		transport.CloseIdleConnections()
	}
	return nil
}

// List visits the objects whose names begin with prefix.
func (t *s3Target) List(ctx context.Context, prefix string, visit func(Object) error) error {
	last := "" // key visited; a retry goes on after it
	var stopped error
	err := t.retry(ctx, t.limits.tries, func() error {
		for o := range t.core.ListObjectsIter(ctx, t.bucket, minio.ListObjectsOptions{Prefix: t.prefix + prefix, Recursive: true, StartAfter: last}) {
			switch {
			case o.Err != nil:
				return o.Err
			case o.Key <= last:
				return errUnsorted // callers go by the order
			}
			last = o.Key
			if strings.HasSuffix(o.Key, "/") {
				continue // a folder, as some tools make them
			}
			object := Object{Name: strings.TrimPrefix(o.Key, t.prefix), Size: o.Size, Modified: o.LastModified}
			if stopped = visit(object); stopped != nil {
				return nil
			}
		}
		return ctx.Err() // the iterator just ends
	})
	if stopped != nil {
		return stopped
	}
	return t.explain(s3List, prefix, err)
}

// Delete removes an object.
func (t *s3Target) Delete(ctx context.Context, name string) error {
	if err := checkObjectName(name); err != nil {
		return err
	}
	err := t.retry(ctx, t.limits.tries, func() error {
		return t.core.RemoveObject(ctx, t.bucket, t.prefix+name, minio.RemoveObjectOptions{})
	})
	if code := s3Code(err); code == minio.NoSuchKey || code == minio.NoSuchVersion {
		return nil
	}
	return t.explain(s3Delete, name, err)
}

// Clean aborts multipart uploads that began, by the target's clock, before a time. MinIO lists none by prefix, and removes
// them by itself after a day.
func (t *s3Target) Clean(ctx context.Context, prefix string, before time.Time) error {
	var key, id string // of the last upload on the page before
	for {
		var page minio.ListMultipartUploadsResult
		err := t.retry(ctx, t.limits.tries, func() (err error) {
			page, err = t.core.ListMultipartUploads(ctx, t.bucket, t.prefix+prefix, key, id, "", 1000)
			return err
		})
		if err != nil {
			return t.explain(s3ListUploads, prefix, err)
		}
		for _, u := range page.Uploads {
			// Whatever a server lists, what lies elsewhere is not ours.
			if !strings.HasPrefix(u.Key, t.prefix+prefix) || !u.Initiated.Before(before) {
				continue
			}
			if err := t.abort(ctx, u.Key, u.UploadID); err != nil {
				return t.explain(s3Abort, strings.TrimPrefix(u.Key, t.prefix), err)
			}
		}
		if !page.IsTruncated || (page.NextKeyMarker == key && page.NextUploadIDMarker == id) {
			return nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// abort ends a multipart upload; it is no error if there is none.
func (t *s3Target) abort(ctx context.Context, key, id string) error {
	err := t.retry(ctx, t.limits.tries, func() error { return t.core.AbortMultipartUpload(ctx, t.bucket, key, id) })
	if s3Code(err) == minio.NoSuchUpload {
		return nil
	}
	return err
}

// size returns an object's size. The error wraps fs.ErrNotExist if there is none.
func (t *s3Target) size(ctx context.Context, name string) (int64, error) {
	var size int64
	err := t.retry(ctx, t.limits.tries, func() error {
		info, err := t.core.StatObject(ctx, t.bucket, t.prefix+name, minio.StatObjectOptions{})
		size = info.Size
		return err
	})
	return size, t.explain(s3Get, name, err)
}

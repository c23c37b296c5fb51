package backup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// Open reads an object from offset on. A connection that breaks is resumed where it broke.
func (t *s3Target) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := checkObjectName(name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("read %q from %d: an offset is not negative", name, offset)
	}
	if length == 0 { // which a range can't say
		if _, err := t.size(ctx, name); err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	r := &s3Reader{ctx: ctx, t: t, action: s3Get, name: name, next: offset, left: length}
	if err := r.connect(); err != nil {
		return nil, err
	}
	return r, nil
}

// s3Reader reads a range of an object.
type s3Reader struct {
	ctx      context.Context
	t        *s3Target
	action   s3Action
	name     string
	body     io.ReadCloser // nil: to be asked for
	next     int64         // offset of the next byte
	left     int64         // bytes to come; below 0 until the first answer: to the end
	etag     string        // of the object that the first answer came from
	failures int           // since a byte came
	err      error         // that ended it
}

// Read returns io.EOF only after as many bytes as the target announced.
func (r *s3Reader) Read(p []byte) (int, error) {
	for {
		if r.err != nil {
			return 0, r.err
		}
		if r.left == 0 {
			return 0, io.EOF
		}
		if r.body == nil {
			r.err = r.connect()
			continue
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
		r.next += int64(n)
		r.left -= int64(n)
		if n > 0 || len(p) == 0 {
			r.failures = 0
			return n, nil // the error comes again if it matters
		}
		if err == nil {
			continue
		}
		r.body.Close()
		r.body = nil
		if r.failures++; r.failures >= r.t.limits.tries || r.ctx.Err() != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			r.err = r.t.explain(r.action, r.name, err)
		}
	}
}

// Close ends the request.
func (r *s3Reader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// connect asks for what is left. It always asks for a range: the answer to that tells how long the object is, so that an
// empty or cut answer is noticed.
func (r *s3Reader) connect() error {
	var options minio.GetObjectOptions
	if r.left < 0 {
		options.Set("Range", fmt.Sprintf("bytes=%d-", r.next))
	} else {
		options.Set("Range", fmt.Sprintf("bytes=%d-%d", r.next, r.next+r.left-1))
	}
	if r.etag != "" {
		if err := options.SetMatchETag(r.etag); err != nil {
			return err
		}
	}
	err := r.t.retry(r.ctx, r.t.limits.tries, func() error {
		body, info, header, err := r.t.core.GetObject(r.ctx, r.t.bucket, r.t.prefix+r.name, options)
		switch s3Code(err) {
		case "InvalidRange": // nothing there from the offset on
			if r.etag != "" {
				return errReplaced
			}
			r.left = 0
			return nil
		case minio.PreconditionFailed:
			return errReplaced
		}
		if err != nil {
			return err
		}
		if err := r.accept(info, header); err != nil {
			body.Close()
			return err
		}
		r.body, r.etag = body, info.ETag
		return nil
	})
	return r.t.explain(r.action, r.name, err)
}

// accept checks that an answer begins where we asked, and takes its length.
func (r *s3Reader) accept(info minio.ObjectInfo, header http.Header) error {
	var first, last, total int64
	if _, err := fmt.Sscanf(header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); err != nil {
		return r.acceptWhole(info)
	}
	switch {
	case first != r.next || last < first || last >= total:
		return errNoRange
	case r.left < 0 && last != total-1:
		return errNoRange
	case r.left >= 0 && last+1-first != min(r.left, total-first):
		return errNoRange
	}
	r.left = last + 1 - first
	return nil
}

// acceptWhole takes an answer without a range: some servers answer so when the range is the whole object. How long that
// is, another request tells: the answer may be empty because the server is ill.
func (r *s3Reader) acceptWhole(info minio.ObjectInfo) error {
	if r.next != 0 || r.left >= 0 {
		return errNoRange
	}
	size, err := r.t.size(r.ctx, r.name)
	if err != nil {
		return err
	}
	if size != info.Size {
		return errNoRange
	}
	r.left = size
	return nil
}

package backup

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	s3MaxParts = 10_000
	// s3CleanupTime bounds what is done after a failure, when the caller's context may have ended.
	s3CleanupTime = 30 * time.Second
)

// s3PartSize is the size of a part, by its number from 1. Two parts are in memory at a time. Up to 78 GiB, parts have one
// size, which some servers ask for. With the larger ones after that, an object may have 860 GiB.
func s3PartSize(number int) int {
	switch {
	case number <= 5000:
		return 16 << 20
	case number <= 7500:
		return 64 << 20
	default:
		return 256 << 20
	}
}

// s3Upload is an object on its way. What fits into one part goes as one request when it is committed. A larger one goes
// in parts: while one is sent, the next is filled.
type s3Upload struct {
	ctx     context.Context // Create's: parts are sent under it
	cancel  context.CancelFunc
	t       *s3Target
	name    string
	id      string // of the multipart upload; "" before the first part
	number  int    // of the part that is being filled, from 1
	filling []byte
	spare   []byte          // the other part's memory
	sending chan s3PartSent // nil: none is on its way
	parts   []minio.CompletePart
	sum     hash.Hash // SHA-256 of all
	size    int64
	err     error
	over    bool
}

type s3PartSent struct {
	part minio.ObjectPart
	err  error
}

// Create begins an object.
func (t *s3Target) Create(ctx context.Context, name string) (Upload, error) {
	if err := checkObjectName(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &s3Upload{ctx: ctx, cancel: cancel, t: t, name: name, number: 1, sum: sha256.New()}, nil
}

// Write fills parts, and waits for the target when two are full.
func (u *s3Upload) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if u.over {
			return written, errors.New("the upload is over")
		}
		if u.err != nil {
			return written, u.err
		}
		size := u.t.limits.partSize(u.number)
		if len(u.filling) == size {
			u.err = u.send(u.ctx)
			continue
		}
		if u.number > 1 && cap(u.filling) < size {
			u.filling = make([]byte, 0, size) // it will be needed whole, and by later parts too
		}
		chunk := p[written:min(len(p), written+size-len(u.filling))]
		u.filling = append(u.filling, chunk...)
		u.sum.Write(chunk)
		u.size += int64(len(chunk))
		written += len(chunk)
	}
	return written, nil
}

// send waits for the part before, and sends the one that is filled.
func (u *s3Upload) send(ctx context.Context) error {
	if err := u.wait(); err != nil {
		return err
	}
	if u.number > s3MaxParts {
		return fmt.Errorf("%s: put %q: an object has at most %d parts, which are %d bytes here", u.t, u.name, s3MaxParts, u.size)
	}
	if u.id == "" {
		err := u.t.retry(ctx, u.t.limits.tries, func() (err error) {
			u.id, err = u.t.core.NewMultipartUpload(ctx, u.t.bucket, u.t.prefix+u.name, minio.PutObjectOptions{ContentType: "application/octet-stream"})
			return err
		})
		if err != nil {
			return u.t.explain(s3Put, u.name, err)
		}
	}
	data, number, id := u.filling, u.number, u.id
	u.filling, u.spare = u.spare[:0], data
	u.number++
	u.sending = make(chan s3PartSent, 1)
	go func(done chan<- s3PartSent) {
		var sent s3PartSent
		sha, md := s3Sums(data)
		sent.err = u.t.retry(ctx, u.t.limits.partTries, func() (err error) {
			sent.part, err = u.t.core.PutObjectPart(ctx, u.t.bucket, u.t.prefix+u.name, id, number, bytes.NewReader(data), int64(len(data)),
				minio.PutObjectPartOptions{Sha256Hex: sha, Md5Base64: md, DisableContentSha256: true})
			return err
		})
		done <- sent
	}(u.sending)
	return nil
}

// s3Sums returns the sums that a target checks what it got by. The SHA-256 is signed. Buckets with a lock ask for the MD5.
// DisableContentSha256 beside them only turns off a second way of hashing.
func s3Sums(data []byte) (sha256Hex, md5Base64 string) {
	sha, md := sha256.Sum256(data), md5.Sum(data)
	return hex.EncodeToString(sha[:]), base64.StdEncoding.EncodeToString(md[:])
}

// wait waits for the part that is on its way.
func (u *s3Upload) wait() error {
	if u.sending == nil {
		return nil
	}
	sent := <-u.sending
	u.sending = nil
	if sent.err != nil {
		return u.t.explain(s3Put, u.name, sent.err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: len(u.parts) + 1, ETag: sent.part.ETag})
	return nil
}

// Commit makes the object appear, and reads it back.
func (u *s3Upload) Commit(ctx context.Context, verify func(io.Reader) error) error {
	if u.over {
		return errors.New("the upload is over")
	}
	if u.err == nil {
		u.err = u.put(ctx)
	}
	if u.err != nil {
		u.Abort()
		return u.err
	}
	u.over = true
	u.cancel()
	u.filling, u.spare = nil, nil
	if err := u.readBack(ctx, verify); err != nil {
		return u.remove(ctx, err)
	}
	return nil
}

// put makes the object appear.
func (u *s3Upload) put(ctx context.Context) error {
	if u.number == 1 {
		sha, md := s3Sums(u.filling)
		err := u.t.retry(ctx, u.t.limits.tries, func() error {
			_, err := u.t.core.PutObject(ctx, u.t.bucket, u.t.prefix+u.name, bytes.NewReader(u.filling), u.size, md, sha,
				minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true})
			return err
		})
		return u.t.explain(s3Put, u.name, u.reason(ctx, err))
	}
	if err := u.send(ctx); err != nil { // there always are bytes left: Write sends a part when the next byte comes
		return err
	}
	if err := u.wait(); err != nil {
		return err
	}
	tries := 0
	err := u.t.retry(ctx, u.t.limits.tries, func() error {
		tries++
		_, err := u.t.patient.CompleteMultipartUpload(ctx, u.t.bucket, u.t.prefix+u.name, u.id, u.parts, minio.PutObjectOptions{})
		if tries > 1 && s3Code(err) == minio.NoSuchUpload {
			return nil // an earlier try succeeded, and its answer was lost: reading back tells
		}
		return err
	})
	return u.t.explain(s3Put, u.name, err)
}

// reason looks for the reason of an error of the connection. A server that refuses a request may close the connection
// while a large body is on its way, so that its answer is lost. A request without a body gets that answer.
func (u *s3Upload) reason(ctx context.Context, err error) error {
	if err == nil || s3Code(err) != "" || ctx.Err() != nil {
		return err
	}
	body, _, _, asked := u.t.core.GetObject(ctx, u.t.bucket, u.t.prefix+u.name, minio.GetObjectOptions{})
	if asked == nil {
		body.Close()
		return err
	}
	switch s3Code(asked) {
	case "", minio.NoSuchKey, minio.AccessDenied: // it says nothing about putting
		return err
	}
	return asked
}

// readBack reads the whole object, as it is stored, and compares it with what was written.
func (u *s3Upload) readBack(ctx context.Context, verify func(io.Reader) error) error {
	stored := &s3Reader{ctx: ctx, t: u.t, action: s3ReadBack, name: u.name, left: -1}
	defer stored.Close()
	sum, size := sha256.New(), s3Count(0)
	reader := io.TeeReader(stored, io.MultiWriter(sum, &size))
	if err := verify(reader); err != nil {
		if stored.err != nil {
			return stored.err // which says more
		}
		return fmt.Errorf("%s: %q, read back: %w", u.t, u.name, err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		return err
	}
	if int64(size) != u.size || !bytes.Equal(sum.Sum(nil), u.sum.Sum(nil)) {
		return fmt.Errorf("%s: %q, read back, is not what was written (%d bytes written, %d read): check the target's disks and whatever lies between", u.t, u.name, u.size, int64(size))
	}
	return nil
}

// s3Count counts the bytes written to it.
type s3Count int64

func (c *s3Count) Write(p []byte) (int, error) {
	*c += s3Count(len(p))
	return len(p), nil
}

// remove deletes the object that could not be verified, and returns why with what became of it.
func (u *s3Upload) remove(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s3CleanupTime)
	defer cancel()
	if err := u.t.Delete(ctx, u.name); err != nil {
		return fmt.Errorf("%w. It could not be removed either, so delete it by hand: it is no backup (%w)", why, err)
	}
	return why
}

// Abort removes the parts that were sent.
func (u *s3Upload) Abort() {
	if u.over {
		return
	}
	u.over = true
	u.cancel()
	if u.sending != nil {
		<-u.sending
	}
	u.filling, u.spare = nil, nil
	if u.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), s3CleanupTime)
	defer cancel()
	if err := u.t.abort(ctx, u.t.prefix+u.name, u.id); err != nil {
		u.t.log.Warn("parts of an upload that failed stay in the target until they are cleaned up", "error", u.t.explain(s3Abort, u.name, err))
	}
}

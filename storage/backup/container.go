package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A backup is one object:
//
//	opening    16 bytes: "imperio backup" and two line feeds
//	parts      one after the other, as the manifest lists them
//	manifest   JSON
//	footer      8  length of the manifest in bytes, big-endian
//	           32  SHA-256 of the manifest
//	            8  "imperio", 1
//
// What is known only at the end stands at the end. So a backup is written in one pass, and its manifest is read without its
// parts. Without a whole footer an object is no backup.
const (
	opening    = "imperio backup\n\n"
	ending     = "imperio\x01"
	footerSize = 8 + sha256.Size + len(ending)
	// maxManifest bounds what is read of a manifest. They have some two thousand bytes.
	maxManifest = 1 << 20
)

// writer writes a backup.
type writer struct {
	to      io.Writer
	sealing *Sealing
	parts   []Part
	opened  bool
}

// part writes a part. fill writes its plain bytes.
func (w *writer) part(name string, fill func(io.Writer) error) error {
	if !w.opened {
		if _, err := io.WriteString(w.to, opening); err != nil {
			return err
		}
		w.opened = true
	}
	stored := newMeter(w.to)
	sealed, err := w.sealing.seal(stored)
	if err != nil {
		return err
	}
	plain := newMeter(sealed)
	err = fill(plain)
	if err = errors.Join(err, sealed.Close()); err != nil {
		return err
	}
	w.parts = append(w.parts, Part{name, plain.size, plain.sum(), stored.size, stored.sum()})
	return nil
}

// finish writes the manifest and the footer, and returns the manifest as it was written.
func (w *writer) finish(m Manifest) (Manifest, error) {
	m.Format, m.Compression, m.Encrypted, m.Parts = FormatVersion, w.sealing.Compression, w.sealing.encrypts(), w.parts
	text, err := json.Marshal(&m, jsontext.WithIndent("  "))
	if err != nil {
		return m, fmt.Errorf("write the manifest: %w", err)
	}
	sum := sha256.Sum256(text)
	foot := binary.BigEndian.AppendUint64(text, uint64(len(text)))
	foot = append(append(foot, sum[:]...), ending...)
	_, err = w.to.Write(foot)
	return m, err
}

// meter counts and hashes what is written through it.
type meter struct {
	to   io.Writer
	hash hash.Hash
	size int64
}

func newMeter(to io.Writer) *meter { return &meter{to: to, hash: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.hash.Write(p[:n])
	m.size += int64(n)
	return n, err
}

func (m *meter) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }

// ReadManifest reads the manifest of a backup, and nothing else of it. An object that is not whole is a *DamageError.
func ReadManifest(ctx context.Context, t Target, o Object) (m Manifest, err error) {
	what := nameOf(t, o)
	if o.Size < int64(len(opening)+footerSize) {
		return m, damaged(what, "it has only %d bytes", o.Size)
	}
	const usual = 8 << 10 // most manifests are shorter, and come with the footer
	tail, err := readRange(ctx, t, o.Name, max(0, o.Size-usual), o.Size)
	if err != nil {
		return m, fmt.Errorf("read the manifest of %s: %w", what, err)
	}
	foot := tail[len(tail)-footerSize:]
	if string(foot[footerSize-len(ending):]) != ending {
		return m, damaged(what, "it does not end like a backup. Its writing was interrupted, or it is something else")
	}
	length := binary.BigEndian.Uint64(foot)
	if length > maxManifest || int64(length) > o.Size-int64(len(opening)+footerSize) {
		return m, damaged(what, "its manifest has %d bytes", length)
	}
	if need := int(length) + footerSize; need > len(tail) {
		if tail, err = readRange(ctx, t, o.Name, o.Size-int64(need), o.Size); err != nil {
			return m, fmt.Errorf("read the manifest of %s: %w", what, err)
		}
	}
	text := tail[len(tail)-footerSize-int(length) : len(tail)-footerSize]
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], foot[8:8+sha256.Size]) {
		return m, damaged(what, "its manifest fails its checksum")
	}
	return parseManifest(what, text, o.Size-int64(len(opening)+footerSize)-int64(length))
}

// parseManifest reads a manifest. room is how many bytes the backup has for the parts.
func parseManifest(what string, text []byte, room int64) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m, json.RejectUnknownMembers(false)); err != nil {
		return m, damaged(what, "its manifest can't be read: %v", err)
	}
	if err := m.check(what); err != nil {
		return m, err
	}
	for _, p := range m.Parts {
		room -= p.StoredSize
	}
	if room != 0 {
		return m, damaged(what, "its parts have not the sizes that its manifest gives")
	}
	return m, nil
}

func nameOf(t Target, o Object) string { return t.String() + "/" + o.Name }

// readRange reads the bytes of an object from one offset to another.
func readRange(ctx context.Context, t Target, name string, from, to int64) ([]byte, error) {
	r, err := t.Open(ctx, name, from, to-from)
	if err != nil {
		return nil, err
	}
	b := make([]byte, to-from)
	_, err = io.ReadFull(r, b)
	return b, errors.Join(err, r.Close())
}

// openPart reads the plain bytes of a part, and checks them against the manifest. Whoever reads must read to the end, where
// a part that is not what was written gives a *DamageError.
func openPart(ctx context.Context, t Target, o Object, m *Manifest, name string, keys []age.Identity) (io.ReadCloser, error) {
	what := nameOf(t, o)
	p, offset, ok := m.part(name)
	if !ok {
		return nil, damaged(what, "it has no part %q", name)
	}
	stored, err := t.Open(ctx, o.Name, offset, p.StoredSize)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	r, err := newPartReader(what, stored, m, p, keys)
	if err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	return r, nil
}

// partReader reads a part and checks it.
type partReader struct {
	what   string
	part   Part
	stored io.ReadCloser
	raw    *hashingReader // stored bytes
	plain  io.ReadCloser
	hash   hash.Hash
	size   int64
}

func newPartReader(what string, stored io.ReadCloser, m *Manifest, p Part, keys []age.Identity) (*partReader, error) {
	raw := &hashingReader{from: io.LimitReader(stored, p.StoredSize), hash: sha256.New()}
	plain, err := m.unseal(raw, keys)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	if err != nil {
		return nil, readError(what, err, raw)
	}
	return &partReader{what: what, part: p, stored: stored, raw: raw, plain: plain, hash: sha256.New()}, nil
}

func (r *partReader) Read(b []byte) (int, error) {
	n, err := r.plain.Read(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	switch {
	case r.size > r.part.Size:
		return n, damaged(r.what, "its part %q is longer than its manifest says", r.part.Name)
	case errors.Is(err, io.EOF):
		if err := r.check(); err != nil {
			return n, err
		}
	case err != nil:
		return n, readError(r.what, err, r.raw)
	}
	return n, err
}

// check compares what was read with the manifest.
func (r *partReader) check() error {
	if _, err := io.Copy(io.Discard, r.raw); err != nil {
		return readError(r.what, err, r.raw)
	}
	switch {
	case r.raw.size != r.part.StoredSize:
		return damaged(r.what, "its part %q has %d bytes of %d", r.part.Name, r.raw.size, r.part.StoredSize)
	case r.raw.sum() != r.part.StoredSHA256, r.size != r.part.Size, hex.EncodeToString(r.hash.Sum(nil)) != r.part.SHA256:
		return damaged(r.what, "its part %q fails its checksum", r.part.Name)
	}
	return nil
}

func (r *partReader) Close() error { return errors.Join(r.plain.Close(), r.stored.Close()) }

// readError tells damage from a target that can't be read.
func readError(what string, err error, raw *hashingReader) error {
	if raw.failed != nil {
		return fmt.Errorf("read %s: %w", what, raw.failed)
	}
	return damaged(what, "%v", err)
}

// hashingReader counts and hashes what is read, and remembers an error of the source.
type hashingReader struct {
	from   io.Reader
	hash   hash.Hash
	size   int64
	failed error
}

func (r *hashingReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

func (r *hashingReader) sum() string { return hex.EncodeToString(r.hash.Sum(nil)) }

// verifyAll reads a whole backup and checks it against the manifest that was written. Parts that keys open are decrypted
// and decompressed too.
func verifyAll(what string, r io.Reader, m *Manifest, keys []age.Identity) error {
	first := make([]byte, len(opening))
	if _, err := io.ReadFull(r, first); err != nil || string(first) != opening {
		return damaged(what, "it does not begin like a backup")
	}
	for _, p := range m.Parts {
		part, err := newPartReader(what, io.NopCloser(r), m, p, keys)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, part); err != nil {
			return err
		}
		if err := part.plain.Close(); err != nil {
			return err
		}
	}
	text, err := json.Marshal(m, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	rest, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	if len(rest) != len(text)+footerSize || !bytes.Equal(rest[:len(text)], text) || string(rest[len(rest)-len(ending):]) != ending {
		return damaged(what, "its manifest is not the one that was written")
	}
	return nil
}

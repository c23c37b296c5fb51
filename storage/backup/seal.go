package backup

import (
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/chacha20poly1305"
)

// Compression is how the parts of a backup are compressed.
type Compression string

// The compressions.
const (
	Zstd Compression = "zstd"
	Gzip Compression = "gzip"
)

var compressors = map[Compression]func(io.Writer) (io.WriteCloser, error){
	// The fastest level: the state is mostly hashes, which no level makes smaller.
	Zstd: func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	},
	Gzip: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) },
}

var decompressors = map[Compression]func(io.Reader) (io.ReadCloser, error){
	Zstd: func(r io.Reader) (io.ReadCloser, error) {
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	},
	Gzip: func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
}

// Sealing says how backups are written.
type Sealing struct {
	Compression Compression
	// Recipients are the operator's age recipients. Without any, backups are not encrypted.
	Recipients []age.Recipient
	// House is the casino itself, for whom backups are encrypted too. It must be given with Recipients.
	House *House
}

func (s *Sealing) encrypts() bool { return len(s.Recipients) > 0 }

// ErrLocked says that a backup is encrypted, and that none of the given keys opens it.
var ErrLocked = errors.New("it is encrypted, and none of the given keys opens it. Name the file of your age identity, or the casino's key")

// House encrypts backups to the casino itself: with a key that is derived from the casino's key. So a server can restore its
// backups for practice, although it has only the public half of the operator's keys. It is safe for concurrent use.
type House struct{ key []byte }

// NewHouse makes a House of a key of 32 bytes.
func NewHouse(key []byte) *House { return &House{key} }

const houseStanza = "imperio.house/v1"

var (
	_ age.Recipient = (*House)(nil)
	_ age.Identity  = (*House)(nil)
)

// Wrap encrypts the key of a file; age calls it.
func (h *House) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	aead, err := chacha20poly1305.NewX(h.key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails
	return []*age.Stanza{{Type: houseStanza, Body: aead.Seal(nonce, nonce, fileKey, []byte(houseStanza))}}, nil
}

// Unwrap decrypts the key of a file; age calls it.
func (h *House) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(h.key)
	if err != nil {
		return nil, err
	}
	for _, s := range stanzas {
		if s.Type != houseStanza || len(s.Body) < aead.NonceSize() {
			continue
		}
		nonce, box := s.Body[:aead.NonceSize()], s.Body[aead.NonceSize():]
		if fileKey, err := aead.Open(nil, nonce, box, []byte(houseStanza)); err == nil {
			return fileKey, nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// seal makes the writer that turns the plain bytes of a part into what is stored. Closing it finishes the part.
func (s *Sealing) seal(w io.Writer) (io.WriteCloser, error) {
	closers := closeAll{}
	if s.encrypts() {
		to := append([]age.Recipient{s.House}, s.Recipients...)
		e, err := age.Encrypt(w, to...)
		if err != nil {
			return nil, fmt.Errorf("encrypt: %w", err)
		}
		closers, w = append(closers, e), e
	}
	c, err := compressors[s.Compression](w)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return struct {
		io.Writer
		io.Closer
	}{c, append(closeAll{c}, closers...)}, nil
}

// unseal makes the reader that turns what is stored of a part into its plain bytes.
func (m *Manifest) unseal(r io.Reader, keys []age.Identity) (io.ReadCloser, error) {
	if m.Encrypted {
		if len(keys) == 0 {
			return nil, ErrLocked
		}
		d, err := age.Decrypt(r, keys...)
		if errors.As(err, new(*age.NoIdentityMatchError)) {
			return nil, ErrLocked
		}
		if err != nil {
			return nil, fmt.Errorf("decrypt: %w", err)
		}
		r = d
	}
	d, err := decompressors[m.Compression](r)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return d, nil
}

// closeAll closes several, in order.
type closeAll []io.Closer

func (c closeAll) Close() error {
	var errs []error
	for _, each := range c {
		errs = append(errs, each.Close())
	}
	return errors.Join(errs...)
}

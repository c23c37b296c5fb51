package certstore

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length in bytes of the key that values are encrypted with.
const KeySize = chacha20poly1305.KeySize

// ErrSealed means that a value can't be decrypted: it was written with another key, or damaged, or moved to another name.
var ErrSealed = errors.New("value can't be decrypted: it was written with another key, or it is damaged")

// envelopeV1 is the first byte of a sealed value: version 1 is
//
//	0x01 | nonce (24 bytes, random) | ciphertext and tag of XChaCha20-Poly1305
//
// with aadV1 and the value's name as associated data. XChaCha20's nonce is long enough to be random for
// every write without counting (draft-irtf-cfrg-xchacha, section 2.1).
const envelopeV1 = 0x01

const aadV1 = "imperio/certstore/1\x00"

const sealOverhead = 1 + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// sealer encrypts values. It is safe for concurrent use.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if len(key) != KeySize {
		return sealer{}, fmt.Errorf("the key that certificates are encrypted with has %d bytes, want %d", len(key), KeySize)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return sealer{}, fmt.Errorf("certificate encryption: %w", err)
	}
	return sealer{aead}, nil
}

// seal encrypts a value to be stored at name. The name is authenticated, so that a value can't be moved to another one.
func (s sealer) seal(name string, value []byte) []byte {
	box := make([]byte, 1+chacha20poly1305.NonceSizeX, len(value)+sealOverhead)
	box[0] = envelopeV1
	nonce := box[1:]
	rand.Read(nonce) // never returns an error, see its documentation
	return s.aead.Seal(box, nonce, value, []byte(aadV1+name))
}

func (s sealer) open(name string, box []byte) ([]byte, error) {
	if len(box) < sealOverhead {
		return nil, fmt.Errorf("%s: %w (%d bytes are too few)", name, ErrSealed, len(box))
	}
	if box[0] != envelopeV1 {
		return nil, fmt.Errorf("%s: %w (envelope version %d is unknown to this release)", name, ErrSealed, box[0])
	}
	nonce, ciphertext := box[1:1+chacha20poly1305.NonceSizeX], box[1+chacha20poly1305.NonceSizeX:]
	value, err := s.aead.Open(nil, nonce, ciphertext, []byte(aadV1+name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrSealed)
	}
	return value, nil
}

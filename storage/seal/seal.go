// Package seal protects what is secret in the log, in the state, and in every copy of them, with the casino's key: 32
// random bytes that are in neither.
//
// Every purpose has a key of its own, derived from the casino's key by HKDF-SHA-256. Boxes are AES-256-GCM, keyed hashes are
// HMAC-SHA-256. docs/decisions/0070-secrets-at-rest.md says why, and docs/SECURITY.md what stays in clear.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"imperio/storage/command"
)

// KeySize is the length of the casino's key in bytes.
const KeySize = 32

// ErrSealed says that a box can't be opened: it was sealed with another key, it belongs elsewhere, or it is damaged.
var ErrSealed = errors.New("it is sealed with another key, belongs elsewhere, or is damaged")

// Keys are all keys that derive from the casino's key. They are safe for concurrent use.
type Keys struct {
	id           command.KeyID
	seeds        cipher.AEAD
	passwords    cipher.AEAD
	subjects     []byte
	networks     []byte
	devices      []byte
	tickets      []byte
	certificates []byte
	backups      []byte
	imports      []byte
	authority    cipher.AEAD
}

// New derives the keys.
func New(key [KeySize]byte) *Keys {
	derive := func(purpose string, size int) []byte {
		k, err := hkdf.Key(sha256.New, key[:], nil, "imperio/v1/"+purpose, size)
		if err != nil {
			panic(err) // the sizes are constant
		}
		return k
	}
	box := func(purpose string, mode func(cipher.Block) (cipher.AEAD, error)) cipher.AEAD {
		block, err := aes.NewCipher(derive(purpose, 32))
		if err != nil {
			panic(err) // the size is constant
		}
		a, err := mode(block)
		if err != nil {
			panic(err) // AES has the size of block that GCM needs
		}
		return a
	}
	return &Keys{
		id:    command.KeyID(derive("key id", len(command.KeyID{}))),
		seeds: box("server seed", cipher.NewGCM), passwords: box("password hash", cipher.NewGCMWithRandomNonce),
		subjects: derive("throttled subject", 32), networks: derive("known network", 32), devices: derive("device cookie", 32), tickets: derive("launch ticket", 32),
		certificates: derive("certificates", 32), backups: derive("backups", 32), imports: derive("imported name", 32),
		authority: box("cluster", cipher.NewGCMWithRandomNonce),
	}
}

// ID names the key. It is derived as the keys are, and tells nothing of them.
func (k *Keys) ID() command.KeyID { return k.id }

// Certificates is the key for package certstore, which seals certificates and their private keys.
func (k *Keys) Certificates() []byte { return k.certificates }

// Backups is the key for package backup, which encrypts backups to the casino itself with it.
func (k *Keys) Backups() []byte { return k.backups }

// SealSeed seals a server seed. The box is bound to the seed's commitment, which the history promises to one account as one
// of its pairs: in the place of another seed it doesn't open. The nonce is the commitment's beginning, so no two seeds have
// the same one. So a seed has one box, and nothing else needs to be stored.
func (k *Keys) SealSeed(seed command.Seed) (s command.SealedSeed) {
	s.Commitment = sha256.Sum256(seed[:])
	k.seeds.Seal(s.Box[:0], s.Commitment[:k.seeds.NonceSize()], seed[:], s.Commitment[:])
	return s
}

// OpenSeed opens a server seed. ok is false for a box that is not that of the commitment.
func (k *Keys) OpenSeed(s command.SealedSeed) (seed command.Seed, ok bool) {
	_, err := k.seeds.Open(seed[:0], s.Commitment[:k.seeds.NonceSize()], s.Box[:], s.Commitment[:])
	return seed, err == nil && sha256.Sum256(seed[:]) == s.Commitment
}

// Command seals a command's entropy, which is server seeds. The command can then enter the log.
func (k *Keys) Command(c command.Command) command.Command {
	for entropy := c.Entropy; len(entropy) >= command.SeedSize; entropy = entropy[command.SeedSize:] {
		c.Seeds = append(c.Seeds, k.SealSeed(command.Seed(entropy[:command.SeedSize])))
	}
	c.Entropy = nil
	return c
}

// The subjects of the sign-in throttle. Each kind has a name of its own in the hash, so no two kinds meet.

// Login is the subject of a login that no account has: a folded name or e-mail address.
func (k *Keys) Login(login string) command.Subject {
	return subject(k.subjects, "login", []byte(login))
}

// Account is the subject of all strangers who name an account.
func (k *Keys) Account(id command.AccountID) command.Subject {
	return subject(k.subjects, "account", number(uint64(id)))
}

// Device is the subject of a browser that an account has signed in from before.
func (k *Keys) Device(id command.AccountID, device [16]byte) command.Subject {
	return subject(k.subjects, "device", append(number(uint64(id)), device[:]...))
}

// From is the subject of a network that an account has signed in from before.
func (k *Keys) From(id command.AccountID, network command.Subject) command.Subject {
	return subject(k.subjects, "from", append(number(uint64(id)), network[:]...))
}

// Session is the subject of a session that changes its account's password.
func (k *Keys) Session(id command.SessionID) command.Subject {
	return subject(k.subjects, "session", number(uint64(id)))
}

// Network is a client's network as accounts remember it. It is the same for all accounts.
func (k *Keys) Network(network string) command.Subject {
	return subject(k.networks, "network", []byte(network))
}

// ImportedName is the mark of a name that an account had in another casino's database; see command.ImportedAccount.
func (k *Keys) ImportedName(name string) command.Subject {
	return subject(k.imports, "imported name", []byte(name))
}

// Devices authenticates the content of a device cookie.
func (k *Keys) Devices(content []byte) [sha256.Size]byte { return authentic(k.devices, content) }

// Tickets authenticates tickets for the older front ends, and what follows from them.
func (k *Keys) Tickets(content []byte) [sha256.Size]byte { return authentic(k.tickets, content) }

func authentic(key, content []byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return sum
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func subject(key []byte, kind string, of []byte) command.Subject {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write(of)
	var sum [sha256.Size]byte
	return command.Subject(mac.Sum(sum[:0]))
}

// passwordForm begins a sealed password hash: version 1 is a random nonce and a box, in base64.
const passwordForm = "sealed1:"

// strict refuses a second spelling of the same bytes.
var strict = base64.RawStdEncoding.Strict()

// SealPassword seals a password hash. Two boxes of one hash differ.
func (k *Keys) SealPassword(hash string) string {
	return passwordForm + strict.EncodeToString(k.passwords.Seal(nil, nil, []byte(hash), []byte(passwordForm)))
}

// OpenPassword opens a sealed password hash. The error wraps ErrSealed.
func (k *Keys) OpenPassword(sealed string) (hash string, err error) {
	text, ok := strings.CutPrefix(sealed, passwordForm)
	box, err := strict.DecodeString(text)
	if !ok || err != nil {
		return "", fmt.Errorf("open a password hash: %w", ErrSealed)
	}
	plain, err := k.passwords.Open(nil, nil, box, []byte(passwordForm))
	if err != nil {
		return "", fmt.Errorf("open a password hash: %w", ErrSealed)
	}
	return string(plain), nil
}

// authorityForm is what boxes with the key of a cluster's authority are bound to.
const authorityForm = "imperio cluster authority 1"

// SealAuthority seals the key of a cluster's authority. Two boxes of one key differ.
func (k *Keys) SealAuthority(key []byte) []byte {
	return k.authority.Seal(nil, nil, key, []byte(authorityForm))
}

// OpenAuthority opens the sealed key of a cluster's authority. The error wraps ErrSealed.
func (k *Keys) OpenAuthority(sealed []byte) ([]byte, error) {
	key, err := k.authority.Open(nil, nil, sealed, []byte(authorityForm))
	if err != nil {
		return nil, ErrSealed
	}
	return key, nil
}

package auth

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Why a hash from an older casino's database is refused. None of the errors quotes the hash. CheckOlderHash wraps them.
var (
	// ErrHashPlain is about a value that looks like no hash at all: a password in plain text.
	ErrHashPlain = errors.New("it is no hash, but looks like a password in plain text")
	// ErrHashUnknown is about a hash of a kind that can't be verified here.
	ErrHashUnknown = errors.New("it is a hash of a kind that this program can't verify; it knows pbkdf2 (sha1, sha256, sha512) and scrypt")
	// ErrHashMalformed is about a hash of a known kind that is incomplete or damaged.
	ErrHashMalformed = errors.New("the hash is incomplete or damaged")
	// ErrHashTooCostly is about a hash whose check would take more time or memory than a sign-in may cost.
	ErrHashTooCostly = errors.New("checking the hash would take too much time or memory")
)

// Bounds of what a hash from outside may cost. They hold for everything that werkzeug has ever made by default.
const (
	maxOlderHash    = 512       // bytes of the whole text
	maxIterations   = 2_000_000 // of pbkdf2; werkzeug's default was 1,000,000 at most
	maxScryptMemory = 64 << 20  // bytes; werkzeug's default takes 32 MiB
	maxScryptLanes  = 4         // p
	maxScryptWork   = 4 * (32768 * 8 * 1)
	scryptHash      = 64 // bytes
)

// olderHash is a password hash as the older system stored it, in werkzeug's format: METHOD$SALT$HEX.
type olderHash struct {
	derive func(password string) ([]byte, error)
	sum    []byte
}

// CheckOlderHash says whether a value from an older casino's database is a password hash that this program can verify: pbkdf2 or scrypt
// in werkzeug's format, or one of our own as an export wrote it (see ParseOwnHash). The value itself is in no error. It is safe for
// concurrent use, and cheap.
func CheckOlderHash(hash string) error {
	if _, _, ok := ParseOwnHash(hash); ok {
		return nil
	}
	_, err := parseOlderHash(hash)
	return err
}

// CheckImportedHash says whether a hash may be stored for an imported account: an older hash, or the bcrypt hash that ParseOwnHash found.
// It differs from CheckOlderHash because a bcrypt hash is ours only if an export says so: other programs hash the password itself.
func CheckImportedHash(hash string) error {
	if isOwnBcrypt(hash) {
		return nil
	}
	_, err := parseOlderHash(hash)
	return err
}

// SealOlder seals a hash that CheckImportedHash takes, as it is stored.
func (p *Passwords) SealOlder(hash string) string { return p.seal.SealPassword(hash) }

// parseOlderHash reads pbkdf2:HASH:ITERATIONS$SALT$HEX and scrypt:N:r:p$SALT$HEX. The salt is used as its bytes are.
func parseOlderHash(stored string) (olderHash, error) {
	if len(stored) > maxOlderHash {
		return olderHash{}, fmt.Errorf("%w: it has more than %d bytes", ErrHashMalformed, maxOlderHash)
	}
	method, rest, _ := strings.Cut(stored, "$")
	salt, sum, complete := strings.Cut(rest, "$")
	kind, parameters, _ := strings.Cut(method, ":")
	var parse func(parameters []string, salt string) (derive func(string) ([]byte, error), size int, err error)
	switch kind {
	case "pbkdf2":
		parse = parsePBKDF2
	case "scrypt":
		parse = parseScrypt
	case ownPrefix:
		return olderHash{}, ErrHashMalformed
	default:
		return olderHash{}, unknownHash(stored)
	}
	derive, size, err := parse(strings.Split(parameters, ":"), salt)
	if err != nil {
		return olderHash{}, err
	}
	raw, err := hex.DecodeString(sum)
	if !complete || salt == "" || err != nil || len(raw) != size {
		return olderHash{}, ErrHashMalformed
	}
	return olderHash{derive, raw}, nil
}

// unknownHash tells hashes of other kinds from plain text: those of werkzeug and of crypt have two '$', bare sums are hexadecimal.
func unknownHash(stored string) error {
	if raw, err := hex.DecodeString(stored); strings.Count(stored, "$") >= 2 || (err == nil && len(raw) >= 16) {
		return ErrHashUnknown
	}
	return ErrHashPlain
}

// parsePBKDF2 needs the number of iterations. Werkzeug has always written it; without it, it depended on the version.
func parsePBKDF2(parameters []string, salt string) (derive func(string) ([]byte, error), size int, err error) {
	var of func() hash.Hash
	switch parameters[0] {
	case "sha256":
		of, size = sha256.New, sha256.Size
	case "sha1":
		of, size = sha1.New, sha1.Size
	case "sha512":
		of, size = sha512.New, sha512.Size
	default:
		return nil, 0, ErrHashUnknown
	}
	if len(parameters) != 2 {
		return nil, 0, ErrHashMalformed
	}
	iterations, err := parameter(parameters[1], maxIterations)
	if err != nil {
		return nil, 0, err
	}
	return func(password string) ([]byte, error) { return pbkdf2.Key(of, password, []byte(salt), iterations, size) }, size, nil
}

func parseScrypt(parameters []string, salt string) (derive func(string) ([]byte, error), size int, err error) {
	if len(parameters) != 3 {
		return nil, 0, ErrHashMalformed
	}
	n, errN := parameter(parameters[0], maxScryptMemory/128)
	r, errR := parameter(parameters[1], maxScryptMemory/128)
	p, errP := parameter(parameters[2], maxScryptLanes)
	if err := errors.Join(errN, errR, errP); err != nil {
		return nil, 0, err
	}
	if n < 2 || n&(n-1) != 0 {
		return nil, 0, ErrHashMalformed
	}
	if n*r > maxScryptMemory/128 || n*r*p > maxScryptWork { // no product overflows: see the bounds above
		return nil, 0, ErrHashTooCostly
	}
	return func(password string) ([]byte, error) {
		return scrypt.Key([]byte(password), []byte(salt), n, r, p, scryptHash)
	}, scryptHash, nil
}

// parameter reads a cost: a number of 1 … most in decimal digits.
func parameter(digits string, most int) (int, error) {
	n, err := strconv.ParseUint(digits, 10, 63)
	switch {
	case errors.Is(err, strconv.ErrRange) || (err == nil && n > uint64(most)):
		return 0, ErrHashTooCostly
	case err != nil || n == 0:
		return 0, ErrHashMalformed
	}
	return int(n), nil
}

// matches compares in constant time.
func (h olderHash) matches(password string) bool {
	sum, err := h.derive(password)
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// verifyOlder checks a password against an older hash. A good one is hashed as today's are. A wrong one takes as long as for an
// account that doesn't exist, unless the older check alone takes longer.
func (t *Turn) verifyOlder(h olderHash, password string) (Verified, error) {
	began := time.Now()
	if !h.matches(password) {
		t.p.spendRest(time.Since(began), password)
		return Verified{}, nil
	}
	better, err := t.Hash(password)
	if err != nil {
		return Verified{}, err
	}
	return Verified{OK: true, Rehash: better}, nil
}

// spendRest follows a failed check that took some time, and does what is missing to the work of one check at today's cost. The
// work is counted in checks at bcrypt's lowest cost, and returned. What those take is measured as they are done, so it holds on a busy
// machine, too.
func (p *Passwords) spendRest(spent time.Duration, password string) (done int64) {
	const lowest = bcrypt.MinCost
	d := digest(password)
	whole := int64(1) << (p.cost - lowest)
	var took time.Duration // for what is done
	work := func(cost int) {
		began := time.Now()
		_ = bcrypt.CompareHashAndPassword(p.dummy[cost], d) // always fails
		took += time.Since(began)
		done += 1 << (cost - lowest)
	}
	work(max(lowest, p.cost-4)) // to know the speed
	for cost := p.cost - 1; cost >= lowest; cost-- {
		older := int64(float64(spent) / float64(max(took, 1)) * float64(done)) // the older check, in checks at the lowest cost
		if whole-older-done >= 1<<(cost-lowest) {
			work(cost)
		}
	}
	return done
}

// Package auth identifies who sends a request: passwords, session tokens and their cookies, names and e-mail addresses.
// It has no state: callers store what it makes, and pass in what it checks.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"imperio/appliance/problem"
)

// The length of a password, in characters (Unicode code points) of any script.
const (
	MinPasswordLength = 8
	MaxPasswordLength = 256
)

// DefaultCost is the bcrypt cost of new passwords: about a quarter of a second on one core.
const DefaultCost = 12

// Patience is how long a caller waits for its turn.
const Patience = 3 * time.Second

// ErrBusy means that a caller's turn did not come within Patience. It is a *problem.Problem.
var ErrBusy error = &problem.Problem{
	Status: http.StatusServiceUnavailable, Code: "busy", RetryAfter: 5 * time.Second,
	Detail: "Too many people are signing in at this moment.",
}

// ErrPasswordLength refuses a new password that is too short or too long. It is a *problem.Problem.
var ErrPasswordLength error = problem.New("invalid_password", "A password has %d to %d characters.", MinPasswordLength, MaxPasswordLength)

// Passwords hashes and verifies passwords, a few at a time: the work is expensive by design, and must not starve the
// games, which keep at least half of the cores. The others wait for their turn. It is safe for concurrent use.
type Passwords struct {
	cost  int
	seal  Seal
	dummy map[int][]byte // by cost: a hash that matches no password
	turns *turns
}

// PasswordOptions bound the work that passwords may cause. Zero values mean the defaults.
type PasswordOptions struct {
	Cost       int  // of bcrypt, 4 … 31; default DefaultCost
	Concurrent int  // hashed at once; default half of the cores, at least 1
	Waiting    int  // for their turn, known callers and strangers each, to bound memory; default 32 per concurrent caller
	Seal       Seal // required
	// Patience is how long a caller waits for its turn; default Patience. Tests that are not about it set it high.
	Patience time.Duration
}

// Seal seals password hashes before they are stored, so that a stolen copy of the casino is no help in guessing passwords.
type Seal interface {
	SealPassword(hash string) string
	OpenPassword(sealed string) (hash string, err error)
}

// NewPasswords makes a Passwords.
func NewPasswords(o PasswordOptions) (*Passwords, error) {
	if o.Cost == 0 {
		o.Cost = DefaultCost
	}
	if o.Cost < bcrypt.MinCost || o.Cost > bcrypt.MaxCost {
		return nil, fmt.Errorf("bcrypt cost %d is not in %d … %d", o.Cost, bcrypt.MinCost, bcrypt.MaxCost)
	}
	if o.Concurrent <= 0 {
		o.Concurrent = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Waiting <= 0 {
		o.Waiting = 32 * o.Concurrent
	}
	if o.Patience <= 0 {
		o.Patience = Patience
	}
	p := &Passwords{
		cost:  o.Cost,
		seal:  o.Seal,
		dummy: make(map[int][]byte),
		turns: newTurns(o.Concurrent, o.Waiting, o.Patience),
	}
	for cost := bcrypt.MinCost; cost <= o.Cost; cost++ {
		p.dummy[cost] = dummyHash(cost)
	}
	return p, nil
}

// Turn is a caller's turn: the right to use a core for passwords. End it.
type Turn struct{ p *Passwords }

// Turn waits for the caller's turn, at most for Patience. Callers that an account knows go before strangers. Its errors are
// ErrBusy and the context's.
func (p *Passwords) Turn(ctx context.Context, known bool) (*Turn, error) {
	if err := p.turns.take(ctx, known); err != nil {
		return nil, err
	}
	return &Turn{p}, nil
}

// Waiting is the number of callers that wait for their turn.
func (p *Passwords) Waiting() int { return p.turns.waiting() }

// End lets the next caller in. Call it once.
func (t *Turn) End() { t.p.turns.end() }

// Hash takes a turn as Turn does, and returns the hash to store for a new password, sealed. Its errors are ErrPasswordLength, ErrBusy and the
// context's. Callers check before with CheckPassword whether the password may be chosen.
func (p *Passwords) Hash(ctx context.Context, known bool, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinPasswordLength || n > MaxPasswordLength {
		return "", ErrPasswordLength
	}
	turn, err := p.Turn(ctx, known)
	if err != nil {
		return "", err
	}
	defer turn.End()
	return turn.Hash(password)
}

// Verified is the result of checking a password.
type Verified struct {
	OK bool
	// Rehash is a hash of the same password at today's cost, sealed, if the stored hash has another cost or is an older one; else
	// empty.
	Rehash string
}

// Verify checks a password against a stored hash. An empty hash stands for an account that doesn't exist: the check takes as
// long as a real one, and always fails. A hash that is malformed always fails, too. Older hashes, of imported accounts, are
// verified as they are. One that can't be opened is an error: the casino's data is damaged, and a right password must not be
// called wrong.
func (t *Turn) Verify(hash, password string) (Verified, error) {
	p := t.p
	if hash != "" {
		var err error
		if hash, err = p.seal.OpenPassword(hash); err != nil {
			return Verified{}, err
		}
	}
	if older, err := parseOlderHash(hash); err == nil {
		return t.verifyOlder(older, password)
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		_ = bcrypt.CompareHashAndPassword(p.dummy[p.cost], digest(password)) // always fails
		return Verified{}, nil
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), digest(password)) != nil {
		p.spend(cost, password)
		return Verified{}, nil
	}
	if cost == p.cost {
		return Verified{OK: true}, nil
	}
	better, err := t.Hash(password)
	if err != nil {
		return Verified{}, err
	}
	return Verified{OK: true, Rehash: better}, nil
}

// spend does the work of checking against hashes of cost, cost+1, …, up to but not including today's. Each step of
// the cost doubles the work, so together with the failed check at cost, the sum equals one check at today's cost. So a
// wrong password takes equally long for an account with an older hash.
func (p *Passwords) spend(cost int, password string) {
	d := digest(password)
	for c := cost; c < p.cost; c++ {
		_ = bcrypt.CompareHashAndPassword(p.dummy[c], d) // always fails
	}
}

// Hash returns the hash to store for a password, sealed. It does not look at the password.
func (t *Turn) Hash(password string) (string, error) {
	h, err := bcrypt.GenerateFromPassword(digest(password), t.p.cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return t.p.seal.SealPassword(string(h)), nil
}

// digest turns a password of any length into 64 bytes without a NUL. bcrypt reads up to 72 bytes, so it reads all of them.
func digest(password string) []byte {
	sum := sha512.Sum384([]byte(password))
	d := make([]byte, base64.StdEncoding.EncodedLen(len(sum)))
	base64.StdEncoding.Encode(d, sum[:])
	return d
}

// bcryptAlphabet is bcrypt's own for base64.
const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// dummyHash makes a value that looks like a bcrypt hash of this cost. Its 23 hash bytes are random, so no known password
// matches.
func dummyHash(cost int) []byte {
	// bcrypt has its own base64 alphabet, without padding: 16 bytes of salt take 22 characters, and 23 bytes of hash take
	// 31.
	enc := base64.NewEncoding(bcryptAlphabet).WithPadding(base64.NoPadding)
	var salt [16]byte
	var sum [23]byte
	rand.Read(salt[:])
	rand.Read(sum[:])
	return fmt.Appendf(nil, "$2a$%02d$%s%s", cost, enc.EncodeToString(salt[:]), enc.EncodeToString(sum[:]))
}

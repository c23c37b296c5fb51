package network

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
)

// Token lets one node join a cluster. It is secret.
type Token struct {
	Fingerprint [32]byte // of the authority: see Authority.Fingerprint
	Secret      [16]byte // shows that an operator of the cluster made the token
}

const (
	tokenPrefix   = "imperio-join-"
	tokenCheckLen = 4
)

// NewToken makes a token with a random secret.
func NewToken(fingerprint [32]byte) Token {
	t := Token{Fingerprint: fingerprint}
	rand.Read(t.Secret[:]) // never returns an error, see its documentation
	return t
}

// String is the token as one word, with a checksum.
func (t Token) String() string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(t.content(), t.checksum()...))
}

// ParseToken reads what String wrote. Space around it is ignored. Errors don't quote it.
func ParseToken(s string) (Token, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), tokenPrefix)
	if !ok {
		return Token{}, errors.New("not a join token: one begins with " + tokenPrefix + ". Make one with \"imperio cluster token\"")
	}
	content, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var t Token
	if err != nil || strings.ContainsAny(text, "\r\n") || len(content) != len(t.Fingerprint)+len(t.Secret)+tokenCheckLen {
		return Token{}, errMistyped
	}
	rest := content[copy(t.Fingerprint[:], content):]
	rest = rest[copy(t.Secret[:], rest):]
	if !bytes.Equal(rest, t.checksum()) {
		return Token{}, errMistyped
	}
	return t, nil
}

var errMistyped = errors.New("the join token is incomplete or mistyped: copy it again, or make another with \"imperio cluster token\"")

// ID names the secret without giving it away: it is what the cluster keeps of a token.
func (t Token) ID() string {
	sum := sha256.Sum256(append([]byte("imperio join secret\n"), t.Secret[:]...))
	return hex.EncodeToString(sum[:])
}

// LogValue keeps the secret out of logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(tokenPrefix + "…") }

func (t Token) content() []byte { return append(t.Fingerprint[:], t.Secret[:]...) }

func (t Token) checksum() []byte {
	sum := sha256.Sum256(append([]byte("imperio join token\n"), t.content()...))
	return sum[:tokenCheckLen]
}

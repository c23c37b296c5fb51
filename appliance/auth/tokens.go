package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"imperio/storage/command"
)

// tokenBytes is the size of a session token: 256 bits, which can't be guessed.
const tokenBytes = 32

// tokenLength is the length of a token as text.
const tokenLength = 43

// NewToken draws a session token and returns it with the hash to store. Every sign-in gets a new token.
func NewToken(random io.Reader) (string, command.TokenHash, error) {
	var raw [tokenBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", command.TokenHash{}, fmt.Errorf("draw session token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(raw[:])
	return token, sha256.Sum256([]byte(token)), nil
}

// HashToken returns the hash of a token that a client sent; ok is false if it can't be a token.
func HashToken(token string) (command.TokenHash, bool) {
	if len(token) != tokenLength {
		return command.TokenHash{}, false
	}
	var text [tokenLength]byte
	for i := range text {
		c := token[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return command.TokenHash{}, false
		}
		text[i] = c
	}
	return sha256.Sum256(text[:]), true
}

// The cookie's names. With the prefix __Host-, browsers require Secure, Path=/ and this exact host, so neither plain HTTP
// nor a sibling subdomain can plant a cookie.
const (
	secureCookie = "__Host-imperio"
	plainCookie  = "imperio" // for plain HTTP, where browsers refuse the prefix
)

// Cookie makes the session's cookie. secure says whether the client is connected over TLS.
func Cookie(token string, expires time.Time, secure bool) *http.Cookie {
	c := &http.Cookie{
		Name: plainCookie, Value: token, Path: "/", Expires: expires.UTC(),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if secure {
		c.Name, c.Secure = secureCookie, true
	}
	return c
}

// NoCookie makes a cookie that deletes the session's cookie.
func NoCookie(secure bool) *http.Cookie {
	c := Cookie("", time.Unix(0, 0), secure)
	c.MaxAge = -1
	return c
}

// Token returns the session token of a request: from the Authorization header, or without one, from the cookie. If there
// is an Authorization header, the cookie is ignored. The token is empty if there is none.
func Token(r *http.Request, secure bool) (token string, fromCookie bool) {
	if values := r.Header["Authorization"]; len(values) != 0 {
		scheme, credentials, _ := strings.Cut(values[0], " ")
		if len(values) != 1 || !strings.EqualFold(scheme, "Bearer") {
			return "", false
		}
		return strings.TrimSpace(credentials), false
	}
	name := plainCookie
	if secure {
		name = secureCookie
	}
	c, err := r.Cookie(name)
	if err != nil {
		return "", false
	}
	return c.Value, true
}

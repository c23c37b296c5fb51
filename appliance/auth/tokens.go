package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
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

// SessionCookie is the name of the session's cookie, before CookieName.
const SessionCookie = "imperio"

// CookieName returns the full name of one of the casino's cookies for the client of a request. secure says whether the client is
// connected over TLS.
//
// With the prefix __Host-, browsers require Secure, Path=/ and this exact host, so neither plain HTTP nor a sibling subdomain can
// plant a cookie. Over plain HTTP they refuse the prefix. Browsers send a host's cookies to all its ports, so the name ends with
// the port unless that is the scheme's own: two casinos on one host have cookies of their own.
func CookieName(name string, r *http.Request, secure bool) string {
	scheme := "80"
	if secure {
		name, scheme = "__Host-"+name, "443"
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != scheme {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			name += "-" + strconv.FormatUint(n, 10)
		}
	}
	return name
}

// Cookie makes the session's cookie in the answer to a request. secure says whether the client is connected over TLS.
func Cookie(r *http.Request, token string, expires time.Time, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: CookieName(SessionCookie, r, secure), Value: token, Path: "/", Expires: expires.UTC(),
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// NoCookie makes a cookie that deletes the session's cookie.
func NoCookie(r *http.Request, secure bool) *http.Cookie {
	c := Cookie(r, "", time.Unix(0, 0), secure)
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
	c, err := r.Cookie(CookieName(SessionCookie, r, secure))
	if err != nil {
		return "", false
	}
	return c.Value, true
}

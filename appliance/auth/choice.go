package auth

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // common.bin
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"imperio/appliance/problem"
)

// Why a new password is refused, beside its length. These are *problem.Problem.
var (
	ErrPasswordCommon error = problem.New("password_too_common", "This is one of the commonest passwords, which attackers try first. Choose another one.")
	ErrPasswordName   error = problem.New("password_like_name", "A password must not be your name or your e-mail address, with or without digits behind it. Choose another one.")
)

// common holds the first bytes of the SHA-256 of each of the 5,000 commonest passwords of at least 8 characters, in lower case
// and sorted. Of other passwords, one in 850,000 is refused by mistake.
//
//go:generate go run gencommon.go
//go:embed common.bin
var common []byte

const commonSize = 4

// CheckPassword refuses a new password that is too short, too long or easily guessed: one of the commonest, one that repeats
// a single character, or the account's own name, e-mail address or the part of the address before the @, each also with
// digits and marks behind it. own are the account's name and address; empty ones don't count. Case makes no difference.
func CheckPassword(password string, own ...string) error {
	if n := utf8.RuneCountInString(password); n < MinPasswordLength || n > MaxPasswordLength {
		return ErrPasswordLength
	}
	folded := fold(password)
	for _, name := range own {
		local, _, _ := strings.Cut(name, "@")
		if begins(folded, fold(name)) || begins(folded, fold(local)) {
			return ErrPasswordName
		}
	}
	first, _ := utf8.DecodeRuneInString(folded)
	if isCommon(folded) || isCommon(strings.ToLower(password)) || strings.Trim(folded, string(first)) == "" {
		return ErrPasswordCommon
	}
	return nil
}

// begins says whether a password is a name and nothing but digits and marks behind it.
func begins(password, name string) bool {
	rest, ok := strings.CutPrefix(password, name)
	return ok && name != "" && strings.IndexFunc(rest, unicode.IsLetter) < 0
}

func isCommon(password string) bool {
	hash := sha256.Sum256([]byte(password))
	n := len(common) / commonSize
	at := func(i int) []byte { return common[i*commonSize : (i+1)*commonSize] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), hash[:commonSize]) >= 0 })
	return i < n && bytes.Equal(at(i), hash[:commonSize])
}

package auth

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"imperio/appliance/problem"
)

// The length of a username, in characters.
const (
	MinUsernameLength = 3
	MaxUsernameLength = 32
)

// MaxEmailLength is the length of the longest deliverable e-mail address, in bytes (RFC 5321, 4.5.3.1.3).
const MaxEmailLength = 254

// Why a name or an address is refused. These are *problem.Problem.
var (
	ErrUsernameLength  error = problem.New("invalid_username", "A username has %d to %d characters.", MinUsernameLength, MaxUsernameLength)
	ErrUsernameLetters error = problem.New("invalid_username", "A username consists of letters, digits, '_', '-' and '.', and starts with a letter or a digit.")
	ErrUsernameScripts error = problem.New("invalid_username", "A username must not mix scripts, such as Latin and Cyrillic letters, since many look alike.")
	ErrEmail           error = problem.New("invalid_email", "This is not a deliverable e-mail address, such as ana@example.org.")
)

// Username checks a name that a player chose. It returns the name as it is shown, and the key that must be unique. All
// spellings that differ only in case, width or composition have the same key (RFC 8265, UsernameCaseMapped, and case
// folding).
func Username(name string) (shown, key string, err error) {
	if isASCIIUsername(name) {
		return name, strings.ToLower(name), nil
	}
	return generalUsername(name)
}

func generalUsername(name string) (shown, key string, err error) {
	if n := utf8.RuneCountInString(name); n < MinUsernameLength || n > 4*MaxUsernameLength || !utf8.ValidString(name) {
		return "", "", ErrUsernameLength
	}
	shown, err = precis.UsernameCasePreserved.String(name)
	if err != nil {
		return "", "", ErrUsernameLetters
	}
	if n := utf8.RuneCountInString(shown); n < MinUsernameLength || n > MaxUsernameLength {
		return "", "", ErrUsernameLength
	}
	if err := checkLetters(shown); err != nil {
		return "", "", err
	}
	if key, err = usernameKey(shown); err != nil {
		return "", "", ErrUsernameLetters
	}
	return shown, key, nil
}

func checkLetters(name string) error {
	scripts := make(map[string]bool)
	for i, r := range name {
		switch {
		case unicode.IsLetter(r), unicode.Is(unicode.Nd, r):
		case i > 0 && (r == '_' || r == '-' || r == '.'):
		case i > 0 && unicode.IsMark(r): // vowel signs and the like, which many scripts need
		default:
			return ErrUsernameLetters
		}
		if script := scriptOf(r); script != "" {
			scripts[script] = true
		}
	}
	if len(scripts) > 1 && !slices.ContainsFunc(togetherInNames, func(allowed []string) bool { return consistsOf(scripts, allowed) }) {
		return ErrUsernameScripts
	}
	return nil
}

// togetherInNames are the scripts that names may mix: those that are written together (TR39, highly restrictive).
var togetherInNames = [][]string{{"Latin", "Han", "Hiragana", "Katakana"}, {"Latin", "Han", "Hangul"}, {"Latin", "Han", "Bopomofo"}}

func consistsOf(scripts map[string]bool, allowed []string) bool {
	for script := range scripts {
		if !slices.Contains(allowed, script) {
			return false
		}
	}
	return true
}

// usernameKey folds a name. Lower case alone would distinguish ß from ss, and σ from ς; case folding alone would skip the
// rest of the profile.
func usernameKey(name string) (string, error) {
	if isASCIIName(name) {
		return strings.ToLower(name), nil
	}
	return generalUsernameKey(name)
}

func generalUsernameKey(name string) (string, error) {
	lower, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", err
	}
	return fold(lower), nil
}

func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return generalFold(s)
}

func generalFold(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

// Email checks an e-mail address. It returns the address as it is stored, and the key that must be unique: addresses that
// differ only in case have the same key.
func Email(address string) (kept, key string, err error) {
	if len(address) > MaxEmailLength || !utf8.ValidString(address) {
		return "", "", ErrEmail
	}
	kept = norm.NFC.String(address)
	at := strings.LastIndexByte(kept, '@')
	if at < 1 || at > 64 {
		return "", "", ErrEmail
	}
	local, domain := kept[:at], kept[at+1:]
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", "", ErrEmail
	}
	for _, r := range local {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(".!#$%&'*+/=?^_`{|}~-", r) {
			return "", "", ErrEmail
		}
	}
	host := domain
	if !isASCIIHost(domain) {
		if host, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", "", ErrEmail
		}
	}
	if len(host) > 253 || !strings.Contains(host, ".") || strings.HasSuffix(host, ".") {
		return "", "", ErrEmail
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return "", "", ErrEmail
		}
	}
	return kept, fold(local) + "@" + strings.ToLower(host), nil
}

// LoginKey folds a login (a name or an address) to the key of its account. It never fails: an impossible login gets a key
// that no account has, so that it is treated like any unknown name.
func LoginKey(login string) string {
	if strings.ContainsRune(login, '@') {
		if _, key, err := Email(login); err == nil {
			return key
		}
	} else if key, err := usernameKey(login); err == nil && key != "" {
		return key
	}
	return " " + fold(strings.ToValidUTF8(login, "?")) // no account's key contains a space
}

// FoldName folds a name that need not be one that Username allows. Names that differ only in case, width or composition become the
// same.
func FoldName(name string) string { return fold(strings.ToValidUTF8(name, "\uFFFD")) }

package auth

import (
	"strings"
	"sync"

	"go.mau.fi/util/confusable"
)

// Nearly all names and addresses are ASCII. For these, the general rules say something simple, which is said here without their
// tables: a move from another casino checks millions. The tests hold both to the same answers.

// isASCII reports whether a text has only ASCII characters.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isASCIILetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isASCIIName reports whether a text consists of the ASCII characters that usernames have.
func isASCIIName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isASCIILetterOrDigit(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return s != ""
}

// isASCIIUsername reports whether Username allows a name that is ASCII, which it then shows as it is.
func isASCIIUsername(s string) bool {
	return MinUsernameLength <= len(s) && len(s) <= MaxUsernameLength && isASCIILetterOrDigit(s[0]) && isASCIIName(s)
}

// isASCIIHost reports whether a domain is certainly one that idna.Lookup takes, in small letters, as it is: labels of letters and
// digits, with single hyphens within.
func isASCIIHost(s string) bool {
	before := byte('.')
	for i := range len(s) {
		switch c := s[i]; {
		case isASCIILetterOrDigit(c):
		case (c == '-' || c == '.') && isASCIILetterOrDigit(before):
		default:
			return false
		}
		before = s[i]
	}
	return isASCIILetterOrDigit(before)
}

// asciiLooks is the look of each ASCII character; "" for those that are not all ASCII. Each character of a name looks as it does alone.
var asciiLooks = sync.OnceValue(func() (looks [0x80]string) {
	for c := range looks {
		first := confusable.Skeleton(string(rune(c)))
		if l := generalLook(string(rune(c))); isASCII(first) && isASCII(l) {
			looks[c] = l
		}
	}
	return looks
})

// asciiLook is the look of a name of ASCII characters; ok is false if it is to be looked up by the general rules.
func asciiLook(name string) (look string, ok bool) {
	looks := asciiLooks()
	var b strings.Builder
	b.Grow(2 * len(name))
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c == '-' || c == '.':
		case c >= 0x80 || looks[c] == "":
			return "", false
		default:
			b.WriteString(looks[c])
		}
	}
	return b.String(), true
}

package edge

import (
	"encoding/hex"
	"math/rand/v2"
)

// newRequestID makes 128 random bits in hex. They are unique, but not secret.
func newRequestID() string {
	var b [16]byte
	for i, word := 0, uint64(0); i < len(b); i++ {
		if i%8 == 0 {
			word = rand.Uint64()
		}
		b[i] = byte(word >> (8 * (i % 8)))
	}
	return hex.EncodeToString(b[:])
}

// maxRequestID is the length of the longest request id that is accepted from a proxy.
const maxRequestID = 64

// validRequestID says whether a proxy's request id is safe in headers and logs.
func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// Package fair turns a player's seeds and a nonce into the random words of one round: fairness version "imperio/v1".
//
// The house draws a server seed and publishes its commitment, the SHA-256 of the seed. The player then chooses a client
// seed. Round number n of the pair uses the words of NewStream(server seed, rules, client seed, n). Once the house
// reveals the server seed, anyone can recompute them. docs/FAIRNESS.md is the full specification, with test vectors.
//
// The package is pure: it draws no entropy itself. The caller provides the 32 random bytes of a server seed.
package fair

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode"
	"unicode/utf8"

	"imperio/games"
)

// Version names the scheme. The message of every block begins with it.
const Version = "imperio/v1"

// SeedBytes is the length of a server seed.
const SeedBytes = 32

// MaxClientSeedBytes is the longest client seed, in bytes of UTF-8.
const MaxClientSeedBytes = 64

// defaultPrefix begins the client seeds that no player chose.
const defaultPrefix = "default:"

// Commitment is what the house publishes before it reveals a server seed: the seed's SHA-256 in lowercase hex.
func Commitment(serverSeed [SeedBytes]byte) string {
	sum := sha256.Sum256(serverSeed[:])
	return hex.EncodeToString(sum[:])
}

// ParseServerSeed parses a server seed of 64 hexadecimal digits. Anything else is a *games.Refusal with code
// invalid_server_seed.
func ParseServerSeed(text string) ([SeedBytes]byte, error) {
	var seed [SeedBytes]byte
	if len(text) != hex.EncodedLen(SeedBytes) {
		return seed, games.Refusef("invalid_server_seed",
			"A server seed has %d hexadecimal digits; this text has %d characters.", hex.EncodedLen(SeedBytes), len(text))
	}
	if _, err := hex.Decode(seed[:], []byte(text)); err != nil {
		return seed, games.Refusef("invalid_server_seed", "A server seed consists of hexadecimal digits only.")
	}
	return seed, nil
}

// ValidateClientSeed accepts 1 to 64 bytes of UTF-8 without control characters (Unicode category Cc). Anything else is
// a *games.Refusal with code invalid_client_seed. Without control characters the zero bytes between the parts of a
// block's message are unambiguous.
func ValidateClientSeed(clientSeed string) error {
	switch {
	case clientSeed == "":
		return games.Refusef("invalid_client_seed", "The client seed is empty; it needs 1 to %d bytes.", MaxClientSeedBytes)
	case len(clientSeed) > MaxClientSeedBytes:
		return games.Refusef("invalid_client_seed", "The client seed has %d bytes; at most %d are allowed.",
			len(clientSeed), MaxClientSeedBytes)
	case !utf8.ValidString(clientSeed):
		return games.Refusef("invalid_client_seed", "The client seed is not valid UTF-8 text.")
	}
	for _, r := range clientSeed {
		if unicode.IsControl(r) {
			return games.Refusef("invalid_client_seed",
				"The client seed holds the control character U+%04X; control characters are not allowed.", r)
		}
	}
	return nil
}

// DefaultClientSeed is the client seed of an account whose player has not chosen one yet.
func DefaultClientSeed(accountID string) string { return defaultPrefix + accountID }

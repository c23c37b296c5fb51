package auth

import (
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Our own hashes in a database of the older system, as an export writes them. That system splits at '$', so a value without one
// is a wrong password to it, never an error; and an import finds the hash again.
const (
	ownPrefix = "imperio"
	ownBcrypt = ownPrefix + ":bcrypt:"
	ownLocked = ownPrefix + ":locked:"
)

// maxOwnCost is the highest bcrypt cost that can be configured. It bounds what a hash from outside may cost.
const maxOwnCost = 16

// OwnHash is how an export writes an account's hash, opened, for the older system. Older hashes that their players have not signed in
// with yet are written as they came, and go on working there. Those of locked accounts never do. hash may be empty.
func OwnHash(hash string, locked bool) string {
	switch {
	case locked || hash == "":
		return ownLocked + base64.StdEncoding.EncodeToString([]byte(hash))
	case isOwnBcrypt(hash):
		return ownBcrypt + base64.StdEncoding.EncodeToString([]byte(hash))
	}
	return hash
}

// ParseOwnHash reads what OwnHash wrote for our own hashes and for locked accounts. hash is what CheckImportedHash takes, or empty: no
// password is right. ok is false for any other value, and for one that can't be verified.
func ParseOwnHash(value string) (hash string, locked, ok bool) {
	if len(value) > 2*maxOlderHash {
		return "", false, false
	}
	coded, isBcrypt := strings.CutPrefix(value, ownBcrypt)
	if !isBcrypt {
		if coded, locked = strings.CutPrefix(value, ownLocked); !locked {
			return "", false, false
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(coded)
	hash = string(raw)
	switch {
	case err != nil:
		return "", false, false
	case isBcrypt && isOwnBcrypt(hash):
		return hash, false, true
	case locked && (hash == "" || CheckImportedHash(hash) == nil):
		return hash, true, true
	}
	return "", false, false
}

// isOwnBcrypt says whether a hash is whole, and as costly as a configuration allows.
func isOwnBcrypt(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	whole := len(hash) == 60 && strings.Trim(hash[len("$2a$12$"):], bcryptAlphabet) == ""
	return err == nil && whole && cost >= bcrypt.MinCost && cost <= maxOwnCost
}

// NoAddress is what an export writes as the address of an account that has none, since the older system wants one. It is no address to
// Email, so it is never that of a player. An import takes no address in the domain "invalid".
func NoAddress(account uint64) string {
	return "no-address-" + strconv.FormatUint(account, 10) + "@invalid"
}

package command

// What is secret is sealed before it enters a command: the log, the state and every copy of them hold it in the forms of
// this file only. Package seal makes and opens them.

// SeedSize is the length of a server seed in bytes.
const SeedSize = 32

// Seed is a server seed in clear. It is in memory alone, until a rotation reveals it.
type Seed [SeedSize]byte

// SealedSeed is a server seed that is not revealed yet.
type SealedSeed struct {
	_          struct{}            `cbor:",toarray"`
	Commitment [32]byte            // SHA-256 of the seed: public, and what the box is bound to
	Box        [SeedSize + 16]byte // the seed, encrypted with the casino's key, and a tag
}

// Subject is a keyed hash of who is counted or recognized: an account, a device or a network of an account, a session, what
// was typed as the login of no account, or a network. The zero Subject is nobody.
type Subject [16]byte

// KeyID names the casino's key without telling it. The state holds the id of the key that its secrets are sealed with.
type KeyID [16]byte

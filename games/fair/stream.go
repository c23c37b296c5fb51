package fair

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"
)

// WordsPerBlock is the number of 64-bit words in each HMAC-SHA256 block.
const WordsPerBlock = sha256.Size / 8

// Stream yields the random words of one round. It implements games.Stream, never ends, and is not safe for concurrent
// use.
//
// Block j is HMAC-SHA256 with the server seed as the key, over
// "imperio/v1" 0x00 rules 0x00 client_seed 0x00 nonce 0x00 j, with nonce and j in decimal ASCII. It gives four words,
// big-endian, in order.
type Stream struct {
	mac     hash.Hash
	message []byte // all of the message before j
	prefix  int    // its length
	block   [sha256.Size]byte
	next    uint64 // the number of the next block
	used    int    // bytes of block already given out
}

// NewStream returns the stream of one round. ValidateClientSeed must accept the client seed, and rules must not contain
// a zero byte; otherwise two different rounds could share their words.
func NewStream(serverSeed [SeedBytes]byte, rules, clientSeed string, nonce uint64) *Stream {
	const digits = 20 // of the largest uint64
	message := make([]byte, 0, len(Version)+len(rules)+len(clientSeed)+2*digits+4)
	message = append(message, Version...)
	message = append(message, 0)
	message = append(message, rules...)
	message = append(message, 0)
	message = append(message, clientSeed...)
	message = append(message, 0)
	message = strconv.AppendUint(message, nonce, 10)
	message = append(message, 0)
	return &Stream{
		mac:     hmac.New(sha256.New, serverSeed[:]),
		message: message,
		prefix:  len(message),
		used:    sha256.Size,
	}
}

// Word returns the next 64-bit word.
func (s *Stream) Word() uint64 {
	if s.used == sha256.Size {
		s.fill()
	}
	w := binary.BigEndian.Uint64(s.block[s.used:])
	s.used += 8
	return w
}

func (s *Stream) fill() {
	if s.next > 0 {
		s.mac.Reset() // most rounds need only one block and never pay for this
	}
	s.message = strconv.AppendUint(s.message[:s.prefix], s.next, 10)
	s.mac.Write(s.message)
	s.mac.Sum(s.block[:0])
	s.next++
	s.used = 0
}

// Uniform returns the next number in 0 … n-1, exactly uniform: it skips rejected words. It panics if n is 0, which no
// game asks for.
func (s *Stream) Uniform(n uint64) uint64 {
	for {
		if w := s.Word(); !Rejected(w, n) {
			return w % n
		}
	}
}

// Rejected says whether Uniform(n) skips the word w: whether w ≥ 2^64 − (2^64 mod n). The number of remaining words is a
// multiple of n, so each remainder is equally likely.
func Rejected(w, n uint64) bool {
	excess := -n % n // 2^64 mod n
	return excess != 0 && w >= -excess
}

package fair

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"
)

// WordsPerBlock is how many 64-bit words each HMAC-SHA256 block gives.
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
	next    uint64 // the block that is computed when the words of this one are used up
	used    int    // bytes of block already given out
}

// NewStream is the stream of one round. The client seed must be one that ValidateClientSeed accepts, and rules must
// hold no zero byte; otherwise two different rounds could share their words.
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

// Word is the next 64-bit word.
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
		s.mac.Reset() // a round that needs one block, as most do, never pays for this
	}
	s.message = strconv.AppendUint(s.message[:s.prefix], s.next, 10)
	s.mac.Write(s.message)
	s.mac.Sum(s.block[:0])
	s.next++
	s.used = 0
}

// Uniform is the next number in 0 … n-1, exactly uniform: words for which Rejected holds are passed over. It panics
// when n is 0, which no rule of a game can ask for.
func (s *Stream) Uniform(n uint64) uint64 {
	for {
		if w := s.Word(); !Rejected(w, n) {
			return w % n
		}
	}
}

// Rejected says whether Uniform(n) passes over the word w: whether w ≥ 2^64 − (2^64 mod n). The words that are left
// are a whole number of times n, so each remainder is equally likely.
func Rejected(w, n uint64) bool {
	excess := -n % n // 2^64 mod n
	return excess != 0 && w >= -excess
}

package proof

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"imperio/games/fair"
)

// Stream writes words to w, eight bytes each, big-endian, as a source for test suites of random numbers. They are the
// words of one nonce, or if wordsPerRound is not 0, that many of each nonce from the given one on (0 if none is given): of
// a round, players see the first few. It ends after limit words, or at 0 when w is closed or the context ends; neither of
// these is an error.
func Stream(ctx context.Context, w io.Writer, round Round, wordsPerRound, limit uint64) error {
	seed, err := fair.ParseServerSeed(round.ServerSeed)
	if err != nil {
		return err
	}
	if err := fair.ValidateClientSeed(round.ClientSeed); err != nil {
		return err
	}
	var nonce uint64
	if round.Nonce != nil {
		nonce = *round.Nonce
	}
	const perCheck = 1 << 13 // words between two looks at the context
	out := bufio.NewWriterSize(w, 8*perCheck)
	words := fair.NewStream(seed, round.Rules, round.ClientSeed, nonce)
	var word [8]byte
	for n := uint64(0); limit == 0 || n < limit; n++ {
		if n%perCheck == 0 && ctx.Err() != nil {
			break
		}
		if wordsPerRound > 0 && n > 0 && n%wordsPerRound == 0 {
			words = fair.NewStream(seed, round.Rules, round.ClientSeed, nonce+n/wordsPerRound)
		}
		binary.BigEndian.PutUint64(word[:], words.Word())
		if _, err := out.Write(word[:]); err != nil {
			return closedEarly(err)
		}
	}
	return closedEarly(out.Flush())
}

// closedEarly takes a reader that has read enough for no error.
func closedEarly(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return fmt.Errorf("write words: %w", err)
}

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

// Stream writes words to w, eight bytes each, big-endian, for random-number test suites. It writes the words of one
// nonce. If wordsPerRound is not 0, it writes only that many words of each nonce, starting at the round's nonce (0 if
// nil): players meet only the first few words of a round. It ends after limit words; if limit is 0, when w is closed or
// the context ends. Neither is an error.
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
	const perCheck = 1 << 13 // words between two checks of the context
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

// closedEarly ignores the error of a reader that has read enough.
func closedEarly(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return fmt.Errorf("write words: %w", err)
}

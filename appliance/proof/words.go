package proof

import (
	"encoding/json"
	"fmt"

	"imperio/games/fair"
)

// Word is one word of a round's stream, with the number made from it.
type Word struct {
	Block    uint64 // the block it is from
	Index    int    // its index there, 0 … 3
	Word     uint64
	Range    uint64 // the n of uniform(n) that asked for it
	Rejected bool   // skipped, so that Uniform is exact
	Value    uint64 // Word mod Range; 0 if rejected
}

// MarshalJSON writes the word in hexadecimal, since not every JSON parser keeps 64-bit numbers exact.
func (w Word) MarshalJSON() ([]byte, error) {
	type view struct {
		Block    uint64  `json:"block"`
		Index    int     `json:"index"`
		Word     string  `json:"word"`
		Range    uint64  `json:"range"`
		Rejected bool    `json:"rejected"`
		Value    *uint64 `json:"value,omitempty"`
	}
	v := view{Block: w.Block, Index: w.Index, Word: fmt.Sprintf("%016x", w.Word), Range: w.Range, Rejected: w.Rejected}
	if !w.Rejected {
		v.Value = &w.Value
	}
	return json.Marshal(v)
}

// recorder is a games.Stream that records every word.
type recorder struct {
	stream *fair.Stream
	words  []Word
}

// Uniform follows the specification word by word, as fair.Stream.Uniform does.
func (r *recorder) Uniform(n uint64) uint64 {
	for {
		at := len(r.words)
		w := Word{
			Block: uint64(at / fair.WordsPerBlock), Index: at % fair.WordsPerBlock,
			Word: r.stream.Word(), Range: n,
		}
		w.Rejected = fair.Rejected(w.Word, n)
		if !w.Rejected {
			w.Value = w.Word % n
		}
		r.words = append(r.words, w)
		if !w.Rejected {
			return w.Value
		}
	}
}

// values returns the numbers that the game got.
func (r *recorder) values() []uint64 {
	var values []uint64
	for _, w := range r.words {
		if !w.Rejected {
			values = append(values, w.Value)
		}
	}
	return values
}

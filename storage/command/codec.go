package command

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"imperio/games"
)

// envelope is a command as it stands in the log.
type envelope struct {
	Kind    Kind            `cbor:"1,keyasint"`
	ID      ID              `cbor:"2,keyasint"`
	Since   uint64          `cbor:"3,keyasint,omitempty"`
	Account AccountID       `cbor:"4,keyasint,omitempty"`
	Key     []byte          `cbor:"5,keyasint,omitempty"`
	Retry   bool            `cbor:"6,keyasint,omitempty"`
	Seeds   []SealedSeed    `cbor:"7,keyasint,omitempty"`
	Body    cbor.RawMessage `cbor:"8,keyasint"`
	Refusal *refusal        `cbor:"9,keyasint,omitempty"`
}

// refusal is a Refusal as it stands in the log and in answers.
type refusal struct {
	Code    string `cbor:"1,keyasint"`
	Message string `cbor:"2,keyasint"`
	Until   int64  `cbor:"3,keyasint,omitempty"` // Unix milliseconds; 0: not known
	Limit   string `cbor:"4,keyasint,omitempty"`
}

func encodeRefusal(r *Refusal) *refusal {
	if r == nil {
		return nil
	}
	return &refusal{Code: r.Code, Message: r.Message, Until: milliseconds(r.Until), Limit: r.Limit}
}

func (r *refusal) decode() *Refusal {
	if r == nil {
		return nil
	}
	return &Refusal{Code: r.Code, Message: r.Message, Until: moment(r.Until), Limit: r.Limit}
}

// milliseconds is a time in Unix milliseconds; 0 for the zero time.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the inverse of milliseconds.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 16,
		UTF8:              cbor.UTF8DecodeInvalid, // clients may send invalid text, and whatever was encoded must decode
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a constant of this file is wrong
	}
	return v
}

// Encode writes a command as it goes into the log. A command whose server seeds are not sealed is refused.
func Encode(c Command) ([]byte, error) {
	if len(c.Entropy) != 0 {
		return nil, fmt.Errorf("encode command kind %d: its server seeds are not sealed", c.Body.Kind())
	}
	body, err := encMode.Marshal(c.Body)
	if err != nil {
		return nil, fmt.Errorf("encode body of command kind %d: %w", c.Body.Kind(), err)
	}
	e := envelope{
		Kind: c.Body.Kind(), ID: c.ID, Since: c.Since, Account: c.Account,
		Retry: c.Retry, Seeds: c.Seeds, Body: body, Refusal: encodeRefusal(c.Refusal),
	}
	if c.Key != (Key{}) {
		e.Key = c.Key[:]
	}
	data, err := encMode.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode command kind %d: %w", e.Kind, err)
	}
	return data, nil
}

// Decoded is a command that was read from the log. Fingerprint identifies what the client asked for; it is zero without an
// idempotency key.
type Decoded struct {
	Command
	Fingerprint [8]byte
}

// Decode reads a command from the log. A kind or a field that this program does not know gives a NewerError.
func Decode(data []byte) (Decoded, error) {
	var e envelope
	if err := decMode.Unmarshal(data, &e); err != nil {
		return Decoded{}, unreadable("command", err)
	}
	body, err := decodeBody(e.Kind, e.Body)
	if err != nil {
		return Decoded{}, err
	}
	d := Decoded{Command: Command{
		ID: e.ID, Since: e.Since, Account: e.Account,
		Retry: e.Retry, Seeds: e.Seeds, Body: body, Refusal: e.Refusal.decode(),
	}}
	if len(e.Key) != 0 {
		if len(e.Key) != len(d.Key) {
			return Decoded{}, fmt.Errorf("decode command: idempotency key of %d bytes", len(e.Key))
		}
		d.Key = Key(e.Key)
		if d.Fingerprint, err = fingerprint(body); err != nil {
			return Decoded{}, err
		}
	}
	return d, nil
}

// fingerprint identifies what a client asked for. Two requests under one idempotency key are compared by it.
func fingerprint(b Body) ([8]byte, error) {
	h := sha256.New()
	h.Write([]byte{byte(b.Kind() >> 8), byte(b.Kind())})
	if w, ok := b.(PlaceWager); ok && len(w.Bets) == 0 {
		// The most frequent request. Encoding it again would take ten times as long.
		h.Write([]byte(games.NameOf(w.Rules)))
		h.Write(binary.BigEndian.AppendUint64(make([]byte, 1, 9), uint64(w.Stake)))
	} else {
		body, err := encMode.Marshal(asked(b))
		if err != nil {
			return [8]byte{}, fmt.Errorf("encode what command kind %d asks: %w", b.Kind(), err)
		}
		h.Write(body)
	}
	var sum [32]byte
	h.Sum(sum[:0])
	return [8]byte(sum[:8]), nil
}

// asked is a body without what the proposer added to the client's request, which may differ when the client repeats it.
// For example, the client chooses the game, and the house chooses its rules.
func asked(b Body) Body {
	switch b := b.(type) {
	case PlaceWager:
		b.Rules = games.NameOf(b.Rules)
		return b
	case CollectDailyCoins:
		b.Amount = 0
		return b
	case TakeAction:
		b.Taken = nil
		return b
	}
	return b
}

// KeyOf hashes a client's Idempotency-Key.
func KeyOf(header string) Key {
	sum := sha256.Sum256([]byte(header))
	return Key(sum[:16])
}

func decodeBody(k Kind, raw []byte) (Body, error) {
	decode, known := decoders[k]
	if !known {
		return nil, &NewerError{What: fmt.Sprintf("the log holds a command of kind %d, which this program does not know", k)}
	}
	return decode(raw)
}

func decodeAs[T Body](raw []byte) (Body, error) {
	var b T
	if err := decMode.Unmarshal(raw, &b); err != nil {
		return nil, unreadable(fmt.Sprintf("body of command kind %d", b.Kind()), err)
	}
	return b, nil
}

// unreadable is the error for data that can't be decoded. An unknown field means that a newer program wrote it.
func unreadable(what string, err error) error {
	var unknown *cbor.UnknownFieldError
	if errors.As(err, &unknown) {
		return &NewerError{What: fmt.Sprintf("the log holds a %s with a field that this program does not know", what)}
	}
	return fmt.Errorf("decode %s: %w", what, err)
}

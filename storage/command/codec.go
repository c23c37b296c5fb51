package command

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// envelope is a command as it stands in the log.
type envelope struct {
	Kind    Kind            `cbor:"1,keyasint"`
	ID      ID              `cbor:"2,keyasint"`
	Since   uint64          `cbor:"3,keyasint,omitempty"`
	Account AccountID       `cbor:"4,keyasint,omitempty"`
	Key     []byte          `cbor:"5,keyasint,omitempty"`
	Retry   bool            `cbor:"6,keyasint,omitempty"`
	Entropy []byte          `cbor:"7,keyasint,omitempty"`
	Body    cbor.RawMessage `cbor:"8,keyasint"`
	Refusal *refusal        `cbor:"9,keyasint,omitempty"`
}

// refusal is a Refusal as it stands in the log.
type refusal struct {
	Code    string `cbor:"1,keyasint"`
	Message string `cbor:"2,keyasint"`
	Until   int64  `cbor:"3,keyasint,omitempty"` // Unix milliseconds; 0: not known
}

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 16,
		UTF8:              cbor.UTF8DecodeInvalid, // what was encoded must decode, whatever a client sent
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a constant of this file is wrong
	}
	return v
}

// Encode writes a command as it goes into the log.
func Encode(c Command) ([]byte, error) {
	body, err := encMode.Marshal(c.Body)
	if err != nil {
		return nil, fmt.Errorf("encode body of command kind %d: %w", c.Body.Kind(), err)
	}
	e := envelope{
		Kind: c.Body.Kind(), ID: c.ID, Since: c.Since, Account: c.Account,
		Retry: c.Retry, Entropy: c.Entropy, Body: body,
	}
	if c.Key != (Key{}) {
		e.Key = c.Key[:]
	}
	if r := c.Refusal; r != nil {
		e.Refusal = &refusal{Code: r.Code, Message: r.Message}
		if !r.Until.IsZero() {
			e.Refusal.Until = r.Until.UnixMilli()
		}
	}
	data, err := encMode.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode command kind %d: %w", e.Kind, err)
	}
	return data, nil
}

// Decoded is a command read from the log, with the fingerprint that its idempotency key is compared by.
type Decoded struct {
	Command
	Fingerprint [8]byte
}

// Decode reads a command from the log. Kinds and fields that this program does not know are a NewerError.
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
		Retry: e.Retry, Entropy: e.Entropy, Body: body,
	}}
	if r := e.Refusal; r != nil {
		d.Refusal = &Refusal{Code: r.Code, Message: r.Message}
		if r.Until != 0 {
			d.Refusal.Until = time.UnixMilli(r.Until).UTC()
		}
	}
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

// fingerprint tells two requests under one idempotency key apart: by what the client asked.
func fingerprint(b Body) ([8]byte, error) {
	h := sha256.New()
	h.Write([]byte{byte(b.Kind() >> 8), byte(b.Kind())})
	if w, ok := b.(PlaceWager); ok && len(w.Bets) == 0 {
		// A spin of the slots, told apart in a tenth of the time that encoding it again takes.
		h.Write([]byte(gameOf(w.Rules)))
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

// gameOf is what the client asks for; by which rules, the house says.
func gameOf(rules string) string {
	game, _, _ := strings.Cut(rules, "/")
	return game
}

// asked is a body without what its proposer added to the client's request: that may differ when the client asks again.
func asked(b Body) Body {
	switch b := b.(type) {
	case PlaceWager:
		b.Rules = gameOf(b.Rules)
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
	switch k {
	case KindOpenAccount:
		return decodeAs[OpenAccount](raw)
	case KindOpenSession:
		return decodeAs[OpenSession](raw)
	case KindEndSessions:
		return decodeAs[EndSessions](raw)
	case KindAttemptSignIn:
		return decodeAs[AttemptSignIn](raw)
	case KindChangePassword:
		return decodeAs[ChangePassword](raw)
	case KindPlaceWager:
		return decodeAs[PlaceWager](raw)
	case KindTakeAction:
		return decodeAs[TakeAction](raw)
	case KindRotateSeed:
		return decodeAs[RotateSeed](raw)
	case KindCollectDailyCoins:
		return decodeAs[CollectDailyCoins](raw)
	case KindGrantCoins:
		return decodeAs[GrantCoins](raw)
	case KindSetLock:
		return decodeAs[SetLock](raw)
	case KindSetRole:
		return decodeAs[SetRole](raw)
	case KindSettleAbandoned:
		return decodeAs[SettleAbandoned](raw)
	case KindSetLimits:
		return decodeAs[SetLimits](raw)
	case KindExclude:
		return decodeAs[Exclude](raw)
	case KindPutValue:
		return decodeAs[PutValue](raw)
	case KindDeleteValue:
		return decodeAs[DeleteValue](raw)
	case KindAcquireLock:
		return decodeAs[AcquireLock](raw)
	case KindReleaseLock:
		return decodeAs[ReleaseLock](raw)
	case KindRecordAct:
		return decodeAs[RecordAct](raw)
	case KindRaiseLevel:
		return decodeAs[RaiseLevel](raw)
	}
	return nil, &NewerError{What: fmt.Sprintf("the log holds a command of kind %d, which this program does not know", k)}
}

func decodeAs[T Body](raw []byte) (Body, error) {
	var b T
	if err := decMode.Unmarshal(raw, &b); err != nil {
		return nil, unreadable(fmt.Sprintf("body of command kind %d", b.Kind()), err)
	}
	return b, nil
}

// unreadable is the error of what can't be decoded: of a newer program, if it has a field that this one does not know.
func unreadable(what string, err error) error {
	var unknown *cbor.UnknownFieldError
	if errors.As(err, &unknown) {
		return &NewerError{What: fmt.Sprintf("the log holds a %s with a field that this program does not know", what)}
	}
	return fmt.Errorf("decode %s: %w", what, err)
}

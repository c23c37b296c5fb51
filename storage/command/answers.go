package command

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"imperio/games"
)

// A member that forwarded a command gets its Result from the leader in the encoding of this file. It is never stored. While
// members are upgraded one by one, two versions of the program use it: keys and numbers never change their meaning, and a
// member leaves out what it does not know in an answer. A new type of answer needs a new kind of command, which no member
// proposes before all know it.

// answerKind is the number of a type of Result.Value.
type answerKind uint8

const (
	answerNone              answerKind = 0
	answerRound             answerKind = 1
	answerAccountOpened     answerKind = 2
	answerSessionOpened     answerKind = 3
	answerSeedRotated       answerKind = 4
	answerDailyCoins        answerKind = 5
	answerCoinsGranted      answerKind = 6
	answerLimits            answerKind = 7
	answerExclusion         answerKind = 8
	answerLockHeld          answerKind = 9
	answerInvitationCreated answerKind = 10
	answerPasswordLink      answerKind = 11
	answerAccountsRenewed   answerKind = 12
	answerAccountsImported  answerKind = 13
)

// result is a Result as members send it.
type result struct {
	Refusal  *refusal        `cbor:"1,keyasint,omitempty"`
	Event    uint64          `cbor:"2,keyasint,omitempty"`
	Replayed bool            `cbor:"3,keyasint,omitempty"`
	Kind     answerKind      `cbor:"4,keyasint,omitempty"`
	Value    cbor.RawMessage `cbor:"5,keyasint,omitempty"` // of all kinds but answerRound
	Round    *roundAnswer    `cbor:"6,keyasint,omitempty"` // of answerRound, the most frequent one
}

// roundAnswer is a RoundResult in a form that is quick to encode. Times are Unix milliseconds; 0 is the zero time.
type roundAnswer struct {
	ID         RoundID     `cbor:"1,keyasint"`
	Account    AccountID   `cbor:"2,keyasint"`
	Rules      string      `cbor:"3,keyasint"`
	Stake      games.Coins `cbor:"4,keyasint,omitempty"`
	Bets       []games.Bet `cbor:"5,keyasint"`
	Actions    []string    `cbor:"6,keyasint"`
	Draws      []uint16    `cbor:"7,keyasint"`
	Staked     games.Coins `cbor:"8,keyasint,omitempty"`
	Payout     games.Coins `cbor:"9,keyasint,omitempty"`
	Settled    bool        `cbor:"10,keyasint,omitempty"`
	Allowed    []string    `cbor:"11,keyasint"`
	OpenedAt   int64       `cbor:"12,keyasint,omitempty"`
	SettledAt  int64       `cbor:"13,keyasint,omitempty"`
	Nonce      uint64      `cbor:"14,keyasint,omitempty"`
	Pair       uint32      `cbor:"15,keyasint,omitempty"`
	Commitment string      `cbor:"16,keyasint,omitempty"`
	ClientSeed string      `cbor:"17,keyasint,omitempty"`
	ServerSeed []byte      `cbor:"18,keyasint"`
	Coins      games.Coins `cbor:"19,keyasint,omitempty"`
	Held       games.Coins `cbor:"20,keyasint,omitempty"`
	Room       games.Coins `cbor:"21,keyasint,omitempty"`
}

func encodeRound(v *RoundResult) *roundAnswer {
	r := &v.Round
	return &roundAnswer{
		ID: r.ID, Account: r.Account, Rules: r.Rules, Stake: r.Wager.Stake, Bets: r.Wager.Bets, Actions: r.Wager.Actions,
		Draws: r.Draws, Staked: r.Staked, Payout: r.Payout, Settled: r.Settled, Allowed: r.Allowed,
		OpenedAt: milliseconds(r.OpenedAt), SettledAt: milliseconds(r.SettledAt), Nonce: r.Nonce, Pair: r.Pair,
		Commitment: r.Commitment, ClientSeed: r.ClientSeed, ServerSeed: r.ServerSeed, Coins: v.Coins, Held: v.Held, Room: v.Room,
	}
}

func (a *roundAnswer) decode() *RoundResult {
	return &RoundResult{Round: Round{
		ID: a.ID, Account: a.Account, Rules: a.Rules, Wager: games.Wager{Stake: a.Stake, Bets: a.Bets, Actions: a.Actions},
		Draws: a.Draws, Staked: a.Staked, Payout: a.Payout, Settled: a.Settled, Allowed: a.Allowed,
		OpenedAt: moment(a.OpenedAt), SettledAt: moment(a.SettledAt), Nonce: a.Nonce, Pair: a.Pair,
		Commitment: a.Commitment, ClientSeed: a.ClientSeed, ServerSeed: a.ServerSeed,
	}, Coins: a.Coins, Held: a.Held, Room: a.Room}
}

var (
	encAnswers = func() cbor.EncMode {
		o := cbor.CoreDetEncOptions()
		o.Time = cbor.TimeRFC3339NanoUTC
		return must(o.EncMode())
	}()
	decAnswers = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		MaxArrayElements: 1 << 16,
		MaxMapPairs:      1 << 16,
		UTF8:             cbor.UTF8DecodeInvalid, // as in commands
	}.DecMode())
)

// EncodeResult writes a machine's answer for another member. Value must be nil or of a type that the machine answers with,
// and its times whole milliseconds, as all of the machine's times are.
func EncodeResult(r Result) ([]byte, error) {
	e := result{Refusal: encodeRefusal(r.Refusal), Event: r.Event, Replayed: r.Replayed}
	switch v := r.Value.(type) {
	case nil:
	case *RoundResult:
		e.Kind, e.Round = answerRound, encodeRound(v)
	default:
		var err error
		if e.Kind = answerKindOf(v); e.Kind == answerNone {
			return nil, fmt.Errorf("encode result: no encoding for a %T", v)
		}
		if e.Value, err = encAnswers.Marshal(v); err != nil {
			return nil, fmt.Errorf("encode result %T: %w", v, err)
		}
	}
	data, err := encAnswers.Marshal(&e)
	if err != nil {
		return nil, fmt.Errorf("encode result %T: %w", r.Value, err)
	}
	return data, nil
}

// answerKindOf is the kind of a value other than a round; answerNone if members don't know its type.
func answerKindOf(v any) answerKind {
	switch v.(type) {
	case *AccountOpened:
		return answerAccountOpened
	case *SessionOpened:
		return answerSessionOpened
	case *SeedRotated:
		return answerSeedRotated
	case *DailyCoins:
		return answerDailyCoins
	case *CoinsGranted:
		return answerCoinsGranted
	case *Limits:
		return answerLimits
	case *Exclusion:
		return answerExclusion
	case *LockHeld:
		return answerLockHeld
	case *InvitationCreated:
		return answerInvitationCreated
	case *PasswordLink:
		return answerPasswordLink
	case *AccountsRenewed:
		return answerAccountsRenewed
	case *AccountsImported:
		return answerAccountsImported
	}
	return answerNone
}

// answerDecoders has an entry for every kind that answerKindOf returns.
var answerDecoders = map[answerKind]func(raw []byte) (any, error){
	answerAccountOpened:     decodeAnswer[AccountOpened],
	answerSessionOpened:     decodeAnswer[SessionOpened],
	answerSeedRotated:       decodeAnswer[SeedRotated],
	answerDailyCoins:        decodeAnswer[DailyCoins],
	answerCoinsGranted:      decodeAnswer[CoinsGranted],
	answerLimits:            decodeAnswer[Limits],
	answerExclusion:         decodeAnswer[Exclusion],
	answerLockHeld:          decodeAnswer[LockHeld],
	answerInvitationCreated: decodeAnswer[InvitationCreated],
	answerPasswordLink:      decodeAnswer[PasswordLink],
	answerAccountsRenewed:   decodeAnswer[AccountsRenewed],
	answerAccountsImported:  decodeAnswer[AccountsImported],
}

func decodeAnswer[T any](raw []byte) (any, error) {
	v := new(T)
	if err := decAnswers.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("decode result %T: %w", v, err)
	}
	return v, nil
}

// DecodeResult is the inverse of EncodeResult. It keeps nothing of data. An error says nothing about the command's fate: it
// may have been carried out.
func DecodeResult(data []byte) (Result, error) {
	var e result
	if err := decAnswers.Unmarshal(data, &e); err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	r := Result{Refusal: e.Refusal.decode(), Event: e.Event, Replayed: e.Replayed}
	switch {
	case e.Kind == answerNone:
		return r, nil
	case e.Kind == answerRound:
		if e.Round == nil {
			return Result{}, fmt.Errorf("decode result: it has no round")
		}
		r.Value = e.Round.decode()
		return r, nil
	}
	decode, known := answerDecoders[e.Kind]
	if !known {
		return Result{}, &NewerError{What: fmt.Sprintf("another member answered with a value of kind %d, which this program does not know", e.Kind)}
	}
	var err error
	if r.Value, err = decode(e.Value); err != nil {
		return Result{}, err
	}
	return r, nil
}

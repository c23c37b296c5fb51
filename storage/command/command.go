// Package command defines the commands of the machine, their results, and the encoding of commands.
//
// A Command is the unit of the log: every change of the casino is one. Whoever proposes it puts the entropy into it, sealed,
// so that applying it needs nothing but the state, the command itself and the casino's key. Encodings are CBOR with
// integer keys in core deterministic form; released keys and kinds are never given another meaning, and golden
// vectors in the tests hold them, so that an old log always reads.
package command

import (
	"fmt"
	"time"
)

// Kind names a type of command in the log. Released numbers are never used again for something else.
type Kind uint16

// The kinds of commands.
const (
	KindOpenAccount       Kind = 1
	KindOpenSession       Kind = 2
	KindEndSessions       Kind = 3
	KindAttemptSignIn     Kind = 4
	KindChangePassword    Kind = 5
	KindPlaceWager        Kind = 6
	KindTakeAction        Kind = 7
	KindRotateSeed        Kind = 8
	KindCollectDailyCoins Kind = 9
	KindGrantCoins        Kind = 10
	KindSetLock           Kind = 11
	KindSetRole           Kind = 12
	KindSettleAbandoned   Kind = 13
	KindSetLimits         Kind = 14
	KindExclude           Kind = 15
	KindPutValue          Kind = 16
	KindDeleteValue       Kind = 17
	KindAcquireLock       Kind = 18
	KindReleaseLock       Kind = 19
	KindRecordAct         Kind = 20
	KindRaiseLevel        Kind = 21
)

// ID identifies one command for exactly-once: a command that is proposed again (because its fate was unknown)
// carries the same ID, and the machine answers from what it already did.
type ID [16]byte

// Key is the hash of a client's Idempotency-Key; the zero Key means that none was given. See KeyOf.
type Key [16]byte

// AccountID identifies a player's account. Numbers below FirstAccountID are the house's own ledger accounts.
type AccountID uint64

// FirstAccountID is the id of the first player of a casino.
const FirstAccountID AccountID = 1000

// Command is one change asked of the machine.
type Command struct {
	ID      ID
	Account AccountID // whom it concerns; 0 where it concerns nobody
	Key     Key       // the client's idempotency key, hashed
	Retry   bool      // proposed before under the same ID; the first attempt may have been applied
	Since   uint64    // with Retry: an event from before the first attempt; what that did is in a later one. 0: any
	Entropy []byte    // random bytes the command needs (server seeds); they never enter the log, see Seeds
	// Seeds are the server seeds that the proposer drew, sealed: what Entropy becomes before the command enters the log.
	Seeds []SealedSeed
	// Refusal is why the house does not take the command by now: its table is closed or has other limits, say. The
	// machine answers with it, unless the command was carried out before under the same key. nil: the house takes it.
	Refusal *Refusal
	Body    Body
}

// Body is the part of a command that differs by kind. With Kind it is what two requests under one idempotency key are
// compared by, apart from what the proposer added to what the client asked; see asked.
type Body interface {
	Kind() Kind
}

// Result is what the machine answers to a command. A refusal is a result: the command was understood, is not
// allowed now, and changed nothing.
type Result struct {
	Refusal  *Refusal
	Event    uint64 // the sequence number of the event it left in the history; 0 if none
	Replayed bool   // answered from an earlier execution under the same key or id
	Value    any    // by kind: *AccountOpened, *SessionOpened, *RoundResult, …; nil where there is nothing to say
}

// Refusal says why the machine did not do what was asked. Codes are stable and part of the API.
type Refusal struct {
	Code    string
	Message string    // one English sentence for people
	Until   time.Time // when it may work again; zero where that is not known
	Limit   string    // with limit_reached: which of the player's limits, by its name in the API; else empty
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Refusef makes a Result that refuses.
func Refusef(code, format string, args ...any) Result {
	return Result{Refusal: &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}}
}

// Package command defines the commands of the machine, their results, and the encoding of commands.
//
// Every change of the casino is a Command. The proposer seals the entropy into it, and the leader stamps the time on its
// log entry. So applying it needs nothing but the state, the entry's time, the command itself and the casino's key. Encodings
// are CBOR with integer keys in core deterministic form. Released keys and kinds never change their meaning: golden vectors in
// the tests guard them, so that old logs stay readable.
package command

import (
	"fmt"
	"time"
)

// Kind is the number of a type of command in the log. Released numbers are never reused.
type Kind uint16

// The kinds of commands.
const (
	KindOpenAccount        Kind = 1
	KindOpenSession        Kind = 2
	KindEndSessions        Kind = 3
	KindAttemptSignIn      Kind = 4
	KindChangePassword     Kind = 5
	KindPlaceWager         Kind = 6
	KindTakeAction         Kind = 7
	KindRotateSeed         Kind = 8
	KindCollectDailyCoins  Kind = 9
	KindGrantCoins         Kind = 10
	KindSetLock            Kind = 11
	KindSetRole            Kind = 12
	KindSettleAbandoned    Kind = 13
	KindSetLimits          Kind = 14
	KindExclude            Kind = 15
	KindPutValue           Kind = 16
	KindDeleteValue        Kind = 17
	KindAcquireLock        Kind = 18
	KindReleaseLock        Kind = 19
	KindRecordAct          Kind = 20
	KindRaiseLevel         Kind = 21
	KindCreateInvitation   Kind = 22
	KindRevokeInvitation   Kind = 23
	KindCreatePasswordLink Kind = 24
	KindChangeEmail        Kind = 25
	KindDeleteAccount      Kind = 26
	KindCreateToken        Kind = 27
	KindBeginLineage       Kind = 28
	KindRenewAccounts      Kind = 29
	KindImportAccounts     Kind = 30
	KindSetProfile         Kind = 31
	KindCloseSeason        Kind = 32
)

// ID identifies a command, so that it is applied exactly once. A command that is proposed again because its fate was
// unknown carries the same ID, and the machine repeats the answer of the first execution.
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
	Account AccountID // the account that it concerns; 0: none
	Key     Key       // the client's idempotency key, hashed
	Retry   bool      // proposed before under the same ID; the first attempt may have been applied
	Since   uint64    // with Retry: an event before the first attempt, whose own event can only be later; 0: search all
	Entropy []byte    // random bytes the command needs (server seeds); they never enter the log, see Seeds
	// Seeds are the sealed server seeds that Entropy becomes before the command enters the log.
	Seeds []SealedSeed
	// Refusal is why the house no longer takes the command: for example, the table is closed or has other limits. The
	// machine answers with it, unless it carried the command out earlier under the same key. nil: the house takes it.
	Refusal *Refusal
	Body    Body
}

// Body is the part of a command that differs by kind. Two requests under one idempotency key are the same if their kinds
// and bodies are, apart from what the proposer added; see asked.
type Body interface {
	Kind() Kind
}

// Result is the machine's answer to a command. A refusal is a result, too: the command was understood, is not allowed now,
// and changed nothing.
type Result struct {
	Refusal  *Refusal
	Event    uint64 // the sequence number of the event it left in the history; 0 if none
	Replayed bool   // answered from an earlier execution under the same key or id
	Value    any    // by kind: *AccountOpened, *SessionOpened, *RoundResult, …; nil if the kind has no answer
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

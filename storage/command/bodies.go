package command

import (
	"time"

	"imperio/games"
)

// MaxAmount is the largest amount of coins that one command moves, as a stake, a grant or a gift. It keeps payouts within
// the range of Coins.
const MaxAmount games.Coins = 1_000_000_000_000

// OpenAccount makes an account with its first seeds. If a session is given, it also signs the player in. The account
// remembers the command's idempotency key, so that the proposer recognizes a repeated sign-up. The proposer must check the
// password before it answers one: the machine checks no passwords.
// Seeds: two, the active and the next. Answer: *AccountOpened.
type OpenAccount struct {
	Username     string      `cbor:"1,keyasint"` // as the player wrote it
	UsernameKey  string      `cbor:"2,keyasint"` // folded: what must be unique
	Email        string      `cbor:"3,keyasint,omitempty"`
	EmailKey     string      `cbor:"4,keyasint,omitempty"`
	PasswordHash string      `cbor:"5,keyasint"` // sealed by the proposer; the machine only compares
	Role         Role        `cbor:"6,keyasint"`
	WelcomeCoins games.Coins `cbor:"7,keyasint"`
	Session      *NewSession `cbor:"8,keyasint,omitempty"`
	Actor        string      `cbor:"9,keyasint,omitempty"` // the operator who made it; empty: the player signed up
	// Invitation is the hash of the invitation's code, which loses a use; zero: none. Whether one is needed is the house's decision.
	Invitation TokenHash `cbor:"10,keyasint,omitzero"`
}

// Role is what an account may do.
type Role string

// The roles.
const (
	RolePlayer   Role = "player"
	RoleOperator Role = "operator"
)

// TokenHash is the SHA-256 of a session token. Tokens themselves are never stored.
type TokenHash [32]byte

// NewSession is a session to be opened.
type NewSession struct {
	Token     TokenHash `cbor:"1,keyasint"`
	UserAgent string    `cbor:"3,keyasint,omitempty"`
	Address   string    `cbor:"4,keyasint,omitempty"`
	Lifetime  int64     `cbor:"5,keyasint"`           // milliseconds from the machine's time; key 2 is retired (an end by the proposer's clock)
	Name      string    `cbor:"8,keyasint,omitempty"` // of a personal access token, as its owner calls it
	Scopes    Scopes    `cbor:"9,keyasint,omitempty"` // of a personal access token; 0: a session, which may do everything
	// Network is a keyed hash of the client's network. The account remembers its newest ones; see Credentials. Zero: none.
	Network Subject `cbor:"6,keyasint,omitzero"`
}

// Scopes is what a personal access token may do.
type Scopes uint8

// The scopes.
const (
	ScopeRead Scopes = 1 // see the account, its coins and its rounds
	ScopePlay Scopes = 2 // bet, collect daily coins and rotate seeds
	AllScopes        = ScopeRead | ScopePlay
)

// CreateToken opens a session for a program: a personal access token, with a name and scopes. Answer: *SessionOpened.
type CreateToken struct {
	Session NewSession `cbor:"1,keyasint"`
	// Launcher is the account's session that has launched the program: a page of the older front ends. The token then ends with
	// that session at the latest, and doesn't count as a token of the player's own. Of those, only the newest few are kept.
	// 0: the player has made the token.
	Launcher SessionID `cbor:"2,keyasint,omitempty"`
}

// CreateInvitation makes an invitation, with which people can sign up where the house asks for one.
// Answer: *InvitationCreated.
type CreateInvitation struct {
	Code     TokenHash `cbor:"1,keyasint"` // of the code that the operator hands out
	Uses     int       `cbor:"2,keyasint"` // how many people may use it, from 1
	Lifetime int64     `cbor:"3,keyasint"` // milliseconds from the machine's time
	Actor    string    `cbor:"4,keyasint"`
	Reason   string    `cbor:"5,keyasint,omitempty"`
}

// InvitationID is the number of the event that made the invitation.
type InvitationID uint64

// RevokeInvitation ends an invitation. Accounts that were opened with it stay.
type RevokeInvitation struct {
	Invitation InvitationID `cbor:"1,keyasint"`
	Actor      string       `cbor:"2,keyasint"`
	Reason     string       `cbor:"3,keyasint,omitempty"`
}

// AttemptSignIn uses up one password try of a subject. It is proposed before the password is checked, so that parallel
// guesses can't slip past the limit. A right password gives the subject's tries back. The proposer chooses the subject:
// the machine knows no device and no unknown name. Refused with sign_in_throttled. No answer.
type AttemptSignIn struct {
	Subject Subject `cbor:"5,keyasint"` // keys 1 and 2 are retired (an address and a login)
	Tries   int64   `cbor:"3,keyasint"` // how many failures in a row are allowed; 0: no limit
	Refill  int64   `cbor:"4,keyasint"` // milliseconds until one more is allowed
}

// OpenSession signs an account in after its password was verified. Answer: *SessionOpened.
type OpenSession struct {
	Session NewSession `cbor:"1,keyasint"`
	Subject Subject    `cbor:"7,keyasint,omitzero"`  // of the AttemptSignIn before it; keys 2, 5 and 6 are retired
	Rehash  string     `cbor:"3,keyasint,omitempty"` // a stronger hash of the same password, which replaces the old one
	OldHash string     `cbor:"4,keyasint,omitempty"` // the hash that was checked; if it changed meanwhile, the sign-in is refused
}

// EndSessions signs out one session by its id, or, with All, every session except Keep.
type EndSessions struct {
	Session SessionID `cbor:"1,keyasint,omitempty"`
	All     bool      `cbor:"2,keyasint,omitempty"`
	Keep    SessionID `cbor:"3,keyasint,omitempty"`
}

// SessionID is the public name of a session: the number of the event that opened it.
type SessionID uint64

// ChangePassword sets a new password hash and ends all sessions except Keep. OldHash is what the current password was
// checked against. If it has changed since, the command is refused. Actor is set when an operator does it.
type ChangePassword struct {
	OldHash string    `cbor:"1,keyasint,omitempty"`
	NewHash string    `cbor:"2,keyasint"`
	Keep    SessionID `cbor:"3,keyasint,omitempty"`
	Actor   string    `cbor:"4,keyasint,omitempty"`
	Reason  string    `cbor:"5,keyasint,omitempty"`
	// Subject is that of the AttemptSignIn before the check of the current password, to give the tries back; zero if there
	// was none. Keys 6 to 8 are retired.
	Subject Subject `cbor:"9,keyasint,omitzero"`
	// Link is the hash of the one-time link that takes the place of the current password; zero: none. See CreatePasswordLink.
	Link TokenHash `cbor:"10,keyasint,omitzero"`
}

// CreatePasswordLink lets whoever has a link set the account's password, once. It takes the place of an earlier link. Every
// change of the password ends it. Answer: *PasswordLink.
type CreatePasswordLink struct {
	Link     TokenHash `cbor:"1,keyasint"`
	Lifetime int64     `cbor:"2,keyasint"` // milliseconds from the machine's time
	Actor    string    `cbor:"3,keyasint"`
	Reason   string    `cbor:"4,keyasint,omitempty"`
}

// ChangeEmail sets an account's e-mail address. OldHash is what the current password was checked against. If it has changed
// since, the command is refused. Actor is set when an operator does it.
type ChangeEmail struct {
	Email    string `cbor:"1,keyasint,omitempty"` // empty: none
	EmailKey string `cbor:"2,keyasint,omitempty"`
	OldHash  string `cbor:"3,keyasint,omitempty"`
	Actor    string `cbor:"4,keyasint,omitempty"`
	Reason   string `cbor:"5,keyasint,omitempty"`
}

// DeleteAccount removes what says whose an account is: its name, its address, its password, its limits and its sessions. Its
// rounds and transfers stay, since the books need them. Its coins go back to where coins come from. OldHash and Actor are as
// in ChangeEmail.
type DeleteAccount struct {
	OldHash string `cbor:"1,keyasint,omitempty"`
	Actor   string `cbor:"2,keyasint,omitempty"`
	Reason  string `cbor:"3,keyasint,omitempty"`
}

// PlaceWager opens a round (and settles it, where the game needs no more decisions). Answer: *RoundResult.
type PlaceWager struct {
	Rules string      `cbor:"1,keyasint"` // e.g. "slots/2"
	Stake games.Coins `cbor:"2,keyasint"`
	Bets  []games.Bet `cbor:"3,keyasint,omitempty"`
}

// TakeAction takes an action in the account's open round. Answer: *RoundResult.
type TakeAction struct {
	Round  RoundID `cbor:"1,keyasint"`
	Action string  `cbor:"2,keyasint"`
	// Taken is how many actions in the round the player had seen when deciding. If the round has moved on since, the
	// action is refused with round_moved: of two simultaneous actions, only one is taken. nil: no such check.
	Taken *int `cbor:"3,keyasint,omitempty"`
}

// RoundID is the number of the event that opened the round.
type RoundID uint64

// SettleAbandoned settles an open round that its player left, by the game's stated rule. Answer: *RoundResult.
type SettleAbandoned struct {
	Round RoundID `cbor:"1,keyasint"`
	// Before is the cut-off in Unix milliseconds. If the player dealt or acted at that time or later, the command is
	// refused with round_moved. 0: no cut-off.
	Before int64 `cbor:"2,keyasint,omitempty"`
}

// RotateSeed reveals the active server seed and makes the next one active. Seeds: the one after it.
// Answer: *SeedRotated.
type RotateSeed struct {
	ClientSeed string `cbor:"1,keyasint"`
}

// CollectDailyCoins grants the daily coins, once in 24 hours. Answer: *DailyCoins.
type CollectDailyCoins struct {
	Amount games.Coins `cbor:"1,keyasint"`
}

// GrantCoins gives coins to an account (or takes them back, if negative) by an operator's decision. Answer: *CoinsGranted.
type GrantCoins struct {
	Amount games.Coins `cbor:"1,keyasint"`
	Actor  string      `cbor:"2,keyasint"`
	Reason string      `cbor:"3,keyasint,omitempty"`
}

// SetLock locks an account (no sign-in, no bets, all sessions end) or unlocks it.
type SetLock struct {
	Locked bool   `cbor:"1,keyasint"`
	Actor  string `cbor:"2,keyasint"`
	Reason string `cbor:"3,keyasint,omitempty"`
}

// SetRole gives an account another role.
type SetRole struct {
	Role   Role   `cbor:"1,keyasint"`
	Actor  string `cbor:"2,keyasint"`
	Reason string `cbor:"3,keyasint,omitempty"`
}

// SetLimits sets the player's own limits. Stricter ones apply at once, looser ones after 24 hours. Each limit waits on its
// own: a limit that is asked for again, or that is asked for less loose, goes on waiting. Answer: *Limits.
type SetLimits struct {
	Limits LimitSet `cbor:"1,keyasint"`
}

// LimitSet is a player's own limits; 0 means no limit.
type LimitSet struct {
	StakePerDay         games.Coins `cbor:"1,keyasint,omitempty"`
	LossPerDay          games.Coins `cbor:"2,keyasint,omitempty"`
	LossPerWeek         games.Coins `cbor:"3,keyasint,omitempty"`
	LossPerMonth        games.Coins `cbor:"4,keyasint,omitempty"`
	SessionMinutes      int         `cbor:"5,keyasint,omitempty"`
	RealityCheckMinutes int         `cbor:"6,keyasint,omitempty"`
}

// Exclude shuts the player out for a number of days, or for ever; nobody can shorten it. Answer: *Exclusion.
type Exclude struct {
	Days    int  `cbor:"1,keyasint,omitempty"` // 1 … 1825
	ForEver bool `cbor:"2,keyasint,omitempty"`
}

// PutValue stores a value of the house itself, such as a certificate. With Lock, the value is stored only while that lock
// is held with that fence.
type PutValue struct {
	Name  string `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint"`
	Lock  string `cbor:"3,keyasint,omitempty"`
	Fence uint64 `cbor:"4,keyasint,omitempty"`
}

// DeleteValue deletes a value, under the same condition.
type DeleteValue struct {
	Name  string `cbor:"1,keyasint"`
	Lock  string `cbor:"2,keyasint,omitempty"`
	Fence uint64 `cbor:"3,keyasint,omitempty"`
}

// AcquireLock takes a named lock for TTL, or renews it with the holder's Fence. Answer: *LockHeld.
type AcquireLock struct {
	Name   string        `cbor:"1,keyasint"`
	Holder string        `cbor:"2,keyasint"`
	TTL    time.Duration `cbor:"3,keyasint"`
	Fence  uint64        `cbor:"4,keyasint,omitempty"` // 0: take it; else: renew it
}

// ReleaseLock releases a lock. Releasing one that is no longer held does nothing.
type ReleaseLock struct {
	Name  string `cbor:"1,keyasint"`
	Fence uint64 `cbor:"2,keyasint"`
}

// RecordAct records in the history an operator's act that changes nothing else in the state (a configuration, a restore).
type RecordAct struct {
	Actor  string `cbor:"1,keyasint"`
	Act    string `cbor:"2,keyasint"` // e.g. "configuration_changed"
	Reason string `cbor:"3,keyasint,omitempty"`
	Before string `cbor:"4,keyasint,omitempty"`
	After  string `cbor:"5,keyasint,omitempty"`
}

// RaiseLevel raises the casino's feature level. From then on, the log may hold things that only programs of that level
// know. It is proposed once every member runs such a program.
type RaiseLevel struct {
	Level   uint32 `cbor:"1,keyasint"`
	Program string `cbor:"2,keyasint"` // the proposing program's version; an older program that stops here names it
}

// BeginLineage begins another lineage of the casino. A restore does so before players come back: from there on, the history is
// no longer the one that the casino had before. No answer.
type BeginLineage struct {
	Lineage string `cbor:"1,keyasint"` // ASCII letters, digits and hyphens, up to 64 of them; never the present one
	Actor   string `cbor:"2,keyasint"`
	Reason  string `cbor:"3,keyasint,omitempty"`
	Before  string `cbor:"4,keyasint,omitempty"`
	After   string `cbor:"5,keyasint,omitempty"`
}

// RenewAccounts takes away what somebody may have of accounts: it ends their sessions, personal access tokens and password
// links, and rotates their seeds twice, so that neither the active seed nor the next one is used any more. Their client seeds
// are the default ones again. None of the accounts may have an open round. It concerns no account alone, so Command.Account
// must be 0.
// Seeds: two for each account of the range that is not deleted, in the order of the accounts. Answer: *AccountsRenewed.
type RenewAccounts struct {
	First AccountID `cbor:"1,keyasint"`
	Count int       `cbor:"2,keyasint"` // from First on, with deleted ones: 1 … 1000. All must exist
	Actor string    `cbor:"3,keyasint"`
}

// The kind of each body.

func (OpenAccount) Kind() Kind        { return KindOpenAccount }
func (OpenSession) Kind() Kind        { return KindOpenSession }
func (EndSessions) Kind() Kind        { return KindEndSessions }
func (AttemptSignIn) Kind() Kind      { return KindAttemptSignIn }
func (ChangePassword) Kind() Kind     { return KindChangePassword }
func (PlaceWager) Kind() Kind         { return KindPlaceWager }
func (TakeAction) Kind() Kind         { return KindTakeAction }
func (RotateSeed) Kind() Kind         { return KindRotateSeed }
func (CollectDailyCoins) Kind() Kind  { return KindCollectDailyCoins }
func (GrantCoins) Kind() Kind         { return KindGrantCoins }
func (SetLock) Kind() Kind            { return KindSetLock }
func (SetRole) Kind() Kind            { return KindSetRole }
func (SettleAbandoned) Kind() Kind    { return KindSettleAbandoned }
func (SetLimits) Kind() Kind          { return KindSetLimits }
func (Exclude) Kind() Kind            { return KindExclude }
func (PutValue) Kind() Kind           { return KindPutValue }
func (DeleteValue) Kind() Kind        { return KindDeleteValue }
func (AcquireLock) Kind() Kind        { return KindAcquireLock }
func (ReleaseLock) Kind() Kind        { return KindReleaseLock }
func (RecordAct) Kind() Kind          { return KindRecordAct }
func (RaiseLevel) Kind() Kind         { return KindRaiseLevel }
func (CreateInvitation) Kind() Kind   { return KindCreateInvitation }
func (RevokeInvitation) Kind() Kind   { return KindRevokeInvitation }
func (CreatePasswordLink) Kind() Kind { return KindCreatePasswordLink }
func (ChangeEmail) Kind() Kind        { return KindChangeEmail }
func (DeleteAccount) Kind() Kind      { return KindDeleteAccount }
func (CreateToken) Kind() Kind        { return KindCreateToken }
func (BeginLineage) Kind() Kind       { return KindBeginLineage }
func (RenewAccounts) Kind() Kind      { return KindRenewAccounts }
func (ImportAccounts) Kind() Kind     { return KindImportAccounts }
func (SetProfile) Kind() Kind         { return KindSetProfile }
func (CloseSeason) Kind() Kind        { return KindCloseSeason }

// decoders has an entry for every kind.
var decoders = map[Kind]func(raw []byte) (Body, error){
	KindOpenAccount:        decodeAs[OpenAccount],
	KindOpenSession:        decodeAs[OpenSession],
	KindEndSessions:        decodeAs[EndSessions],
	KindAttemptSignIn:      decodeAs[AttemptSignIn],
	KindChangePassword:     decodeAs[ChangePassword],
	KindPlaceWager:         decodeAs[PlaceWager],
	KindTakeAction:         decodeAs[TakeAction],
	KindRotateSeed:         decodeAs[RotateSeed],
	KindCollectDailyCoins:  decodeAs[CollectDailyCoins],
	KindGrantCoins:         decodeAs[GrantCoins],
	KindSetLock:            decodeAs[SetLock],
	KindSetRole:            decodeAs[SetRole],
	KindSettleAbandoned:    decodeAs[SettleAbandoned],
	KindSetLimits:          decodeAs[SetLimits],
	KindExclude:            decodeAs[Exclude],
	KindPutValue:           decodeAs[PutValue],
	KindDeleteValue:        decodeAs[DeleteValue],
	KindAcquireLock:        decodeAs[AcquireLock],
	KindReleaseLock:        decodeAs[ReleaseLock],
	KindRecordAct:          decodeAs[RecordAct],
	KindRaiseLevel:         decodeAs[RaiseLevel],
	KindCreateInvitation:   decodeAs[CreateInvitation],
	KindRevokeInvitation:   decodeAs[RevokeInvitation],
	KindCreatePasswordLink: decodeAs[CreatePasswordLink],
	KindChangeEmail:        decodeAs[ChangeEmail],
	KindDeleteAccount:      decodeAs[DeleteAccount],
	KindCreateToken:        decodeAs[CreateToken],
	KindBeginLineage:       decodeAs[BeginLineage],
	KindRenewAccounts:      decodeAs[RenewAccounts],
	KindImportAccounts:     decodeAs[ImportAccounts],
	KindSetProfile:         decodeAs[SetProfile],
	KindCloseSeason:        decodeAs[CloseSeason],
}

package machine

import (
	"crypto/sha256"
	"fmt"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// EventKind says what happened. Released numbers keep their meaning.
type EventKind uint16

// The kinds of events, past tense.
const (
	AccountOpened       EventKind = 1
	SessionOpened       EventKind = 2
	SessionsEnded       EventKind = 3
	PasswordChanged     EventKind = 4
	RoundPlayed         EventKind = 5 // one command opened and settled the round
	RoundOpened         EventKind = 6
	ActionTaken         EventKind = 7 // it may have settled the round
	SeedRotated         EventKind = 8
	DailyCollected      EventKind = 9
	CoinsGranted        EventKind = 10
	AccountLocked       EventKind = 11
	AccountUnlocked     EventKind = 12
	RoleChanged         EventKind = 13
	AbandonedSettled    EventKind = 14
	LimitsChanged       EventKind = 15
	PlayerExcluded      EventKind = 16
	OperatorActed       EventKind = 17
	HouseValueChanged   EventKind = 18
	LevelRaised         EventKind = 19
	InvitationCreated   EventKind = 20
	InvitationRevoked   EventKind = 21
	PasswordLinkCreated EventKind = 22
	EmailChanged        EventKind = 23
	AccountDeleted      EventKind = 24
	TokenCreated        EventKind = 25
	LineageBegun        EventKind = 26
	AccountsRenewed     EventKind = 27 // after the events of each account: SessionsEnded where it had sessions, and SeedRotated
	AccountImported     EventKind = 28 // opens an account, as AccountOpened does
	AccountsImported    EventKind = 29 // after the AccountImported of each account
	ProfileChanged      EventKind = 30
	SeasonClosed        EventKind = 31
	SeasonBegun         EventKind = 32 // right after SeasonClosed, if a season was running
)

var eventNames = map[EventKind]string{
	AccountOpened: "account_opened", SessionOpened: "session_opened", SessionsEnded: "sessions_ended",
	PasswordChanged: "password_changed", RoundPlayed: "round_played", RoundOpened: "round_opened",
	ActionTaken: "action_taken", SeedRotated: "seed_rotated", DailyCollected: "daily_coins_collected",
	CoinsGranted: "coins_granted", AccountLocked: "account_locked", AccountUnlocked: "account_unlocked",
	RoleChanged: "role_changed", AbandonedSettled: "abandoned_round_settled", LimitsChanged: "limits_changed",
	PlayerExcluded: "player_excluded", OperatorActed: "operator_acted", HouseValueChanged: "house_value_changed",
	LevelRaised: "level_raised", InvitationCreated: "invitation_created", InvitationRevoked: "invitation_revoked",
	PasswordLinkCreated: "password_link_created", EmailChanged: "email_changed", AccountDeleted: "account_deleted",
	TokenCreated: "token_created", LineageBegun: "lineage_begun", AccountsRenewed: "accounts_renewed",
	AccountImported: "account_imported", AccountsImported: "accounts_imported",
	ProfileChanged: "profile_changed", SeasonClosed: "season_closed", SeasonBegun: "season_begun",
}

// EventKinds lists the names of all kinds, in the order of their numbers.
func EventKinds() []string {
	names := make([]string, 0, len(eventNames))
	for k := AccountOpened; int(k) <= len(eventNames); k++ {
		names = append(names, k.String())
	}
	return names
}

// String names the kind for people.
func (k EventKind) String() string {
	if n, ok := eventNames[k]; ok {
		return n
	}
	return fmt.Sprintf("event_%d", uint16(k))
}

// Event is one event of the history as it is stored. Transfers and rounds are stored nowhere else: an account's chain of
// events (Back) is its list of transfers and rounds, newest first.
type Event struct {
	Seq       uint64            `cbor:"1,keyasint"`
	Time      int64             `cbor:"2,keyasint"`
	Kind      EventKind         `cbor:"3,keyasint"`
	Prev      [32]byte          `cbor:"4,keyasint"` // hash of the previous event
	Command   command.ID        `cbor:"5,keyasint"`
	Account   command.AccountID `cbor:"6,keyasint,omitempty"`
	Back      uint64            `cbor:"7,keyasint,omitempty"` // the previous event in the account's chain
	Transfers []ledger.Transfer `cbor:"8,keyasint,omitempty"`
	Round     *RoundRecord      `cbor:"9,keyasint,omitempty"`
	Coins     int64             `cbor:"10,keyasint,omitempty"` // the account's balance after it
	Held      int64             `cbor:"11,keyasint,omitempty"`
	Act       *Act              `cbor:"12,keyasint,omitempty"`
	Session   command.SessionID `cbor:"13,keyasint,omitempty"`
	Pair      *PairRecord       `cbor:"14,keyasint,omitempty"` // what SeedRotated revealed
	PairNo    uint32            `cbor:"15,keyasint,omitempty"`
	Until     int64             `cbor:"16,keyasint,omitempty"`
	// Seeds are the commitments in force after an event that changed them, so that the history shows what was promised
	// and when.
	Seeds *Commitments `cbor:"17,keyasint,omitempty"`
	// Key is the command's idempotency key, and Fingerprint identifies what it asked for; see idempotency.go.
	Key         command.Key `cbor:"18,keyasint,omitzero"`
	Fingerprint [8]byte     `cbor:"19,keyasint,omitzero"`
	// Before is the cut-off of AbandonedSettled: the player had done nothing in the round since. 0: there was none.
	Before int64 `cbor:"20,keyasint,omitempty"`
	// Room is what the player's own limits leave for another stake in the open round, where that is less than Coins.
	Room *int64 `cbor:"22,keyasint,omitempty"`
	// BackAlike is the event before in the account's short chain that the event is in; see chains.go.
	BackAlike uint64 `cbor:"21,keyasint,omitempty"`
	// Invitation is the one that InvitationRevoked ended, or with which AccountOpened was done.
	Invitation command.InvitationID `cbor:"23,keyasint,omitempty"`
	// Lineage is the one that LineageBegun began.
	Lineage string `cbor:"24,keyasint,omitempty"`
	// Renewed counts what AccountsRenewed did.
	Renewed *Renewal `cbor:"25,keyasint,omitempty"`
	// From is the row that AccountImported opened an account for.
	From *ImportedRow `cbor:"26,keyasint,omitempty"`
	// Imported counts what AccountsImported did.
	Imported *Imports `cbor:"27,keyasint,omitempty"`
	// Entry is under which the account takes part in seasons after ProfileChanged; 0: it takes no part. The event doesn't hold
	// the rest of the profile, since the history can't forget it.
	Entry command.EntryID `cbor:"28,keyasint,omitempty"`
	// Reached are the achievements that the account has reached with the event; see achievements.go.
	Reached []command.Achievement `cbor:"29,keyasint,omitempty"`
	// Season is what SeasonClosed and SeasonBegun say of the season.
	Season *SeasonChange `cbor:"30,keyasint,omitempty"`
}

// Renewal counts what the renewal of accounts did.
type Renewal struct {
	_        struct{} `cbor:",toarray"`
	Accounts int      // whose seeds were rotated
	Sessions int      // that were ended
}

// Commitments are the promises about an account's seeds.
type Commitments struct {
	_      struct{} `cbor:",toarray"`
	Active [32]byte // SHA-256 of the active server seed
	Next   [32]byte // SHA-256 of the next one
	Client string
}

// Act is an operator's act: who, when (the event's time), why, what was before and after.
type Act struct {
	Actor  string `cbor:"1,keyasint"`
	Act    string `cbor:"2,keyasint,omitempty"`
	Reason string `cbor:"3,keyasint,omitempty"`
	Before string `cbor:"4,keyasint,omitempty"`
	After  string `cbor:"5,keyasint,omitempty"`
}

// chainHash is the hash of an event that the next one carries: the SHA-256 of its stored form, which includes the hash of
// the previous event.
func chainHash(stored []byte) [32]byte { return sha256.Sum256(stored) }

// Game is the game of the event's round; "" if it has none.
func (e *Event) Game() string {
	if e.Round == nil {
		return ""
	}
	return games.NameOf(e.Round.Rules)
}

// room is the most that an action in the event's round could cost after it; 0 if the round is settled.
func (e *Event) room() coins {
	switch {
	case e.Round == nil || e.Round.Settled:
		return 0
	case e.Room != nil:
		return coins(*e.Room)
	}
	return coins(e.Coins)
}

// Tell returns the event in the form in which the feed passes it on.
func (e *Event) Tell() command.Event {
	v := command.Event{
		Seq: e.Seq, Time: at(e.Time), Kind: e.Kind.String(), Account: e.Account, Coins: games.Coins(e.Coins), HeldCoins: games.Coins(e.Held),
		Room:  e.room(),
		Until: at(e.Until), Reached: e.Reached,
	}
	if e.Act != nil {
		v.Act = new(command.Act(*e.Act))
	}
	if e.Round != nil {
		v.Round = new(command.Round)
		fillRound(v.Round, e.Account, e.Round)
		if e.Round.Settled {
			v.Round.SettledAt = v.Time
		}
	}
	return v
}

// TransferOf returns the i-th transfer of an event as the account sees it. ok is false if the transfer is not the account's.
func (e *Event) TransferOf(i int, id command.AccountID) (command.Transfer, bool) {
	t := e.Transfers[i]
	v := command.Transfer{ID: fmt.Sprintf("%d.%d", e.Seq, i), Time: at(e.Time), Kind: t.Kind, Game: e.Game()}
	if e.Round != nil {
		v.Round = e.Round.ID
	}
	switch ledger.Player(id) {
	case t.To:
		v.Amount, v.BalanceAfter = t.Amount, t.ToAfter
	case t.From:
		v.Amount, v.BalanceAfter = -t.Amount, t.FromAfter
	default:
		return v, false
	}
	return v, true
}

package command

import (
	"time"

	"imperio/games"
)

// Answers to commands, and the views that reads of the state return. Nothing is stored in this form. Answers have integer
// keys, since the leader sends them to the member that forwarded the command; see answers.go.

// AccountOpened answers OpenAccount.
type AccountOpened struct {
	Account Account  `cbor:"1,keyasint"`
	Session *Session `cbor:"2,keyasint,omitempty"` // nil if none was asked for
}

// SessionOpened answers OpenSession and CreateToken.
type SessionOpened struct {
	Account Account `cbor:"1,keyasint"`
	Session Session `cbor:"2,keyasint"`
}

// Account is an account without its secrets.
type Account struct {
	ID            AccountID   `cbor:"1,keyasint,omitempty"`
	Username      string      `cbor:"2,keyasint,omitempty"`
	Email         string      `cbor:"3,keyasint,omitempty"`
	Role          Role        `cbor:"4,keyasint,omitempty"`
	Coins         games.Coins `cbor:"5,keyasint,omitempty"` // free to play with
	HeldCoins     games.Coins `cbor:"6,keyasint,omitempty"` // staked in the open round
	OpenRound     RoundID     `cbor:"7,keyasint,omitempty"` // 0 if none
	Locked        bool        `cbor:"8,keyasint,omitempty"`
	CreatedAt     time.Time   `cbor:"9,keyasint,omitzero"`
	ExcludedUntil time.Time   `cbor:"10,keyasint,omitzero"` // zero: not excluded. See ForEver
	DailyNextAt   time.Time   `cbor:"11,keyasint,omitzero"` // when daily coins can be collected; zero: now
	DeletedAt     time.Time   `cbor:"12,keyasint,omitzero"` // zero: it is not deleted. A deleted account has no name
	// Nudges says whether pages may invite the player to anything; see nudges.go in package machine.
	Nudges bool `cbor:"13,keyasint,omitempty"`
}

// Invitation is one with which people can sign up.
type Invitation struct {
	ID        InvitationID
	UsesLeft  int
	CreatedAt time.Time
	ExpiresAt time.Time
	Actor     string // who made it
	Reason    string
}

// InvitationCreated answers CreateInvitation.
type InvitationCreated struct {
	ID        InvitationID `cbor:"1,keyasint,omitempty"`
	ExpiresAt time.Time    `cbor:"2,keyasint,omitzero"`
}

// PasswordLink answers CreatePasswordLink, and is what a link is checked against.
type PasswordLink struct {
	Link      TokenHash `cbor:"1,keyasint"`
	ExpiresAt time.Time `cbor:"2,keyasint,omitzero"`
}

// ForEver is the end of an exclusion that has none.
var ForEver = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Credentials are what a sign-in is checked against. They never leave the server.
type Credentials struct {
	Account      AccountID
	PasswordHash string
	Locked       bool
	Excluded     time.Time // end of the exclusion in force; zero if none
	OpenedUnder  Key       // the idempotency key of the sign-up
	// Networks are the networks from which the account's newest sessions were opened, the newest last; see NewSession.
	Networks []Subject
}

// Session is a signed-in client.
type Session struct {
	ID        SessionID `cbor:"1,keyasint,omitempty"`
	Account   AccountID `cbor:"2,keyasint,omitempty"`
	Role      Role      `cbor:"3,keyasint,omitempty"`
	CreatedAt time.Time `cbor:"4,keyasint,omitzero"`
	ExpiresAt time.Time `cbor:"5,keyasint,omitzero"`
	UserAgent string    `cbor:"6,keyasint,omitempty"`
	Address   string    `cbor:"7,keyasint,omitempty"`
	Name      string    `cbor:"8,keyasint,omitempty"` // of a personal access token
	Scopes    Scopes    `cbor:"9,keyasint,omitempty"` // of a personal access token; 0: a session, which may do everything
}

// Round is one round of a game: the wager, the draws, the payout, and what proves it.
type Round struct {
	ID         RoundID
	Account    AccountID
	Rules      string
	Wager      games.Wager
	Draws      []uint16 // secret until Settled, apart from what the game shows
	Staked     games.Coins
	Payout     games.Coins
	Settled    bool
	Allowed    []string // the actions allowed now; empty when settled
	OpenedAt   time.Time
	SettledAt  time.Time // zero while open
	Nonce      uint64
	Pair       uint32 // which seed pair of the account, from 0
	Commitment string // SHA-256 of the server seed, lowercase hex
	ClientSeed string
	ServerSeed []byte // nil until it is revealed by a rotation
}

// RoundResult answers PlaceWager, TakeAction and SettleAbandoned. Coins and Held are the balance after that command.
type RoundResult struct {
	Round Round
	Coins games.Coins
	Held  games.Coins
	// Room is the most that an action in the open round may cost then: what the balance and the player's own limits leave.
	// It is 0 when the round is settled.
	Room games.Coins
}

// TransferKind says why coins moved.
type TransferKind uint8

// The kinds of transfers. Their names are in API answers.
const (
	TransferWelcome  TransferKind = 1  // issue → player, at sign-up
	TransferStake    TransferKind = 2  // player → house or escrow, opens a round
	TransferRaise    TransferKind = 3  // player → escrow or house: double, split, insurance
	TransferSettle   TransferKind = 4  // escrow → house, when the round is settled
	TransferPayout   TransferKind = 5  // house → player
	TransferDaily    TransferKind = 6  // issue → player
	TransferGrant    TransferKind = 7  // issue → player, by an operator (or back)
	TransferClosing  TransferKind = 8  // player → issue, when the account is deleted
	TransferImport   TransferKind = 9  // issue → player, the balance in the casino that the account was imported from
	TransferReturned TransferKind = 10 // issue → player, the stakes of games that were open there
)

var transferNames = [...]string{
	TransferWelcome: "welcome", TransferStake: "stake", TransferRaise: "raise", TransferSettle: "settle",
	TransferPayout: "payout", TransferDaily: "daily", TransferGrant: "grant", TransferClosing: "closing",
	TransferImport: "import", TransferReturned: "returned",
}

// String is the name of the kind in the API.
func (k TransferKind) String() string {
	if int(k) < len(transferNames) && transferNames[k] != "" {
		return transferNames[k]
	}
	return "unknown"
}

// ParseTransferKind is the inverse of String.
func ParseTransferKind(name string) (TransferKind, bool) {
	for k, n := range transferNames {
		if n == name && n != "" {
			return TransferKind(k), true
		}
	}
	return 0, false
}

// Transfer is one movement of coins as its player sees it.
type Transfer struct {
	ID           string // "event.ordinal"
	Time         time.Time
	Kind         TransferKind
	Game         string  // "" where no game is concerned
	Round        RoundID // 0 where none is concerned
	Amount       games.Coins
	BalanceAfter games.Coins
}

// Page asks for a part of a list, newest first.
type Page struct {
	// Before is the next cursor of the previous page; 0 starts at the newest. A cursor is only valid for the list that it
	// came from.
	Before uint64
	// Limit is the most entries on the page, at least 1. A page may be shorter, even empty, without being the last: only a
	// next cursor of 0 ends the list.
	Limit int
	Game  string       // only entries of this game; "" for all
	Kind  TransferKind // only transfers of this kind; 0 for all
}

// Fairness is the state of an account's seeds.
type Fairness struct {
	Pair           uint32  `cbor:"1,keyasint,omitempty"` // number of the active pair, from 0
	Commitment     string  `cbor:"2,keyasint,omitempty"`
	NextCommitment string  `cbor:"3,keyasint,omitempty"`
	ClientSeed     string  `cbor:"4,keyasint,omitempty"`
	DefaultSeed    bool    `cbor:"5,keyasint,omitempty"` // the client seed is still the default one
	Nonce          uint64  `cbor:"6,keyasint,omitempty"`
	OpenRound      RoundID `cbor:"7,keyasint,omitempty"`
}

// RevealedPair is a seed pair that was rotated out.
type RevealedPair struct {
	Pair       uint32    `cbor:"1,keyasint,omitempty"`
	ServerSeed []byte    `cbor:"2,keyasint"`
	Commitment string    `cbor:"3,keyasint,omitempty"`
	ClientSeed string    `cbor:"4,keyasint,omitempty"`
	Rounds     uint64    `cbor:"5,keyasint,omitempty"` // nonces used: 0 … Rounds-1
	RevealedAt time.Time `cbor:"6,keyasint,omitzero"`
}

// SeedRotated answers RotateSeed.
type SeedRotated struct {
	Revealed RevealedPair `cbor:"1,keyasint"`
	Fairness Fairness     `cbor:"2,keyasint"`
}

// AccountsRenewed answers RenewAccounts.
type AccountsRenewed struct {
	Accounts int `cbor:"1,keyasint,omitempty"` // whose seeds were rotated
	Sessions int `cbor:"2,keyasint,omitempty"` // that were ended, with personal access tokens, and with expired ones that were still kept
}

// DailyCoins answers CollectDailyCoins.
type DailyCoins struct {
	Amount games.Coins `cbor:"1,keyasint,omitempty"`
	Coins  games.Coins `cbor:"2,keyasint,omitempty"`
	NextAt time.Time   `cbor:"3,keyasint,omitzero"`
}

// CoinsGranted answers GrantCoins.
type CoinsGranted struct {
	Amount games.Coins `cbor:"1,keyasint,omitempty"`
	Coins  games.Coins `cbor:"2,keyasint,omitempty"`
}

// GameStatistics sums up an account's settled rounds of one game.
type GameStatistics struct {
	Game       string
	Rounds     uint64
	Staked     games.Coins
	Paid       games.Coins
	BiggestWin games.Coins // the largest payout of a round above what it cost, less that cost
}

// Limits are a player's limits: those in force, and looser ones that take effect later.
type Limits struct {
	InForce LimitSet       `cbor:"1,keyasint"`
	Pending []PendingLimit `cbor:"2,keyasint"` // in the order of AllLimits
	// What counts against them, in the current UTC day, week (from Monday) and month. A stake counts in those in which it
	// leaves the balance; a payout in those in which its round was opened.
	StakedToday   games.Coins `cbor:"3,keyasint,omitempty"`
	LostToday     games.Coins `cbor:"4,keyasint,omitempty"`
	LostThisWeek  games.Coins `cbor:"5,keyasint,omitempty"`
	LostThisMonth games.Coins `cbor:"6,keyasint,omitempty"`
	// When the next UTC day, week and month begin, which count from 0.
	NextDay   time.Time `cbor:"7,keyasint,omitzero"`
	NextWeek  time.Time `cbor:"8,keyasint,omitzero"`
	NextMonth time.Time `cbor:"9,keyasint,omitzero"`
	// The current stretch of play: its first stake, and when it ends unless another stake is placed. Zero: there is none.
	PlaySince time.Time `cbor:"10,keyasint,omitzero"`
	PlayEnds  time.Time `cbor:"11,keyasint,omitzero"`
	// Room is the largest stake that would be taken now: what the balance and the limits leave; at least 0.
	Room games.Coins `cbor:"12,keyasint,omitempty"`
}

// PendingLimit is a looser limit that waits.
type PendingLimit struct {
	Limit Limit     `cbor:"1,keyasint,omitempty"`
	Value int64     `cbor:"2,keyasint,omitempty"` // 0: no limit
	From  time.Time `cbor:"3,keyasint,omitzero"`
}

// Exclusion answers Exclude.
type Exclusion struct {
	Until time.Time `cbor:"1,keyasint,omitzero"` // ForEver: no end
}

// LockHeld answers AcquireLock.
type LockHeld struct {
	Fence   uint64    `cbor:"1,keyasint,omitempty"`
	Expires time.Time `cbor:"2,keyasint,omitzero"`
}

// Stored answers a read of a house value.
type Stored struct {
	Value    []byte
	Modified time.Time
}

// Figures are the sums of the whole casino, for metrics and health.
type Figures struct {
	Accounts   uint64
	Sessions   uint64
	OpenRounds uint64
	Events     uint64
	LedgerSum  games.Coins // always 0
	Escrow     games.Coins
	Issue      games.Coins // negative: all coins ever granted
	Players    games.Coins // all players' balances
	Houses     map[string]GameFigures
}

// GameFigures are the sums of one game.
type GameFigures struct {
	Rounds  uint64
	Staked  games.Coins
	Paid    games.Coins
	Balance games.Coins
}

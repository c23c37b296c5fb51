package command

import (
	"time"

	"imperio/games"
)

// Answers to commands, and the views that reads of the state return. Nothing is stored in this form.

// AccountOpened answers OpenAccount.
type AccountOpened struct {
	Account Account
	Session *Session // nil if none was asked for
}

// SessionOpened answers OpenSession and CreateToken.
type SessionOpened struct {
	Account Account
	Session Session
}

// Account is an account without its secrets.
type Account struct {
	ID            AccountID
	Username      string
	Email         string
	Role          Role
	Coins         games.Coins // free to play with
	HeldCoins     games.Coins // staked in the open round
	OpenRound     RoundID     // 0 if none
	Locked        bool
	CreatedAt     time.Time
	ExcludedUntil time.Time // zero: not excluded. See ForEver
	DailyNextAt   time.Time // when daily coins can be collected; zero: now
	DeletedAt     time.Time // zero: it is not deleted. A deleted account has no name
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
	ID        InvitationID
	ExpiresAt time.Time
}

// PasswordLink answers CreatePasswordLink, and is what a link is checked against.
type PasswordLink struct {
	Link      TokenHash
	ExpiresAt time.Time
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
	ID        SessionID
	Account   AccountID
	Role      Role
	CreatedAt time.Time
	ExpiresAt time.Time
	UserAgent string
	Address   string
	Name      string // of a personal access token
	Scopes    Scopes // of a personal access token; 0: a session, which may do everything
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
	Pair           uint32 // number of the active pair, from 0
	Commitment     string
	NextCommitment string
	ClientSeed     string
	DefaultSeed    bool // the client seed is still the default one
	Nonce          uint64
	OpenRound      RoundID
}

// RevealedPair is a seed pair that was rotated out.
type RevealedPair struct {
	Pair       uint32
	ServerSeed []byte
	Commitment string
	ClientSeed string
	Rounds     uint64 // nonces used: 0 … Rounds-1
	RevealedAt time.Time
}

// SeedRotated answers RotateSeed.
type SeedRotated struct {
	Revealed RevealedPair
	Fairness Fairness
}

// AccountsRenewed answers RenewAccounts.
type AccountsRenewed struct {
	Accounts int // whose seeds were rotated
	Sessions int // that were ended, with personal access tokens, and with expired ones that were still kept
}

// DailyCoins answers CollectDailyCoins.
type DailyCoins struct {
	Amount games.Coins
	Coins  games.Coins
	NextAt time.Time
}

// CoinsGranted answers GrantCoins.
type CoinsGranted struct {
	Amount games.Coins
	Coins  games.Coins
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
	InForce LimitSet
	Pending []PendingLimit // in the order of AllLimits
	// What counts against them, in the current UTC day, week (from Monday) and month. A stake counts in those in which it
	// leaves the balance; a payout in those in which its round was opened.
	StakedToday   games.Coins
	LostToday     games.Coins
	LostThisWeek  games.Coins
	LostThisMonth games.Coins
	// When the next UTC day, week and month begin, which count from 0.
	NextDay   time.Time
	NextWeek  time.Time
	NextMonth time.Time
	// The current stretch of play: its first stake, and when it ends unless another stake is placed. Zero: there is none.
	PlaySince time.Time
	PlayEnds  time.Time
	// Room is the largest stake that would be taken now: what the balance and the limits leave; at least 0.
	Room games.Coins
}

// PendingLimit is a looser limit that waits.
type PendingLimit struct {
	Limit Limit
	Value int64 // 0: no limit
	From  time.Time
}

// Exclusion answers Exclude.
type Exclusion struct {
	Until time.Time // ForEver: no end
}

// LockHeld answers AcquireLock.
type LockHeld struct {
	Fence   uint64
	Expires time.Time
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

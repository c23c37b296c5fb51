package machine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// The stored records, as CBOR with integer keys. Released keys never change their meaning: golden vectors in the tests guard
// them. All times are Unix milliseconds; 0 means none.

// Record is the machine's own record; a casino has one.
type Record struct {
	Events      uint64            `cbor:"3,keyasint"` // number of the newest event, from 1
	Head        [32]byte          `cbor:"4,keyasint"` // the newest event's hash
	Time        int64             `cbor:"5,keyasint"` // the casino's time, as of the newest entry; never goes back
	NextAccount command.AccountID `cbor:"6,keyasint"`
	NextFence   uint64            `cbor:"7,keyasint"`
	Books       ledger.Books      `cbor:"8,keyasint"`
	Sessions    uint64            `cbor:"9,keyasint"` // that are valid at Time
	OpenRounds  uint64            `cbor:"10,keyasint"`
	Games       GameRecords       `cbor:"11,keyasint,omitempty"`
	Level       uint32            `cbor:"13,keyasint"`           // the feature level; see levels.go
	Program     string            `cbor:"14,keyasint,omitempty"` // the version of the program that raised it
	KeysFrom    uint32            `cbor:"15,keyasint,omitempty"` // the oldest run of used keys that is kept; see keyindex.go
	Key         command.KeyID     `cbor:"16,keyasint"`           // of the casino's key, which secrets are sealed with
	SessionsEnd int64             `cbor:"17,keyasint,omitempty"` // no session expires before; 0: none does. See sessionends.go
	Lineage     string            `cbor:"18,keyasint,omitempty"` // the lineage of the history; "": the first one. See lineage.go
	Season      uint32            `cbor:"19,keyasint,omitempty"` // the newest season; 0: there was none. See seasons.go
	InSeason    bool              `cbor:"20,keyasint,omitempty"` // whether it is running
	TakingPart  uint64            `cbor:"21,keyasint,omitempty"` // accounts that take part in seasons
}

// GameRecord sums up the settled rounds of one game, for one player or for the whole casino.
type GameRecord struct {
	_       struct{} `cbor:",toarray"`
	Game    uint16   // its number in the catalogue
	Rounds  uint64
	Staked  games.Coins
	Paid    games.Coins
	Biggest games.Coins // the largest win: payout less what the round cost
	Last    uint64      // of one player: the newest event of a round of the game, settled or not; see chains.go
}

// GameRecords are the sums of games, sorted by number. Games without a round are left out, so a new game changes no
// record before it is played.
type GameRecords []GameRecord

// Of is the sum of a game.
func (g GameRecords) Of(game uint16) GameRecord {
	if i, ok := g.find(game); ok {
		return g[i]
	}
	return GameRecord{Game: game}
}

func (g GameRecords) find(game uint16) (int, bool) {
	return slices.BinarySearchFunc(g, game, func(have GameRecord, want uint16) int { return cmp.Compare(have.Game, want) })
}

// With returns a copy that also counts a settled round of a game.
func (g GameRecords) With(game uint16, r *RoundRecord) GameRecords {
	i, ok := g.find(game)
	if ok {
		g = slices.Clone(g)
	} else {
		g = slices.Insert(slices.Clip(g), i, GameRecord{Game: game})
	}
	s := &g[i]
	s.Rounds++
	s.Staked += r.Staked
	s.Paid += r.Payout
	s.Biggest = max(s.Biggest, r.Payout-r.Staked)
	return g
}

// AccountRecord holds what a bet does not change in an account.
type AccountRecord struct {
	Username     string       `cbor:"1,keyasint"`
	UsernameKey  string       `cbor:"2,keyasint"`
	Email        string       `cbor:"3,keyasint,omitempty"`
	EmailKey     string       `cbor:"4,keyasint,omitempty"`
	PasswordHash string       `cbor:"5,keyasint,omitempty"` // sealed
	Role         command.Role `cbor:"6,keyasint"`
	CreatedAt    int64        `cbor:"7,keyasint"`
	OpenedUnder  command.Key  `cbor:"8,keyasint,omitzero"` // the idempotency key of the sign-up
	// Networks are keyed hashes of the networks from which the newest sessions were opened, the newest last.
	Networks []command.Subject `cbor:"9,keyasint,omitempty"`
	// Link is the hash of a one-time link with which the password can be set until LinkExpires.
	Link        command.TokenHash `cbor:"10,keyasint,omitzero"`
	LinkExpires int64             `cbor:"11,keyasint,omitempty"`
	DeletedAt   int64             `cbor:"12,keyasint,omitempty"` // all else is empty then, apart from role and times
	// Mark is a keyed hash of the name that an imported account had in another casino's database.
	Mark command.Subject `cbor:"13,keyasint,omitzero"`
}

// WalletRecord holds what a bet changes in an account.
type WalletRecord struct {
	Balance       games.Coins     `cbor:"1,keyasint"`
	Held          games.Coins     `cbor:"2,keyasint,omitempty"` // staked in the open round
	Nonce         uint64          `cbor:"3,keyasint"`           // of the next round
	Last          uint64          `cbor:"4,keyasint"`           // newest event of the account's chain
	OpenRound     command.RoundID `cbor:"5,keyasint,omitempty"`
	Locked        bool            `cbor:"6,keyasint,omitempty"`
	ExcludedUntil int64           `cbor:"7,keyasint,omitempty"`
	Limited       bool            `cbor:"8,keyasint,omitempty"` // has a limitsRecord
	DailyNext     int64           `cbor:"9,keyasint,omitempty"`
	Usage         UsageRecord     `cbor:"10,keyasint"`
	Games         GameRecords     `cbor:"11,keyasint,omitempty"`
	LastCoins     uint64          `cbor:"12,keyasint,omitempty"` // newest event of the short chain CoinsChain
	Deleted       bool            `cbor:"13,keyasint,omitempty"` // nothing happens in it any more
	Entry         command.EntryID `cbor:"14,keyasint,omitempty"` // takes part in seasons under it; see seasons.go
	Achieved      Achievements    `cbor:"15,keyasint,omitempty"` // those that the ProfileRecord lists
}

// UsageRecord holds the sums that a player's own limits are compared with. Days are numbered from 1970-01-01 UTC.
type UsageRecord struct {
	_         struct{} `cbor:",toarray"`
	Day       int64
	Staked    games.Coins // on Day
	Lost      games.Coins // on Day: stakes that left on it, less payouts of rounds that were opened on it
	LostWeek  games.Coins // in the week of Day, from Monday
	LostMonth games.Coins // in the month of Day
	PlaySince int64       // when the current stretch of play began
	PlayLast  int64       // the newest bet of it
}

type limitsRecord struct {
	InForce command.LimitSet `cbor:"1,keyasint"`
	Pending []pendingRecord  `cbor:"2,keyasint,omitempty"` // looser ones that wait, in the order of command.AllLimits
}

type pendingRecord struct {
	_     struct{} `cbor:",toarray"`
	Limit command.Limit
	Value int64 // 0: no limit
	From  int64
}

// SeedsRecord holds an account's seeds, which are secret until a rotation reveals them.
type SeedsRecord struct {
	Pair       uint32             `cbor:"1,keyasint"`
	Server     command.SealedSeed `cbor:"2,keyasint"`
	Next       command.SealedSeed `cbor:"3,keyasint"`
	Client     string             `cbor:"4,keyasint"`
	Default    bool               `cbor:"5,keyasint,omitempty"`
	FirstEvent uint64             `cbor:"6,keyasint"` // the event that made the pair active
}

// PairRecord is a seed pair that a rotation revealed.
type PairRecord struct {
	Server     command.Seed `cbor:"1,keyasint"`
	Client     string       `cbor:"2,keyasint"`
	Rounds     uint64       `cbor:"3,keyasint"`
	RevealedAt int64        `cbor:"4,keyasint"`
}

type sessionRecord struct {
	ID        command.SessionID `cbor:"1,keyasint"`
	Account   command.AccountID `cbor:"2,keyasint"`
	Role      command.Role      `cbor:"3,keyasint"`
	CreatedAt int64             `cbor:"4,keyasint"`
	ExpiresAt int64             `cbor:"5,keyasint"`
	UserAgent string            `cbor:"6,keyasint,omitempty"`
	Address   string            `cbor:"7,keyasint,omitempty"`
	Name      string            `cbor:"8,keyasint,omitempty"`
	Scopes    command.Scopes    `cbor:"9,keyasint,omitempty"`
}

type sessionRef struct {
	_         struct{} `cbor:",toarray"`
	ID        command.SessionID
	Token     command.TokenHash
	ExpiresAt int64
	Personal  bool              // a personal access token
	Launcher  command.SessionID // the session that has launched it, and with which it ends; 0: none
}

type invitationRecord struct {
	ID        command.InvitationID `cbor:"1,keyasint"`
	UsesLeft  int                  `cbor:"2,keyasint"`
	CreatedAt int64                `cbor:"3,keyasint"`
	ExpiresAt int64                `cbor:"4,keyasint"`
	Actor     string               `cbor:"5,keyasint"`
	Reason    string               `cbor:"6,keyasint,omitempty"`
}

// RoundRecord is a round after an event. The draws of an open round are not stored, since they hold what its player
// may not see yet: they follow from the server seed, which is sealed.
type RoundRecord struct {
	ID       command.RoundID `cbor:"1,keyasint"`
	Rules    string          `cbor:"2,keyasint"`
	Stake    games.Coins     `cbor:"3,keyasint"`
	Bets     []games.Bet     `cbor:"4,keyasint,omitempty"`
	Actions  []string        `cbor:"5,keyasint,omitempty"`
	Draws    []uint16        `cbor:"6,keyasint,omitempty"`
	Staked   games.Coins     `cbor:"7,keyasint"`
	Payout   games.Coins     `cbor:"8,keyasint,omitempty"`
	Settled  bool            `cbor:"9,keyasint,omitempty"`
	Allowed  []string        `cbor:"10,keyasint,omitempty"`
	Nonce    uint64          `cbor:"11,keyasint"`
	Pair     uint32          `cbor:"12,keyasint"`
	OpenedAt int64           `cbor:"13,keyasint"`
}

// stored is the record as it is kept.
func (r *RoundRecord) stored() RoundRecord {
	s := *r
	if !s.Settled {
		s.Draws = nil
	}
	return s
}

// Wager is what the player has decided so far.
func (r *RoundRecord) Wager() games.Wager {
	return games.Wager{Stake: r.Stake, Bets: r.Bets, Actions: r.Actions}
}

// OpenRoundRecord is a round that waits for its player's decisions.
type OpenRoundRecord struct {
	Account command.AccountID `cbor:"1,keyasint"`
	Round   RoundRecord       `cbor:"2,keyasint"`
	ActedAt int64             `cbor:"3,keyasint"` // when its player dealt it, or took the last action
}

// ProfileRecord is what an account says of itself to others, and what it has reached.
type ProfileRecord struct {
	Avatar    string              `cbor:"1,keyasint,omitempty"` // empty: the first of command.Avatars
	ShownName string              `cbor:"2,keyasint,omitempty"` // empty: the username
	ShownKey  string              `cbor:"3,keyasint,omitempty"` // under which it is reserved; empty: it is a spelling of the username
	Achieved  []AchievementRecord `cbor:"4,keyasint,omitempty"` // oldest first
	// Past are earlier entries of an account that has left, under which seasons that have ended may list it. Oldest first.
	Past []command.EntryID `cbor:"5,keyasint,omitempty"`
}

// AchievementRecord is an achievement that was reached.
type AchievementRecord struct {
	_           struct{} `cbor:",toarray"`
	Achievement command.Achievement
	At          int64
	Round       command.RoundID // 0: it was no round
}

// SeasonRecord is one season.
type SeasonRecord struct {
	Began   int64    `cbor:"1,keyasint"`
	From    uint64   `cbor:"2,keyasint"`           // the event that began it
	Ended   int64    `cbor:"3,keyasint,omitempty"` // 0: it is running
	To      uint64   `cbor:"4,keyasint,omitempty"` // the event that ended it
	Players uint64   `cbor:"5,keyasint,omitempty"` // with at least one round
	Digest  [32]byte `cbor:"6,keyasint,omitzero"`
	// Top are the best of each command.Board when it ended, best first.
	Top [command.Boards][]command.EntryID `cbor:"7,keyasint,omitzero"`
}

// EntryRecord is a player's figures in one season.
type EntryRecord struct {
	_       struct{} `cbor:",toarray"`
	Account command.AccountID
	Rounds  uint64
	Staked  games.Coins
	Paid    games.Coins
	// The round with the largest payout for each coin staked, the earliest if several are alike; zero if no round paid anything.
	BestPayout games.Coins
	BestStaked games.Coins
	BestRound  command.RoundID
	Last       uint64 // the event that settled the newest of the rounds
}

type valueRecord struct {
	Value    []byte `cbor:"1,keyasint"`
	Modified int64  `cbor:"2,keyasint"`
}

type lockRecord struct {
	Holder  string `cbor:"1,keyasint"`
	Fence   uint64 `cbor:"2,keyasint"`
	Expires int64  `cbor:"3,keyasint"`
}

var (
	encMode = func() cbor.EncMode {
		m, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			panic(err) // the options are constant
		}
		return m
	}()
	// CheckLevel refuses a newer program's state before any other record is read.
	decMode = decoder(cbor.ExtraDecErrorUnknownField)
	// headMode reads the machine's record, which has the level.
	headMode = decoder(cbor.ExtraDecErrorNone)
)

func decoder(unknown cbor.ExtraDecErrorCond) cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		ExtraReturnErrors: unknown,
		MaxArrayElements:  1 << 20, MaxMapPairs: 1 << 16,
		UTF8: cbor.UTF8DecodeInvalid, // whatever was stored must load
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}

func encode(v any) ([]byte, error) {
	data, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}

// at converts a stored time; 0 gives the zero time.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// At is the time of the newest command; zero before the first.
func (r *Record) At() time.Time { return at(r.Time) }

// Encode returns the record in its stored form.
func (r *Record) Encode() ([]byte, error) { return encode(r) }

// DecodeRecord reads a stored record. It ignores fields that a newer program may have written; see CheckLevel.
func DecodeRecord(data []byte) (Record, error) {
	var r Record
	if err := headMode.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read the machine's record: %w", err)
	}
	return r, nil
}

// NewRecord is the record of a new casino, whose key has this id.
func NewRecord(key command.KeyID) Record {
	return Record{NextAccount: command.FirstAccountID, Level: NewestLevel, Key: key}
}

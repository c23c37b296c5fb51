package command

import (
	"fmt"
	"time"

	"imperio/games"
)

// CloseSeason ends the running season, and may begin the next one. It is refused before the season's month is over, unless an
// operator ends it early. No answer.
type CloseSeason struct {
	Season uint32 `cbor:"1,keyasint,omitempty"` // the running season; 0: none is running
	Begin  bool   `cbor:"2,keyasint,omitempty"` // whether another season begins
	Actor  string `cbor:"3,keyasint,omitempty"` // the operator who ends it early; empty: the house, when it is due
	Reason string `cbor:"4,keyasint,omitempty"`
}

// Board is an order in which the players of a season are ranked. The numbers are stored.
type Board uint8

// The boards.
const (
	BoardNet        Board = 0 // what was paid, less what was staked
	BoardMultiplier Board = 1 // the largest payout of a round for each coin staked in it
	BoardRounds     Board = 2 // settled rounds
	Boards                = 3
)

var boardNames = [Boards]string{"net", "multiplier", "rounds"}

// String is the name of the board in the API.
func (b Board) String() string {
	if b < Boards {
		return boardNames[b]
	}
	return fmt.Sprintf("board_%d", uint8(b))
}

// ParseBoard is the inverse of String.
func ParseBoard(name string) (Board, bool) {
	for b, n := range boardNames {
		if n == name {
			return Board(b), true
		}
	}
	return 0, false
}

// Season is one season.
type Season struct {
	Number  uint32
	BeganAt time.Time
	EndedAt time.Time // zero: it is running
	Players uint64    // with at least one round; 0 while it is running
	Digest  [32]byte  // of the final standings; see machine.SeasonDigest. Zero while it is running
}

// SeasonPlayer is a player in a season.
type SeasonPlayer struct {
	Entry     EntryID
	Account   AccountID
	ShownName string // empty: the account is deleted
	Avatar    string // empty: the account is deleted
	Public    bool   // the player still takes part under this entry, so that her rounds are public
	Rounds    uint64
	Staked    games.Coins
	Paid      games.Coins
	// The round with the largest payout for each coin staked; zero if no round paid anything.
	BestPayout games.Coins
	BestStaked games.Coins
	BestRound  RoundID
}

// Ranked is a player with a place on a board; 0: the place is not told.
type Ranked struct {
	Rank int
	SeasonPlayer
}

// Standings are a board of a season.
type Standings struct {
	Season  Season
	AsOf    time.Time // by the casino's time; zero for a season that has ended
	Players uint64    // that have at least one round in the season
	List    []Ranked
	Own     *Ranked // of whoever asks; nil: she has no round in the season
}

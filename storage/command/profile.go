package command

import (
	"fmt"
	"time"
)

// Avatars are the names of the drawn avatars that players choose from. The first one is everybody's until they choose. Names
// are stored: none is ever removed.
var Avatars = []string{"laurel", "cherry", "lemon", "apple", "banana", "coin", "chip", "crown", "column", "amphora", "lyre", "owl"}

// SetProfile sets what others see of a player, and whether the player takes part in seasons. Leaving removes the player from
// the running season's boards at once, and deletes the figures. No answer.
type SetProfile struct {
	Avatar string `cbor:"1,keyasint"`
	// ShownName is shown in place of the username; empty: the username is shown. ShownKey is what must be unique, folded as
	// usernames are.
	ShownName string `cbor:"2,keyasint,omitempty"`
	ShownKey  string `cbor:"3,keyasint,omitempty"`
	InSeasons bool   `cbor:"4,keyasint,omitempty"`
}

// EntryID names a player in boards: the number of the event by which she began to take part. It says nothing of the account.
type EntryID uint64

// Profile is what an account says of itself to others.
type Profile struct {
	Avatar       string
	ShownName    string
	InSeasons    bool
	Entry        EntryID // 0: takes no part in seasons
	Achievements []Achieved
}

// Achieved is an achievement that a player has reached.
type Achieved struct {
	Achievement Achievement
	At          time.Time
	Round       RoundID // 0: it was no round
}

// Achievement names an achievement. The numbers are stored.
type Achievement uint8

// The achievements. None rewards high stakes, losses, speed or long play: that is a condition for new ones. The rules are in
// storage/machine/achievements.go.
const (
	FirstSpin       Achievement = 1
	FirstWheel      Achievement = 2
	FirstHand       Achievement = 3
	AllThreeGames   Achievement = 4
	Natural         Achievement = 5
	SingleNumber    Achievement = 6
	ThreeCherries   Achievement = 7
	ThreeApples     Achievement = 8
	BothSplitHands  Achievement = 9
	OwnSeed         Achievement = 10
	InSeason        Achievement = 11
	lastAchievement             = InSeason
)

var achievementNames = [...]string{
	FirstSpin: "first_spin", FirstWheel: "first_wheel", FirstHand: "first_hand", AllThreeGames: "all_three_games", Natural: "natural",
	SingleNumber: "single_number", ThreeCherries: "three_cherries", ThreeApples: "three_apples", BothSplitHands: "both_split_hands",
	OwnSeed: "own_seed", InSeason: "in_season",
}

// String is the name of the achievement in the API.
func (a Achievement) String() string {
	if a >= FirstSpin && a <= lastAchievement {
		return achievementNames[a]
	}
	return fmt.Sprintf("achievement_%d", uint8(a))
}

// AllAchievements lists all achievements, in the order of their numbers.
func AllAchievements() (all []Achievement) {
	for a := FirstSpin; a <= lastAchievement; a++ {
		all = append(all, a)
	}
	return all
}

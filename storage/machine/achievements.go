package machine

import (
	"fmt"
	"math/bits"
	"slices"

	"imperio/games"
	"imperio/games/blackjack"
	"imperio/games/roulette"
	"imperio/games/slots"
	"imperio/storage/command"
)

// The rules of achievements. An event that reaches some lists them (Event.Reached), and the account's profile keeps them with
// time and round. None rewards high stakes, losses, speed or long play. A rule only reads the round, and what the account has
// reached and played before, so that the audit can apply it again.

// Achievements is a set: bit n stands for the achievement with the number n.
type Achievements uint32

func setOf(list ...command.Achievement) (s Achievements) {
	for _, a := range list {
		s |= 1 << a
	}
	return s
}

// Has reports whether an achievement is in the set.
func (s Achievements) Has(a command.Achievement) bool { return s&setOf(a) != 0 }

// With adds achievements to the set.
func (s Achievements) With(list ...command.Achievement) Achievements { return s | setOf(list...) }

// Count is the size of the set.
func (s Achievements) Count() int { return bits.OnesCount32(uint32(s)) }

// byGame are the achievements that a round of a game can reach. For most rounds nothing else is looked at.
var byGame = map[string]Achievements{
	"slots":     setOf(command.FirstSpin, command.AllThreeGames, command.ThreeCherries, command.ThreeApples),
	"roulette":  setOf(command.FirstWheel, command.AllThreeGames, command.SingleNumber),
	"blackjack": setOf(command.FirstHand, command.AllThreeGames, command.Natural, command.BothSplitHands),
}

// firsts are the achievements of the first round of each game. Whoever has all has tried all games.
var firsts = setOf(command.FirstSpin, command.FirstWheel, command.FirstHand)

// AchievedByRound lists what an account reaches with a settled round, in the order of the numbers. had is what it had reached
// before.
func AchievedByRound(had Achievements, version *games.Version, r *RoundRecord) ([]command.Achievement, error) {
	left := byGame[version.Of().Name] &^ had
	if left == 0 {
		return nil, nil
	}
	var got []command.Achievement
	now := had
	reach := func(a command.Achievement) {
		if left.Has(a) {
			got, now = append(got, a), now.With(a)
		}
	}
	var err error
	switch version.Of().Name {
	case "slots":
		reach(command.FirstSpin)
		err = spun(left, version, r, reach)
	case "roulette":
		reach(command.FirstWheel)
		err = wheeled(left, version, r, reach)
	case "blackjack":
		reach(command.FirstHand)
		err = dealt(left, version, r, reach)
	}
	if now&firsts == firsts {
		reach(command.AllThreeGames)
	}
	if err != nil {
		return nil, fmt.Errorf("look for achievements in round %d: %w", r.ID, err)
	}
	slices.Sort(got)
	return got, nil
}

// spun looks at a spin of the slots: three alike.
func spun(left Achievements, version *games.Version, r *RoundRecord, reach func(command.Achievement)) error {
	if r.Payout == 0 || left&setOf(command.ThreeCherries, command.ThreeApples) == 0 {
		return nil
	}
	o, err := outcomeOf[slots.Outcome](version, r)
	if err != nil || o.Symbols[0] != o.Symbols[1] || o.Symbols[1] != o.Symbols[2] {
		return err
	}
	switch o.Symbols[0] {
	case slots.Cherry:
		reach(command.ThreeCherries)
	case slots.Apple:
		reach(command.ThreeApples)
	}
	return nil
}

// wheeled looks at a spin of the wheel: a bet on the single number that came.
func wheeled(left Achievements, version *games.Version, r *RoundRecord, reach func(command.Achievement)) error {
	if r.Payout == 0 || !left.Has(command.SingleNumber) {
		return nil
	}
	o, err := outcomeOf[roulette.Outcome](version, r)
	for _, b := range o.Bets {
		if len(b.Numbers) == 1 && b.Payout > 0 {
			reach(command.SingleNumber)
		}
	}
	return err
}

// dealt looks at a hand of blackjack: a natural, even if the dealer has one, too; and two hands of a split that both win.
func dealt(left Achievements, version *games.Version, r *RoundRecord, reach func(command.Achievement)) error {
	split := slices.Contains(r.Actions, "split")
	if r.Payout == 0 || !(split && left.Has(command.BothSplitHands)) && !(!split && left.Has(command.Natural)) {
		return nil
	}
	o, err := outcomeOf[blackjack.Outcome](version, r)
	if err != nil {
		return err
	}
	if !split {
		if h := o.Hands; len(h) == 1 && len(h[0].Cards) == 2 && h[0].Total == 21 {
			reach(command.Natural)
		}
		return nil
	}
	won := 0
	for _, h := range o.Hands {
		if h.Result != nil && *h.Result == "win" {
			won++
		}
	}
	if won >= 2 && won == len(o.Hands) {
		reach(command.BothSplitHands)
	}
	return nil
}

// outcomeOf is the outcome of a round, of its game's type.
func outcomeOf[T any](version *games.Version, r *RoundRecord) (o T, err error) {
	v, err := version.Describe(r.Draws, r.Wager())
	if err != nil {
		return o, err
	}
	o, ok := v.(T)
	if !ok {
		err = fmt.Errorf("rules %s give a %T", r.Rules, v)
	}
	return o, err
}

// AchievedByRotation reports whether an account reaches OwnSeed with a client seed that it has chosen.
func AchievedByRotation(had Achievements, id command.AccountID, client string) bool {
	return !had.Has(command.OwnSeed) && client != defaultClientSeed(id)
}

// AchievedByJoining reports whether an account reaches InSeason when it begins to take part.
func AchievedByJoining(had Achievements) bool { return !had.Has(command.InSeason) }

// reachByRound records what an account reaches with a settled round, in its event e. The caller stores w.
func (m *Machine) reachByRound(id command.AccountID, w *WalletRecord, r *RoundRecord, e *Event) error {
	version, known := m.house.Games.Version(r.Rules)
	if !known {
		return unknownRules(r.Rules)
	}
	var err error
	if e.Reached, err = AchievedByRound(w.Achieved, version, r); err != nil {
		return err
	}
	return m.reach(id, w, r.ID, e.Reached)
}

// reach stores achievements in the account's profile. The caller stores w.
func (m *Machine) reach(id command.AccountID, w *WalletRecord, round command.RoundID, reached []command.Achievement) error {
	if len(reached) == 0 {
		return nil
	}
	p, err := m.profileOf(id)
	if err != nil {
		return err
	}
	for _, a := range reached {
		p.Achieved = append(p.Achieved, AchievementRecord{Achievement: a, At: m.now, Round: round})
	}
	w.Achieved = w.Achieved.With(reached...)
	return m.putProfile(id, &p)
}

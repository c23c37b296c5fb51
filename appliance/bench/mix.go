package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// The games, by their names in the API.
const (
	slots     = "slots"
	roulette  = "roulette"
	blackjack = "blackjack"
)

// Mix says how often each game is played, as shares of all rounds: shares 3 and 1 mean three rounds of four.
type Mix struct {
	Slots, Roulette, Blackjack int
}

// UnmarshalText parses games with their shares: slots=1 or slots=2,roulette=1,blackjack=1.
func (m *Mix) UnmarshalText(text []byte) error {
	var mix Mix
	for part := range strings.SplitSeq(string(text), ",") {
		game, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		share, err := strconv.Atoi(number)
		if err != nil || share < 0 || share > 1000 {
			return fmt.Errorf("%q: give each game a share from 0 to 1000, such as slots=2,roulette=1,blackjack=1", part)
		}
		switch game {
		case slots:
			mix.Slots = share
		case roulette:
			mix.Roulette = share
		case blackjack:
			mix.Blackjack = share
		default:
			return fmt.Errorf("%q is not a game: give slots, roulette or blackjack", game)
		}
	}
	*m = mix
	return m.validate()
}

func (m Mix) validate() error {
	if m.Slots+m.Roulette+m.Blackjack <= 0 {
		return errors.New("a mix needs a game with a share above 0")
	}
	return nil
}

func (m Mix) String() string {
	var parts []string
	for _, game := range []struct {
		name  string
		share int
	}{{slots, m.Slots}, {roulette, m.Roulette}, {blackjack, m.Blackjack}} {
		if game.share > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", game.name, game.share))
		}
	}
	return strings.Join(parts, ",")
}

// draw picks a game.
func (m Mix) draw(random *rand.Rand) string {
	n := random.IntN(m.Slots + m.Roulette + m.Blackjack)
	switch {
	case n < m.Slots:
		return slots
	case n < m.Slots+m.Roulette:
		return roulette
	}
	return blackjack
}

// rouletteBets are bets of each kind; a spin places one of them.
var rouletteBets = []string{
	`{"type":"red","amount":%d}`,
	`{"type":"even","amount":%d}`,
	`{"type":"low","amount":%d}`,
	`{"type":"dozen","selection":2,"amount":%d}`,
	`{"type":"column","selection":3,"amount":%d}`,
	`{"type":"straight","numbers":[17],"amount":%d}`,
	`{"type":"straight","numbers":[0],"amount":%d}`,
	`{"type":"split","numbers":[8,11],"amount":%d}`,
	`{"type":"street","numbers":[13,14,15],"amount":%d}`,
	`{"type":"corner","numbers":[25,26,28,29],"amount":%d}`,
	`{"type":"six_line","numbers":[31,32,33,34,35,36],"amount":%d}`,
}

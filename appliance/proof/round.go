// Package proof recomputes rounds from their seeds and shows every step. It also prints the mathematics of the games. It
// implements "imperio fair" and "imperio odds", and needs no server, no network and no data directory.
package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"strings"

	"imperio/games"
	"imperio/games/fair"
)

// Round is the input of a round, and what the house said about its result. It has the JSON form of a round in
// GET /api/v1/me/rounds/{id}; other fields are ignored.
type Round struct {
	Rules      string      `json:"rules"`
	Nonce      *uint64     `json:"nonce"` // nil if missing, since 0 is a valid nonce
	ClientSeed string      `json:"client_seed"`
	ServerSeed string      `json:"server_seed"` // 64 hexadecimal digits; empty until revealed
	Stake      games.Coins `json:"stake"`
	Bets       []games.Bet `json:"bets"`
	Actions    []string    `json:"actions"` // nil if missing

	// What the house said about the result. Fields that are nil or empty are not compared.
	Commitment string          `json:"commitment"`
	Staked     *games.Coins    `json:"staked"`
	Payout     *games.Coins    `json:"payout"`
	Settled    *bool           `json:"settled"`
	Outcome    json.RawMessage `json:"outcome"`
}

// maxRoundBytes bounds the JSON of a round. The API's rounds are below 64 KiB.
const maxRoundBytes = 1 << 20

// ReadRound reads the JSON of one round, alone or in the field "round" of an answer that opened it.
func ReadRound(r io.Reader) (Round, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRoundBytes+1))
	if err != nil {
		return Round{}, fmt.Errorf("read the round: %w", err)
	}
	if len(data) > maxRoundBytes {
		return Round{}, fmt.Errorf("this is not a round: it is larger than %d bytes", maxRoundBytes)
	}
	var answer struct {
		Round json.RawMessage `json:"round"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Round{}, fmt.Errorf("this is not the JSON of a round: %w", err)
	}
	if len(answer.Round) > 0 && string(answer.Round) != "null" {
		data = answer.Round
	}
	var round Round
	if err := json.Unmarshal(data, &round); err != nil {
		return Round{}, fmt.Errorf("this is not the JSON of a round: %w", err)
	}
	return round, nil
}

// complete refuses a round with missing input. A default instead would give another round, and wrongly accuse the house
// of cheating. bets says that the game takes bets.
func (r *Round) complete(bets bool) error {
	missing := func(field, flag string) error {
		return fmt.Errorf("the round has no %s: use the answer of GET /api/v1/me/rounds/{id}, or give %s", field, flag)
	}
	switch {
	case r.Rules == "":
		return missing("rules", "--rules")
	case r.ServerSeed == "":
		return errors.New("the round has no server_seed, since it is not revealed yet: rotate your seeds and read the round again, or give --server-seed")
	case r.ClientSeed == "":
		return missing("client_seed", "--client-seed")
	case r.Nonce == nil:
		return missing("nonce", "--nonce")
	case bets && len(r.Bets) == 0:
		return missing("bets", "--bets")
	case r.Stake == 0:
		return missing("stake", "--stake, or for roulette --bets")
	}
	return nil
}

// saidToBeOver reports whether the house said that the round is settled.
func (r *Round) saidToBeOver() bool {
	if r.Settled != nil {
		return *r.Settled
	}
	return r.Payout != nil
}

// Proof is a recomputed round.
type Proof struct {
	Rules      string      `json:"rules"`
	ServerSeed string      `json:"server_seed"`
	ClientSeed string      `json:"client_seed"`
	Nonce      uint64      `json:"nonce"`
	Stake      games.Coins `json:"stake"`
	Bets       []games.Bet `json:"bets,omitempty"`
	Actions    []string    `json:"actions,omitempty"`

	Commitment string   `json:"commitment"` // computed from the server seed
	Words      []Word   `json:"words"`
	Draws      []uint16 `json:"draws"`
	Steps      any      `json:"steps,omitempty"` // for games that list the steps of a round, such as blackjack

	Outcome any         `json:"outcome"`
	Staked  games.Coins `json:"staked"`
	Payout  games.Coins `json:"payout"`
	Settled bool        `json:"settled"`

	Compared   []string   `json:"compared"`   // fields that the house gave
	Mismatches []Mismatch `json:"mismatches"` // parts that differ

	story games.Story
}

// Mismatch is a part of a round that differs from what the house said.
type Mismatch struct {
	Field      string `json:"field"`
	House      string `json:"house"`
	Recomputed string `json:"recomputed"`
}

// Matches reports whether everything that the house said is true.
func (p *Proof) Matches() bool { return len(p.Mismatches) == 0 }

// Recompute replays a round from its seeds and compares it with what the house said. A difference is not an error: see
// Matches. Errors say what is missing or wrong in the round; refusals by the game's rules are *games.Refusal.
func Recompute(c *games.Catalogue, round Round) (*Proof, error) {
	version, known := c.Version(round.Rules)
	if err := round.complete(known && version.Of().Bets); err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("the rules %q are unknown; this program knows %s", round.Rules, strings.Join(c.Rules(), ", "))
	}
	seed, err := fair.ParseServerSeed(round.ServerSeed)
	if err != nil {
		return nil, err
	}
	if err := fair.ValidateClientSeed(round.ClientSeed); err != nil {
		return nil, err
	}
	words := &recorder{stream: fair.NewStream(seed, round.Rules, round.ClientSeed, *round.Nonce)}
	wager := games.Wager{Stake: round.Stake, Bets: round.Bets, Actions: round.Actions}
	position, err := version.Play(words, wager)
	if err != nil {
		return nil, err
	}
	if !position.Settled && round.Actions == nil && round.saidToBeOver() {
		return nil, errors.New("the round has no actions, but can't end without any: use the answer of GET /api/v1/me/rounds/{id}, or give --actions")
	}
	outcome, err := version.Describe(position.Draws, wager)
	if err != nil {
		return nil, fmt.Errorf("describe the round: %w", err)
	}
	story, err := version.Tell(games.Played{Values: words.values(), Draws: position.Draws, Wager: wager})
	if err != nil {
		return nil, fmt.Errorf("tell the round: %w", err)
	}
	p := &Proof{
		Rules: round.Rules, ServerSeed: round.ServerSeed, ClientSeed: round.ClientSeed, Nonce: *round.Nonce,
		Stake: round.Stake, Bets: round.Bets, Actions: round.Actions,
		Commitment: fair.Commitment(seed), Words: words.words, Draws: position.Draws, Steps: story.Steps,
		Outcome: outcome, Staked: position.Staked, Payout: position.Payout, Settled: position.Settled,
		Compared: []string{}, Mismatches: []Mismatch{}, story: story,
	}
	return p, p.compare(round)
}

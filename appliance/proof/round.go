// Package proof recomputes rounds from their seeds and shows every step, and prints the mathematics of the games: what
// is behind the verbs "imperio fair" and "imperio odds". It needs no server, no network and no data directory.
package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"imperio/games"
	"imperio/games/blackjack"
	"imperio/games/catalogue"
	"imperio/games/fair"
)

// Round is all that a round follows from, and what the house said of it. It reads the JSON of a round as
// GET /api/v1/me/rounds/{id} gives it; fields that don't matter here are passed over.
type Round struct {
	Rules      string      `json:"rules"`
	Nonce      *uint64     `json:"nonce"` // nil if it is missing: 0 is the nonce of a round like any other
	ClientSeed string      `json:"client_seed"`
	ServerSeed string      `json:"server_seed"` // 64 hexadecimal digits; empty while it is not revealed
	Stake      games.Coins `json:"stake"`
	Bets       []games.Bet `json:"bets"`
	Actions    []string    `json:"actions"` // nil if they are missing

	// What the house said. Fields that are nil or empty are not compared.
	Commitment string          `json:"commitment"`
	Staked     *games.Coins    `json:"staked"`
	Payout     *games.Coins    `json:"payout"`
	Settled    *bool           `json:"settled"`
	Outcome    json.RawMessage `json:"outcome"`
}

// maxRoundBytes bounds the JSON of a round: the API's are below 64 KiB.
const maxRoundBytes = 1 << 20

// ReadRound reads the JSON of one round, alone or in the field "round" of an answer that opened it.
func ReadRound(r io.Reader) (Round, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRoundBytes+1))
	if err != nil {
		return Round{}, fmt.Errorf("read the round: %w", err)
	}
	if len(data) > maxRoundBytes {
		return Round{}, fmt.Errorf("this is no round: it is larger than %d bytes", maxRoundBytes)
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

// complete refuses a round of which something is missing that it follows from. What is missing must never be taken for
// 0 or for nothing: another round would come out, and the house be accused.
func (r *Round) complete() error {
	missing := func(field, flag string) error {
		return fmt.Errorf("the round has no %s: take it as GET /api/v1/me/rounds/{id} gives it, or give %s", field, flag)
	}
	game, _ := catalogue.GameOf(r.Rules)
	switch {
	case r.Rules == "":
		return missing("rules", "--rules")
	case r.ServerSeed == "":
		return errors.New("the round has no server_seed, since it is not revealed yet: rotate your seeds and read the round again, or give --server-seed")
	case r.ClientSeed == "":
		return missing("client_seed", "--client-seed")
	case r.Nonce == nil:
		return missing("nonce", "--nonce")
	case game == "roulette" && len(r.Bets) == 0:
		return missing("bets", "--bets")
	case r.Stake == 0:
		return missing("stake", "--stake, or for roulette --bets")
	}
	return nil
}

// saidToBeOver says whether the house has said how the round ended.
func (r *Round) saidToBeOver() bool {
	if r.Settled != nil {
		return *r.Settled
	}
	return r.Payout != nil
}

// Proof is a round that was recomputed, step by step.
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
	// Steps tell a round of blackjack: who got each card, and what the player and the dealer did.
	Steps []blackjack.Step `json:"steps,omitempty"`

	Outcome any         `json:"outcome"`
	Staked  games.Coins `json:"staked"`
	Payout  games.Coins `json:"payout"`
	Settled bool        `json:"settled"`

	Compared   []string   `json:"compared"`   // the fields that were held against what the house said
	Mismatches []Mismatch `json:"mismatches"` // those that differ
}

// Mismatch is a field in which the house said something else.
type Mismatch struct {
	Field      string `json:"field"`
	House      string `json:"house"`
	Recomputed string `json:"recomputed"`
}

// Matches says whether all that the house said is true.
func (p *Proof) Matches() bool { return len(p.Mismatches) == 0 }

// Recompute plays a round again from its seeds and compares it with what the house said of it. A difference is not an error:
// see Matches. Errors say what is missing or wrong in the round; those that the rules of the game give are *games.Refusal.
func Recompute(round Round) (*Proof, error) {
	if err := round.complete(); err != nil {
		return nil, err
	}
	game, ok := catalogue.Lookup(round.Rules)
	if !ok {
		return nil, fmt.Errorf("the rules %q are not known here; known are %s", round.Rules, knownRules())
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
	position, err := game.Play(words, wager)
	if err != nil {
		return nil, err
	}
	if !position.Settled && round.Actions == nil && round.saidToBeOver() {
		return nil, errors.New("the round has no actions, but does not end without any: take it as GET /api/v1/me/rounds/{id} gives it, or give --actions")
	}
	outcome, err := game.Describe(position.Draws, wager)
	if err != nil {
		return nil, fmt.Errorf("describe the round: %w", err)
	}
	p := &Proof{
		Rules: round.Rules, ServerSeed: round.ServerSeed, ClientSeed: round.ClientSeed, Nonce: *round.Nonce,
		Stake: round.Stake, Bets: round.Bets, Actions: round.Actions,
		Commitment: fair.Commitment(seed), Words: words.words, Draws: position.Draws,
		Outcome: outcome, Staked: position.Staked, Payout: position.Payout, Settled: position.Settled,
		Compared: []string{}, Mismatches: []Mismatch{},
	}
	if table, ok := game.(*blackjack.Table); ok {
		if p.Steps, err = table.Steps(position.Draws, wager); err != nil {
			return nil, fmt.Errorf("tell the round: %w", err)
		}
	}
	return p, p.compare(round)
}

func knownRules() string {
	list := ""
	for _, e := range catalogue.Games() {
		for _, rules := range e.Versions {
			if list != "" {
				list += ", "
			}
			list += rules
		}
	}
	return list
}

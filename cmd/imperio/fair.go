package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"imperio/appliance/proof"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
)

// fairCommand is the verb "fair".
type fairCommand struct {
	Round  fairRoundCommand  `cmd:"" default:"withargs" help:"Recompute one round from its seeds and show every step. This is the default."`
	Stream fairStreamCommand `cmd:"" help:"Write random words to standard output, for test suites such as dieharder and PractRand."`
}

// fairRoundCommand recomputes one round.
type fairRoundCommand struct {
	File       string      `name:"round" placeholder:"FILE" help:"JSON of a round, as GET /api/v1/me/rounds/{id} returns it; - for standard input. Its outcome and payout are compared, and the exit code is 1 if they differ."`
	ServerSeed string      `placeholder:"HEX" help:"Revealed server seed, 64 hexadecimal digits."`
	ClientSeed string      `placeholder:"TEXT" help:"Client seed."`
	Nonce      *uint64     `placeholder:"N" help:"Nonce of the round, from 0."`
	Rules      string      `placeholder:"RULES" help:"Rules of the round, e.g. slots/2."`
	Stake      games.Coins `placeholder:"COINS" help:"Stake in coins; for a game with bets, their sum."`
	Bets       string      `placeholder:"JSON" help:"Bets, for games such as roulette: '[{\"type\":\"red\",\"amount\":5}]'."`
	Actions    []string    `placeholder:"ACTION" help:"Actions in order, separated by commas, e.g. hit,stand for blackjack."`
	Commitment string      `placeholder:"HEX" help:"Commitment that was shown before the round, for comparison."`
	JSON       bool        `name:"json" help:"Print the steps as JSON."`
}

// Help explains the verb.
func (fairRoundCommand) Help() string {
	return `It needs no network and no casino: a revealed server seed, the client seed and the nonce give every outcome. With --round it also compares what the house said, and the exit code is 1 if that differs. Flags replace what the file says.

Examples:

  imperio fair --round round.json
  imperio fair --rules slots/2 --server-seed 0000000000000000000000000000000000000000000000000000000000000000 --client-seed lucky --nonce 0 --stake 10
  imperio fair --rules blackjack/1 --server-seed 0000000000000000000000000000000000000000000000000000000000000000 --client-seed lucky --nonce 1 --stake 10 --actions stand --json`
}

// Run shows how the round follows from its seeds.
func (c *fairRoundCommand) Run(env *environment) error {
	round, err := c.round(env.Stdin)
	if err != nil {
		return err
	}
	p, err := proof.Recompute(catalogue.Released(), round)
	var refusal *games.Refusal
	if errors.As(err, &refusal) {
		return errors.New(refusal.Message)
	} else if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(p)
	} else {
		err = p.WriteText(env.Stdout)
	}
	if err != nil {
		return fmt.Errorf("print the proof: %w", err)
	}
	if !p.Matches() {
		return errors.New("the round is not what the house said")
	}
	return nil
}

// round reads the file, if one is given; flags override it.
func (c *fairRoundCommand) round(stdin io.Reader) (proof.Round, error) {
	var round proof.Round
	if c.File != "" {
		var err error
		if round, err = readRound(c.File, stdin); err != nil {
			return round, err
		}
	} else if c.ServerSeed == "" || c.ClientSeed == "" || c.Nonce == nil || c.Rules == "" || c.Stake == 0 && c.Bets == "" {
		return round, usagef("give --round FILE, or --rules, --server-seed, --client-seed, --nonce, and --stake or for roulette --bets")
	}
	replace(&round.ServerSeed, c.ServerSeed)
	replace(&round.ClientSeed, c.ClientSeed)
	replace(&round.Rules, c.Rules)
	replace(&round.Commitment, c.Commitment)
	if c.Nonce != nil {
		round.Nonce = c.Nonce
	}
	if len(c.Actions) > 0 {
		round.Actions = c.Actions
	}
	if c.Bets != "" {
		if err := json.Unmarshal([]byte(c.Bets), &round.Bets); err != nil {
			return round, usagef("--bets is not a JSON list of bets: %v", err)
		}
		round.Stake = 0
		for _, b := range round.Bets {
			round.Stake += b.Amount
		}
	}
	if c.Stake != 0 {
		round.Stake = c.Stake
	}
	return round, nil
}

func replace(field *string, value string) {
	if value != "" {
		*field = value
	}
}

func readRound(name string, stdin io.Reader) (proof.Round, error) {
	if name == "-" {
		return proof.ReadRound(stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return proof.Round{}, fmt.Errorf("open the round: %w", err)
	}
	defer file.Close()
	return proof.ReadRound(file)
}

// fairStreamCommand writes raw words.
type fairStreamCommand struct {
	ServerSeed    string `placeholder:"HEX" help:"Server seed, 64 hexadecimal digits. Without it, a new one is drawn and printed on standard error."`
	ClientSeed    string `default:"imperio" placeholder:"TEXT" help:"Client seed."`
	Nonce         uint64 `placeholder:"N" help:"Nonce, from 0."`
	Rules         string `default:"slots/2" placeholder:"RULES" help:"Rules in each block's message."`
	Words         uint64 `placeholder:"N" help:"Number of 64-bit words to write; 0 for no limit."`
	WordsPerRound uint64 `placeholder:"N" help:"Words per nonce; 0 to use only one nonce."`
}

// Help explains the verb.
func (fairStreamCommand) Help() string {
	return `Examples:

  imperio fair stream --words 1000000 > words.bin
  imperio fair stream --rules roulette/1 --words-per-round 4 | dieharder -a -g 200`
}

// Run writes words until all are written or the reader is gone.
func (c *fairStreamCommand) Run(env *environment) error {
	round := proof.Round{Rules: c.Rules, ServerSeed: c.ServerSeed, ClientSeed: c.ClientSeed, Nonce: &c.Nonce}
	if round.ServerSeed == "" {
		var seed [fair.SeedBytes]byte
		rand.Read(seed[:]) // never fails
		round.ServerSeed = hex.EncodeToString(seed[:])
		fmt.Fprintln(env.Stderr, "server seed", round.ServerSeed)
	}
	err := proof.Stream(env.Ctx, env.Stdout, round, c.WordsPerRound, c.Words)
	var refusal *games.Refusal
	if errors.As(err, &refusal) {
		return errors.New(refusal.Message)
	}
	return err
}

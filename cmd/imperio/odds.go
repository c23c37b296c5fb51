package main

import (
	"imperio/appliance/proof"
	"imperio/games/catalogue"
)

// oddsCommand is the verb "odds".
type oddsCommand struct {
	Game    string `arg:"" help:"slots, roulette or blackjack, or one version of the rules, e.g. slots/2."`
	Hands   int64  `default:"100000000" placeholder:"N" help:"Number of blackjack hands to simulate; 0 for none."`
	Seed    uint64 `default:"20261123" placeholder:"N" help:"Seed of the simulation: the same seed and number of hands give the same result."`
	Workers int    `placeholder:"N" help:"Number of goroutines; 0 for one per processor."`
	Deals   bool   `help:"Also print the expectation of every play for every deal of blackjack."`
	Quiet   bool   `help:"Show no progress."`
}

// Run prints the mathematics of a game.
func (c *oddsCommand) Run(env *environment) error {
	options := proof.OddsOptions{Game: c.Game, Hands: c.Hands, Seed: c.Seed, Workers: c.Workers, Deals: c.Deals, Progress: env.Stderr}
	if c.Quiet {
		options.Progress = nil
	}
	return proof.WriteOdds(env.Ctx, env.Stdout, catalogue.Released(), options)
}

package audit

import (
	"fmt"
	"time"
)

// Lines says what was proven, in words.
func (r *Report) Lines() []string {
	seeds := "every balance and seed follows from its events"
	if !r.Key {
		seeds = "every balance and commitment follows from its events"
	}
	lines := []string{
		fmt.Sprintf("history   %d events in one chain, head %x", r.Events, r.Head),
		fmt.Sprintf("records   %d with correct checksums", r.Records),
		fmt.Sprintf("ledger    %d transfers, the sum of all balances is 0: players %d, escrow %d, issued %d", r.Transfers, r.Coins, r.Escrow, r.Issued),
		fmt.Sprintf("accounts  %d, %s, none below 0", r.Accounts, seeds),
		fmt.Sprintf("rounds    %d settled and %d open, %d positions replayed from committed seeds", r.Rounds, r.Open, r.Replayed),
	}
	if r.Seasons > 0 || r.InSeason > 0 || r.Achievements > 0 {
		lines = append(lines, fmt.Sprintf("seasons   %d ended with the standings of their rounds, %d players in the running one, %d achievements deserved", r.Seasons, r.InSeason, r.Achievements))
	}
	for _, t := range r.Games {
		if t.Rounds == 0 {
			continue
		}
		line := fmt.Sprintf("%-9s %d rounds, %d staked, %d paid", t.Game, t.Rounds, t.Staked, t.Paid)
		if t.Staked > 0 {
			line += fmt.Sprintf(", actual return %.2f %%", 100*float64(t.Paid)/float64(t.Staked))
		}
		lines = append(lines, line)
	}
	if !r.Key {
		lines = append(lines, fmt.Sprintf("unproven  %d positions of rounds, and whether %d sealed seeds match their commitments: that needs the casino's key (--encryption-key-file)", r.Unproven, r.Sealed))
	}
	return append(lines, fmt.Sprintf("took      %s, log entry %d", r.Took.Round(time.Millisecond), r.Index))
}

package campaign

import (
	"context"
	"fmt"

	"imperio/appliance/bench"
)

// measureGrowth compares the cost of a bet in the small and in the large casino, and then reads the large one's memory.
func (m *campaign) measureGrowth(ctx context.Context) error {
	if err := m.make(ctx, &m.many); err != nil {
		return err
	}
	return m.withCasino(ctx, &m.few, func(few *casino) error {
		return m.withCasino(ctx, &m.many, func(many *casino) error {
			played, err := bench.Alternate(ctx, m.side(few, m.few.playing(m.playing)), m.side(many, m.many.playing(m.playing)), m.turns, m.turn)
			if err != nil {
				return err
			}
			m.writeGrowth(played)
			use, err := memoryOf(many.Process.Pid)
			if err != nil {
				return err
			}
			m.printf("\nMemory of the casino with %d accounts after this play: %.0f MB resident, of which %.0f MB are its own; the rest are pages of its files.\n",
				m.many.accounts, megabytes(use.resident), megabytes(use.anonymous))
			m.goal(use.resident < 1e9, m.of("memory, after play"), "below 1 GB resident", "%.0f MB (own: %.0f MB)", megabytes(use.resident), megabytes(use.anonymous))
			return nil
		})
	})
}

func (m *campaign) writeGrowth(played [2]bench.Played) {
	m.printf("\n## Cost of a bet by the number of accounts\n\nTwo casinos in turns of %s. Processor time is the casino's, including the checkpoint after the turn. "+
		"In the first turns, many bets are their player's first since the start: nothing of that player is in a cache yet.\n\n", m.turn)
	m.printf("| turn | %[1]d accounts: a second | processor time a bet | %[2]d accounts: a second | processor time a bet | time a bet, ratio | processor time, ratio |\n", m.few.accounts, m.many.accounts)
	m.printf("|---:|---:|---:|---:|---:|---:|---:|\n")
	var times, costs []float64
	for i, few := range played[0].Turns {
		many := played[1].Turns[i]
		slower, dearer := few.Rate()/many.Rate(), float64(many.Cost())/float64(max(few.Cost(), 1))
		times, costs = append(times, slower), append(costs, dearer)
		m.printf("| %d | %.0f | %.1f µs | %.0f | %.1f µs | %.3f | %.3f |\n", i+1,
			few.Rate(), microseconds(few.Cost()), many.Rate(), microseconds(many.Cost()), slower, dearer)
	}
	m.printf("\nMedian: **%.3f** times the time and **%.3f** times the processor time with %d accounts.\n", median(times), median(costs), m.many.accounts)
	for _, p := range played {
		m.note(p.Report)
	}
	m.goal(median(times) <= 1.25, fmt.Sprintf("time of a bet, %d accounts against %d", m.many.accounts, m.few.accounts), "at most 1.25", "%.2f", median(times))
	m.goal(median(costs) <= 1.25, fmt.Sprintf("processor time of a bet, %d accounts against %d", m.many.accounts, m.few.accounts), "at most 1.25", "%.2f", median(costs))
}

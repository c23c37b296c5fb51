package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Side is one of the two casinos in a comparison.
type Side struct {
	// Options says which casino to play against, and how. Duration and StartBare are ignored.
	Options Options
	// Rest is called before and after each turn. It waits until the casino has finished the work that earlier bets left,
	// and returns the processor time that the casino has used since its start.
	Rest func(ctx context.Context) (processor time.Duration, err error)
}

// Turn is the result of one turn of a side.
type Turn struct {
	Requests  int
	Took      time.Duration // until the last answer
	Processor time.Duration // of the casino, including the work that the bets left
}

// Rate is the number of requests per second.
func (t Turn) Rate() float64 { return float64(t.Requests) / t.Took.Seconds() }

// Cost is the casino's processor time per request.
func (t Turn) Cost() time.Duration { return t.Processor / time.Duration(max(t.Requests, 1)) }

// Played is the result of one side.
type Played struct {
	Report *Report
	Turns  []Turn
}

// Alternate compares two casinos by playing them in turns of the given length. So drift of the machine's speed affects both
// alike, and only one casino works at a time. The n-th turns of both form a pair, and the sides take turns in starting a
// pair. At the end it compares all answers with both sides' books. An error, such as the end of ctx, means that there is no
// result.
func Alternate(ctx context.Context, first, second Side, turns int, length time.Duration) (played [2]Played, err error) {
	if turns < 1 {
		return played, errors.New("give each side at least one turn")
	}
	var benches [2]*bench
	sides := [2]Side{first, second}
	for i := range sides {
		sides[i].Options.Duration, sides[i].Options.StartBare = length, nil
		if err := sides[i].Options.Validate(); err != nil {
			return played, err
		}
		if benches[i], err = newBench(sides[i].Options); err != nil {
			return played, err
		}
		defer benches[i].close()
		played[i].Report = benches[i].report
		if err := benches[i].seatPlayers(ctx); err != nil {
			return played, err
		}
		benches[i].report.Players = len(benches[i].players)
		if err := benches[i].warmUp(); err != nil {
			return played, err
		}
	}
	for n := range turns {
		for k := range sides {
			i := (n + k) % 2
			benches[i].progress("turn %d of %d: %s against %s", n+1, turns, length, sides[i].Options.URL)
			turn, err := benches[i].timed(ctx, sides[i].Rest, length)
			if err != nil {
				return played, err
			}
			played[i].Turns = append(played[i].Turns, turn)
		}
	}
	for i := range sides {
		if err := errors.Join(ctx.Err(), benches[i].check()); err != nil {
			return played, err
		}
	}
	return played, nil
}

// timed plays one turn.
func (b *bench) timed(ctx context.Context, rest func(context.Context) (time.Duration, error), length time.Duration) (Turn, error) {
	before, err := rest(ctx)
	if err != nil {
		return Turn{}, fmt.Errorf("before a turn: %w", err)
	}
	took, err := b.play(ctx, b.tables, length)
	if err != nil {
		return Turn{}, err
	}
	after, err := rest(ctx)
	if err != nil {
		return Turn{}, fmt.Errorf("after a turn: %w", err)
	}
	turn := Turn{Took: took, Processor: after - before}
	for _, t := range b.tables {
		turn.Requests += t.tally.requests()
	}
	return turn, b.report.addCasino(b.tables, took)
}

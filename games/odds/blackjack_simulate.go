package odds

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// chunkHands is the number of hands that share one seeded generator. So the result of a simulation depends only on the
// seed and the number of hands, not on the number of workers.
const chunkHands = 1 << 20

// mostNet is the largest win or loss of a round, in half stakes: four doubled hands.
const mostNet = 16

// Simulation is the tally of simulated rounds.
type Simulation struct {
	Hands  int64                // rounds played
	Net    [2*mostNet + 1]int64 // rounds by net result: Net[mostNet+n] counts those with a net of n half stakes
	Staked int64                // half stakes paid in, doubles and splits included
	Hits   int64                // rounds that paid anything
}

func (s *Simulation) add(o *Simulation) {
	s.Hands += o.Hands
	s.Staked += o.Staked
	s.Hits += o.Hits
	for i, n := range o.Net {
		s.Net[i] += n
	}
}

// HouseEdge is the mean loss of the player per initial stake.
func (s *Simulation) HouseEdge() float64 { return -s.moment(1) }

// Volatility is the standard deviation of a round's net result, in initial stakes.
func (s *Simulation) Volatility() float64 {
	mean := s.moment(1)
	return math.Sqrt(s.moment(2) - mean*mean)
}

// StandardError is that of HouseEdge.
func (s *Simulation) StandardError() float64 { return s.Volatility() / math.Sqrt(float64(s.Hands)) }

// HitFrequency is how often a round paid anything.
func (s *Simulation) HitFrequency() float64 { return float64(s.Hits) / float64(s.Hands) }

// AverageStaked is the average total stake of a round, doubles and splits included, in initial stakes.
func (s *Simulation) AverageStaked() float64 { return float64(s.Staked) / 2 / float64(s.Hands) }

// The half-widths of confidence intervals of a normal mean, in standard errors.
const (
	Sigma95 = 1.959963984540054
	Sigma99 = 2.5758293035489004
)

func (s *Simulation) moment(power float64) float64 {
	sum := 0.0
	for i, n := range s.Net {
		sum += float64(n) * math.Pow(float64(i-mostNet)/2, power)
	}
	return sum / float64(s.Hands)
}

// SimulateBlackjack plays rounds of blackjack/1 by a chart, each from a freshly shuffled shoe. The same seed and number
// of hands give the same result. progress, which may be nil, is called now and then with the number of hands played, from
// several goroutines, one at a time. workers at or below 0 means one per processor.
func SimulateBlackjack(ctx context.Context, chart *Chart, hands int64, seed uint64, workers int, progress func(done, of int64)) (*Simulation, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var (
		wait   sync.WaitGroup
		lock   sync.Mutex
		chunks atomic.Int64
		total  = new(Simulation)
	)
	for range workers {
		wait.Go(func() {
			for ctx.Err() == nil {
				chunk := chunks.Add(1) - 1
				from := chunk * chunkHands
				if from >= hands {
					return
				}
				part := simulateChunk(chart, min(chunkHands, hands-from), seed, uint64(chunk))
				lock.Lock()
				total.add(part)
				if progress != nil {
					progress(total.Hands, hands)
				}
				lock.Unlock()
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return total, nil
}

func simulateChunk(chart *Chart, hands int64, seed, chunk uint64) *Simulation {
	e := newEngine(chart, seed, chunk)
	s := &Simulation{Hands: hands}
	for range hands {
		e.shuffle()
		staked, payout := e.round()
		s.Net[mostNet+payout-staked]++
		s.Staked += int64(staked)
		if payout > 0 {
			s.Hits++
		}
	}
	return s
}

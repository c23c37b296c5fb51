package odds

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"imperio/games"
	"imperio/games/blackjack"
)

// evaluation is computed once for all tests: it takes about a second.
var evaluation = sync.OnceValues(func() (*BlackjackResult, error) {
	return EvaluateBlackjack(context.Background(), BasicStrategy(), 0, nil)
})

func exactBlackjack(t *testing.T) *BlackjackResult {
	t.Helper()
	if testing.Short() {
		t.Skip("it evaluates every deal of six decks")
	}
	r, err := evaluation()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deal(t *testing.T, r *BlackjackResult, a, b, up int) Deal {
	t.Helper()
	for _, d := range r.Deals {
		if d.Player == [2]int{a, b} && d.Up == up {
			return d
		}
	}
	t.Fatalf("no deal %d, %d against %d", a, b, up)
	return Deal{}
}

func TestDealerTable_IsAProbability(t *testing.T) {
	for up := 1; up <= 10; up++ {
		dealer := newDealerTable(up)
		shoe := fullShoe(6)
		shoe.remove(up, 1)
		sum := 0.0
		for _, p := range dealer.outcomes(&shoe) {
			sum += p
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("up card %d: probabilities add up to %v", up, sum)
		}
		for _, set := range dealer.sets {
			if set.cards > mostDealt {
				t.Errorf("up card %d: a set of %d cards", up, set.cards)
			}
		}
	}
}

// The dealer's probabilities, computed another way: follow every sequence of cards with its own probability, the hole card
// first, as it is dealt.
func TestDealerTable_AgreesWithDealing(t *testing.T) {
	for _, up := range []int{1, 2, 6, 10} {
		dealer := newDealerTable(up)
		shoe := fullShoe(6)
		shoe.remove(up, 1)
		shoe.remove(5, 3) // an uneven shoe
		var want [dealerResults]float64
		var follow func(s shoeOf, hard int, ace bool, cards int, p float64)
		follow = func(s shoeOf, hard int, ace bool, cards int, p float64) {
			total := hard
			if ace && hard <= 11 {
				total += 10
			}
			if total > 21 {
				want[dealerBust] += p
				return
			} else if total >= 17 {
				want[total-17] += p
				return
			}
			for rank := 1; rank <= 10; rank++ {
				q := float64(s[rank]) / float64(s[0])
				if cards == 1 { // the hole card makes no blackjack
					barred := s[forbiddenHole(up)]
					if forbiddenHole(up) == 0 {
						barred = 0
					} else if rank == forbiddenHole(up) {
						continue
					}
					q = float64(s[rank]) / float64(s[0]-barred)
				}
				rest := s
				rest.remove(rank, 1)
				follow(rest, hard+rank, ace || rank == 1, cards+1, p*q)
			}
		}
		follow(shoe, up, up == 1, 1, 1)
		got := dealer.outcomes(&shoe)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Errorf("up card %d, result %d: %v, want %v", up, i, got[i], want[i])
			}
		}
	}
}

// Compares the recursion for splits with an enumeration of the hole card and the cards in order.
func TestSplitter_ChanceAgreesWithDealing(t *testing.T) {
	for _, c := range []struct{ up, pair, k, j int }{{6, 8, 0, 0}, {6, 8, 2, 3}, {1, 10, 1, 2}, {1, 8, 3, 1}, {10, 10, 2, 2}, {10, 1, 0, 1}} {
		full := fullShoe(6)
		full.remove(c.up, 1)
		full.remove(c.pair, 2)
		s := &splitter{dealer: &dealerTable{up: c.up}, pair: c.pair, shoe: full}
		// The probability that k cards are P, then j are not, and then that one more is P, given the hole card.
		var sequence, more float64
		for hole := 1; hole <= 10; hole++ {
			if hole == forbiddenHole(c.up) {
				continue
			}
			shoe := full
			p := float64(shoe[hole]) // up to a factor that cancels
			shoe.remove(hole, 1)
			for range c.k {
				p *= float64(shoe[c.pair]) / float64(shoe[0])
				shoe.remove(c.pair, 1)
			}
			others := shoe[0] - shoe[c.pair]
			for range c.j {
				p *= float64(others) / float64(shoe[0])
				others--
				shoe[0]--
			}
			sequence += p
			more += p * float64(shoe[c.pair]) / float64(shoe[0])
		}
		if got, want := s.chance(c.k, c.j), more/sequence; math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v: %v, want %v", c, got, want)
		}
	}
}

func TestEvaluateBlackjack_CoversEveryDeal(t *testing.T) {
	r := exactBlackjack(t)
	sum := 0.0
	for _, d := range r.Deals {
		sum += d.Chance
		if d.BasicNet > d.BestNet+1e-12 {
			t.Errorf("%v against %d: the chart is better than best play", d.Player, d.Up)
		}
		if d.Insurance > 0 {
			t.Errorf("%v against %d: insurance would pay, but is not taken", d.Player, d.Up)
		}
	}
	if len(r.Deals) != 550 || math.Abs(sum-1) > 1e-12 {
		t.Errorf("%d deals with a chance of %v", len(r.Deals), sum)
	}
}

// With six decks and the dealer standing on soft 17, the published chart is the best play for every deal but two. The
// literature knows both exceptions: hit 10,2 against 4, and hit 8,7 against 10 instead of surrendering.
func TestEvaluateBlackjack_BestPlayIsTheChartButForKnownExceptions(t *testing.T) {
	known := map[[3]int]string{{2, 10, 4}: "hit", {7, 8, 10}: "hit"}
	for _, d := range exactBlackjack(t).Deals {
		want := d.Basic
		if exception, ok := known[[3]int{d.Player[0], d.Player[1], d.Up}]; ok {
			want = exception
		}
		if d.Best != want {
			t.Errorf("%v against %d: best is %s, want %s", d.Player, d.Up, d.Best, want)
		}
	}
}

func TestEvaluateBlackjack_MatchesTheRecord(t *testing.T) {
	r, record := exactBlackjack(t), RecordedBlackjack()
	if math.Abs(r.BestEdge()-record.BestEdge) > 1e-10 || math.Abs(r.BasicEdge()-record.BasicEdge) > 1e-10 {
		t.Errorf("edges %.12f and %.12f, recorded are %.12f and %.12f", r.BestEdge(), r.BasicEdge(), record.BestEdge, record.BasicEdge)
	}
	if math.Abs(-r.BestNetUnsurrendered-record.BestEdgeUnsurrendered) > 1e-10 || math.Abs(-r.BasicNetUnsurrendered-record.BasicEdgeUnsurrendered) > 1e-10 {
		t.Errorf("without surrender: %.13f and %.13f, recorded are %+v", -r.BestNetUnsurrendered, -r.BasicNetUnsurrendered, record)
	}
}

func TestEvaluateBlackjack_StopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := EvaluateBlackjack(ctx, BasicStrategy(), 2, nil); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if _, err := SimulateBlackjack(ctx, BasicStrategy(), 1e12, 1, 2, nil); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	if _, err := EvaluateBlackjack(ctx, BasicStrategy(), 2, func(done, _ int) {
		if done > 1 {
			t.Errorf("%d cards of the dealer are evaluated, but it was to stop after the first", done)
		}
		cancel()
	}); err != context.Canceled {
		t.Errorf("stopped in the middle: got %v", err)
	}
}

// dealt is a stream that yields the given numbers in order.
type dealt struct {
	numbers []uint64
	at      int
}

func (d *dealt) Uniform(uint64) uint64 {
	d.at++
	return d.numbers[d.at-1]
}

// The fast engine and the game itself must play the same cards by the same chart with the same results, hand by hand.
func TestEngine_AgreesWithTheGameHandForHand(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays tens of thousands of rounds twice")
	}
	const rounds, seed = 30_000, 20261123
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	chart, table := BasicStrategy(), blackjack.Versions()[0]
	// A chart that splits and doubles often reaches situations that basic strategy never sees.
	wild := newChart(`
		hard 18  S S S S S S S S S D
		hard 12  D H S D H S R H R D
		hard 8   H D H D H D H D H D
		soft 18  H D d H D d S H D d
		soft 13  D H H D D H H D D D
		pair A   P P P P P P P P P P
		pair 10  P P P P P P P P P P
		pair 9   P P P P P P P P P P
		pair 8   P P P P P P P P P P
		pair 7   P P P P P P P P P P
		pair 6   P P P P P P P P P P
		pair 5   P P P P P P P P P P
		pair 4   P P P P P P P P P P
		pair 3   P P P P P P P P P P
		pair 2   P P P P P P P P P P`)
	e := newEngine(chart, 0, 0)
	results := map[[2]int]int{}
	for round := range rounds {
		e.chart = chart
		if round%2 == 1 {
			e.chart = wild
		}
		stream := &dealt{numbers: make([]uint64, blackjack.Cards)}
		order := make([]blackjack.Card, blackjack.Cards)
		for i := range order {
			order[i] = blackjack.Card(i)
		}
		for i := range order {
			stream.numbers[i] = random.Uint64N(uint64(len(order) - i))
			j := i + int(stream.numbers[i])
			order[i], order[j] = order[j], order[i]
			e.shoe[i] = uint8(order[i].Value())
		}
		e.dealt, e.shuffled = 0, len(e.shoe)
		staked, payout := e.round()
		p := playByChart(t, table, e.chart, stream)
		if int(p.Staked) != staked || int(p.Payout) != payout || len(p.Draws) != e.dealt {
			t.Fatalf("round %d: the engine staked %d and got %d with %d cards, the game says %+v", round, staked, payout, e.dealt, p)
		}
		results[[2]int{staked, payout}]++
	}
	if len(results) < 30 {
		t.Errorf("only %d different results were seen: %v", len(results), results)
	}
}

// playByChart plays a round of the game itself, asking the chart for each action.
func playByChart(t *testing.T, table *blackjack.Table, chart *Chart, stream *dealt) games.Position {
	t.Helper()
	w := games.Wager{Stake: 2}
	for {
		stream.at = 0
		p, err := table.Play(stream, w)
		if err != nil {
			t.Fatal(err)
		}
		if p.Settled {
			return p
		}
		described, err := table.Describe(p.Draws, w)
		if err != nil {
			t.Fatal(err)
		}
		o := described.(blackjack.Outcome)
		active := slices.IndexFunc(o.Hands, func(h blackjack.PlayerHand) bool { return h.Active })
		if active < 0 { // before the dealer peeks
			w.Actions = append(w.Actions, blackjack.DeclineInsurance)
			continue
		}
		h := o.Hands[active]
		pair := 0
		if slices.Contains(o.Allowed, blackjack.Split) {
			if pair = h.Total / 2; h.Soft {
				pair = 1
			}
		}
		up := o.Dealer.Total
		if up == 11 {
			up = 1
		}
		action := chart.choose(h.Total, h.Soft, pair, up, slices.Contains(o.Allowed, blackjack.Double), slices.Contains(o.Allowed, blackjack.Surrender))
		w.Actions = append(w.Actions, action.String())
	}
}

// Enumeration and simulation must agree. With this seed the simulation is within three standard errors; it is repeatable,
// so the test can't fail by chance.
func TestSimulateBlackjack_AgreesWithTheExactEdge(t *testing.T) {
	const hands, seed = 2_000_000, 1
	exact := exactBlackjack(t).BasicEdge()
	s, err := SimulateBlackjack(context.Background(), BasicStrategy(), hands, seed, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hands != hands {
		t.Fatalf("%d hands played", s.Hands)
	}
	if off := math.Abs(s.HouseEdge() - exact); off > 3*s.StandardError() {
		t.Errorf("seed %d: simulated edge %v, exact %v: %v standard errors apart", seed, s.HouseEdge(), exact, off/s.StandardError())
	}
	record := RecordedBlackjack()
	if math.Abs(s.Volatility()-record.Volatility) > 0.005 || math.Abs(s.HitFrequency()-record.HitFrequency) > 0.002 ||
		math.Abs(s.AverageStaked()-record.AverageStaked) > 0.002 {
		t.Errorf("volatility %v, hit frequency %v, staked %v; recorded are %+v", s.Volatility(), s.HitFrequency(), s.AverageStaked(), record)
	}
}

func TestSimulateBlackjack_DoesNotDependOnTheWorkers(t *testing.T) {
	run := func(workers int) Simulation {
		var last int64
		s, err := SimulateBlackjack(context.Background(), BasicStrategy(), chunkHands+1000, 7, workers, func(done, of int64) {
			if done <= last || of != chunkHands+1000 {
				t.Errorf("progress %d of %d after %d", done, of, last)
			}
			last = done
		})
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	if one, three := run(1), run(3); one != three {
		t.Errorf("one worker: %+v\nthree workers: %+v", one, three)
	}
}

func TestRecordedBlackjack_SimulationHoldsTheExactEdge(t *testing.T) {
	record := RecordedBlackjack()
	if math.Abs(record.SimulatedEdge-record.BasicEdge) > Sigma99*record.StandardError {
		t.Errorf("the exact edge %v lies outside the 99 %% interval of the recorded simulation: %+v", record.BasicEdge, record)
	}
}

func TestEvaluateBlackjack_HandsOfTheLiterature(t *testing.T) {
	r := exactBlackjack(t)
	// Splitting eights against a ten loses less than standing, hitting, or surrendering half.
	d := deal(t, r, 8, 8, 10)
	if !(d.Split > d.Surrender && d.Surrender > d.Hit && d.Hit > d.Stand) {
		t.Errorf("eights against a ten: %+v", d)
	}
	if d := deal(t, r, 1, 10, 1); d.Best != "blackjack" || math.Abs(d.BestNet-1.5*(1-95.0/309)) > 1e-12 {
		t.Errorf("a natural against an ace: %+v", d)
	}
	if d := deal(t, r, 2, 2, 1); math.Abs(d.Insurance-(96.0/309-0.5*213.0/309)) > 1e-12 {
		t.Errorf("insurance of twos: %v", d.Insurance)
	}
}

package audit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"imperio/games"
	"imperio/games/fair"
	"imperio/storage/command"
	"imperio/storage/machine"
)

// replay is a position of a round that is to be replayed.
type replay struct {
	catalogue *games.Catalogue
	event     uint64
	server    command.Seed
	client    string
	round     machine.RoundRecord
	left      *int // how many actions an abandoned round had before it was settled; nil: it is not abandoned
}

// check replays the position and compares the outcomes.
func (r *replay) check() error {
	game, ok := r.catalogue.Version(r.round.Rules)
	if !ok {
		return violation(r.event, "round %d has rules %q, which this imperio does not know", r.round.ID, r.round.Rules)
	}
	if r.left != nil {
		if err := r.checkLeft(game); err != nil {
			return err
		}
	}
	p, err := r.play(game, r.round.Wager())
	switch {
	case err != nil:
		return violation(r.event, "round %d can't be played again: %v", r.round.ID, err)
	case r.round.Settled && !slices.Equal(p.Draws, r.round.Draws):
		return violation(r.event, "round %d draws %v, the seeds give %v", r.round.ID, r.round.Draws, p.Draws)
	case p.Staked != r.round.Staked || p.Payout != r.round.Payout || p.Settled != r.round.Settled:
		return violation(r.event, "round %d cost %d and paid %d (settled: %t); by its rules it costs %d and pays %d (settled: %t)",
			r.round.ID, r.round.Staked, r.round.Payout, r.round.Settled, p.Staked, p.Payout, p.Settled)
	case !slices.Equal(p.Allowed, r.round.Allowed):
		return violation(r.event, "round %d allowed %v, its rules allow %v", r.round.ID, r.round.Allowed, p.Allowed)
	}
	return nil
}

func (r *replay) play(game games.Game, w games.Wager) (games.Position, error) {
	return game.Play(fair.NewStream(r.server, r.round.Rules, r.client, r.round.Nonce), w)
}

// checkLeft holds the actions that settle an abandoned round: those that the game's rules state for it, and no others.
func (r *replay) checkLeft(game *games.Version) error {
	if game.Abandoned == nil {
		return violation(r.event, "round %d has rules %q, under which no round stays open", r.round.ID, r.round.Rules)
	}
	w := r.round.Wager()
	took := w.Actions[*r.left:]
	w.Actions = w.Actions[:*r.left]
	p, err := r.play(game, w)
	if err != nil {
		return violation(r.event, "round %d can't be replayed as its player left it: %v", r.round.ID, err)
	}
	want, err := game.Abandoned.Actions(p.Draws, w)
	if err != nil {
		return violation(r.event, "abandoned round %d can't be settled as it stood: %v", r.round.ID, err)
	}
	if !slices.Equal(took, want) {
		return violation(r.event, "abandoned round %d is settled by %v, its rules say %v", r.round.ID, took, want)
	}
	return nil
}

// replays replays rounds while the history is being read, and keeps the first violation in the order of events.
type replays struct {
	work   chan []replay
	batch  []replay
	owned  sync.WaitGroup
	done   atomic.Uint64
	failed atomic.Pointer[Violation]
	mu     sync.Mutex
}

const replayBatch = 256

func startReplays(ctx context.Context, workers int) *replays {
	r := &replays{work: make(chan []replay, workers)}
	for range workers {
		r.owned.Add(1)
		go func() {
			defer r.owned.Done()
			for batch := range r.work {
				for i := range batch {
					if ctx.Err() != nil {
						break // the audit has ended; the rest is drained, so that the reader does not block
					}
					if err := batch[i].check(); err != nil {
						r.fail(err)
						break
					}
					r.done.Add(1)
				}
			}
		}()
	}
	return r
}

func (r *replays) add(p replay) {
	r.batch = append(r.batch, p)
	if len(r.batch) == replayBatch {
		r.work <- r.batch
		r.batch = make([]replay, 0, replayBatch)
	}
}

func (r *replays) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var v *Violation
	if errors.As(err, &v) {
		if first := r.failed.Load(); first == nil || v.Event < first.Event {
			r.failed.Store(v)
		}
	}
}

// failure is the first violation so far, or nil.
func (r *replays) failure() error {
	if v := r.failed.Load(); v != nil {
		return v
	}
	return nil
}

// finish waits until everything is replayed, ends the workers, and returns the first violation or nil.
func (r *replays) finish() error {
	if len(r.batch) > 0 {
		r.work <- r.batch
		r.batch = nil
	}
	close(r.work)
	r.owned.Wait()
	return r.failure()
}

func (r *replays) played() uint64 { return r.done.Load() }

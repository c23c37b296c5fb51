package ops

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"imperio/games"
)

// Escrow compares the stakes that the books hold in escrow with the stakes of the open rounds. The books are sums that
// every transfer changes; the rounds are separate records. Neither is derived from the other. Escrow is safe for
// concurrent use; Run keeps it up to date.
type Escrow struct {
	o     EscrowOptions
	found atomic.Pointer[bool] // nil: not compared yet
}

// OpenStakes is how many rounds are open, and what was staked on them.
type OpenStakes struct {
	Rounds uint64
	Stakes games.Coins
}

// EscrowOptions configure an Escrow.
type EscrowOptions struct {
	// Look returns both sides as of one moment: the books', and the sum of the open rounds.
	Look  func(context.Context) (books, rounds OpenStakes, err error)
	Every time.Duration // how often Run compares; 0: a minute
	// Changed is called when both sides agree no longer, or again; nil: nobody cares. At first they are taken to agree.
	Changed func(agree bool)
	Log     *slog.Logger
}

// NewEscrow makes an Escrow that has not compared yet.
func NewEscrow(o EscrowOptions) *Escrow {
	if o.Every == 0 {
		o.Every = time.Minute
	}
	return &Escrow{o: o}
}

// Run compares now, and at an interval until ctx ends.
func (e *Escrow) Run(ctx context.Context) {
	e.Look(ctx)
	every(ctx, e.o.Every, func() { e.Look(ctx) })
}

// Look compares now. If that fails, the last result stays.
func (e *Escrow) Look(ctx context.Context) {
	books, rounds, err := e.o.Look(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.o.Log.Warn("the open rounds can't be compared with the books", "error", err)
		}
		return
	}
	holds := books == rounds
	before := e.found.Swap(&holds)
	held := before == nil || *before
	if held && !holds {
		e.o.Log.Error("the books and the open rounds disagree about stakes: stop the casino, keep its data directory, and run 'imperio audit' on a copy",
			"books", books, "rounds", rounds)
	}
	if e.o.Changed != nil && held != holds {
		e.o.Changed(holds)
	}
}

// Holds reports whether both sides agreed at the last comparison; known is false before the first.
func (e *Escrow) Holds() (holds, known bool) {
	if found := e.found.Load(); found != nil {
		return *found, true
	}
	return false, false
}

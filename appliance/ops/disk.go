package ops

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"imperio/storage/command"
)

// Gate watches the free space of the data directory's disk. While there is less than the reserve, it refuses new bets and
// other writes that can wait, so that open rounds can still be settled. Sign-ins, and retries that ask for an earlier
// answer, are taken until half of the reserve is used, so that they can't fill the disk either. The gate opens again at a
// quarter above the reserve, so that it doesn't flap. It is safe for concurrent use; Run keeps it up to date.
type Gate struct {
	o      GateOptions
	closed atomic.Bool
	half   atomic.Bool // less than half of the reserve is free

	mu          sync.Mutex
	free, total uint64
	err         error
}

// GateOptions configure a Gate.
type GateOptions struct {
	// Space returns the bytes that this process may still write, and the size of the disk.
	Space   func() (free, total uint64, err error)
	Reserve uint64        // bytes; below, new bets are refused
	Every   time.Duration // how often Run checks; 0: 5 seconds
	Log     *slog.Logger
}

// NewGate makes a gate and checks the disk once.
func NewGate(o GateOptions) *Gate {
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	g := &Gate{o: o}
	g.Look()
	return g
}

// Run checks the disk at an interval until ctx ends.
func (g *Gate) Run(ctx context.Context) {
	every(ctx, g.o.Every, g.Look)
}

// every calls do at an interval until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// Look checks the disk now. If that fails, the gate stays as it is.
func (g *Gate) Look() {
	free, total, err := g.o.Space()
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.err == nil
	g.free, g.total, g.err = free, total, err
	if err != nil {
		if known {
			g.o.Log.Warn("free disk space is not known", "error", err)
		}
		return
	}
	g.half.Store(free < g.o.Reserve/2)
	switch {
	case free < g.o.Reserve && !g.closed.Load():
		g.closed.Store(true)
		g.o.Log.Error("the disk is nearly full: new bets are refused until there is room", "free", megabytes(free), "reserve", megabytes(g.o.Reserve))
	case free >= g.o.Reserve+g.o.Reserve/4 && g.closed.Load():
		g.closed.Store(false)
		g.o.Log.Info("there is room on the disk again: new bets are taken", "free", megabytes(free))
	}
}

// Open reports whether new bets are taken.
func (g *Gate) Open() bool { return !g.closed.Load() }

// Space returns what the last check found, in bytes.
func (g *Gate) Space() (free, total uint64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.free, g.total, g.err
}

// NewBets returns the refusal of new bets, or nil while the gate is open.
func (g *Gate) NewBets() *command.Refusal {
	if g.Open() {
		return nil
	}
	return &command.Refusal{
		Code:    "low_disk_space",
		Message: "The casino takes no new bets at the moment, since its disk is nearly full. Open rounds can still be finished.",
	}
}

// Writes returns the refusal of other writes that can wait, or nil while they are taken.
func (g *Gate) Writes() *command.Refusal {
	if g.Open() {
		return nil
	}
	return &command.Refusal{
		Code:    "low_disk_space",
		Message: "This has to wait, since the casino's disk is nearly full. Open rounds can still be finished.",
	}
}

// Spare returns the refusal of requests that are taken until half of the reserve is used, or nil until then.
func (g *Gate) Spare() *command.Refusal {
	if !g.half.Load() {
		return nil
	}
	return g.Writes()
}

func megabytes(bytes uint64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

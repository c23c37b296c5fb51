package replication

import (
	"errors"
	"log/slog"
	"time"

	"imperio/replication/logstore"
)

// LogDir is the name of the log in the data directory. It is a directory.
const LogDir = "log"

// MaxCommand bounds an encoded command in bytes.
const MaxCommand = 1 << 20

// Identity says which node of which cluster this is. The log carries it, and is refused by any other node.
type Identity = logstore.Identity

// Observer is told what happens, for metrics. Each function may be nil, is called from one goroutine at a time, and must
// be quick.
type Observer struct {
	// Synced is called after each durable transaction of the log: how long it took to write and sync.
	Synced func(took time.Duration)
	// Gathered is called for each entry that is sent to the log: how many commands it holds, which will be written and
	// synced together.
	Gathered func(commands int)
	// Applied is called after each batch of commands that the machine applied.
	Applied func(commands int, took time.Duration)
}

// Options say how to open a node. Dir, Machine and Identity must be given; zero means the default for all else.
type Options struct {
	Dir      string // the data directory; the log is in it
	Machine  Machine
	Identity Identity
	Logger   *slog.Logger
	Observer Observer

	// Create makes a new log, which must not exist yet, for the state that the machine has. Without it the log must exist:
	// a lost file is never mistaken for a first start.
	Create bool

	// MaxInFlight bounds the commands that are proposed and not yet answered; more wait their turn. 1 to 1024, default
	// 1024.
	MaxInFlight int

	// SnapshotEntries is how many entries the log gathers above the last snapshot before the next is taken and the log is
	// cut. Under load each holds some dozens of commands. Default 2048.
	SnapshotEntries uint64
	// SnapshotInterval is how often that is looked at; raft waits up to twice as long. Default 2 s.
	SnapshotInterval time.Duration
	// TrailingEntries is how many entries stay in the log below a snapshot. Default 256.
	TrailingEntries uint64

	// CanaryInterval is how long the log may go without a write before the canary makes one. Default 1 s.
	CanaryInterval time.Duration
	// StallLimit is how long a write may take before the disk counts as hung and the node fails. Default 5 s.
	StallLimit time.Duration
}

// maxInFlight is raft's bound on one batch, and so on what its queue takes without blocking.
const maxInFlight = 1024

func (o *Options) complete() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("no data directory"))
	}
	if o.Machine == nil {
		errs = append(errs, errors.New("no machine"))
	}
	if o.Identity.NodeID == "" || o.Identity.ClusterID == "" {
		errs = append(errs, errors.New("node id and cluster id must both be set"))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.MaxInFlight, maxInFlight)
	setDefault(&o.SnapshotEntries, 2048)
	setDefault(&o.SnapshotInterval, 2*time.Second)
	setDefault(&o.TrailingEntries, 256)
	setDefault(&o.CanaryInterval, time.Second)
	setDefault(&o.StallLimit, 5*time.Second)
	if o.MaxInFlight < 1 || o.MaxInFlight > maxInFlight {
		errs = append(errs, errors.New("the bound on commands in flight must be 1 to 1024"))
	}
	if o.SnapshotInterval < 5*time.Millisecond || o.CanaryInterval <= 0 || o.StallLimit <= 0 {
		errs = append(errs, errors.New("intervals and limits must be positive, and the snapshot interval at least 5 ms"))
	}
	return errors.Join(errs...)
}

func setDefault[T comparable](v *T, def T) {
	if *v == *new(T) {
		*v = def
	}
}

package replication

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"imperio/replication/logstore"
)

// LogDir is the name of the log in the data directory. It is a directory.
const LogDir = "log"

// MaxCommand bounds an encoded command in bytes.
const MaxCommand = 1 << 20

// Identity says which node of which cluster this is. The log carries it, and any other node refuses the log.
type Identity = logstore.Identity

// Observer hears what happens, for metrics. Each function may be nil, must be quick, and is called from one goroutine at a
// time.
type Observer struct {
	// Synced is called after each durable write of the log, with the time that it took to write and sync.
	Synced func(took time.Duration)
	// Gathered is called for each entry that is sent to the log, with the number of its commands. They are written and
	// synced together.
	Gathered func(commands int)
	// Applied is called after each batch that the machine applied.
	Applied func(commands int, took time.Duration)
}

// Options say how to open a node. Dir, Machine and Identity must be set. Zero means the default for everything else.
type Options struct {
	Dir      string // the data directory; the log is in it
	Machine  Machine
	Identity Identity
	Logger   *slog.Logger
	Observer Observer
	Clock    Clock // of this machine; default SystemClock

	// Network connects the node to other members, and Address is where they reach it, host:port. nil: the node is alone, and
	// opens no port. The node closes the network.
	Network Network
	Address string
	// Join says that the node has been admitted to an existing cluster. With Create, its new log is empty, and the node waits
	// until the leader adds it.
	Join bool
	// Contacts are addresses of members that are asked to add this node, beside those in its log.
	Contacts []string
	// Admit refuses a node that is not to be added; an error that wraps ErrRemoved ends that node. nil: all are added.
	Admit func(id string) error
	// Program is the version of this program, and Level the newest feature level that it can work with now.
	Program string
	Level   func() uint32
	// Problems tells which checks of this node fail, for other members; nil: none.
	Problems func() []string
	// Answer answers Ask of other members, of methods that are not the node's own; nil: none.
	Answer func(ctx context.Context, from, method string, request []byte) ([]byte, error)
	// KeepFor is how long entries stay in the log of a cluster for members that are away, as long as the log takes up at most
	// HoldBytes. A member that was away longer gets the whole state. Default 15 minutes.
	KeepFor time.Duration
	// TransferRate bounds how fast the state is sent to a member that needs it, in bytes a second. Default 50 MiB.
	TransferRate int64
	// Heartbeat is how long a member waits for the leader's sign of life before it stands for election, in clusters. At least
	// 20 ms; default 700 ms.
	Heartbeat time.Duration

	// Create makes a new log for the state that the machine has. The log must not exist yet. Without Create it must exist, so
	// that a lost file is never mistaken for a first start.
	Create bool

	// MaxInFlight bounds the commands that are proposed and not yet answered. More wait their turn. 1 to 1024, default 1024.
	MaxInFlight int

	// SnapshotEntries is how many entries the log gathers above the last snapshot before raft takes the next and cuts the
	// log. A start reads the whole log, and under load an entry holds dozens to hundreds of commands. Default 256.
	SnapshotEntries uint64
	// SnapshotInterval is how often raft checks that. It waits up to twice as long. Default 2 s.
	SnapshotInterval time.Duration
	// TrailingEntries is how many entries stay in the log below a snapshot. Default 64.
	TrailingEntries uint64

	// Hold returns the highest entry that nobody needs to read through Node.Entries any more. Entries above it stay in the log
	// although a checkpoint holds them, as long as the log takes up at most HoldBytes. It is asked at each cut, from any
	// goroutine, and must be quick. nil: nothing is held back.
	Hold func() uint64
	// HoldBytes is how large the log may become for Hold, in bytes. In a larger one nothing is held back. A start reads all of
	// it. Default 256 MiB.
	HoldBytes int64

	// CanaryInterval is how long the log may be idle before the canary writes. Default 1 s.
	CanaryInterval time.Duration
	// StallLimit is how long a write may take before the disk counts as hung and the node fails. Pauses of the process
	// don't count. Default 5 s.
	StallLimit time.Duration
}

// maxInFlight is raft's bound on one batch. Its queue takes as many without blocking.
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
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.Network != nil && o.Address == "" {
		errs = append(errs, errors.New("a node with a network needs the address at which others reach it"))
	}
	setDefault(&o.Heartbeat, 700*time.Millisecond)
	setDefault(&o.KeepFor, 15*time.Minute)
	setDefault(&o.TransferRate, 50<<20)
	setDefault(&o.MaxInFlight, maxInFlight)
	setDefault(&o.SnapshotEntries, 256)
	setDefault(&o.SnapshotInterval, 2*time.Second)
	setDefault(&o.TrailingEntries, 64)
	setDefault(&o.HoldBytes, 256<<20)
	setDefault(&o.CanaryInterval, time.Second)
	setDefault(&o.StallLimit, 5*time.Second)
	if o.MaxInFlight < 1 || o.MaxInFlight > maxInFlight {
		errs = append(errs, errors.New("the bound on commands in flight must be 1 to 1024"))
	}
	if o.HoldBytes < 0 {
		errs = append(errs, errors.New("the bound on held entries must not be negative"))
	}
	if o.Heartbeat < 20*time.Millisecond || o.KeepFor < 0 || o.TransferRate < 1 {
		errs = append(errs, errors.New("the heartbeat must be 20 ms or more, and the transfer rate positive"))
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

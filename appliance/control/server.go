package control

import (
	"context"
	"time"

	"imperio/appliance/problem"
	"imperio/games"
)

// Server is the running server, as far as operators ask about it. Its methods are safe for concurrent use.
type Server interface {
	Status() Status
	// Checkpoint writes the state in memory into the state file. It returns when that is durable.
	Checkpoint(ctx context.Context) error
	// Audit proves the books while the casino runs. A violation is part of the report, not an error.
	Audit(ctx context.Context) (AuditReport, error)
	// CopyState copies the state of this moment. The copy stays until it is removed, or for an hour.
	CopyState(ctx context.Context, r CopyRequest) (StateCopy, error)
	// RemoveStateCopy removes a copy. It removes nothing else, whatever the name says.
	RemoveStateCopy(name CopyName) error
	// MirrorStatus returns how the mirror stands; false if none is configured.
	MirrorStatus() (MirrorStatus, bool)
	// RebuildMirror makes the mirror begin again, for an actor. It returns at once; false if none is configured.
	RebuildMirror(ctx context.Context, actor string) (bool, error)
	// RootCertificate returns the certificate of the server's own authority in PEM; "" if it has none.
	RootCertificate() (string, error)
	// Reload reads the configuration again, and applies what needs no restart. Mistakes in it are part of the report, not an error.
	Reload(ctx context.Context) (Reloaded, error)
	// Restart begins to replace the server by a program: the path of its file, or "" for the file that the server was started from. The
	// process id and the listening sockets stay. It returns before the server stops. An error means that nothing has changed.
	Restart(ctx context.Context, program string) (Restarting, error)
	// Cluster returns the cluster that the server is a member of; nil if it has no address for other members.
	Cluster() Cluster
}

// Status is the state of a server.
type Status struct {
	Version      string      `json:"version"`
	Program      string      `json:"program"` // the path of its file
	Node         string      `json:"node"`
	StartedAt    time.Time   `json:"started_at"`
	Leader       bool        `json:"leader"`
	AppliedIndex uint64      `json:"applied_index"` // of the log, in memory
	DurableIndex uint64      `json:"durable_index"` // of the log, in the state file
	Events       uint64      `json:"events"`
	HistoryHead  string      `json:"history_head"` // lowercase hex
	Accounts     uint64      `json:"accounts"`
	Sessions     uint64      `json:"sessions"`
	OpenRounds   uint64      `json:"open_rounds"`
	LedgerSum    games.Coins `json:"ledger_sum"` // always 0
	Addresses    []string    `json:"addresses"`  // on which it listens, host:port
}

// AuditReport is what an audit found.
type AuditReport struct {
	Proved      []string `json:"proved"`             // in words, one line each
	Violation   string   `json:"violation,omitzero"` // the first one; empty: none
	Events      uint64   `json:"events"`
	HistoryHead string   `json:"history_head"`
	Records     uint64   `json:"records"`
	Accounts    uint64   `json:"accounts"`
	Transfers   uint64   `json:"transfers"`
	Rounds      uint64   `json:"rounds"` // settled
	OpenRounds  uint64   `json:"open_rounds"`
	Unproven    uint64   `json:"unproven"` // positions of rounds, without the casino's key
}

// RootCertificate is the certificate of the server's own authority.
type RootCertificate struct {
	PEM string `json:"pem"` // empty: there is none
}

// RestartRequest asks for a restart. It is for the control socket alone: whoever asks can run any program as the casino's user, and
// reads its environment, which may hold secrets.
type RestartRequest struct {
	Binary string `json:"binary"` // absolute path of the program; empty: the one that the server was started from
}

// Restarting is a restart that has begun, with all that is needed to start the server again by hand.
type Restarting struct {
	PID     int      `json:"pid"` // before and after
	Program string   `json:"program"`
	Args    []string `json:"args"` // with the program's name
	Environ []string `json:"environ"`
	Dir     string   `json:"dir"`
}

// server is the running server, or the reason why it can't be asked.
func (c *Control) server() (Server, error) {
	if c.o.Server == nil {
		return nil, problem.New("unavailable", "No server runs on this data directory. Start one with 'imperio serve'.")
	}
	return c.o.Server, nil
}

func (c *Control) getStatus(context.Context, None) (Status, error) {
	s, err := c.server()
	if err != nil {
		return Status{}, err
	}
	return s.Status(), nil
}

func (c *Control) writeCheckpoint(ctx context.Context, _ None) (None, error) {
	s, err := c.server()
	if err != nil {
		return None{}, err
	}
	return None{}, s.Checkpoint(ctx)
}

func (c *Control) audit(ctx context.Context, _ None) (AuditReport, error) {
	s, err := c.server()
	if err != nil {
		return AuditReport{}, err
	}
	return s.Audit(ctx)
}

func (c *Control) restart(ctx context.Context, r RestartRequest) (Restarting, error) {
	s, err := c.server()
	if err != nil {
		return Restarting{}, err
	}
	return s.Restart(ctx, r.Binary)
}

func (c *Control) getRootCertificate(context.Context, None) (RootCertificate, error) {
	s, err := c.server()
	if err != nil {
		return RootCertificate{}, err
	}
	pem, err := s.RootCertificate()
	return RootCertificate{pem}, err
}

package control

import (
	"context"
	"time"

	"imperio/appliance/problem"
)

// MirrorStatus is how the mirror in PostgreSQL stands.
type MirrorStatus struct {
	Database      string    `json:"database"` // host, port and name
	Schema        string    `json:"schema"`
	State         string    `json:"state"` // connecting, catching-up, following, failing, other-casino or standby
	Error         string    `json:"error,omitzero"`
	FailsSince    time.Time `json:"fails_since,omitzero"`
	Event         uint64    `json:"event"` // the newest in the tables
	Time          time.Time `json:"time,omitzero"`
	AccountsEvent uint64    `json:"accounts_event"` // the accounts are as they were after it
	Head          uint64    `json:"head"`           // the casino's newest event
	LagSeconds    float64   `json:"lag_seconds"`
	// Since the start of the server:
	Events  uint64 `json:"events"`
	Rows    uint64 `json:"rows"`
	Batches uint64 `json:"batches"`
	Errors  uint64 `json:"errors"`
}

// mirrorOff says that there is no mirror.
func mirrorOff() error {
	return problem.New("mirror_off", "No mirror is configured. Name a PostgreSQL database with --mirror (IMPERIO_MIRROR), and restart the casino.")
}

func (c *Control) getMirrorStatus(context.Context, None) (MirrorStatus, error) {
	s, err := c.server()
	if err != nil {
		return MirrorStatus{}, err
	}
	status, ok := s.MirrorStatus()
	if !ok {
		return MirrorStatus{}, mirrorOff()
	}
	return status, nil
}

func (c *Control) rebuildMirror(ctx context.Context, _ None) (None, error) {
	s, err := c.server()
	if err != nil {
		return None{}, err
	}
	if ok, err := s.RebuildMirror(ctx, c.o.Actor(ctx)); err != nil || !ok {
		if err == nil {
			err = mirrorOff()
		}
		return None{}, err
	}
	return None{}, nil
}

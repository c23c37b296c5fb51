package control

import (
	"context"

	"imperio/games"
)

// CopyRequest asks for a copy of the state: for a new program to try itself on, in the place of an earlier one; or else for an export to
// read, in a directory of its own.
type CopyRequest struct {
	Export bool `json:"export,omitzero"`
}

// CopyName names a copy of the state.
type CopyName struct {
	Dir string `json:"dir,omitzero"` // as StateCopy has it; empty: the copy for a new program
}

// StateCopy is a copy of the state.
type StateCopy struct {
	Dir    string     `json:"dir"` // holds the copy; only the casino's user and root may look into it
	Bytes  int64      `json:"bytes"`
	Format int        `json:"format"` // version of the data's format
	Facts  StateFacts `json:"facts"`
}

// StateFacts are what a state says about itself. Two programs read the same from one state, whatever its format.
type StateFacts struct {
	Index       uint64      `json:"index"` // of the log, up to which the state goes
	Level       uint32      `json:"feature_level"`
	Events      uint64      `json:"events"`
	HistoryHead string      `json:"history_head"` // lowercase hex
	Accounts    uint64      `json:"accounts"`
	Sessions    uint64      `json:"sessions"`
	OpenRounds  uint64      `json:"open_rounds"`
	Players     games.Coins `json:"players"`    // sum of the players' balances
	LedgerSum   games.Coins `json:"ledger_sum"` // always 0
}

func (c *Control) copyState(ctx context.Context, r CopyRequest) (StateCopy, error) {
	s, err := c.server()
	if err != nil {
		return StateCopy{}, err
	}
	return s.CopyState(ctx, r)
}

func (c *Control) removeStateCopy(_ context.Context, name CopyName) (None, error) {
	s, err := c.server()
	if err != nil {
		return None{}, err
	}
	return None{}, s.RemoveStateCopy(name)
}

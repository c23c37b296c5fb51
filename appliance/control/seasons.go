package control

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"imperio/appliance/problem"
	"imperio/storage/command"
)

// SeasonEnd ends the running season before its month is over.
type SeasonEnd struct {
	Reason string `json:"reason"`
}

// SeasonEnded is a season that was just ended.
type SeasonEnded struct {
	Season  uint32    `json:"season"`
	BeganAt time.Time `json:"began_at"`
	EndedAt time.Time `json:"ended_at"`
	Players uint64    `json:"players"` // with at least one round
	Digest  string    `json:"digest"`  // of the final standings
}

// endSeason ends the running season. The leader begins the next one by itself, if the house wants one.
func (c *Control) endSeason(ctx context.Context, in SeasonEnd) (SeasonEnded, error) {
	if err := checkReason(in.Reason); err != nil {
		return SeasonEnded{}, err
	}
	newest, err := c.o.Casino.Seasons(0, 1)
	if err != nil {
		return SeasonEnded{}, fmt.Errorf("find the running season: %w", err)
	}
	if len(newest) == 0 || !newest[0].EndedAt.IsZero() {
		return SeasonEnded{}, problem.New("season_not_found", "No season is running.")
	}
	number := newest[0].Number
	if _, err := c.propose(ctx, 0, 0, command.CloseSeason{Season: number, Actor: c.o.Actor(ctx), Reason: in.Reason}); err != nil {
		return SeasonEnded{}, err
	}
	list, err := c.o.Casino.Seasons(number+1, 1)
	if err != nil || len(list) == 0 {
		return SeasonEnded{}, fmt.Errorf("read season %d: %w", number, err)
	}
	s := &list[0]
	return SeasonEnded{s.Number, s.BeganAt, s.EndedAt, s.Players, hex.EncodeToString(s.Digest[:])}, nil
}

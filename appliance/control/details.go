package control

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// AccountDetails is all that operators see of one account.
type AccountDetails struct {
	Account
	ShownName string           `json:"shown_name"` // to others; empty: the account is deleted
	InSeasons bool             `json:"in_seasons"` // takes part in them
	Games     []GameStatistics `json:"games"`      // without those that were never played
	Limits    Limits           `json:"limits"`
	Sessions  []Session        `json:"sessions"` // in force, newest first
}

// GameStatistics sums up the settled rounds of one game. Net is what the player won, or lost if below 0.
type GameStatistics struct {
	Game       string      `json:"game"`
	Rounds     uint64      `json:"rounds"`
	Staked     games.Coins `json:"staked"`
	Paid       games.Coins `json:"paid"`
	Net        games.Coins `json:"net"`
	BiggestWin games.Coins `json:"biggest_win"`
}

// Limits are the limits that a player has set, and what counts against them. A limit of 0 is none.
type Limits struct {
	InForce       LimitSet       `json:"in_force"`
	Pending       []PendingLimit `json:"pending"` // looser limits that take effect later
	StakedToday   games.Coins    `json:"staked_today"`
	LostToday     games.Coins    `json:"lost_today"`
	LostThisWeek  games.Coins    `json:"lost_this_week"`
	LostThisMonth games.Coins    `json:"lost_this_month"`
}

// PendingLimit is a looser limit that waits. Limit is its name in LimitSet, and Value its value from then on; 0: none.
type PendingLimit struct {
	Limit string    `json:"limit"`
	Value int64     `json:"value"`
	From  time.Time `json:"from"`
}

// LimitSet is a player's own limits, in coins and in minutes; 0: none.
type LimitSet struct {
	StakePerDay         games.Coins `json:"stake_per_day"`
	LossPerDay          games.Coins `json:"loss_per_day"`
	LossPerWeek         games.Coins `json:"loss_per_week"`
	LossPerMonth        games.Coins `json:"loss_per_month"`
	SessionMinutes      int         `json:"session_minutes"`
	RealityCheckMinutes int         `json:"reality_check_minutes"`
}

// Session is a signed-in client, or a personal access token, which has a name.
type Session struct {
	ID        uint64    `json:"id,string"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	Token     string    `json:"token,omitzero"` // the name of a personal access token
}

// RoundList says which rounds of an account to list: at most Limit (1 … 1000), newest first, from the cursor Before on; 0: from the
// newest. Game is the name of a game; empty: all.
type RoundList struct {
	Who    string `json:"who"`
	Before uint64 `json:"before,string,omitzero"`
	Limit  int    `json:"limit"`
	Game   string `json:"game,omitzero"`
}

// RoundPage is a part of the list of rounds. A page may be shorter than asked for, even empty, without being the last.
type RoundPage struct {
	Rounds []Round `json:"rounds"`
	Next   uint64  `json:"next,string,omitzero"` // the cursor of the next page; 0 if this is the last
}

// Round is a round as operators see it, without its cards or numbers. The names are those of the players' API, so that "imperio fair"
// recomputes it once its server seed is revealed.
type Round struct {
	ID         uint64      `json:"id,string"`
	Rules      string      `json:"rules"`
	OpenedAt   time.Time   `json:"opened_at"`
	SettledAt  time.Time   `json:"settled_at,omitzero"`
	Settled    bool        `json:"settled"`
	Stake      games.Coins `json:"stake"`
	Staked     games.Coins `json:"staked"` // with all that was added later
	Payout     games.Coins `json:"payout"`
	Bets       []games.Bet `json:"bets,omitempty"`
	Actions    []string    `json:"actions,omitempty"`
	Nonce      uint64      `json:"nonce"`
	Pair       uint32      `json:"pair"`
	ClientSeed string      `json:"client_seed"`
	Commitment string      `json:"commitment"`
	ServerSeed string      `json:"server_seed,omitzero"` // once it is revealed
}

func (c *Control) showAccount(_ context.Context, in Who) (v AccountDetails, err error) {
	id, err := c.find(in.Who)
	if err != nil {
		return v, err
	}
	if v.Account, err = c.show(id); err != nil {
		return v, err
	}
	profile, _, err := c.o.Casino.Profile(id)
	if err != nil {
		return v, fmt.Errorf("read the profile: %w", err)
	}
	v.ShownName, v.InSeasons = profile.ShownName, profile.InSeasons
	if v.Games, err = c.statistics(id); err != nil {
		return v, err
	}
	l, err := c.o.Casino.Limits(id, c.o.Now())
	if err != nil {
		return v, fmt.Errorf("read the limits: %w", err)
	}
	v.Limits = Limits{
		InForce: LimitSet(l.InForce), Pending: make([]PendingLimit, len(l.Pending)),
		StakedToday: l.StakedToday, LostToday: l.LostToday, LostThisWeek: l.LostThisWeek, LostThisMonth: l.LostThisMonth,
	}
	for i, p := range l.Pending {
		v.Limits.Pending[i] = PendingLimit{p.Limit.String(), p.Value, p.From}
	}
	v.Sessions, err = c.sessions(id)
	return v, err
}

func (c *Control) statistics(id command.AccountID) ([]GameStatistics, error) {
	list, err := c.o.Casino.Statistics(id)
	if err != nil {
		return nil, fmt.Errorf("sum up rounds: %w", err)
	}
	played := []GameStatistics{}
	for _, s := range list {
		if s.Rounds > 0 {
			played = append(played, GameStatistics{s.Game, s.Rounds, s.Staked, s.Paid, s.Paid - s.Staked, s.BiggestWin})
		}
	}
	return played, nil
}

func (c *Control) sessions(id command.AccountID) ([]Session, error) {
	list, err := c.o.Casino.Sessions(id)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	valid := []Session{}
	for _, s := range list {
		if s.ExpiresAt.After(c.o.Now()) {
			valid = append(valid, Session{uint64(s.ID), s.CreatedAt, s.ExpiresAt, s.Address, s.UserAgent, s.Name})
		}
	}
	return valid, nil
}

func (c *Control) listRounds(ctx context.Context, in RoundList) (RoundPage, error) {
	if err := checkLimit(in.Limit); err != nil {
		return RoundPage{}, err
	}
	id, err := c.find(in.Who)
	if err != nil {
		return RoundPage{}, err
	}
	if _, err := c.show(id); err != nil {
		return RoundPage{}, err
	}
	list, next, err := c.o.Casino.Rounds(ctx, id, command.Page{Before: in.Before, Limit: in.Limit, Game: in.Game})
	if err != nil {
		return RoundPage{}, fmt.Errorf("list rounds: %w", err)
	}
	page := RoundPage{Rounds: make([]Round, len(list)), Next: next}
	for i, r := range list {
		page.Rounds[i] = Round{
			ID: uint64(r.ID), Rules: r.Rules, OpenedAt: r.OpenedAt, SettledAt: r.SettledAt, Settled: r.Settled, Stake: r.Wager.Stake, Staked: r.Staked,
			Payout: r.Payout, Bets: r.Wager.Bets, Actions: r.Wager.Actions, Nonce: r.Nonce, Pair: r.Pair, ClientSeed: r.ClientSeed,
			Commitment: r.Commitment, ServerSeed: hex.EncodeToString(r.ServerSeed),
		}
	}
	return page, nil
}

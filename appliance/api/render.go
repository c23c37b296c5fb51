package api

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/problem"
	"imperio/games"
	"imperio/storage/command"
)

// timestamp is a time in an answer: RFC 3339 in UTC with milliseconds; null when zero.
type timestamp time.Time

// MarshalJSONTo implements json.MarshalerTo.
func (t timestamp) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteValue(t.append(e.AvailableBuffer()))
}

func (t timestamp) append(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, `null`...)
	}
	b = time.Time(t).UTC().AppendFormat(append(b, '"'), problem.TimeLayout)
	return append(b, '"')
}

// IsZero makes omitzero leave out a zero time.
func (t timestamp) IsZero() bool { return time.Time(t).IsZero() }

// optionalID is an id in an answer, as text; null when 0.
type optionalID uint64

// MarshalJSONTo implements json.MarshalerTo.
func (id optionalID) MarshalJSONTo(e *jsontext.Encoder) error {
	if id == 0 {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteValue(fmt.Appendf(e.AvailableBuffer(), `"%d"`, uint64(id)))
}

// optionalText is a string in an answer; null when empty.
type optionalText string

// MarshalJSONTo implements json.MarshalerTo.
func (s optionalText) MarshalJSONTo(e *jsontext.Encoder) error {
	if s == "" {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.String(string(s)))
}

// roundView is a round as its player sees it. It never holds the draws themselves: the game decides what its player may see
// of them.
type roundView struct {
	ID         command.RoundID `json:"id,string"`
	Game       string          `json:"game"`
	Rules      string          `json:"rules"`
	OpenedAt   timestamp       `json:"opened_at"`
	SettledAt  timestamp       `json:"settled_at"`
	Settled    bool            `json:"settled"`
	Stake      games.Coins     `json:"stake"`
	Staked     games.Coins     `json:"staked"`
	Payout     games.Coins     `json:"payout"`
	Bets       []games.Bet     `json:"bets,omitzero"`
	Actions    []string        `json:"actions,omitzero"`
	Nonce      uint64          `json:"nonce"`
	Pair       uint32          `json:"pair"`
	Commitment string          `json:"commitment"`
	ClientSeed string          `json:"client_seed"`
	ServerSeed optionalText    `json:"server_seed"`
	Outcome    any             `json:"outcome"`

	game *games.Descriptor // nil if its rules are not known
}

// viewRound describes a round. Rounds under rules that are not in the catalogue have no outcome.
func viewRound(c *games.Catalogue, r *command.Round) (roundView, error) {
	v := roundView{
		ID: r.ID, Rules: r.Rules, OpenedAt: timestamp(r.OpenedAt), SettledAt: timestamp(r.SettledAt), Settled: r.Settled,
		Stake: r.Wager.Stake, Staked: r.Staked, Payout: r.Payout, Nonce: r.Nonce, Pair: r.Pair,
		Commitment: r.Commitment, ClientSeed: r.ClientSeed,
	}
	v.Game = games.NameOf(r.Rules)
	if r.ServerSeed != nil {
		v.ServerSeed = optionalText(hex.EncodeToString(r.ServerSeed))
	}
	version, ok := c.Version(r.Rules)
	if !ok {
		return v, nil
	}
	v.game = version.Of()
	if v.game.Bets {
		v.Bets = r.Wager.Bets
	}
	if v.game.StaysOpen() {
		if v.Actions = r.Wager.Actions; v.Actions == nil {
			v.Actions = []string{}
		}
	}
	var err error
	if v.Outcome, err = version.Describe(r.Draws, r.Wager); err != nil {
		return v, fmt.Errorf("describe round %d of %s: %w", r.ID, r.Rules, err)
	}
	return v, nil
}

// viewOutcome describes a round of a game whose outcomes are of type T, with the actions for which there is room.
func viewOutcome[T any](c *games.Catalogue, r *command.RoundResult) (v roundView, outcome T, err error) {
	if v, err = viewRound(c, &r.Round); err != nil {
		return v, outcome, err
	}
	v.allowWithin(r.Room)
	outcome, ok := v.Outcome.(T)
	if !ok {
		return v, outcome, fmt.Errorf("round %d of %s has the outcome of another game", r.Round.ID, r.Round.Rules)
	}
	return v, outcome, nil
}

// allowWithin drops those of the round's allowed actions that cost more than the player's balance and own limits leave.
func (v *roundView) allowWithin(room games.Coins) {
	if o, ok := v.Outcome.(games.Choosing); ok {
		v.Outcome = o.Within(func(action string) bool { return v.game.Cost(action, v.Stake) <= room })
	}
}

// accountView is an account as its player sees it.
type accountView struct {
	ID            command.AccountID `json:"id,string"`
	Username      string            `json:"username"`
	Email         string            `json:"email"`
	Role          command.Role      `json:"role"`
	Coins         games.Coins       `json:"coins"`
	HeldCoins     games.Coins       `json:"held_coins"`
	OpenRoundID   optionalID        `json:"open_round_id"`
	CreatedAt     timestamp         `json:"created_at"`
	Locked        bool              `json:"locked"`
	ExcludedUntil timestamp         `json:"excluded_until"`
	DailyCoinsAt  timestamp         `json:"daily_coins_at"`
	Nudges        bool              `json:"nudges"`
}

func viewAccount(a *command.Account, now time.Time) accountView {
	return accountView{
		ID: a.ID, Username: a.Username, Email: a.Email, Role: a.Role, Coins: a.Coins, HeldCoins: a.HeldCoins,
		OpenRoundID: optionalID(a.OpenRound), CreatedAt: timestamp(a.CreatedAt), Locked: a.Locked,
		ExcludedUntil: future(a.ExcludedUntil, now), DailyCoinsAt: future(a.DailyNextAt, now), Nudges: a.Nudges,
	}
}

// future is the zero time for a time that has passed.
func future(t, now time.Time) timestamp {
	if t.After(now) {
		return timestamp(t)
	}
	return timestamp{}
}

// pairView is a revealed seed pair.
type pairView struct {
	Pair       uint32    `json:"pair"`
	ServerSeed string    `json:"server_seed"`
	Commitment string    `json:"commitment"`
	ClientSeed string    `json:"client_seed"`
	Rounds     uint64    `json:"rounds"`
	RevealedAt timestamp `json:"revealed_at"`
}

func viewPair(p *command.RevealedPair) pairView {
	return pairView{
		Pair: p.Pair, ServerSeed: hex.EncodeToString(p.ServerSeed), Commitment: p.Commitment,
		ClientSeed: p.ClientSeed, Rounds: p.Rounds, RevealedAt: timestamp(p.RevealedAt),
	}
}

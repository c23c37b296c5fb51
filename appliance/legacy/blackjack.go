package legacy

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/problem"
	"imperio/games"
	blackjackgame "imperio/games/blackjack"
)

// position is the API's view of a round of blackjack.
type position struct {
	Round struct {
		ID      uint64      `json:"id,string"`
		Stake   games.Coins `json:"stake"`
		Actions []string    `json:"actions"`
	} `json:"round"`
	blackjackgame.Outcome
	Payout games.Coins `json:"payout"`
	Coins  games.Coins `json:"coins"`
}

// most is how many hands the older front end can show.
const most = 2

var errTooManyHands = problem.New("action_not_allowed", "This round has more hands than this page can show. Finish it on the casino's own page of blackjack.")

// blackjackStart deals a round. If one is open, as in an older tab, it is shown instead, and no coins move.
func (c *call) blackjackStart() (any, error) {
	if err := c.authenticate(bearer(c.r)); err != nil {
		return nil, err
	}
	var in struct {
		Wager jsontext.Value `json:"wager"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	stake, ok := whole(in.Wager)
	if !ok {
		return nil, problem.New("bad_request", "The wager must be a whole number of coins.")
	}
	p := new(position)
	err := c.ask("POST", "/games/blackjack/rounds", c.key(""), map[string]int64{"stake": stake}, p)
	if err != nil && problem.Of(err).Code == "round_open" {
		p, err = c.openOrJustOver()
	}
	if err == nil {
		p, err = c.declineInsurance(p)
	}
	switch {
	case err != nil:
		return nil, err
	case len(p.Hands) > most && !p.Settled:
		return nil, errTooManyHands
	}
	t := viewTable(p)
	t.Message = "" // the page shows no board beside a message
	return t, nil
}

// open reads the player's open round.
func (c *call) open() (*position, error) {
	p := new(position)
	if err := c.ask("GET", "/games/blackjack/rounds/open", "", nil, p); err != nil {
		return nil, err
	}
	return p, nil
}

// openOrJustOver reads the round that was open a moment ago. Of a double click, the first start may have settled it meanwhile: with
// an ace up, it declines insurance.
func (c *call) openOrJustOver() (*position, error) {
	p, err := c.open()
	if err == nil || problem.Of(err).Code != "no_open_round" {
		return p, err
	}
	var list struct {
		Rounds []struct {
			ID uint64 `json:"id,string"`
		} `json:"rounds"`
	}
	if failed := c.ask("GET", "/me/rounds?game=blackjack&limit=1", "", nil, &list); failed != nil || len(list.Rounds) == 0 {
		return nil, cmp.Or(failed, err)
	}
	return c.round(list.Rounds[0].ID)
}

// round reads a round of the player, open or settled.
func (c *call) round(id uint64) (*position, error) {
	if p, err := c.open(); err == nil && p.Round.ID == id {
		return p, nil
	}
	var r struct {
		ID      uint64                `json:"id,string"`
		Game    string                `json:"game"`
		Stake   games.Coins           `json:"stake"`
		Payout  games.Coins           `json:"payout"`
		Actions []string              `json:"actions"`
		Outcome blackjackgame.Outcome `json:"outcome"`
	}
	if err := c.ask("GET", "/me/rounds/"+strconv.FormatUint(id, 10), "", nil, &r); err != nil {
		return nil, err
	}
	if r.Game != blackjack.String() {
		return nil, problem.New("round_not_found", "This round is not one of blackjack.")
	}
	var a me
	if err := c.ask("GET", "/me", "", nil, &a); err != nil {
		return nil, err
	}
	p := &position{Outcome: r.Outcome, Payout: r.Payout, Coins: a.Coins}
	p.Round.ID, p.Round.Stake, p.Round.Actions = r.ID, r.Stake, r.Actions
	return p, nil
}

// declineInsurance answers for the player a question that the older front ends don't ask.
func (c *call) declineInsurance(p *position) (*position, error) {
	if p.Settled || !slices.Contains(p.Allowed, blackjackgame.DeclineInsurance) {
		return p, nil
	}
	after, err := c.act(p, blackjackgame.DeclineInsurance, c.key("decline"))
	if err != nil { // another request may have done it
		if after, err := c.round(p.Round.ID); err == nil && !slices.Contains(after.Allowed, blackjackgame.DeclineInsurance) {
			return after, nil
		}
	}
	return after, err
}

// act takes an action in a round as it was seen. Of two at once, the API refuses one.
func (c *call) act(p *position, action, key string) (*position, error) {
	after := new(position)
	in := struct {
		Action string `json:"action"`
		Taken  int    `json:"taken"`
	}{action, len(p.Round.Actions)}
	if err := c.ask("POST", "/games/blackjack/rounds/"+strconv.FormatUint(p.Round.ID, 10)+"/actions", key, in, after); err != nil {
		return nil, err
	}
	return after, nil
}

// actions are those of the older clients, and what they mean.
var actions = map[string]string{
	"hit": blackjackgame.Hit, "stand": blackjackgame.Stand, "double": blackjackgame.Double, "double_down": blackjackgame.Double, "split": blackjackgame.Split,
}

// shown is a refusal that also tells how the round stands: the older page uses the answer without looking at its status.
type shown struct {
	error
	table *table
}

func (s *shown) Unwrap() error { return s.error }

// blackjackAction takes an action in a round: in the player's open one, if the request names none.
func (c *call) blackjackAction() (any, error) {
	if err := c.authenticate(bearer(c.r)); err != nil {
		return nil, err
	}
	var in struct {
		Action jsontext.Value `json:"action"`
		Game   jsontext.Value `json:"game_id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	id, err := roundID(in.Game)
	if err != nil {
		return nil, err
	}
	open, err := c.open()
	if err != nil && problem.Of(err).Code != "no_open_round" {
		return nil, err
	}
	if id == 0 && open != nil {
		id = open.Round.ID
	}
	p, err := c.take(open, id, text(in.Action))
	if err != nil {
		return nil, c.show(id, err)
	}
	return viewTable(p), nil
}

// take takes an action. open is the player's open round; nil if there is none.
func (c *call) take(open *position, id uint64, name string) (*position, error) {
	action, known := actions[name]
	if !known {
		return nil, problem.New("unknown_action", "The action must be hit, stand, double or split.")
	}
	if id == 0 {
		return nil, problem.New("no_open_round", "No round of yours is open. Start one.")
	}
	if open == nil || open.Round.ID != id {
		// The API tells why not, or repeats what was done under the client's key.
		p := new(position)
		p.Round.ID = id
		return c.act(p, action, c.key(""))
	}
	open, err := c.declineInsurance(open)
	switch {
	case err != nil:
		return nil, err
	case open.Settled: // the dealer had a blackjack
		return open, nil
	case len(open.Hands) > most:
		return nil, errTooManyHands
	case action == blackjackgame.Split && len(open.Hands) == most:
		return nil, problem.New("action_not_allowed", "This page can't split a second time.")
	}
	return c.act(open, action, c.key(""))
}

// show adds the state of a round to a refusal. Without such a round there is an empty table, on which nothing can be done.
func (c *call) show(id uint64, refusal error) error {
	why := problem.Of(refusal)
	if why.Code == "unauthenticated" {
		return refusal
	}
	t := emptyTable()
	if p, err := c.round(id); err == nil {
		t = viewTable(p)
	} else {
		var a me
		if c.ask("GET", "/me", "", nil, &a) == nil {
			t.PlayerCoins = a.Coins
		}
	}
	t.Message = joined(why.Detail, t.Message)
	return &shown{refusal, t}
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// roundID reads the number of a round, as a number or as text; 0 if there is none.
func roundID(v jsontext.Value) (uint64, error) {
	s := string(v)
	switch v.Kind() {
	case 'n', 0:
		return 0, nil
	case '"':
		s = text(v)
	}
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, problem.New("bad_request", "The game_id must be that of a round.")
	}
	return id, nil
}

package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"imperio/games"
	"imperio/storage/command"
)

// desk is the form of one game's requests and answers.
type desk struct {
	game  string
	opens string // the word for a round in the address
	wager func(*call, *Table) (wager, error)
	view  func(*games.Catalogue, *command.RoundResult) (any, error)
}

// desks are those of the games whose requests or answers have their own form. Every other game has one from plainDesk.
var desks = []desk{
	{game: "slots", opens: "spins", wager: (*call).stakeOf, view: viewSpin},
	{game: "roulette", opens: "spins", wager: (*call).betsOf, view: viewWheel},
	{game: "blackjack", opens: "rounds", wager: (*call).stakeOf, view: viewTable},
}

// plainDesk takes a stake, and answers with the round and the balance.
func plainDesk(game string) desk {
	return desk{game: game, opens: "rounds", wager: (*call).stakeOf, view: viewPlay}
}

// deskOf is the desk of a game.
func deskOf(game string) desk {
	if i := slices.IndexFunc(desks, func(d desk) bool { return d.game == game }); i >= 0 {
		return desks[i]
	}
	return plainDesk(game)
}

// gameRoutes are the routes on which the games are played.
func gameRoutes(c *games.Catalogue) []route {
	var list []route
	for _, g := range c.Games() {
		d := deskOf(g.Name)
		address := "/api/v1/games/" + g.Name
		list = append(list, route{"POST", address + "/" + d.opens, plays, d.open})
		if g.StaysOpen() {
			list = append(list,
				route{"GET", address + "/rounds/open", reads, d.showOpen},
				route{"POST", address + "/rounds/:id/actions", plays, d.act})
		}
	}
	return list
}

// open opens a round.
func (d desk) open(a *API, c *call) (answer, error) {
	t := c.terms.table(d.game)
	w, err := d.wager(c, t)
	if err != nil {
		return answer{}, err
	}
	r, replayed, err := a.placeWager(c, t, w)
	if err != nil {
		return answer{}, err
	}
	v, err := d.view(a.o.Games, r)
	if err != nil {
		return answer{}, err
	}
	location := "/api/v1/me/rounds/" + strconv.FormatUint(uint64(r.Round.ID), 10)
	return answer{status: http.StatusCreated, location: location, replayed: replayed, value: v}, nil
}

// showOpen shows the player's open round of the game.
func (d desk) showOpen(a *API, c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	r, ok, err := a.o.Casino.OpenRound(c.session.Account)
	if err != nil {
		return answer{}, fmt.Errorf("find open round: %w", err)
	}
	if !ok || games.NameOf(r.Rules) != d.game {
		return answer{}, refuse("no_open_round", "No round of yours is open. Start one.")
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	room, err := a.room(c)
	if err != nil {
		return answer{}, err
	}
	v, err := d.view(a.o.Games, &command.RoundResult{Round: r, Coins: account.Coins, Held: account.HeldCoins, Room: room})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, value: v}, nil
}

// act takes an action in the player's open round of the game.
func (d desk) act(a *API, c *call) (answer, error) {
	var in struct {
		Action text  `json:"action"`
		Taken  whole `json:"taken"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err := errors.Join(require("action", in.Action.given), err); err != nil {
		return answer{}, err
	}
	id, err := c.roundID()
	if err != nil {
		return answer{}, err
	}
	g, _ := a.o.Games.Named(d.game) // only games in the catalogue have routes
	if !slices.Contains(g.Actions, in.Action.value) {
		return answer{}, refuse("unknown_action", "There is no such action. The actions are %s.", strings.Join(g.Actions, ", "))
	}
	taken, err := d.takenBy(a, c, id, in.Taken)
	if err != nil {
		return answer{}, err
	}
	r, replayed, err := a.play(c, nil, key, command.TakeAction{Round: id, Action: in.Action.value, Taken: taken})
	if err != nil {
		return answer{}, err
	}
	v, err := d.view(a.o.Games, r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, replayed: replayed, value: v}, nil
}

// takenBy is how many actions had been taken in the round, as the player knew it. The request may say it; otherwise it is the
// number when the request comes in. So one of two simultaneous requests is refused. It is nil if the round is not open.
func (d desk) takenBy(a *API, c *call, id command.RoundID, said whole) (*int, error) {
	if said.given && said.value < 0 {
		return nil, refuse("bad_request", "The field \"taken\" is the number of actions in the round as you saw it: 0 or more.")
	}
	r, ok, err := a.o.Casino.OpenRound(c.session.Account)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find open round: %w", err)
	case ok && r.ID == id && games.NameOf(r.Rules) != d.game:
		return nil, errNoRound // it is played elsewhere
	case said.given:
		return new(int(said.value)), nil
	case !ok || r.ID != id:
		return nil, nil
	}
	return new(len(r.Wager.Actions)), nil
}

// playView answers for a game that has no view of its own.
type playView struct {
	Round     roundView   `json:"round"`
	Payout    games.Coins `json:"payout"`
	Coins     games.Coins `json:"coins"`
	HeldCoins games.Coins `json:"held_coins"`
}

func viewPlay(games *games.Catalogue, r *command.RoundResult) (any, error) {
	v := &playView{Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held}
	var err error
	if v.Round, err = viewRound(games, &r.Round); err != nil {
		return nil, err
	}
	v.Round.allowWithin(r.Room)
	return v, nil
}

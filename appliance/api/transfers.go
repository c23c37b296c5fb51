package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"imperio/games"
	"imperio/storage/command"
)

// The number of entries in a page of a list.
const (
	defaultPage = 50
	maxPage     = 200
)

// transferView is one movement of coins.
type transferView struct {
	ID           string       `json:"id"`
	Time         timestamp    `json:"time"`
	Kind         string       `json:"kind"`
	Game         optionalText `json:"game"`
	RoundID      optionalID   `json:"round_id"`
	Amount       games.Coins  `json:"amount"`
	BalanceAfter games.Coins  `json:"balance_after"`
}

func viewTransfer(t *command.Transfer) transferView {
	return transferView{
		ID: t.ID, Time: timestamp(t.Time), Kind: t.Kind.String(), Game: optionalText(t.Game),
		RoundID: optionalID(t.Round), Amount: t.Amount, BalanceAfter: t.BalanceAfter,
	}
}

func (a *API) listTransfers(c *call) (answer, error) {
	page, err := a.page(c, "limit", "cursor", "kind", "game")
	if err != nil {
		return answer{}, err
	}
	list, next, err := a.o.Casino.Transfers(c.r.Context(), c.session.Account, page)
	if err != nil {
		return answer{}, fmt.Errorf("list transfers: %w", err)
	}
	views := make([]transferView, len(list))
	for i := range list {
		views[i] = viewTransfer(&list[i])
	}
	return answer{status: http.StatusOK, value: struct {
		Transfers  []transferView `json:"transfers"`
		NextCursor optionalID     `json:"next_cursor"`
	}{views, optionalID(next)}}, nil
}

// query refuses unknown and repeated parameters, as bodies do with fields.
func (c *call) query(allowed ...string) error {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	_, err := c.values(allowed)
	return err
}

func (c *call) values(allowed []string) (url.Values, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refuse("bad_request", "The query of the address is malformed.")
	}
	for name, v := range values {
		if !slices.Contains(allowed, name) {
			return nil, refuse("bad_request", "The query parameter %.64q is unknown.", name)
		}
		if len(v) != 1 {
			return nil, refuse("bad_request", "The query parameter %q is repeated.", name)
		}
	}
	return values, nil
}

// page reads which part of a list the client wants.
func (a *API) page(c *call, allowed ...string) (command.Page, error) {
	p := command.Page{Limit: defaultPage}
	if c.r.URL.RawQuery == "" {
		return p, nil
	}
	values, err := c.values(allowed)
	if err != nil {
		return p, err
	}
	if values.Has("limit") {
		p.Limit, err = strconv.Atoi(values.Get("limit"))
		if err != nil || p.Limit < 1 || p.Limit > maxPage {
			return p, refuse("bad_request", "The query parameter %q must be a number from 1 to %d.", "limit", maxPage)
		}
	}
	if values.Has("cursor") {
		var ok bool
		if p.Before, ok = parseID(values.Get("cursor")); !ok {
			return p, refuse("bad_request", "The query parameter %q must be the next_cursor of an earlier answer.", "cursor")
		}
	}
	if values.Has("game") {
		p.Game = values.Get("game")
		if _, ok := a.o.Games.Named(p.Game); !ok {
			return p, refuse("bad_request", "The query parameter %q is one of %s.", "game", strings.Join(a.o.Games.Names(), ", "))
		}
	}
	if values.Has("kind") {
		kind, ok := command.ParseTransferKind(values.Get("kind"))
		if !ok {
			return p, refuse("bad_request", "The query parameter %q must be welcome, stake, raise, payout, daily, grant, closing, import or returned.", "kind")
		}
		p.Kind = kind
	}
	return p, nil
}

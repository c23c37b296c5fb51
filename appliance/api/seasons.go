package api

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/http"

	"imperio/games"
	"imperio/storage/command"
)

// seasonView is one season.
type seasonView struct {
	Number  uint32       `json:"number"`
	BeganAt timestamp    `json:"began_at"`
	EndedAt timestamp    `json:"ended_at"`
	EndsAt  timestamp    `json:"ends_at"`
	Players *uint64      `json:"players"`
	Digest  optionalText `json:"digest"`
}

func viewSeason(s *command.Season) seasonView {
	v := seasonView{Number: s.Number, BeganAt: timestamp(s.BeganAt), EndedAt: timestamp(s.EndedAt)}
	if s.EndedAt.IsZero() {
		v.EndsAt = timestamp(ends(s.BeganAt))
	} else {
		v.Players, v.Digest = &s.Players, optionalText(hex.EncodeToString(s.Digest[:]))
	}
	return v
}

// entryView is a player in a season. Of a deleted account, name and avatar are null.
type entryView struct {
	Rank      *int         `json:"rank"`
	ID        optionalID   `json:"id"`
	ShownName optionalText `json:"shown_name"`
	Avatar    optionalText `json:"avatar"`
	Rounds    uint64       `json:"rounds"`
	Staked    games.Coins  `json:"staked"`
	Paid      games.Coins  `json:"paid"`
	Net       games.Coins  `json:"net"`
	Best      *bestView    `json:"best"`
	Proof     optionalText `json:"proof"`
}

// bestView is the round with the largest payout for each coin staked.
type bestView struct {
	Payout  games.Coins  `json:"payout"`
	Staked  games.Coins  `json:"staked"`
	RoundID optionalID   `json:"round_id"`
	Proof   optionalText `json:"proof"`
}

func viewEntry(season uint32, rank int, p *command.SeasonPlayer) entryView {
	v := entryView{ID: optionalID(p.Entry), ShownName: optionalText(p.ShownName), Avatar: optionalText(p.Avatar),
		Rounds: p.Rounds, Staked: p.Staked, Paid: p.Paid, Net: p.Paid - p.Staked}
	if rank != 0 {
		v.Rank = &rank
	}
	if p.BestRound != 0 {
		v.Best = &bestView{Payout: p.BestPayout, Staked: p.BestStaked, RoundID: optionalID(p.BestRound)}
	}
	if p.Public {
		v.Proof = optionalText(fmt.Sprintf("/api/v1/seasons/%d/players/%d", season, p.Entry))
		if v.Best != nil {
			v.Best.Proof = optionalText(fmt.Sprintf("/api/v1/proofs/%d", p.BestRound))
		}
	}
	return v
}

func viewRanked(season uint32) func(*command.Ranked) entryView {
	return func(r *command.Ranked) entryView { return viewEntry(season, r.Rank, &r.SeasonPlayer) }
}

func (a *API) listSeasons(c *call) (answer, error) {
	page, err := a.page(c, "limit", "cursor")
	if err != nil {
		return answer{}, err
	}
	if page.Before > math.MaxUint32 {
		return answer{}, refuse("bad_request", "The query parameter %q must be the next_cursor of an earlier answer.", "cursor")
	}
	list, err := a.o.Casino.Seasons(uint32(page.Before), page.Limit)
	if err != nil {
		return answer{}, fmt.Errorf("list seasons: %w", err)
	}
	out := struct {
		Reset      string       `json:"reset"`
		Running    *seasonView  `json:"running"`
		Past       []seasonView `json:"past"`
		NextCursor optionalID   `json:"next_cursor"`
	}{Reset: "off", Past: []seasonView{}}
	if c.terms.Seasons {
		out.Reset = "month"
	}
	for i := range list {
		if v := viewSeason(&list[i]); list[i].EndedAt.IsZero() {
			out.Running = &v
		} else {
			out.Past = append(out.Past, v)
		}
	}
	if n := len(list); n == page.Limit && list[n-1].Number > 1 {
		out.NextCursor = optionalID(list[n-1].Number)
	}
	return answer{status: http.StatusOK, value: out}, nil
}

// seasonNumber reads the number of a season from the address; 0 if it can't be one.
func (c *call) seasonNumber() uint32 {
	n, ok := parseID(c.params.ByName("number"))
	if !ok || n > math.MaxUint32 {
		return 0
	}
	return uint32(n)
}

var errNoSeason = refuse("season_not_found", "There is no season with this number.")

func (a *API) showSeason(c *call) (answer, error) {
	values, err := c.values([]string{"board"})
	if err != nil {
		return answer{}, err
	}
	board := command.BoardNet
	if values.Has("board") {
		var ok bool
		if board, ok = command.ParseBoard(values.Get("board")); !ok {
			return answer{}, refuse("bad_request", "The query parameter %q must be net, multiplier or rounds.", "board")
		}
	}
	number := c.seasonNumber()
	s, ok, err := a.o.Casino.Standings(number, board, c.session.Account)
	if err != nil {
		return answer{}, fmt.Errorf("read a board: %w", err)
	}
	if !ok {
		return answer{}, errNoSeason
	}
	out := struct {
		Season  seasonView  `json:"season"`
		Board   string      `json:"board"`
		AsOf    timestamp   `json:"as_of"`
		Players uint64      `json:"players"`
		Entries []entryView `json:"entries"`
		Own     *entryView  `json:"own"`
	}{viewSeason(&s.Season), board.String(), timestamp(s.AsOf), s.Players, viewAll(s.List, viewRanked(number)), nil}
	if s.Own != nil {
		own := viewRanked(number)(s.Own)
		out.Own = &own
	}
	return answer{status: http.StatusOK, value: out}, nil
}

// countedRound is a round that counts in a season, with what its proof needs beside the seeds.
type countedRound struct {
	ID         command.RoundID `json:"id,string"`
	Game       string          `json:"game"`
	Staked     games.Coins     `json:"staked"`
	Payout     games.Coins     `json:"payout"`
	SettledAt  timestamp       `json:"settled_at"`
	Pair       uint32          `json:"pair"`
	Nonce      uint64          `json:"nonce"`
	Commitment string          `json:"commitment"`
	Proof      string          `json:"proof"`
}

var errNoPlayer = refuse("player_not_found", "There is no such player in this season.")

func (a *API) showSeasonPlayer(c *call) (answer, error) {
	page, err := a.page(c, "limit", "cursor")
	if err != nil {
		return answer{}, err
	}
	id, ok := parseID(c.params.ByName("id"))
	number := c.seasonNumber()
	if !ok || number == 0 {
		return answer{}, errNoPlayer
	}
	player, ok, err := a.o.Casino.SeasonPlayer(number, command.EntryID(id))
	if err != nil {
		return answer{}, fmt.Errorf("find player of a season: %w", err)
	}
	if !ok {
		return answer{}, errNoPlayer
	}
	list, next, ok, err := a.o.Casino.SeasonRounds(c.r.Context(), number, command.EntryID(id), page)
	if err != nil {
		return answer{}, fmt.Errorf("list rounds of a season: %w", err)
	}
	if !ok {
		return answer{}, errNoPlayer // she has left meanwhile
	}
	return answer{status: http.StatusOK, value: struct {
		Season     uint32         `json:"season"`
		Player     entryView      `json:"player"`
		Rounds     []countedRound `json:"rounds"`
		NextCursor optionalID     `json:"next_cursor"`
	}{number, viewEntry(number, 0, &player), viewAll(list, func(r *command.Round) countedRound {
		return countedRound{ID: r.ID, Game: games.NameOf(r.Rules), Staked: r.Staked, Payout: r.Payout, SettledAt: timestamp(r.SettledAt),
			Pair: r.Pair, Nonce: r.Nonce, Commitment: r.Commitment, Proof: fmt.Sprintf("/api/v1/proofs/%d", r.ID)}
	}), optionalID(next)}}, nil
}

var errNoProof = refuse("proof_not_found", "There is no such round that counts in a season.")

// showProof shows a round that counts in a season to everybody, with all that proves it.
func (a *API) showProof(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	id, ok := parseID(c.params.ByName("id"))
	if !ok {
		return answer{}, errNoProof
	}
	r, ok, err := a.o.Casino.PublicRound(command.RoundID(id))
	if err != nil {
		return answer{}, fmt.Errorf("find round: %w", err)
	}
	if !ok {
		return answer{}, errNoProof
	}
	v, err := viewRound(a.o.Games, &r)
	return answer{status: http.StatusOK, value: v}, err
}

// ownSeasons are an account's own figures in all seasons in which it takes part under its present entry, newest first.
func (a *API) ownSeasons(id command.AccountID) (any, error) {
	type ownSeason struct {
		Season uint32    `json:"season"`
		Own    entryView `json:"own"`
	}
	list := []ownSeason{}
	for before := uint32(0); ; {
		some, err := a.o.Casino.Seasons(before, maxPage)
		if err != nil {
			return nil, fmt.Errorf("list seasons: %w", err)
		}
		for _, s := range some {
			own, ok, err := a.o.Casino.OwnFigures(s.Number, id)
			if err != nil {
				return nil, fmt.Errorf("find figures: %w", err)
			}
			if ok {
				list = append(list, ownSeason{s.Number, viewEntry(s.Number, 0, &own)})
			}
		}
		if len(some) < maxPage {
			return list, nil
		}
		before = some[len(some)-1].Number
	}
}

package storagetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"

	"pgregory.net/rapid"

	"imperio/games"
	"imperio/storage/command"
)

// countedRound is a round that counts in a season.
type countedRound struct {
	season  uint32
	entry   command.EntryID
	account command.AccountID
	round   *modelRound
}

func (m *Model) nameTaken(key string) bool {
	for _, p := range m.accounts {
		if p.nameKey == key || p.shownKey == key && key != "" {
			return true
		}
	}
	return false
}

func (m *Model) nudges(p *player) bool {
	in, waiting := p.limitsAt(m.now)
	return !p.locked && p.excluded.IsZero() && p.deletedAt.IsZero() && in == (command.LimitSet{}) && len(waiting) == 0
}

// running is the running season; nil: none.
func (m *Model) running() *command.Season {
	if n := len(m.seasons); n > 0 && m.seasons[n-1].EndedAt.IsZero() {
		return &m.seasons[n-1]
	}
	return nil
}

func (m *Model) setProfile(p *player, b command.SetProfile) outcome {
	if !slices.Contains(command.Avatars, b.Avatar) {
		return refused(refuse("invalid_avatar"))
	}
	if (b.ShownName == "") != (b.ShownKey == "") {
		return refused(refuse("invalid_command"))
	}
	avatar, shown, key := b.Avatar, b.ShownName, b.ShownKey
	if avatar == "laurel" {
		avatar = ""
	}
	if key == p.nameKey {
		key = ""
	}
	if shown == p.name {
		shown = ""
	}
	if key != "" && key != p.shownKey && m.nameTaken(key) {
		return refused(refuse("shown_name_taken"))
	}
	if avatar == p.avatar && shown == p.display && key == p.shownKey && b.InSeasons == (p.entry != 0) {
		return outcome{}
	}
	p.avatar, p.display, p.shownKey = avatar, shown, key
	switch {
	case !b.InSeasons:
		m.leave(p)
	case p.entry == 0:
		p.entry = command.EntryID(m.events + 1)
		m.achieve(p, command.InSeason, 0)
	}
	return did(nothing)
}

func (m *Model) leave(p *player) {
	if s := m.running(); s != nil {
		m.inSeasons = filter(m.inSeasons, func(c countedRound) bool { return c.season != s.Number || c.account != p.id })
	}
	p.entry = 0
}

func (m *Model) closeSeason(account command.AccountID, b command.CloseSeason) outcome {
	s := m.running()
	switch {
	case account != 0:
		return refused(refuse("invalid_command"))
	case s == nil && b.Season != 0, s != nil && b.Season != s.Number:
		return refused(refuse("season_moved"))
	case s != nil && b.Actor == "" && m.now.Year() == s.BeganAt.Year() && m.now.Month() == s.BeganAt.Month():
		return refused(refuse("season_not_due"))
	case s == nil && !b.Begin:
		return outcome{}
	}
	o := did(nothing)
	if s != nil {
		entries, sum := m.entries(s.Number), sha256.New()
		_ = binary.Write(sum, binary.BigEndian, s.Number)
		for _, e := range entries {
			for _, n := range []int64{int64(e.Entry), int64(e.Rounds), int64(e.Staked), int64(e.Paid), int64(e.BestPayout), int64(e.BestStaked), int64(e.BestRound)} {
				_ = binary.Write(sum, binary.BigEndian, n)
			}
		}
		s.EndedAt, s.Players, s.Digest = m.now, uint64(len(entries)), [32]byte(sum.Sum(nil))
		if b.Begin {
			o.others = 1
		}
	}
	if b.Begin {
		m.seasons = append(m.seasons, command.Season{Number: uint32(len(m.seasons) + 1), BeganAt: m.now})
	}
	return o
}

// count counts a round that has just been settled.
func (m *Model) count(p *player, r *modelRound) {
	if s := m.running(); s != nil && p.entry != 0 && uint64(r.ID) > uint64(p.entry) {
		m.inSeasons = append(m.inSeasons, countedRound{s.Number, p.entry, p.id, r})
	}
}

// entries are the figures of all players of a season, by entry.
func (m *Model) entries(season uint32) (list []command.SeasonPlayer) {
	for _, c := range m.inSeasons {
		if c.season != season {
			continue
		}
		i := slices.IndexFunc(list, func(e command.SeasonPlayer) bool { return e.Entry == c.entry })
		if i < 0 {
			i = len(list)
			list = append(list, command.SeasonPlayer{Entry: c.entry, Account: c.account})
		}
		e := &list[i]
		e.Rounds++
		e.Staked += c.round.Staked
		e.Paid += c.round.Payout
		if multiplier := big.NewRat(int64(c.round.Payout), int64(c.round.Staked)); c.round.Payout > 0 &&
			(e.BestRound == 0 || multiplier.Cmp(big.NewRat(int64(e.BestPayout), int64(e.BestStaked))) > 0) {
			e.BestPayout, e.BestStaked, e.BestRound = c.round.Payout, c.round.Staked, c.round.ID
		}
	}
	slices.SortFunc(list, func(a, b command.SeasonPlayer) int { return int(a.Entry) - int(b.Entry) })
	return list
}

func (m *Model) achieve(p *player, a command.Achievement, round command.RoundID) {
	if !slices.ContainsFunc(p.achieved, func(had command.Achieved) bool { return had.Achievement == a }) {
		p.achieved = append(p.achieved, command.Achieved{Achievement: a, At: m.now, Round: round})
	}
}

// achieveIn records what a round that was just settled achieves, by what its player sees of it.
func (m *Model) achieveIn(p *player, r *modelRound, game games.Game) {
	outcome, err := game.Describe(r.Draws, r.Wager)
	if err != nil {
		panic(err)
	}
	var seen struct {
		Symbols []string
		Pocket  int
		Hands   []struct {
			Cards  []any
			Total  int
			Result string
		}
	}
	text, _ := json.Marshal(outcome)
	_ = json.Unmarshal(text, &seen) // a die shows something else
	name := games.NameOf(r.Rules)
	var got []command.Achievement
	switch name {
	case "slots":
		got = append(got, command.FirstSpin)
	case "roulette":
		got = append(got, command.FirstWheel)
	case "blackjack":
		got = append(got, command.FirstHand)
	}
	played := map[string]bool{}
	for _, other := range p.rounds {
		played[games.NameOf(other.Rules)] = played[games.NameOf(other.Rules)] || other.Settled
	}
	played[name] = true
	if played["slots"] && played["roulette"] && played["blackjack"] && len(got) > 0 {
		got = append(got, command.AllThreeGames)
	}
	if h := seen.Hands; name == "blackjack" && len(h) == 1 && len(h[0].Cards) == 2 && h[0].Total == 21 {
		got = append(got, command.Natural)
	}
	for _, bet := range r.Wager.Bets {
		if name == "roulette" && len(bet.Numbers) == 1 && bet.Numbers[0] == seen.Pocket {
			got = append(got, command.SingleNumber)
		}
	}
	if name == "slots" && slices.Equal(seen.Symbols, []string{"cherry", "cherry", "cherry"}) {
		got = append(got, command.ThreeCherries)
	}
	if name == "slots" && slices.Equal(seen.Symbols, []string{"apple", "apple", "apple"}) {
		got = append(got, command.ThreeApples)
	}
	won := len(seen.Hands) > 1
	for _, h := range seen.Hands {
		won = won && h.Result == "win"
	}
	if won {
		got = append(got, command.BothSplitHands)
	}
	for _, a := range got {
		m.achieve(p, a, r.ID)
	}
}

func (m *Model) profile(p *player) command.Profile {
	v := command.Profile{Avatar: p.avatar, ShownName: p.display, InSeasons: p.entry != 0, Entry: p.entry, Achievements: p.achieved}
	if v.Avatar == "" {
		v.Avatar = "laurel"
	}
	if v.ShownName == "" {
		v.ShownName = p.name
	}
	return v
}

// compareSeasons compares all seasons, and what everybody may see of who takes part.
func (m *Model) compareSeasons(ctx context.Context, c *Casino, check func(string, any, any, error)) {
	list, err := c.Store.Seasons(0, len(m.seasons)+1)
	slices.Reverse(list)
	check("seasons", m.seasons, list, err)
	public := make(map[command.RoundID]bool)
	for _, season := range m.seasons {
		entries := m.entries(season.Number)
		for _, want := range entries {
			p := m.accounts[want.Account]
			listed := p.entry == want.Entry && !p.locked && !p.excluded.After(m.now)
			got, ok, err := c.Store.SeasonPlayer(season.Number, want.Entry)
			check("player of a season found", listed, ok, err)
			if !listed {
				continue
			}
			want.Public, want.Avatar, want.ShownName = true, m.profile(p).Avatar, m.profile(p).ShownName
			check("player of a season", want, got, err)
			var rounds []command.Round
			for _, counted := range slices.Backward(m.inSeasons) {
				if counted.season == season.Number && counted.entry == want.Entry {
					rounds = append(rounds, p.shown(counted.round.Round))
					public[counted.round.ID] = true
				}
			}
			all, err := collect(func(before uint64) ([]command.Round, uint64, error) {
				some, next, _, err := c.Store.SeasonRounds(ctx, season.Number, want.Entry, command.Page{Before: before, Limit: 1 + c.random.IntN(5)})
				return some, next, err
			})
			// Rounds that open and settle in between come in the order of their settlements.
			check(fmt.Sprintf("rounds of entry %d in season %d", want.Entry, season.Number), rounds, all, err)
		}
	}
	for _, p := range m.accounts {
		for _, season := range m.seasons {
			i := slices.IndexFunc(m.entries(season.Number), func(e command.SeasonPlayer) bool { return e.Account == p.id })
			own, ok, err := c.Store.OwnFigures(season.Number, p.id)
			check("own figures found", i >= 0 && p.deletedAt.IsZero(), ok, err)
			if ok {
				check("own rounds", m.entries(season.Number)[i].Rounds, own.Rounds, err)
			}
		}
		for _, r := range p.rounds {
			_, ok, err := c.Store.PublicRound(r.ID)
			check(fmt.Sprintf("round %d is public", r.ID), public[r.ID], ok, err)
		}
	}
}

func drawProfile(t *rapid.T) command.SetProfile {
	b := command.SetProfile{Avatar: rapid.SampledFrom([]string{"laurel", "owl", "coin", "nobody"}).Draw(t, "avatar"),
		InSeasons: rapid.IntRange(0, 3).Draw(t, "in seasons") != 0}
	switch n := rapid.IntRange(0, 12).Draw(t, "shown name"); {
	case n < 10:
		b.ShownName, b.ShownKey = fmt.Sprintf("Player %d", n), fmt.Sprintf("player %d", n)
	case n == 10:
		b.ShownName = "without a key"
	}
	return b
}

func (m *Model) drawCloseSeason(t *rapid.T) command.CloseSeason {
	b := command.CloseSeason{Begin: rapid.IntRange(0, 4).Draw(t, "begin") != 0, Actor: rapid.SampledFrom([]string{"", "", "cashier"}).Draw(t, "actor")}
	if s := m.running(); s != nil && rapid.IntRange(0, 9).Draw(t, "another one") != 0 {
		b.Season = s.Number
	}
	return b
}

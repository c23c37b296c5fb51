package storage_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

func profile(id command.AccountID, name string, in bool) command.Command {
	return command.Command{Account: id, Body: command.SetProfile{Avatar: "owl", ShownName: name, ShownKey: name, InSeasons: in}}
}

func season(running uint32) command.Command {
	return command.Command{Body: command.CloseSeason{Season: running, Begin: true}}
}

// board reads the entries of a board, and the viewer's own place. The casino makes a checkpoint first, of which boards are made.
func board(t *testing.T, c *storagetest.Casino, number uint32, b command.Board, viewer command.AccountID) (list []command.EntryID, s command.Standings) {
	t.Helper()
	c.Checkpoint()
	s, ok, err := c.Store.Standings(number, b, viewer)
	if err != nil || !ok {
		t.Fatalf("the board %s of season %d: %t, %v", b, number, ok, err)
	}
	for i, r := range s.List {
		list = append(list, r.Entry)
		if r.Rank < 1 || i > 0 && r.Rank <= s.List[i-1].Rank {
			t.Errorf("place %d has the rank %d", i, r.Rank)
		}
	}
	return list, s
}

func TestSeason_CountsFromTheMomentOfJoiningUntilThatOfLeaving(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 10_000)
	c.One(season(0))
	c.One(spin(p, 5))
	open := openRound(t, c, p, 10, "stand")
	entry := command.EntryID(c.One(profile(p, "", true)).Event)
	c.One(act(p, open.Round.ID, "stand")) // was dealt before
	if _, ok, err := c.Store.SeasonPlayer(1, entry); ok || err != nil {
		t.Fatalf("a round from before counts: %t, %v", ok, err)
	}
	r := c.One(spin(p, 7)).Value.(*command.RoundResult)
	got, ok, err := c.Store.SeasonPlayer(1, entry)
	if err != nil || !ok || got.Rounds != 1 || got.Staked != 7 || got.Paid != r.Round.Payout || got.ShownName != "ann" || got.Avatar != "owl" {
		t.Errorf("%+v, %t, %v", got, ok, err)
	}
	for id, public := range map[command.RoundID]bool{open.Round.ID: false, r.Round.ID: true, 1: false, r.Round.ID + 1: false} {
		if _, ok, err := c.Store.PublicRound(id); ok != public || err != nil {
			t.Errorf("round %d is public: %t, %v", id, ok, err)
		}
	}
	c.One(profile(p, "", false))
	c.One(spin(p, 5))
	if _, ok, err := c.Store.SeasonPlayer(1, entry); ok || err != nil {
		t.Errorf("who has left is still found: %t, %v", ok, err)
	}
	if _, ok, err := c.Store.PublicRound(r.Round.ID); ok || err != nil {
		t.Errorf("a round of who has left is public: %t, %v", ok, err)
	}
	again := command.EntryID(c.One(profile(p, "", true)).Event)
	c.One(spin(p, 5))
	if got, _, err := c.Store.SeasonPlayer(1, again); err != nil || again == entry || got.Rounds != 1 {
		t.Errorf("joined again as %d: %+v, %v", again, got, err)
	}
	if _, ok, err := c.Store.PublicRound(r.Round.ID); ok || err != nil {
		t.Errorf("a round from before she left is public again: %t, %v", ok, err)
	}
}

func TestSeason_EndsWithItsMonth(t *testing.T) {
	c := storagetest.New(t, 1, byHand) // on a 23rd
	p, q := c.Player("ann", 10_000), c.Player("ben", 10_000)
	c.Refused("season_moved", season(1))
	c.One(season(0))
	c.Refused("season_moved", season(0))
	c.Refused("season_not_due", season(1))
	first, second := command.EntryID(c.One(profile(p, "", true)).Event), command.EntryID(c.One(profile(q, "", true)).Event)
	for range 20 {
		c.One(spin(p, 2))
		c.One(spin(q, 3))
	}
	c.Now = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	c.Refused("season_not_due", season(1))
	c.Now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	due, ok, err := c.Store.DueSeason(c.Now.UnixMilli(), true)
	if err != nil || !ok || due != (command.CloseSeason{Season: 1, Begin: true}) {
		t.Fatalf("due is %+v, %t, %v", due, ok, err)
	}
	one, _, _ := c.Store.SeasonPlayer(1, first)
	other, _, _ := c.Store.SeasonPlayer(1, second)
	c.One(command.Command{Body: due})
	c.One(spin(p, 4))

	// The digest is what its description says.
	sum := sha256.New()
	sum.Write([]byte{0, 0, 0, 1})
	for _, v := range []command.SeasonPlayer{one, other} {
		for _, n := range []uint64{uint64(v.Entry), v.Rounds, uint64(v.Staked), uint64(v.Paid), uint64(v.BestPayout), uint64(v.BestStaked), uint64(v.BestRound)} {
			sum.Write(binary.BigEndian.AppendUint64(nil, n))
		}
	}
	list, err := c.Store.Seasons(0, 10)
	if err != nil || len(list) != 2 || list[0].Number != 2 || !list[0].EndedAt.IsZero() || list[1].Number != 1 ||
		!list[1].EndedAt.Equal(c.Store.Time().Add(-time.Millisecond)) || list[1].Players != 2 || list[1].Digest != [32]byte(sum.Sum(nil)) {
		t.Errorf("%+v, %v", list, err)
	}
	if got, _, err := c.Store.SeasonPlayer(1, first); err != nil || got != one {
		t.Errorf("after its end, season 1 has %+v, %v", got, err)
	}
	if got, _, err := c.Store.SeasonPlayer(2, first); err != nil || got.Rounds != 1 || got.Staked != 4 {
		t.Errorf("season 2 has %+v, %v", got, err)
	}
	rounds, next, _, err := c.Store.SeasonRounds(context.Background(), 1, first, command.Page{Limit: 15})
	if err != nil || len(rounds) != 15 || next == 0 {
		t.Fatalf("%d rounds, next %d, %v", len(rounds), next, err)
	}
	if rounds, next, _, err = c.Store.SeasonRounds(context.Background(), 1, first, command.Page{Limit: 15, Before: next}); err != nil || len(rounds) != 5 || next != 0 {
		t.Errorf("%d rounds, next %d, %v", len(rounds), next, err)
	}
	if rounds, next, _, err = c.Store.SeasonRounds(context.Background(), 2, first, command.Page{Limit: 15}); err != nil || len(rounds) != 1 || next != 0 {
		t.Errorf("season 2: %d rounds, next %d, %v", len(rounds), next, err)
	}
	if _, _, _, err := c.Store.SeasonRounds(context.Background(), 1, first, command.Page{Limit: 15, Before: 7_777_777}); err == nil {
		t.Error("a cursor behind the season is taken")
	}
	top, _ := board(t, c, 1, command.BoardRounds, 0)
	if !slices.Equal(top, []command.EntryID{first, second}) {
		t.Errorf("the final places are %v", top)
	}
	// An operator can end one early.
	c.One(command.Command{Body: command.CloseSeason{Season: 2, Actor: "cashier", Reason: "a feast"}})
	if _, ok, err := c.Store.DueSeason(c.Now.UnixMilli(), false); ok || err != nil {
		t.Errorf("a season is due where the house wants none: %t, %v", ok, err)
	}
	c.One(spin(p, 4))
	if due, ok, err := c.Store.DueSeason(c.Now.UnixMilli(), true); !ok || err != nil || due != (command.CloseSeason{Begin: true}) {
		t.Errorf("due is %+v, %t, %v", due, ok, err)
	}
}

// Boards list players in their order, and nobody who must not be listed, from the moment on at which that is so.
func TestStandings_ListWhoMayBeListed(t *testing.T) {
	c := storagetest.New(t, 3, byHand)
	c.One(season(0))
	var players []command.AccountID
	var entries []command.EntryID
	for _, name := range []string{"ann", "ben", "cat", "dan"} {
		p := c.Player(name, 1_000_000)
		players = append(players, p)
		entries = append(entries, command.EntryID(c.One(profile(p, "", true)).Event))
	}
	for n := range 120 {
		for i := range players {
			if n < 120-30*i || i == 3 && n < 60 { // dan has as many as cat, and joined later
				c.One(spin(players[i], games.Coins(1+(n*7+i)%5)))
			}
		}
	}
	byRounds, s := board(t, c, 1, command.BoardRounds, players[1])
	if !slices.Equal(byRounds, entries) || s.Players != 4 || s.Own == nil || s.Own.Rank != 2 || s.Own.Entry != entries[1] {
		t.Errorf("%v, %+v", byRounds, s.Own)
	}
	_, net := board(t, c, 1, command.BoardNet, 0)
	if !slices.IsSortedFunc(net.List, func(a, b command.Ranked) int { return int((b.Paid - b.Staked) - (a.Paid - a.Staked)) }) || net.Own != nil {
		t.Errorf("%+v", net)
	}
	_, multiplier := board(t, c, 1, command.BoardMultiplier, 0)
	if !slices.IsSortedFunc(multiplier.List, func(a, b command.Ranked) int {
		return int(b.BestPayout*a.BestStaked - a.BestPayout*b.BestStaked)
	}) || len(multiplier.List) == 0 {
		t.Errorf("%+v", multiplier)
	}

	c.One(command.Command{Account: players[0], Body: command.SetLock{Locked: true, Actor: "cashier"}})
	c.One(command.Command{Account: players[1], Body: command.Exclude{Days: 1}})
	c.One(profile(players[2], "", false))
	if now, s := board(t, c, 1, command.BoardRounds, players[1]); !slices.Equal(now, entries[3:]) || s.Own == nil {
		t.Errorf("%v are listed, own %v", now, s.Own)
	}
	for i, entry := range entries {
		if _, ok, err := c.Store.SeasonPlayer(1, entry); ok != (i == 3) || err != nil {
			t.Errorf("player %d is found: %t, %v", i, ok, err)
		}
	}
	c.One(command.Command{Account: players[0], Body: command.SetLock{Actor: "cashier"}})
	c.One(profile(players[3], "the dan", true))
	if _, s := board(t, c, 1, command.BoardRounds, 0); s.List[len(s.List)-1].ShownName != "the dan" {
		t.Errorf("a new name is not shown: %+v", s.List)
	}
	c.One(command.Command{Body: command.CloseSeason{Season: 1, Begin: true, Actor: "cashier"}})
	if final, _ := board(t, c, 1, command.BoardRounds, 0); !slices.Equal(final, []command.EntryID{entries[0], entries[3]}) { // ben is excluded
		t.Errorf("the final places are %v", final)
	}
	c.One(command.Command{Account: players[0], Body: command.DeleteAccount{Actor: "cashier"}})
	if final, s := board(t, c, 1, command.BoardRounds, 0); !slices.Equal(final, []command.EntryID{entries[0], entries[3]}) || s.List[0].ShownName != "" || s.List[0].Avatar != "" || s.List[0].Public {
		t.Errorf("of a deleted account: %v, %+v", final, s.List[0])
	}
	c.One(command.Command{Account: players[3], Body: command.SetProfile{Avatar: "coin"}})
	if _, s := board(t, c, 1, command.BoardRounds, players[3]); s.List[1].ShownName != "dan" || s.List[1].Public || s.Own == nil || s.Own.Rank != 3 {
		t.Errorf("of who has left: %+v, own %+v", s.List[1], s.Own)
	}
	if _, ok, err := c.Store.Standings(3, command.BoardNet, 0); ok || err != nil {
		t.Errorf("there is a season 3: %t, %v", ok, err)
	}
}

// Many players change nothing but the time that a board takes: of each board the best are kept.
func TestTops_FindTheBestOfMany(t *testing.T) {
	var all []machine.Standing
	for n := range 1000 {
		paid := games.Coins((n * 7919) % 1009)
		all = append(all, machine.Standing{Entry: command.EntryID(n + 1), EntryRecord: machine.EntryRecord{Rounds: uint64(n*31%17 + 1),
			Staked: 500, Paid: paid, BestPayout: paid, BestStaked: games.Coins(1 + n%7), BestRound: command.RoundID(n + 5)}})
	}
	tops := machine.NewTops(10)
	for i := range all {
		tops.Add(&all[i])
	}
	for b := range command.Board(command.Boards) {
		want := slices.Clone(all)
		slices.SortFunc(want, func(x, y machine.Standing) int { return machine.CompareOn(b, &x, &y) })
		if got := tops.Of(b); !slices.Equal(got, want[:10]) {
			t.Errorf("%s: %+v\nwant %+v", b, got, want[:10])
		}
	}
}

func TestShownName_IsNobodyElsesName(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p, q := c.Player("ann", 100), c.Player("ben", 100)
	c.Refused("shown_name_taken", profile(p, "ben", false))
	c.One(profile(p, "nan", false))
	c.Refused("shown_name_taken", profile(q, "nan", false))
	c.Refused("username_taken", command.Command{Body: command.OpenAccount{Username: "NAN", UsernameKey: "nan", PasswordHash: "hash", Role: command.RolePlayer}})
	c.Refused("username_taken", importing(c, "older", imported(7, "nan", 0, 0)))
	if found, err := c.Store.LookUpRow(command.RowLookup{UsernameKey: "nan"}); err != nil || !found.NameTaken {
		t.Errorf("an import is told that a shown name is free: %v", err)
	}
	if _, ok, err := c.Store.Credentials("nan"); ok || err != nil {
		t.Errorf("a shown name signs in: %t, %v", ok, err)
	}
	if id, ok, err := c.Store.ShownAs("nan"); err != nil || !ok || id != p {
		t.Errorf("an operator finds nan as %d, %t, %v", id, ok, err)
	}
	c.One(profile(p, "ann", false)) // her own username
	if v, _, err := c.Store.Profile(p); err != nil || v.ShownName != "ann" {
		t.Errorf("%+v, %v", v, err)
	}
	c.One(profile(q, "nan", false))
	c.One(command.Command{Account: q, Body: command.DeleteAccount{Actor: "cashier"}})
	c.One(profile(p, "nan", false))
	if _, ok, err := c.Store.Profile(q); ok || err != nil {
		t.Errorf("a deleted account has a profile: %t, %v", ok, err)
	}
	if r := c.Do(profile(p, "nan", false))[0]; r.Refusal != nil || r.Event != 0 {
		t.Errorf("the same profile again: %+v", r)
	}
}

func TestNudges_NeverForWhoAsksForLess(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	p := c.Player("ann", 100)
	hold := func(when string, want bool) {
		t.Helper()
		if a, _, err := c.Store.Account(p); err != nil || a.Nudges != want {
			t.Errorf("%s: %t, %v", when, a.Nudges, err)
		}
	}
	limit := func(l command.LimitSet) { c.One(command.Command{Account: p, Body: command.SetLimits{Limits: l}}) }
	hold("a new player", true)
	limit(command.LimitSet{RealityCheckMinutes: 60})
	hold("a reminder", false)
	limit(command.LimitSet{LossPerDay: 50})
	hold("a limit", false)
	limit(command.LimitSet{})
	hold("a limit that ends tomorrow", false)
	c.Now = c.Now.Add(25 * time.Hour)
	c.One(command.Command{Account: p, Body: command.CollectDailyCoins{Amount: 1}})
	hold("no limit any more", true)
	c.One(command.Command{Account: p, Body: command.Exclude{Days: 1}})
	hold("an exclusion", false)
	c.Now = c.Now.Add(48 * time.Hour)
	c.One(command.Command{Account: p, Body: command.CollectDailyCoins{Amount: 1}})
	hold("an exclusion that is over", false)
}

// Each achievement is reached by play, once, with the round that reached it.
func TestAchievements_AllAreReached(t *testing.T) {
	c := storagetest.New(t, 4, byHand)
	p := c.Player("ann", 1_000_000)
	c.One(season(0))
	c.One(profile(p, "", true))
	c.One(command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "default:1000"}})
	if v, _, err := c.Store.Profile(p); err != nil || len(v.Achievements) != 1 {
		t.Errorf("with the default client seed: %+v, %v", v, err)
	}
	c.One(command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "clover"}})
	reached := func() []command.Achieved {
		v, _, err := c.Store.Profile(p)
		if err != nil {
			t.Fatal(err)
		}
		return v.Achievements
	}
	number := command.PlaceWager{Rules: "roulette/2", Stake: 2, Bets: []games.Bet{{Type: "straight", Numbers: []int{17}, Amount: 1}, {Type: "red", Amount: 1}}}
	for n := 0; len(reached()) < len(command.AllAchievements()); n++ {
		if n == 20_000 {
			t.Fatalf("after %d rounds: %v", n, reached())
		}
		c.One(spin(p, 1))
		c.One(command.Command{Account: p, Body: number})
		r := *c.One(deal(p, 2)).Value.(*command.RoundResult)
		for !r.Round.Settled {
			action := "stand"
			for _, a := range []string{"decline_insurance", "split"} {
				if slices.Contains(r.Round.Allowed, a) {
					action = a
				}
			}
			r = *c.One(act(p, r.Round.ID, action)).Value.(*command.RoundResult)
		}
	}
	seen := make(map[command.Achievement]bool)
	for _, a := range reached() {
		if seen[a.Achievement] || a.At.IsZero() || (a.Round == 0) != (a.Achievement == command.OwnSeed || a.Achievement == command.InSeason) {
			t.Errorf("%+v", a)
		}
		seen[a.Achievement] = true
		if a.Round == 0 {
			continue
		}
		r, _, err := c.Store.Round(context.Background(), p, a.Round)
		if err != nil {
			t.Fatal(err)
		}
		rules := map[command.Achievement]bool{
			command.SingleNumber: len(r.Draws) == 1 && r.Draws[0] == 17, command.ThreeCherries: r.Payout == 60*r.Staked, command.ThreeApples: r.Payout == 20*r.Staked,
			command.Natural: len(r.Wager.Actions) <= 1 && r.Payout >= r.Staked, command.BothSplitHands: slices.Contains(r.Wager.Actions, "split") && r.Payout == 2*r.Staked,
		}
		if holds, has := rules[a.Achievement]; has && !holds {
			t.Errorf("%s was reached with %+v", a.Achievement, r)
		}
	}
}

// withSeasons is state.db of a casino with a season that has ended and one that is running. ann takes part; ben did, and left.
func withSeasons(t *testing.T) []byte {
	t.Helper()
	c := storagetest.NewIn(t, memoryDir(t), 5, byHand)
	c.Player("ann", 1000)
	c.Player("ben", 1000)
	c.One(season(0))
	c.One(profile(ann, "nan", true))
	c.One(profile(ben, "", true))
	play := func() {
		for range 6 {
			c.One(spin(ann, 2))
			c.One(spin(ben, 3))
		}
	}
	play()
	c.Now = c.Now.AddDate(0, 1, 0)
	c.One(season(1))
	play()
	c.One(profile(ben, "", false))
	c.One(command.Command{Account: ann, Body: command.RotateSeed{ClientSeed: "clover"}})
	dir := c.Dir()
	c.Audit()
	c.Abandon()
	file, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func entryKey(season uint32, entry uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, season), entry)
}

func TestAudit_FindsSeasonsThatAreNotWhatRoundsMakeThem(t *testing.T) {
	t.Parallel()
	closed := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.Kind == machine.SeasonClosed })
	}
	joined := func(f *forger) *machine.Event { return f.first(machine.ProfileChanged, ann) }
	figures := func(number uint32, fn func(r *machine.EntryRecord)) func(f *forger) uint64 {
		return state(func(f *forger) { change(f, "season_entries", entryKey(number, joined(f).Seq), fn) })
	}
	table := func(name string, fn func(r *machine.SeasonRecord)) func(f *forger) uint64 {
		return state(func(f *forger) { change(f, "seasons", binary.BigEndian.AppendUint32(nil, 1), fn) })
	}
	first := func(f *forger) *machine.Event { return f.first(machine.RoundPlayed, ann) }
	holdForgeriesIn(t, withSeasons(t), []forgery{
		{"the digest of the event", amend(closed, func(e *machine.Event) { e.Season.Digest[0]++ }), "the event says 2 and"},
		{"its players", amend(closed, func(e *machine.Event) { e.Season.Players++ }), "the event says 3 and"},
		{"its number", amend(closed, func(e *machine.Event) { e.Season.Number++ }), "it ends season 2; season 1 is running: true"},
		{"it ended early", amend(closed, func(e *machine.Event) { e.Season.Ended-- }), "it ends season 1; season 1 is running: true"},
		{"a season of another event", amend(first, func(e *machine.Event) { e.Season = &machine.SeasonChange{} }), "a round_played says of a season"},
		{"a season begins nowhere", amend(joined, func(e *machine.Event) { e.Season = &machine.SeasonChange{} }), "a profile_changed says of a season: true"},
		{"the entry of another event", amend(joined, func(e *machine.Event) { e.Entry++ }), "which must be the event's number"},
		{"figures of the running season", figures(2, func(r *machine.EntryRecord) { r.Paid++ }), "the figures of entry 4 in season 2 are not those of its rounds"},
		{"the best round of the running season", figures(2, func(r *machine.EntryRecord) { r.BestRound++ }), "the figures of entry 4 in season 2 are not those of its rounds"},
		{"figures of a season that has ended", figures(1, func(r *machine.EntryRecord) { r.Rounds++ }), "the figures of season 1 are not those of its rounds"},
		{"the account of an entry", figures(1, func(r *machine.EntryRecord) { r.Account = ben }), "the figures of season 1 are not those of its rounds"},
		{"missing figures", state(func(f *forger) { f.remove("season_entries", entryKey(2, joined(f).Seq)) }), "0 entries of season 2 are kept, 1 have rounds in it"},
		{"missing figures of a season that has ended", state(func(f *forger) { f.remove("season_entries", entryKey(1, joined(f).Seq)) }), "the figures of season 1 are not those of its rounds"},
		{"who has left is still there", state(func(f *forger) {
			f.put("season_entries", entryKey(2, f.first(machine.ProfileChanged, ben).Seq), &machine.EntryRecord{Account: ben, Rounds: 6})
		}), "the figures of entry 5 in season 2 are not those of its rounds"},
		{"figures of no season", state(func(f *forger) { f.put("season_entries", entryKey(9, 4), &machine.EntryRecord{Account: ann}) }), "there are figures of season 9"},
		{"the best that are kept", table("top", func(r *machine.SeasonRecord) { slices.Reverse(r.Top[0]) }), "season 1 is not kept as the history has it"},
		{"the digest that is kept", table("digest", func(r *machine.SeasonRecord) { r.Digest[0]++ }), "season 1 is not kept as the history has it"},
		{"a season that never was", state(func(f *forger) { f.put("seasons", binary.BigEndian.AppendUint32(nil, 3), &machine.SeasonRecord{}) }), "there is a season 3"},
		{"no season runs", state(func(f *forger) { f.machine(func(m *machine.Record) { m.InSeason = false }) }), "season 2 is the newest, running: true; the machine says 2, running: false"},
		{"others take part", state(func(f *forger) { f.machine(func(m *machine.Record) { m.TakingPart++ }) }), "1 accounts take part in seasons, the machine says 2"},
		{"the wallet's entry", state(func(f *forger) { f.wallet(ann, func(w *machine.WalletRecord) { w.Entry++ }) }), "takes part in seasons as entry 4 and has 3 achievements; its wallet says 5"},
		{"the wallet's achievements", state(func(f *forger) { f.wallet(ann, func(w *machine.WalletRecord) { w.Achieved = 0 }) }), "has 3 achievements; its wallet says 4 and 0"},

		{"an achievement that nobody deserves", amend(first, func(e *machine.Event) { e.Reached = append(e.Reached, command.Natural) }), "account 1000 deserves the achievements [first_spin] with it"},
		{"an achievement is left out", amend(first, func(e *machine.Event) { e.Reached = nil }), "deserves the achievements [first_spin] with it, the event says []"},
		{"joining reaches nothing", amend(joined, func(e *machine.Event) { e.Reached = nil }), "deserves the achievements [in_season] with it"},
		{"a rotation reaches nothing", amend(func(f *forger) *machine.Event { return f.first(machine.SeedRotated, ann) }, func(e *machine.Event) { e.Reached = nil }), "deserves the achievements [own_seed] with it"},
		{"opening an account reaches something", amend(func(f *forger) *machine.Event { return f.first(machine.AccountOpened, ann) }, func(e *machine.Event) { e.Reached = []command.Achievement{command.Natural} }),
			"a account_opened reaches the achievements [natural]"},
		{"the achievements of a profile", state(func(f *forger) {
			change(f, "profiles", storagetest.AccountKey(ann), func(p *machine.ProfileRecord) { p.Achieved[0].Round++ })
		}), "the achievements of account 1000 are not those that it has reached"},
		{"the past of a profile", state(func(f *forger) {
			change(f, "profiles", storagetest.AccountKey(ben), func(p *machine.ProfileRecord) { p.Past = nil })
		}), "account 1001 has left seasons as the entries [5], its profile says []"},
		{"a missing profile", state(func(f *forger) { f.remove("profiles", storagetest.AccountKey(ben)) }), "the profile of an account is missing"},
		{"a profile of nobody", state(func(f *forger) {
			f.put("profiles", storagetest.AccountKey(1002), &machine.ProfileRecord{Avatar: "owl"})
		}), "there is a profile of account 1002"},
		{"a shown name of somebody else", state(func(f *forger) { f.put("shown_names", []byte("nan"), storagetest.AccountKey(ben)) }), "the shown name of account 1000 leads to another one"},
		{"a reserved name of nobody", state(func(f *forger) { f.put("shown_names", []byte("free"), storagetest.AccountKey(ben)) }), "2 shown names are reserved, profiles have 1"},
	})
}

// Boards are read and made while others play, join and leave. A board never shows more rounds than were played, nor somebody twice.
func TestStandings_BesideApplyAndCheckpoints(t *testing.T) {
	c := storagetest.NewIn(t, memoryDir(t), 3, storage.Options{CheckpointInterval: time.Millisecond, CheckpointBytes: 4096})
	c.One(season(0))
	var players []command.AccountID
	for _, name := range []string{"ann", "ben", "cat"} {
		players = append(players, c.Player(name, 1_000_000))
		c.One(profile(players[len(players)-1], "", true))
	}
	ctx, stop := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s, ok, err := c.Store.Standings(1, command.Board(n%command.Boards), players[i%3])
				if err != nil || !ok {
					t.Errorf("%t, %v", ok, err)
					return
				}
				seen := make(map[command.AccountID]bool)
				for _, r := range s.List {
					if seen[r.Account] || r.Rounds > 400 || r.ShownName == "" {
						t.Errorf("%+v", s.List)
						return
					}
					seen[r.Account] = true
				}
				storage.AgeBoards(c.Store)
			}
		})
	}
	for n := range 400 {
		c.One(spin(players[n%3], 1))
		if n%10 == 0 {
			c.One(profile(players[2], "", n%20 != 0))
		}
	}
	stop()
	readers.Wait()
}

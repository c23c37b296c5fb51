package games_test

import (
	"slices"
	"strings"
	"testing"

	"imperio/games"
)

// coin is a game for tests: a coin that always lands on its edge.
type coin struct{ rules string }

func (c coin) Rules() string                                        { return c.rules }
func (coin) Play(games.Stream, games.Wager) (games.Position, error) { return games.Position{}, nil }
func (coin) Describe([]uint16, games.Wager) (any, error)            { return nil, nil }
func (coin) Tell(games.Played) (games.Story, error)                 { return games.Story{}, nil }

func coins() games.Descriptor {
	return games.Descriptor{
		Number: 900, Name: "coin", Title: "Coin", MinStake: 1, Default: "coin/1",
		Versions: []*games.Version{{Game: coin{"coin/1"}, Sheet: func() games.Sheet { return games.Sheet{Text: []games.Rule{{ID: "coin/stands"}}} }}},
	}
}

func TestNewCatalogue_FindsGamesInEveryWay(t *testing.T) {
	other := coins()
	other.Number, other.Name, other.Default = 3, "edge", "edge/2"
	other.Versions = []*games.Version{
		{Game: coin{"edge/1"}, Sheet: func() games.Sheet { return games.Sheet{} }},
		{Game: coin{"edge/2"}, Sheet: func() games.Sheet { return games.Sheet{} }},
	}
	c, err := games.NewCatalogue(coins(), other)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Names(), []string{"coin", "edge"}) || !slices.Equal(c.Rules(), []string{"coin/1", "edge/1", "edge/2"}) || len(c.Games()) != 2 {
		t.Errorf("listed are %v with %v", c.Names(), c.Rules())
	}
	named, ok1 := c.Named("edge")
	numbered, ok2 := c.Numbered(3)
	version, ok3 := c.Version("edge/2")
	if !ok1 || !ok2 || !ok3 || named.Name != "edge" || numbered != named || version.Of() != named || version.Rules() != "edge/2" {
		t.Errorf("found %v, %v and %v", named, numbered, version)
	}
	if s := version.SheetFor(games.Words{}); s.Game != "edge" || s.Name != "Coin" || s.Rules != "edge/2" || !s.Default {
		t.Errorf("the sheet is %+v", s)
	}
	if _, ok := c.Named("poker"); ok {
		t.Error("there is poker")
	}
	if _, ok := c.Numbered(4); ok {
		t.Error("there is a game 4")
	}
	if _, ok := c.Version("edge"); ok {
		t.Error("a game's name is a version")
	}
}

func TestNewCatalogue_RefusesWhatCannotBeStored(t *testing.T) {
	for want, spoil := range map[string]func(*games.Descriptor){
		"has the number 2":           func(d *games.Descriptor) { d.Number = 2 },
		"has the number 1000":        func(d *games.Descriptor) { d.Number = 1000 },
		`has the name "Coin"`:        func(d *games.Descriptor) { d.Name = "Coin" },
		`has the name ""`:            func(d *games.Descriptor) { d.Name = "" },
		"has the smallest stake 0":   func(d *games.Descriptor) { d.MinStake = 0 },
		"has no title":               func(d *games.Descriptor) { d.Title = "" },
		`has no version "coin/2"`:    func(d *games.Descriptor) { d.Default = "coin/2" },
		"can't be a version":         func(d *games.Descriptor) { d.Name = "edge" },
		"have no sheet":              func(d *games.Descriptor) { d.Versions[0].Sheet = nil },
		"actions and their cost":     func(d *games.Descriptor) { d.Actions = []string{"flip"} },
		"a rule for abandoned":       func(d *games.Descriptor) { d.Versions[0].Abandoned = new(games.Abandonment) },
		"two versions coin/1":        func(d *games.Descriptor) { d.Versions = append(d.Versions, d.Versions[0]) },
		`the rules "coin/" can't be`: func(d *games.Descriptor) { d.Versions[0].Game, d.Default = coin{"coin/"}, "coin/" },
	} {
		d := coins()
		spoil(&d)
		if _, err := games.NewCatalogue(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	twin := coins()
	twin.Name, twin.Default, twin.Versions[0].Game = "twin", "twin/1", coin{"twin/1"}
	if _, err := games.NewCatalogue(coins(), twin); err == nil || !strings.Contains(err.Error(), "coin and twin have the same number 900") {
		t.Errorf("two games with one number: %v", err)
	}
	twin = coins()
	twin.Number = 901
	if _, err := games.NewCatalogue(coins(), twin); err == nil || !strings.Contains(err.Error(), "two games named coin") {
		t.Errorf("two games with one name: %v", err)
	}
}

func TestNameOf_IsWhatStandsBeforeTheSlash(t *testing.T) {
	for rules, want := range map[string]string{"slots/2": "slots", "slots": "slots", "": "", "a/b/c": "a"} {
		if got := games.NameOf(rules); got != want {
			t.Errorf("%q belongs to %q, want %q", rules, got, want)
		}
	}
}

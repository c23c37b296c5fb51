package games

import (
	"fmt"
	"slices"
	"sync"
)

// Catalogue is a set of games. It is immutable and safe for concurrent use. Everything it returns is shared: don't
// change it.
type Catalogue struct {
	games    []*Descriptor
	byName   map[string]*Descriptor
	byNumber map[uint16]*Descriptor
	byRules  map[string]*Version
}

// NewCatalogue makes a catalogue of games, in the order in which people see them.
func NewCatalogue(list ...Descriptor) (*Catalogue, error) {
	c := &Catalogue{
		byName: make(map[string]*Descriptor), byNumber: make(map[uint16]*Descriptor), byRules: make(map[string]*Version),
	}
	for _, d := range list {
		if err := c.add(d); err != nil {
			return nil, fmt.Errorf("games: %w", err)
		}
	}
	return c, nil
}

func (c *Catalogue) add(d Descriptor) error {
	if err := d.check(); err != nil {
		return err
	}
	if other := c.byNumber[d.Number]; other != nil {
		return fmt.Errorf("%s and %s have the same number %d", other.Name, d.Name, d.Number)
	}
	if c.byName[d.Name] != nil {
		return fmt.Errorf("there are two games named %s", d.Name)
	}
	d.Versions = slices.Clone(d.Versions)
	for i, v := range d.Versions {
		own := *v
		own.of = &d
		own.sheet = sync.OnceValue(func() Sheet {
			s := own.Sheet()
			s.Game, s.Name, s.Rules, s.Default = d.Name, d.Title, own.Rules(), own.Rules() == d.Default
			return s
		})
		if c.byRules[own.Rules()] != nil {
			return fmt.Errorf("there are two versions %s", own.Rules())
		}
		d.Versions[i], c.byRules[own.Rules()] = &own, &own
	}
	c.games = append(c.games, &d)
	c.byName[d.Name], c.byNumber[d.Number] = &d, &d
	return nil
}

// Games lists all games.
func (c *Catalogue) Games() []*Descriptor { return c.games }

// Named finds a game by its name, e.g. "slots".
func (c *Catalogue) Named(name string) (*Descriptor, bool) {
	d, ok := c.byName[name]
	return d, ok
}

// Numbered finds a game by its number.
func (c *Catalogue) Numbered(number uint16) (*Descriptor, bool) {
	d, ok := c.byNumber[number]
	return d, ok
}

// Version finds rules by their name, e.g. "slots/2".
func (c *Catalogue) Version(rules string) (*Version, bool) {
	v, ok := c.byRules[rules]
	return v, ok
}

// Names lists the names of all games.
func (c *Catalogue) Names() []string {
	names := make([]string, len(c.games))
	for i, d := range c.games {
		names[i] = d.Name
	}
	return names
}

// Rules lists the names of all versions of all games.
func (c *Catalogue) Rules() []string {
	var names []string
	for _, d := range c.games {
		names = append(names, d.Rules()...)
	}
	return names
}

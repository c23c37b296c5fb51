// Package rulebook reads rules in words. Each game has its own book, a file rules.json beside its code; the house's book, about
// all games and about players' own limits, is here. A rule stands there once, in every language. Its figures are names in
// braces, which the code fills in, so a figure can't differ from the code that uses it. Tests play every rule; see rulebooktest.
package rulebook

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"

	"imperio/games"
)

// Book is the rules of one subject, as its file has them. It is immutable.
type Book struct {
	subject string
	rules   []entry
}

// entry is one rule of a file.
type entry struct {
	ID   string `json:"id"`
	Only string `json:"only"` // the one version that the rule belongs to; "" for all
	games.Words
}

// Figures are what the names in a book stand for.
type Figures map[string]games.Words

// Number is a whole number, which is the same in each language. Keep it below 1,000: languages group digits differently.
func Number[N ~int | ~int64 | ~uint64](n N) games.Words {
	s := strconv.FormatInt(int64(n), 10)
	return games.Words{EN: s, ES: s, DE: s}
}

// Read reads a book from its file, which is part of the program. It panics if the file can't be read.
func Read(subject string, file []byte) *Book {
	b := &Book{subject: subject}
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&b.rules); err != nil {
		panic(fmt.Sprintf("rulebook: the rules of %s can't be read: %v", subject, err)) // a bug: a test reads every book
	}
	return b
}

// Templates are the rules of a version, with names in place of figures.
func (b *Book) Templates(version string) []games.Rule {
	var list []games.Rule
	for _, e := range b.rules {
		if e.Only == "" || e.Only == version {
			list = append(list, games.Rule{ID: b.subject + "/" + e.ID, Words: e.Words})
		}
	}
	return list
}

// Rules are the rules of a version, with figures.
func (b *Book) Rules(version string, f Figures) []games.Rule {
	list := b.Templates(version)
	for i := range list {
		for name, words := range f {
			list[i].Words = list[i].Words.Replace(name, words)
		}
	}
	return list
}

//go:embed house.json
var houseFile []byte

var houseBook = Read("house", houseFile)

//go:embed limits.json
var limitsFile []byte

var limitsBook = Read("limits", limitsFile)

// The figures of players' own limits. The machine keeps them as constants of its feature level; the tests of the rules hold
// both together.
const (
	looserAfterHours = 24
	breakMinutes     = 15
	shortestDays     = 1
)

func limitFigures() Figures {
	return Figures{
		"looser_hours": Number(looserAfterHours), "break_minutes": Number(breakMinutes), "shortest_days": Number(shortestDays),
	}
}

// House is the rules of all games.
func House() []games.Rule { return houseBook.Rules("", nil) }

// HouseTemplates are those of House, with names in place of figures.
func HouseTemplates() []games.Rule { return houseBook.Templates("") }

// Limits is the rules of players' own limits and exclusions.
func Limits() []games.Rule { return limitsBook.Rules("", limitFigures()) }

// LimitTemplates are those of Limits, with names in place of figures.
func LimitTemplates() []games.Rule { return limitsBook.Templates("") }

// Time is a time in the largest unit of which it is a whole number: "24 hours", "90 minutes", "1 hour".
func Time(seconds int64) games.Words {
	units := [2]games.Words{{EN: "second", ES: "segundo", DE: "Sekunde"}, {EN: "seconds", ES: "segundos", DE: "Sekunden"}}
	n := seconds
	switch {
	case seconds%3600 == 0:
		n, units = seconds/3600, [2]games.Words{{EN: "hour", ES: "hora", DE: "Stunde"}, {EN: "hours", ES: "horas", DE: "Stunden"}}
	case seconds%60 == 0:
		n, units = seconds/60, [2]games.Words{{EN: "minute", ES: "minuto", DE: "Minute"}, {EN: "minutes", ES: "minutos", DE: "Minuten"}}
	}
	unit := units[1]
	if n == 1 {
		unit = units[0]
	}
	return games.Words{EN: fmt.Sprint(n, " ", unit.EN), ES: fmt.Sprint(n, " ", unit.ES), DE: fmt.Sprint(n, " ", unit.DE)}
}

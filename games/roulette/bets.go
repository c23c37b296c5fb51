package roulette

import (
	"math/bits"
	"slices"
	"strings"

	"imperio/games"
)

// Pockets is the number of pockets of the wheel, 0 … 36.
const Pockets = 37

// MaxBets is how many bets one spin takes.
const MaxBets = 100

// set is a set of pockets, one bit for each.
type set uint64

func setOf(numbers ...int) set {
	var s set
	for _, n := range numbers {
		s |= 1 << n
	}
	return s
}

func (s set) has(pocket int) bool { return s>>pocket&1 == 1 }

func (s set) numbers() []int {
	numbers := make([]int, 0, bits.OnesCount64(uint64(s)))
	for n := range Pockets {
		if s.has(n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// given says how a bet names its pockets.
type given int

const (
	byNumbers   given = iota // it lists them
	bySelection              // it says which of three
	byType                   // its type implies them
)

// Type is one kind of bet.
type Type struct {
	Name      string // as in games.Bet.Type
	Pays      int64  // to one; a winning bet also returns its stake
	EvenMoney bool   // whether La Partage applies
	Needs     string // what the bet must name, in words
	given     given
	covers    []set // byNumbers: every valid set; bySelection: of selections 1, 2, 3; byType: one set
}

var reds = setOf(1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36)

// types is the whole layout of the table: a bet is valid if and only if its pockets are one of the sets of its type. It
// is constant.
var types = layout()

// layout computes all sets from the geometry of the table: row r (0 … 11) has 3r+1, 3r+2, 3r+3; the zero is at the head
// of all three columns.
func layout() []Type {
	at := func(row, column int) int { return 3*row + column + 1 }
	var straights, streets, corners, lines, dozens, columns []set
	splits := []set{setOf(0, 1), setOf(0, 2), setOf(0, 3)}
	for n := range Pockets {
		straights = append(straights, setOf(n))
	}
	for row := range 12 {
		streets = append(streets, setOf(at(row, 0), at(row, 1), at(row, 2)))
		for column := range 3 {
			right, below := column < 2, row < 11
			if right {
				splits = append(splits, setOf(at(row, column), at(row, column+1)))
			}
			if below {
				splits = append(splits, setOf(at(row, column), at(row+1, column)))
			}
			if right && below {
				corners = append(corners, setOf(at(row, column), at(row, column+1), at(row+1, column), at(row+1, column+1)))
			}
		}
	}
	for row := range 11 {
		lines = append(lines, streets[row]|streets[row+1])
	}
	for i := range 3 {
		var dozen, column set
		for row := range 12 {
			column |= setOf(at(row, i))
		}
		for row := 4 * i; row < 4*i+4; row++ {
			dozen |= streets[row]
		}
		dozens, columns = append(dozens, dozen), append(columns, column)
	}
	var low, odd set
	for n := 1; n < Pockets; n++ {
		if n <= 18 {
			low |= setOf(n)
		}
		if n%2 == 1 {
			odd |= setOf(n)
		}
	}
	all := columns[0] | columns[1] | columns[2]
	even := func(name string, s set) Type {
		return Type{Name: name, Pays: 1, EvenMoney: true, Needs: "neither numbers nor a selection", given: byType, covers: []set{s}}
	}
	return []Type{
		{"straight", 35, false, "one number from 0 to 36", byNumbers, straights},
		{"split", 17, false, "two numbers that are neighbours on the table; 0 is a neighbour of 1, 2 and 3", byNumbers, splits},
		{"street", 11, false, "the three numbers of a row, such as 4, 5, 6", byNumbers, streets},
		{"trio", 11, false, "0, 1, 2 or 0, 2, 3", byNumbers, []set{setOf(0, 1, 2), setOf(0, 2, 3)}},
		{"corner", 8, false, "four numbers that form a square, such as 1, 2, 4, 5", byNumbers, corners},
		{"first_four", 8, false, "0, 1, 2, 3", byNumbers, []set{setOf(0, 1, 2, 3)}},
		{"six_line", 5, false, "the six numbers of two neighbouring rows, such as 1, 2, 3, 4, 5, 6", byNumbers, lines},
		{"dozen", 2, false, "a selection of 1 (1 to 12), 2 (13 to 24) or 3 (25 to 36)", bySelection, dozens},
		{"column", 2, false, "a selection of 1 (1, 4, … 34), 2 (2, 5, … 35) or 3 (3, 6, … 36)", bySelection, columns},
		even("low", low), even("high", all&^low),
		even("red", reds), even("black", all&^reds),
		even("odd", odd), even("even", all&^odd),
	}
}

// Types lists all types of bets, highest pay first.
func Types() []Type { return slices.Clone(types) }

// All lists every valid bet once, with amount 1: 157 of them.
func All() []games.Bet {
	var all []games.Bet
	for _, t := range types {
		for i, s := range t.covers {
			b := games.Bet{Type: t.Name, Amount: 1}
			switch t.given {
			case byNumbers:
				b.Numbers = s.numbers()
			case bySelection:
				b.Selection = i + 1
			}
			all = append(all, b)
		}
	}
	return all
}

// Covers lists the pockets that a bet covers, from the lowest; nil if the bet is not valid.
func Covers(b games.Bet) []int {
	p, err := place(0, b)
	if err != nil {
		return nil
	}
	return p.covers.numbers()
}

// placed is a valid bet.
type placed struct {
	kind   *Type
	covers set
	amount games.Coins
}

// place checks the bet with the given index against the layout. Refusals count from 1.
func place(index int, b games.Bet) (placed, error) {
	refuse := func(format string, args ...any) (placed, error) {
		return placed{}, games.Refusef("invalid_bet", "Bet %d: "+format, append([]any{index + 1}, args...)...)
	}
	i := slices.IndexFunc(types, func(t Type) bool { return t.Name == b.Type })
	if i < 0 {
		return refuse("There is no bet of this type. The types are %s.", strings.Join(typeNames(), ", "))
	}
	t := &types[i]
	if b.Amount < 1 {
		return refuse("The amount is %d; it must be at least 1 coin.", b.Amount)
	}
	if len(b.Numbers) > 0 && t.given != byNumbers || b.Selection != 0 && t.given != bySelection {
		return refuse("A bet of type %s needs %s, and nothing else.", t.Name, t.Needs)
	}
	switch t.given {
	case byType:
		return placed{t, t.covers[0], b.Amount}, nil
	case bySelection:
		if b.Selection < 1 || b.Selection > len(t.covers) {
			return refuse("A bet of type %s needs %s.", t.Name, t.Needs)
		}
		return placed{t, t.covers[b.Selection-1], b.Amount}, nil
	}
	var covers set
	for _, n := range b.Numbers {
		if n < 0 || n >= Pockets {
			return refuse("The number %d is not on the wheel, which has 0 to %d.", n, Pockets-1)
		}
		if covers.has(n) {
			return refuse("The number %d is given twice.", n)
		}
		covers |= setOf(n)
	}
	if !slices.Contains(t.covers, covers) {
		return refuse("A bet of type %s needs %s.", t.Name, t.Needs)
	}
	return placed{t, covers, b.Amount}, nil
}

func typeNames() []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return names
}

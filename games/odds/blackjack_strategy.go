package odds

import "strings"

// Ranks of cards in the mathematics of blackjack are their values: 1 for an ace … 10 for ten, jack, queen and king.
// Suits don't matter, nor does the kind of ten-value card.

// play is what a player does with a hand.
type play uint8

const (
	stand play = iota
	hit
	double
	split
	surrender
)

var playNames = [...]string{"stand", "hit", "double", "split", "surrender"}

func (p play) String() string { return playNames[p] }

// Chart is a strategy that looks only at the hand's total, or its pair, and the dealer's up card, like a printed strategy
// card. Insurance is always declined.
type Chart struct {
	cells [2][22][11]byte // by soft (1) or hard (0), total, up card
	pairs [11][11]bool    // by the rank of the pair and the up card: whether it is split
}

// BasicStrategy is the published basic strategy for four decks or more, dealer stands on soft 17, double after split, late
// surrender. It is the chart of the standard literature (Wong, "Professional Blackjack"; Griffin, "The Theory of
// Blackjack"); docs/GAMES.md prints it.
func BasicStrategy() *Chart {
	return newChart(`
		hard 17  S S S S S S S S S S
		hard 16  S S S S S H H R R R
		hard 15  S S S S S H H H R H
		hard 14  S S S S S H H H H H
		hard 13  S S S S S H H H H H
		hard 12  H H S S S H H H H H
		hard 11  D D D D D D D D D H
		hard 10  D D D D D D D D H H
		hard 9   H D D D D H H H H H
		hard 8   H H H H H H H H H H
		soft 19  S S S S S S S S S S
		soft 18  S d d d d S S H H H
		soft 17  H D D D D H H H H H
		soft 16  H H D D D H H H H H
		soft 15  H H D D D H H H H H
		soft 14  H H H D D H H H H H
		soft 13  H H H D D H H H H H
		pair A   P P P P P P P P P P
		pair 9   P P P P P - P P - -
		pair 8   P P P P P P P P P P
		pair 7   P P P P P P - - - -
		pair 6   P P P P P - - - - -
		pair 4   - - - P P - - - - -
		pair 3   P P P P P P - - - -
		pair 2   P P P P P P - - - -
	`)
}

// newChart parses a chart. Columns are the dealer's up card, from 2 to ten, then the ace. S: stand, H: hit, D: double, else
// hit, d: double, else stand, R: surrender, else hit. In the rows of pairs, P: split, -: play by the total. Totals above the
// highest row play like that row, and totals below the lowest like the lowest.
func newChart(text string) *Chart {
	c := &Chart{}
	kinds := map[string]int{"hard": 0, "soft": 1}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		row := rowNumber(fields[1])
		for i, cell := range fields[2:] {
			up := i + 2
			if up == 11 {
				up = 1
			}
			if kind, ok := kinds[fields[0]]; ok {
				c.cells[kind][row][up] = cell[0]
			} else {
				c.pairs[row][up] = cell == "P"
			}
		}
	}
	for kind := range c.cells {
		for up := 1; up <= 10; up++ {
			c.extend(kind, up)
		}
	}
	return c
}

// extend fills in the totals above and below those of the chart.
func (c *Chart) extend(kind, up int) {
	column := func(total int) *byte { return &c.cells[kind][total][up] }
	for total := 1; total <= 21; total++ {
		if *column(total) == 0 {
			*column(total) = *column(total - 1)
		}
	}
	for total := 20; total >= 0; total-- {
		if *column(total) == 0 {
			*column(total) = *column(total + 1)
		}
	}
}

func rowNumber(text string) int {
	if text == "A" {
		return 1
	}
	n := 0
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}

// choose returns the chart's play for a hand. pair is the rank of a pair that may be split, else 0.
func (c *Chart) choose(total int, soft bool, pair, up int, mayDouble, maySurrender bool) play {
	if pair > 0 && c.pairs[pair][up] {
		return split
	}
	kind := 0
	if soft {
		kind = 1
	}
	switch c.cells[kind][total][up] {
	case 'S':
		return stand
	case 'D':
		if mayDouble {
			return double
		}
	case 'd':
		if mayDouble {
			return double
		}
		return stand
	case 'R':
		if maySurrender {
			return surrender
		}
	}
	return hit
}

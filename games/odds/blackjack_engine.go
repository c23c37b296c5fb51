package odds

// engine plays rounds of blackjack/1 by a chart, as fast as possible, with a stake of two coins so that halves are whole.
// It is a second implementation of the rules; a test compares it with games/blackjack hand by hand. It is not safe for
// concurrent use.
type engine struct {
	chart  *Chart
	random generator

	// The shoe holds card values. The first `dealt` cards are gone; the first `shuffled` cards have their final position.
	// A new round starts from the order that the last one left: shuffling makes every order equally likely anyway.
	shoe     [312]uint8
	dealt    int
	shuffled int

	hands  [4]engineHand
	n      int // hands in play
	dealer engineHand
}

// engineHand is a hand of the player or the dealer.
type engineHand struct {
	first, second uint8 // the first two cards
	cards         uint8
	hard          uint8 // with aces as 1
	ace           bool
	standing      bool // false once the hand is played: it is bust
	doubled       bool
	closed        bool // no more actions
}

func newEngine(chart *Chart, seed, chunk uint64) *engine {
	e := &engine{chart: chart, random: newGenerator(seed, chunk)}
	for i := range e.shoe {
		e.shoe[i] = uint8(min(i%13+1, 10))
	}
	return e
}

func (e *engine) draw() uint8 {
	i := e.dealt
	if i == e.shuffled {
		j := i + int(e.random.below(uint32(len(e.shoe)-i)))
		e.shoe[i], e.shoe[j] = e.shoe[j], e.shoe[i]
		e.shuffled++
	}
	e.dealt++
	return e.shoe[i]
}

func (h *engineHand) take(card uint8) {
	switch h.cards {
	case 0:
		h.first = card
	case 1:
		h.second = card
	}
	h.cards++
	h.hard += card
	h.ace = h.ace || card == 1
}

func (h *engineHand) soft() bool { return h.ace && h.hard <= 11 }

func (h *engineHand) total() int {
	if h.soft() {
		return int(h.hard) + 10
	}
	return int(h.hard)
}

func (h *engineHand) natural() bool { return h.cards == 2 && h.ace && h.hard == 11 }

// shuffle makes the next round draw every card at random again.
func (e *engine) shuffle() { e.dealt, e.shuffled = 0, 0 }

// round plays one round with a stake of two coins. It returns the total staked and the payout.
func (e *engine) round() (staked, payout int) {
	e.dealer, e.hands[0], e.n = engineHand{}, engineHand{}, 1
	e.hands[0].take(e.draw())
	e.dealer.take(e.draw())
	e.hands[0].take(e.draw())
	e.dealer.take(e.draw())
	playerHas, dealerHas := e.hands[0].natural(), e.dealer.natural()
	switch {
	case playerHas && dealerHas:
		return 2, 2
	case playerHas:
		return 2, 5
	case dealerHas:
		return 2, 0 // the dealer peeked with an ace or a ten up; insurance was declined
	}
	up := int(e.dealer.first)
	for i := 0; i < e.n; i++ {
		for !e.hands[i].closed {
			if e.act(i, up) == surrender {
				return 2, 1
			}
		}
	}
	return e.settle()
}

// act takes one action on a hand and returns it.
func (e *engine) act(i, up int) play {
	h := &e.hands[i]
	pair := 0
	if h.cards == 2 && h.first == h.second && e.n < len(e.hands) {
		pair = int(h.first)
	}
	p := e.chart.choose(h.total(), h.soft(), pair, up, h.cards == 2, h.cards == 2 && e.n == 1)
	switch p {
	case stand:
		h.closed, h.standing = true, true
	case hit:
		e.hit(h)
	case double:
		h.doubled = true
		e.hit(h)
		if !h.closed {
			h.closed, h.standing = true, true
		}
	case split:
		e.split(i)
	}
	return p
}

// hit takes a card; 21 stands automatically.
func (e *engine) hit(h *engineHand) {
	h.take(e.draw())
	if total := h.total(); total >= 21 {
		h.closed, h.standing = true, total == 21
	}
}

func (e *engine) split(i int) {
	card := e.hands[i].first
	for k := e.n; k > i+1; k-- {
		e.hands[k] = e.hands[k-1]
	}
	e.n++
	for k := i; k <= i+1; k++ {
		h := &e.hands[k]
		*h = engineHand{}
		h.take(card)
		e.hit(h)
		if card == 1 {
			h.closed, h.standing = true, true
		}
	}
}

// settle pays the hands. The dealer draws only if a hand stands.
func (e *engine) settle() (staked, payout int) {
	stands := false
	for i := range e.n {
		stands = stands || e.hands[i].standing
	}
	for stands && e.dealer.total() < 17 {
		e.dealer.take(e.draw())
	}
	dealer := e.dealer.total()
	for i := range e.n {
		h := &e.hands[i]
		stake := 2
		if h.doubled {
			stake = 4
		}
		staked += stake
		if !h.standing {
			continue
		}
		if player := h.total(); dealer > 21 || player > dealer {
			payout += 2 * stake
		} else if player == dealer {
			payout += stake
		}
	}
	return staked, payout
}

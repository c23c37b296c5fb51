package bench

import (
	"fmt"
	"net/url"
)

// transferView has the fields of a transfer that bench reads.
type transferView struct {
	ID           string  `json:"id"`
	Kind         string  `json:"kind"`
	RoundID      *string `json:"round_id"`
	Amount       int64   `json:"amount"`
	BalanceAfter int64   `json:"balance_after"`
}

// maxPage is the casino's largest page.
const maxPage = 200

// check compares all answers with the casino's books.
func (b *bench) check() error {
	b.progress("comparing every answer with the books")
	checks := make([]playerCheck, len(b.players))
	numbers := make(map[*player]int, len(b.players))
	for i, p := range b.players {
		numbers[p] = i
	}
	err := b.eachTable(b.tables, func(t *table) error {
		for _, p := range t.players {
			c := &checks[numbers[p]]
			c.player = p
			if err := b.checkPlayer(t, c); err != nil {
				return fmt.Errorf("check the books of %s: %w", p.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range checks {
		c := &checks[i]
		b.report.Checked.Answers += len(c.player.told)
		b.report.Checked.Transfers += c.transfers
		b.report.Checked.Unanswered += c.player.unknown
		if c.player.broke {
			b.report.Broke++
		}
		b.report.addViolations(c.violations)
	}
	return nil
}

// playerCheck is the check of one player's books.
type playerCheck struct {
	player     *player
	transfers  int
	violations []string
}

func (c *playerCheck) violation(format string, args ...any) {
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, c.player.name+": "+fmt.Sprintf(format, args...))
	}
}

// bookedRound is a round in the books.
type bookedRound struct {
	toldRound
	settled bool
	taken   int64 // by transfers
	paid    int64
	stakes  int // transfers of its stake
	payouts int // transfers of its payout
}

func (b *bench) checkPlayer(t *table, c *playerCheck) error {
	var account accountView
	if err := b.get(t, c.player.token, "/api/v1/me", &account); err != nil {
		return err
	}
	rounds, err := b.bookedRounds(t, c.player)
	if err != nil {
		return err
	}
	if err := b.countTransfers(t, c, rounds, account.Coins); err != nil {
		return err
	}
	c.compare(rounds, account)
	return nil
}

// compare compares the player's answers with the books.
func (c *playerCheck) compare(rounds map[string]*bookedRound, account accountView) {
	p := c.player
	seen := make(map[string]bool, len(p.told))
	for _, told := range p.told {
		booked := rounds[told.id]
		switch {
		case seen[told.id]:
			c.violation("round %s was the answer to two bets", told.id)
		case booked == nil:
			c.violation("round %s was answered, but is not in the books", told.id)
		case booked.toldRound != told || !booked.settled:
			c.violation("round %s was answered with staked %d and payout %d, but the books have %d and %d, or another outcome", told.id, told.staked, told.payout, booked.staked, booked.payout)
		}
		seen[told.id] = true
	}
	untold := 0
	for id, booked := range rounds {
		if !seen[id] {
			untold++
		}
		switch {
		case booked.stakes != 1:
			c.violation("round %s has %d stakes in the books", id, booked.stakes)
		case booked.payouts > 1:
			c.violation("round %s was paid %d times", id, booked.payouts)
		case booked.taken != booked.staked || booked.paid != booked.payout:
			c.violation("by its transfers round %s took %d and paid %d, but it says %d and %d", id, booked.taken, booked.paid, booked.staked, booked.payout)
		}
	}
	if untold > p.unknown {
		c.violation("the books have %d rounds that were in no answer, but only %d bets had no answer", untold, p.unknown)
	}
	if p.unknown == 0 && account.Coins != p.coins {
		c.violation("the last answer said %d coins, but the balance is %d", p.coins, account.Coins)
	}
}

// bookedRounds reads the rounds of this run from the books.
func (b *bench) bookedRounds(t *table, p *player) (map[string]*bookedRound, error) {
	rounds := make(map[string]*bookedRound)
	cursor := ""
	for {
		var page struct {
			Rounds     []roundView `json:"rounds"`
			NextCursor *string     `json:"next_cursor"`
		}
		if err := b.get(t, p.token, pagePath("/api/v1/me/rounds", cursor), &page); err != nil {
			return nil, err
		}
		for i := range page.Rounds {
			round := &page.Rounds[i]
			if round.ID == p.lastRound {
				return rounds, nil
			}
			rounds[round.ID] = &bookedRound{toldRound: round.told(), settled: round.Settled}
		}
		if page.NextCursor == nil {
			return rounds, nil
		}
		cursor = *page.NextCursor
	}
}

// countTransfers reads the transfers of this run, newest first, and adds them to their rounds. It checks that each balance
// follows from the one before, from the start of the run to now.
func (b *bench) countTransfers(t *table, c *playerCheck, rounds map[string]*bookedRound, coins int64) error {
	balance, cursor := coins, ""
	for {
		var page struct {
			Transfers  []transferView `json:"transfers"`
			NextCursor *string        `json:"next_cursor"`
		}
		if err := b.get(t, c.player.token, pagePath("/api/v1/me/transfers", cursor), &page); err != nil {
			return err
		}
		for i := range page.Transfers {
			transfer := &page.Transfers[i]
			if transfer.ID == c.player.lastTransfer {
				c.atStart(balance)
				return nil
			}
			c.transfers++
			if transfer.BalanceAfter != balance {
				c.violation("after transfer %s the balance is %d, but the next one starts from %d", transfer.ID, transfer.BalanceAfter, balance)
			}
			balance = transfer.BalanceAfter - transfer.Amount
			if balance < 0 || transfer.BalanceAfter < 0 {
				c.violation("transfer %s has a balance below 0", transfer.ID)
			}
			if transfer.RoundID != nil {
				c.book(rounds[*transfer.RoundID], transfer)
			}
		}
		if page.NextCursor == nil {
			c.atStart(balance)
			return nil
		}
		cursor = *page.NextCursor
	}
}

func (c *playerCheck) atStart(balance int64) {
	start := c.player.startCoins
	if c.player.lastTransfer == "" {
		start = 0 // no transfer before the run: all coins came during it
	}
	if balance != start {
		c.violation("before the run the balance was %d, but the transfers say %d", start, balance)
	}
}

// book adds a transfer to its round.
func (c *playerCheck) book(round *bookedRound, transfer *transferView) {
	if round == nil {
		c.violation("transfer %s belongs to round %s, which is not one of the player's", transfer.ID, *transfer.RoundID)
		return
	}
	switch transfer.Kind {
	case "stake":
		round.stakes++
		round.taken -= transfer.Amount
	case "raise":
		round.taken -= transfer.Amount
	case "payout":
		round.payouts++
		round.paid += transfer.Amount
	default:
		c.violation("transfer %s of round %s is a %q", transfer.ID, *transfer.RoundID, transfer.Kind)
	}
}

func pagePath(path, cursor string) string {
	query := fmt.Sprintf("%s?limit=%d", path, maxPage)
	if cursor != "" {
		query += "&cursor=" + url.QueryEscape(cursor)
	}
	return query
}

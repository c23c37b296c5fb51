package proof

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"imperio/games/blackjack"
	"imperio/games/roulette"
	"imperio/games/slots"
)

// WriteText shows the proof step by step, for people.
func (p *Proof) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Round of %s, nonce %d, stake %s\n", p.Rules, p.Nonce, p.Stake.Words())
	p.writeCommitment(&b)
	p.writeWords(&b)
	p.writeDraws(&b)
	p.writePay(&b)
	p.writeVerdict(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (p *Proof) writeCommitment(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n1. Commitment: the SHA-256 of the server seed\n")
	fmt.Fprintf(b, "   server seed  %s\n", p.ServerSeed)
	fmt.Fprintf(b, "   SHA-256      %s\n", p.Commitment)
	switch {
	case !slices.Contains(p.Compared, "commitment"):
		fmt.Fprintf(b, "   Compare it with the commitment that you were shown before you played.\n")
	case p.mismatch("commitment") != nil:
		fmt.Fprintf(b, "   published    %s\n   They DIFFER: this is not the seed that the house committed to.\n", p.mismatch("commitment").House)
	default:
		fmt.Fprintf(b, "   It is the commitment of the round.\n")
	}
}

func (p *Proof) mismatch(field string) *Mismatch {
	i := slices.IndexFunc(p.Mismatches, func(m Mismatch) bool { return m.Field == field })
	if i < 0 {
		return nil
	}
	return &p.Mismatches[i]
}

func (p *Proof) writeWords(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n2. Words: block j is HMAC-SHA256 with the server seed as key, over\n")
	fmt.Fprintf(b, "   \"imperio/v1\" 0x00 %q 0x00 %q 0x00 \"%d\" 0x00 j\n", p.Rules, p.ClientSeed, p.Nonce)
	for _, w := range p.Words {
		fmt.Fprintf(b, "   block %d, word %d   %016x   ", w.Block, w.Index, w.Word)
		if w.Rejected {
			fmt.Fprintf(b, "passed over, so that uniform(%d) is exact\n", w.Range)
		} else {
			fmt.Fprintf(b, "uniform(%d) = %d\n", w.Range, w.Value)
		}
	}
}

// values are the numbers that the game drew, in order.
func (p *Proof) values() []uint64 {
	var values []uint64
	for _, w := range p.Words {
		if !w.Rejected {
			values = append(values, w.Value)
		}
	}
	return values
}

func (p *Proof) writeDraws(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n3. Outcome\n")
	values := p.values()
	switch o := p.Outcome.(type) {
	case slots.Outcome:
		for reel, stop := range o.Stops {
			fmt.Fprintf(b, "   reel %d: %d + %d = stop %d, %s\n", reel, slots.FirstStop, values[reel], stop, o.Symbols[reel])
		}
	case roulette.Outcome:
		fmt.Fprintf(b, "   the pocket is %d, %s\n", o.Pocket, o.Color)
	case blackjack.Outcome:
		fmt.Fprintf(b, "   card i changes places with the card at i + uniform(312 - i), and is dealt:\n")
		for i, c := range p.Draws {
			fmt.Fprintf(b, "   card %2d: the one at %d + %d = %d, which is number %d, %s\n", i, i, values[i], uint64(i)+values[i], c, blackjack.Card(c))
		}
		p.writeSteps(b)
		writeTable(b, o)
	}
}

// writeSteps tells a round of blackjack: each card and each action, with the total of the hand after it.
func (p *Proof) writeSteps(b *bytes.Buffer) {
	fmt.Fprintf(b, "   Step by step:\n")
	for _, s := range p.Steps {
		hand := fmt.Sprintf("hand %d", s.Hand)
		if s.Hand == 0 {
			hand = "the dealer"
		}
		event := hand + " has"
		if s.Card != nil {
			event = fmt.Sprintf("%s gets the %s of %s, and has", hand, s.Card.Rank, s.Card.Suit)
		}
		total := fmt.Sprint(s.Total)
		if s.Soft {
			total = "soft " + total
		}
		switch {
		case s.Total > 21:
			total += ", a bust"
		case s.What == blackjack.Insurance:
			total += fmt.Sprintf("; insured for %s", s.Stake.Words())
		case s.What == blackjack.Look && s.Total == 21:
			total += ", a blackjack"
		case s.What == blackjack.Look:
			total += ", no blackjack"
		}
		if s.Stake > 0 && s.What != blackjack.Insurance {
			total += fmt.Sprintf("; its stake is %s", s.Stake.Words())
		}
		fmt.Fprintf(b, "     %s: %s %s\n", strings.ReplaceAll(s.What, "_", " "), event, total)
	}
}

// writeTable shows the hands of a round of blackjack.
func writeTable(b *bytes.Buffer, o blackjack.Outcome) {
	faces := func(cards []blackjack.CardFace) string {
		names := make([]string, len(cards))
		for i, c := range cards {
			names[i] = c.Rank + " of " + c.Suit
		}
		return strings.Join(names, ", ")
	}
	fmt.Fprintf(b, "   dealer: %s", faces(o.Dealer.Cards))
	if o.Dealer.Hidden > 0 {
		fmt.Fprintf(b, ", and the hole card")
	}
	fmt.Fprintf(b, "; total %d\n", o.Dealer.Total)
	for i, h := range o.Hands {
		fmt.Fprintf(b, "   hand %d: %s; total %d\n", i+1, faces(h.Cards), h.Total)
	}
}

func (p *Proof) writePay(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n4. Pay\n")
	switch o := p.Outcome.(type) {
	case slots.Outcome:
		if o.Line == "" {
			fmt.Fprintf(b, "   no winning line\n")
		} else {
			fmt.Fprintf(b, "   %s: %d times the stake\n", o.Line, o.Multiplier)
		}
	case roulette.Outcome:
		for _, bet := range o.Bets {
			fmt.Fprintf(b, "   %s: %s staked, pays %s\n", betName(bet), bet.Amount.Words(), bet.Payout.Words())
		}
	case blackjack.Outcome:
		for i, h := range o.Hands {
			result := "open"
			if h.Result != nil {
				result = *h.Result
			}
			fmt.Fprintf(b, "   hand %d: %s staked, %s, pays %s\n", i+1, h.Stake.Words(), result, h.Payout.Words())
		}
		if o.Insurance != nil {
			fmt.Fprintf(b, "   insurance: %s staked, pays %s\n", o.Insurance.Stake.Words(), o.Insurance.Payout.Words())
		}
	}
	if !p.Settled {
		fmt.Fprintf(b, "   The round is open: %s staked so far. If more actions were taken, they are missing here.\n", p.Staked.Words())
		return
	}
	fmt.Fprintf(b, "   staked %s, paid %s, net %+d\n", p.Staked.Words(), p.Payout.Words(), p.Payout-p.Staked)
}

func betName(b roulette.BetOutcome) string {
	switch {
	case len(b.Numbers) > 0:
		return fmt.Sprintf("%s %s", b.Type, strings.Trim(strings.ReplaceAll(fmt.Sprint(b.Numbers), " ", ", "), "[]"))
	case b.Selection > 0:
		return fmt.Sprintf("%s %d", b.Type, b.Selection)
	}
	return b.Type
}

func (p *Proof) writeVerdict(b *bytes.Buffer) {
	switch {
	case len(p.Compared) == 0:
		return
	case p.Matches():
		fmt.Fprintf(b, "\nThe round is what the house said: %s agree.\n", strings.Join(p.Compared, ", "))
		return
	}
	fmt.Fprintf(b, "\nThe round is NOT what the house said:\n")
	for _, m := range p.Mismatches {
		fmt.Fprintf(b, "   %s: the house said %s, recomputed is %s\n", m.Field, m.House, m.Recomputed)
	}
}

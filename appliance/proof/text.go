package proof

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText writes the proof step by step, for people.
func (p *Proof) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Round of %s, nonce %d, stake %s\n", p.Rules, p.Nonce, p.Stake.Words())
	p.writeCommitment(&b)
	p.writeWords(&b)
	p.writeStory(&b)
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
			fmt.Fprintf(b, "rejected, so that uniform(%d) is exact\n", w.Range)
		} else {
			fmt.Fprintf(b, "uniform(%d) = %d\n", w.Range, w.Value)
		}
	}
}

func (p *Proof) writeStory(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n3. Outcome\n")
	for _, line := range p.story.Outcome {
		fmt.Fprintf(b, "   %s\n", line)
	}
	fmt.Fprintf(b, "\n4. Pay\n")
	for _, line := range p.story.Pay {
		fmt.Fprintf(b, "   %s\n", line)
	}
	if !p.Settled {
		fmt.Fprintf(b, "   The round is still open after these actions: %s staked so far. If more actions were taken, they are missing here.\n", p.Staked.Words())
		return
	}
	fmt.Fprintf(b, "   staked %s, paid %s, net %+d\n", p.Staked.Words(), p.Payout.Words(), p.Payout-p.Staked)
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
		fmt.Fprintf(b, "   %s: the house said %s, recomputed %s\n", m.Field, m.House, m.Recomputed)
	}
}

package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// compare compares the recomputed round with what the house said.
func (p *Proof) compare(round Round) error {
	if round.Commitment != "" {
		p.hold("commitment", strings.ToLower(round.Commitment), p.Commitment)
	}
	if round.Settled != nil {
		p.hold("settled", *round.Settled, p.Settled)
	}
	if round.Staked != nil {
		p.hold("staked", *round.Staked, p.Staked)
	}
	if round.Payout != nil {
		p.hold("payout", *round.Payout, p.Payout)
	}
	if len(round.Outcome) == 0 || string(round.Outcome) == "null" {
		return nil
	}
	house, err := parse(round.Outcome)
	if err != nil {
		return fmt.Errorf("the outcome of the round: %w", err)
	}
	encoded, err := json.Marshal(p.Outcome)
	if err != nil {
		return fmt.Errorf("encode the outcome: %w", err)
	}
	recomputed, err := parse(encoded)
	if err != nil {
		return fmt.Errorf("read the outcome back: %w", err)
	}
	p.Compared = append(p.Compared, "outcome")
	p.holdValues("outcome", house, recomputed)
	return nil
}

// hold compares one field.
func (p *Proof) hold(field string, house, recomputed any) {
	p.Compared = append(p.Compared, field)
	if house != recomputed {
		p.Mismatches = append(p.Mismatches, Mismatch{field, fmt.Sprint(house), fmt.Sprint(recomputed)})
	}
}

// holdValues compares JSON values, and names each part that differs. A field that is missing is the same as null.
func (p *Proof) holdValues(path string, house, recomputed any) {
	switch want := recomputed.(type) {
	case map[string]any:
		if got, ok := house.(map[string]any); ok {
			for _, name := range fieldNames(got, want) {
				p.holdValues(path+"."+name, got[name], want[name])
			}
			return
		}
	case []any:
		if got, ok := house.([]any); ok && len(got) == len(want) {
			for i := range want {
				p.holdValues(fmt.Sprintf("%s[%d]", path, i), got[i], want[i])
			}
			return
		}
	}
	if !reflect.DeepEqual(house, recomputed) {
		p.Mismatches = append(p.Mismatches, Mismatch{path, text(house), text(recomputed)})
	}
}

// parse keeps numbers as text, so that none is rounded.
func parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // impossible: it was valid JSON just now
		return fmt.Sprint(v)
	}
	return string(b)
}

// fieldNames are the names in either object, sorted.
func fieldNames(a, b map[string]any) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

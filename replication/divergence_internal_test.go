package replication

import (
	"testing"

	"imperio/storage"
)

func TestCompare_TheOddOneOutStops(t *testing.T) {
	says := func(leads bool, sums ...uint64) opinion {
		o := opinion{leads: leads}
		for i, s := range sums {
			o.digests = append(o.digests, storage.Digest{Index: uint64(64 * (i + 1)), Sum: s})
		}
		return o
	}
	for name, c := range map[string]struct {
		self   opinion
		others []opinion
		want   verdict
	}{
		"alone":                                  {says(true, 1, 2), nil, same},
		"nothing in common":                      {says(true, 1), []opinion{says(false)}, same},
		"all agree":                              {says(true, 1, 2), []opinion{says(false, 1, 2), says(false, 1)}, same},
		"one of three, not the leader":           {says(false, 1, 9), []opinion{says(true, 1, 2), says(false, 1, 2)}, thisNodeIs},
		"one of three, the leader":               {says(true, 1, 9), []opinion{says(false, 1, 2), says(false, 1, 2)}, thisNodeIs},
		"another of three":                       {says(false, 1, 2), []opinion{says(true, 1, 2), says(false, 1, 9)}, othersAre},
		"one of two, not the leader":             {says(false, 1, 9), []opinion{says(true, 1, 2)}, thisNodeIs},
		"one of two, the leader":                 {says(true, 1, 9), []opinion{says(false, 1, 2)}, othersAre},
		"one of two, without a leader":           {says(false, 1, 9), []opinion{says(false, 1, 2)}, othersAre},
		"three of three":                         {says(false, 1, 8), []opinion{says(true, 1, 2), says(false, 1, 9)}, thisNodeIs},
		"long ago, and the newest not in common": {says(false, 9, 9), []opinion{says(true, 1), says(false, 1)}, thisNodeIs},
		"two of four, on the leader's side":      {says(false, 1), []opinion{says(true, 1), says(false, 9), says(false, 9)}, othersAre},
		"two of four, on the other side":         {says(false, 9), []opinion{says(true, 1), says(false, 1), says(false, 9)}, thisNodeIs},
	} {
		if got, _ := compare(c.self, c.others); got != c.want {
			t.Errorf("%s: %d instead of %d", name, got, c.want)
		}
	}
}

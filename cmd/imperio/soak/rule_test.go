package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// tolerance is how much a measure may grow from the middle third of a run to the last one.
type tolerance struct {
	share    float64 // of the middle third's median
	constant float64 // in the measure's unit
}

// growth compares the last third of a run with the middle one; the first is for warming up. Medians: a collection of garbage
// or a checkpoint at the wrong moment decides nothing. It returns both medians, and an error if the last is too high.
func growth(samples []float64, t tolerance) (middle, last float64, err error) {
	third := len(samples) / 3
	if third < 3 {
		return 0, 0, fmt.Errorf("%d samples are too few to tell", len(samples))
	}
	middle, last = median(samples[third:len(samples)-third]), median(samples[len(samples)-third:])
	if limit := middle*(1+t.share) + t.constant; last > limit {
		err = fmt.Errorf("it grew from %.1f to %.1f, and may reach %.1f", middle, last, limit)
	}
	return middle, last, err
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}

// A rule that finds nothing proves nothing.
func TestGrowth_FindsLeaksAndNothingElse(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	memory := measures["RssAnon, MiB"]
	descriptors := measures["file descriptors"]
	for _, c := range []struct {
		name string
		t    tolerance
		at   func(share float64) float64 // of the run, from 0 to 1
		leak bool
	}{
		{"a casino that warms up and stays", memory, func(s float64) float64 { return 60 + 60*min(1, s*4) }, false},
		{"garbage that comes and goes", memory, func(s float64) float64 { return 100 + 40*random.Float64() }, false},
		{"a sawtooth", memory, func(s float64) float64 { return 100 + float64(int(s*600)%30) }, false},
		{"one outlier in the last third", memory, func(s float64) float64 {
			if s > 0.8 && s < 0.82 {
				return 900
			}
			return 100
		}, false},
		{"less and less", memory, func(s float64) float64 { return 200 - 100*s }, false},
		{"a leak of 100 MiB in a run", memory, func(s float64) float64 { return 100 + 100*s }, true},
		{"twice as much below garbage", memory, func(s float64) float64 { return 100 + 200*s + 40*random.Float64() }, true},
		{"a leak that begins late", memory, func(s float64) float64 { return 100 + 200*max(0, s-0.66) }, true},
		{"a step that stays", memory, func(s float64) float64 {
			if s > 0.7 {
				return 150
			}
			return 100
		}, true},
		{"connections that come and go", descriptors, func(s float64) float64 { return 40 + 10*random.Float64() }, false},
		{"a descriptor lost each four seconds of ten minutes", descriptors, func(s float64) float64 { return 40 + 150*s }, true},
	} {
		var samples []float64
		for i := range 600 {
			samples = append(samples, c.at(float64(i)/600))
		}
		if middle, last, err := growth(samples, c.t); (err != nil) != c.leak {
			t.Errorf("%s: %.1f and then %.1f, %v", c.name, middle, last, err)
		}
	}
	if _, _, err := growth([]float64{1, 1, 1, 1, 1, 1, 1, 1}, memory); err == nil {
		t.Error("eight samples are enough")
	}
}

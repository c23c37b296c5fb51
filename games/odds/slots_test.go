package odds

import (
	"math"
	"testing"

	"imperio/games/slots"
)

// A program in another language computed these figures from the published strips and pays.
func TestSlots_ExactFigures(t *testing.T) {
	want := map[string]struct {
		ret, hit, variance string
		volatility         float64
	}{
		"slots/1": {"411/256", "13/64", "2119207/65536", 5.686522011983549},
		"slots/2": {"31/32", "13/64", "13983/1024", 3.695304241534112},
	}
	for _, m := range slots.Versions() {
		d := Slots(m)
		w, ok := want[m.Rules()]
		if !ok {
			t.Errorf("%s has no expected figures", m.Rules())
			continue
		}
		if d.Outcomes() != 4096 {
			t.Errorf("%s: %d outcomes", m.Rules(), d.Outcomes())
		}
		if got := d.Return().RatString(); got != w.ret {
			t.Errorf("%s: return %s, want %s", m.Rules(), got, w.ret)
		}
		if got := d.HitFrequency().RatString(); got != w.hit {
			t.Errorf("%s: hit frequency %s, want %s", m.Rules(), got, w.hit)
		}
		if got := d.Variance().RatString(); got != w.variance {
			t.Errorf("%s: variance %s, want %s", m.Rules(), got, w.variance)
		}
		if got := d.Volatility(); math.Abs(got-w.volatility) > 1e-12 {
			t.Errorf("%s: volatility %v, want %v", m.Rules(), got, w.volatility)
		}
	}
}

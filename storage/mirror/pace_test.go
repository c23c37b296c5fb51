package mirror

import (
	"testing"
	"time"
)

func TestPace_RestsOnlyWhilePlayersKeepTheMachineBusy(t *testing.T) {
	for _, c := range []struct {
		name   string
		idle   uint64 // of 1000 ticks
		events uint64 // that came meanwhile
		known  bool
		want   time.Duration
	}{
		{"busy with players", 100, 5, true, 3 * time.Second},
		{"time is left", 300, 5, true, 0},
		{"busy, and nobody plays: it catches up", 0, 0, true, 0},
		{"nobody knows", 0, 5, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			idle, all := uint64(10_000), uint64(50_000)
			p := pace{used: func() (uint64, uint64, bool) { return idle, all, c.known }}
			if got := p.after(100*time.Millisecond, 100); got != 0 {
				t.Errorf("it rests %v after the first batch, when nothing is known yet", got)
			}
			idle, all = idle+c.idle, all+1000
			if got := p.after(100*time.Millisecond, 100+c.events); got != c.want {
				t.Errorf("it rests %v, want %v", got, c.want)
			}
		})
	}
}

func TestPace_RestsAreBounded(t *testing.T) {
	all := uint64(1)
	p := pace{used: func() (uint64, uint64, bool) { all += 100; return 0, all, true }}
	p.after(time.Minute, 1)
	if got := p.after(time.Minute, 2); got != longRest {
		t.Errorf("it rests %v", got)
	}
}

func TestProcessorTime_GrowsOnLinux(t *testing.T) {
	idle, all, ok := processorTime()
	if !ok {
		t.Skip("this system has no /proc/stat")
	}
	if idle > all || all == 0 {
		t.Errorf("%d of %d", idle, all)
	}
}

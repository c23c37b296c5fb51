package appliance

import (
	"errors"
	"testing"
	"time"

	"imperio/storage/command"
)

func TestClock_NoCommandIsTakenFromATimeThatCanNotHaveCome(t *testing.T) {
	now := time.Now()
	newest := now.Add(-time.Minute)
	n := &node{opened: now, newest: func() time.Time { return newest }} // no log behind it: what is taken would panic
	for ahead, want := range map[time.Duration]bool{-48 * time.Hour: false, 0: false, 23 * time.Hour: false, 25 * time.Hour: true, 400 * 24 * time.Hour: true} {
		if leap := n.leap(now.Add(ahead)); (leap > 0) != want || want && (leap > ahead || leap < ahead-time.Minute) {
			t.Errorf("%s ahead counts as a leap of %s", ahead, leap)
		}
	}
	_, err := n.Propose(t.Context(), command.Command{Time: now.Add(25 * time.Hour)})
	if !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("a command of tomorrow: %v", err)
	}
	newest = now.Add(2 * time.Hour) // the clock was behind at the start, and commands came from its right time
	if leap := n.leap(now.Add(25 * time.Hour)); leap != 0 {
		t.Errorf("23 hours after the newest command count as a leap of %s", leap)
	}
}

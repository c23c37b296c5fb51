package browsertest

import (
	"strings"
	"testing"
)

func TestLimitReached_SaysWhichAndUntilWhen(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("PUT", "/me/limits", map[string]any{"stake_per_day": 1, "loss_per_day": nil, "loss_per_week": nil, "loss_per_month": nil, "session_minutes": nil, "reality_check_minutes": nil}, nil)
	p.expect("409")
	p.visit("/slots")
	p.click("#spin")
	p.wait("the way to the limits", `document.querySelector('#outcome a[href="/responsible-play"]')`)
	if words := p.text("#outcome"); !strings.Contains(words, "Stakes per day") || !strings.Contains(words, "Until ") {
		t.Errorf("the refusal says %q", words)
	}
}

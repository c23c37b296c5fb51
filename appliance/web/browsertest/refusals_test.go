package browsertest

import (
	"regexp"
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
	// The limit's day ends at midnight, which is said with its date while it is far away.
	if words := p.text("#outcome"); !strings.Contains(words, "Stakes per day") || !regexp.MustCompile(`Again in \d+ (minutes?|hours?), (at|on \w+ \d+, 20\d\d,) \d+:\d\d`).MatchString(words) {
		t.Errorf("the refusal says %q", words)
	}
}

// From 90 seconds on, a wait is said by the clock as well, in each language.
func TestWaits_AreSaidByTheClock(t *testing.T) {
	for language, want := range map[string][]string{
		"en": {`Wait 90 seconds, then try again\.$`, `Again in 2 minutes, at \d+:\d\d.(AM|PM)\.$`, `^in 3 hours, at \d`, `^in 3 days, on \w+ \d+, 20\d\d, \d+:\d\d`},
		"es": {`90 segundos`, `De nuevo dentro de 2 minutos, a las \d+:\d\d\.$`, `^dentro de 3 horas, a las \d`, `^dentro de 3 días, el \d`},
		"de": {`90 Sekunden`, `Wieder in 2 Minuten, um \d+:\d\d\.$`, `^in 3 Stunden, um \d`, `^in 3 Tagen, am \d`},
	} {
		t.Run(language, func(t *testing.T) {
			p := open(t, look{languages: language})
			p.visit("/rules")
			said := eval[[]string](p, `(async () => {
				const { errorText, whenText } = await import(performance.getEntriesByType('resource').map(r => r.name).find(n => /js\/app\/i18n\.js$/.test(n)));
				return [errorText('rate_limited', 90), errorText('rate_limited', 91), whenText(Date.now() + 3 * 3600_000), whenText(Date.now() + 72 * 3600_000)];
			})()`)
			for i, pattern := range want {
				if !regexp.MustCompile(pattern).MatchString(said[i]) {
					t.Errorf("got %q, want %s", said[i], pattern)
				}
			}
		})
	}
}

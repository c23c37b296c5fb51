package appliance

import (
	"strings"
	"testing"

	"imperio/appliance/config"
)

func TestPrintLimits_ShowsEveryZoneAsConfigured(t *testing.T) {
	l := config.Default().Limits
	l.SlotsRate, l.SignInBurst, l.Connections = config.Rate{}, 7, 0
	var out strings.Builder
	if err := PrintLimits(&out, l); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"limits are on", "general 20/s 60 address, account all other requests", "sign-in 20/m 7 address POST /api/v1/sessions",
		"sign-up-tries 20/m 17 address POST /api/v1/accounts sign-up", "sign-up 20/h 10 address POST /api/v1/accounts, unless",
		"slots off 10 account POST /api/v1/games/slots/spins failed", "failed-sign-ins 5/m 5", "100 per address, off in total",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in: %s", want, got)
		}
	}
}

package ops

import (
	"strings"
	"testing"
	"time"
)

func TestMirrorCheck_SaysHowTheMirrorStands(t *testing.T) {
	for _, test := range []struct {
		name   string
		mirror Mirror
		status Status
		says   string
	}{
		{"not reached yet", Mirror{Connecting: true}, "", ""},
		{"another node mirrors", Mirror{Standby: true, Lag: time.Hour}, "", ""},
		{"it follows", Mirror{Connected: true, Lag: 2 * time.Second}, Healthy, "2s behind"},
		{"it fails for a moment", Mirror{Lag: 2 * time.Second}, Healthy, "2s behind"},
		{"it fails", Mirror{Lag: 2 * time.Minute}, Degraded, "can't be written, and is 2m0s behind"},
		{"it was never reached", Mirror{Connecting: true, Lag: 2 * time.Minute}, Degraded, "can't be written"},
		{"it catches up", Mirror{Connected: true, Lag: 2 * time.Minute, Behind: 77}, Degraded, "catches up with 77 events"},
		{"another history", Mirror{Differs: true}, Degraded, "imperio mirror rebuild"},
	} {
		got, ok := MirrorCheck(func() Mirror { return test.mirror }).Run(t.Context())
		if ok != (test.says != "") || ok && (got.Status != test.status || !strings.Contains(got.Detail, test.says)) {
			t.Errorf("%s: %+v, %v", test.name, got, ok)
		}
	}
}

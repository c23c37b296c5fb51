package ops

import (
	"context"
	"time"
)

// Mirror is how the mirror in PostgreSQL stands.
type Mirror struct {
	Connected  bool // it is written
	Connecting bool // it was not reached yet, and did not fail either
	Standby    bool // another node leads, and mirrors
	Differs    bool // it holds another history
	Event      uint64
	Behind     uint64        // events that it lacks
	Lag        time.Duration // how long ago it had all that there was
	// Since the start:
	Events, Rows, Batches, Errors uint64
}

// mirrorGrace is how far the mirror may be behind.
const mirrorGrace = time.Minute

// MirrorCheck checks that new events reach the mirror soon. A mirror never makes a casino unhealthy: nothing waits for it.
func MirrorCheck(look func() Mirror) Check {
	return Check{"mirror", func(context.Context) (Result, bool) {
		m := look()
		switch {
		case m.Differs:
			return degraded("it holds another history than this casino's, so nothing is written to it. Run 'imperio mirror rebuild'"), true
		case m.Standby:
			return Result{}, false
		case m.Lag > mirrorGrace && !m.Connected:
			return degraded("it can't be written, and is %s behind. Run 'imperio mirror status'", m.Lag.Round(time.Second)), true
		case m.Lag > mirrorGrace:
			return degraded("it is %s behind, and catches up with %d events", m.Lag.Round(time.Second), m.Behind), true
		case m.Connecting:
			return Result{}, false
		}
		return healthy("%s behind", m.Lag.Round(time.Second)), true
	}}
}

func putMirror(put func(string, float64, ...string), m Mirror) {
	put("imperio_mirror_connected", truth(m.Connected))
	put("imperio_mirror_event", float64(m.Event))
	put("imperio_mirror_lag_events", float64(m.Behind))
	put("imperio_mirror_lag_seconds", m.Lag.Seconds())
	put("imperio_mirror_events_total", float64(m.Events))
	put("imperio_mirror_rows_total", float64(m.Rows))
	put("imperio_mirror_batches_total", float64(m.Batches))
	put("imperio_mirror_errors_total", float64(m.Errors))
}

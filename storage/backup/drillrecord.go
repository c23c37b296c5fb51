package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
)

// Drills are recorded in the target that they are about:
//
//	<casino>/drills/<time>-<index of the archive>-<ok or failed>.json
//
// The name says all that the service needs. So the last drill is known after a restart and on a new machine, credentials that
// may only add objects are enough, and the state of the casino holds nothing about places outside of it.

func drillName(casino string, r *DrillResult) string {
	outcome := "failed"
	if r.OK {
		outcome = "ok"
	}
	return fmt.Sprintf("%s%s-%020d-%s.json", drillsPrefix(casino), r.At.UTC().Format(stampLayout), r.Index, outcome)
}

func drillsPrefix(casino string) string { return casinoPrefix(casino) + "drills/" }

var drillPattern = regexp.MustCompile(`^[^/]+/drills/(\d{8}T\d{6}\.\d{3}Z)-\d{20}-(ok|failed)\.json$`)

// readDrills finds when the last drill of a target was, and the last good one.
func readDrills(ctx context.Context, t Target, casino string) (last, good time.Time, err error) {
	err = t.List(ctx, drillsPrefix(casino), func(o Object) error {
		if m := drillPattern.FindStringSubmatch(o.Name); m != nil {
			p := nameParser{}
			if at := p.time(m[1]); !p.failed {
				if last = at; m[2] == "ok" {
					good = at
				}
			}
		}
		return nil
	})
	return last, good, err
}

// record writes a drill's record into the target. A drill that could not be made has none.
func (d *driller) record(ctx context.Context, at *site, r *DrillResult) {
	if r.NotMade {
		return
	}
	v := d.service
	_, err := attempt(ctx, at, v.o.Patience, func(ctx context.Context, t Target, _ func()) (none struct{}, err error) {
		text, err := json.Marshal(r)
		if err != nil {
			return none, err
		}
		u, err := t.Create(ctx, drillName(v.o.Writing.Casino, r))
		if err != nil {
			return none, err
		}
		defer u.Abort()
		if _, err := u.Write(text); err != nil {
			return none, err
		}
		return none, u.Commit(ctx, func(stored io.Reader) error {
			if got, err := io.ReadAll(stored); err != nil || !bytes.Equal(got, text) {
				return errors.Join(err, damaged(drillName(v.o.Writing.Casino, r), "it is not what was written"))
			}
			return nil
		})
	})
	if err != nil && ctx.Err() == nil {
		v.o.Log.Warn("the drill could not be recorded in its target", "target", at.target.String(), "error", err)
	}
	at.mu.Lock()
	at.lastDrill = r.At
	if r.OK {
		at.lastGoodDrill = r.At
	}
	at.mu.Unlock()
}

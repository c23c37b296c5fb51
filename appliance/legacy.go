package appliance

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/edge"
	"imperio/appliance/legacy"
)

// openLegacy makes what serves the older front ends, if the configuration wants it now or after a reload.
func (a *App) openLegacy() (err error) {
	a.legacy, err = legacy.New(legacy.Options{
		API: a.api, Casino: a.casino, Sign: a.dir.keys.Tickets, Now: a.dir.node.Now, Random: rand.Reader, Log: a.log,
		Network: func(r *http.Request) string { return edge.ClientNetwork(r.Context()) },
		Secure:  func(r *http.Request) bool { return edge.Secure(r.Context()) },
		Spare:   a.gate.Spare,
		Observe: observeLegacy,
		Serve:   serveLegacy(a.inForce.Load()),
	})
	if err == nil && bool(a.config.Legacy.On) {
		a.log.Info("the routes of the older front ends are served. They go away when legacy-api is off", "routes", strings.Join(legacy.Paths(), " "))
	}
	return err
}

func serveLegacy(c *config.Config) legacy.Serve {
	l := c.Legacy
	return legacy.Serve{On: bool(l.On), Slots: l.SlotsURL, Blackjack: l.BlackjackURL, Roulette: l.RouletteURL}
}

// observeLegacy names an older route in the access log and the metrics, in place of the API's routes that it has used.
func observeLegacy(r *http.Request, route, code string) {
	edge.NoteRoute(r.Context(), route)
	if code == "rate_limited" || code == "busy" {
		edge.NoteRefusal(r.Context())
	}
}

// admit counts a request for its account, once.
func (a *App) admit(ctx context.Context, h http.Header, route string, account uint64) (wait time.Duration, ok bool) {
	if legacy.Counted(ctx) {
		return 0, true
	}
	return a.edge.AdmitAccount(ctx, h, route, account)
}

// countOlderSpins counts spins of the older front end as other spins.
func countOlderSpins(zones []edge.Zone) {
	const spins = "POST /api/v1/games/slots/spins"
	for i, z := range zones {
		if slices.Contains(z.Routes, spins) {
			zones[i].Routes = append(slices.Clip(z.Routes), "POST /spin")
		}
	}
}

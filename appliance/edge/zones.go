package edge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Limit says how many requests a client may send: Burst at once, and then Events in each Per.
type Limit struct {
	Events int // 0: no limit
	Per    time.Duration
	Burst  int
}

// Off says whether there is no limit.
func (l Limit) Off() bool { return l.Events <= 0 || l.Per <= 0 }

// Zone is a limit and the requests that it counts. A request counts in one zone only: the one that names its route,
// else the one that names none.
type Zone struct {
	Limit
	Name string // stable: metrics use it as a label
	// PerAccount says whether the zone also counts by account, once the client has said who it is.
	PerAccount bool
	// PerAddress is the limit by address, where the clients of one address may do more together than an account; nil: Limit.
	PerAddress *Limit
	// Routes are exact methods and paths ("POST /api/v1/sessions"). None: every request that no other zone names.
	Routes []string
	// Tries, if not nil, count every request. The zone itself then counts only those that the handler does not refuse
	// (4xx): a typing error in a sign-up locks nobody out of it.
	Tries *Zone
}

// ZoneLimits are the limits of the casino's zones.
type ZoneLimits struct {
	General Limit // requests that no other zone names
	SignIn  Limit // sign-ins, and tries to sign up: both find out who has an account
	SignUp  Limit // new accounts
	Slots   Limit // spins of the slot machine
}

// Zones are the casino's zones.
func Zones(l ZoneLimits) []Zone {
	tries := l.SignIn
	tries.Burst += l.SignUp.Burst // who may open that many accounts at once has tries for them, and for typing errors
	return []Zone{
		{Name: "general", Limit: l.General, PerAccount: true},
		{Name: "sign-in", Limit: l.SignIn, Routes: []string{"POST /api/v1/sessions", "POST /api/v1/password-resets"}},
		{Name: "sign-up", Limit: l.SignUp, Routes: []string{"POST /api/v1/accounts"}, Tries: &Zone{Name: "sign-up-tries", Limit: tries}},
		{Name: "slots", Limit: l.Slots, PerAccount: true, PerAddress: &l.General, Routes: []string{"POST /api/v1/games/slots/spins"}},
	}
}

func (l Limit) perSecond() rate.Limit { return rate.Limit(float64(l.Events) / l.Per.Seconds()) }

// zone is a Zone in use.
type zone struct {
	name      string
	refused   string   // the route of refused requests in logs and metrics: "refused: sign-in"
	addresses *buckets // nil: not counted by address
	networks  *buckets // the /48 of IPv6 clients, at networkFactor times as much; nil as addresses
	accounts  *buckets // nil: not counted by account
	forgives  bool     // takes back requests that the handler refuses
	tries     *zone    // counts those too; nil: none
}

// zones are all zones, and find the one of a request.
type zones struct {
	byPath map[string]map[string]*zone // path → method → zone
	rest   *zone                       // nil: other requests are not limited
	all    []*zone
	names  []string // including those that are off
}

// newZones makes zones. What clients have used of their limits before, they have used of these.
func newZones(configured []Zone, maxBuckets int, before *zones, now time.Time) (*zones, error) {
	zs := &zones{byPath: make(map[string]map[string]*zone)}
	for _, c := range configured {
		z, err := zs.add(c, maxBuckets, before.named(c.Name), now)
		if err != nil {
			return nil, err
		}
		if c.Tries != nil {
			tries, err := zs.add(*c.Tries, maxBuckets, before.named(c.Tries.Name), now)
			if err != nil {
				return nil, err
			}
			if z == nil {
				z = tries
			} else {
				z.forgives, z.tries = true, tries
			}
		}
		if len(c.Routes) == 0 {
			if zs.rest != nil {
				return nil, fmt.Errorf("edge: zone %s names no route, and another zone already covers the rest", c.Name)
			}
			zs.rest = z
		}
		for _, route := range c.Routes {
			method, path, ok := strings.Cut(route, " ")
			if !ok || method == "" || !strings.HasPrefix(path, "/") {
				return nil, fmt.Errorf("edge: zone %s: %q is not a route such as \"POST /api/v1/sessions\"", c.Name, route)
			}
			if zs.byPath[path] == nil {
				zs.byPath[path] = make(map[string]*zone)
			}
			if _, twice := zs.byPath[path][method]; twice {
				return nil, fmt.Errorf("edge: %s is in two zones", route)
			}
			zs.byPath[path][method] = z
		}
	}
	return zs, nil
}

// add makes a zone; nil if it is off. Its routes then count in no zone at all.
func (zs *zones) add(c Zone, maxBuckets int, before *zone, now time.Time) (*zone, error) {
	if c.Name == "" || slices.Contains(zs.names, c.Name) {
		return nil, fmt.Errorf("edge: zone %q has no name, or another zone's name", c.Name)
	}
	zs.names = append(zs.names, c.Name)
	if c.Off() {
		return nil, nil
	}
	if c.Burst < 1 {
		return nil, fmt.Errorf("edge: zone %s needs a burst of at least 1, not %d", c.Name, c.Burst)
	}
	z := &zone{name: c.Name, refused: "refused: " + c.Name}
	address := c.Limit
	if c.PerAddress != nil {
		address = *c.PerAddress
	}
	if !address.Off() {
		z.addresses = before.addresses.changed(address, 1, maxBuckets, now)
		z.networks = before.networks.changed(address, networkFactor, maxBuckets, now)
	}
	if c.PerAccount {
		z.accounts = before.accounts.changed(c.Limit, 1, maxBuckets, now)
	}
	zs.all = append(zs.all, z)
	return z, nil
}

// of is the zone that counts a request; nil: none.
func (zs *zones) of(r *http.Request) *zone {
	if methods, ok := zs.byPath[r.URL.Path]; ok {
		if z, ok := methods[r.Method]; ok {
			return z
		}
	}
	return zs.rest
}

// forAccounts is the zone that counts requests to a path by account; nil: none. The path of a zone that does not count
// accounts (signing in) has other methods for signed-in players. Those count with the rest.
func (zs *zones) forAccounts(path string) *zone {
	for _, z := range zs.byPath[path] {
		if z != nil && z.accounts != nil {
			return z
		}
	}
	if zs.rest != nil && zs.rest.accounts != nil {
		return zs.rest
	}
	return nil
}

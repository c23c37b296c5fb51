package edge

import (
	"log/slog"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// Settings are what may change while an Edge serves.
type Settings struct {
	// MaxConnections is for all clients together, MaxConnectionsPerAddress for each; 0: no limit. See Listener.
	MaxConnections, MaxConnectionsPerAddress int
	// Zones are the limits on requests; none: no limits.
	Zones []Zone
	// CORSOrigins are the origins (https://pages.example) whose pages may call the API.
	CORSOrigins []string
	// Older are the routes of the older front ends.
	Older Older
	// AccessLog gets one record per request; nil: no log. It is called from many goroutines and must not block, so let it
	// write to a LogBuffer.
	AccessLog slog.Handler
}

// Older are routes that pages of their own origins may call, too; see package legacy. Their errors have the older form.
type Older struct {
	Paths, Origins []string
}

// settings are Settings in use. They are never changed, only replaced: a request sees one of them from its beginning to its end.
type settings struct {
	Settings
	origins origins
	older   map[string]bool // the older routes
	guests  origins         // of the older routes
	zones   *zones
}

// originsOf are those whose pages may call a path.
func (s *settings) originsOf(path string) *origins {
	if s.older[path] {
		return &s.guests
	}
	return &s.origins
}

// Change makes settings those in force. Requests that have begun keep the ones from before. Caps on connections hold for new
// connections: none is closed only because a cap is lower. What clients have used of a limit is taken over into the new limit of
// the same zone. If the settings make no sense, nothing changes. It is safe for concurrent use.
func (e *Edge) Change(s Settings) error {
	if err := s.validate(e.options.MaxBuckets); err != nil {
		return err
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	var before *zones
	if old := e.settings.Load(); old != nil {
		before = old.zones
	}
	zs, err := newZones(s.Zones, e.options.MaxBuckets, before, e.now())
	if err != nil {
		return err
	}
	older := make(map[string]bool)
	for _, path := range s.Older.Paths {
		older[path] = true
	}
	e.settings.Store(&settings{
		Settings: s, origins: newOrigins(s.CORSOrigins), older: older, guests: newOrigins(slices.Concat(s.CORSOrigins, s.Older.Origins)), zones: zs,
	})
	return nil
}

// named finds a zone of this name; an empty zone if there is none.
func (zs *zones) named(name string) *zone {
	if zs != nil {
		for _, z := range zs.all {
			if z.name == name {
				return z
			}
		}
	}
	return &zone{}
}

// changed returns the buckets for a new limit. Clients keep in them what they have used of the old one. A limit that is the same
// keeps its table, and thus the exact fill.
func (b *buckets) changed(limit Limit, factor, most int, now time.Time) *buckets {
	fresh := newBuckets(rate.Limit(factor)*limit.perSecond(), factor*limit.Burst, most)
	if b == nil {
		return fresh
	}
	if b.limit == fresh.limit && b.burst == fresh.burst {
		return b
	}
	fresh.seed = b.seed // the same clients in the same shards
	for i := range b.shards {
		fresh.shards[i].takeOver(&b.shards[i], b, fresh, now)
	}
	return fresh
}

// takeOver fills an empty shard with the clients of another one, in order of use. Each uses up as much as it had used there.
func (s *shard) takeOver(old *shard, from, to *buckets, now time.Time) {
	old.mu.Lock()
	defer old.mu.Unlock()
	for i := old.oldest; i >= 0; i = old.entries[i].newer {
		used := int(math.Ceil(float64(from.burst) - old.entries[i].limiter.TokensAt(now)))
		if used <= 0 {
			continue // as good as a client that never came
		}
		at := s.place(now, float64(to.burst))
		s.entries[at].key, s.entries[at].limiter = old.entries[i].key, rate.NewLimiter(to.limit, to.burst)
		s.entries[at].limiter.AllowN(now, min(used, to.burst))
		s.index[old.entries[i].key] = at
	}
}

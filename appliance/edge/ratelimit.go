package edge

import (
	"context"
	"math"
	"strconv"
	"time"
)

// The headers of limited routes. RateLimit-Limit is the burst; RateLimit-Reset is in how many seconds that many
// requests may come at once again; Retry-After is in how many seconds the next one may.
const (
	headerLimit      = "Ratelimit-Limit"
	headerRemaining  = "Ratelimit-Remaining"
	headerReset      = "Ratelimit-Reset"
	headerRetryAfter = "Retry-After"
)

// decision is what a bucket said.
type decision struct {
	allowed    bool
	limit      int
	remaining  int
	reset      int // seconds until the bucket is full
	retryAfter int // seconds until a request is allowed, at least 1; 0 if this one was
}

func (b *buckets) decide(key bucketKey, now time.Time) decision {
	allowed, tokens := b.take(key, now)
	d := decision{
		allowed:   allowed,
		limit:     b.burst,
		remaining: max(0, int(tokens)),
		reset:     seconds((float64(b.burst) - tokens) / float64(b.limit)),
	}
	if !allowed {
		d.remaining = 0
		d.retryAfter = max(1, seconds((1-tokens)/float64(b.limit)))
	}
	return d
}

// seconds rounds up: a client that waits as long as it was told is let in.
func seconds(s float64) int {
	return int(min(math.Ceil(s), math.MaxInt32))
}

// limitAddress counts the request for its client's address, and says whether it may go on.
func (x *exchange) limitAddress(z *zone) bool {
	x.zone = z
	d := z.addresses.decide(clientKey(x.address), x.edge.now())
	return x.limited(d, z.name, "address")
}

// limited reports a decision and writes it into the answer's headers, unless they already tell of a stricter limit.
func (x *exchange) limited(d decision, zone, by string) bool {
	x.edge.observer.LimitDecision(zone, by, d.allowed)
	if x.limitShown && d.allowed && d.remaining >= x.remaining {
		return true
	}
	x.limitShown, x.remaining = true, d.remaining
	h := x.w.Header()
	x.limitValues = [3]string{strconv.Itoa(d.limit), strconv.Itoa(d.remaining), strconv.Itoa(d.reset)}
	h[headerLimit] = x.limitValues[0:1:1]
	h[headerRemaining] = x.limitValues[1:2:2]
	h[headerReset] = x.limitValues[2:3:3]
	if !d.allowed {
		h[headerRetryAfter] = []string{strconv.Itoa(d.retryAfter)}
	}
	return d.allowed
}

// AllowAccount counts the request of ctx for the account that sent it, in the zone of its route. When it says no, the
// handler answers 429 rate_limited and does nothing else; the limit's headers, with Retry-After, are already set, and
// retryAfter is the same for the answer's body. It is called at most once a request, by its handler, before the
// handler writes; in a context that is no request of an Edge, everything is allowed.
func AllowAccount(ctx context.Context, account string) (retryAfter time.Duration, ok bool) {
	x := exchangeOf(ctx)
	if x == nil || x.zone == nil || x.zone.accounts == nil {
		return 0, true
	}
	table := x.zone.accounts
	d := table.decide(table.accountKey(account), x.edge.now())
	if x.limited(d, x.zone.name, "account") {
		return 0, true
	}
	return time.Duration(d.retryAfter) * time.Second, false
}

// Buckets calls f for each table of token buckets with the number of clients that it remembers, for metrics.
func (e *Edge) Buckets(f func(zone, by string, clients int)) {
	for _, z := range e.zones.all {
		f(z.name, "address", z.addresses.len())
		if z.accounts != nil {
			f(z.name, "account", z.accounts.len())
		}
	}
}

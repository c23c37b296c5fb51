package edge

import (
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"
	"time"
)

// The headers of limited routes. RateLimit-Limit is the burst. RateLimit-Reset is the number of seconds until the whole
// burst is available again, Retry-After the number of seconds until the next request is allowed.
const (
	headerLimit      = "Ratelimit-Limit"
	headerRemaining  = "Ratelimit-Remaining"
	headerReset      = "Ratelimit-Reset"
	headerRetryAfter = "Retry-After"
)

// crowdedRetryAfter is when an address at its cap may try again: as soon as one of its requests is done.
var crowdedRetryAfter = []string{"5"}

// decision is a bucket's answer.
type decision struct {
	allowed    bool
	limit      int
	remaining  int
	reset      int // seconds until the bucket is full
	retryAfter int // seconds until a request is allowed, at least 1; 0 if this one is
}

func (b *buckets) decide(key bucketKey, now time.Time, n int) decision {
	allowed, tokens := b.take(key, now, n)
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

// seconds rounds up, so that a client that waits that long is let in.
func seconds(s float64) int {
	return int(min(math.Ceil(s), math.MaxInt32))
}

// limitAddress counts the request for the client's address, and says whether it is allowed.
func (x *exchange) limitAddress(z *zone) bool {
	if z.tries != nil && !x.limitAddress(z.tries) {
		return false
	}
	if z.addresses == nil {
		return true
	}
	d := x.count(z, 1)
	x.edge.observer.LimitDecision(z.name, "address", d.allowed)
	if !d.allowed {
		x.route = z.refused
	} else if z.forgives {
		x.forgiving = z
	}
	return d.allowed
}

// forgive takes a refused request back from a zone that counts only successful ones. The headers then show the limit on
// tries. A 5xx counts, since the request may have been done.
func (x *exchange) forgive(status int) {
	z := x.forgiving
	x.forgiving = nil
	if z == nil || status < 400 || status >= 500 {
		return
	}
	x.count(z, -1)
	if z.tries != nil {
		x.count(z.tries, 0)
	}
}

// count counts the request n times, and writes what is left into the answer's headers.
func (x *exchange) count(z *zone, n int) decision {
	now := x.edge.now()
	d := z.addresses.decide(clientKey(x.address), now, n)
	if network, ok := networkKey(x.address); ok && d.allowed {
		wide := z.networks.decide(network, now, n)
		if !wide.allowed {
			z.addresses.take(clientKey(x.address), now, -n)
		}
		if !wide.allowed || wide.remaining < d.remaining {
			d = wide
		}
	}
	x.limitValues = [3]string{strconv.Itoa(d.limit), strconv.Itoa(d.remaining), strconv.Itoa(d.reset)}
	d.show(x.w.Header(), &x.limitValues)
	return d
}

// show writes a decision into the answer's headers. values backs them.
func (d decision) show(h http.Header, values *[3]string) {
	h[headerLimit] = values[0:1:1]
	h[headerRemaining] = values[1:2:2]
	h[headerReset] = values[2:3:3]
	if !d.allowed {
		h[headerRetryAfter] = []string{strconv.Itoa(d.retryAfter)}
	}
}

// AdmitAccount counts a request, whose context is given, for the account that sent it. Its address was counted before. route is the path of its
// route. If ok is false, the handler must answer 429 rate_limited and do nothing else: h, the answer's headers, has
// Retry-After, and wait is the same for the body. If ok is true, h shows the stricter of the two limits.
func (e *Edge) AdmitAccount(ctx context.Context, h http.Header, route string, account uint64) (wait time.Duration, ok bool) {
	s := e.settings.Load()
	if x := exchangeOf(ctx); x != nil {
		s = x.settings
	}
	z := s.zones.forAccounts(route)
	if z == nil {
		return 0, true
	}
	var key bucketKey
	binary.LittleEndian.PutUint64(key[:], account)
	d := z.accounts.decide(key, e.now(), 1)
	e.observer.LimitDecision(z.name, "account", d.allowed)
	if shown := h[headerRemaining]; d.allowed && len(shown) == 1 {
		if remaining, err := strconv.Atoi(shown[0]); err == nil && remaining <= d.remaining {
			return 0, true
		}
	}
	d.show(h, &[3]string{strconv.Itoa(d.limit), strconv.Itoa(d.remaining), strconv.Itoa(d.reset)})
	return time.Duration(d.retryAfter) * time.Second, d.allowed
}

// Buckets calls f for each table of token buckets, with the number of clients in it, for metrics.
func (e *Edge) Buckets(f func(zone, by string, clients int)) {
	for _, z := range e.settings.Load().zones.all {
		if z.addresses != nil {
			f(z.name, "address", z.addresses.len())
			f(z.name, "network", z.networks.len())
		}
		if z.accounts != nil {
			f(z.name, "account", z.accounts.len())
		}
	}
}

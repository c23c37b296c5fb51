package edge

import (
	"encoding/binary"
	"math"
	"net/http"
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
	d := z.addresses.decide(clientKey(x.address), x.edge.now())
	x.edge.observer.LimitDecision(z.name, "address", d.allowed)
	x.limitValues = [3]string{strconv.Itoa(d.limit), strconv.Itoa(d.remaining), strconv.Itoa(d.reset)}
	d.show(x.w.Header(), &x.limitValues)
	return d.allowed
}

// show writes a decision into the answer's headers, backed by values.
func (d decision) show(h http.Header, values *[3]string) {
	h[headerLimit] = values[0:1:1]
	h[headerRemaining] = values[1:2:2]
	h[headerReset] = values[2:3:3]
	if !d.allowed {
		h[headerRetryAfter] = []string{strconv.Itoa(d.retryAfter)}
	}
}

// AdmitAccount counts a request for the account that sent it, beside its address, which was counted before. route is
// the path of its route. When it says no, the handler answers 429 rate_limited and does nothing else; h, the answer's
// headers, then has the limit's with Retry-After, and wait is the same for its body. If it says yes, h tells of the
// stricter limit of the two.
func (e *Edge) AdmitAccount(h http.Header, route string, account uint64) (wait time.Duration, ok bool) {
	z := e.zones.forAccounts(route)
	if z == nil {
		return 0, true
	}
	var key bucketKey
	binary.LittleEndian.PutUint64(key[:], account)
	d := z.accounts.decide(key, e.now())
	e.observer.LimitDecision(z.name, "account", d.allowed)
	if shown := h[headerRemaining]; d.allowed && len(shown) == 1 {
		if remaining, err := strconv.Atoi(shown[0]); err == nil && remaining <= d.remaining {
			return 0, true
		}
	}
	d.show(h, &[3]string{strconv.Itoa(d.limit), strconv.Itoa(d.remaining), strconv.Itoa(d.reset)})
	return time.Duration(d.retryAfter) * time.Second, d.allowed
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

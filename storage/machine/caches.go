package machine

// CacheBytes is about how much memory a machine may use for what it has read or can compute again: decoded wallets and
// seeds, sessions, and filters of used idempotency keys. What commands do depends on none of it. 0: UsualCacheBytes.
type CacheBytes int64

// UsualCacheBytes hold 107,000 wallets, as many seeds, 201,000 sessions, and the filters of 37 million used keys.
const UsualCacheBytes CacheBytes = 184 << 20

// What one entry takes, with its place in a map, in bytes.
const (
	cachedRecordBytes  = 280
	cachedSessionBytes = 120
)

// The shares, in 32nds: 5 for wallets, 5 for seeds, 4 for sessions, and 18 for filters.

func (b CacheBytes) records() int  { return max(1, int(b*5/32/cachedRecordBytes)) }
func (b CacheBytes) sessions() int { return max(1, int(b*4/32/cachedSessionBytes)) }
func (b CacheBytes) filters() int  { return int(b * 18 / 32) }

package machine

// CacheBytes is about how much memory a machine may use for what it has read or can compute again: decoded wallets and
// seeds, sessions, filters of used idempotency keys, and the newest commands. What commands do depends on none of it. 0: UsualCacheBytes.
type CacheBytes int64

// UsualCacheBytes hold 107,000 wallets, as many seeds, 201,000 sessions, the filters of 35 million used keys, and the commands
// of 65,536 events.
const UsualCacheBytes CacheBytes = 184 << 20

// What one entry takes, with its place in a map, in bytes.
const (
	cachedRecordBytes  = 280
	cachedSessionBytes = 120
	attemptBytes       = 88
)

// The shares, in 32nds: 5 for wallets, 5 for seeds, 4 for sessions, 17 for filters, and 1 for commands.

func (b CacheBytes) records() int  { return max(1, int(b*5/32/cachedRecordBytes)) }
func (b CacheBytes) sessions() int { return max(1, int(b*4/32/cachedSessionBytes)) }
func (b CacheBytes) filters() int  { return int(b * 17 / 32) }
func (b CacheBytes) attempts() int { return max(1, min(mostAttempts, int(b/32/attemptBytes))) }

// mostAttempts is how many events are worth it: a command that may have been proposed before was so within minutes.
const mostAttempts = 1 << 16

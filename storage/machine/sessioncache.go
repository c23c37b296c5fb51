package machine

import (
	"sync"

	"imperio/storage/command"
)

// sessionCache holds the sessions of recent requests, so that most requests need not read the state. Readers of the newest
// state fill it and the machine removes ended sessions; the two exclude each other, so an ended session is never in it.
type sessionCache struct {
	mu    sync.RWMutex
	known map[command.TokenHash]cachedSession
	most  int // sessions; a full cache starts over
}

// cachedSession is what a request needs to know of its session.
type cachedSession struct {
	id      command.SessionID
	account command.AccountID
	expires int64
	role    command.Role
	scopes  command.Scopes
}

func newSessionCache(most int) *sessionCache {
	return &sessionCache{known: make(map[command.TokenHash]cachedSession), most: most}
}

// CachedSession returns a cached session that has not ended. It is safe for concurrent use.
func (m *Machine) CachedSession(t command.TokenHash) (command.Session, bool) {
	return m.sessions.get(t)
}

// CacheSession caches a session that a reader has found. It must be called within that read.
func (m *Machine) CacheSession(t command.TokenHash, s command.Session) { m.sessions.put(t, s) }

func (c *sessionCache) get(t command.TokenHash) (command.Session, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.known[t]
	return command.Session{ID: s.id, Account: s.account, Role: s.role, Scopes: s.scopes, ExpiresAt: at(s.expires)}, ok
}

func (c *sessionCache) put(t command.TokenHash, s command.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= c.most {
		clear(c.known)
	}
	c.known[t] = cachedSession{s.ID, s.Account, s.ExpiresAt.UnixMilli(), s.Role, s.Scopes}
}

func (c *sessionCache) forget(t command.TokenHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, t)
}

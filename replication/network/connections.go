package network

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// keepAlive finds connections whose other end is gone without a word, within half a minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// maxOfMember bounds the connections that one member may open: those in use, and as many that it no longer knows of after
// it lost its power. maxJoining bounds those of nodes without a certificate.
const (
	maxOfMember = 128
	maxJoining  = 16
)

// connections are all connections of a network, those that it opened and those that it took.
type connections struct {
	mu     sync.Mutex // guards all below
	all    map[*conn]struct{}
	of     map[string]int // connections that a member has opened, "" for nodes that join
	closed bool
	taken  sync.WaitGroup // those that were taken and are not closed yet
}

// conn is a connection on which both ends have shown who they are. Package http does not recognize TLS in it, and so leaves
// the application protocol to us.
type conn struct {
	*tls.Conn
	peer     string // the other end's id; "" for a node that joins
	incoming bool
	idle     time.Duration // how long a read may wait; 0: only the user sets deadlines
	set      *connections
	once     sync.Once
}

func newConnections() *connections {
	return &connections{all: map[*conn]struct{}{}, of: map[string]int{}}
}

// add takes a connection into the set. It returns false, and does nothing, if the peer has too many or the set is closed.
func (s *connections) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := maxOfMember
	if c.peer == "" {
		limit = maxJoining
	}
	if s.closed || c.incoming && s.of[c.peer] >= limit {
		return false
	}
	c.set = s
	s.all[c] = struct{}{}
	if c.incoming {
		s.taken.Add(1)
		s.of[c.peer]++
	}
	return true
}

// Close closes the connection, and takes it out of the set.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.set.mu.Lock()
		defer c.set.mu.Unlock()
		delete(c.set.all, c)
		if c.incoming {
			if c.set.of[c.peer]--; c.set.of[c.peer] == 0 {
				delete(c.set.of, c.peer)
			}
			c.set.taken.Done()
		}
	})
	return c.Conn.Close()
}

func (c *conn) Read(b []byte) (int, error) {
	if c.idle > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *conn) Write(b []byte) (int, error) {
	if c.idle > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(streamAnswer)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// closeAll ends all connections, and those that are added later. Their users still have to close them.
func (s *connections) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.all {
		c.NetConn().Close()
	}
}

// closeFrom ends the connections that some members have opened.
func (s *connections) closeFrom(member func(id string) bool) {
	s.mu.Lock()
	ids := make([]string, 0, len(s.of))
	for id := range s.of {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		if id == "" || !member(id) { // asked without the lock
			continue
		}
		s.mu.Lock()
		for c := range s.all {
			if c.incoming && c.peer == id {
				c.NetConn().Close()
			}
		}
		s.mu.Unlock()
	}
}

// wait waits, after closeAll, until the users of the connections that were taken have closed them. Whoever opened a
// connection waits for it himself.
func (s *connections) wait() { s.taken.Wait() }

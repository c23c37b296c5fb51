package appliance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// silentTime is how long a connection of the operators may say nothing before a stop closes it. net/http alone waits 5 s.
const silentTime = 100 * time.Millisecond

// stopServing lets requests in flight finish for a bounded time. Then it closes their connections. Players' clients are first
// asked to use other connections; see edge.Drain. Their listeners stay open meanwhile, for clients that come again. When they close,
// the sockets stay open if a supervisor holds them, or if the next program gets them.
func (a *App) stopServing() {
	ctx, cancel := context.WithTimeout(context.Background(), a.config.Listen.ShutdownTimeout)
	defer cancel()
	told := a.tellClosing()
	defer told()
	a.edge.Drain(ctx)
	// A checkpoint now leaves little to write for the one at the end, when clients wait already.
	if _, err := a.dir.store.Checkpoint(ctx); err != nil {
		a.log.Debug("no checkpoint before the stop", "error", err) // the close says it if it matters
	}
	var players, operators, last []*server
	for _, s := range a.servers {
		switch {
		case s.last:
			last = append(last, s)
		case s.silent != nil:
			operators = append(operators, s)
		default:
			players = append(players, s)
		}
	}
	for _, s := range players {
		s.on.Close()
	}
	for _, s := range players {
		<-s.accepts // whatever it has accepted is known to the edge
	}
	a.log.Debug("accepting no more", "connections", a.edge.Connections())
	var owned group
	owned.run(a.api.Close) // live connections don't end by themselves
	owned.run(func() { a.edge.Finish(ctx) })
	for _, s := range operators {
		owned.run(func() { a.shutdown(ctx, s) })
	}
	owned.wait()
	for _, s := range append(players, last...) {
		owned.run(func() { a.shutdown(ctx, s) })
	}
	owned.wait()
}

// shutdown ends a server once its requests are answered, or ctx ends.
func (a *App) shutdown(ctx context.Context, s *server) {
	if s.silent != nil {
		timer := time.AfterFunc(silentTime, s.silent.close)
		defer timer.Stop()
	}
	if err := s.http.Shutdown(ctx); err != nil {
		a.log.Warn("closing connections that did not finish in time", "server", s.name)
		s.http.Close()
	}
}

// tellClosing tells the supervisor how many requests are left, until stop is called.
func (a *App) tellClosing() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var owned group
	owned.run(func() {
		tick := time.NewTicker(superviseEvery)
		defer tick.Stop()
		for {
			if n := a.edge.Requests(); n == 1 {
				a.supervisor.Status("closing: 1 request")
			} else {
				a.supervisor.Status(fmt.Sprintf("closing: %d requests", n))
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() { cancel(); owned.wait() }
}

// silent knows the connections of a server that have asked for nothing yet. It is safe for concurrent use.
type silent struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu
}

// silentConnections makes a server note them.
func silentConnections(s *http.Server) *silent {
	n := &silent{conns: make(map[net.Conn]struct{})}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if state == http.StateNew {
			n.conns[c] = struct{}{}
		} else {
			delete(n.conns, c)
		}
	}
	return n
}

func (n *silent) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
}

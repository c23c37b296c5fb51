package edge

import (
	"cmp"
	"slices"
	"sync"
)

// connectionCounts are the open connections of all listeners of an Edge. Only clients and networks with a connection are in
// the map, so its size is bounded by the total.
type connectionCounts struct {
	mu     sync.Mutex
	open   crowd               // all of them; guarded by mu
	groups map[bucketKey]crowd // by client, and by network; guarded by mu
}

type crowd map[*connection]struct{}

// room is whether there is room for a connection of an address.
type room int

const (
	roomy   room = iota
	crowded      // above the cap: it is answered with 429
	full         // far above the cap: it is closed at once
)

// enter counts a connection in the total; false if there is no room. From 95 % of the cap on, connections that have been
// idle longest give way, 1 % of the cap at a time: looking for them costs time.
func (e *Edge) enter(c *connection) bool {
	most := e.settings.Load().MaxConnections
	e.counts.mu.Lock()
	var out []*connection
	if most > 0 && len(e.counts.open) >= most-most/20 {
		out = e.makeRoom(e.counts.open, max(1, most/100, len(e.counts.open)-most+1)) // more if the cap has been lowered
	}
	enters := most <= 0 || len(e.counts.open) < most
	if enters {
		e.counts.open[c] = struct{}{}
	}
	e.counts.mu.Unlock()
	e.giveWay(out, "total")
	return enters
}

// join counts a connection for its client, and for the client's network. At a cap, an idle connection of the same client or
// network gives way.
func (e *Edge) join(c *connection) room {
	most := e.settings.Load().MaxConnectionsPerAddress
	if most <= 0 {
		return roomy // the cap has just been turned off
	}
	keys, caps := []bucketKey{clientKey(c.address)}, []int{most}
	if network, ok := networkKey(c.address); ok {
		keys, caps = append(keys, network), append(caps, networkFactor*most)
	}
	e.counts.mu.Lock()
	if c.left {
		e.counts.mu.Unlock()
		return roomy // it has been closed meanwhile
	}
	var out []*connection
	found := roomy
	for i, key := range keys {
		if len(e.counts.groups[key]) >= caps[i] {
			out = append(out, e.makeRoom(e.counts.groups[key], max(1, caps[i]/100, len(e.counts.groups[key])-caps[i]+1))...)
		}
		switch n := len(e.counts.groups[key]); {
		case n >= 2*caps[i]:
			found = full
		case n >= caps[i]:
			found = max(found, crowded)
		}
	}
	if found != full {
		for i, key := range keys {
			if e.counts.groups[key] == nil {
				e.counts.groups[key] = make(crowd)
			}
			e.counts.groups[key][c] = struct{}{}
			c.groups[i] = key
		}
		c.counted = len(keys)
	}
	e.counts.mu.Unlock()
	e.giveWay(out, "address")
	return found
}

// makeRoom takes the connections that have been idle longest, n at most, out of the counts. counts.mu is held.
func (e *Edge) makeRoom(from crowd, n int) (out []*connection) {
	type idler struct {
		c     *connection
		since int64
	}
	var idle []idler
	for c := range from {
		if !c.proxy && c.requests.Load() == 0 {
			idle = append(idle, idler{c, c.idleSince.Load()})
		}
	}
	slices.SortFunc(idle, func(a, b idler) int { return cmp.Compare(a.since, b.since) })
	for _, i := range idle {
		if len(out) == n {
			break
		}
		if i.c.requests.CompareAndSwap(0, gaveWay) { // else a request has just begun
			e.forget(i.c)
			out = append(out, i.c)
		}
	}
	return out
}

// giveWay closes connections that makeRoom took out. counts.mu is not held.
func (e *Edge) giveWay(out []*connection, reason string) {
	for _, c := range out {
		e.observer.ConnectionGaveWay(reason)
		e.observer.ConnectionClosed()
		c.abort()
	}
}

// leave takes a closed connection out of the counts, unless it has given way before.
func (e *Edge) leave(c *connection) {
	e.counts.mu.Lock()
	stayed := !c.left
	e.forget(c)
	e.counts.mu.Unlock()
	if stayed {
		e.observer.ConnectionClosed()
	}
}

// forget takes a connection out of the counts. counts.mu is held.
func (e *Edge) forget(c *connection) {
	c.left = true
	delete(e.counts.open, c)
	for _, key := range c.groups[:c.counted] {
		if delete(e.counts.groups[key], c); len(e.counts.groups[key]) == 0 {
			delete(e.counts.groups, key)
		}
	}
	c.counted = 0
}

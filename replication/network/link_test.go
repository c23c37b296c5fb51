package network_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication/network"
)

// link carries connections to a member, until it is cut.
type link struct {
	listener net.Listener
	cut      atomic.Bool // nothing arrives any more, either way
	end      context.CancelFunc
	ended    context.Context
	work     sync.WaitGroup
}

func newLink(t *testing.T, to *network.Network) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener}
	l.ended, l.end = context.WithCancel(context.Background())
	l.work.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.Addr().String())
			if err != nil {
				near.Close()
				continue
			}
			context.AfterFunc(l.ended, func() { near.Close(); far.Close() })
			l.work.Go(func() { l.carry(far, near) })
			l.work.Go(func() { l.carry(near, far) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.end()
		l.work.Wait()
	})
	return l
}

func (l *link) carry(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if l.cut.Load() {
			<-l.ended.Done()
			return
		}
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

func (l *link) address() string { return l.listener.Addr().String() }

func TestCall_EndsAtItsDeadlineWhenTheMemberVanishes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	l := newLink(t, b)
	if _, err := a.Call(within(t), "b", l.address(), "greet", nil); err != nil {
		t.Fatal(err)
	}
	l.cut.Store(true)
	call := func() error {
		ctx, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
		defer cancel()
		_, err := a.Call(ctx, "b", l.address(), "greet", nil)
		return err
	}
	if err := call(); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, network.ErrNotReached) {
		t.Errorf("over the connection that was open: %v", err)
	}
	if err := call(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("over a new connection: %v", err)
	} else {
		notReached(t, err, "")
	}
}

// A link that takes nothing must not hold raft up.
func TestRaft_AMessageToAMemberThatVanishedFails(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "casino-1")
	a, b := c.listenWithin(network.Options{Credentials: c.credentials("a", time.Now())}, patience, 500*time.Millisecond), c.member("b")
	l := newLink(t, b)
	pipeline, err := a.Transport().AppendEntriesPipeline("b", raft.ServerAddress(l.address()))
	if err != nil {
		t.Fatal(err)
	}
	defer pipeline.Close()
	l.cut.Store(true)
	entries := []*raft.Log{{Data: make([]byte, 24<<20)}}
	sent := make(chan error)
	go func() {
		_, err := pipeline.AppendEntries(&raft.AppendEntriesRequest{Entries: entries}, &raft.AppendEntriesResponse{})
		sent <- err
	}()
	select {
	case err := <-sent:
		if !contains(err, "i/o timeout") { // raft's codec wraps it by its text
			t.Errorf("a message that nobody takes: %v", err)
		}
	case <-time.After(patience):
		t.Error("raft still waits")
	}
}

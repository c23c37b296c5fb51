package network

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// slow is a connection on a link that takes streamPiece bytes in a time. It has no buffer.
type slow struct {
	net.Conn
	piece time.Duration
}

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(s.piece)
	return s.Conn.Read(b[:min(len(b), streamPiece)])
}

// Raft gives a message and its answer a fixed time. A large one takes longer on a slow link, and must arrive all the same.
func TestStream_ALargeMessageArrivesOverASlowLink(t *testing.T) {
	t.Parallel()
	const limit, pieces = 2 * time.Second, 30
	near, far := net.Pipe()
	quiet := slog.New(slog.DiscardHandler)
	receiver := &streams{queue: newQueue(advertised("b"))}
	to := newTransport(receiver, limit, quiet)
	defer to.Close()
	from := newTransport(&streams{newQueue(advertised("a")), func(raft.ServerAddress, time.Duration) (net.Conn, error) {
		return &stream{Conn: near, limit: limit}, nil
	}}, limit, quiet)
	defer from.Close()
	go receiver.give(slow{far, limit / 20}) // so the message takes one and a half times the limit

	pipeline, err := from.AppendEntriesPipeline("b", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer pipeline.Close()
	entries := []*raft.Log{{Data: make([]byte, pieces*streamPiece)}}
	failed := make(chan error, 1)
	go func() {
		if _, err := pipeline.AppendEntries(&raft.AppendEntriesRequest{Entries: entries}, &raft.AppendEntriesResponse{}); err != nil {
			failed <- err
		}
	}()
	var rpc raft.RPC
	select {
	case rpc = <-to.Consumer():
	case err := <-failed:
		t.Fatal(err)
	}
	if n := len(rpc.Command.(*raft.AppendEntriesRequest).Entries[0].Data); n != pieces*streamPiece {
		t.Errorf("%d bytes arrived", n)
	}
	rpc.Respond(&raft.AppendEntriesResponse{Success: true, LastLog: 7}, nil)
	if f := <-pipeline.Consumer(); f.Error() != nil || f.Response().LastLog != 7 {
		t.Errorf("%v, %v", f.Response(), f.Error())
	}
}

package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/time/rate"
)

// Options say how to listen. Listen and Credentials must be set.
type Options struct {
	// Listen is the address to listen on, host:port, and Advertise is where other members reach it, host:port. Default: where
	// it listens.
	Listen, Advertise string
	Credentials       *Credentials
	// Removed reports whether a member has been removed: it is refused, and its connections end within two seconds. It must
	// be quick, and is called from any goroutine. nil: nobody has been.
	Removed func(nodeID string) bool
	Logger  *slog.Logger     // nil: none
	Now     func() time.Time // this machine's clock, for certificates. Default time.Now
}

// Network is a member's port, and its connections to other members. It implements replication.Network.
type Network struct {
	credentials *Credentials
	removed     func(nodeID string) bool
	log         *slog.Logger
	now         func() time.Time

	limits    limits
	listener  net.Listener
	tls       *tls.Config // of the listener
	door      *door
	open      *connections
	streams   *streams   // raft's incoming connections
	requests  *queue     // all others
	transport *transport // raft's
	server    *http.Server
	client    *http.Transport

	answer  atomic.Pointer[callHandler] // nil until Handle
	admit   atomic.Pointer[joinHandler] // nil until HandleJoin
	refused *rate.Limiter               // requests to join that were refused
	told    *rate.Limiter               // log lines about connections that were refused

	life  context.Context // ends with Close
	end   context.CancelFunc
	work  sync.WaitGroup // goroutines, and connections of the server
	close func() error
}

// Listen opens the port and takes connections. Calls are refused until Handle, and requests to join until HandleJoin.
func Listen(o Options) (*Network, error) {
	return listen(o, limits{handshake: 5 * time.Second, stream: 3 * time.Second})
}

// limits are times that tests shorten.
type limits struct {
	handshake time.Duration // from accepting a connection to its greeting
	stream    time.Duration // for each of raft's messages and its answer; a large message has more, see stream
}

func listen(o Options, l limits) (*Network, error) {
	if o.Credentials == nil {
		return nil, errors.New("cluster port: no credentials")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Removed == nil {
		o.Removed = func(string) bool { return false }
	}
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	listener, err := config.Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("open the cluster port %s (--cluster-addr, --cluster-listen): %w", o.Listen, err)
	}
	if o.Advertise == "" {
		o.Advertise = listener.Addr().String()
	}
	n := &Network{
		credentials: o.Credentials, removed: o.Removed, log: o.Logger, now: o.Now, limits: l,
		listener: listener, door: newDoor(), open: newConnections(), requests: newQueue(listener.Addr()),
		refused: rate.NewLimiter(rate.Every(time.Second), 10),
		told:    rate.NewLimiter(rate.Every(10*time.Second), 10),
	}
	n.life, n.end = context.WithCancel(context.Background())
	n.streams = &streams{newQueue(advertised(o.Advertise)), n.dialStream}
	n.transport = newTransport(n.streams, l.stream, o.Logger)
	n.tls = n.serverTLS()
	n.server, n.client = n.newServer(), n.newClient()
	n.close = sync.OnceValue(n.shutDown)
	n.work.Go(n.accept)
	n.work.Go(n.dropRemoved)
	n.work.Go(func() {
		if err := n.server.Serve(n.requests); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the cluster port takes no more calls; restart the casino", "error", err)
		}
	})
	return n, nil
}

// Addr is the address that the port listens on.
func (n *Network) Addr() net.Addr { return n.listener.Addr() }

// Transport carries raft's own messages. Its address is Options.Advertise.
func (n *Network) Transport() raft.Transport { return n.transport }

// Close ends all connections and waits for the handlers. Raft's requests fail from then on. Closing again does nothing.
func (n *Network) Close() error { return n.close() }

func (n *Network) shutDown() error {
	n.end() // handshakes, and calls under way
	err := errors.Join(n.listener.Close(), n.transport.Close(), n.server.Close())
	n.open.closeAll()
	n.transport.CloseStreams()
	n.client.CloseIdleConnections()
	n.work.Wait()
	n.open.wait()
	if err != nil {
		return fmt.Errorf("close the cluster port: %w", err)
	}
	return nil
}

// dropRemoved ends connections of members that have been removed.
func (n *Network) dropRemoved() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-n.life.Done():
			return
		case <-tick.C:
			n.open.closeFrom(n.removed)
		}
	}
}

package bench

import (
	"crypto/tls"
	"time"
)

// Client says which HTTP client the players use, against the casino and the bare handler alike.
type Client string

const (
	// Lean is a client of bench's own, which takes as little of the machine as it can.
	Lean Client = "lean"
	// NetHTTP is Go's ordinary client, as programs use it and as most published figures are measured.
	NetHTTP Client = "net/http"
)

// target is a server to talk to.
type target struct {
	address string // host:port to dial
	host    string // for the Host header
	tls     *tls.Config
}

// requestTimeout bounds one exchange, connecting included.
const requestTimeout = 15 * time.Second

// maxBody bounds the answers that are read; pages of history are the largest.
const maxBody = 8 << 20

// connection is a kept-alive HTTP/1.1 connection that dials when it needs to. It is not safe for concurrent use.
type connection interface {
	// do sends a request and reads its whole answer. One with a body is sent only once. After an error the next exchange
	// dials anew: whether the server took the request is then not known.
	do(r *request) (response, error)
	// security is what the newest exchange's TLS agreed on; nil without TLS.
	security() *tls.ConnectionState
	close()
}

func newConnection(client Client, to target) connection {
	if client == NetHTTP {
		return newOrdinaryConnection(to)
	}
	return &leanConnection{target: to}
}

// request is one request. Fields that are empty are left out.
type request struct {
	method, path string
	token        string
	key          string // Idempotency-Key
	body         []byte // JSON
}

// response is an answer. Its body is valid until the next exchange on the connection.
type response struct {
	status     int
	body       []byte
	retryAfter time.Duration
}

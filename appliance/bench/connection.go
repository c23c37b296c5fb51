package bench

import (
	"crypto/tls"
	"time"
)

// Client is the players' HTTP client. They use the same one for the casino and the bare handler.
type Client string

const (
	// Lean is bench's own client, which uses as little processor time as possible.
	Lean Client = "lean"
	// NetHTTP is Go's own client, with which most published figures are measured.
	NetHTTP Client = "net/http"
)

// target is a server to talk to.
type target struct {
	address string // host:port to dial
	host    string // for the Host header
	tls     *tls.Config
}

// requestTimeout bounds one exchange, including connecting. It is long, since a repeated sign-up costs a busy casino a
// second password hash.
const requestTimeout = time.Minute

// maxBody bounds the size of answers. Pages of history are the largest.
const maxBody = 8 << 20

// connection is a kept-alive HTTP/1.1 connection that dials when it needs to. It is not safe for concurrent use.
type connection interface {
	// do sends a request and reads its whole answer. A request with a body is sent only once. After an error it is unknown
	// whether the server accepted the request, and the next exchange dials anew.
	do(r *request) (response, error)
	// security is the TLS state of the newest exchange; nil without TLS.
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

package edge

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"strings"
)

// Server makes an HTTP server for handler behind the edge, with every timeout and size bounded. Serve it on a Listener of
// the same Edge: s.Serve(e.Listener(tcp)), or s.ServeTLS(e.Listener(tcp), "", "") with s.TLSConfig set. It speaks
// HTTP/1.1 and, over TLS, HTTP/2.
func (e *Edge) Server(handler http.Handler) *http.Server {
	o := e.options
	s := &http.Server{
		Handler:                      e.Handler(handler),
		DisableGeneralOptionsHandler: true, // OPTIONS * gets the same headers as everything else
		ReadHeaderTimeout:            o.HeaderTimeout,
		IdleTimeout:                  o.IdleTimeout,
		WriteTimeout:                 o.WriteTimeout,
		// The server's own answer to a large header is bare. Up to twice the limit, admit gives a proper one.
		MaxHeaderBytes: 2 * o.MaxHeaderBytes,
		ConnContext:    withConnection,
		ErrorLog:       log.New(serverComplaints{o.Log}, "", 0),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100,
			MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			// HTTP/2 has no timeout for a header that drips in (CONTINUATION). Its client can't answer pings, so unanswered
			// pings end the connection, after 30 and 15 s. Shorter times would wake phones and fail on slow lines.
			SendPingTimeout:  5 * o.HeaderTimeout / 2,
			PingTimeout:      5 * o.HeaderTimeout / 4,
			WriteByteTimeout: o.WriteTimeout,
		},
	}
	if o.HeaderTimeout > 0 && o.BodyTimeout > 0 {
		s.ReadTimeout = o.HeaderTimeout + o.BodyTimeout
	}
	e.farewell(s)
	return s
}

// serverComplaints takes what http.Server logs. Nearly all of it is about clients that break off a handshake or don't
// speak HTTP, so it is logged at debug level.
type serverComplaints struct{ log *slog.Logger }

func (s serverComplaints) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	message := strings.TrimSpace(string(line))
	if strings.HasPrefix(message, "http: Accept error") {
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, "http server", "message", message)
	return len(line), nil
}

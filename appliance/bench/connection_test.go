package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// connectionTo returns a connection to a server with TLS, and the number of connections that the server has accepted.
func connectionTo(t *testing.T, client Client, handler http.HandlerFunc) (connection, *atomic.Int64) {
	t.Helper()
	var taken atomic.Int64
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			taken.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	options := optionsFor(server)
	to, err := newTarget(options.URL, options.TLS)
	if err != nil {
		t.Fatal(err)
	}
	conn := newConnection(client, to)
	t.Cleanup(conn.close)
	return conn, &taken
}

func TestConnection_IsKeptWhateverTheAnswer(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	withEachClient(t, func(t *testing.T, client Client) {
		conn, taken := connectionTo(t, client, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			switch r.URL.Path {
			case "/short":
				io.WriteString(w, "x")
			case "/chunked":
				io.WriteString(w, long)
			case "/nothing":
				w.WriteHeader(http.StatusNoContent)
			case "/redirect":
				http.Redirect(w, r, "/short", http.StatusFound)
			default:
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		for range 3 {
			for path, want := range map[string]struct{ status, length int }{
				"/short": {200, 1}, "/chunked": {200, len(long)}, "/nothing": {204, 0}, "/redirect": {302, 0}, "/refused": {429, 0},
			} {
				answer, err := conn.do(&request{method: "POST", path: path, body: []byte("{}")})
				if err != nil || answer.status != want.status || len(answer.body) != want.length || (answer.retryAfter > 0) != (want.status == 429) {
					t.Errorf("%s: status %d, %d bytes, again in %s: %v", path, answer.status, len(answer.body), answer.retryAfter, err)
				}
			}
		}
		if n := taken.Load(); n != 1 {
			t.Errorf("there were %d connections", n)
		}
		if state := conn.security(); state == nil || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("TLS agreed on %+v", state)
		}
	})
}

func TestConnection_DialsAnewAfterALostAnswerAndNeverSendsABetTwice(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		var bets atomic.Int64
		conn, taken := connectionTo(t, client, func(w http.ResponseWriter, r *http.Request) {
			if bets.Add(1) == 2 {
				panic(http.ErrAbortHandler)
			}
		})
		bet := &request{method: "POST", path: "/", key: "a key", body: []byte("{}")}
		for i, lost := range []bool{false, true, false} {
			if _, err := conn.do(bet); (err != nil) != lost {
				t.Errorf("bet %d: %v", i+1, err)
			}
		}
		if bets.Load() != 3 || taken.Load() != 2 {
			t.Errorf("%d bets by %d connections", bets.Load(), taken.Load())
		}
	})
}

// Ratios of the two clients are comparable only if both send the same requests.
func TestConnection_BothClientsSendTheSame(t *testing.T) {
	bet := &request{method: "POST", path: "/spins?a=b%20c", token: "a token", key: "a key", body: []byte(`{"stake":2}`)}
	for _, r := range []*request{bet, {method: "GET", path: "/me", token: "a token"}} {
		var seen []string
		for _, client := range []Client{Lean, NetHTTP} {
			conn, _ := connectionTo(t, client, func(w http.ResponseWriter, r *http.Request) {
				var header bytes.Buffer
				r.Header.Write(&header)
				body, err := io.ReadAll(r.Body)
				seen = append(seen, fmt.Sprintf("%s %s %s, length %d\n%s%s%v", r.Method, r.RequestURI, r.Proto, r.ContentLength, header.String(), body, err))
			})
			if _, err := conn.do(r); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 2 || seen[0] != seen[1] {
			t.Errorf("lean and net/http sent: %q", seen)
		}
	}
}

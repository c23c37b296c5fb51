package edge

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// deadlines is a connection that remembers the deadlines that its server has set.
type deadlines struct {
	net.Conn
	mu          sync.Mutex
	read, write time.Time // guarded by mu
	some        bool      // whether any was ever set; guarded by mu
}

func (d *deadlines) note(read, write *time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for deadline, given := range map[*time.Time]*time.Time{&d.read: read, &d.write: write} {
		if given != nil {
			*deadline = *given
			d.some = d.some || !given.IsZero()
		}
	}
}

func (d *deadlines) SetDeadline(t time.Time) error { d.note(&t, &t); return d.Conn.SetDeadline(t) }
func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.note(&t, nil)
	return d.Conn.SetReadDeadline(t)
}
func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.note(nil, &t)
	return d.Conn.SetWriteDeadline(t)
}

// lifted says whether deadlines were set, and all are cleared.
func (d *deadlines) lifted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.some && d.read.IsZero() && d.write.IsZero()
}

// remembering is a listener whose latest connection can be asked for its deadlines.
type remembering struct {
	net.Listener
	accepted chan *deadlines
}

func (r remembering) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	d := &deadlines{Conn: c}
	r.accepted <- d
	return d, nil
}

// A WebSocket passes messages of any size, keeps no timeout of a request, and frees its place.
func TestWebSocket_PassesUnharmed(t *testing.T) {
	for _, over := range []string{"http", "https"} {
		accepted := make(chan *deadlines, 8)
		h := openTuned(t, over, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			NoteRoute(r.Context(), "/api/v1/live")
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for {
				kind, message, err := c.Read(r.Context())
				if err != nil {
					return
				}
				if err := c.Write(r.Context(), kind, message); err != nil {
					return
				}
			}
		}), nil, nil, func(l net.Listener) net.Listener { return remembering{l, accepted} })
		client := *h.client
		if over == "https" {
			transport := client.Transport.(*http.Transport).Clone()
			transport.ForceAttemptHTTP2 = false
			transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
			client.Transport = transport
		}
		c, answer, err := websocket.Dial(t.Context(), h.url+"/api/v1/live", &websocket.DialOptions{
			HTTPClient: &client, HTTPHeader: http.Header{"Origin": {h.url}, "Accept-Encoding": {"gzip"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != 101 || answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Content-Encoding") != "" {
			t.Errorf("%d %v", answer.StatusCode, answer.Header)
		}
		for _, size := range []int{1, 10_000} {
			sent := strings.Repeat("x", size)
			if err := c.Write(t.Context(), websocket.MessageText, []byte(sent)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != sent {
				t.Fatalf("%v", err)
			}
		}
		if server := <-accepted; !server.lifted() {
			t.Errorf("%s: deadlines of the connection: some were set %t, now read %s, write %s", over, server.some, server.read, server.write)
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
		eventually(t, "the end is logged", func() bool { return strings.Contains(h.access.String(), `"route":"/api/v1/live","status":101`) })
		eventually(t, "its place is free", func() bool { n := 0; h.seen.read(func() { n = h.seen.open }); return n == 0 })
	}
}

package certs_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"imperio/tls/certs"
)

// pebble is Pebble, Let's Encrypt's small ACME server, running in this process. It really validates: it resolves the name with
// our DNS server, connects to the address, and checks the answer to its challenge.
type pebble struct {
	server *httptest.Server
	ca     *ca.CAImpl
	orders atomic.Int64 // orders placed
	down   atomic.Bool  // true: it answers 503 to everything
}

// pebbleOptions configure a pebble.
type pebbleOptions struct {
	httpAddr, tlsAddr string            // where it sends challenges; empty: where nothing listens
	validity          uint64            // seconds of a certificate's life; 0: 90 days
	eab               map[string]string // external accounts: key id → key. If there are any, one is required
	ocsp              string            // URL of the OCSP responder
}

func startPebble(t *testing.T, options pebbleOptions) *pebble {
	t.Helper()
	if testing.Short() {
		t.Skip("has certificates issued by an ACME server, which takes a second or more")
	}
	// Pebble is configured through the environment, and sleeps between validations by default.
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // each order is validated anew
	t.Setenv("PEBBLE_VA_ALWAYS_VALID", "0")
	logger := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	for id, key := range options.eab {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	authority := ca.New(logger, store, options.ocsp, "rsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: options.validity}})
	validator := va.New(logger, portOf(options.httpAddr), portOf(options.tlsAddr), false, startDNS(t), store)
	front := wfe.New(logger, store, validator, authority, []string{"pebble.test"}, false, len(options.eab) > 0, 1, 1)
	handler := front.Handler()

	p := &pebble{ca: authority}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			p.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = logger
	t.Cleanup(p.server.Close)
	return p
}

// client returns the options that use this server.
func (p *pebble) client() certs.ACME {
	return certs.ACME{Directory: p.server.URL + wfe.DirectoryPath, Roots: pemOf(p.server.Certificate().Raw)}
}

// roots is what a browser would have to trust.
func (p *pebble) roots() []byte { return pemOf(p.ca.GetRootCert(0).DER) }

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// portOf returns the port of an address; of no address, one that nothing listens on.
func portOf(addr string) int {
	if addr == "" {
		return 1
	}
	_, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	return port
}

// startDNS starts a name server that resolves every name to 127.0.0.1, and returns its address.
func startDNS(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, request *dns.Msg) {
		answer := new(dns.Msg).SetReply(request)
		if q := request.Question[0]; q.Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			})
		}
		w.WriteMsg(answer)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		ln.Close()
		server.Shutdown()
		<-done
	})
	return ln.Addr().String()
}

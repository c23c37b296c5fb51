// Package certstest has an ACME server for tests.
package certstest

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
)

// Pebble is Let's Encrypt's small ACME server, running in this process. It really validates: it resolves the name with
// our DNS server, connects to the address, and checks the answer to its challenge.
type Pebble struct {
	Server *httptest.Server
	CA     *ca.CAImpl
	Orders atomic.Int64 // orders placed
	Down   atomic.Bool  // true: it answers 503 to everything
}

// PebbleOptions configure a Pebble.
type PebbleOptions struct {
	HTTPAddr, TLSAddr string            // where it sends challenges; empty: where nothing listens
	Validity          uint64            // seconds of a certificate's life; 0: 90 days
	EAB               map[string]string // external accounts: key id → key. If there are any, one is required
	OCSP              string            // URL of the OCSP responder
}

// StartPebble starts a Pebble, which ends with the test. It sets environment variables, so the test can't be parallel.
func StartPebble(t *testing.T, options PebbleOptions) *Pebble {
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
	for id, key := range options.EAB {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	authority := ca.New(logger, store, options.OCSP, "rsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: options.Validity}})
	validator := va.New(logger, portOf(options.HTTPAddr), portOf(options.TLSAddr), false, startDNS(t), store)
	front := wfe.New(logger, store, validator, authority, []string{"pebble.test"}, false, len(options.EAB) > 0, 1, 1)
	handler := front.Handler()

	p := &Pebble{CA: authority}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Down.Load() {
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			p.Orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	p.Server.Config.ErrorLog = logger
	t.Cleanup(p.Server.Close)
	return p
}

// Directory is the URL of the server's directory.
func (p *Pebble) Directory() string { return p.Server.URL + wfe.DirectoryPath }

// Trust is the certificate in PEM that a client of the directory has to trust.
func (p *Pebble) Trust() []byte { return PEM(p.Server.Certificate().Raw) }

// Roots is what a browser would have to trust.
func (p *Pebble) Roots() []byte { return PEM(p.CA.GetRootCert(0).DER) }

// PEM is a certificate in PEM.
func PEM(der []byte) []byte {
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

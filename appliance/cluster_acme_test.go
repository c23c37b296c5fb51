package appliance

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"imperio/appliance/config"
	"imperio/tls/certs/certstest"
)

// balancer is a load balancer: it hands each connection to the next of several addresses.
type balancer struct {
	net.Listener
	to   []string
	next atomic.Uint64
	open chan struct{} // connections wait until it is closed
	work sync.WaitGroup
	life context.Context // ends the connections
}

func startBalancer(t *testing.T, to ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.Background())
	b := &balancer{Listener: l, to: to, open: make(chan struct{}), life: life}
	b.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.work.Go(func() { b.carry(c) })
		}
	})
	t.Cleanup(func() { l.Close(); end(); b.work.Wait() })
	return b
}

func (b *balancer) carry(c net.Conn) {
	defer c.Close()
	select {
	case <-b.open:
	case <-b.life.Done():
		return
	}
	backend, err := net.Dial("tcp", b.to[b.next.Add(1)%uint64(len(b.to))])
	if err != nil {
		return // as a load balancer does whose backend is down
	}
	defer backend.Close()
	defer context.AfterFunc(b.life, func() { c.Close(); backend.Close() })()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(backend, c); backend.(*net.TCPConn).CloseWrite() })
	io.Copy(c, backend)
	c.Close()
	both.Wait()
}

// All members serve one certificate. The challenges of the issuer reach any of them.
func TestClusterACME_OneCertificateForAllMembers(t *testing.T) {
	const domain = "casino.cluster.test"
	plain, secure := make([]string, 3), make([]string, 3)
	for i := range plain {
		plain[i], secure[i] = freeAddress(t), freeAddress(t)
	}
	front, secureFront := startBalancer(t, plain...), startBalancer(t, secure...)
	close(front.open)
	close(secureFront.open)
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0") // else it asks for some orders twice
	p := certstest.StartPebble(t, certstest.PebbleOptions{HTTPAddr: front.Addr().String(), TLSAddr: secureFront.Addr().String()})
	// The issuer answers once all members are there to answer its challenges: it sends several at a time.
	issuer, err := url.Parse(p.Directory())
	if err != nil {
		t.Fatal(err)
	}
	gate := startBalancer(t, issuer.Host)
	issuer.Host = gate.Addr().String()
	roots := fileWith(t, "roots.pem", p.Trust())
	var all []*memberHouse
	for i := range plain {
		m := newMember(t, func(c *config.Config) {
			c.Listen.Domains, c.Listen.HTTPAddr, c.Listen.HTTPSAddr = []string{domain}, plain[i], secure[i]
			c.TLS.Mode, c.TLS.ACMEDirectory, c.TLS.ACMERootFile = config.TLSACME, issuer.String(), roots
		})
		if len(all) > 0 {
			m.joins(all[0])
		}
		m.open()
		all = append(all, m)
	}
	close(gate.open)
	serials := make(map[string]bool)
	for _, m := range all {
		serial := ""
		eventually(t, "a certificate of "+m.id, func() (any, bool) {
			c, err := tls.Dial("tcp", m.config.Listen.HTTPSAddr, &tls.Config{ServerName: domain, InsecureSkipVerify: true})
			if err == nil {
				serial = c.ConnectionState().PeerCertificates[0].SerialNumber.String()
				c.Close()
			}
			return err, err == nil
		})
		serials[serial] = true
	}
	if orders := p.Orders.Load(); len(serials) != 1 || orders != 1 {
		t.Errorf("%d certificates by %d orders, and one was to serve all members", len(serials), orders)
	}
}

// fileWith writes a file that ends with the test, and returns its path.
func fileWith(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

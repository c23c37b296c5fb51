package appliance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"imperio/appliance/cluster"
	"imperio/appliance/control"
	"imperio/replication/network"
)

// certificate reads the certificate in the member's file.
func (m *memberHouse) certificate() (*cluster.File, tls.Certificate) {
	m.t.Helper()
	f, err := cluster.ReadFile(m.config.Data.Dir)
	if err != nil {
		m.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(f.Certificate), []byte(f.Key))
	if err != nil {
		m.t.Fatal(err)
	}
	return f, pair
}

// ages gives a stopped member a certificate that it has to renew at a moment.
func (m *memberHouse) ages(authority *network.Authority, due time.Time) []byte {
	m.t.Helper()
	f, _ := m.certificate()
	issue := func(at time.Time) time.Time {
		key, err := network.NewKey()
		if err != nil {
			m.t.Fatal(err)
		}
		csr, err := network.NewRequest(key)
		if err != nil {
			m.t.Fatal(err)
		}
		certificate, err := authority.Sign(csr, m.id, at)
		if err != nil {
			m.t.Fatal(err)
		}
		f.Key, f.Certificate = string(key), string(certificate)
		c, err := f.Credentials()
		if err != nil {
			m.t.Fatal(err)
		}
		return c.Renew()
	}
	issue(due.Add(due.Sub(issue(due)))) // the first one says how long one lasts
	if err := f.Write(m.config.Data.Dir); err != nil {
		m.t.Fatal(err)
	}
	_, pair := m.certificate()
	return pair.Certificate[0]
}

// shows is the certificate that a member shows to a new connection.
func (m *memberHouse) shows() []byte {
	m.t.Helper()
	c, err := tls.Dial("tcp", m.config.Cluster.Address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"imperio-call/1"}})
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Raw
}

// Members whose certificates are half over renew them. Nobody who plays notices, and no connection is lost: the leader stays.
func TestCluster_CertificatesAreRenewedWhilePlayersBet(t *testing.T) {
	t.Parallel()
	all := threeMembers(t)
	authority, err := cluster.AuthorityIn(all[0].app.dir.store, all[0].app.dir.keys)
	if err != nil {
		t.Fatal(err)
	}
	players := make([]*realClient, len(all))
	for i, m := range all {
		players[i] = m.player(fmt.Sprint("player-", i))
	}
	aged := make([][]byte, len(all))
	renewed := func(i int) bool {
		_, pair := all[i].certificate()
		return !bytes.Equal(pair.Certificate[0], aged[i])
	}
	var term uint64
	for wait := 10 * time.Second; ; wait *= 2 { // all must be back before the certificates are due
		due := time.Now().Add(wait)
		for i, m := range all {
			m.stop()
			aged[i] = m.ages(authority, due)
			m.open()
		}
		for i, m := range all {
			s := m.sees("three ready members", func(s control.ClusterStatus) bool {
				ready := 0
				for _, other := range s.Members {
					if other.Ready {
						ready++
					}
				}
				return ready == 3 && s.Leader != ""
			})
			term = s.Term
			players[i].spins(fmt.Sprint("before-", wait))
		}
		if !renewed(0) && !renewed(1) && !renewed(2) {
			break
		}
		if wait > clusterPatience {
			t.Fatal("the members are not back in time")
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	bets, waited := make([]int, len(all)), make([]int, len(all)) // waited: bets that had to be sent again
	for i, p := range players {
		playing.Go(func() {
			for pace := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-pace.C { // others need the processor too
				key := fmt.Sprint("bet-", bets[i])
				status, body := p.send("POST", "/api/v1/games/slots/spins", `{"stake":1}`, "Idempotency-Key", key)
				switch status {
				case 200, 201:
					bets[i]++
				case 503:
					waited[i]++
				default:
					t.Errorf("bet %d on %s: %d %s", bets[i], all[i].id, status, body)
					return
				}
			}
		})
	}
	defer playing.Wait()
	defer stop()
	eventually(t, "the new certificates", func() (any, bool) { return nil, renewed(0) && renewed(1) && renewed(2) })
	// New connections show the new certificates.
	for _, m := range all {
		if _, pair := m.certificate(); !bytes.Equal(m.shows(), pair.Certificate[0]) {
			t.Errorf("%s shows another certificate than that in its file", m.id)
		}
	}
	for _, p := range players {
		p.spins("meanwhile")
	}
	stop()
	playing.Wait()
	for i, n := range bets {
		if n == 0 {
			t.Errorf("nobody bets on %s: the test shows nothing", all[i].id)
		}
	}
	// On a machine that is too busy leadership moves by itself, and then bets have to wait.
	if s := all[0].sees("a leader", func(s control.ClusterStatus) bool { return s.Leader != "" }); s.Term == term && waited[0]+waited[1]+waited[2] != 0 {
		t.Errorf("%v bets were refused, and the leader was there all the time", waited)
	}

	// So do those who call. One member's place is taken by a listener that looks.
	away, others := all[2], all[:2]
	away.stop()
	_, own := away.certificate()
	shown := make(chan []byte)
	l, err := tls.Listen("tcp", away.config.Cluster.Address, &tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"imperio-raft/1", "imperio-call/1"},
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			shown <- raw[0]
			return errors.New("seen")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var calling sync.WaitGroup
	calling.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calling.Go(func() {
				c.(*tls.Conn).Handshake()
				c.Close()
			})
		}
	})
	want := make(map[string]string)
	for _, m := range others {
		_, pair := m.certificate()
		want[string(pair.Certificate[0])] = m.id
	}
	for patience := time.After(clusterPatience); len(want) > 0; {
		select {
		case raw := <-shown:
			delete(want, string(raw))
		case <-patience:
			t.Fatalf("these show no new certificate: %q", slices.Collect(maps.Values(want)))
		}
	}
	l.Close()
	go func() {
		for range shown { // until all calls have ended
		}
	}()
	calling.Wait()
	close(shown)
	away.open()
	players[2].spins("after")
}

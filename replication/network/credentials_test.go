package network_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication/network"
)

func TestAuthority_IsTheSameAfterItWasWrittenAndRead(t *testing.T) {
	c := newCluster(t, "casino-1")
	cert, key, err := c.authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	read, err := network.ParseAuthority(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if read.Fingerprint() != c.authority.Fingerprint() || read.ClusterID() != "casino-1" {
		t.Error("another authority")
	}
	_, otherKey, err := newCluster(t, "casino-1").authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	nodeCert, nodeKey := c.certificate("a", time.Now())
	for what, pair := range map[string][2][]byte{
		"another's key": {cert, otherKey}, "a member's certificate": {nodeCert, nodeKey}, "no key": {cert, nil},
		"no certificate": {nil, key}, "two certificates": {append(append([]byte{}, cert...), cert...), key}, "exchanged": {key, cert},
	} {
		if _, err := network.ParseAuthority(pair[0], pair[1]); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestAuthority_RefusesNamesThatAreNoIDs(t *testing.T) {
	c := newCluster(t, "casino-1")
	key, err := network.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := network.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "a/b", "a b", "a@b", "..", "-a", "ä", strings.Repeat("a", 64)} {
		if _, err := network.NewAuthority(id, time.Now()); err == nil {
			t.Errorf("a cluster is called %q", id)
		}
		if _, err := c.authority.Sign(csr, id, time.Now()); err == nil {
			t.Errorf("a node is called %q", id)
		}
	}
	longest := strings.Repeat("a", 63)
	if got := newCluster(t, longest).credentials(longest, time.Now()); got.NodeID() != longest || got.ClusterID() != longest {
		t.Errorf("%s of %s", got.NodeID(), got.ClusterID())
	}
}

func TestAuthority_SignsOnlyRequestsThatTheirKeyHasSigned(t *testing.T) {
	c := newCluster(t, "casino-1")
	cert, _ := c.certificate("a", time.Now())
	for what, csr := range map[string][]byte{"nothing": nil, "a certificate": cert, "garbage": []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")} {
		if _, err := c.authority.Sign(csr, "b", time.Now()); err == nil {
			t.Errorf("%s: signed", what)
		}
		if _, err := network.RequestKey(csr); err == nil {
			t.Errorf("%s: has a key", what)
		}
	}
}

func TestRequestKey_IsThatOfTheKey(t *testing.T) {
	names := map[string]bool{}
	for range 2 {
		key, err := network.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			csr, err := network.NewRequest(key)
			if err != nil {
				t.Fatal(err)
			}
			name, err := network.RequestKey(csr)
			if err != nil {
				t.Fatal(err)
			}
			names[name] = true
		}
	}
	if len(names) != 2 {
		t.Errorf("two keys have %d names", len(names))
	}
}

func TestCredentials_AreTheSameAfterTheyWereWrittenAndRead(t *testing.T) {
	c := newCluster(t, "casino-1")
	issued := time.Now()
	own := c.credentials("a", issued)
	cert, key, authority, err := own.PEM()
	if err != nil {
		t.Fatal(err)
	}
	read, err := network.NewCredentials(cert, key, authority)
	if err != nil {
		t.Fatal(err)
	}
	if read.ClusterID() != "casino-1" || read.NodeID() != "a" || read.Fingerprint() != c.authority.Fingerprint() {
		t.Errorf("they are of %s in %s", read.NodeID(), read.ClusterID())
	}
	if left := read.Expires().Sub(issued); left < 30*24*time.Hour-time.Second || left > 30*24*time.Hour {
		t.Errorf("a new certificate is valid for %v", left)
	}
	if due := read.Renew().Sub(issued); due < 14*24*time.Hour || due > 15*24*time.Hour {
		t.Errorf("it should be renewed after %v", due)
	}
	_, otherKey := c.certificate("a", issued)
	for what, parts := range map[string][3][]byte{
		"another key":       {cert, otherKey, authority},
		"another authority": {cert, key, newCluster(t, "casino-1").authority.Certificate()},
		"another cluster":   {cert, key, newCluster(t, "casino-2").authority.Certificate()},
		"the authority's":   {authority, key, authority},
		"no authority":      {cert, key, cert},
	} {
		if _, err := network.NewCredentials(parts[0], parts[1], parts[2]); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestCredentials_ReplaceTakesOnlyTheSameMembers(t *testing.T) {
	c := newCluster(t, "casino-1")
	own := c.credentials("a", time.Now())
	before := own.Expires()
	if err := own.Replace(c.certificate("b", time.Now().Add(time.Hour))); err == nil {
		t.Error("another member's were taken")
	}
	if err := own.Replace(newCluster(t, "casino-1").certificate("a", time.Now().Add(time.Hour))); err == nil {
		t.Error("another cluster's were taken")
	}
	if !own.Expires().Equal(before) {
		t.Error("a refused certificate is in use")
	}
	if err := own.Replace(c.certificate("a", time.Now().Add(time.Hour))); err != nil || !own.Expires().After(before) {
		t.Errorf("expires %v, %v", own.Expires(), err)
	}
}

// at is a clock that differs from this machine's.
func at(ahead time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(ahead) }
}

func TestCertificate_IsValidWithClocksThatDiffer(t *testing.T) {
	const day = 24 * time.Hour
	c := newCluster(t, "casino-1")
	listen := func(node string, ahead time.Duration) *network.Network {
		n := c.listen(network.Options{Credentials: c.credentials(node, time.Now()), Now: at(ahead)})
		n.Handle(echo)
		return n
	}
	right := listen("right", 0)
	call := func(n *network.Network) error {
		_, err := n.Call(within(t), "right", right.Addr().String(), "greet", nil)
		return err
	}
	for ahead, says := range map[time.Duration]string{
		-59 * time.Minute: "", 29 * day: "",
		-61 * time.Minute: "not valid before", 31 * day: "expired",
	} {
		err := call(listen(fmt.Sprint("n", int64(ahead)&0xffff), ahead))
		if (err == nil) != (says == "") {
			t.Errorf("a clock that is %v ahead: %v", ahead, err)
		} else if err != nil {
			notReached(t, err, says)
			if !contains(err, "Check the clocks") || errors.Is(err, network.ErrForeign) {
				t.Error(err)
			}
		}
	}
}

func TestCertificate_ThatHasExpiredIsRefusedUntilItIsReplaced(t *testing.T) {
	c := newCluster(t, "casino-1")
	well := c.member("well")
	old := c.credentials("late", time.Now().Add(-31*24*time.Hour))
	late := c.listen(network.Options{Credentials: old})
	late.Handle(echo)
	_, err := well.Call(within(t), "late", late.Addr().String(), "greet", nil)
	notReached(t, err, "node late of cluster casino-1 expired")
	_, err = late.Call(within(t), "well", well.Addr().String(), "greet", nil)
	notReached(t, err, "refuses this node's certificate")

	if err := old.Replace(c.certificate("late", time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := well.Call(within(t), "late", late.Addr().String(), "greet", nil); err != nil {
		t.Error(err)
	}
	if _, err := late.Call(within(t), "well", well.Addr().String(), "greet", nil); err != nil {
		t.Error(err)
	}
}

func TestCertificate_IsRotatedUnderTraffic(t *testing.T) {
	c := newCluster(t, "casino-1")
	credentials := []*network.Credentials{c.credentials("a", time.Now()), c.credentials("b", time.Now())}
	a, b := c.listen(network.Options{Credentials: credentials[0]}), c.listen(network.Options{Credentials: credentials[1]})
	b.Handle(echo)
	ctx, stop := context.WithCancel(within(t))
	var callers sync.WaitGroup
	var calls [4]int
	for i := range calls {
		callers.Go(func() {
			for ctx.Err() == nil {
				if _, err := a.Call(within(t), "b", b.Addr().String(), "greet", nil); err != nil {
					t.Errorf("after %d calls: %v", calls[i], err)
					return
				}
				calls[i]++
			}
		})
	}
	for i := range 20 {
		for _, one := range credentials {
			if err := one.Replace(c.certificate(one.NodeID(), time.Now().Add(time.Duration(i)*time.Minute))); err != nil {
				t.Error(err)
			}
		}
		// A new connection, with the new certificates.
		fresh := c.member(fmt.Sprint("n", i))
		if _, err := fresh.Call(within(t), "b", b.Addr().String(), "greet", nil); err != nil {
			t.Error(err)
		}
	}
	stop()
	callers.Wait()
}

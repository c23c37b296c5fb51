package network_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication/network"
)

// joiner is a node that wants to join: its key, and its request.
func joiner(t *testing.T, node string) (key []byte, r network.JoinRequest) {
	t.Helper()
	key, err := network.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := network.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, network.JoinRequest{NodeID: node, Address: node + ".example:7000", CSR: string(csr), Program: "1.0", Level: 1, KeyID: []byte{7}}
}

// admits lets a member admit whoever brings a token.
func (c *cluster) admits(n *network.Network, token network.Token) {
	n.HandleJoin(func(_ context.Context, secretID string, r network.JoinRequest) (network.JoinAnswer, error) {
		if secretID != token.ID() {
			return network.JoinAnswer{}, fmt.Errorf("look the token up: %w", &network.JoinRefused{Message: "the token is unknown"})
		}
		return c.admit(r, r.NodeID)
	})
}

func (c *cluster) admit(r network.JoinRequest, node string) (network.JoinAnswer, error) {
	cert, err := c.authority.Sign([]byte(r.CSR), node, time.Now())
	return network.JoinAnswer{
		ClusterID: c.id, Authority: string(c.authority.Certificate()), Certificate: string(cert),
		CasinoKey: "the casino's key", Contacts: []string{"a.example:7000"},
	}, err
}

func TestJoin_ANodeWithATokenBecomesAMember(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, token := c.member("a"), network.NewToken(c.authority.Fingerprint())
	key, want := joiner(t, "new")
	a.HandleJoin(func(_ context.Context, secretID string, r network.JoinRequest) (network.JoinAnswer, error) {
		if secretID != token.ID() || !reflect.DeepEqual(r, want) {
			t.Errorf("%s, %v", secretID, r)
		}
		return c.admit(r, r.NodeID)
	})
	answer, err := network.Join(within(t), a.Addr().String(), token, want)
	if err != nil {
		t.Fatal(err)
	}
	if answer.CasinoKey != "the casino's key" || len(answer.Contacts) != 1 || answer.ClusterID != "casino-1" {
		t.Errorf("%+v", answer)
	}
	credentials, err := network.NewCredentials([]byte(answer.Certificate), key, []byte(answer.Authority))
	if err != nil {
		t.Fatal(err)
	}
	joined := c.listen(network.Options{Credentials: credentials})
	if got, err := joined.Call(within(t), "a", a.Addr().String(), "greet", nil); err != nil || string(got) != "new greet " {
		t.Errorf("%q, %v", got, err)
	}
}

func TestJoin_ARefusalIsToldAndNothingElse(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, token := c.member("a"), network.NewToken(c.authority.Fingerprint())
	_, r := joiner(t, "new")

	_, err := network.Join(within(t), a.Addr().String(), token, r)
	if !contains(err, "try again") {
		t.Errorf("nobody is admitted yet: %v", err)
	}
	c.admits(a, network.NewToken(c.authority.Fingerprint()))
	_, err = network.Join(within(t), a.Addr().String(), token, r)
	if refused := (*network.JoinRefused)(nil); !errors.As(err, &refused) || refused.Message != "the token is unknown" || contains(err, "look the token up") {
		t.Errorf("another token: %v", err)
	}
	a.HandleJoin(func(context.Context, string, network.JoinRequest) (network.JoinAnswer, error) {
		return network.JoinAnswer{}, errors.New("the disk is full")
	})
	_, err = network.Join(within(t), a.Addr().String(), token, r)
	if refused := (*network.JoinRefused)(nil); errors.As(err, &refused) || contains(err, "disk") || !contains(err, "try again") {
		t.Errorf("another error: %v", err)
	}
}

func TestJoin_TalksOnlyToTheClusterOfTheToken(t *testing.T) {
	c, other := newCluster(t, "casino-1"), newCluster(t, "casino-1")
	token := network.NewToken(c.authority.Fingerprint())
	stranger := other.member("a")
	stranger.HandleJoin(func(context.Context, string, network.JoinRequest) (network.JoinAnswer, error) {
		t.Error("a stranger has got the secret")
		return network.JoinAnswer{}, nil
	})
	_, r := joiner(t, "new")
	_, err := network.Join(within(t), stranger.Addr().String(), token, r)
	if !errors.Is(err, network.ErrForeign) || !contains(err, "Check the address and the token") {
		t.Error(err)
	}
}

// A member that answers with something else than was asked for is not believed.
func TestJoin_ChecksTheAnswer(t *testing.T) {
	c, other := newCluster(t, "casino-1"), newCluster(t, "casino-1")
	a, token := c.member("a"), network.NewToken(c.authority.Fingerprint())
	_, r := joiner(t, "new")
	_, another := joiner(t, "new")
	for what, answer := range map[string]func() (network.JoinAnswer, error){
		"a certificate for another node": func() (network.JoinAnswer, error) { return c.admit(r, "other") },
		"a certificate for another key":  func() (network.JoinAnswer, error) { return c.admit(another, "new") },
		"another authority":              func() (network.JoinAnswer, error) { return other.admit(r, "new") },
		"a certificate of another authority": func() (network.JoinAnswer, error) {
			answer, err := other.admit(r, "new")
			answer.Authority = string(c.authority.Certificate())
			return answer, err
		},
		"another cluster id": func() (network.JoinAnswer, error) {
			answer, err := c.admit(r, "new")
			answer.ClusterID = "casino-2"
			return answer, err
		},
		"nothing": func() (network.JoinAnswer, error) { return network.JoinAnswer{}, nil },
	} {
		a.HandleJoin(func(context.Context, string, network.JoinRequest) (network.JoinAnswer, error) { return answer() })
		if got, err := network.Join(within(t), a.Addr().String(), token, r); !contains(err, "check the answer") {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer // mu
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func TestJoin_TriesThatFailAreLoggedAndSoonRefused(t *testing.T) {
	c := newCluster(t, "casino-1")
	var log lines
	a := c.listen(network.Options{Credentials: c.credentials("a", time.Now()), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	token := network.NewToken(c.authority.Fingerprint())
	c.admits(a, token)
	_, r := joiner(t, "thief")
	tries, last := 0, error(nil)
	for ; tries < 1000; tries++ {
		wrong := network.NewToken(c.authority.Fingerprint())
		_, last = network.Join(within(t), a.Addr().String(), wrong, r)
		if refused := (*network.JoinRefused)(nil); !errors.As(last, &refused) {
			break
		}
	}
	if tries < 10 || !contains(last, "too many") {
		t.Errorf("after %d tries: %v", tries, last)
	}
	if got := strings.Count(log.String(), "thief"); got != tries {
		t.Errorf("%d of %d tries are logged:\n%s", got, tries, &log)
	}
	until(t, "the cluster to admit again", func() bool {
		_, err := network.Join(within(t), a.Addr().String(), token, r)
		return err == nil
	})
}

func TestJoin_EndsWithItsContext(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, token := c.member("a"), network.NewToken(c.authority.Fingerprint())
	ctx, giveUp := context.WithCancel(within(t))
	ended := make(chan struct{})
	a.HandleJoin(func(ctx context.Context, _ string, _ network.JoinRequest) (network.JoinAnswer, error) {
		giveUp()
		<-ctx.Done()
		close(ended)
		return network.JoinAnswer{}, ctx.Err()
	})
	_, r := joiner(t, "new")
	if _, err := network.Join(ctx, a.Addr().String(), token, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}

func TestJoin_GarbageIsRefused(t *testing.T) {
	c := newCluster(t, "casino-1")
	a := c.member("a")
	a.HandleJoin(func(context.Context, string, network.JoinRequest) (network.JoinAnswer, error) {
		t.Error("it reached the casino")
		return network.JoinAnswer{}, nil
	})
	for _, body := range []string{"{", "[]", "{}", `{"secret":"AAAA"}`, strings.Repeat("[", 1000)} {
		request := fmt.Sprintf("POST /join HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if got := exchange(t, a, nil, "imperio-join/1", request); got != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, got)
		}
	}
}

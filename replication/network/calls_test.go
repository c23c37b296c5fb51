package network_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/replication/network"
)

func TestCall_IsAnsweredByTheMemberThatItIsFor(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	for range 3 {
		answer, err := a.Call(within(t), "b", b.Addr().String(), "greet", []byte("hello"))
		if err != nil || string(answer) != "a greet hello" {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	answer, err := b.Call(within(t), "a", a.Addr().String(), "greet", nil)
	if err != nil || string(answer) != "b greet " {
		t.Fatalf("%q, %v", answer, err)
	}
	if answer, err := a.Call(within(t), "", b.Addr().String(), "anybody", nil); err != nil || string(answer) != "a anybody " {
		t.Fatalf("whoever is there: %q, %v", answer, err)
	}
}

func TestCall_AnErrorOfTheHandlerComesBack(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	b.Handle(func(context.Context, string, string, []byte) ([]byte, error) { return nil, errors.New("not today") })
	_, err := a.Call(within(t), "b", b.Addr().String(), "greet", nil)
	if told := (*network.CallError)(nil); !errors.As(err, &told) || told.Message != "not today" || errors.Is(err, network.ErrNotReached) {
		t.Fatal(err)
	}
}

// notReached checks that a call has certainly changed nothing.
func notReached(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, network.ErrNotReached) || !strings.Contains(err.Error(), says) {
		t.Fatalf("the error is %v, and should say %q", err, says)
	}
}

func TestCall_OfWhomItCannotReachSaysSo(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	address := b.Addr().String()

	_, err := a.Call(within(t), "c", address, "greet", nil)
	notReached(t, err, "member b answered instead")
	if _, err := a.Call(within(t), "b", address, "greet", nil); err != nil {
		t.Fatal(err)
	}
	_, err = a.Call(within(t), "c", address, "greet", nil) // although a connection to the address is open
	notReached(t, err, "member b answered instead")

	foreign := newCluster(t, "casino-2").member("b")
	_, err = a.Call(within(t), "b", foreign.Addr().String(), "greet", nil)
	notReached(t, err, "node b of cluster casino-2")
	if !errors.Is(err, network.ErrForeign) {
		t.Error(err)
	}
	_, err = foreign.Call(within(t), "a", a.Addr().String(), "greet", nil)
	notReached(t, err, "node a of cluster casino-1")

	again := newCluster(t, "casino-1").member("b") // another authority for the same name
	_, err = a.Call(within(t), "b", again.Addr().String(), "greet", nil)
	notReached(t, err, "another authority signed")

	silent := c.listen(network.Options{Credentials: c.credentials("s", time.Now())})
	_, err = a.Call(within(t), "s", silent.Addr().String(), "greet", nil)
	notReached(t, err, "starting")

	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = a.Call(within(t), "b", address, "greet", nil)
	if err == nil {
		t.Fatal("a closed member answers")
	}
	_, err = a.Call(within(t), "b", address, "greet", nil)
	notReached(t, err, "refused")

	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = a.Call(within(t), "b", address, "greet", nil)
	notReached(t, err, "")
}

func TestCall_TakesRequestsAndAnswersUpToItsLimit(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	address := b.Addr().String()
	b.Handle(func(_ context.Context, _, method string, request []byte) ([]byte, error) {
		if method == "more" {
			request = append(request, 0)
		}
		return request, nil
	})
	largest := bytes.Repeat([]byte("imperio!"), network.MaxCall/8)
	answer, err := a.Call(within(t), "b", address, "echo", largest)
	if err != nil || !bytes.Equal(answer, largest) {
		t.Fatalf("%d bytes, %v", len(answer), err)
	}
	_, err = a.Call(within(t), "b", address, "echo", append(largest, 0))
	notReached(t, err, "more than")
	if _, err = a.Call(within(t), "b", address, "more", largest); err == nil || errors.Is(err, network.ErrNotReached) {
		t.Fatalf("an answer that is too large: %v", err)
	}
	if _, err = a.Call(within(t), "b", address, "echo", nil); err != nil {
		t.Fatal(err)
	}
}

func TestCall_ManyAtOnceAllGetTheirOwnAnswer(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	ctx := within(t)
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			answer, err := a.Call(ctx, "b", b.Addr().String(), "count", fmt.Append(nil, i))
			if err != nil || string(answer) != fmt.Sprint("a count ", i) {
				t.Errorf("%d: %q, %v", i, answer, err)
			}
		})
	}
	callers.Wait()
}

func TestCall_TheHandlersContextEndsWhenTheCallerHangsUp(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	running, ended := make(chan struct{}), make(chan struct{})
	b.Handle(func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
		close(running)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, hangUp := context.WithCancel(within(t))
	done := make(chan error)
	go func() {
		_, err := a.Call(ctx, "b", b.Addr().String(), "wait", []byte("x"))
		done <- err
	}()
	<-running
	hangUp()
	if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, network.ErrNotReached) {
		t.Errorf("nobody knows what became of the call, and the error is %v", err)
	}
	<-ended
}

func TestClose_EndsCallsAndWaitsForHandlers(t *testing.T) {
	c := newCluster(t, "casino-1")
	a, b := c.member("a"), c.member("b")
	running, returned := make(chan struct{}), false
	b.Handle(func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
		close(running)
		<-ctx.Done()
		returned = true // no lock: Close waits for it
		return nil, ctx.Err()
	})
	done := make(chan error)
	go func() {
		_, err := a.Call(within(t), "b", b.Addr().String(), "wait", nil)
		done <- err
	}()
	<-running
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !returned {
		t.Error("the handler still runs")
	}
	if err := <-done; err == nil || errors.Is(err, network.ErrNotReached) {
		t.Errorf("the call was cut off, and the error is %v", err)
	}
}

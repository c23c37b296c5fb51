package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// inLine takes a turn on a goroutine of its own, and returns once it waits.
func inLine(t *testing.T, p *Passwords, ctx context.Context, known bool) chan error {
	t.Helper()
	got := make(chan error, 1)
	go func() {
		_, err := p.Turn(ctx, known)
		got <- err
	}()
	synctest.Wait()
	if len(got) != 0 {
		t.Fatalf("did not wait: %v", <-got)
	}
	return got
}

func TestTurns_ALongWaitIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passwords(t, PasswordOptions{Concurrent: 1, Patience: Patience})
		turn, err := p.Turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		waits := inLine(t, p, t.Context(), true)
		if err := <-waits; !errors.Is(err, ErrBusy) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if n := p.turns.waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		turn.End()
		if _, err := p.Hash(t.Context(), false, "a new password"); err != nil {
			t.Errorf("with the line empty again: %v", err)
		}
	})
}

func TestTurns_WhoeverLeavesTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passwords(t, PasswordOptions{Concurrent: 1})
		turn, err := p.Turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		leaves, stays := inLine(t, p, ctx, false), inLine(t, p, t.Context(), false)
		cancel()
		if err := <-leaves; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left: %v", err)
		}
		turn.End()
		if err := <-stays; err != nil {
			t.Errorf("the one who stayed: %v", err)
		}
	})
}

func TestTurns_KnownCallersGoBeforeStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passwords(t, PasswordOptions{Concurrent: 1})
		turn, err := p.Turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		first, second := inLine(t, p, t.Context(), false), inLine(t, p, t.Context(), false)
		known := inLine(t, p, t.Context(), true)
		for _, next := range []chan error{known, first, second} {
			turn.End()
			synctest.Wait()
			if len(next) != 1 {
				t.Fatal("another one's turn came")
			}
			if err := <-next; err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTurns_LinesHaveAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passwords(t, PasswordOptions{Concurrent: 1, Waiting: 1})
		turn, err := p.Turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		stranger := inLine(t, p, t.Context(), false)
		if _, err := p.Turn(t.Context(), false); !errors.Is(err, ErrBusy) {
			t.Errorf("a second stranger: %v", err)
		}
		known := inLine(t, p, t.Context(), true) // strangers don't fill the line of those who are known
		turn.End()
		turn.End()
		if err := errors.Join(<-known, <-stranger); err != nil {
			t.Error(err)
		}
	})
}

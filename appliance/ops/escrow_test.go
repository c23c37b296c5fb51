package ops

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEscrow_SeesWhenTheBooksHoldOtherStakesThanTheOpenRounds(t *testing.T) {
	var books, rounds OpenStakes
	var failure error
	var log bytes.Buffer
	var changes []bool
	e := NewEscrow(EscrowOptions{
		Look: func(context.Context) (OpenStakes, OpenStakes, error) { return books, rounds, failure },
		Log:  slog.New(slog.NewTextHandler(&log, nil)), Changed: func(agree bool) { changes = append(changes, agree) },
	})
	const metric = `imperio_ledger_invariant_holds{invariant="escrow_is_open_rounds"} `
	m := NewMetrics(Sources{Escrow: e})
	if strings.Contains(scrape(t, m), metric) {
		t.Error("reported before the first comparison")
	}
	for _, c := range []struct {
		name          string
		books, rounds OpenStakes
		err           error
		want          string
	}{
		{"nothing is open", OpenStakes{}, OpenStakes{}, nil, "1"},
		{"two rounds", OpenStakes{2, 30}, OpenStakes{2, 30}, nil, "1"},
		{"a coin too much", OpenStakes{2, 31}, OpenStakes{2, 30}, nil, "0"},
		{"the comparison fails", OpenStakes{}, OpenStakes{}, errors.New("closed"), "0"},
		{"a round that is not counted", OpenStakes{1, 30}, OpenStakes{2, 30}, nil, "0"},
		{"mended", OpenStakes{2, 30}, OpenStakes{2, 30}, nil, "1"},
	} {
		books, rounds, failure = c.books, c.rounds, c.err
		e.Look(t.Context())
		if text := scrape(t, m); !strings.Contains(text, metric+c.want+"\n") {
			t.Errorf("%s: not %s", c.name, c.want)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
	if !slices.Equal(changes, []bool{false, true}) {
		t.Errorf("changes were told as %v", changes)
	}
}

func TestEscrow_RunsUntilItIsStopped(t *testing.T) {
	looks := make(chan struct{})
	e := NewEscrow(EscrowOptions{Every: time.Millisecond, Look: func(context.Context) (a, b OpenStakes, err error) {
		looks <- struct{}{}
		return
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	<-looks
	<-looks
	cancel()
	for { // one more comparison may be running
		select {
		case <-looks:
		case <-done:
			return
		}
	}
}

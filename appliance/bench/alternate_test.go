package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// restful reports one more second of processor time at each rest.
func restful() func(context.Context) (time.Duration, error) {
	n := 0
	return func(context.Context) (time.Duration, error) { n++; return time.Duration(n) * time.Second, nil }
}

func TestAlternate_GivesBothSidesTheirTurnsAndChecksBoth(t *testing.T) {
	withEachClient(t, func(t *testing.T, client Client) {
		honest := Side{optionsWith(client, openSmallCasino(t, &smallCasino{})), restful()}
		cheat := Side{optionsWith(client, openSmallCasino(t, &smallCasino{spoil: func(told, booked *smallRound) int { booked.Payout++; return 1 }})), restful()}
		played, err := Alternate(t.Context(), honest, cheat, 3, 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range played {
			if len(p.Turns) != 3 {
				t.Fatalf("side %d had %d turns", i, len(p.Turns))
			}
			measured := 0
			for _, turn := range p.Turns {
				measured += turn.Requests
				if turn.Requests == 0 || turn.Took < 100*time.Millisecond || turn.Processor != time.Second || turn.Rate() <= 0 || turn.Cost() != time.Second/time.Duration(turn.Requests) {
					t.Errorf("side %d: %+v", i, turn)
				}
			}
			if p.Report.Casino.Requests != measured {
				t.Errorf("side %d: the report has %d requests, the turns %d", i, p.Report.Casino.Requests, measured)
			}
		}
		if !played[0].Report.Proven() || played[1].Report.Proven() {
			t.Errorf("the honest side: %q, the other: %q", played[0].Report.Violations, played[1].Report.Violations)
		}
	})
}

func TestAlternate_HasNoResultIfItIsCutShort(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	first, second := Side{optionsFor(openSmallCasino(t, &smallCasino{})), restful()}, Side{optionsFor(openSmallCasino(t, &smallCasino{})), nil}
	second.Rest = func(context.Context) (time.Duration, error) { stop(); return 0, nil }
	if _, err := Alternate(ctx, first, second, 2, 100*time.Millisecond); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	second.Rest = func(context.Context) (time.Duration, error) { return 0, errors.New("no rest for this one") }
	if _, err := Alternate(t.Context(), first, second, 2, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no rest") {
		t.Errorf("%v", err)
	}
}

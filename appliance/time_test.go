package appliance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/replication/replicationtest"
)

// noon is when the clocks of these tests begin.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	spins      = "/api/v1/games/slots/spins"
	dailyCoins = "/api/v1/me/daily-coins"
	exclusions = "/api/v1/me/exclusions"
)

// signsIn asks for a session, and returns the status.
func (h *realHouse) signsIn(name string) int {
	h.t.Helper()
	status, _ := (&realClient{h: h}).send("POST", "/api/v1/sessions", `{"login":"`+name+`","password":"correct horse"}`)
	return status
}

// Setting the clock back for one spin and then right again changes nothing: no used key is played again, no exclusion ends,
// no daily coins come early, no open round counts as abandoned.
func TestTime_AClockThatIsSetBackForASpinChangesNothing(t *testing.T) {
	for _, back := range []time.Duration{48 * time.Hour, 50 * time.Hour, 72 * time.Hour, 365 * 24 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			t.Parallel()
			clock := replicationtest.NewClock(noon)
			h := openRealHouseBy(t, clock)
			p, shut, longShut := h.player("cherry"), h.player("lemon"), h.player("plum")
			first := p.object(201, "POST", spins, `{"stake":1}`, "Idempotency-Key", "k")
			p.object(201, "POST", dailyCoins, "")
			shut.object(201, "POST", exclusions, `{"days":1}`)
			longShut.object(201, "POST", exclusions, `{"days":150}`)
			dealt, _ := p.dealUntil("hit")

			clock.Step(-back)
			p.object(201, "POST", spins, `{"stake":1}`)
			clock.Pass(time.Second)
			clock.Step(back)
			p.object(201, "POST", spins, `{"stake":1}`)

			if now := h.app.dir.node.Now(); !now.Equal(noon.Add(time.Second)) {
				t.Errorf("the casino's time is %v after a second", now.Sub(noon))
			}
			if again := p.object(201, "POST", spins, `{"stake":1}`, "Idempotency-Key", "k"); roundOf(again) != roundOf(first) {
				t.Errorf("a used key was played again: round %v, first %v", roundOf(again), roundOf(first))
			}
			p.object(409, "POST", dailyCoins, "")
			for _, name := range []string{"lemon", "plum"} {
				if status := h.signsIn(name); status != 403 {
					t.Errorf("%s is excluded, and signs in with %d", name, status)
				}
			}
			if _, err := h.app.dir.store.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := h.app.settleAllAbandoned(t.Context(), "blackjack", h.app.abandonedBefore(h.app.offered(&h.config)[2])); err != nil {
				t.Fatal(err)
			}
			if open := p.object(200, "GET", deals+"/open", ""); roundOf(open) != roundOf(dealt) {
				t.Errorf("the open round is %v, not %v", roundOf(open), roundOf(dealt))
			}
			clock.Pass(24 * time.Hour)
			if status := h.signsIn("lemon"); status != 201 {
				t.Errorf("a day has passed, and the exclusion of a day has not: %d", status)
			}
			if status := h.signsIn("plum"); status != 403 {
				t.Errorf("an exclusion of 150 days has passed in one: %d", status)
			}
		})
	}
}

func roundOf(v map[string]any) any { return v["round"].(map[string]any)["id"] }

// Requests with slow bodies carry no old time into the log.
func TestTime_RequestsThatAreHeldOpenDoNotMoveIt(t *testing.T) {
	clock := replicationtest.NewClock(noon)
	h := openRealHouseBy(t, clock, func(c *config.Config) { c.Listen.ReadTimeout = 5 * time.Minute })
	p, other := h.player("cherry"), h.player("lemon")
	const body = `{"stake":1}`
	var held [5]*bufio.ReadWriter
	for i := range held {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held[i] = bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
		fmt.Fprintf(held[i], "POST %s HTTP/1.1\r\nHost: casino\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
			spins, p.token, len(body))
		if err := held[i].Flush(); err != nil {
			t.Fatal(err)
		}
		if res, err := http.ReadResponse(held[i].Reader, nil); err != nil || res.StatusCode != 100 { // it is being handled
			t.Fatalf("a spin without its body: %v, %v", res, err)
		}
	}
	for n, conn := range held {
		clock.Pass(100 * time.Second)
		other.object(201, "POST", spins, body)
		conn.WriteString(body)
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(conn.Reader, nil)
		if err != nil || res.StatusCode != 201 {
			t.Fatalf("a spin that was held: %v, %v", res, err)
		}
		if now, want := h.app.dir.store.Time(), noon.Add(time.Duration(n+1)*100*time.Second); !now.Equal(want) {
			t.Fatalf("the casino's time is %v, not %v", now, want)
		}
	}
}

// The casino does not believe a clock that leaps. Health says what to do, and reads still work.
func TestTime_AClockThatLeapsIsNotBelievedUntilTheCasinoIsStartedAgain(t *testing.T) {
	clock := replicationtest.NewClock(noon)
	h := openRealHouseBy(t, clock)
	p := h.player("cherry")
	check := func(status int, says string) {
		t.Helper()
		var last string
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			res, err := http.Get(h.url + "/health/ready/clock")
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(res.Body)
			res.Body.Close()
			if last = fmt.Sprint(res.StatusCode, " ", string(data)); err == nil && res.StatusCode == status && strings.Contains(last, says) {
				return // answers are cached for a second
			}
		}
		t.Errorf("the check of the clock says %s, not %d and %q", last, status, says)
	}
	check(200, "healthy")
	clock.Step(40 * 24 * time.Hour)
	p.object(503, "POST", spins, `{"stake":1}`)
	p.object(200, "GET", "/api/v1/me", "")
	check(503, "960h0m0s ahead of where it should be")
	clock.Step(-40*24*time.Hour - time.Hour)
	p.object(201, "POST", spins, `{"stake":1}`)
	check(200, "1h0m0s behind the casino's time")
	clock.Step(40 * 24 * time.Hour)
	p.object(503, "POST", spins, `{"stake":1}`)
	h.restart(func(*config.Config) {})
	p.object(401, "GET", "/api/v1/me", "") // the session has ended meanwhile
	h.player("lemon").object(201, "POST", spins, `{"stake":1}`)
	check(200, "healthy")
}

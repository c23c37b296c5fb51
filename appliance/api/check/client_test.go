// Package check makes a client from openapi.yaml with oapi-codegen, as users would, and calls the casino with it. It is a
// module of its own: nothing of the generator's becomes part of Imperio. `make description` generates the client and runs this.
package check

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/appliance/api/check/client"
)

// casino starts the program that the environment names, and returns its address.
func casino(t *testing.T) string {
	t.Helper()
	program := os.Getenv("IMPERIO")
	if program == "" {
		t.Fatal("IMPERIO must name the program: run `make description`")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	var log bytes.Buffer
	command := exec.Command(program, "serve", "--data-dir", filepath.Join(t.TempDir(), "data"), "--http-addr", address, "--ops-addr", "none",
		"--disk-stall-limit", "10m", "--shutdown-timeout", "3m")
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	late, look := time.After(3*time.Minute), time.NewTicker(10*time.Millisecond)
	defer look.Stop()
	for !ready(address) {
		select {
		case err := <-ended:
			t.Fatalf("the casino ended at once: %v\n%s", err, log.String())
		case <-late:
			_ = command.Process.Kill() // the test has failed
			t.Fatalf("the casino is not ready:\n%s", log.String())
		case <-look.C:
		}
	}
	t.Cleanup(func() {
		if err := command.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil || t.Failed() {
			t.Errorf("the casino ended with %v:\n%s", err, log.String())
		}
	})
	return "http://" + address
}

func ready(address string) bool {
	answer, err := http.Get("http://" + address + "/health/ready")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// want stops the test unless an answer came, with its status.
func want(t *testing.T, err error, got interface{ StatusCode() int }, status int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode() != status {
		t.Fatalf("answered %d, not %d: %+v", got.StatusCode(), status, got)
	}
}

func TestClient_PlaysInTheCasino(t *testing.T) {
	address, ctx := casino(t), t.Context()
	var token string
	signed := client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	})
	c, err := client.NewClientWithResponses(address, signed)
	if err != nil {
		t.Fatal(err)
	}

	opened, err := c.OpenAccountWithResponse(ctx, nil, client.OpenAccountJSONRequestBody{Username: "ana", Email: "ana@example.org", Password: "correct horse"})
	want(t, err, opened, 201)
	token = opened.JSON201.Token
	if at := opened.HTTPResponse.Header.Get("Location"); at != "/api/v1/me" {
		t.Errorf("the account is at %q", at)
	}
	if me, err := c.GetMeWithResponse(ctx); err != nil || me.JSON200 == nil || me.JSON200.Coins != 100 || me.JSON200.DailyCoinsAt != nil {
		t.Errorf("%v: %+v", err, me)
	}

	// The same key is the same bet.
	key := "spin-1"
	for range 2 {
		spun, err := c.SpinSlotsWithResponse(ctx, &client.SpinSlotsParams{IdempotencyKey: &key}, client.SpinSlotsJSONRequestBody{Stake: 5})
		want(t, err, spun, 201)
		outcome, err := spun.JSON201.Round.Outcome.AsSlotsOutcome()
		if err != nil || len(outcome.Symbols) != 3 || !spun.JSON201.Round.OpenedAt.Before(time.Now().Add(time.Hour)) {
			t.Errorf("%v: %+v", err, outcome)
		}
	}
	refused, err := c.SpinSlotsWithResponse(ctx, &client.SpinSlotsParams{IdempotencyKey: &key}, client.SpinSlotsJSONRequestBody{Stake: 6})
	want(t, err, refused, 409)
	if code := refused.ApplicationproblemJSON409.Code; code != client.CodeIdempotencyMismatch {
		t.Errorf("refused with %s", code)
	}

	numbers := []int32{17}
	bets := client.SpinRouletteJSONRequestBody{Bets: []client.Bet{{Type: client.BetTypeRed, Amount: 1}, {Type: client.BetTypeStraight, Numbers: &numbers, Amount: 1}}}
	spun, err := c.SpinRouletteWithResponse(ctx, nil, bets)
	want(t, err, spun, 201)

	dealt, err := c.DealBlackjackWithResponse(ctx, nil, client.DealBlackjackJSONRequestBody{Stake: 2})
	want(t, err, dealt, 201)
	for table := dealt.JSON201; !table.Settled; {
		taken := int32(len(*table.Round.Actions))
		acted, err := c.ActBlackjackWithResponse(ctx, table.Round.Id, nil, client.ActBlackjackJSONRequestBody{Action: table.AllowedActions[0], Taken: &taken})
		want(t, err, acted, 200)
		table = acted.JSON200
	}

	game := client.GameNameSlots
	rounds, err := c.ListRoundsWithResponse(ctx, &client.ListRoundsParams{Game: &game})
	want(t, err, rounds, 200)
	if list := rounds.JSON200; len(list.Rounds) != 1 || list.NextCursor != nil {
		t.Errorf("%+v", list)
	}
	limit := int64(500)
	limits, err := c.SetLimitsWithResponse(ctx, client.SetLimitsJSONRequestBody{StakePerDay: &limit})
	want(t, err, limits, 200)
	if in := limits.JSON200.InForce; in.StakePerDay == nil || *in.StakePerDay != limit || in.LossPerDay != nil {
		t.Errorf("%+v", in)
	}
	games, err := c.ListGamesWithResponse(ctx)
	want(t, err, games, 200)
	if list := games.JSON200.Games; len(list) != 3 || !strings.HasPrefix(list[0].Rules, "slots/") {
		t.Errorf("%+v", list)
	}
	ended, err := c.EndSessionWithResponse(ctx, "current")
	want(t, err, ended, 204)
	gone, err := c.GetMeWithResponse(ctx)
	want(t, err, gone, 401)
	if code := gone.ApplicationproblemJSON401.Code; code != client.CodeUnauthenticated {
		t.Errorf("refused with %s", code)
	}
}

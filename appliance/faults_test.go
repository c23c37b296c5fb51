package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/storage/storagetest/faults"
)

// A casino whose disk fails, as players see it. Whatever was answered is in the books after the restart. Every other request
// ends with a 503 or a broken connection. The process ends with an error that names the file.

// faultyHouse is a casino in this process whose disk fails.
type faultyHouse struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func openFaultyHouse(t *testing.T, dir string) *faultyHouse {
	t.Helper()
	c := patientConfig()
	c.Data.Dir, c.Data.CheckpointInterval = dir, 100*time.Millisecond // so that a fault of state.db strikes after a few bets
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	c.Limits.On = false
	c.Accounts.BcryptCost, c.Accounts.WelcomeCoins = 4, 1000
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &faultyHouse{stop: stop, done: make(chan error, 1)}
	go func() { h.done <- app.Run(ctx) }()
	for _, s := range app.servers {
		if s.name == "http" {
			h.url = "http://" + s.on.Addr().String()
		}
	}
	return h
}

// post sends a request and returns status and body; status 0 if the connection broke.
func (h *faultyHouse) post(t *testing.T, path, token, key, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequest("POST", h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, data
}

func TestFaults_ADiskThatFailsCostsNoAnswerThatWasGiven(t *testing.T) {
	for _, file := range []string{"log", "state.db"} {
		for _, mode := range faults.Modes {
			for _, n := range []int{1, 2, 3, 4, 6} {
				t.Run(fmt.Sprintf("%s, operation %d: %v", file, n, mode), func(t *testing.T) {
					playWithFault(t, faults.Fault{File: file, N: n, Mode: mode, Sticky: mode == faults.Full})
				})
			}
		}
	}
}

func playWithFault(t *testing.T, fault faults.Fault) {
	dir := privateDir(t)
	disk := faults.Watch(t, dir)
	h := openFaultyHouse(t, dir)
	status, data := h.post(t, "/api/v1/accounts", "", "", `{"username":"ana","email":"ana@example.org","password":"correct horse"}`)
	var opened struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(data, &opened); err != nil || status != 201 {
		t.Fatalf("sign up: %d %s", status, data)
	}
	disk.Fail(fault)
	told := make(map[string]string) // payout by key, of bets that were answered
	var asked []string
	const bets = 2000
	for i := range bets {
		key := fmt.Sprint("bet ", i)
		asked = append(asked, key)
		status, data := h.post(t, "/api/v1/games/slots/spins", opened.Token, key, `{"stake":1}`)
		if status == 201 {
			told[key] = string(data)
			continue
		}
		if status != 0 && status != 503 {
			t.Fatalf("bet %d: %d %s", i, status, data)
		}
		break
	}
	err := <-h.done
	h.stop()
	if !disk.Fired() {
		t.Fatal("the fault never struck: the test shows nothing")
	}
	if err == nil || !strings.Contains(err.Error(), fault.File) {
		t.Errorf("the casino ended with %v, which does not name %s", err, fault.File)
	}

	if fault.Mode == faults.Full && err != nil && !strings.Contains(err.Error(), "space") {
		t.Errorf("the casino ended with %v, which does not say that the disk is full", err)
	}

	disk.Heal()
	h = openFaultyHouse(t, dir)
	defer func() {
		h.stop()
		if err := <-h.done; err != nil {
			t.Errorf("the casino ended with: %v", err)
		}
		if _, err := Audit(context.Background(), config.Data{Dir: dir}, nil); err != nil {
			t.Errorf("the books are wrong: %v", err)
		}
	}()
	for _, key := range asked {
		status, data := h.post(t, "/api/v1/games/slots/spins", opened.Token, key, `{"stake":1}`)
		if status != 201 {
			t.Fatalf("%s after the restart: %d %s", key, status, data)
		}
		if before, ok := told[key]; ok && before != string(data) {
			t.Errorf("%s was answered with %s, and after the restart with %s", key, before, data)
		}
	}
}

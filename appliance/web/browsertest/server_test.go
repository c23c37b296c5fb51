package browsertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imperio/appliance/bench"
)

// patience bounds every wait for something that must happen. It is long because the machine may be slow and busy.
const patience = 3 * time.Minute

// welcomeCoins are what each player of these tests begins with.
const welcomeCoins = 5000

// house is the casino that all tests of a run share.
type house struct {
	base    string // http://127.0.0.1:PORT
	data    string // its directory
	command *exec.Cmd
	output  lockedBuffer
	exited  chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// openHouse builds the casino (or takes the binary that BROWSERTEST_BINARY names) and starts it in a directory.
func openHouse(directory string) (*house, error) {
	binary := os.Getenv("BROWSERTEST_BINARY")
	if binary == "" {
		binary = filepath.Join(directory, "imperio")
		if out, err := exec.Command("go", "build", "-o", binary, "imperio/cmd/imperio").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the casino: %w\n%s", err, out)
		}
	}
	return startHouse(binary, filepath.Join(directory, "data"))
}

// startHouse starts a casino on a directory, with more flags.
func startHouse(binary, data string, flags ...string) (*house, error) {
	address, err := bench.FreeAddress()
	if err != nil {
		return nil, err
	}
	h := &house{base: "http://" + address, data: data, exited: make(chan struct{})}
	h.command = exec.Command(binary, "serve", "--data-dir", data, "--http-addr", address, "--ops-addr", "none",
		"--limits", "off", "--bcrypt-cost", "10", "--password-wait", "5m", "--write-timeout", "10m", "--disk-stall-limit", "10m", "--welcome-coins", fmt.Sprint(welcomeCoins))
	h.command.Args = append(h.command.Args, flags...)
	h.command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "IMPERIO_") })
	h.command.Stdout, h.command.Stderr = &h.output, &h.output
	if err := h.command.Start(); err != nil {
		return nil, err
	}
	go func() { _ = h.command.Wait(); close(h.exited) }()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-h.exited:
			return nil, fmt.Errorf("the casino ended at once:\n%s", h.output.String())
		case <-time.After(50 * time.Millisecond):
		}
		answer, err := http.Get(h.base + "/health/ready")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return h, nil
			}
		}
	}
	h.close()
	return nil, fmt.Errorf("the casino did not become ready:\n%s", h.output.String())
}

func (h *house) close() {
	_ = h.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.exited:
	case <-time.After(patience):
		_ = h.command.Process.Kill()
		<-h.exited
	}
}

// player uses the API beside the browser, with the same account.
type player struct {
	t        testing.TB
	base     string
	name     string
	password string
	token    string
	keys     int
	hurried  bool // the requests that follow are one step of the test
}

// hurry makes the requests until the returned function is called one step, with one pause.
func (p *player) hurry() func() {
	slow.pause()
	before := p.hurried
	p.hurried = true
	return func() { p.hurried = before }
}

// refused is an error answer.
type refused struct {
	Status int
	Code   string `json:"code"`
}

func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.Status, r.Code) }

func (p *player) try(method, path string, body, into any) error {
	p.t.Helper()
	if !p.hurried {
		slow.pause()
	}
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		reader = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, p.base+"/api/v1"+path, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	p.keys++
	r.Header.Set("Idempotency-Key", fmt.Sprintf("browsertest-%s-%d", p.name, p.keys))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if answer.StatusCode >= 400 {
		e := &refused{Status: answer.StatusCode}
		_ = json.Unmarshal(content, e) // without a code it is still an error
		return e
	}
	if into != nil {
		if err := json.Unmarshal(content, into); err != nil {
			p.t.Fatalf("%s %s answered %q: %v", method, path, content, err)
		}
	}
	return nil
}

func (p *player) do(method, path string, body, into any) {
	p.t.Helper()
	if err := p.try(method, path, body, into); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// round has the fields of a round that tests use.
type round struct {
	ID         string `json:"id"`
	Settled    bool   `json:"settled"`
	Stake      int    `json:"stake"`
	Staked     int    `json:"staked"`
	Payout     int    `json:"payout"`
	ServerSeed string `json:"server_seed"`
	Bets       []struct {
		Type   string `json:"type"`
		Amount int    `json:"amount"`
	} `json:"bets"`
	Outcome struct {
		Stops  []int `json:"stops"`
		Pocket int   `json:"pocket"`
		Hands  []struct {
			Cards []card `json:"cards"`
		} `json:"hands"`
	} `json:"outcome"`
}

type card struct {
	Rank string `json:"rank"`
	Suit string `json:"suit"`
}

func (p *player) rounds(game string) []round {
	p.t.Helper()
	var list struct {
		Rounds []round `json:"rounds"`
	}
	p.do("GET", "/me/rounds?limit=100&game="+game, nil, &list)
	return list.Rounds
}

func (p *player) coins() int {
	p.t.Helper()
	var me struct {
		Coins int `json:"coins"`
	}
	p.do("GET", "/me", nil, &me)
	return me.Coins
}

// table is the state of a blackjack round.
type table struct {
	Round   round    `json:"round"`
	Allowed []string `json:"allowed_actions"`
	Settled bool     `json:"settled"`
	Hands   []struct {
		Total int `json:"total"`
	} `json:"hands"`
}

// dealUntil plays blackjack until a round is as wanted, and leaves that one open.
func (p *player) dealUntil(what string, wanted func(table) bool) table {
	p.t.Helper()
	defer p.hurry()()
	for range 300 {
		var now table
		p.do("POST", "/games/blackjack/rounds", map[string]int{"stake": 2}, &now)
		if !now.Settled && wanted(now) {
			return now
		}
		p.settle(now)
	}
	p.t.Fatalf("300 rounds of blackjack, and none with %s", what)
	return table{}
}

func (p *player) settle(now table) {
	p.t.Helper()
	defer p.hurry()()
	for !now.Settled {
		action := "stand"
		if now.Allowed[0] == "insurance" {
			action = "decline_insurance"
		}
		p.do("POST", "/games/blackjack/rounds/"+now.Round.ID+"/actions", map[string]string{"action": action}, &now)
	}
}

func isRefused(err error, code string) bool {
	var r *refused
	return errors.As(err, &r) && r.Code == code
}

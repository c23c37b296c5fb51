package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// reloading is a casino that is configured by an env file, as the service is.
type reloading struct {
	*process
	file   string
	ops    string
	log    *safeLog
	always []string // lines that the file has in each version
}

// safeLog is a log that may be read while it is written.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newReloading(t *testing.T, lines ...string) *reloading {
	t.Helper()
	r := &reloading{process: newProcess(t), file: filepath.Join(t.TempDir(), "imperio.env"), ops: freeAddress(t), log: new(safeLog)}
	r.always = []string{
		"IMPERIO_OPS_ADDR=" + r.ops, "IMPERIO_ACCESS_LOG=off", "IMPERIO_BCRYPT_COST=10", "IMPERIO_PASSWORD_WAIT=5m", "IMPERIO_WRITE_TIMEOUT=10m",
		"IMPERIO_DISK_STALL_LIMIT=10m", "IMPERIO_SHUTDOWN_TIMEOUT=3m", "IMPERIO_WELCOME_COINS=1000000",
	}
	r.write(t, append([]string{"IMPERIO_HTTP_ADDR=" + r.address}, lines...)...)
	r.command = exec.Command(r.path, "serve", "--env-file", r.file)
	r.command.Env = append(os.Environ(), "IMPERIO_DATA_DIR="+r.dir)
	r.command.Stdout, r.command.Stderr = r.log, r.log
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the casino:\n%s", r.log)
		}
	})
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	r.ended = make(chan error, 1)
	go func(c *exec.Cmd, ended chan error) { ended <- c.Wait() }(r.command, r.ended)
	if !r.serves(t) {
		t.Fatalf("the casino ended at once:\n%s", r.log)
	}
	return r
}

// write replaces the env file, all at once.
func (r *reloading) write(t *testing.T, lines ...string) {
	t.Helper()
	text := strings.Join(append(lines, r.always...), "\n") + "\n"
	if err := os.WriteFile(r.file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.file+".new", r.file); err != nil {
		t.Fatal(err)
	}
}

// verb runs another verb with the casino's configuration, and returns what it prints and its exit code.
func (r *reloading) verb(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(r.path, append(args, "--env-file", r.file)...)
	c.Env = append(os.Environ(), "IMPERIO_DATA_DIR="+r.dir)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// ask sends a request to the casino.
func (r *reloading) ask(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequest(method, "http://"+r.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestReload_TakesWhatNeedsNoRestartAndTellsTheRest(t *testing.T) {
	r := newReloading(t)
	p := &player{name: "ana", casino: r.process, random: rand.New(rand.NewPCG(1, 2))}
	p.signUp(t)
	spin := func(stake int) int {
		status, _, err := p.call(t.Context(), "POST", "/api/v1/games/slots/spins", fmt.Sprintf(`{"stake":%d}`, stake), "")
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	const page, token = "https://pages.example", "0123456789abcdefgh"
	inForce := func(changed bool) {
		t.Helper()
		want := map[bool]string{false: "spin 201, games max 10000, preflight 403, metrics 403, burst 60", true: "spin 422, games max 5, preflight 204, metrics 200, burst 90"}[changed]
		res, games := r.ask(t, "GET", "/api/v1/games")
		most := "10000"
		if strings.Contains(games, `"game":"slots","enabled":true,"rules":"slots/2","min_stake":1,"max_stake":5,`) {
			most = "5"
		}
		preflight, _ := r.ask(t, "OPTIONS", "/api/v1/me", "Origin", page, "Access-Control-Request-Method", "POST")
		metrics, _ := r.ask(t, "GET", "/metrics", "Authorization", "Bearer "+token)
		got := fmt.Sprintf("spin %d, games max %s, preflight %d, metrics %d, burst %s", spin(6), most, preflight.StatusCode, metrics.StatusCode, res.Header.Get("Ratelimit-Limit"))
		if got != want {
			t.Errorf("in force: %s\nwant:     %s", got, want)
		}
	}
	inForce(false)

	// A mistake changes nothing, and all mistakes are told.
	same := "IMPERIO_HTTP_ADDR=" + r.address
	r.write(t, same, "IMPERIO_SLOTS_MAX_STAKE=5", "IMPERIO_ROULETTE=maybe", "IMPERIO_LOG_LEVEL=loud")
	if out, code := r.verb(t, "reload"); code != 2 || !strings.Contains(out, "nothing has changed") || !strings.Contains(out, "line 3, IMPERIO_ROULETTE") || !strings.Contains(out, "line 4, IMPERIO_LOG_LEVEL") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if err := r.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the refusal in the log", func() bool { return strings.Contains(r.log.String(), "was not reloaded: nothing has changed") })
	inForce(false)

	// The same by the verb, with more that is right.
	other := freeAddress(t)
	right := []string{
		"IMPERIO_HTTP_ADDR=" + other, "IMPERIO_SLOTS_MAX_STAKE=5", "IMPERIO_CORS_ORIGINS=" + page, "IMPERIO_METRICS_TOKEN=" + token,
		"IMPERIO_LIMIT_GENERAL_BURST=90", "IMPERIO_LOG_LEVEL=debug", "IMPERIO_LIMIT_SLOTS_RATE=100/s", "IMPERIO_LIMIT_SLOTS_BURST=100",
	}
	r.write(t, right...)
	if strings.Contains(r.log.String(), "level=DEBUG") {
		t.Error("the log has details already")
	}
	out, code := r.verb(t, "reload")
	now, restart, _ := strings.Cut(out, "Needs a restart")
	if code != 0 || !strings.Contains(now, "slots-max-stake") || !strings.Contains(now, "metrics-token") || strings.Contains(now, "http-addr") || !strings.Contains(restart, other) || strings.Contains(out, token) {
		t.Errorf("exit code %d: %s", code, out)
	}
	inForce(true)
	if out, code = r.verb(t, "reload", "--json"); code != 0 || !strings.Contains(out, `"applied": []`) || !strings.Contains(out, `"key": "http-addr"`) {
		t.Errorf("a second time, exit code %d: %s", code, out)
	}
	r.await(t, "details in the log", func() bool { return strings.Contains(r.log.String(), "level=DEBUG") })

	// And back by SIGHUP.
	r.write(t, same)
	if err := r.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the reload in the log", func() bool { return strings.Count(r.log.String(), "the configuration was reloaded") == 3 })
	inForce(false)
	r.stop(t)
	r.audit(t)
	if out, code := r.verb(t, "reload"); code != 1 || !strings.Contains(out, "no casino can be asked") {
		t.Errorf("without a casino, exit code %d: %s", code, out)
	}
}

func TestReload_UnderLoadNoRequestFails(t *testing.T) {
	many := []string{"IMPERIO_LIMIT_GENERAL_RATE=100000/s", "IMPERIO_LIMIT_GENERAL_BURST=100000", "IMPERIO_LIMIT_SLOTS_RATE=100000/s", "IMPERIO_LIMIT_SLOTS_BURST=100000"}
	r := newReloading(t, many...)
	const clients = 4
	players := make([]*player, clients)
	for i := range players {
		players[i] = &player{name: fmt.Sprintf("player%d", i), casino: r.process}
		players[i].signUp(t)
	}
	ctx, stop := context.WithCancel(t.Context())
	var played atomic.Int64
	var working sync.WaitGroup
	for _, p := range players {
		working.Go(func() {
			for ctx.Err() == nil {
				status, body, err := p.call(context.Background(), "POST", "/api/v1/games/slots/spins", `{"stake":1}`, "")
				if err != nil || status != http.StatusCreated {
					t.Errorf("%v: %d %s", err, status, body)
					return
				}
				played.Add(1)
			}
		})
	}
	for i := range 20 {
		before := played.Load()
		r.await(t, "bets", func() bool { return t.Failed() || played.Load() >= before+2*clients })
		r.write(t, append(slices.Clone(many[:3]), "IMPERIO_HTTP_ADDR="+r.address, fmt.Sprintf("IMPERIO_SLOTS_MAX_STAKE=%d", 100+i), fmt.Sprintf("IMPERIO_LIMIT_SLOTS_BURST=%d", 100_001+i),
			fmt.Sprintf("IMPERIO_CORS_ORIGINS=https://p%d.example", i), fmt.Sprintf("IMPERIO_MAX_CONNECTIONS=%d", 1000+i))...)
		if out, code := r.verb(t, "reload"); code != 0 || !strings.Contains(out, "slots-max-stake") {
			t.Errorf("exit code %d: %s", code, out)
		}
	}
	stop()
	working.Wait()
	r.stop(t)
	r.audit(t)
}

func TestConfigCheck_FindsWhatAStartWouldFailWith(t *testing.T) {
	r := newReloading(t)
	if out, code := r.verb(t, "config", "check"); code != 0 || !strings.Contains(out, "OK") || !strings.Contains(out, "a casino runs on") {
		t.Errorf("while the casino runs, exit code %d: %s", code, out)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.write(t, "IMPERIO_HTTP_ADDR="+taken.Addr().String(), "IMPERIO_TLS=internal", "IMPERIO_HTTPS_ADDR="+freeAddress(t))
	if out, code := r.verb(t, "config", "check"); code != 2 || !strings.Contains(out, "http-addr: listen for http") || !strings.Contains(out, "Another program listens there") {
		t.Errorf("with a taken address, exit code %d: %s", code, out)
	}
	r.write(t, "IMPERIO_HTTP_ADDR="+r.address, "IMPERIO_SLOTS=maybe", "GOGC=50")
	if out, code := r.verb(t, "config", "check", "--json"); code != 2 || !strings.Contains(out, `"ok": false`) || !strings.Contains(out, "IMPERIO_SLOTS") || !strings.Contains(out, "drop-in") {
		t.Errorf("with mistakes, exit code %d: %s", code, out)
	}
	r.write(t, "IMPERIO_HTTPS_ADDR="+freeAddress(t), "IMPERIO_TLS=files", "IMPERIO_TLS_CERT=/nowhere/cert.pem", "IMPERIO_TLS_KEY=/nowhere/key.pem")
	if out, code := r.verb(t, "config", "check"); code != 2 || !strings.Contains(out, "/nowhere/cert.pem") {
		t.Errorf("with missing files, exit code %d: %s", code, out)
	}
	r.write(t, "IMPERIO_HTTP_ADDR="+r.address)
	r.stop(t)
	if out, code := r.verb(t, "config", "check"); code != 0 || !strings.Contains(out, "OK") || strings.Contains(out, "a casino runs on") {
		t.Errorf("after the casino, exit code %d: %s", code, out)
	}
}

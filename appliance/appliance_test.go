package appliance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/edge"
)

// logged opens and closes a casino, and returns its log.
func logged(t *testing.T, change func(*config.Config)) string {
	t.Helper()
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	change(&c)
	var logs bytes.Buffer // nobody writes to it after close
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: &logs})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.close(); err != nil {
		t.Fatal(err)
	}
	return logs.String()
}

func TestNew_WarnsOfWhatIsAllowedButDangerous(t *testing.T) {
	logs := logged(t, func(*config.Config) {})
	if strings.Count(logs, "level=WARN") != 1 || !strings.Contains(logs, "no backups are configured") {
		t.Errorf("the default does not warn of missing backups alone:\n%s", logs)
	}
	logs = logged(t, func(c *config.Config) { c.Backups.To = []config.BackupURL{config.BackupURL("file://" + t.TempDir())} })
	if strings.Contains(logs, "level=WARN") {
		t.Errorf("with backups, the default warns:\n%s", logs)
	}
	logs = logged(t, func(c *config.Config) { c.Limits.On, c.Games.SlotsRules = false, "slots/1" })
	for _, want := range []string{"limits: ", "slots-rules: slots/1 returns "} {
		if strings.Count(logs, want) != 1 {
			t.Errorf("%q is not logged exactly once:\n%s", want, logs)
		}
	}
}

// net/http logs errors of its own. As plain lines they would break readers of JSON logs.
func TestLogs_AreJSONWhateverNetHTTPSays(t *testing.T) {
	c := config.Default()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", "127.0.0.1:0"
	c.Logs.Format, c.Logs.Level = config.LogJSON, slog.LevelDebug
	var logs bytes.Buffer // nobody writes to it after close
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: &logs})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range app.servers {
		if s.http.ErrorLog == nil {
			t.Errorf("%s logs its errors to the standard logger", s.name)
			continue
		}
		s.http.ErrorLog.Printf("http: panic serving %s: a bug", s.name)
	}
	if err := app.close(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for line := range strings.Lines(logs.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if strings.Contains(line, "a bug") {
			told++
		}
	}
	if told != len(app.servers) || told < 3 {
		t.Errorf("%d of %d servers were heard:\n%s", told, len(app.servers), &logs)
	}
}

// Each limit can be turned off by itself, and the others stay.
func TestLimits_AreTurnedOffOneByOne(t *testing.T) {
	for _, c := range []struct {
		name   string
		off    func(*config.Limits)
		signIn string // the code of the last sign-in
		games  int    // the status of the last request for the games
	}{
		{"general", func(l *config.Limits) { l.GeneralRate = config.Rate{} }, "rate_limited", 200},
		{"sign-in", func(l *config.Limits) { l.SignInRate = config.Rate{} }, "sign_in_throttled", 429},
		{"sign-in, failed sign-ins and connections", func(l *config.Limits) {
			l.SignInRate, l.FailedSignIns, l.Connections, l.ConnectionsPerAddress = config.Rate{}, config.Rate{}, 0, 0
		}, "invalid_credentials", 429},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openRealHouse(t, func(conf *config.Config) {
				conf.Limits.On = true
				conf.Limits.GeneralRate, conf.Limits.GeneralBurst = config.Rate{Events: 1, Per: time.Hour}, 2 // the description is one
				conf.Limits.FailedSignIns = config.Rate{Events: 12, Per: time.Hour}
				c.off(&conf.Limits)
			})
			v, games := &realClient{h: h}, 0
			var refusal struct{ Code string }
			for range 15 {
				games, _ = v.send("GET", "/api/v1/games", "")
				_, body := v.send("POST", "/api/v1/sessions", `{"login":"nobody","password":"wrong password"}`)
				if err := json.Unmarshal(body, &refusal); err != nil {
					t.Fatal(err)
				}
			}
			if refusal.Code != c.signIn || games != c.games {
				t.Errorf("sign-ins end with %s, requests with %d", refusal.Code, games)
			}
		})
	}
}

// After a mistake in a sign-up, a player can correct it at once.
func TestSignUp_AMistakeLocksNobodyOut(t *testing.T) {
	h := openRealHouse(t, func(c *config.Config) { c.Limits.On, c.Limits.SignUpBurst = true, 1 })
	v := &realClient{h: h}
	v.object(422, "POST", "/api/v1/accounts", `{"username":"cherry","email":"cherry@example.org","password":"short"}`)
	v.object(201, "POST", "/api/v1/accounts", `{"username":"cherry","email":"cherry@example.org","password":"long enough"}`)
	v.object(429, "POST", "/api/v1/accounts", `{"username":"apple","email":"apple@example.org","password":"long enough"}`)
}

// While requests in flight finish, probes on the operator's listener learn that the node takes no new ones.
func TestRun_ProbesLearnFirstThatTheNodeStops(t *testing.T) {
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", "127.0.0.1:0"
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	address := make(map[string]string)
	for _, s := range app.servers {
		address[s.name] = s.on.Addr().String()
	}
	probe := func(path string) int {
		res, err := http.Get("http://" + address["metrics and health"] + path)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range edge.DataHeaders() {
			if got := res.Header[name]; !slices.Equal(got, value) {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if status := probe("/health/ready"); status != 200 {
		t.Fatalf("before: %d", status)
	}
	player, err := net.Dial("tcp", address["http"])
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	// The answer to "Expect" shows that the request is being handled. Its body follows later.
	_, _ = io.WriteString(player, "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	answers := bufio.NewReader(player)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q %v", line, err)
	}
	stop()
	for deadline := time.Now().Add(3 * time.Minute); probe("/health/ready") != 503; {
		if time.Now().After(deadline) {
			t.Fatal("health never says that the node is stopping")
		}
	}
	if status := probe("/health/live"); status != 200 {
		t.Errorf("the liveness probe: %d", status)
	}
	_, _ = io.WriteString(player, "{}")
	rest, err := io.ReadAll(answers)
	if err != nil || !strings.Contains(string(rest), "HTTP/1.1 400") {
		t.Errorf("the request in flight was answered with %q, %v", rest, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// If its directory is removed or moved, a running casino ends with an error, and the next start at the same place makes no
// new casino.
func TestRun_NoticesThatItsDirectoryIsGone(t *testing.T) {
	for name, take := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".moved") },
	} {
		t.Run(name, func(t *testing.T) {
			c := patientConfig()
			c.Data.Dir = filepath.Join(t.TempDir(), "casino")
			c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", "127.0.0.1:0"
			app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if err := take(c.Data.Dir); err != nil {
				t.Fatal(err)
			}
			if err := app.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "was removed or moved while it was in use") {
				t.Errorf("it ends with %v", err)
			}
			if _, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard}); err == nil || !strings.Contains(err.Error(), "is missing, though this directory holds a casino") {
				t.Errorf("the next start: %v", err)
			}
		})
	}
}

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNotifyTest_PrintsWhatBecameOfEach(t *testing.T) {
	bodies := make(chan string, 10)
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + " " + string(body)
		w.WriteHeader(answer)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	file := filepath.Join(t.TempDir(), "notify")
	if err := os.WriteFile(file, []byte("# for the night shift\n"+server.URL+"/hunter2\nslack+"+server.URL+"/hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	stdout, stderr, code := invoke(t, nil, "notify", "test", "--notify-file", file, "--topic", "low_disk")
	if want := "webhook  " + host + "  sent\nslack    " + host + "  sent\n"; stdout != want || stderr != "" || code != 0 {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	got := []string{<-bodies, <-bodies}
	slices.Sort(got)
	if !strings.HasPrefix(got[0], `/hunter2 {"text":"OK: test message (`) || !strings.HasPrefix(got[1], `/hunter2 {"topic":"low_disk","status":"ok","title":"test message"`) {
		t.Errorf("sent %q", got)
	}

	answer = http.StatusForbidden
	stdout, stderr, code = invoke(t, []string{"IMPERIO_NOTIFY_FILE=" + file}, "notify", "test", "--json")
	var told struct {
		Destinations []struct {
			Kind, Host, Problem string
			Sent                bool
		}
	}
	if err := json.Unmarshal([]byte(stdout), &told); err != nil || code != 1 || len(told.Destinations) != 2 || told.Destinations[0].Sent || told.Destinations[1].Host != host ||
		!strings.HasPrefix(told.Destinations[0].Problem, "it answers 403 Forbidden") || !strings.Contains(stderr, "not sent to 2 of 2") {
		t.Errorf("exit code %d, %s, %s", code, stdout, stderr)
	}
	if strings.Contains(stdout+stderr, "hunter2") {
		t.Errorf("told: %s %s", stdout, stderr)
	}
}

func TestNotifyTest_Refusals(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitFailed, "there is no destination: set --notify or --notify-file"},
		{[]string{"--topic", "weather"}, exitUsage, `"weather" is not a topic: use one of backup_made,`},
		{[]string{"--notify", "http://casino.example/hunter2"}, exitUsage, "in the clear"},
		{[]string{"--notify", "hunter2"}, exitUsage, "flag --notify: not a URL of a destination"},
	} {
		stdout, stderr, code := invoke(t, nil, append([]string{"notify", "test"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}

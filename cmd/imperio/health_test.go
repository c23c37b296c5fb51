package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// nodeThatSays is a node with the given health report.
func nodeThatSays(t *testing.T, body string, ready int) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(ready) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

const healthyNode = `{"status":"healthy","checks":{"store":{"status":"healthy","detail":"checkpoint at 42"},"clock":{"status":"healthy"},"disk":{"status":"degraded","detail":"300 MiB free"}},"version":"v1","applied_index":42,"history_head":"ab"}`

func TestHealth_PrintsTheChecksOfANodeThatIsReady(t *testing.T) {
	stdout, stderr, code := invoke(t, nil, "health", "--url", nodeThatSays(t, healthyNode, http.StatusOK))
	if !strings.Contains(stdout, "clock\n") {
		t.Errorf("a check without a detail has a trailing colon:\n%s", stdout)
	}
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, line := range []string{"healthy version v1, applied index 42, history head ab", "degraded disk: 300 MiB free", "healthy store: checkpoint at 42"} {
		if !containsLine(stdout, line) {
			t.Errorf("no line %q in:\n%s", line, stdout)
		}
	}
}

func TestHealth_FailsIfTheNodeIsNotReady(t *testing.T) {
	_, stderr, code := invoke(t, nil, "health", "--url", nodeThatSays(t, healthyNode, http.StatusServiceUnavailable))
	if code != 1 || !strings.Contains(stderr, "not ready") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestHealth_FailsIfNobodyOrAnotherServerAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	_, stderr, code := invoke(t, nil, "health", "--url", server.URL)
	if code != 1 || !strings.Contains(stderr, "not a casino's health report") {
		t.Errorf("another server: exit code %d: %s", code, stderr)
	}
	server.Close()
	_, stderr, code = invoke(t, nil, "health", "--url", server.URL)
	if code != 1 || !strings.Contains(stderr, "Is the casino running?") {
		t.Errorf("no server: exit code %d: %s", code, stderr)
	}
}

func TestHealth_AsksTheOperatorsListenerBeforeThePlayersAddress(t *testing.T) {
	address := func(body string, ready int) string {
		return strings.TrimPrefix(nodeThatSays(t, body, ready), "http://")
	}
	good, other := address(healthyNode, http.StatusOK), address(`{"no":"casino"}`, http.StatusNotFound)
	bad := address(healthyNode, http.StatusServiceUnavailable)
	for _, c := range []struct {
		name, ops, http string
		code            int
	}{
		{"the operator's listener", good, bad, 0},
		{"what it says counts", bad, good, 1},
		{"another server is there", other, good, 0},
		{"nobody is there", "127.0.0.1:1", good, 0},
		{"there is none", "none", good, 0},
		{"nobody anywhere", "127.0.0.1:1", other, 1},
	} {
		environ := []string{"IMPERIO_DATA_DIR=" + t.TempDir(), "IMPERIO_OPS_ADDR=" + c.ops, "IMPERIO_HTTP_ADDR=" + c.http}
		if _, stderr, code := invoke(t, environ, "health"); code != c.code {
			t.Errorf("%s: exit code %d: %s", c.name, code, stderr)
		}
	}
}

package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

func TestOf_TellsRefusalsFromFailures(t *testing.T) {
	tomorrow := time.Date(2026, 11, 24, 1, 2, 3, 4_000_000, time.UTC)
	for _, c := range []struct {
		err    error
		status int
		code   string
		cause  bool // kept for the log
	}{
		{New("forbidden", "No."), 403, "forbidden", false},
		{fmt.Errorf("asked: %w", New("forbidden", "No.")), 403, "forbidden", false},
		{&command.Refusal{Code: "already_collected", Message: "Not yet.", Until: tomorrow}, 409, "already_collected", false},
		{&command.Refusal{Code: "never_heard_of", Message: "No."}, 409, "never_heard_of", false},
		{&games.Refusal{Code: "invalid_bet", Message: "No."}, 422, "invalid_bet", false},
		{fmt.Errorf("propose: %w", command.ErrUnknown), 503, "outcome_unknown", true},
		{fmt.Errorf("propose: %w", command.ErrUnavailable), 503, "unavailable", true},
		{context.Canceled, 503, "unavailable", true},
		{errors.New("a bug"), 500, "internal_error", true},
	} {
		p := Of(c.err)
		if p.Status != c.status || p.Code != c.code || (p.Cause != nil) != c.cause || p.Detail == "" {
			t.Errorf("%v: %+v", c.err, p)
		}
		if c.cause && !errors.Is(p, c.err) {
			t.Errorf("%v: the cause is %v", c.err, p.Cause)
		}
	}
}

func TestDocument_SaysAllThatTheProblemKnows(t *testing.T) {
	now := time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		problem    Problem
		nextAt     string
		retryAfter int
		detail     string
	}{
		{"plain", Problem{Status: 409, Code: "round_open", Detail: "No."}, "", 0, "No."},
		{"with a time", Problem{Status: 409, Code: "limit_reached", Detail: "No.", Limit: "loss_per_day", NextAt: now.Add(1500 * time.Millisecond)}, "2026-11-23T21:00:01.500Z", 0, "No."},
		{"throttled until a time", Problem{Status: 429, Code: "sign_in_throttled", Detail: "No.", NextAt: now.Add(1500 * time.Millisecond)}, "2026-11-23T21:00:01.500Z", 2, "No. Wait 2 seconds, then try again."},
		{"throttled for a while", Problem{Status: 429, Code: "rate_limited", Detail: "No.", RetryAfter: 61 * time.Second}, "", 61, "No. Wait 61 seconds, then try again."},
		{"throttled without a time", Problem{Status: 429, Code: "rate_limited", Detail: "No."}, "", 60, "No. Wait 60 seconds, then try again."},
	} {
		c.problem.Cause = errors.New("a secret")
		w := httptest.NewRecorder()
		c.problem.Document("request-1", now).Write(w, httptest.NewRequest("GET", "/", nil))
		var d Document
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		want := Document{
			Type: "about:blank", Title: http.StatusText(c.problem.Status), Status: c.problem.Status, Code: c.problem.Code, Detail: c.detail,
			RequestID: "request-1", NextAt: c.nextAt, Limit: c.problem.Limit, RetryAfter: c.retryAfter,
		}
		if d != want || w.Code != c.problem.Status || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		h := w.Header()
		if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Errorf("%s: %v", c.name, h)
		}
		if retry := h.Get("Retry-After"); retry != "" && retry != fmt.Sprint(c.retryAfter) || (retry == "") != (c.retryAfter == 0) {
			t.Errorf("%s: Retry-After %q", c.name, retry)
		}
	}
	w := httptest.NewRecorder()
	NewDocument("not_found", "No.").Write(w, httptest.NewRequest("HEAD", "/", nil))
	if w.Code != 404 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

// sent lists the codes in the program's source, with a file that sends each.
func sent(t *testing.T) map[string]string {
	t.Helper()
	code := regexp.MustCompile(`(?:Refusef\(|refuse\((?:w, r, )?|NewDocument\(|(?:problem\.| )New\(|Refusal\{Code: +|[^a-zA-Z]Code: +)"([a-z_]+)"`)
	// Players never see codes about locks, or about input that the casino itself gives to games.
	inside := []string{"lock_held", "lock_lost", "invalid_lock", "invalid_draws", "invalid_server_seed"}
	found := make(map[string]string)
	for _, dir := range []string{"storage", "games", "appliance"} {
		err := filepath.WalkDir("../../"+dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() && (strings.HasSuffix(path, "test") || path == "../../appliance/bench") {
				return fs.SkipDir // models and clients
			}
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range code.FindAllSubmatch(source, -1) {
				if name := string(match[1]); !slices.Contains(inside, name) {
					found[name] = path
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// A refusal whose code has no status would get the wrong one. A code that nothing sends would mislead clients.
func TestStatuses_AreThoseOfTheCodesThatCanBeSent(t *testing.T) {
	found := sent(t)
	for code, path := range found {
		if _, ok := statuses[code]; !ok {
			t.Errorf("%s refuses with %s, which has no status", path, code)
		}
	}
	for code := range statuses {
		if found[code] == "" {
			t.Errorf("nothing refuses with %s", code)
		}
	}
}

// One row of the document is a status, a code, and what it means.
func TestStatuses_AreListedInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/API.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| `([a-z_]+)` \\| .+ \\|$").FindAllStringSubmatch(string(text), -1) {
		status, code := row[1], row[2]
		if want := statuses[code]; fmt.Sprint(want) != status {
			t.Errorf("%s is listed with status %s, and sent with %d", code, status, want)
		}
		if listed[code] {
			t.Errorf("%s is listed twice", code)
		}
		listed[code] = true
	}
	for code, status := range statuses {
		if !listed[code] {
			t.Errorf("%s, sent with status %d, is not listed", code, status)
		}
	}
}

func TestWait_SaysItInWords(t *testing.T) {
	for seconds, want := range map[int]string{
		1: "1 second", 40: "40 seconds", 119: "119 seconds", 120: "about 2 minutes", 1081: "about 19 minutes", 7199: "about 120 minutes",
		7200: "about 2 hours", 90_000: "about 25 hours",
	} {
		if got := Wait(seconds); got != want {
			t.Errorf("%d: %q, want %q", seconds, got, want)
		}
	}
}

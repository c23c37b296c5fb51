package ops

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A receiver does what docs/NOTIFICATIONS.md says.
func receiverAccepts(r received, secret string, now time.Time) bool {
	stamp := r.headers.Get("Imperio-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", stamp, r.body)
	return hmac.Equal([]byte("v1="+hex.EncodeToString(mac.Sum(nil))), []byte(r.headers.Get("Imperio-Signature")))
}

func TestNotifier_WebhooksAreSignedAndComplete(t *testing.T) {
	const secret = "0123456789abcdef"
	r := newReceiver(t, nil)
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/hook?token=x", nil)}, Secret: secret, Roots: trusts(r.Server)})
	n.Notify(failing)
	got := r.next(t)
	if !receiverAccepts(got, secret, time.Now()) {
		t.Errorf("a receiver refuses %v", got.headers)
	}
	if receiverAccepts(got, secret+"x", time.Now()) || receiverAccepts(got, secret, time.Now().Add(10*time.Minute)) {
		t.Error("a receiver accepts anything")
	}
	var body map[string]any
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"topic": "backup_failed", "status": "alarm", "title": "a backup failed", "text": "The target <s3> & all is down.",
		"time": "2026-11-29T02:00:00.123Z", "casino": "casino.example", "version": "1.2.3", "details": map[string]any{"target": "s3://backups"},
	}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", body, want)
	}
	if got.method != "POST" || got.path != "/hook?token=x" || got.headers.Get("Content-Type") != "application/json" ||
		got.headers.Get("User-Agent") != "imperio/1.2.3" || len(got.headers.Get("Imperio-Delivery")) < 20 {
		t.Errorf("got %+v", got)
	}
}

func TestNotifier_WithoutASecretNothingIsSigned(t *testing.T) {
	r := newReceiver(t, nil)
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Roots: trusts(r.Server)})
	n.Notify(failing)
	if got := r.next(t); got.headers.Get("Imperio-Signature") != "" || got.headers.Get("Imperio-Timestamp") == "" {
		t.Errorf("got %v", got.headers)
	}
}

func TestNotifier_RetriesUntilItIsTaken(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, n int) {
		if statuses := []int{503, 429, 408, 425, 500}; n <= len(statuses) {
			w.Header().Set("Retry-After", "3600") // no longer than the longest pause
			w.WriteHeader(statuses[n-1])
		}
	})
	var results counted
	var log logged
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Secret: "0123456789abcdef", Roots: trusts(r.Server), Observe: results.observe, Log: log.logger()})
	n.Notify(failing)
	first := r.next(t)
	for range 5 {
		again := r.next(t)
		if again.headers.Get("Imperio-Delivery") != first.headers.Get("Imperio-Delivery") || string(again.body) != string(first.body) || !receiverAccepts(again, "0123456789abcdef", time.Now()) {
			t.Errorf("a retry differs: %v", again.headers)
		}
	}
	results.await(t, "webhook sent", 1)
	n.Notify(Message{Topic: TopicClock, Status: StatusOK, Title: "another"})
	if second := r.next(t); second.headers.Get("Imperio-Delivery") == first.headers.Get("Imperio-Delivery") {
		t.Error("another message has the same id")
	}
	results.await(t, "webhook sent", 2)
	if results.of("webhook failed") != 0 || strings.Count(log.String(), "can't be sent") != 1 || strings.Count(log.String(), "can be sent again") != 1 {
		t.Errorf("%v\n%s", results.n, log.String())
	}
}

func TestNotifier_GivesUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		o      NotifierOptions
		tries  int
	}{
		{"what is refused for good", 400, NotifierOptions{}, 1},
		{"a URL that is gone", 410, NotifierOptions{}, 1},
		{"after so many tries", 500, NotifierOptions{Tries: 3}, 3},
		{"what is too old", 500, NotifierOptions{Age: time.Nanosecond}, 1},
	} {
		r := newReceiver(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(c.status) })
		var results counted
		var log logged
		c.o.Destinations, c.o.Roots, c.o.Observe, c.o.Log = []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, trusts(r.Server), results.observe, log.logger()
		n := newNotifier(t, c.o)
		n.Notify(failing)
		results.await(t, "webhook failed", 1)
		if len(r.got) != c.tries || n.Waiting() > 1 || !strings.Contains(log.String(), fmt.Sprintf("reason=\"it answers %d", c.status)) {
			t.Errorf("%s: %d tries\n%s", c.name, len(r.got), log.String())
		}
	}
}

func TestNotifier_WhatHangsDelaysNobodyElse(t *testing.T) {
	release := make(chan struct{})
	hanging := newReceiver(t, func(http.ResponseWriter, int) { <-release })
	t.Cleanup(func() { close(release) }) // before the server closes
	working := newReceiver(t, nil)
	var results counted
	var log logged
	n := newNotifier(t, NotifierOptions{
		Destinations: []NotifyDestination{hanging.to(t, KindSlack, "/", nil), working.to(t, KindWebhook, "/", nil)},
		Roots:        trusts(working.Server), Queue: 5, Observe: results.observe, Log: log.logger(),
	})
	for i := range 50 {
		n.Notify(Message{Topic: TopicHealth, Status: StatusAlarm, Subject: strconv.Itoa(i), Title: "something"})
		working.next(t)
	}
	hanging.next(t)
	results.await(t, "webhook sent", 50)
	if got := results.of("slack dropped"); got != 44 { // one is being sent, and five wait
		t.Errorf("%d were dropped", got)
	}
	if n.Waiting() != 6 || strings.Count(log.String(), "the oldest are dropped") != 1 {
		t.Errorf("%d wait\n%s", n.Waiting(), log.String())
	}
}

func TestNotifier_TellsRepeatsOnceAnHour(t *testing.T) {
	r := newReceiver(t, nil)
	var results counted
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Roots: trusts(r.Server), Observe: results.observe})
	works, other := failing, failing
	works.Topic, works.Status, works.Title = TopicBackupMade, StatusOK, "a backup was made"
	other.Subject = "file:///backup"
	var told []string
	for _, m := range []Message{failing, failing, other, failing, works, works, failing} {
		n.Notify(m)
	}
	results.await(t, "webhook sent", 4)
	for range 4 {
		var body struct{ Topic string }
		if err := json.Unmarshal(r.next(t).body, &body); err != nil {
			t.Fatal(err)
		}
		told = append(told, body.Topic)
	}
	if got := strings.Join(told, " "); got != "backup_failed backup_failed backup_made backup_failed" || results.of("webhook repeated") != 3 {
		t.Errorf("told %s, held back %d", got, results.of("webhook repeated"))
	}
}

func TestRepeats_AreToldAgainAfterAWhileWithTheirNumber(t *testing.T) {
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	r := repeats{window: time.Hour}
	for i := range 13 { // every five minutes, for an hour
		m := failing.bounded()
		if got, want := r.isNews(&m, at.Add(time.Duration(i)*5*time.Minute)), i == 0 || i == 12; got != want {
			t.Errorf("%d: news %t", i, got)
		}
		if i == 12 && m.Details["repeated"] != "11" {
			t.Errorf("details %v", m.Details)
		}
	}
	for i := range 3 * maxSubjects {
		m := failing.bounded()
		m.Subject = strconv.Itoa(i)
		r.isNews(&m, at)
		if len(r.last) > maxSubjects {
			t.Fatalf("%d are remembered", len(r.last))
		}
	}
}

func TestNotifier_ClosingSendsWhatWaits(t *testing.T) {
	down := make(chan struct{})
	r := newReceiver(t, func(w http.ResponseWriter, _ int) {
		select {
		case <-down:
		default:
			w.WriteHeader(503)
		}
	})
	var results counted
	var log logged
	n := newNotifier(t, NotifierOptions{
		Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Roots: trusts(r.Server), Observe: results.observe, Log: log.logger(),
		First: time.Hour, Longest: time.Hour,
	})
	n.Notify(failing)
	n.Notify(Message{Topic: TopicClock, Status: StatusOK, Title: "another"})
	log.await(t, "can't be sent") // the next try is in an hour
	close(down)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if results.of("webhook sent") != 2 || n.Waiting() != 0 {
		t.Errorf("%v, %d wait", results.n, n.Waiting())
	}
	n.Notify(failing) // too late, and harmless
	if n.Waiting() != 0 {
		t.Error("a closed notifier takes messages")
	}
}

func TestNotifier_ClosingWaitsForNobodyWhoIsDown(t *testing.T) {
	release := make(chan struct{})
	hanging := newReceiver(t, func(http.ResponseWriter, int) { <-release })
	t.Cleanup(func() { close(release) })
	refusing := newReceiver(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(503) })
	var results counted
	var log logged
	n := newNotifier(t, NotifierOptions{
		Destinations: []NotifyDestination{hanging.to(t, KindSlack, "/", nil), refusing.to(t, KindWebhook, "/", nil)},
		Roots:        trusts(hanging.Server), Observe: results.observe, Log: log.logger(), First: time.Hour, Longest: time.Hour,
	})
	n.Notify(failing)
	n.Notify(Message{Topic: TopicClock, Status: StatusOK, Title: "another"})
	hanging.next(t)
	refusing.next(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.Close(ctx); err != nil { // it would hang for ever
		t.Fatal(err)
	}
	if results.of("slack dropped") != 2 || results.of("webhook dropped") != 2 || strings.Count(log.String(), "not sent before the end") != 2 {
		t.Errorf("%v\n%s", results.n, log.String())
	}
}

func TestNotifier_TryTellsWhatBecameOfEach(t *testing.T) {
	r := newReceiver(t, nil)
	refusing := newReceiver(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(404) })
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/secret", nil), refusing.to(t, KindDiscord, "/secret", nil)}, Roots: trusts(r.Server)})
	got := n.Try(t.Context(), failing)
	if len(got) != 2 || got[0].Problem != "" || got[0].Host != r.Listener.Addr().String() || got[0].Kind != KindWebhook ||
		!strings.HasPrefix(got[1].Problem, "it answers 404 Not Found") {
		t.Errorf("got %+v", got)
	}
	r.next(t)
}

func TestNotifier_WithoutDestinationsNothingWaits(t *testing.T) {
	n := newNotifier(t, NotifierOptions{})
	n.Notify(failing)
	if n.Waiting() != 0 || len(n.Try(t.Context(), failing)) != 0 {
		t.Error("something waits")
	}
	if _, err := NewNotifier(NotifierOptions{Destinations: []NotifyDestination{{Kind: "pigeon"}}}); err == nil {
		t.Error("an unknown kind is taken")
	}
}

package appliance

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/ops"
)

// operator is a receiver of webhooks, which checks each signature.
type operator struct {
	*httptest.Server
	mu  sync.Mutex
	got []string // guarded by mu: topic, status and check of each message
}

const notifySecret = "0123456789abcdef0123"

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(notifySecret))
		io.WriteString(mac, r.Header.Get("Imperio-Timestamp")+".")
		mac.Write(body)
		if r.Header.Get("Imperio-Signature") != "v1="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("the signature %q is wrong", r.Header.Get("Imperio-Signature"))
		}
		var m struct {
			Topic, Status, Title, Casino, Version string
			Details                               map[string]string
		}
		if err := json.Unmarshal(body, &m); err != nil || m.Casino != "casino.example" || m.Version != "test" || m.Title == "" {
			t.Errorf("%v: %s", err, body)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got = append(o.got, strings.TrimSpace(m.Topic+" "+m.Status+" "+m.Details["check"]))
	}))
	t.Cleanup(o.Close)
	return o
}

// await waits for a message, while it does something.
func (o *operator) await(t *testing.T, message string, meanwhile func()) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		meanwhile()
		o.mu.Lock()
		got := slices.Clone(o.got)
		o.mu.Unlock()
		if slices.Contains(got, message) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q did not come, but %q", message, got)
		}
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func notifyingConfig(t *testing.T, o *operator) config.Config {
	t.Helper()
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr, c.Listen.Domains, c.TLS.Mode = "127.0.0.1:0", "", []string{"casino.example"}, config.TLSOff
	c.Notifications.To = config.NotifyURLs{config.NotifyURL(o.URL + "/hooks/hunter2")}
	c.Notifications.Secret = notifySecret
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNotifications_OperatorsLearnWhatChanges(t *testing.T) {
	o, disk := newOperator(t), new(smallDisk)
	disk.free.Store(1 << 40)
	logs := new(lockedBuffer)
	a, err := New(t.Context(), Options{Config: notifyingConfig(t, o), Version: "test", Logs: logs, Space: disk.space, Hold: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()

	look := func() {
		a.gate.Look()
		a.health.Report()
	}
	disk.free.Store(1 << 20)
	o.await(t, "low_disk warning disk_space", look)
	disk.free.Store(1 << 40)
	o.await(t, "low_disk ok disk_space", look)
	wantMetric(t, a.metrics, `imperio_notifications_total{kind="webhook",result="sent"} 2`, "imperio_notifications_waiting 0")
	a.escrow.Look(t.Context()) // the books are right, so this tells nothing
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.ContainsFunc(o.got, func(m string) bool { return strings.HasPrefix(m, "ledger") || strings.HasPrefix(m, "leader") }) {
		t.Errorf("a lone casino that is well told %q", o.got)
	}
	if strings.Contains(logs.String(), "hunter2") || strings.Contains(logs.String(), notifySecret) {
		t.Errorf("the log tells secrets:\n%s", logs)
	}
}

func TestNotifications_OperatorsLearnThatTheCasinoStopped(t *testing.T) {
	o := newOperator(t)
	c := notifyingConfig(t, o)
	a, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(t.Context()) }()
	if err := os.Rename(c.Data.Dir, c.Data.Dir+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the casino ran on without its data directory")
	}
	o.await(t, "health alarm", func() {}) // it was sent before the end
}

func TestNotifications_AStartOnAFullDiskIsTold(t *testing.T) {
	o, disk := newOperator(t), new(smallDisk)
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := New(ctx, Options{Config: notifyingConfig(t, o), Version: "test", Logs: io.Discard, Space: disk.space, Hold: time.Millisecond})
		failed <- err
	}()
	o.await(t, "low_disk alarm disk_space", func() {})
	stop()
	if err := <-failed; err == nil {
		t.Error("it started")
	}
}

func TestTryNotify_TellsWhatBecameOfEach(t *testing.T) {
	o := newOperator(t)
	c := notifyingConfig(t, o)
	c.Notifications.To = append(c.Notifications.To, "smtp://127.0.0.1:1?from=a@b.example&to=c@d.example")
	got, err := TryNotify(t.Context(), &c, "test", ops.Message{Topic: ops.TopicHealth, Status: ops.StatusOK, Title: "test"})
	if err != nil || len(got) != 2 || got[0].Problem != "" || got[1].Kind != ops.KindMail || got[1].Problem == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

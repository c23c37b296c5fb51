package appliance

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/control"
)

// reloadable opens a casino that does not serve, and whose configuration the test changes: next is what it reads at the next reload.
func reloadable(t *testing.T, change func(*config.Config)) (app *App, next *config.Config) {
	t.Helper()
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	change(&c)
	next = new(config.Config)
	*next = c
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard, Reload: func() (*config.Loaded, error) {
		if err := next.Validate(); err != nil {
			return nil, err
		}
		return &config.Loaded{Config: *next, Sources: map[string]string{}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.close(); err != nil {
			t.Error(err)
		}
	})
	return app, next
}

func reload(t *testing.T, app *App) control.Reloaded {
	t.Helper()
	done, err := app.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func keysOf(changes []control.Change) (keys []string) {
	for _, c := range changes {
		keys = append(keys, c.Key)
	}
	return keys
}

func TestReload_ComparesWithWhatIsInForce(t *testing.T) {
	app, next := reloadable(t, func(*config.Config) {})
	next.Logs.Level, next.Logs.Format = slog.LevelDebug, config.LogJSON
	next.Access.MetricsAllow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	done := reload(t, app)
	if got := keysOf(done.Applied); !slices.Equal(got, []string{"metrics-allow", "log-level"}) {
		t.Errorf("applied %v", got)
	}
	if got := keysOf(done.Restart); !slices.Equal(got, []string{"log-format"}) {
		t.Errorf("%v need a restart", got)
	}
	if !app.log.Enabled(t.Context(), slog.LevelDebug) || len(app.guard().Allow) != 1 {
		t.Error("what was applied is not in force")
	}
	done = reload(t, app)
	if len(done.Applied) != 0 || len(done.Restart) != 1 {
		t.Errorf("a second time: %+v", done)
	}
	next.Logs.Level, next.Logs.Format = slog.LevelInfo, config.LogText
	done = reload(t, app)
	if len(done.Applied) != 1 || len(done.Restart) != 0 || app.log.Enabled(t.Context(), slog.LevelDebug) {
		t.Errorf("back: %+v", done)
	}
}

// Each value is right, and together they are, but half of them can't be in force without the others.
func TestReload_AppliesNothingThatFitsOnlyAfterARestart(t *testing.T) {
	app, next := reloadable(t, func(c *config.Config) {
		c.Listen.HTTPAddr = ":0"
		c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	next.Listen.HTTPAddr, next.Limits.On, next.Accounts.DailyCoins = "127.0.0.1:0", false, 7
	done := reload(t, app)
	if len(done.Applied) != 0 || len(done.Problems) != 0 || done.Reason == "" {
		t.Errorf("got %+v", done)
	}
	if got := keysOf(done.Restart); !slices.Contains(got, "limits") || !slices.Contains(got, "http-addr") || !slices.Contains(got, "daily-coins") {
		t.Errorf("%v need a restart", got)
	}
	if !app.inForce.Load().Limits.On || app.inForce.Load().Accounts.DailyCoins == 7 {
		t.Error("something has changed")
	}
}

func TestReload_AMistakeChangesNothing(t *testing.T) {
	files := t.TempDir()
	cert, key := filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")
	writeCertificate(t, cert, key, "casino.test")
	app, next := reloadable(t, func(c *config.Config) {
		c.Listen.HTTPAddr, c.Listen.HTTPSAddr = "127.0.0.1:0", "127.0.0.1:0"
		c.TLS.Mode, c.TLS.CertFile, c.TLS.KeyFile = config.TLSFiles, cert, key
	})
	before := app.inForce.Load()
	right := *next
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"a value":              {func(c *config.Config) { c.Accounts.DailyCoins, c.Games.SlotsMinStake = -1, 0 }, "daily-coins"},
		"a missing file":       {func(c *config.Config) { c.TLS.CertFile = filepath.Join(files, "other.pem") }, "other.pem"},
		"files that don't fit": {func(c *config.Config) { c.TLS.KeyFile = cert }, "key file"},
	} {
		*next = right
		next.Logs.Level, next.Accounts.WelcomeCoins = slog.LevelDebug, 1
		c.change(next)
		done := reload(t, app)
		if len(done.Problems) == 0 || len(done.Applied)+len(done.Restart) > 0 || app.inForce.Load() != before || app.log.Enabled(t.Context(), slog.LevelDebug) {
			t.Errorf("%s: %+v", name, done)
		}
		if text := done.Problems[0].Where + ": " + done.Problems[0].Message; !strings.Contains(text, c.want) {
			t.Errorf("%s: %s", name, text)
		}
	}

	// Other files are taken.
	*next = right
	next.TLS.CertFile, next.TLS.KeyFile = filepath.Join(files, "new.pem"), filepath.Join(files, "new-key.pem")
	writeCertificate(t, next.TLS.CertFile, next.TLS.KeyFile, "new.test")
	if done := reload(t, app); len(done.Applied) != 2 || !done.CertificatesRead {
		t.Errorf("other files: %+v", done)
	}
	for deadline := time.Now().Add(3 * time.Minute); !slices.Equal(app.certs.Hosts(), []string{"new.test"}); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the certificate is for %v", app.certs.Hosts())
		}
	}
}

func TestReload_IsRefusedWhereItCantBe(t *testing.T) {
	c := patientConfig()
	c.Data.Dir, c.Listen.HTTPAddr, c.Listen.OpsAddr = privateDir(t), "127.0.0.1:0", ""
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "Restart it") {
		t.Errorf("without sources: %v", err)
	}
	app.stopping.Store(true)
	if _, err := app.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("while it stops: %v", err)
	}
	if err := app.close(); err != nil {
		t.Error(err)
	}
}

// Reloads at the same time follow each other, and everything that reads what is in force may do so meanwhile.
func TestReload_ManyAtOnce(t *testing.T) {
	app, next := reloadable(t, func(*config.Config) {})
	var mu sync.Mutex
	read := app.reload
	app.reload = func() (*config.Loaded, error) {
		mu.Lock()
		defer mu.Unlock()
		next.Accounts.DailyCoins++
		next.Games.BlackjackAbandonAfter += time.Minute
		return read()
	}
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for range 20 {
				if done, err := app.Reload(context.Background()); err != nil || len(done.Problems) > 0 {
					t.Error(errors.Join(err), done)
				}
				app.guard()
				app.offered(app.inForce.Load())
			}
		})
	}
	working.Wait()
	if got := app.inForce.Load().Accounts.DailyCoins; got != 180 {
		t.Errorf("%d coins after 80 reloads", got)
	}
}

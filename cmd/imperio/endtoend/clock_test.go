package endtoend

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/replication"
)

// clockVariable makes the test binary a casino whose clock is the machine's plus an offset in the named file. A test must not
// set the machine's own clock.
const clockVariable = "ENDTOEND_CLOCK"

// setClock is a wall clock that a test can set: a file with its offset from the machine's clock.
type setClock struct{ path string }

func newSetClock(t *testing.T) *setClock {
	t.Helper()
	c := &setClock{path: filepath.Join(t.TempDir(), "clock")}
	c.set(t, 0)
	return c
}

// set sets the clock, for a running casino and for one that is started later.
func (c *setClock) set(t *testing.T, ahead time.Duration) {
	t.Helper()
	next := c.path + ".next"
	err := os.WriteFile(next, []byte(ahead.String()), 0o600)
	if err == nil {
		err = os.Rename(next, c.path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// command is the test binary as a casino with the given flags.
func (c *setClock) command(t *testing.T, flags []string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), clockVariable+"="+c.path)
	for i := 1; i+1 < len(flags); i += 2 {
		name := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flags[i], "--"), "-", "_"))
		command.Env = append(command.Env, config.EnvPrefix+name+"="+flags[i+1])
	}
	return command
}

// readClock is the casino's side of a setClock.
type readClock struct {
	replication.SystemClock
	ahead atomic.Int64
}

func (c *readClock) Read() replication.Reading {
	r := c.SystemClock.Read()
	r.Wall = r.Wall.Add(time.Duration(c.ahead.Load()))
	return r
}

// Synchronized says "unknown": the machine's clock may be synchronized, but this one is not.
func (c *readClock) Synchronized() (yes, known bool) { return false, false }

func (c *readClock) look(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	ahead, err := time.ParseDuration(string(text))
	c.ahead.Store(int64(ahead))
	return err
}

// serveByClock does the same as 'imperio serve', with another clock, and returns the exit code.
func serveByClock(path string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := serveWith(ctx, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveWith(ctx context.Context, path string) error {
	clock := new(readClock)
	if err := clock.look(path); err != nil {
		return err
	}
	loaded, err := config.Load(config.Input{Environ: os.Environ(), ReadFile: os.ReadFile})
	if err != nil {
		return err
	}
	if err := loaded.Config.Validate(); err != nil {
		return err
	}
	app, err := appliance.New(ctx, appliance.Options{Config: loaded.Config, Version: "test", Logs: os.Stderr, Clock: clock})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
				clock.look(path) // the test is about to end if the file is gone
			case <-ctx.Done():
			}
		}
	}()
	err = app.Run(ctx)
	stop()
	<-looked
	return err
}

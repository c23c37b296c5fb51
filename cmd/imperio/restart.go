package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
)

type restartCommand struct {
	jsonFlag `embed:""`
	Node     dataDirFlags  `embed:""`
	Binary   string        `name:"binary" type:"path" placeholder:"FILE" help:"Go on with this program. The default is the file that the casino was started from."`
	Patience time.Duration `default:"2m" help:"Longest time to wait until the casino is ready again."`
}

// Help explains the verb.
func (restartCommand) Help() string {
	return `The casino finishes what runs, closes its data, and replaces itself by the program's file as it is now. Its process id, flags and environment stay, and so do its listening sockets: clients that connect meanwhile wait in line. It reads its configuration again, as at every start: 'imperio config' shows what it will be.

The program is tried before anything stops. If it can't be executed all the same, the running one starts again. Only the casino's user and root may restart it. Under systemd with imperio.socket, 'systemctl restart imperio' does the same, with a new process.

The exit code is 0 once the casino is ready again.

Examples:

  imperio restart
  imperio restart --data-dir /var/lib/imperio`
}

// restarted is what the verb prints for programs.
type restarted struct {
	PID     int     `json:"pid"`
	Was     string  `json:"was"` // versions
	Is      string  `json:"is"`
	Seconds float64 `json:"seconds"`
}

// Run asks for a restart and waits until the casino is ready again.
func (c *restartCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	socket := filepath.Join(loaded.Config.Data.Dir, appliance.SocketFile)
	client, err := control.Dial(env.Ctx, socket)
	if err != nil {
		return fmt.Errorf("%w. Is the casino running, and is %s its data directory? Name another one with --data-dir", err, loaded.Config.Data.Dir)
	}
	defer client.Close()
	was, err := control.GetStatus.Call(env.Ctx, client, control.None{})
	if err != nil {
		return err
	}
	began := time.Now()
	plan, err := control.Restart.Call(env.Ctx, client, control.RestartRequest{Binary: c.Binary})
	if err != nil {
		return err
	}
	is, err := c.await(env.Ctx, socket, was, plan)
	if err != nil {
		return err
	}
	if !sameFile(is.Program, plan.Program) {
		return fmt.Errorf("the casino is ready again, but runs %s, since %s could not be executed. Its log says why", is.Program, plan.Program)
	}
	out := restarted{PID: plan.PID, Was: was.Version, Is: is.Version, Seconds: time.Since(began).Seconds()}
	if c.JSON {
		return env.printJSON(out)
	}
	version := "version " + out.Is
	if out.Was != out.Is {
		version = fmt.Sprintf("version %s before, %s now", out.Was, out.Is)
	}
	_, err = fmt.Fprintf(env.Stdout, "The casino is ready again after %.2f s (process %d, %s).\n", out.Seconds, out.PID, version)
	return err
}

// await waits until a casino that was started after another one is ready, and returns its status.
func (c *restartCommand) await(ctx context.Context, socket string, was control.Status, plan control.Restarting) (is control.Status, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Patience, fmt.Errorf("the casino was not ready within %s (process %d). Its log says what it does; 'imperio health' asks again", c.Patience, plan.PID))
	defer cancel()
	target := healthTarget{name: socket, url: "http://imperio", dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if is, err = askStatus(ctx, socket); err == nil && !is.StartedAt.Equal(was.StartedAt) {
			if status, _, err := target.fetch(ctx, "/health/ready"); err == nil && status == http.StatusOK {
				return is, nil
			}
		}
		if errors.Is(syscall.Kill(plan.PID, 0), syscall.ESRCH) {
			return is, fmt.Errorf("the casino ended while it restarted (process %d). Its log says why. Mend that, and start it again: %s", plan.PID, plan.Program)
		}
		select {
		case <-ctx.Done():
			return is, context.Cause(ctx)
		case <-look.C:
		}
	}
}

// sameFile says whether two paths name one file. A path that is unknown is no difference.
func sameFile(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return a == b || a == "" || errA == nil && errB == nil && os.SameFile(fa, fb)
}

func askStatus(ctx context.Context, socket string) (control.Status, error) {
	client, err := control.Dial(ctx, socket)
	if err != nil {
		return control.Status{}, err
	}
	defer client.Close()
	return control.GetStatus.Call(ctx, client, control.None{})
}

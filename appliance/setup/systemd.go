package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"imperio/appliance/config"
)

// systemdRuns says whether systemd is the machine's init, as sd_booted(3) does.
func (h *host) systemdRuns() bool { return h.exists("/run/systemd/system") }

// properties asks systemd about a unit. The values of what it doesn't know are empty.
func (h *host) properties(ctx context.Context, unit string, names ...string) (map[string]string, error) {
	out, err := h.run(ctx, "systemctl", "show", unit, "--timestamp=us+utc", "--property="+strings.Join(names, ","))
	if err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		values[name] = value
	}
	return values, nil
}

// active says whether a unit runs or is about to.
func (h *host) active(ctx context.Context, unit string) bool {
	values, err := h.properties(ctx, unit, "ActiveState")
	return err == nil && isActive(values)
}

func isActive(values map[string]string) bool {
	state := values["ActiveState"]
	return state == "active" || state == "activating" || state == "reloading"
}

// changedSince says whether any of the files was changed after a time that systemd tells: by a run that was interrupted before it could
// restart, or by hand.
func (h *host) changedSince(timestamp string, files ...string) bool {
	since, err := time.Parse("Mon 2006-01-02 15:04:05.000000 MST", timestamp)
	if err != nil {
		return false
	}
	for _, file := range files {
		if info, err := os.Stat(h.path(file)); err == nil && info.ModTime().After(since) {
			return true
		}
	}
	return false
}

// unitEnvironment is what the service's unit and its drop-ins set, as far as it concerns the casino.
func (h *host) unitEnvironment(ctx context.Context) []string {
	if !h.systemdRuns() {
		return nil
	}
	values, err := h.properties(ctx, service, "Environment")
	if err != nil {
		return nil
	}
	var environ []string
	for _, word := range strings.Fields(values["Environment"]) {
		if strings.HasPrefix(word, "IMPERIO_") {
			environ = append(environ, word) // a later one wins
		}
	}
	return environ
}

// failedStarts is after how many ends of the process waiting for it makes no sense.
const failedStarts = 3

// awaitReady waits until the casino serves players, and has told systemd so. It gives up when systemd has, or when the process has
// ended some times.
func (w *work) awaitReady(ctx context.Context, c *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, w.Patience)
	defer cancel()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	before := ""
	for {
		err := w.Casino.Ready(ctx, c)
		values, perr := w.properties(ctx, service, "ActiveState", "NRestarts")
		if err == nil && (values["ActiveState"] == "active" || perr != nil) {
			return nil
		}
		if perr == nil {
			if before == "" {
				before = values["NRestarts"]
			}
			if values["ActiveState"] == "failed" || restarts(values["NRestarts"])-restarts(before) >= failedStarts {
				return w.notReady("the casino does not start")
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return w.notReady(fmt.Sprintf("the casino was not ready within %s (systemd says %s; %v)", w.Patience, values["ActiveState"], err))
		case <-look.C:
		}
	}
}

// settle waits while a casino is on its way up or down: it has its directory open, but can't be asked which addresses are its own.
func (w *work) settle(ctx context.Context) error {
	if !w.systemdRuns() {
		return nil
	}
	late := time.NewTimer(w.Patience)
	defer late.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		values, err := w.properties(ctx, service, "ActiveState", "SubState")
		moving := values["ActiveState"] == "activating" && values["SubState"] != "auto-restart" || values["ActiveState"] == "deactivating"
		if err != nil || !moving {
			return nil // else what comes next says more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return nil
		case <-look.C:
		}
	}
}

func restarts(text string) (n int) {
	fmt.Sscan(text, &n)
	return n
}

// notReady says what the casino itself has said last.
func (w *work) notReady(what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log, err := w.run(ctx, "journalctl", "--unit="+service, "--unit="+socket, "--no-pager", "--output=cat", "--lines=15")
	if err != nil {
		log = err.Error()
	}
	return fmt.Errorf("%s. Everything is installed: when the cause is mended, run this again. 'systemctl status imperio' and "+
		"'journalctl -u imperio' say more. The last lines of its log:\n\n%s", what, indented(log))
}

func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// checkAsUser lets the program check its configuration as the casino's user, who may be refused a file that root can read. A casino that
// runs goes on running if it finds anything.
func (w *work) checkAsUser(ctx context.Context, program string) error {
	if w.DryRun {
		return nil
	}
	_, err := w.run(ctx, "runuser", "-u", user, "--", program, "config", "check", "--env-file", config.InstalledEnvFile, "--data-dir", w.dir)
	if err != nil {
		return fmt.Errorf("everything is installed, but the casino was not started with it. Correct %s or what it names, for the user %s, and run this again: %w", config.InstalledEnvFile, user, err)
	}
	w.tell(Fine, "check", "the user %s can start the casino with this configuration", user)
	return nil
}

// start makes systemd run the units as they are now.
func (w *work) start(ctx context.Context, c *changes) error {
	systemctl := func(step, text string, args ...string) error {
		return w.change(step, text, func() error {
			_, err := w.run(ctx, "systemctl", args...)
			return err
		})
	}
	now, err := w.properties(ctx, service, "ActiveState", "UnitFileState", "NeedDaemonReload", "ExecMainStartTimestamp")
	if err != nil {
		return err
	}
	sockets, err := w.properties(ctx, socket, "ActiveState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestamp")
	if err != nil {
		return err
	}
	if c.units || now["NeedDaemonReload"] == "yes" || sockets["NeedDaemonReload"] == "yes" {
		if err := systemctl("systemd", "reads the units (systemctl daemon-reload)", "daemon-reload"); err != nil {
			return err
		}
	}
	enable := []string{"--quiet", "enable", service}
	if sockets["UnitFileState"] != "masked" {
		enable = append(enable, socket)
	}
	if now["UnitFileState"] == "enabled" && (sockets["UnitFileState"] == "enabled" || sockets["UnitFileState"] == "masked") {
		w.tell(Unchanged, "boot", "the casino starts with the machine")
	} else if err := systemctl("boot", "the casino starts with the machine (systemctl enable imperio)", enable...); err != nil {
		return err
	}
	if w.NoStart {
		return nil
	}
	running, listening := isActive(now), isActive(sockets)
	program, units := w.installed()
	addresses := c.addresses || running && !listening && w.streams && sockets["UnitFileState"] != "masked" || listening && w.changedSince(sockets["ActiveEnterTimestamp"], path.Join(units, socket), listenFile)
	stale := c.any() || addresses || w.changedSince(now["ExecMainStartTimestamp"], program, config.InstalledEnvFile, path.Join(units, service), pathsFile)
	switch {
	case running && !stale:
		w.tell(Unchanged, "start", "the casino runs")
		return nil
	}
	if running && listening && !addresses {
		if err := w.checkAsUser(ctx, program); err != nil {
			return err
		}
		return systemctl("start", "the casino starts again; connections wait (systemctl restart imperio)", "--no-block", "restart", service)
	}
	if running || listening {
		// Only without its service does the socket unit take other addresses, and the check finds the old ones wrong.
		if err := systemctl("stop", "the casino, to change its addresses (systemctl stop imperio)", "stop", socket, service); err != nil {
			return err
		}
	}
	if err := w.checkAsUser(ctx, program); err != nil {
		return err
	}
	return w.change("start", "the casino (systemctl start imperio)", func() error {
		// What failed too often is started nevertheless: the operator asks for it.
		if _, err := w.run(ctx, "systemctl", "reset-failed", service, socket); err != nil && !errors.As(err, new(*exec.ExitError)) {
			return err
		}
		_, err := w.run(ctx, "systemctl", "--no-block", "start", service)
		return err
	})
}

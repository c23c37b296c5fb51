package upgrade

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"
)

// systemd restarts a casino that is the main process of a unit.
type systemd struct {
	unit          string
	before, first string // process ids of the main process: before the last restart, and the first one after it
}

// unitOf finds the unit whose main process is the one with this id; "" if there is none.
func unitOf(ctx context.Context, pid int) string {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(groups)) {
		unit := path.Base(strings.TrimSpace(line))
		if !strings.HasSuffix(unit, ".service") {
			continue
		}
		s := &systemd{unit: unit}
		if shown, err := s.show(ctx, "MainPID"); err == nil && shown["MainPID"] == strconv.Itoa(pid) {
			return unit
		}
	}
	return ""
}

// programOf is the program that a unit starts, by its file; "" if that can't be told.
func (s *systemd) program(ctx context.Context) string {
	shown, err := s.show(ctx, "ExecStart")
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(shown["ExecStart"], "path=")
	if !found {
		return ""
	}
	program, _, _ := strings.Cut(rest, " ;")
	return program
}

// Name implements Manager.
func (s *systemd) Name() string { return "systemd (" + s.unit + ")" }

// Restart implements Manager.
func (s *systemd) Restart(ctx context.Context, _ string) error {
	shown, err := s.show(ctx, "ExecMainPID")
	if err != nil {
		return err
	}
	s.before, s.first = shown["ExecMainPID"], ""
	// A unit that has failed too often is not started any more, unless that is forgotten.
	_, _ = systemctl(ctx, "reset-failed", s.unit)
	_, err = systemctl(ctx, "restart", "--no-block", s.unit)
	return err
}

// Ended implements Manager.
func (s *systemd) Ended(ctx context.Context) (why string, ended bool) {
	shown, err := s.show(ctx, "ActiveState", "SubState", "Result", "ExecMainPID", "ExecMainStatus")
	pid := shown["ExecMainPID"]
	if err != nil || pid == s.before || pid == "0" {
		return "", false // not restarted yet
	}
	s.first = cmp.Or(s.first, pid)
	switch state := shown["ActiveState"]; {
	case pid != s.first:
		return "it ended, and was started once more", true
	case state == "failed", state == "inactive", strings.HasPrefix(shown["SubState"], "auto-restart"):
		return fmt.Sprintf("it ended (%s, status %s)", shown["Result"], shown["ExecMainStatus"]), true
	}
	return "", false
}

// Down implements Manager.
func (s *systemd) Down(ctx context.Context) (why string, down bool) {
	shown, err := s.show(ctx, "ActiveState", "Result", "ExecMainPID", "Job")
	if err != nil || shown["ExecMainPID"] == s.before || shown["ActiveState"] != "failed" || shown["Job"] != "" && shown["Job"] != "0" {
		return "", false
	}
	return fmt.Sprintf("systemd has given it up (%s)", shown["Result"]), true
}

// logLines is how many lines of its log the failed program leaves in the report.
const logLines = 20

// Log implements Manager.
func (s *systemd) Log(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, systemctlPatience)
	defer cancel()
	which := []string{"--unit", s.unit}
	if shown, err := s.show(ctx, "InvocationID"); err == nil && shown["InvocationID"] != "" { // the last start alone
		which = []string{"_SYSTEMD_INVOCATION_ID=" + shown["InvocationID"]}
	}
	args := append([]string{"--lines", strconv.Itoa(logLines), "--no-pager", "--output", "cat"}, which...)
	out, err := exec.CommandContext(ctx, "journalctl", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// show reads properties of the unit.
func (s *systemd) show(ctx context.Context, properties ...string) (map[string]string, error) {
	out, err := systemctl(ctx, "show", "--property", strings.Join(properties, ","), s.unit)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]string)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		shown[name] = value
	}
	return shown, nil
}

// systemctlPatience bounds a call, which only asks and never waits for a unit.
const systemctlPatience = 30 * time.Second

func systemctl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, systemctlPatience)
	defer cancel()
	var said bytes.Buffer
	c := exec.CommandContext(ctx, "systemctl", args...)
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), errors.Join(err, errors.New(strings.TrimSpace(said.String()))))
	}
	return string(out), err
}

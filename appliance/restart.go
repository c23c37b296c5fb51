package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"imperio/appliance/control"
	"imperio/appliance/problem"
	"imperio/appliance/service"
)

// successor is the program that replaces this one, and what it gets.
type successor struct {
	program string
	sockets *service.Handover
}

// trialTime bounds how long a program may take to say its version.
const trialTime = 10 * time.Second

// Restart implements control.Server.
func (h house) Restart(ctx context.Context, binary string) (control.Restarting, error) {
	a := h.app
	if a.program == "" {
		return control.Restarting{}, problem.New("unavailable", "This casino can't restart itself, since its program's file is unknown. Stop it and start it again.")
	}
	program := a.program
	if binary != "" {
		program = binary
	}
	if err := tryProgram(ctx, program); err != nil {
		return control.Restarting{}, problem.New("unavailable", "The casino goes on as before, since the program can't be started: %v.", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return control.Restarting{}, fmt.Errorf("find the working directory: %w", err)
	}
	listeners := make(map[string]net.Listener)
	for _, s := range a.servers {
		if s.socket.Listener != nil {
			listeners[s.socket.address] = s.socket.Listener
		}
	}
	sockets, err := a.sockets.Keep(listeners)
	if err != nil {
		return control.Restarting{}, err
	}
	select {
	case a.successors <- successor{program, sockets}:
	default:
		sockets.Close()
		return control.Restarting{}, problem.New("unavailable", "The casino is about to restart already.")
	}
	return control.Restarting{PID: os.Getpid(), Program: program, Args: os.Args, Environ: os.Environ(), Dir: dir}, nil
}

// tryProgram refuses a program that can't run on this machine, before anything is stopped.
func tryProgram(ctx context.Context, program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("%s is no absolute path", program)
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	trial := exec.CommandContext(ctx, program, "version")
	trial.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") })
	out, err := trial.CombinedOutput()
	switch exit, ended := errors.AsType[*exec.ExitError](err); {
	case ended:
		return fmt.Errorf("'%s version' ends with %v: %s", program, exit.ProcessState, bytes.TrimSpace(out[:min(len(out), 300)]))
	case err != nil:
		return err
	}
	return nil
}

// succeed replaces the process. It returns only if that fails. Everything is closed by now, so a program that can't be
// executed is followed by the running one.
func (a *App) succeed(next successor) error {
	defer next.sockets.Close()
	err := next.sockets.Exec(next.program)
	log := newLog(a.config.Logs.Format, &a.level, a.output)
	log.Error("the program could not be started. The one that ran before is started again", "program", next.program, "error", err)
	return errors.Join(err, next.sockets.Exec(service.Running(a.program)))
}

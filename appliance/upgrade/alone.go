package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Launch is how a casino's process was started. Its environment may hold secrets: it is kept in memory, and never written.
type Launch struct {
	PID     int
	Args    []string
	Environ []string
	Dir     string
}

// alone restarts a casino that no supervisor of ours runs. The casino itself becomes the new program, with its sockets open. If
// that has died, it is started once more, unless whoever started it before has done so.
type alone struct {
	casino Casino
	ask    func(ctx context.Context, program string) (Launch, error)
	find   func() int // the id of the casino's process; 0: it does not run, or that can't be told

	process *os.Process // holds on to the very process: its id can't come to mean another one
	user    *syscall.SysProcAttr
	output  []*os.File // the process's standard output and error; nil: not to be had
	launch  *Launch    // nil until the casino has said it
	reaped  atomic.Bool
}

// hold holds on to the casino's process, if it runs.
func (a *alone) hold() (err error) {
	pid := a.find()
	if a.process != nil || pid == 0 {
		return nil
	}
	if a.user, err = userOf(pid); err != nil {
		return err
	}
	a.output = outputOf(pid)
	a.process, err = os.FindProcess(pid)
	return err
}

// Name implements Manager.
func (a *alone) Name() string { return "the casino itself" }

// Times of processes.
const (
	askPatience  = time.Minute      // the casino finishes what runs before it lets go
	stopPatience = 30 * time.Second // before a process that was asked to stop is killed
	otherStart   = 5 * time.Second  // for somebody else to start the casino
)

// Restart implements Manager.
func (a *alone) Restart(ctx context.Context, program string) error {
	if err := a.hold(); err != nil {
		return err
	}
	if a.alive() || a.process == nil && a.answers(ctx) {
		asked, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		launch, err := a.ask(asked, program)
		if err == nil {
			a.launch = &launch
			if a.process == nil && os.Geteuid() != 0 { // root must not believe an id that the casino's user says
				a.process, _ = os.FindProcess(launch.PID)
			}
			return nil
		}
		if a.launch == nil {
			return fmt.Errorf("ask the casino to restart: %w", err)
		}
		if err := a.end(ctx); err != nil { // it hangs before it can be asked
			return err
		}
	}
	if a.launch == nil {
		return errors.New("it does not run, and how it was started is not known")
	}
	for late := time.Now().Add(otherStart); time.Now().Before(late); {
		if a.answers(ctx) {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return a.start(program)
}

func (a *alone) answers(ctx context.Context) bool {
	_, err := a.casino.Running(ctx)
	return err == nil
}

// end ends the process: politely first.
func (a *alone) end(ctx context.Context) error {
	if a.process == nil {
		return errors.New("the casino hangs, and which process it is can't be told on this system: end it, and start it as usual")
	}
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := a.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the casino's process: %w", err)
		}
		for late := time.Now().Add(stopPatience); time.Now().Before(late); {
			if !a.alive() {
				return nil
			}
			if err := pause(ctx, look); err != nil {
				return err
			}
		}
	}
	return errors.New("the casino's process can't be killed: its disk hangs, perhaps")
}

// start starts the program as the casino's process was started, on its own.
func (a *alone) start(program string) error {
	c := exec.Command(program)
	c.Args = slices.Concat([]string{program}, a.launch.Args[min(1, len(a.launch.Args)):])
	c.Dir = a.launch.Dir
	c.Env = slices.DeleteFunc(slices.Clone(a.launch.Environ), func(v string) bool { // they were about the other process
		return strings.HasPrefix(v, "LISTEN_") || strings.HasPrefix(v, "NOTIFY_SOCKET=") || strings.HasPrefix(v, "WATCHDOG_")
	})
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.user != nil {
		c.SysProcAttr.Credential = a.user.Credential
	}
	if len(a.output) == 2 {
		c.Stdout, c.Stderr = a.output[0], a.output[1]
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	a.process = c.Process
	go func() { // ends with the process, or with this one
		_ = c.Wait()
		a.reaped.Store(true)
	}()
	return nil
}

// Ended implements Manager.
func (a *alone) Ended(context.Context) (why string, ended bool) {
	return "its process has ended: see the casino's log", a.launch != nil && a.process != nil && !a.alive()
}

// Down implements Manager.
func (a *alone) Down(ctx context.Context) (why string, down bool) { return a.Ended(ctx) }

// alive reports whether the process is there, and not only its result. It is sure of the end only if it sees it twice: while a
// process of several threads becomes another program, its first thread is gone for a moment.
func (a *alone) alive() bool {
	if a.there() {
		return true
	}
	time.Sleep(look)
	return a.there()
}

func (a *alone) there() bool {
	if a.process == nil || a.reaped.Load() || a.process.Signal(syscall.Signal(0)) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.process.Pid))
	if err != nil {
		return true // a system without /proc
	}
	return !ended(string(stat))
}

// ended reads from /proc/PID/stat whether all threads of a process have ended.
func ended(stat string) bool {
	const state, threads = 0, 17 // after the name, which is in parentheses
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	return len(fields) > threads && (fields[state] == "Z" || fields[state] == "X") && fields[threads] <= "1"
}

// Log implements Manager.
func (a *alone) Log(context.Context) string { return "" }

package service

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Supervisor tells the supervisor about the process, in systemd's notify protocol. Without NOTIFY_SOCKET in the environment,
// and on a nil Supervisor, every method does nothing. It is safe for concurrent use.
//
// NOTIFY_SOCKET stays in the environment for the program that replaces this one. Other programs must not be started with it;
// the casino starts none.
type Supervisor struct {
	listens  bool // there is a supervisor that wants to know
	watchdog time.Duration

	mu     sync.Mutex
	failed error  // guarded by mu: the first message that could not be sent
	status string // guarded by mu: the last one told
}

// NewSupervisor reads the environment.
func NewSupervisor() *Supervisor {
	s := &Supervisor{listens: os.Getenv("NOTIFY_SOCKET") != ""}
	if s.listens {
		s.watchdog, s.failed = daemon.SdWatchdogEnabled(false)
	}
	return s
}

// Ready says that the process has started, or that it has done what Reloading announced.
func (s *Supervisor) Ready(status string) { s.tell(daemon.SdNotifyReady, s.statusLine(status)) }

// Stopping says that the process is about to end.
func (s *Supervisor) Stopping(status string) { s.tell(daemon.SdNotifyStopping, s.statusLine(status)) }

// Reloading says that the process is there but busy with itself, until Ready: it reads its configuration again, or replaces
// its program.
func (s *Supervisor) Reloading(status string) {
	s.tell(daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec(), s.statusLine(status))
}

// Status tells people what the process does, in one line.
func (s *Supervisor) Status(text string) {
	if s == nil || s.told(text) {
		return
	}
	s.tell(s.statusLine(text))
}

// ExtendTime says that starting or stopping goes on, and takes up to d longer, counted from now. The supervisor would end
// the process otherwise.
func (s *Supervisor) ExtendTime(d time.Duration) {
	s.tell("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Alive says that the process does its work. If that is not said within WatchdogInterval, the supervisor restarts it.
func (s *Supervisor) Alive() { s.tell(daemon.SdNotifyWatchdog) }

// WatchdogInterval is how long the supervisor waits for Alive; 0: for ever.
func (s *Supervisor) WatchdogInterval() time.Duration {
	if s == nil {
		return 0
	}
	return s.watchdog
}

// Err is the first failure to tell the supervisor something; nil: none.
func (s *Supervisor) Err() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Supervisor) told(status string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status == status
}

// statusLine is the line of a message that tells people something; the protocol has one line for each thing.
func (s *Supervisor) statusLine(text string) string {
	if s == nil || text == "" {
		return ""
	}
	s.mu.Lock()
	s.status = text
	s.mu.Unlock()
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

func (s *Supervisor) tell(lines ...string) {
	if s == nil || !s.listens {
		return
	}
	message := strings.TrimSpace(strings.Join(lines, "\n"))
	if _, err := daemon.SdNotify(false, message); err != nil {
		s.mu.Lock()
		if s.failed == nil {
			s.failed = err
		}
		s.mu.Unlock()
	}
}

package replication

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLogger passes raft's log lines to slog. Raft writes for those who debug raft, so its info lines become debug lines.
// While quiet is set, so do its warnings and errors: a lone node that starts reports a missing leader and an election, one
// that closes reports an aborted snapshot, and one that failed has already said why.
//
// Raft logs indexes, terms and node names, never the data of entries.
//
// A member that is away makes raft repeat the same warnings many times a second. Each is logged once in repeatAfter.
type raftLogger struct {
	to    *slog.Logger
	name  string
	with  []any
	quiet *atomic.Bool
	told  *told
}

// told is when each warning was logged last.
type told struct {
	mu sync.Mutex
	at map[string]time.Time // under mu, by the message
}

const repeatAfter = 10 * time.Second

// again reports whether a message may be logged now. There are as many messages as raft has in its code.
func (t *told) again(msg string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if at, ok := t.at[msg]; ok && now.Sub(at) < repeatAfter {
		return false
	}
	if t.at == nil {
		t.at = make(map[string]time.Time)
	}
	t.at[msg] = now
	return true
}

// expected are raft's errors while a member is sent the state. The node tells of that itself.
var expected = map[string]bool{
	"failed to get log": true, "failed to open snapshot": true, "failed to send snapshot to": true, "failed to install snapshot": true,
	"failed to finalize snapshot": true,
}

var _ hclog.Logger = (*raftLogger)(nil)

func newRaftLogger(to *slog.Logger, quiet *atomic.Bool) *raftLogger {
	return &raftLogger{to: to, name: "raft", quiet: quiet, told: new(told)}
}

func (l *raftLogger) level(level hclog.Level) slog.Level {
	switch {
	case level <= hclog.Debug:
		return slog.LevelDebug - 4
	case level == hclog.Info || l.quiet.Load():
		return slog.LevelDebug
	case level == hclog.Warn:
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	to := l.level(level)
	if expected[msg] {
		to = slog.LevelDebug
	}
	if !l.to.Enabled(context.Background(), to) || to >= slog.LevelWarn && !l.told.again(msg) {
		return
	}
	attrs := make([]any, 0, len(l.with)+len(args))
	attrs = append(attrs, l.with...)
	for _, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			a = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
		attrs = append(attrs, a)
	}
	l.to.Log(context.Background(), to, l.name+": "+msg, attrs...)
}

func (l *raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLogger) is(level hclog.Level) bool {
	return l.to.Enabled(context.Background(), l.level(level))
}

func (l *raftLogger) IsTrace() bool { return l.is(hclog.Trace) }
func (l *raftLogger) IsDebug() bool { return l.is(hclog.Debug) }
func (l *raftLogger) IsInfo() bool  { return l.is(hclog.Info) }
func (l *raftLogger) IsWarn() bool  { return l.is(hclog.Warn) }
func (l *raftLogger) IsError() bool { return l.is(hclog.Error) }

func (l *raftLogger) ImpliedArgs() []any { return l.with }

func (l *raftLogger) With(args ...any) hclog.Logger {
	c := *l
	c.with = append(append([]any{}, l.with...), args...)
	return &c
}

func (l *raftLogger) Name() string { return l.name }

func (l *raftLogger) Named(name string) hclog.Logger { return l.ResetNamed(l.name + "." + name) }

func (l *raftLogger) ResetNamed(name string) hclog.Logger {
	c := *l
	c.name = name
	return &c
}

// SetLevel does nothing: the level is slog's.
func (l *raftLogger) SetLevel(hclog.Level) {}

func (l *raftLogger) GetLevel() hclog.Level {
	for _, level := range []hclog.Level{hclog.Debug, hclog.Info, hclog.Warn} {
		if l.is(level) {
			return level
		}
	}
	return hclog.Error
}

func (l *raftLogger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *raftLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{l} }

type lineWriter struct{ to *raftLogger }

func (w lineWriter) Write(p []byte) (int, error) {
	w.to.Info(string(p))
	return len(p), nil
}

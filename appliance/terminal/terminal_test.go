package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience bounds every wait.
const patience = 3 * time.Minute

// screen is a terminal: the program has tty, and the person at it has keys and what was shown.
type screen struct {
	t    *testing.T
	tty  *os.File
	keys *os.File

	shown strings.Builder
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close(); keys.Close() })
	return &screen{t: t, tty: tty, keys: keys}
}

// until waits for text on the screen.
func (s *screen) until(text string) {
	s.t.Helper()
	if err := s.keys.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Logf("no deadline: %v", err)
	}
	buffer := make([]byte, 256)
	for !strings.Contains(s.shown.String(), text) {
		n, err := s.keys.Read(buffer)
		s.shown.Write(buffer[:n])
		if err != nil {
			s.t.Fatalf("%v; the screen has %q", err, s.shown.String())
		}
	}
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// secret asks for a secret in the background.
func (s *screen) secret(ctx context.Context) (answer chan string, failed chan error) {
	answer, failed = make(chan string, 1), make(chan error, 1)
	go func() {
		secret, err := NewSecret(ctx, s.tty, s.tty, "Password")
		answer <- secret
		failed <- err
	}()
	return answer, failed
}

func TestNewSecret_OnATerminalIsAskedTwiceAndNotShown(t *testing.T) {
	s := newScreen(t)
	answer, failed := s.secret(t.Context())
	s.until("Password: ")
	s.press("open sesame\r")
	s.until("Password again: ")
	s.press("open sesame\r")
	if got, err := <-answer, <-failed; got != "open sesame" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s.press("shown\n") // the echo is on again
	s.until("shown")
	if strings.Contains(s.shown.String(), "sesame") {
		t.Errorf("the screen shows the secret: %q", s.shown.String())
	}
}

func TestNewSecret_TypedInTwoWaysIsRefused(t *testing.T) {
	s := newScreen(t)
	answer, failed := s.secret(t.Context())
	s.until("Password: ")
	s.press("open sesame\r")
	s.until("Password again: ")
	s.press("open sesam\r")
	if got, err := <-answer, <-failed; got != "" || !errors.Is(err, ErrDiffer) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNewSecret_CtrlCGivesNone(t *testing.T) {
	s := newScreen(t)
	answer, failed := s.secret(t.Context())
	s.until("Password: ")
	s.press("open\x03")
	if got, err := <-answer, <-failed; got != "" || !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%q, %v", got, err)
	}
	s.press("shown\n")
	s.until("shown")
}

func TestNewSecret_InterruptedLeavesTheEchoOn(t *testing.T) {
	s := newScreen(t)
	ctx, interrupt := context.WithCancel(t.Context())
	_, failed := s.secret(ctx)
	s.until("Password: ")
	interrupt()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.press("shown\n")
	s.until("shown")
}

func TestNewSecret_FromAPipeIsOneLineWithoutAPrompt(t *testing.T) {
	for in, want := range map[string]string{"one\ntwo\n": "one", "one\r\n": "one", "one": "one", " o n e \n": " o n e "} {
		var prompts bytes.Buffer
		got, err := NewSecret(t.Context(), strings.NewReader(in), &prompts, "Password")
		if got != want || err != nil || prompts.Len() > 0 {
			t.Errorf("%q: %q, %v, prompt %q", in, got, err, prompts.String())
		}
	}
	if _, err := NewSecret(t.Context(), strings.NewReader(""), io.Discard, "Password"); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestProgress_OnATerminalRedrawsOneLine(t *testing.T) {
	s := newScreen(t)
	p := NewProgress(s.tty)
	p.Show("events", 1, 2, "slowly")
	p.Show("events", 2, 2, "")
	p.End()
	s.until("\n")
	if shown := s.shown.String(); strings.Count(shown, "\n") != 1 || !strings.Contains(shown, "\revents [####################....................]  50 % slowly\r") ||
		!strings.Contains(shown, "] 100 %       \r\n") {
		t.Errorf("%q", shown)
	}
}

func TestProgress_ElsewhereWritesPlainLines(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	for done := range int64(1001) {
		p.Show("events", done, 1000, "")
	}
	p.Show("rounds", 1, 2, "fast")
	p.End()
	want := "events: 0 %\nevents: 10 %\nevents: 20 %\nevents: 30 %\nevents: 40 %\nevents: 50 %\nevents: 60 %\nevents: 70 %\nevents: 80 %\nevents: 90 %\nevents: 100 %\nrounds: 50 % fast\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
	NewProgress(nil).Show("events", 1, 2, "")
}

func TestTable_AlignsWideCharactersAndMarks(t *testing.T) {
	var table Table
	table.Row("NAME", "COINS", "E-MAIL")
	table.Row("王小明", 7, "")
	table.Row("e\u0301va", 12, "eva@example.org")
	table.Row("bad\x1b[2J\u202e", 1, "x")
	var out strings.Builder
	if _, err := table.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	want := "NAME      COINS  E-MAIL\n" +
		"王小明    7      \n" +
		"e\u0301va       12     eva@example.org\n" +
		"bad\ufffd[2J\ufffd  1      x\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// full is a disk without room.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

func TestOutput_RemembersTheFirstFailure(t *testing.T) {
	o := NewOutput(&full{room: 5})
	if _, err := io.WriteString(o, "12345"); err != nil || o.Err() != nil {
		t.Error(err, o.Err())
	}
	for range 2 {
		if n, err := io.WriteString(o, "6"); n != 0 || !errors.Is(err, syscall.ENOSPC) || !errors.Is(o.Err(), syscall.ENOSPC) {
			t.Errorf("%d, %v, %v", n, err, o.Err())
		}
	}
}

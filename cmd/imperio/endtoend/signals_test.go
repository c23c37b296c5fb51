package endtoend

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What reads the log may be restarted, and a terminal may be closed. Neither may end a casino, least of all with an exit that a
// supervisor takes for a clean one.
func TestServe_OutlivesItsTerminalAndWhoeverReadsItsLog(t *testing.T) {
	ops := freeAddress(t)
	p := newProcess(t, "--access-log", "on", "--log-level", "info", "--ops-addr", ops)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	p.stderr = writer
	lines := bufio.NewScanner(reader)
	p.start(t)
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() && !strings.Contains(lines.Text(), "the configuration was reloaded") {
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}

	reader.Close()
	writer.Close() // ours; the casino has its own
	dropped := regexp.MustCompile(`(?m)^imperio_log_lines_dropped_total [1-9]`)
	if !p.await(t, "lost lines to be counted", func() bool {
		get(t, "http://"+p.address+"/api/v1/games") // this is a line
		return dropped.MatchString(get(t, "http://"+ops+"/metrics"))
	}) {
		t.FailNow()
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !p.serves(t) {
		t.FailNow()
	}
	p.stop(t)
	p.audit(t)
}

// get returns what is at an address, or nothing.
func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// imperio odds | head must end with head, and say nothing.
func TestShortVerbs_EndWithTheirReader(t *testing.T) {
	p := newProcess(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	var said bytes.Buffer
	command := exec.Command(p.path, "odds", "slots")
	command.Stdout, command.Stderr = writer, &said
	err = command.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE || said.Len() != 0 {
		t.Errorf("ended with %v and said %q", err, said.String())
	}
}

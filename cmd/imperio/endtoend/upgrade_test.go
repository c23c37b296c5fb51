package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aead.dev/minisign"
	"golang.org/x/sys/unix"
)

// site is an installed casino without a supervisor, with players who bet all the time, whatever happens to it.
type site struct {
	*process
	t       *testing.T
	home    string // of the program
	players []*player
	answers atomic.Int64
	stop    func() // of the players
}

func newSite(t *testing.T, version string, flags ...string) *site {
	t.Helper()
	return newSiteIn(t, t.TempDir(), version, flags...)
}

// newSiteIn is newSite with the program in a directory.
func newSiteIn(t *testing.T, home, version string, flags ...string) *site {
	t.Helper()
	s := &site{process: newProcess(t, flags...), t: t, home: home}
	s.path = installProgram(t, buildVersion(t, version, false), home)
	s.start(t)
	t.Cleanup(func() {
		if s.command == nil {
			return
		}
		// The casino may be another process by now, or soon: not this one's child, but with its output.
		s.command.Process.Kill()
		for late := time.Now().Add(patience); len(s.ended) == 0 && time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
			if pid := s.pid(); pid != 0 {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	for i := range 3 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: s.process, random: rand.New(rand.NewPCG(12, uint64(i))), rest: 2 * time.Millisecond}
		p.signUp(t)
		s.players = append(s.players, p)
	}
	s.play()
	return s
}

// installProgram copies a program into a directory, where an upgrade may replace it.
func installProgram(t *testing.T, program, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "imperio")
	in, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(path, in, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// play lets the players bet until stop is called.
func (s *site) play() {
	ctx, cancel := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	for _, p := range s.players {
		playing.Go(func() {
			for ctx.Err() == nil {
				if p.pending == nil {
					p.pending = p.next()
				}
				if p.try(ctx) {
					s.answers.Add(1)
				}
				time.Sleep(p.rest)
			}
		})
	}
	s.stop = func() { cancel(); playing.Wait() }
}

// pid is the process that serves now; 0: none.
func (s *site) pid() int {
	conn, err := net.Dial("unix", filepath.Join(s.dir, "imperio.sock"))
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	var cred *unix.Ucred
	raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil {
		return 0
	}
	return int(cred.Pid)
}

func (s *site) conduct(what string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.home, conductFile), []byte(what), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a condition.
func (s *site) until(what string, condition func() bool) {
	s.t.Helper()
	for late := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// version is what the casino says that it runs; "" if nobody answers.
func (s *site) version() string {
	out, err := s.run("health", "--data-dir", s.dir, "--json")
	var health struct {
		Version string `json:"version"`
	}
	if err != nil || json.Unmarshal([]byte(out), &health) != nil {
		return ""
	}
	return health.Version
}

// verb makes a command of the upgrade.
func (s *site) verb(args ...string) *exec.Cmd {
	return exec.Command(s.path, append([]string{"upgrade"}, append(args, "--data-dir", s.dir)...)...)
}

// upgrade upgrades to a program. It returns what the verb prints, and whether it has succeeded.
func (s *site) upgrade(program string, args ...string) (string, bool) {
	s.t.Helper()
	out, err := s.verb(append([]string{"--binary", program, "--no-backup", "--watch", "1s"}, args...)...).CombinedOutput()
	s.t.Logf("imperio upgrade %s:\n%s", strings.Join(args, " "), out)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(out), err == nil
}

// ends checks that the casino runs a version, well, and has every bet that any version of it has acknowledged.
func (s *site) ends(version string) {
	s.t.Helper()
	before := s.answers.Load()
	s.until("players to be served", func() bool { return s.answers.Load() > before+10 })
	if got := s.version(); got != version {
		s.t.Errorf("the casino runs %q instead of %s", got, version)
	}
	if out, err := exec.Command(s.path, "version", "--json").Output(); err != nil || !strings.Contains(string(out), `"`+version+`"`) {
		s.t.Errorf("%s is not %s: %v\n%s", s.path, version, err, out)
	}
	s.stop()
	for _, p := range s.players {
		if s.settle(p); s.t.Failed() {
			return
		}
	}
	s.audit(s.t)
	if left, err := os.ReadDir(filepath.Join(s.dir, "upgrade")); !errors.Is(err, os.ErrNotExist) {
		s.t.Errorf("the copy of the state is left: %v %v", left, err)
	}
	s.play()
}

// settle compares a player's answers with the books.
func (s *site) settle(p *player) {
	s.t.Helper()
	if compared := p.settleUp(s.t); compared == 0 {
		s.t.Errorf("%s did not play: the test shows nothing", p.name)
	}
}

// halt stops the casino, whoever has started it, and audits its files.
func (s *site) halt() {
	s.t.Helper()
	s.stop()
	pid := s.pid()
	if pid == 0 {
		s.t.Fatal("the casino does not run")
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.until("the casino to stop", func() bool {
		return syscall.Kill(pid, 0) != nil || s.process.command != nil && pid == s.command.Process.Pid && len(s.ended) > 0
	})
	s.command = nil
	s.audit(s.t)
}

// state is the upgrade's, by the verb.
func (s *site) state() string {
	s.t.Helper()
	out, err := s.verb("status", "--json").Output()
	var st struct {
		State string `json:"state"`
	}
	if err != nil || json.Unmarshal(out, &st) != nil {
		s.t.Fatalf("status: %v\n%s", err, out)
	}
	return st.State
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// A version with a newer format takes bets, crashes, and the one before comes back with all of them. Then a version that is
// well stays, and goes back is refused, since the one before can't read its state.
func TestUpgrade_GoesBackWithEveryBetAndForwardAgain(t *testing.T) {
	s := newSite(t, "v1.0.0")
	newer := buildVersion(t, "v2.0.0", true)
	s.refuses(newer)
	s.dies(newer)
	s.ends("v1.0.0")
	if _, err := os.Stat(filepath.Join(s.dir, "after-upgrade", "state.db")); err != nil {
		t.Errorf("the newer state is not kept: %v", err)
	}

	s.conduct("")
	out, ok := s.upgrade(newer)
	has(t, out, "from format 1 to 2", "finished")
	if !ok {
		t.Error("the upgrade has failed")
	}
	s.ends("v2.0.0")
	s.until("the trial to end", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "before-upgrade"))
		return errors.Is(err, os.ErrNotExist)
	})
	back, err := s.verb("back", "--no-backup").CombinedOutput()
	has(t, string(back), "format version 2", "Nothing was changed")
	if err == nil {
		t.Errorf("going back is not refused:\n%s", back)
	}
	if out, ok := s.upgrade(buildVersion(t, "v1.0.0", false)); ok || !strings.Contains(out, "--allow-older") {
		t.Errorf("an older version is taken:\n%s", out)
	}
	s.ends("v2.0.0")
	s.halt()
}

// refuses checks that what is no good version is refused, and changes nothing.
func (s *site) refuses(good string) {
	s.t.Helper()
	whole, err := os.ReadFile(good)
	if err != nil {
		s.t.Fatal(err)
	}
	file := func(name string, content []byte) string {
		path := filepath.Join(s.t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o755); err != nil {
			s.t.Fatal(err)
		}
		return path
	}
	foreign := bytes.Clone(whole)
	foreign[18] = 183 // the machine in the header of ELF: arm64
	key, secret, err := minisign.GenerateKey(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	other, _, err := minisign.GenerateKey(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	sums := fmt.Sprintf("%064x  %s\n", 7, filepath.Base(good))
	signature := file("good.minisig", minisign.Sign(secret, whole))
	pid := s.pid()
	for _, c := range []struct {
		binary string
		args   []string
		says   string
	}{
		{file("script", []byte("#!/bin/sh\necho v9\n")), nil, "is not a whole program"},
		{file("cut", whole[:len(whole)/2]), nil, "is not a whole program"},
		{file("cut-a-little", whole[:len(whole)-1000]), nil, "is not a whole program"},
		{file("foreign", foreign), nil, "take the build for this one"},
		{"/bin/ls", nil, "is not an imperio"},
		{filepath.Join(s.t.TempDir(), "nothing"), nil, "no such file"},
		{good, []string{"--sha256", strings.Repeat("0", 64)}, "Download it again"},
		{good, []string{"--sha256", "abc"}, "64 hexadecimal digits"},
		{good, []string{"--checksums", file("SHA256SUMS", []byte(sums))}, "is not what"},
		{good, []string{"--checksums", file("SHA256SUMS", []byte("no file\n"))}, "lists no file"},
		{good, []string{"--signature", signature}, "needs --public-key"},
		{good, []string{"--signature", signature, "--public-key", other.String()}, "is not of"},
		{file("changed", append(bytes.Clone(whole), 0)), []string{"--signature", signature, "--public-key", key.String()}, "is not of"},
		{good, []string{"--installed", "/bin/ls"}, "Name that one with --installed"},
		{s.path, nil, "nothing to do"}, // it is the running version
	} {
		out, ok := s.upgrade(c.binary, c.args...)
		has(s.t, out, c.says)
		if ok != (c.says == "nothing to do") || strings.Contains(out, "swapped") {
			s.t.Errorf("%s is taken", c.binary)
		}
	}
	if now := s.pid(); now != pid || s.version() != "v1.0.0" {
		s.t.Errorf("process %d runs %s, and process %d did", now, s.version(), pid)
	}
	if left, _ := filepath.Glob(s.path + ".*"); len(left) != 0 {
		s.t.Errorf("left: %v", left)
	}
}

// dies upgrades to a version with the next format, which dies after it has taken bets.
func (s *site) dies(program string) {
	s.t.Helper()
	s.conduct("")
	verb := s.verb("--binary", program, "--no-backup", "--watch", "10m")
	out, err := verb.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	verb.Stderr = verb.Stdout
	if err := verb.Start(); err != nil {
		s.t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(out)
		said <- string(all)
	}()
	s.until("the new version to run", func() bool { return s.version() == "v2.0.0" })
	before := s.answers.Load()
	s.until("the new version to take bets", func() bool { return s.answers.Load() > before+100 })
	s.conduct("die")
	text := <-said
	s.t.Logf("imperio upgrade:\n%s", text)
	if err := verb.Wait(); err == nil {
		s.t.Error("the upgrade has succeeded")
	}
	has(s.t, text, "from format 1 to 2", "going back", "restarted-before", "well", "the casino runs version v1.0.0 again:")
}

// killAfter starts an upgrade, and kills the verb as soon as it has printed a step.
func (s *site) killAfter(step, program string, args ...string) {
	s.t.Helper()
	verb := s.verb(append([]string{"--binary", program, "--no-backup", "--watch", "1s"}, args...)...)
	out, err := verb.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := verb.Start(); err != nil {
		s.t.Fatal(err)
	}
	found := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), step+" ") {
			found = true
			verb.Process.Kill()
		}
	}
	verb.Wait()
	if !found {
		s.t.Fatalf("the verb never printed %s", step)
	}
}

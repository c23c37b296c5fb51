package debian

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// bettor bets all the time, whatever happens to the casino, and remembers each answer.
type bettor struct {
	player
	payouts map[string]int64 // by round
	answers atomic.Int64
	stop    func()
}

type spun struct {
	Round struct {
		ID     string `json:"id"`
		Payout int64  `json:"payout"`
	} `json:"round"`
}

// play begins to bet. A bet without an answer is sent again, with the same key; stop waits for the last one, but not for ever.
func (b *bettor) play() {
	quit := make(chan struct{})
	var playing sync.WaitGroup
	playing.Go(func() {
		var asked time.Time // to stop
		for number := b.bets; ; time.Sleep(2 * time.Millisecond) {
			select {
			case <-quit:
				if asked.IsZero() {
					asked = time.Now()
				}
				if b.bets == number || time.Since(asked) > patience { // nothing waits for its answer, or it never comes
					return
				}
			default:
				b.bets = number + 1
			}
			var out spun
			if err := b.post("/api/v1/games/slots/spins", `{"stake": 1}`, fmt.Sprintf("%s-%d", b.name, b.bets), &out); err != nil {
				b.client.CloseIdleConnections()
				continue
			}
			number = b.bets
			b.payouts[out.Round.ID] = out.Round.Payout
			b.answers.Add(1)
		}
	})
	b.stop = func() { close(quit); playing.Wait() }
}

// settle compares all answers with the books.
func (b *bettor) settle(t *testing.T) {
	t.Helper()
	booked := make(map[string]int64)
	for cursor := ""; ; {
		r, err := http.NewRequest(http.MethodGet, b.origin+"/api/v1/me/rounds?limit=100"+cursor, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+b.token)
		res, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Rounds []struct {
				ID     string `json:"id"`
				Payout int64  `json:"payout"`
			} `json:"rounds"`
			Next *string `json:"next_cursor"`
		}
		err = json.NewDecoder(res.Body).Decode(&page)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		for _, r := range page.Rounds {
			booked[r.ID] = r.Payout
		}
		if page.Next == nil {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	if len(booked) != len(b.payouts) {
		t.Errorf("%d rounds were answered, the books have %d", len(b.payouts), len(booked))
	}
	for id, payout := range b.payouts {
		if kept, found := booked[id]; !found || kept != payout {
			t.Errorf("round %s was answered with %d, the books have %d (%t)", id, payout, kept, found)
		}
	}
}

// faulty is the overlay of a version that does what the file "conduct" beside the program says; nextFormat: it has a step to the
// next format of the state.
func faulty(t *testing.T, nextFormat bool) map[string]string {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	overlay := map[string]string{"cmd/imperio/testconduct.go": read("../endtoend/testdata/conduct.go.txt")}
	if nextFormat {
		store := read(filepath.Join("../../..", "storage/store.go"))
		for _, change := range [][2]string{
			{"const FormatVersion = 1\n", "const FormatVersion = 2\n"},
			{"s := &engine.Schema{Format: FormatVersion}", "s := &engine.Schema{Format: FormatVersion, Migrations: map[int]engine.Migration{1: testMigration}}"},
		} {
			if strings.Count(store, change[0]) != 1 {
				t.Fatalf("storage/store.go has not exactly one %q", change[0])
			}
			store = strings.Replace(store, change[0], change[1], 1)
		}
		overlay["storage/store.go"], overlay["storage/testmigration.go"] = store, read("../endtoend/testdata/migration.go.txt")
	}
	return overlay
}

// upgraded is a machine with a casino that is upgraded again and again.
type upgraded struct {
	*machine
	t *testing.T
	b *bettor
}

func (u *upgraded) conduct(what string) {
	u.t.Helper()
	u.putText(u.t, what, "/usr/local/bin/conduct", 0o644)
}

// upgrade runs the verb. It returns what it prints, and its exit code.
func (u *upgraded) upgrade(args ...string) (string, int) {
	u.t.Helper()
	out, err := u.run(append([]string{"imperio", "upgrade"}, args...)...)
	u.t.Logf("imperio upgrade %s:\n%s", strings.Join(args, " "), out)
	return out, exitCode(err)
}

// version is what the casino says that it runs; "" if it is not ready.
func (u *upgraded) version() string {
	out, err := u.run("imperio", "health", "--json")
	var health struct {
		Version string `json:"version"`
	}
	if err != nil || json.Unmarshal([]byte(out), &health) != nil {
		return ""
	}
	return health.Version
}

// ends checks that the casino runs a version, well, with every bet.
func (u *upgraded) ends(version string) {
	u.t.Helper()
	u.await(u.t, "the casino to run "+version, func() bool { return u.version() == version })
	before := u.b.answers.Load()
	u.await(u.t, "bets to be taken", func() bool { return u.b.answers.Load() > before+10 })
	u.b.stop()
	u.b.settle(u.t)
	says(u.t, u.must(u.t, "imperio", "audit"), "The books are right.")
	says(u.t, u.must(u.t, program, "version"), "imperio "+version+"\n")
	if got := u.must(u.t, "stat", "-c", "%U:%G %a", program); got != "root:root 755" {
		u.t.Errorf("the program is %s", got)
	}
	if out, err := u.run("ls", "/var/lib/imperio/upgrade"); err == nil {
		u.t.Errorf("the copy of the state is left: %s", out)
	}
	u.b.play()
}

// killAfter starts an upgrade, and does something as soon as it has printed a step.
func (u *upgraded) killAfter(step string, kill func(verb *exec.Cmd), args ...string) {
	u.t.Helper()
	verb := u.command(append([]string{"imperio", "upgrade"}, args...)...)
	out, err := verb.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := verb.Start(); err != nil {
		u.t.Fatal(err)
	}
	var said strings.Builder
	found := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if !found && strings.HasPrefix(lines.Text(), step+" ") {
			found = true
			kill(verb)
		}
	}
	verb.Wait()
	if !found {
		u.t.Fatalf("the verb never printed %s:\n%s", step, said.String())
	}
}

// killVerb ends the verb as a power cut would. The process that was started only waits for it: a process id namespace is entered
// by forking.
func killVerb(verb *exec.Cmd) {
	if pid := firstChild(verb.Process.Pid); pid != 0 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// newUpgraded is a machine with a casino of version v1.0.0, on which a player bets until the end. The other programs are beside it.
func newUpgraded(t *testing.T, programs map[string]string) *upgraded {
	t.Helper()
	m := boot(t)
	m.put(t, build(t, "v1.0.0", nil), "/root/imperio", 0o755)
	for path, from := range programs {
		m.put(t, from, path, 0o755)
	}
	m.install(t, "--http-addr", "127.0.0.1:80", "--env", "IMPERIO_BACKUP_TO=file:///srv/backup",
		"--env", "IMPERIO_LIMIT_SLOTS_RATE=off", "--env", "IMPERIO_LIMIT_GENERAL_RATE=off", "--env", "IMPERIO_WELCOME_COINS=1000000")
	u := &upgraded{machine: m, t: t, b: &bettor{player: player{client: m.client(t, nil), origin: "http://127.0.0.1", name: "ana"}, payouts: make(map[string]int64)}}
	u.b.client.Timeout = 10 * time.Second
	u.b.signUp(t)
	u.b.play()
	t.Cleanup(func() { u.b.stop() })
	return u
}

// A version that crashes makes way for the one before, and one that is well stays.
func TestUpgrade_GoesBackAndForwardUnderSystemd(t *testing.T) {
	if why := lacks(); testing.Short() || why != "" && os.Getenv("CI") != "true" {
		t.Skip("it boots a Debian: " + why) // before the build
	}
	u := newUpgraded(t, map[string]string{"/root/imperio-2": build(t, "v2.0.0", faulty(t, true))})
	u.conduct("crash")
	out, code := u.upgrade("--binary", "/root/imperio-2", "--no-backup", "--watch", "1s")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	says(t, out, "systemd (imperio.service)", "this build crashes", "the casino runs version v1.0.0 again", "it ended")
	u.ends("v1.0.0")
	u.conduct("")
	if out, code = u.upgrade("--binary", "/root/imperio-2", "--watch", "1s"); code != 0 {
		t.Errorf("exit code %d", code)
	}
	says(t, out, "verified in file:///srv/backup", "from format 1 to 2", "finished")
	u.ends("v2.0.0")
}

// A machine whose casino is upgraded to versions that are broken in every way, while a player bets, ends with the right version,
// healthy, and with every bet that was answered.
func TestUpgrade_UnderARealSystemd(t *testing.T) {
	if os.Getenv("UPGRADE_TORTURE") == "" {
		t.Skip("it takes minutes: run 'make upgrade-torture'")
	}
	u := newUpgraded(t, map[string]string{"/root/imperio-1.1": build(t, "v1.1.0", faulty(t, false)), "/root/imperio-2": build(t, "v2.0.0", faulty(t, true))})
	m := u.machine

	step := func(name string, do func(t *testing.T)) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) { u.t = t; do(t) }) {
			t.FailNow() // what follows needs it
		}
	}
	const next, newest = "/root/imperio-1.1", "/root/imperio-2"
	step("a version that crashes at start", func(t *testing.T) {
		u.conduct("crash")
		out, code := u.upgrade("--binary", next, "--watch", "2s")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
		says(t, out, "verified in file:///srv/backup", "systemd (imperio.service)", "this build crashes", "the casino runs version v1.0.0 again", "it ended")
		u.ends("v1.0.0")
	})
	step("a version that never gets ready", func(t *testing.T) {
		u.conduct("hang")
		out, code := u.upgrade("--binary", next, "--no-backup", "--patience", "3s")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
		says(t, out, "it was not ready within 3s", "the casino runs version v1.0.0 again")
		u.ends("v1.0.0")
	})
	step("a step to the next format that fails on the copy", func(t *testing.T) {
		u.conduct("bad-step")
		pid := m.property(t, "imperio", "MainPID")
		m.must(t, "rm", "-f", "/root/conduct")
		out, code := u.upgrade("--binary", newest, "--no-backup")
		if code != 1 || m.property(t, "imperio", "MainPID") != pid {
			t.Errorf("exit code %d; the process is %s and was %s", code, m.property(t, "imperio", "MainPID"), pid)
		}
		says(t, out, "this build's step fails", "Nothing was changed")
		u.ends("v1.0.0")
	})
	step("a step to the next format that fails in earnest", func(t *testing.T) {
		u.conduct("bad-step-later")
		out, code := u.upgrade("--binary", newest, "--no-backup")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
		says(t, out, "this build's step fails", "the casino runs version v1.0.0 again")
		u.ends("v1.0.0")
	})
	step("a version with the next format that takes bets and dies", func(t *testing.T) {
		u.conduct("")
		u.killAfter("restarted", func(*exec.Cmd) {
			u.await(t, "the new version", func() bool { return u.version() == "v2.0.0" })
			before := u.b.answers.Load()
			u.await(t, "bets", func() bool { return u.b.answers.Load() > before+100 })
			u.conduct("die")
		}, "--binary", newest, "--no-backup", "--watch", "10m")
		u.ends("v1.0.0")
	})
	for _, conduct := range []string{"", "crash"} {
		for _, at := range []string{"checked", "tried", "kept", "journaled", "swapped", "restarted"} {
			step(fmt.Sprintf("the verb is killed once it has %s; the new version: %q", at, conduct), func(t *testing.T) {
				u.conduct(conduct)
				u.killAfter(at, killVerb, "--binary", next, "--no-backup", "--watch", "1s")
				want := "v1.0.0"
				if conduct == "" { // the verb may have come further before the kill
					want = strings.Fields(m.must(t, program, "version"))[1]
				}
				if n := len(at); n%2 == 0 {
					u.upgrade("resume", "--watch", "1s")
				} else { // systemd starts it again and again, until the program before decides
					m.run("systemctl", "restart", "imperio")
				}
				u.ends(want)
				if conduct != "" || want == "v1.0.0" {
					m.await(t, "the end of the trial", func() bool {
						out, _ := m.run("imperio", "upgrade", "status")
						return !strings.Contains(out, "on trial")
					})
				}
				if want == "v1.1.0" {
					if out, code := u.upgrade("back", "--no-backup", "--watch", "1s"); code != 0 {
						t.Fatalf("going back: %d\n%s", code, out)
					}
					u.ends("v1.0.0")
				}
			})
		}
	}
	step("the machine loses its power during the trial", func(t *testing.T) {
		u.conduct("")
		u.killAfter("restarted", func(*exec.Cmd) { m.cut(t) }, "--binary", next, "--no-backup", "--watch", "2s")
		m.powerOn(t)
		u.ends("v1.1.0")
		m.await(t, "the new version to prove itself", func() bool { return strings.Contains(m.must(t, "imperio", "upgrade", "status"), "has proven itself") })
		m.must(t, "systemctl", "restart", "imperio") // the program before confirms it
		says(t, m.must(t, "imperio", "upgrade", "status"), "none is under way")
		u.ends("v1.1.0")
	})
	step("a good version with the next format", func(t *testing.T) {
		u.conduct("")
		out, code := u.upgrade("--binary", newest, "--watch", "2s")
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
		says(t, out, "from format 1 to 2", "finished")
		u.ends("v2.0.0")
		m.await(t, "the trial to end", func() bool { _, err := m.run("ls", "/var/lib/imperio/before-upgrade"); return err != nil })
	})
}

// cut ends the machine as a power cut does.
func (m *machine) cut(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(m.leader, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-m.ended
}

package debian

import (
	"crypto/tls"
	"crypto/x509"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	program  = "/usr/local/bin/imperio"
	unitFile = "/etc/systemd/system/imperio.service"
	envFile  = "/etc/imperio/imperio.env"
)

// property is one that systemd has of a unit.
func (m *machine) property(t *testing.T, unit, name string) string {
	t.Helper()
	return m.must(t, "systemctl", "show", "--value", "--property="+name, unit)
}

// state is what systemd calls the service and its socket.
func (m *machine) state() string {
	out, _ := m.run("systemctl", "is-active", "imperio.service", "imperio.socket")
	return strings.Join(strings.Fields(out), " ")
}

func (m *machine) awaitState(t *testing.T, want string) {
	t.Helper()
	m.await(t, "service and socket are "+want, func() bool { return m.state() == want })
}

// install runs the verb, which has to succeed.
func (m *machine) install(t *testing.T, flags ...string) string {
	t.Helper()
	return m.must(t, append([]string{"/root/imperio", "install"}, flags...)...)
}

// says fails the test for each text that is missing.
func says(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("it does not say %q:\n%s", text, out)
		}
	}
}

// One machine lives through all of this in order: booting costs more than most steps.
func TestInstall_MakesAServiceOutOfABareDebian(t *testing.T) {
	m := boot(t)
	m.put(t, build(t, "v1.0.0", nil), "/root/imperio", 0o755)
	ana := &player{client: m.client(t, nil), origin: "http://127.0.0.1", name: "ana"}

	step := func(name string, do func(t *testing.T)) {
		t.Helper()
		if !t.Run(name, do) {
			t.FailNow() // what follows needs it
		}
	}
	step("a dry run changes nothing", func(t *testing.T) {
		says(t, m.install(t, "--dry-run", "--http-addr", "127.0.0.1:80"), "would", "/etc/imperio/imperio.env", "systemctl start imperio")
		if out, err := m.run("sh", "-c", "ls -d /etc/imperio /var/lib/imperio "+program+" "+unitFile+" || getent passwd imperio"); err == nil {
			t.Errorf("it made something: %s", out)
		}
	})
	step("what is refused changes nothing", func(t *testing.T) {
		out, err := m.run("/root/imperio", "install", "--http-addr", ":80", "--env", "IMPERIO_SIGNUP=open", "--env", "IMPERIO_METRICS_TOKEN=0123456789abcdef")
		if exitCode(err) != 2 {
			t.Errorf("exit code %d, want 2", exitCode(err))
		}
		says(t, out, "nothing was changed", "IMPERIO_SIGNUP: no such key", "others can read command lines")
		if out, err := m.run("ls", "-d", "/etc/imperio"); err == nil {
			t.Errorf("it made something: %s", out)
		}
	})
	step("an address that another program has is refused by its name", func(t *testing.T) {
		m.must(t, "systemd-run", "--unit=other", "systemd-socket-activate", "--listen=127.0.0.1:80", "/bin/true")
		m.await(t, "the other program listens", func() bool { out, _ := m.run("ss", "-ltnH"); return strings.Contains(out, "127.0.0.1:80 ") })
		out, err := m.run("/root/imperio", "install", "--http-addr", "127.0.0.1:80")
		if exitCode(err) != 1 {
			t.Errorf("exit code %d, want 1", exitCode(err))
		}
		says(t, out, "nothing was changed", "systemd-socket", "listens on 127.0.0.1:80")
		m.must(t, "systemctl", "stop", "other")
	})
	step("install", func(t *testing.T) {
		began := time.Now()
		out := m.install(t, "--http-addr", "127.0.0.1:80", "--env", "IMPERIO_BACKUP_TO=file:///srv/backup of ana",
			"--env", "IMPERIO_DISK_STALL_LIMIT=10m", "--env", "IMPERIO_LIMIT_SLOTS_RATE=off", "--env", "IMPERIO_LIMIT_GENERAL_RATE=off", "--env", "IMPERIO_WELCOME_COINS=1000000", "--operator", "olga")
		t.Logf("from a bare Debian to a healthy casino in %s", time.Since(began).Round(10*time.Millisecond))
		says(t, out, "the casino is ready", "http://127.0.0.1/reset-password#", "encryption.key")
		if got := m.state(); got != "active active" {
			t.Errorf("service and socket are %s", got)
		}
		says(t, m.must(t, "imperio", "account", "list"), "olga")
		says(t, m.must(t, "stat", "-c", "%n %U:%G %a", program, "/etc/imperio", envFile, "/var/lib/imperio", "/srv/backup of ana"),
			program+" root:root 755", "/etc/imperio root:imperio 750", envFile+" root:imperio 640", "/var/lib/imperio imperio:imperio 700", "/srv/backup of ana imperio:imperio 700")
	})
	step("the units are right, and give no privilege", func(t *testing.T) {
		if out := m.must(t, "systemd-analyze", "verify", "imperio.service", "imperio.socket"); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		out := m.must(t, "systemd-analyze", "security", "--offline=yes", "--threshold=16", unitFile) // 1.6; 1.7 is too much
		t.Log(out[strings.LastIndex(out, "\n")+1:])
		pid := m.property(t, "imperio", "MainPID")
		if got := m.must(t, "stat", "-c", "%U", "/proc/"+pid); got != "imperio" {
			t.Errorf("the casino runs as %s", got)
		}
		says(t, m.must(t, "cat", "/proc/"+pid+"/status"), "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1")
	})
	step("bets and backups work within the limits of the unit", func(t *testing.T) {
		ana.signUp(t)
		if err := ana.bet(); err != nil {
			t.Fatal(err)
		}
		m.must(t, "imperio", "backup", "create")
		if out := m.must(t, "find", "/srv/backup of ana", "-type", "f"); out == "" {
			t.Error("the backup wrote no file")
		}
		m.must(t, "systemctl", "reload", "imperio")
	})
	step("a second run changes nothing", func(t *testing.T) {
		pid := m.property(t, "imperio", "MainPID")
		out := m.install(t)
		says(t, out, "nothing was to be changed")
		if strings.Contains(out, "done ") || m.property(t, "imperio", "MainPID") != pid {
			t.Errorf("it changed something:\n%s", out)
		}
	})
	step("a killed process is started again, and connections wait", func(t *testing.T) {
		pid := m.property(t, "imperio", "MainPID")
		m.must(t, "systemctl", "kill", "--kill-who=main", "--signal=KILL", "imperio")
		m.await(t, "the process is gone", func() bool { _, err := m.run("test", "-e", "/proc/"+pid); return err != nil })
		ana.client.CloseIdleConnections()
		if err := ana.bet(); err != nil {
			t.Errorf("a bet right after the kill: %v", err)
		}
		m.awaitState(t, "active active")
	})
	step("ends that are no failures, and crashes of Go, restart as well", func(t *testing.T) {
		for _, signal := range []string{"TERM", "QUIT"} { // on-failure would take TERM for a wish; QUIT ends a Go program as a crash does
			pid := m.property(t, "imperio", "MainPID")
			m.must(t, "systemctl", "kill", "--kill-who=main", "--signal="+signal, "imperio")
			m.await(t, "another process after SIG"+signal, func() bool {
				now := m.property(t, "imperio", "MainPID")
				return now != pid && now != "0" && m.state() == "active active"
			})
		}
		pid := m.property(t, "imperio", "MainPID")
		m.must(t, "systemctl", "kill", "--kill-who=main", "--signal=PIPE", "imperio")
		if err := ana.bet(); err != nil || m.property(t, "imperio", "MainPID") != pid {
			t.Errorf("SIGPIPE ended the casino, or: %v", err)
		}
	})
	step("a restart fails no request", func(t *testing.T) { restartUnderLoad(t, m) })
	step("stopping closes the socket", func(t *testing.T) {
		m.must(t, "systemctl", "stop", "imperio")
		m.awaitState(t, "inactive inactive")
		if conn, err := m.dial(t.Context(), "tcp", "127.0.0.1:80"); err == nil {
			conn.Close()
			t.Error("a stopped casino's address takes connections")
		}
		m.must(t, "systemctl", "start", "imperio")
		m.awaitState(t, "active active")
	})
	step("a wrong configuration does not loop, and a second run mends it", func(t *testing.T) {
		m.must(t, "sh", "-c", "cp "+envFile+" /root/good && echo IMPERIO_SIGN_UP=sometimes >>"+envFile)
		if out, err := m.run("systemctl", "restart", "imperio"); err == nil {
			t.Errorf("it starts: %s", out)
		}
		m.awaitState(t, "failed inactive")
		if got := m.property(t, "imperio", "NRestarts"); got != "0" {
			t.Errorf("it was restarted %s times", got)
		}
		if got := m.property(t, "imperio", "ExecMainStatus"); got != "2" {
			t.Errorf("exit code %s, want 2", got)
		}
		out, err := m.run("/root/imperio", "install")
		if exitCode(err) != 2 {
			t.Errorf("install takes the wrong configuration, or ends with %v", err)
		}
		says(t, out, "sometimes")
		m.must(t, "cp", "/root/good", envFile)
		says(t, m.install(t), "the casino is ready")
	})
	step("what can't work is refused while the casino runs on", func(t *testing.T) {
		pid := m.property(t, "imperio", "MainPID")
		out, err := m.run("/root/imperio", "install", "--tls", "files", "--env", "IMPERIO_TLS_CERT=/etc/imperio/none.pem", "--env", "IMPERIO_TLS_KEY=/etc/imperio/none.pem")
		if exitCode(err) != 2 {
			t.Errorf("exit code %d, want 2", exitCode(err))
		}
		says(t, out, "nothing was changed", "/etc/imperio/none.pem")
		// What only the casino's user can't read is found out before anything is stopped.
		m.must(t, "sh", "-c", "echo 0123456789abcdef >/root/token && cp "+envFile+" /root/good")
		out, err = m.run("/root/imperio", "install", "--env", "IMPERIO_METRICS_TOKEN_FILE=/root/token")
		if err == nil {
			t.Error("a token that the casino's user can't read is taken")
		}
		says(t, out, "/root/token", "run this again")
		if got := m.property(t, "imperio", "MainPID"); got != pid || m.state() != "active active" {
			t.Errorf("the casino did not run on: process %s, was %s", got, pid)
		}
		m.must(t, "cp", "-p", "/root/good", envFile)
	})
	step("the operator's lines are kept, and changed units are put right and named", func(t *testing.T) {
		m.must(t, "sh", "-c", "echo '# by hand' >>"+envFile+" && echo '# by hand' >>"+unitFile)
		says(t, m.install(t, "--env", "IMPERIO_SIGN_UP=closed"), "sets IMPERIO_SIGN_UP, and keeps its other lines", unitFile+".replaced", "restart")
		says(t, m.must(t, "cat", envFile), "# by hand", "\nIMPERIO_SIGN_UP=closed\n", "\nIMPERIO_HTTP_ADDR=127.0.0.1:80\n")
		if out := m.must(t, "cat", unitFile); strings.Contains(out, "by hand") {
			t.Error("the unit is still the changed one")
		}
		says(t, m.must(t, "cat", unitFile+".replaced"), "# by hand")
	})
	step("another program is not installed over a running one", func(t *testing.T) {
		m.put(t, build(t, "v1.1.0", nil), "/root/imperio-new", 0o755)
		out, err := m.run("/root/imperio-new", "install")
		if exitCode(err) != 1 {
			t.Errorf("exit code %d", exitCode(err))
		}
		says(t, out, "upgrade --binary /root/imperio-new")
	})
	step("uninstalling keeps the data, and installing finds them", func(t *testing.T) {
		if out, err := m.run(program, "uninstall", "--purge"); exitCode(err) != 2 || !strings.Contains(out, "rm -r /var/lib/imperio") {
			t.Errorf("purge: %v, %s", err, out)
		}
		says(t, m.must(t, program, "uninstall"), "/var/lib/imperio", envFile, "the user imperio")
		if out, err := m.run("sh", "-c", "ls "+program+" "+unitFile+" /etc/systemd/system/imperio.socket /etc/systemd/system/*.wants/imperio.*"); err == nil {
			t.Errorf("it left %s", out)
		}
		says(t, m.must(t, "/root/imperio", "uninstall"), "nothing was to be removed")
		says(t, m.install(t, "--operator", "otto"), "the casino is ready", "there is one")
		says(t, m.must(t, "imperio", "account", "list"), "ana", "olga")
		ana.client.CloseIdleConnections()
		if err := ana.bet(); err != nil {
			t.Errorf("an old session: %v", err)
		}
	})
	step("other addresses, with TLS through the socket", func(t *testing.T) {
		out := m.install(t, "--domain", "casino.test", "--tls", "internal", "--env", "IMPERIO_HTTP_ADDR=:80")
		says(t, out, "to change its addresses", "https://casino.test")
		says(t, m.must(t, "systemctl", "show", "--property=Listen", "imperio.socket"), "[::]:443", "[::]:80")
		if got := m.must(t, "stat", "-c", "%U", "/proc/"+m.property(t, "imperio", "MainPID")); got != "imperio" {
			t.Errorf("the casino runs as %s", got)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(m.must(t, "imperio", "tls", "root"))) {
			t.Fatal("no root certificate")
		}
		safe := &player{client: m.client(t, &tls.Config{RootCAs: roots}), origin: "https://casino.test", name: "ana", token: ana.token, bets: ana.bets}
		if err := safe.bet(); err != nil {
			t.Error(err)
		}
	})
	step("the casino starts with the machine", func(t *testing.T) {
		m.reboot(t)
		m.awaitState(t, "active active")
		m.must(t, "imperio", "health")
	})
	step("the books are right", func(t *testing.T) { says(t, m.must(t, "imperio", "audit"), "The books are right") })
}

// restartUnderLoad lets some players bet all the time while systemd restarts the service.
func restartUnderLoad(t *testing.T, m *machine) {
	var playing sync.WaitGroup
	stop := make(chan struct{})
	failures := make(chan error, 4)
	var bets atomic.Int64
	for _, name := range []string{"ben", "cleo", "dora", "emil"} {
		p := &player{client: m.client(t, nil), origin: "http://127.0.0.1", name: name}
		p.signUp(t)
		playing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := p.bet(); err != nil {
					failures <- err
					return
				}
				bets.Add(1)
			}
		})
	}
	for range 3 {
		before := bets.Load()
		m.await(t, "bets between two restarts", func() bool { return bets.Load() >= before+40 || len(failures) > 0 })
		m.must(t, "systemctl", "restart", "imperio")
	}
	t.Logf("%d bets during 3 restarts", bets.Load())
	close(stop)
	playing.Wait()
	close(failures)
	for err := range failures {
		t.Errorf("a bet failed: %v", err)
	}
}

// Killed anywhere, an installation is completed by the next.
func TestInstall_KilledAnywhereIsMendedByTheNext(t *testing.T) {
	m := boot(t)
	m.put(t, build(t, "v1.0.0", nil), "/root/imperio", 0o755)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for round := range 5 {
		command := m.command("/root/imperio", "install", "--http-addr", "127.0.0.1:80", "--env", "IMPERIO_DISK_STALL_LIMIT=10m", "--operator", "olga")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(random.Int64N(int64(700 * time.Millisecond)))
		kill := time.AfterFunc(after, func() {
			// The process that was started only waits for the program: a process id namespace is entered by forking.
			if pid := firstChild(command.Process.Pid); pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		if command.Wait() != nil {
			killed++
		}
		kill.Stop()
		out := m.install(t, "--http-addr", "127.0.0.1:80", "--env", "IMPERIO_DISK_STALL_LIMIT=10m", "--operator", "olga")
		if got := m.state(); got != "active active" || !strings.Contains(out, "the casino is ready") {
			t.Errorf("round %d, killed after %s: %s\n%s", round, after, got, out)
		}
		says(t, m.must(t, "imperio", "account", "list"), "olga")
		m.must(t, "imperio", "uninstall")
		m.must(t, "rm", "-r", "/var/lib/imperio", "/etc/imperio")
		m.must(t, "userdel", "imperio")
	}
	t.Logf("%d of 5 runs were killed before they ended", killed)
}

// A machine without a running systemd, such as an image that is being made, gets everything but the start.
func TestInstall_SaysHowToStartWhereSystemdDoesNotRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a Debian")
	}
	if why := lacks(); why != "" {
		t.Skip(why) // TestInstall_MakesAServiceOutOfABareDebian fails in CI
	}
	root := layered(t)
	if out, err := exec.Command("cp", build(t, "v1.0.0", nil), root+"/root/imperio").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("systemd-nspawn", "--quiet", "--directory="+root, "--private-network", "--register=no", "--keep-unit", "--pipe", "--", "/root/imperio", "install", "--http-addr", "127.0.0.1:80").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	says(t, string(out), "systemd doesn't run here", "runuser -u imperio -- /usr/local/bin/imperio serve", unitFile)
}

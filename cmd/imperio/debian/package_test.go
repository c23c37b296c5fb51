package debian

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packaged is the Debian package of a version, as `make deb` makes it.
func packaged(t *testing.T, version string) string {
	t.Helper()
	if _, err := os.Stat("../../../build/bin/nfpm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nfpm is missing: `make build/bin/nfpm` builds it")
		}
		t.Skip("nfpm is missing: `make build/bin/nfpm` builds it")
	}
	out := t.TempDir()
	command := exec.Command("go", "run", "./deploy/release", "-version", version, "-epoch", "1700000000", "-debs", "host", "-out", out)
	command.Dir = "../../.."
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make the package: %v\n%s", err, said)
	}
	debs, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("packages: %v, %v", debs, err)
	}
	return debs[0]
}

// repackaged is a package with another program, of another version. Compressing one is quick this way.
func repackaged(t *testing.T, deb, from, version, program string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "unpacked")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	run("dpkg-deb", "--raw-extract", deb, dir)
	run("install", "-m", "755", program, filepath.Join(dir, "usr/bin/imperio"))
	for name, replacement := range map[string][2]string{
		"control":  {"Version: " + from[1:] + "\n", "Version: " + version[1:] + "\n"},
		"postinst": {"imperio " + from, "imperio " + version},
	} {
		path := filepath.Join(dir, "DEBIAN", name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(replacement[0])) {
			t.Fatalf("%s lacks %q", name, replacement[0])
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(replacement[0]), []byte(replacement[1])), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	made := filepath.Join(t.TempDir(), "imperio.deb")
	run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", dir, made)
	return made
}

// One machine lives through all of this in order: booting costs more than most steps.
func TestPackage_InstallsUpgradesAndKeepsTheCasino(t *testing.T) {
	m := boot(t)
	first := packaged(t, "v1.0.0")
	m.put(t, first, "/root/v1.0.0.deb", 0o644)
	m.put(t, repackaged(t, first, "v1.0.0", "v1.1.0", build(t, "v1.1.0", nil)), "/root/v1.1.0.deb", 0o644)
	source, err := os.ReadFile("../serve.go")
	if err != nil {
		t.Fatal(err)
	}
	const run = "func (c *serveCommand) Run(env *environment) error {\n"
	if !bytes.Contains(source, []byte(run)) {
		t.Fatal("serve.go has another form: the test makes no faulty program")
	}
	faulty := build(t, "v1.2.0", map[string]string{"cmd/imperio/serve.go": strings.Replace(string(source), run, run+"\tpanic(\"a fault\")\n", 1)})
	m.put(t, repackaged(t, first, "v1.0.0", "v1.2.0", faulty), "/root/v1.2.0.deb", 0o644)

	ana := &player{client: m.client(t, nil), origin: "http://127.0.0.1:8080", name: "ana"}
	bet := func(t *testing.T) {
		t.Helper()
		if err := ana.bet(); err != nil {
			t.Error(err)
		}
	}
	runs := func(t *testing.T, version string) {
		t.Helper()
		says(t, m.must(t, "imperio", "health"), "version "+version)
		says(t, m.must(t, "/usr/bin/imperio", "version"), "imperio "+version+"\n")
	}
	step := func(name string, do func(t *testing.T)) {
		t.Helper()
		if !t.Run(name, do) {
			t.FailNow() // what follows needs it
		}
	}

	step("install", func(t *testing.T) {
		out := m.must(t, "dpkg", "-i", "/root/v1.0.0.deb")
		t.Log(out)
		m.awaitState(t, "active active")
		runs(t, "v1.0.0")
		ana.signUp(t)
		bet(t)
		says(t, m.must(t, "stat", "-c", "%n %U:%G %a", "/usr/bin/imperio", "/etc/imperio", envFile, "/var/lib/imperio"),
			"/usr/bin/imperio root:root 755", "/etc/imperio root:imperio 750", envFile+" root:imperio 640", "/var/lib/imperio imperio:imperio 700")
		says(t, m.must(t, "systemctl", "is-enabled", "imperio.service", "imperio.socket"), "enabled\nenabled")
		if out := m.must(t, "systemd-analyze", "verify", "imperio.service", "imperio.socket"); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		if out, err := m.run("ls", "/usr/local/bin/imperio"); err == nil {
			t.Errorf("there are two programs: %s", out)
		}
	})
	step("its configuration is the operator's", func(t *testing.T) {
		m.must(t, "imperio", "install", "--env", "IMPERIO_LIMIT_SLOTS_RATE=off", "--env", "IMPERIO_BACKUP_TO=file:///srv/backup")
		bet(t)
	})
	step("another version, without a question about the configuration", func(t *testing.T) {
		// It is interrupted during the trial, and goes on when dpkg does.
		dpkg := m.command("dpkg", "-i", "/root/v1.1.0.deb")
		var said bytes.Buffer
		dpkg.Stdout, dpkg.Stderr = &said, &said
		if err := dpkg.Start(); err != nil {
			t.Fatal(err)
		}
		m.await(t, "the new version serves, and is on trial", func() bool {
			out, err := m.run("sh", "-c", "test -e /usr/bin/imperio.upgrade && imperio health")
			return err == nil && strings.Contains(out, "version v1.1.0")
		})
		// In the machine, which sees only its own processes, and has no pkill.
		m.must(t, "sh", "-c", `for p in /proc/[0-9]*; do
			case "$(tr '\0' ' ' <$p/cmdline)" in "/usr/bin/imperio upgrade "*) kill -KILL ${p#/proc/} ;; esac
		done 2>/dev/null`)
		if err := dpkg.Wait(); err == nil {
			t.Errorf("dpkg is content with an interrupted upgrade:\n%s", said.String())
		}
		t.Logf("%s\nand then:\n%s", said.String(), m.must(t, "dpkg", "--configure", "-a"))
		runs(t, "v1.1.0")
		if out, err := m.run("ls", "/usr/bin/imperio.upgrade"); err == nil {
			t.Errorf("the upgrade has not ended: %s", out)
		}
		bet(t)
		says(t, m.must(t, "grep", "^IMPERIO_", envFile), "IMPERIO_BACKUP_TO=file:///srv/backup")
		says(t, m.must(t, "find", "/srv/backup", "-name", "*.archive"), ".archive")
		says(t, m.must(t, "/usr/bin/imperio.previous", "version"), "imperio v1.0.0\n")
	})
	step("a version that can't serve goes back by itself", func(t *testing.T) {
		out, err := m.run("dpkg", "-i", "/root/v1.2.0.deb")
		t.Log(out)
		if err == nil {
			t.Error("dpkg is content with it")
		}
		m.awaitState(t, "active active")
		runs(t, "v1.1.0")
		bet(t)
		// Whatever dpkg does next, it must not claim that the new version runs.
		out, err = m.run("dpkg", "--configure", "-a")
		if err == nil {
			t.Error("dpkg is content with it at the second try")
		}
		says(t, out, "gone back to the program before")
		m.must(t, "dpkg", "-i", "/root/v1.1.0.deb")
		says(t, m.must(t, "dpkg-query", "--show", "--showformat=${Status} ${Version}", "imperio"), "install ok installed 1.1.0")
		runs(t, "v1.1.0")
		bet(t)
	})
	step("removing keeps the casino", func(t *testing.T) {
		m.must(t, "dpkg", "--remove", "imperio")
		if out, err := m.run("sh", "-c", "systemctl is-active imperio.service imperio.socket || ls /usr/bin/imperio*"); err == nil {
			t.Errorf("something is left: %s", out)
		}
		m.must(t, "test", "-s", envFile)
		m.must(t, "test", "-s", "/var/lib/imperio/state.db")
	})
	step("installing again goes on with it", func(t *testing.T) {
		m.must(t, "dpkg", "-i", "/root/v1.1.0.deb")
		m.awaitState(t, "active active")
		runs(t, "v1.1.0")
		bet(t) // in her session
	})
	step("a casino that is stopped stays so", func(t *testing.T) {
		m.must(t, "systemctl", "stop", "imperio")
		m.awaitState(t, "inactive inactive")
		m.must(t, "dpkg", "-i", "/root/v1.0.0.deb")
		if got := m.state(); got != "inactive inactive" {
			t.Errorf("service and socket are %s", got)
		}
		m.must(t, "systemctl", "start", "imperio")
		runs(t, "v1.0.0")
		bet(t)
	})
	step("purging leaves only the casino, and says so", func(t *testing.T) {
		out := m.must(t, "dpkg", "--purge", "imperio")
		t.Log(out)
		says(t, out, "still in /var/lib/imperio", "rm -r /var/lib/imperio")
		for _, path := range []string{"/etc/imperio", "/usr/share/doc/imperio", "/etc/systemd/system/imperio.socket.d", "/etc/systemd/system/multi-user.target.wants/imperio.service",
			"/etc/systemd/system/imperio.service", "/etc/systemd/system/sockets.target.wants/imperio.socket"} {
			if out, err := m.run("ls", "-d", path); err == nil {
				t.Errorf("%s is left", out)
			}
		}
		m.must(t, "test", "-s", "/var/lib/imperio/state.db")
	})
}

package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"imperio/appliance/config"
)

var update = flag.Bool("update", false, "write the golden files")

// machine is a host in a directory, with a systemd that only remembers.
type machine struct {
	*host
	active map[string]bool   // units
	said   map[string]string // answers to commands, by their words
	ran    []string          // commands that change something
	fails  string            // the command that begins so fails
	since  time.Time         // when the units became active
	stale  bool              // systemd has not read the units since they changed
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{active: make(map[string]bool), said: map[string]string{"systemctl --version": "systemd 252 (252.39)"}}
	m.host = &host{root: t.TempDir(), run: m.command}
	for name, text := range map[string]string{
		"/etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
		"/etc/passwd":     "root:x:0:0:root:/root:/bin/bash\n", "/etc/group": "root:x:0:\n",
		"/proc/meminfo": "MemTotal:        2097152 kB\nMemFree: 1 kB\n", "/run/systemd/system/x": "", "/root/imperio": "a program",
	} {
		m.write(t, name, text)
	}
	return m
}

func (m *machine) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) command(_ context.Context, name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	if m.fails != "" && strings.HasPrefix(line, m.fails) {
		return "", errors.New("it failed")
	}
	switch {
	case m.said[line] != "":
		return m.said[line], nil
	case strings.HasPrefix(line, "systemctl show "):
		state := "inactive"
		if m.active[args[1]] {
			state = "active"
		}
		since, reload := m.since.UTC().Format("Mon 2006-01-02 15:04:05.000000 MST"), map[bool]string{true: "yes", false: "no"}[m.stale]
		return "ActiveState=" + state + "\nUnitFileState=" + m.said["enabled"] + "\nNRestarts=0\nMainPID=0\nNeedDaemonReload=" + reload +
			"\nExecMainStartTimestamp=" + since + "\nActiveEnterTimestamp=" + since, nil
	case name == "timedatectl":
		return "yes", nil
	}
	m.ran = append(m.ran, line)
	switch {
	case name == "useradd":
		for _, file := range []string{"/etc/passwd", "/etc/group"} {
			text, _ := m.readText(file)
			if err := os.WriteFile(m.path(file), []byte(text+"\nimperio:x:997:997\n"), 0o600); err != nil {
				return "", err
			}
		}
	case strings.Contains(line, " enable "):
		m.said["enabled"] = "enabled"
	case strings.Contains(line, " start "), strings.Contains(line, " restart "):
		m.active[service], m.active[socket], m.since = true, true, time.Now()
	case strings.HasSuffix(line, " daemon-reload"):
		m.stale = false
	case strings.Contains(line, " stop "):
		m.active[service], m.active[socket] = false, false
	}
	return "", nil
}

// casino is ready at once.
type casino struct {
	operators []string
	err       error
	refuses   error // of a check
}

func (c *casino) Check(context.Context, *config.Config) error { return c.refuses }
func (c *casino) Ready(context.Context, *config.Config) error { return c.err }
func (c *casino) HasOperator(context.Context, *config.Config) (bool, error) {
	return len(c.operators) > 0, c.err
}
func (c *casino) OpenOperator(_ context.Context, _ *config.Config, name string) (string, time.Time, error) {
	c.operators = append(c.operators, name)
	return "https://casino.example/reset-password#1", time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), c.err
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// options are those of an installation on the machine. The steps are written to out.
func (m *machine) options(t *testing.T, out *strings.Builder, more ...Setting) Options {
	t.Helper()
	return Options{
		Program: m.path("/root/imperio"), Version: "v1.0.0", Patience: time.Minute, Casino: &casino{},
		Set:  append([]Setting{{"IMPERIO_HTTP_ADDR", freeAddress(t)}, {"IMPERIO_OPS_ADDR", "none"}}, more...),
		Tell: func(s Step) { fmt.Fprintf(out, "%s %s: %s\n", s.State, s.Name, s.Text) },
	}
}

var figures = regexp.MustCompile(`127\.0\.0\.1:\d+|\d+ GiB are|after [0-9.]+m?s`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = figures.ReplaceAllStringFunc(got, func(s string) string { return regexp.MustCompile(`\d+`).ReplaceAllString(s, "N") })
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant (%s; run with -update to take the new text)\n%s", got, file, want)
	}
}

func TestInstall_ADryRunNamesEachStepAndChangesNothing(t *testing.T) {
	m := newMachine(t)
	var out strings.Builder
	o := m.options(t, &out, Setting{"IMPERIO_BACKUP_TO", "file:///backup"})
	o.DryRun, o.Operator = true, "olga"
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	golden(t, "dry-run.txt", out.String())
	if m.exists("/etc/imperio") || m.exists(InstalledProgram) || len(m.ran) > 0 {
		t.Errorf("it changed something, or ran %q", m.ran)
	}
}

func TestInstall_ASecondRunChangesNothing(t *testing.T) {
	m := newMachine(t)
	var first, second strings.Builder
	o := m.options(t, &first)
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	m.ran = nil
	o.Tell, o.Set = m.options(t, &second).Tell, o.Set[:0]
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(second.String(), "done ") || !strings.Contains(second.String(), "unchanged all") || len(m.ran) > 0 {
		t.Errorf("it ran %q and said\n%s", m.ran, second.String())
	}
}

func TestInstall_AppliesWhatWasChangedByHandOrByARunThatWasInterrupted(t *testing.T) {
	m := newMachine(t)
	var out strings.Builder
	o := m.options(t, &out)
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{config.InstalledEnvFile: "restart imperio.service", listenFile: "stop imperio.socket imperio.service"} {
		m.ran = nil
		later := m.since.Add(time.Second)
		if err := os.Chtimes(m.path(file), later, later); err != nil {
			t.Fatal(err)
		}
		if err := install(t.Context(), o, m.host); err != nil {
			t.Fatal(err)
		}
		if ran := strings.Join(m.ran, "\n"); !strings.Contains(ran, want) {
			t.Errorf("after a change of %s it ran %q, and not %q", file, ran, want)
		}
		earlier := m.since.Add(-time.Second)
		if err := os.Chtimes(m.path(file), earlier, earlier); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever fails, the next run completes.
func TestInstall_AFailureIsMendedByTheNextRun(t *testing.T) {
	for _, command := range []string{"useradd", "runuser", "systemctl daemon-reload", "systemctl --quiet enable", "systemctl --no-block start"} {
		t.Run(command, func(t *testing.T) {
			m := newMachine(t)
			var out strings.Builder
			o := m.options(t, &out)
			m.fails, m.stale = command, command == "systemctl daemon-reload"
			if err := install(t.Context(), o, m.host); err == nil {
				t.Fatal("the failure was not told")
			}
			m.fails = ""
			if err := install(t.Context(), o, m.host); err != nil {
				t.Fatal(err)
			}
			if !m.active[service] || m.said["enabled"] != "enabled" || m.stale {
				t.Errorf("the service is not complete: it ran %q", m.ran)
			}
		})
	}
}

func TestInstall_RefusalsChangeNothingAndSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, m *machine, o *Options)
		says    string
	}{
		"not root": {func(_ *testing.T, m *machine, _ *Options) { m.uid = 1000 }, "needs root"},
		"another system": {func(t *testing.T, m *machine, _ *Options) {
			m.write(t, "/etc/os-release", "PRETTY_NAME=\"Alpine Linux v3.20\"\nID=alpine\n")
		}, "DEPLOYMENT.md"},
		"an old systemd": {func(_ *testing.T, m *machine, _ *Options) { m.said["systemctl --version"] = "systemd 241 (241)" }, "too old"},
		"an upgrade":     {func(t *testing.T, m *machine, _ *Options) { m.write(t, InstalledProgram+".upgrade", "{}") }, "upgrade status"},
		"another version runs": {func(t *testing.T, m *machine, _ *Options) {
			m.write(t, InstalledProgram, "another program")
			m.active[service] = true
		}, "upgrade --binary"},
		"a package": {func(t *testing.T, m *machine, _ *Options) {
			m.write(t, packagedProgram, "program")
			m.write(t, packagedUnits+"/imperio.service", "unit")
		}, "/usr/bin/imperio install"},
		"an unknown key": {func(_ *testing.T, _ *machine, o *Options) { o.Set = append(o.Set, Setting{"IMPERIO_SIGNUP", "open"}) }, "no such key"},
		"a secret": {func(_ *testing.T, _ *machine, o *Options) {
			o.Set = append(o.Set, Setting{"IMPERIO_METRICS_TOKEN", "0123456789abcdef"})
		}, "IMPERIO_METRICS_TOKEN_FILE"},
		"a relative directory": {func(_ *testing.T, _ *machine, o *Options) { o.Set = append(o.Set, Setting{"IMPERIO_DATA_DIR", "data"}) }, "absolute"},
		"what the casino refuses": {func(_ *testing.T, _ *machine, o *Options) {
			o.Casino = &casino{refuses: errors.New("no such certificate")}
		}, "no such certificate"},
		"a wrong value": {func(_ *testing.T, _ *machine, o *Options) { o.Set[0].Value = ":80" }, "in the clear"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			var out strings.Builder
			o := m.options(t, &out)
			c.prepare(t, m, &o)
			err := install(t.Context(), o, m.host)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
			if m.exists("/etc/imperio") || len(m.ran) > 0 {
				t.Errorf("it changed something, or ran %q", m.ran)
			}
		})
	}
}

func TestInstall_CompletesAPackage(t *testing.T) {
	m := newMachine(t)
	m.write(t, packagedProgram, "program")
	m.write(t, packagedUnits+"/imperio.service", "unit")
	var out strings.Builder
	o := m.options(t, &out, Setting{"IMPERIO_DATA_DIR", "/srv/imperio"})
	o.Program = packagedProgram
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{InstalledProgram: false, unitDir + "/imperio.service": false, listenFile: true, pathsFile: true, "/srv/imperio": true} {
		if m.exists(name) != want {
			t.Errorf("%s exists: %t, want %t", name, !want, want)
		}
	}
	if !m.active[service] {
		t.Error("the casino was not started")
	}
	if err := uninstall(t.Context(), o, m.host); err == nil || !strings.Contains(err.Error(), "apt-get remove") {
		t.Errorf("uninstalling a package: %v", err)
	}
}

func TestInstall_NamesWhoListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := newMachine(t)
	var out strings.Builder
	o := m.options(t, &out)
	o.Set[0].Value = l.Addr().String()
	err = install(t.Context(), o, m.host)
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("error %v", err)
	}
	if m.exists("/etc/imperio") {
		t.Error("it changed something")
	}
	pid, _ := (&host{}).listener(l.Addr().String())
	if pid != os.Getpid() {
		t.Errorf("process %d listens, want %d", pid, os.Getpid())
	}
}

func TestUninstall_KeepsWhatIsTheOperators(t *testing.T) {
	m := newMachine(t)
	var out strings.Builder
	o := m.options(t, &out)
	if err := install(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	m.write(t, unitDir+"/imperio.service.d/mine.conf", "[Service]\n")
	out.Reset()
	o.DryRun = true
	if err := uninstall(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	if !m.exists(InstalledProgram) {
		t.Error("the dry run removed the program")
	}
	out.Reset()
	o.DryRun = false
	if err := uninstall(t.Context(), o, m.host); err != nil {
		t.Fatal(err)
	}
	golden(t, "uninstall.txt", out.String())
	for _, gone := range []string{InstalledProgram, unitDir + "/imperio.service", unitDir + "/imperio.socket", unitDir + "/imperio.socket.d"} {
		if m.exists(gone) {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, kept := range []string{config.InstalledEnvFile, config.InstalledDataDir, unitDir + "/imperio.service.d/mine.conf"} {
		if !m.exists(kept) {
			t.Errorf("%s is gone", kept)
		}
	}
}

func TestWithSettings_KeepsAllOtherLines(t *testing.T) {
	const text = "# mine\n#IMPERIO_DOMAIN=\n  IMPERIO_TLS = off\nIMPERIO_HTTP_ADDR=:80\n# end"
	got, names := withSettings(text, []Setting{
		{"IMPERIO_DOMAIN", "casino.example"}, {"IMPERIO_TLS", "internal"}, {"IMPERIO_HTTP_ADDR", ":80"}, {"IMPERIO_BACKUP_TO", `file:///a b"$c\d#`},
	})
	const want = "# mine\nIMPERIO_DOMAIN=casino.example\nIMPERIO_TLS=internal\nIMPERIO_HTTP_ADDR=:80\n# end\nIMPERIO_BACKUP_TO=\"file:///a b\\\"\\$c\\\\d#\"\n"
	if got != want || strings.Join(names, " ") != "IMPERIO_DOMAIN IMPERIO_TLS IMPERIO_BACKUP_TO" {
		t.Errorf("got %q, changed %q", got, names)
	}
	// What is written is what is read.
	loaded, err := config.Load(config.Input{Flags: map[string]string{"env-file": "x"}, ReadFile: func(string) ([]byte, error) {
		return []byte(`IMPERIO_DATA_DIR=` + quoted(`/a b"$c\d#`)), nil
	}})
	if err != nil || loaded.Config.Data.Dir != `/a b"$c\d#` {
		t.Errorf("read back: %v, %v", loaded, err)
	}
}

func TestUnits_DropInsFollowTheConfiguration(t *testing.T) {
	c := config.Default()
	c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.TLS.Mode = "[::]:80", "192.0.2.1:443", config.TLSInternal
	if got := listenConf(&c); !strings.HasSuffix(got, "\nListenStream=\nListenStream=192.0.2.1:443\nListenStream=80\n") {
		t.Errorf("addresses: %s", got)
	}
	c.TLS.Mode, c.Listen.HTTPAddr = config.TLSOff, "localhost:8080"
	if got := listenConf(&c); !strings.HasSuffix(got, "\nListenStream=\n") {
		t.Errorf("a name, and no TLS: %s", got)
	}
	if _, ok := listenStream("[2001:db8::1]:443"); !ok {
		t.Error("an address of IPv6 is refused")
	}
	c.Data.Dir = config.InstalledDataDir
	if got := pathsConf(&c); got != "" {
		t.Errorf("usual paths: %s", got)
	}
	c.Data.Dir = "/srv/100 %"
	c.Backups.To = []config.BackupURL{"file:///backup", "s3://bucket/x", "file:///backup/"}
	if got := pathsConf(&c); !strings.HasSuffix(got, "\nReadWritePaths=\"-/srv/100 %%\"\nWorkingDirectory=-/srv/100 %%\nReadWritePaths=\"-/backup\"\n") {
		t.Errorf("paths: %s", got)
	}
}

package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	"imperio/appliance/config"
	"imperio/deploy"
)

// Install installs the casino as a service and starts it, or completes that. It tells each step. It looks at everything that
// can be refused before it changes anything. A configuration that is wrong is an error that wraps config.Problems.
func Install(ctx context.Context, o Options) error { return install(ctx, o, thisHost()) }

// changes say what a run has changed of that which the running service has read.
type changes struct {
	program, units, addresses, environment bool
}

func (c *changes) any() bool { return c.program || c.units || c.addresses || c.environment }

func install(ctx context.Context, o Options, h *host) error {
	w := &work{Options: o, host: h}
	if err := w.suitable(ctx); err != nil {
		return err
	}
	if err := checkSettings(o.Set); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	before, err := w.environment()
	if err != nil {
		return err
	}
	environ := w.unitEnvironment(ctx)
	text, given := withSettings(before.text, o.Set)
	loaded, err := w.load(text, environ)
	if err != nil {
		return err
	}
	c := &loaded.Config
	w.dir = c.Data.Dir
	newProgram, err := w.needsProgram(ctx)
	if err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.checks(ctx, c); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}

	var did changes
	if newProgram {
		did.program = true
		if err := w.program(); err != nil {
			return err
		}
	}
	if err := w.account(ctx); err != nil {
		return err
	}
	if err := w.directories(c); err != nil {
		return err
	}
	why := "sets " + strings.Join(given, ", ") + ", and keeps its other lines"
	if did.environment, err = w.file(config.InstalledEnvFile, text, 0o640, casinoSees, why); err != nil {
		return err
	}
	did.environment = did.environment && before.exists
	if err := w.units(c, &did); err != nil {
		return err
	}
	if !w.systemdRuns() {
		return w.byHand(c)
	}
	if err := w.start(ctx, &did); err != nil {
		return err
	}
	if err := w.welcome(ctx, c); err != nil {
		return err
	}
	w.next(c)
	return nil
}

// suitable refuses machines on which the rest can't work. It finds out whether a package has brought the program and the units.
func (w *work) suitable(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("this installs a service for systemd, which %s doesn't have. DEPLOYMENT.md says how to run 'imperio serve' under other supervisors", runtime.GOOS)
	}
	if w.uid != 0 && !w.DryRun {
		return errors.New("installing needs root: run it with sudo, or look first with --dry-run")
	}
	if err := w.distribution(); err != nil {
		return err
	}
	if w.systemdRuns() {
		if err := w.systemdVersion(ctx); err != nil {
			return err
		}
	}
	hasPackage := w.exists(path.Join(packagedUnits, service)) && w.exists(packagedProgram)
	w.packaged = hasPackage && w.Program == packagedProgram
	if hasPackage && !w.packaged {
		return fmt.Errorf("the package imperio is installed: use its program, '%s install', or remove the package first ('apt-get remove imperio' keeps the data)", packagedProgram)
	}
	return nil
}

// distribution tells about a system that nobody has tried, and refuses one whose tools are others.
func (w *work) distribution() error {
	text, err := w.readText("/etc/os-release")
	if err != nil {
		return fmt.Errorf("which system this is can't be told: %w. Follow DEPLOYMENT.md by hand", err)
	}
	release := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		release[name] = strings.Trim(value, `"'`)
	}
	name := release["PRETTY_NAME"]
	family := " " + release["ID"] + " " + release["ID_LIKE"] + " "
	switch {
	case release["ID"] == "debian" || release["ID"] == "ubuntu":
		w.tell(Fine, "system", "%s", name)
	case strings.Contains(family, " debian ") || strings.Contains(family, " ubuntu "):
		w.tell(Warning, "system", "%s was never tried, but is made from Debian or Ubuntu", name)
	case w.exists("/usr/sbin/useradd") && w.exists("/usr/bin/systemctl"):
		w.tell(Warning, "system", "%s was never tried: it has useradd and systemctl, so this goes on", name)
	default:
		return fmt.Errorf("%s has no useradd or no systemctl, which installing needs. DEPLOYMENT.md says how to run 'imperio serve' under other supervisors", name)
	}
	return nil
}

// leastSystemd is the first version that knows all settings of the units.
const leastSystemd = 247

func (w *work) systemdVersion(ctx context.Context) error {
	out, err := w.run(ctx, "systemctl", "--version")
	if err != nil {
		return err
	}
	var version int
	if _, err := fmt.Sscanf(out, "systemd %d", &version); err == nil && version < leastSystemd {
		return fmt.Errorf("systemd %d is too old: the units need %d or newer, as Debian 11 and Ubuntu 22.04 have", version, leastSystemd)
	}
	return nil
}

// envText is the file with the configuration as it is now, or as its template.
type envText struct {
	text   string
	exists bool
}

func (w *work) environment() (envText, error) {
	text, err := w.read(config.InstalledEnvFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return envText{text: deploy.Environment}, nil
	case err != nil:
		return envText{}, fmt.Errorf("read the configuration: %w. Run this as root", err)
	}
	return envText{string(text), true}, nil
}

// needsProgram says whether the program has to be copied. It refuses to replace one that runs, or that an upgrade works on.
func (w *work) needsProgram(ctx context.Context) (bool, error) {
	if w.packaged {
		w.tell(Unchanged, "program", "%s, from the package", packagedProgram)
		return false, nil
	}
	if w.exists(InstalledProgram + ".upgrade") {
		return false, errors.New("nothing was changed: an upgrade is under way. 'imperio upgrade status' says how far it is")
	}
	if !w.exists(InstalledProgram) {
		return true, nil
	}
	same, err := sameFile(w.Program, w.path(InstalledProgram))
	if err != nil {
		return false, fmt.Errorf("compare the program with the installed one: %w", err)
	}
	if same {
		w.tell(Unchanged, "program", "%s (%s)", InstalledProgram, w.Version)
		return false, nil
	}
	if w.systemdRuns() && w.active(ctx, service) {
		return false, fmt.Errorf("nothing was changed: another version is installed and runs. To replace it with a way back: %s upgrade --binary %s", InstalledProgram, w.Program)
	}
	return true, nil
}

func (w *work) program() error {
	return w.change("program", fmt.Sprintf("%s (%s)", InstalledProgram, w.Version), func() error {
		from, err := os.Open(w.Program)
		if err != nil {
			return err
		}
		defer from.Close()
		return w.replace(InstalledProgram, from, 0o755, rootOwns)
	})
}

// account makes the user and the group that the casino runs as.
func (w *work) account(ctx context.Context) error {
	const step = "user"
	if w.hasName("/etc/passwd", user) && w.hasName("/etc/group", user) {
		w.tell(Unchanged, step, "%s", user)
		return nil
	}
	args := []string{"--system", "--home-dir", config.InstalledDataDir, "--no-create-home", "--shell", "/usr/sbin/nologin", "--comment", "Imperio, a casino"}
	if w.hasName("/etc/group", user) {
		args = append(args, "--gid", user)
	} else {
		args = append(args, "--user-group")
	}
	if w.hasName("/etc/passwd", user) {
		return w.change(step, "the group "+user, func() error {
			_, err := w.run(ctx, "groupadd", "--system", user)
			return err
		})
	}
	return w.change(step, user+", with a group of the same name, who can't sign in", func() error {
		_, err := w.run(ctx, "useradd", append(args, user)...)
		return err
	})
}

func (h *host) hasName(file, name string) bool {
	text, err := h.readText(file)
	return err == nil && strings.Contains("\n"+text, "\n"+name+":")
}

func (w *work) directories(c *config.Config) error {
	err := errors.Join(w.directory(configDir, 0o750, casinoSees), w.directory(c.Data.Dir, 0o700, casinoOwns))
	for _, dir := range backupDirs(c) {
		if w.exists(dir) {
			continue // it may be another's, with rights of its own
		}
		err = errors.Join(err, w.directory(dir, 0o700, casinoOwns))
	}
	return err
}

// units writes the units and the drop-ins that follow from the configuration.
func (w *work) units(c *config.Config, did *changes) error {
	if !w.packaged {
		for _, unit := range []struct{ name, text string }{{service, deploy.Service}, {socket, deploy.Socket}} {
			changed, err := w.unit(unit.name, unit.text)
			if err != nil {
				return err
			}
			did.units = did.units || changed
		}
	}
	changed, err := w.file(listenFile, listenConf(c), 0o644, rootOwns, "the addresses have changed")
	if err != nil {
		return err
	}
	w.streams = strings.TrimPrefix(listenConf(c), listenHead) != ""
	did.addresses, did.units = changed, did.units || changed
	text := pathsConf(c)
	if text == "" {
		if !w.exists(pathsFile) {
			return nil
		}
		did.units = true
		return w.remove(pathsFile)
	}
	changed, err = w.file(pathsFile, text, 0o644, rootOwns, "the directories have changed")
	did.units = did.units || changed
	return err
}

// The drop-ins that follow from the configuration.
const (
	listenFile = unitDir + "/imperio.socket.d/listen.conf"
	pathsFile  = unitDir + "/imperio.service.d/paths.conf"
)

// unit writes a unit. One that somebody has changed is kept beside it, under a name that systemd doesn't read.
func (w *work) unit(name, text string) (bool, error) {
	file := path.Join(unitDir, name)
	if to, err := os.Readlink(w.path(file)); err == nil && to == "/dev/null" {
		w.tell(Unchanged, "file", "%s is masked, and stays so ('systemctl unmask %s' undoes it)", file, name)
		return false, nil
	}
	has, err := w.read(file)
	if err == nil && string(has) != text && !w.DryRun {
		if err := w.replace(file+".replaced", strings.NewReader(string(has)), 0o644, rootOwns); err != nil {
			return false, err
		}
	}
	return w.file(file, text, 0o644, rootOwns, "it was another one, which is kept as "+file+".replaced; changes belong into a drop-in ('systemctl edit imperio')")
}

// byHand ends an installation where systemd doesn't run.
func (w *work) byHand(c *config.Config) error {
	program, _ := w.installed()
	w.tell(Warning, "start", "systemd doesn't run here (this may be a container or an image), so nothing was started")
	w.tell(Next, "start", "where systemd runs: systemctl enable --now imperio. By hand: runuser -u %s -- %s serve --env-file %s --data-dir %s",
		user, program, config.InstalledEnvFile, c.Data.Dir)
	return nil
}

// welcome waits for the casino, and makes the first operator.
func (w *work) welcome(ctx context.Context, c *config.Config) error {
	switch {
	case w.NoStart:
		w.tell(Next, "start", "systemctl start imperio, then: imperio account create NAME --role operator --link")
		return nil
	case w.DryRun && w.changed:
		w.tell(Planned, "health", "waits until the casino is ready, up to %s", w.Patience)
		if w.Operator != "" {
			w.tell(Planned, "operator", "opens the account %s and prints a link to set its password, if there is no operator yet", w.Operator)
		}
		return nil
	}
	began := time.Now()
	if err := w.awaitReady(ctx, c); err != nil {
		return err
	}
	w.tell(Fine, "health", "the casino is ready, after %s", time.Since(began).Round(10*time.Millisecond))
	has, err := w.Casino.HasOperator(ctx, c)
	if err != nil {
		return fmt.Errorf("the casino runs, but its operators can't be listed: %w", err)
	}
	switch {
	case has:
		w.tell(Unchanged, "operator", "there is one: 'imperio account list' shows the accounts")
	case w.Operator == "":
		w.tell(Next, "operator", "there is none yet: imperio account create NAME --role operator --link")
	case w.DryRun:
		w.tell(Planned, "operator", "opens the account %s and prints a link to set its password", w.Operator)
	default:
		link, until, err := w.Casino.OpenOperator(ctx, c, w.Operator)
		if err != nil {
			return fmt.Errorf("the casino runs, but has no operator yet: %w", err)
		}
		w.changed = true
		w.tell(Done, "operator", "%s, who sets the password here, once, until %s: %s", w.Operator, until.UTC().Format("2006-01-02 15:04 MST"), link)
	}
	return nil
}

// next tells what a person has to do now.
func (w *work) next(c *config.Config) {
	for _, address := range players(c) {
		w.tell(Fine, "players", "%s", address)
	}
	if len(c.Backups.To) == 0 {
		w.tell(Next, "backups", "there are none yet: set IMPERIO_BACKUP_TO in %s to a directory on another disk or to S3, and run this again (BACKUP.md)", config.InstalledEnvFile)
	}
	if c.Data.EncryptionKeyFile == "" && c.Data.EncryptionKey.Reveal() == "" {
		w.tell(Next, "key", "keep a copy of %s apart from this machine: without it no backup of the data is of use", path.Join(c.Data.Dir, "encryption.key"))
	}
	if !w.changed {
		w.tell(Unchanged, "all", "nothing was to be changed")
	}
}

// players is where players find the casino.
func players(c *config.Config) []string {
	if len(c.Listen.Domains) == 0 || c.TLS.Mode == config.TLSOff {
		scheme := "http://"
		if c.TLS.Mode != config.TLSOff {
			scheme = "https://"
		}
		if addresses := playersAddresses(c); len(addresses) > 0 {
			return []string{scheme + addresses[0]}
		}
		return nil
	}
	var urls []string
	for _, domain := range c.Listen.Domains {
		urls = append(urls, "https://"+domain)
	}
	return urls
}

package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"imperio/appliance/config"
)

// Uninstall stops the service, and removes its units and its program. The data, the configuration and the user stay. Only
// DryRun and Tell of the options count.
func Uninstall(ctx context.Context, o Options) error { return uninstall(ctx, o, thisHost()) }

func uninstall(ctx context.Context, o Options, h *host) error {
	w := &work{Options: o, host: h}
	switch {
	case w.uid != 0 && !w.DryRun:
		return errors.New("uninstalling needs root: run it with sudo, or look first with --dry-run")
	case w.exists(path.Join(packagedUnits, service)):
		return errors.New("nothing was changed: the package imperio is installed. Remove it with 'apt-get remove imperio'; the data stay")
	case w.exists(InstalledProgram + ".upgrade"):
		return errors.New("nothing was changed: an upgrade is under way. 'imperio upgrade status' says how far it is")
	}
	systemd, dataDir := w.systemdRuns(), w.dataDir(ctx)
	if systemd && (w.active(ctx, service) || w.active(ctx, socket)) {
		if err := w.change("stop", "the casino", func() error {
			_, err := w.run(ctx, "systemctl", "stop", socket, service)
			return err
		}); err != nil {
			return err
		}
	}
	if systemd && w.exists(path.Join(unitDir, service)) {
		if err := w.change("boot", "the casino no longer starts with the machine", func() error {
			_, err := w.run(ctx, "systemctl", "--quiet", "disable", service, socket)
			return err
		}); err != nil {
			return err
		}
	}
	for _, file := range []string{path.Join(unitDir, service), path.Join(unitDir, socket), listenFile, pathsFile} {
		if err := w.remove(file); err != nil {
			return err
		}
	}
	w.dropIns()
	if systemd && w.changed {
		if err := w.change("systemd", "reads the units again", func() error {
			_, err := w.run(ctx, "systemctl", "daemon-reload")
			return err
		}); err != nil {
			return err
		}
	}
	for _, suffix := range []string{".previous", ".failed", ".new", ""} { // the program itself last: a run that is killed can be repeated
		if err := w.remove(InstalledProgram + suffix); err != nil {
			return err
		}
	}
	if !w.changed {
		w.tell(Unchanged, "all", "nothing was to be removed")
	}
	for _, kept := range []struct{ what, name string }{{"data", dataDir}, {"configuration", config.InstalledEnvFile}} {
		if w.exists(kept.name) {
			w.tell(Unchanged, "kept", "the %s: %s", kept.what, kept.name)
		}
	}
	if w.hasName("/etc/passwd", user) {
		w.tell(Unchanged, "kept", "the user %s, who owns the data", user)
	}
	return nil
}

// dataDir is where the configuration says that the data are.
func (w *work) dataDir(ctx context.Context) string {
	before, err := w.environment()
	if err != nil {
		return config.InstalledDataDir
	}
	loaded, err := w.load(before.text, w.unitEnvironment(ctx))
	if err != nil {
		return config.InstalledDataDir
	}
	return loaded.Config.Data.Dir
}

// dropIns removes the directories of drop-ins that are empty, and names the operator's own files in the others.
func (w *work) dropIns() {
	for _, unit := range []string{service, socket} {
		dir := path.Join(unitDir, unit+".d")
		if !w.exists(dir) || w.DryRun {
			continue
		}
		left, err := filepath.Glob(filepath.Join(w.path(dir), "*"))
		if err == nil && len(left) == 0 {
			_ = os.Remove(w.path(dir)) // an empty directory does no harm
			continue
		}
		w.tell(Unchanged, "kept", "your own changes to the unit: %s", dir)
	}
	if replaced := path.Join(unitDir, service+".replaced"); w.exists(replaced) {
		w.tell(Unchanged, "kept", "%s", replaced)
	}
}

// PurgeByHand says how to delete a casino for good.
func PurgeByHand() string {
	return fmt.Sprintf("the data of a casino are not deleted by a flag. When you are sure, and have a backup: imperio uninstall, then "+
		"'rm -r %s %s' and 'userdel %s'", config.InstalledDataDir, configDir, user)
}

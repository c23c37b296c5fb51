package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"imperio/appliance/config"
	"imperio/storage/backup"
)

// targetOptions are what targets need of the configuration.
func targetOptions(c *config.Backups, log *slog.Logger) backup.TargetOptions {
	return backup.TargetOptions{S3AccessKey: c.S3AccessKey, S3SecretKey: c.S3SecretKey.Reveal(), Log: log}
}

var errNoTarget = errors.New("no target is configured here. Name one with --from, as file:///path or s3://bucket/prefix, or export IMPERIO_BACKUP_TO as the service has it")

// openBackups opens the target to read backups from: the one of a URL, or else the first configured one that answers.
func openBackups(ctx context.Context, from string, c *config.Backups, log *slog.Logger) (backup.Target, []backup.Inventory, error) {
	urls := []string{from}
	if from == "" {
		urls = nil
		for _, u := range c.To {
			urls = append(urls, string(u))
		}
	}
	if len(urls) == 0 {
		return nil, nil, errNoTarget
	}
	var errs []error
	for _, url := range urls {
		t, err := backup.Open(ctx, url, targetOptions(c, log))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all, err := backup.ReadInventories(ctx, t)
		if err == nil && len(all) == 0 && from == "" && len(urls) > 1 {
			err = errors.New("it holds no backup")
		}
		if err == nil {
			return t, all, nil
		}
		errs = append(errs, errors.Join(fmt.Errorf("read the backups in %s: %w", t, err), t.Close()))
	}
	return nil, nil, errors.Join(errs...)
}

// findBackup finds a backup by its name in a target, or by the path of a file on this machine. Close the target.
func findBackup(ctx context.Context, name, from string, c *config.Backups, log *slog.Logger) (t backup.Target, o backup.Object, err error) {
	if fi, err := os.Stat(name); from == "" && err == nil && fi.Mode().IsRegular() {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, o, err
		}
		t, err := backup.OpenDirectory(filepath.Dir(path))
		return t, backup.Object{Name: filepath.Base(path), Size: fi.Size(), Modified: fi.ModTime()}, err
	}
	t, all, err := openBackups(ctx, from, c, log)
	if err != nil {
		return nil, o, err
	}
	name = strings.TrimPrefix(name, t.String()+"/")
	for i := range all {
		for _, l := range all[i].Lineages {
			for _, a := range l.Archives {
				if isNamed(a.Object.Name, name) {
					return t, a.Object, nil
				}
			}
			for _, s := range l.Segments {
				if isNamed(s.Object.Name, name) {
					return t, s.Object, nil
				}
			}
		}
	}
	return nil, o, errors.Join(fmt.Errorf("there is no backup %s in %s. 'imperio backup list' names those that are there", name, t), t.Close())
}

// isNamed reports whether an object has a name. The last part of the name will do, since it is long.
func isNamed(object, name string) bool {
	return object == name || strings.HasSuffix(object, "/"+name)
}

package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"imperio/appliance/config"
	"imperio/tls/certs"
)

// preflight finds what a start would fail with, before it makes or changes anything: keys, certificates, addresses, and the
// place of the data directory. It reports all of it at once.
func (a *App) preflight(ctx context.Context) error {
	dir := checkDir(a.config.Data.Dir)
	if errors.Is(dir, errInUse) {
		return dir // the other casino has the addresses in use, too
	}
	errs := []error{dir, a.checkKey(), a.checkCertificates(&a.config)}
	for _, l := range a.listeners() {
		errs = append(errs, tryListen(ctx, l))
	}
	return errors.Join(errs...)
}

// checkDir refuses a data directory that another process uses, or that can't be made.
func checkDir(path string) error {
	lock, err := lockDir(path)
	if err == nil {
		return lock.Close()
	}
	if !errors.Is(err, ErrNoCasino) {
		return err
	}
	// It is not there yet. The nearest directory above it must be one that it can be made in.
	above := filepath.Dir(filepath.Clean(path))
	for {
		fi, err := os.Stat(above)
		switch {
		case err == nil && fi.IsDir():
			if err := tryMake(above); err != nil {
				return dirError("make the data directory", &fs.PathError{Op: "mkdir", Path: path, Err: err})
			}
			return nil
		case err == nil:
			return dirError("make the data directory", &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR})
		case !errors.Is(err, fs.ErrNotExist) || above == filepath.Dir(above):
			return dirError("make the data directory", err)
		}
		above = filepath.Dir(above)
	}
}

// tryMake tries whether something can be made in a directory. It returns the system's error alone.
func tryMake(dir string) error {
	trial, err := os.MkdirTemp(dir, ".imperio-*")
	if err == nil {
		err = os.Remove(trial)
	}
	if system, ok := errors.AsType[*fs.PathError](err); ok {
		return system.Err
	}
	return err
}

// checkKey reads a key that the configuration gives.
func (a *App) checkKey() error {
	key := keyFrom(a.config.Data)
	if key.given == "" {
		return nil
	}
	_, err := key.read(a.config.Data.Dir)
	return err
}

// checkCertificates reads the files of certificates.
func (a *App) checkCertificates(c *config.Config) error {
	o, err := certificateOptions(c, a.log)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return fmt.Errorf("tls=%s: %w", o.Mode, err)
	}
	return nil
}

// certificateOptions says where certificates come from, and reads the roots for it. It leaves out where they are kept.
func certificateOptions(c *config.Config, log *slog.Logger) (o certs.Options, err error) {
	t := c.TLS
	o = certs.Options{
		Mode: certs.Mode(t.Mode), Domains: c.Listen.Domains, Logger: log,
		Files: certs.Files{CertFile: t.CertFile, KeyFile: t.KeyFile},
		ACME: certs.ACME{
			Directory: t.ACMEDirectory, Staging: t.ACMEStaging, Email: t.ACMEEmail,
			EABKeyID: t.ACMEEABKeyID, EABMACKey: t.ACMEEABKey.Reveal(),
			HTTPAddr: c.Listen.HTTPAddr, TLSAddr: c.Listen.HTTPSAddr,
		},
	}
	if t.Mode == config.TLSACME && t.ACMERootFile != "" {
		if o.ACME.Roots, err = os.ReadFile(t.ACMERootFile); err != nil {
			return o, fmt.Errorf("read acme-ca-root: %w. Name a file that the user who runs imperio can read", err)
		}
	}
	return o, nil
}

// address is where one listener listens.
type address struct{ what, key, at string }

func (a *App) listeners() []address {
	l := a.config.Listen
	return []address{{"https", "https-addr", l.HTTPSAddr}, {"http", "http-addr", l.HTTPAddr}, {"the operator", "ops-addr", l.OpsAddr}}
}

// tryListen opens a listener and closes it again. It does nothing without an address.
func tryListen(ctx context.Context, a address) error {
	if a.at == "" {
		return nil
	}
	l, err := listenTCP(ctx, a)
	if err != nil {
		return err
	}
	return l.Close()
}

func listenTCP(ctx context.Context, a address) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.at)
	if err != nil {
		return nil, listenError(a.what, a.key, err)
	}
	return l, nil
}

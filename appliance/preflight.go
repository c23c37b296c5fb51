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
	"strings"
	"syscall"

	"imperio/appliance/config"
	"imperio/appliance/service"
	"imperio/tls/certs"
)

// preflight finds what a start would fail with, before it makes or changes anything: keys, certificates, addresses, and the
// place of the data directory. It reports all of it at once.
func (a *App) preflight(ctx context.Context) error {
	dir := checkDir(a.config.Data.Dir)
	if errors.Is(dir, errInUse) {
		return dir // the other casino has the addresses in use, too
	}
	errs := []error{dir, a.checkKey(), a.checkCertificates(&a.config), a.checkMirror()}
	for _, l := range append(a.listeners(), a.clusterAddress()) {
		if _, passed := a.taken[l.at]; !passed {
			errs = append(errs, tryListen(ctx, l))
		}
	}
	return errors.Join(errs...)
}

// UnwantedSocketsError says that a supervisor passed sockets which no listener wants.
type UnwantedSocketsError struct {
	Unwanted   []string // their addresses
	Configured []string // the listeners, as "http-addr=:80"
}

func (e *UnwantedSocketsError) Error() string {
	return fmt.Sprintf("the service manager passes a socket for %s, but no listener of the configuration has that address (%s). Clients would wait there for ever. "+
		"Change the addresses, or run 'imperio install' again, which fits the sockets to them, or stop using sockets with 'systemctl disable --now imperio.socket'",
		strings.Join(e.Unwanted, " and "), strings.Join(e.Configured, ", "))
}

// takeSockets takes the sockets that the process was started with. It refuses those that no listener wants.
func (a *App) takeSockets(context.Context) error {
	a.cleanups.add("inherited sockets", func() error {
		a.sockets.Close()
		for _, l := range a.taken {
			l.Close() // already closed if a server had it
		}
		return nil
	})
	var configured []string
	for _, l := range a.listeners() {
		if l.at == "" {
			continue
		}
		configured = append(configured, l.key+"="+l.at)
		if socket, ok := a.sockets.Take(l.at); ok {
			a.taken[l.at] = socket
		}
	}
	if left := a.sockets.Left(); len(left) > 0 {
		return &UnwantedSocketsError{Unwanted: left, Configured: configured}
	}
	a.sockets.Close() // what the program before this one has left open for addresses that are no longer configured
	return nil
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
	return []address{{"https", "https-addr", l.HTTPSAddr}, {"http", "http-addr", l.HTTPAddr}, a.opsAddress()}
}

// clusterAddress is where other members reach this node. No supervisor passes a socket for it.
func (a *App) clusterAddress() address {
	return address{"the cluster's members", "cluster-listen", a.config.Cluster.ListenAddr()}
}

// tryListen opens a listener and closes it again. It does nothing without an address.
func tryListen(ctx context.Context, at address) error {
	if at.at == "" {
		return nil
	}
	l, err := listenTCP(ctx, at)
	if err != nil {
		return err
	}
	return l.Close()
}

// listen returns the listener for an address: the one that the process was started with, or its own.
func (a *App) listen(ctx context.Context, at address) (net.Listener, error) {
	if l, ok := a.taken[at.at]; ok {
		delete(a.taken, at.at)
		return l, nil
	}
	return listenTCP(ctx, at)
}

// listenForOps listens for the operator before the casino does, and nil if there is no address for that. Closing it leaves a socket
// that the process was started with to listen.
func (a *App) listenForOps(ctx context.Context) (net.Listener, error) {
	at := a.opsAddress()
	if at.at == "" {
		return nil, nil
	}
	if l, ok := a.taken[at.at]; ok {
		return service.Duplicate(l)
	}
	return listenTCP(ctx, at)
}

func listenTCP(ctx context.Context, at address) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.at)
	if err != nil {
		return nil, listenError(at.what, at.key, err)
	}
	return l, nil
}

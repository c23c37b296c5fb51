package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/tls/certs"
	"imperio/tls/certstore"
)

// ErrNoRoot says that a casino has no certificate authority of its own.
var ErrNoRoot = certs.ErrNoRoot

// RootCertificate implements control.Server.
func (h house) RootCertificate() (string, error) {
	if h.app.certs == nil {
		return "", nil
	}
	root, err := h.app.certs.Root()
	if errors.Is(err, certs.ErrNoRoot) {
		return "", nil
	}
	return string(root), err
}

// TLSRoot returns the certificate, in PEM, of the authority that tls=internal made for a casino. It asks the server that runs
// on the data directory, or else reads the directory. The error wraps ErrNoRoot if there is none.
func TLSRoot(ctx context.Context, c config.Data, log *slog.Logger) ([]byte, error) {
	socket := filepath.Join(c.Dir, SocketFile)
	client, err := control.Dial(ctx, socket)
	if err == nil {
		defer client.Close()
		root, err := control.GetRootCertificate.Call(ctx, client, control.None{})
		if err == nil && root.PEM == "" {
			err = fmt.Errorf("the server on %s: %w", c.Dir, ErrNoRoot)
		}
		return []byte(root.PEM), err
	}
	dial := err
	var root []byte
	err = withStoredCertificates(ctx, c, log, func(d *dataDir, stored *certstore.Storage) (err error) {
		root, err = certs.LoadRoot(ctx, stored)
		if errors.Is(err, certstore.ErrSealed) {
			err = fmt.Errorf("%w. Make new certificates with 'imperio tls forget'", err)
		}
		return err
	})
	return root, noServerError(socket, dial, err)
}

// ForgetTLS deletes all certificates, private keys, ACME accounts and the internal authority of a stopped casino, and returns
// the number of deleted values. The next start obtains or makes new ones.
func ForgetTLS(ctx context.Context, c config.Data, log *slog.Logger) (forgotten int, err error) {
	err = withStoredCertificates(ctx, c, log, func(d *dataDir, stored *certstore.Storage) error {
		before, err := d.store.ValueNames(certPrefix)
		if err != nil {
			return err
		}
		if err := certs.Forget(ctx, stored); err != nil {
			return err
		}
		after, err := d.store.ValueNames(certPrefix)
		forgotten = len(before) - len(after)
		return err
	})
	return forgotten, err
}

// withStoredCertificates opens the certificates in the data directory of a stopped casino.
func withStoredCertificates(ctx context.Context, c config.Data, log *slog.Logger, do func(*dataDir, *certstore.Storage) error) (err error) {
	d, err := openDataDir(dataDirOptions{path: c.Dir, key: keyFrom(c), log: log, stallLimit: c.DiskStallLimit})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		err = errors.Join(err, d.close(ctx))
	}()
	if err := d.node.Barrier(ctx); err != nil {
		return fmt.Errorf("wait for the node to lead: %w", err)
	}
	stored, err := certstore.New(certStoreOptions(d, log))
	if err != nil {
		return fmt.Errorf("open the certificate store: %w", err)
	}
	return errors.Join(do(d, stored), stored.Close())
}

package appliance

import (
	"context"
	"fmt"
	"log/slog"

	"imperio/appliance/config"
	"imperio/tls/certs"
	"imperio/tls/certstore"
)

// openCertificates starts the source that obtains and renews certificates.
func (a *App) openCertificates(ctx context.Context) error {
	if a.config.TLS.Mode == config.TLSOff {
		return nil
	}
	store, err := certstore.New(certStoreOptions(a.dir, a.log))
	if err != nil {
		return fmt.Errorf("open the certificate store: %w", err)
	}
	a.cleanups.add("certificate store", store.Close)

	o, err := certificateOptions(&a.config, a.log)
	if err != nil {
		return err
	}
	o.Storage = store
	if a.certs, err = certs.New(ctx, o); err != nil {
		return fmt.Errorf("get certificates (tls=%s): %w", o.Mode, err)
	}
	a.cleanups.add("certificates", a.certs.Close)
	for _, s := range a.servers {
		if s.tls {
			s.http.TLSConfig = a.certs.TLSConfig()
		}
	}
	return nil
}

// certStoreOptions says how a data directory's state stores certificates. A lock that is lost while a certificate is being
// obtained is reported only in the log.
func certStoreOptions(d *dataDir, log *slog.Logger) certstore.Options {
	return certstore.Options{KV: certKV{d.store, d.node}, Key: d.keys.Certificates(), Node: d.identity.NodeID, Logger: log}
}

package appliance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"imperio/appliance/config"
	"imperio/storage/engine"
	"imperio/tls/certs"
	"imperio/tls/certstore"
)

// keyFile holds the key that encrypts certificates at rest, if the configuration gives none.
const keyFile = "encryption.key"

// openCertificates starts the source that obtains and renews certificates.
func (a *App) openCertificates(ctx context.Context) error {
	if a.config.TLS.Mode == config.TLSOff {
		return nil
	}
	key, err := encryptionKey(a.config.Data)
	if err != nil {
		return err
	}
	store, err := certstore.New(certStoreOptions(a.dir, key, a.log))
	if err != nil {
		return fmt.Errorf("open the certificate store: %w", err)
	}
	a.cleanups.add("certificate store", store.Close)

	t := a.config.TLS
	o := certs.Options{
		Mode: certs.Mode(t.Mode), Domains: a.config.Listen.Domains, Storage: store, Logger: a.log,
		Files: certs.Files{CertFile: t.CertFile, KeyFile: t.KeyFile},
		ACME: certs.ACME{
			Directory: t.ACMEDirectory, Staging: t.ACMEStaging, Email: t.ACMEEmail,
			EABKeyID: t.ACMEEABKeyID, EABMACKey: t.ACMEEABKey.Reveal(),
			HTTPAddr: a.config.Listen.HTTPAddr, TLSAddr: a.config.Listen.HTTPSAddr,
		},
	}
	if t.ACMERootFile != "" {
		if o.ACME.Roots, err = os.ReadFile(t.ACMERootFile); err != nil {
			return fmt.Errorf("read acme-ca-root: %w", err)
		}
	}
	if a.certs, err = certs.New(ctx, o); err != nil {
		return fmt.Errorf("get certificates (tls=%s): %w", t.Mode, err)
	}
	a.cleanups.add("certificates", a.certs.Close)
	for _, s := range a.servers {
		if s.tls {
			s.http.TLSConfig = a.certs.TLSConfig()
		}
	}
	return nil
}

// certStoreOptions configure the store of certificates in a data directory. If a lock is lost while a certificate is being
// obtained, only the log says so.
func certStoreOptions(d *dataDir, key []byte, log *slog.Logger) certstore.Options {
	return certstore.Options{KV: certKV{d.store, d.node}, Key: key, Node: d.identity.NodeID, Logger: log}
}

// encryptionKey returns the configured key, or the one in the data directory, which is made at first use.
func encryptionKey(c config.Data) ([]byte, error) {
	if c.EncryptionKey != "" {
		key, err := c.EncryptionKey.Key32()
		return key[:], err
	}
	path := filepath.Join(c.Dir, keyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, certstore.KeySize)
		rand.Read(key) // never fails
		data = []byte(hex.EncodeToString(key) + "\n")
		err = engine.WriteFile(path, data)
	}
	if err != nil {
		return nil, fmt.Errorf("encryption key: %w", err)
	}
	key, err := config.Secret(strings.TrimSpace(string(data))).Key32()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key[:], nil
}

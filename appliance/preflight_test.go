package appliance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imperio/appliance/config"
)

// writeCertificate writes a certificate for names, with its key, into two files.
func writeCertificate(t *testing.T, certFile, keyFile string, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Nothing is made before everything that the configuration names has been looked at.
func TestNew_FindsMistakesBeforeItMakesAnything(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	files := t.TempDir()
	file := func(name string) string { return filepath.Join(files, name) }
	writeCertificate(t, file("cert.pem"), file("key.pem"), "casino.example", "*.games.example")
	if err := os.WriteFile(file("text"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	tls := func(c *config.Config, mode config.TLSMode, domains ...string) {
		c.TLS.Mode, c.Listen.HTTPSAddr, c.Listen.Domains = mode, "127.0.0.1:0", domains
		if mode == config.TLSFiles {
			c.TLS.CertFile, c.TLS.KeyFile = file("cert.pem"), file("key.pem")
		}
		if mode == config.TLSACME {
			c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.TLS.ACMEDirectory = "127.0.0.1:10080", "127.0.0.1:10443", "https://127.0.0.1:1/dir"
		}
	}
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   []string
	}{
		{"no certificate file", func(c *config.Config) {
			tls(c, config.TLSFiles)
			c.TLS.CertFile = file("gone.pem")
		}, []string{"gone.pem: no such file"}},
		{"a file that is no certificate", func(c *config.Config) {
			tls(c, config.TLSFiles)
			c.TLS.CertFile = file("text")
		}, []string{"failed to find any PEM data"}},
		{"a certificate for another host", func(c *config.Config) {
			tls(c, config.TLSFiles, "casino.example", "www.casino.example", "a.games.example", "10.0.0.1")
		}, []string{"it is for casino.example, *.games.example, and not for www.casino.example, 10.0.0.1"}},
		{"no ACME root", func(c *config.Config) {
			tls(c, config.TLSACME, "casino.example")
			c.TLS.ACMERootFile = file("gone.pem")
		}, []string{"read acme-ca-root", "gone.pem: no such file"}},
		{"an ACME root that is none", func(c *config.Config) {
			tls(c, config.TLSACME, "casino.example")
			c.TLS.ACMERootFile = file("text")
		}, []string{"holds no certificate in PEM form"}},
		{"a key of an account that is no base64url", func(c *config.Config) {
			tls(c, config.TLSACME, "casino.example")
			c.TLS.ACMEEABKeyID, c.TLS.ACMEEABKey = "id", "ä"
		}, []string{"base64url"}},
		{"a key that others can read", func(c *config.Config) {
			c.Data.EncryptionKey, c.Data.EncryptionKeyFile = config.Secret(strings.Repeat("0f", 32)), file("key")
			if err := os.WriteFile(file("key"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"chmod 600"}},
		{"an address that is in use", func(c *config.Config) { c.Listen.HTTPAddr = busy.Addr().String() },
			[]string{"listen for http: listen tcp " + busy.Addr().String(), "ss -ltnp", "choose another --http-addr"}},
		{"an address of another machine", func(c *config.Config) { c.Listen.OpsAddr = "192.0.2.1:9190" },
			[]string{"no such address", "--ops-addr"}},
		{"several at once", func(c *config.Config) {
			tls(c, config.TLSFiles)
			c.TLS.KeyFile = file("gone.pem")
			c.Listen.HTTPAddr = busy.Addr().String()
			c.Listen.OpsAddr = "192.0.2.1:9190"
		}, []string{"gone.pem: no such file", "--http-addr", "--ops-addr"}},
		{"a data directory below a file", func(c *config.Config) { c.Data.Dir = filepath.Join(file("text"), "below") },
			[]string{"data directory", "text/below: not a directory. A file has the place of a directory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := patientConfig()
			conf.Data.Dir = filepath.Join(t.TempDir(), "a", "data")
			conf.Listen.HTTPAddr, conf.Listen.OpsAddr = "127.0.0.1:0", ""
			c.change(&conf)
			app, err := New(t.Context(), Options{Config: conf, Version: "test", Logs: io.Discard})
			if err == nil {
				t.Fatal(app.close())
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
			if _, err := os.Lstat(filepath.Dir(conf.Data.Dir)); c.name != "a data directory below a file" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was made: %v", err)
			}
		})
	}
}

// The same message for each error of the system would send the operator the wrong way.
func TestAdvice_FollowsTheErrorOfTheSystem(t *testing.T) {
	listen := func(err error) error { return listenError("https", "https-addr", err) }
	dir := func(err error) error { return dirError("make the data directory", err) }
	system := func(n syscall.Errno) error { return &os.PathError{Op: "x", Path: "/d", Err: n} }
	for _, c := range []struct {
		got  error
		want string
	}{
		{listen(system(syscall.EACCES)), "setcap cap_net_bind_service"},
		{listen(system(syscall.EADDRINUSE)), "Another program listens there"},
		{listen(system(syscall.EADDRNOTAVAIL)), "ip address"},
		{listen(system(syscall.EAFNOSUPPORT)), "version of IP"},
		{listen(system(syscall.EMFILE)), "LimitNOFILE"},
		{listen(&net.DNSError{Name: "nowhere"}), "can't be resolved"},
		{socketError(system(syscall.EACCES)), "right to write there"},
		{socketError(system(syscall.EROFS)), "read-only"},
		{socketError(system(syscall.EINVAL)), "too long for a socket"},
		{socketError(system(syscall.EOPNOTSUPP)), "has no sockets"},
		{dir(system(syscall.EACCES)), "chown"},
		{dir(system(syscall.EROFS)), "ReadWritePaths="},
		{dir(system(syscall.ENOTDIR)), "A file has the place"},
		{dir(system(syscall.ENOSPC)), "Make room"},
		{dir(system(syscall.ENOLCK)), "has no locks"},
		{noServerError("/d/imperio.sock", system(syscall.EACCES), fmt.Errorf("/d is %w. Stop that one first", errInUse)), "only the casino's own user may use /d/imperio.sock"},
		{noServerError("/d/imperio.sock", system(syscall.EACCES), dir(system(syscall.EACCES))), "only the casino's own user may use /d/imperio.sock"},
		{noServerError("/d/imperio.sock", system(syscall.ECONNREFUSED), fmt.Errorf("/d is %w. Stop that one first", errInUse)), "may be starting or stopping"},
		{noServerError("/d/imperio.sock", system(syscall.EACCES), ErrNoCasino), ErrNoCasino.Error()},
	} {
		if !strings.Contains(c.got.Error(), c.want) {
			t.Errorf("%v: no %q", c.got, c.want)
		}
		if strings.Contains(c.got.Error(), "Stop that one first") {
			t.Errorf("%v: nobody need be stopped", c.got)
		}
	}
}

// A second start on the same directory and the same addresses says what is really wrong.
func TestNew_SaysThatAnotherCasinoRuns(t *testing.T) {
	h := openRealHouse(t)
	again := h.config
	again.Listen.HTTPAddr = strings.TrimPrefix(h.url, "http://")
	if _, err := New(t.Context(), Options{Config: again, Version: "test", Logs: io.Discard}); err == nil || !strings.Contains(err.Error(), "is in use by another imperio") {
		t.Errorf("got %v", err)
	}
}

// The edge can't tell a forgotten proxy from a liar, so it is a notice and no more.
func TestHealth_TellsOfAProxyThatNobodyNamed(t *testing.T) {
	h := openRealHouse(t)
	v := &realClient{h: h}
	v.object(200, "GET", "/api/v1/games", "", "X-Forwarded-For", "198.51.100.1")
	seen := v.object(200, "GET", "/health/ready/trusted_proxies", "")
	if seen["status"] != "healthy" || !strings.Contains(seen["detail"].(string), "X-Forwarded-For") {
		t.Errorf("%v", seen)
	}
	h.restart(func(c *config.Config) {
		c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	v.object(200, "GET", "/api/v1/games", "", "X-Forwarded-For", "198.51.100.1")
	v.object(404, "GET", "/health/ready/trusted_proxies", "")
}

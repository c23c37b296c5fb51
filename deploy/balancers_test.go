package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need returns the path of a program, or skips the test.
func need(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; it is in Debian's package of the same name", program)
	}
	t.Skipf("needs %s, which is in Debian's package of the same name", program)
	return ""
}

// certificate makes a certificate for casino.example, and returns a file with it and its key.
func certificate(t *testing.T) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"casino.example"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "casino.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replaced is a text with something else instead of a part that must be in it.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the file has no %q", old)
	}
	return strings.ReplaceAll(text, old, with)
}

func TestHAProxy_AcceptsTheExamplesForClusters(t *testing.T) {
	haproxy := need(t, "haproxy")
	pem := certificate(t)
	for file, text := range map[string]string{
		"imperio-tcp.cfg":  read(t, "haproxy/imperio-tcp.cfg"),
		"imperio-http.cfg": replaced(t, read(t, "haproxy/imperio-http.cfg"), "/etc/haproxy/casino.pem", pem),
	} {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(haproxy, "-c", "-f", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), "[WARNING]") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
		// The check can fail.
		wrong := replaced(t, text, "balance leastconn", "balance fairly")
		if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if exec.Command(haproxy, "-c", "-f", path).Run() == nil {
			t.Errorf("%s: HAProxy accepts a mistake", file)
		}
	}
}

func TestNGINX_AcceptsTheExampleForClusters(t *testing.T) {
	nginx := need(t, "nginx")
	pem, dir := certificate(t), t.TempDir()
	text := read(t, "nginx/imperio.conf")
	lone := text[strings.Index(text, "upstream imperio {"):]
	lone = lone[:strings.Index(lone, "}")+1]
	text = replaced(t, text, lone, read(t, "nginx/cluster.conf"))
	text = replaced(t, text, "proxy_next_upstream   off;", "")
	text = replaced(t, text, "/etc/letsencrypt/live/casino.example/fullchain.pem", pem)
	text = replaced(t, text, "/etc/letsencrypt/live/casino.example/privkey.pem", pem)
	text = replaced(t, text, "listen      [::]:", "# listen [::]:") // this machine may have no IPv6
	for path, text := range map[string]string{
		"imperio.conf": text,
		"nginx.conf":   "pid " + dir + "/pid;\nerror_log " + dir + "/errors;\nevents {}\nhttp {\n  access_log off;\n  include imperio.conf;\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(nginx, "-t", "-c", filepath.Join(dir, "nginx.conf")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

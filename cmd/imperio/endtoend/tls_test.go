package endtoend

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// secureProcess is a casino with an internal authority; the second value is its HTTPS address.
func secureProcess(t *testing.T) (*process, string) {
	t.Helper()
	address := freeAddress(t)
	return newProcess(t, "--tls", "internal", "--https-addr", address), address
}

// startSecure starts the casino and waits until it serves HTTPS to a client that trusts only root, or anything if root is nil.
func startSecure(t *testing.T, c *process, address string, root []byte) {
	t.Helper()
	trust := &tls.Config{InsecureSkipVerify: root == nil}
	if root != nil {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(root) {
			t.Fatalf("no certificate in PEM: %s", root)
		}
	}
	transport := &http.Transport{TLSClientConfig: trust}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	c.spawn(t)
	if !c.await(t, "the casino to serve HTTPS", func() bool {
		res, err := client.Get("https://" + address + "/health/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}) {
		t.FailNow()
	}
}

// tlsRoot returns what 'imperio tls root' prints on standard output.
func tlsRoot(t *testing.T, c *process, args ...string) []byte {
	t.Helper()
	command := exec.Command(c.path, append([]string{"tls", "root", "--data-dir", c.dir}, args...)...)
	command.Stderr = os.Stderr
	root, err := command.Output()
	if err != nil {
		t.Fatalf("tls root: %v", err)
	}
	block, rest := pem.Decode(root)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 {
		t.Fatalf("tls root printed something other than one certificate: %s", root)
	}
	return root
}

func TestTLSRoot_IsTheSameWhileTheServerRunsAndAfterwards(t *testing.T) {
	c, address := secureProcess(t)
	startSecure(t, c, address, nil)
	running := tlsRoot(t, c)
	c.stop(t)
	if stopped := tlsRoot(t, c); string(stopped) != string(running) {
		t.Errorf("stopped:\n%s\nrunning:\n%s", stopped, running)
	}
	startSecure(t, c, address, running) // a client that trusts it can connect
	c.stop(t)
	c.audit(t)
}

func TestTLSRoot_ThereIsNoneWithoutAnAuthority(t *testing.T) {
	c := newProcess(t)
	c.start(t)
	refused := func(when string) {
		t.Helper()
		if out, err := c.run("tls", "root", "--data-dir", c.dir); err == nil || !strings.Contains(out, "there is no internal certificate authority") {
			t.Errorf("%s: %v\n%s", when, err, out)
		}
	}
	refused("running")
	c.stop(t)
	refused("stopped")
	if out, err := c.run("tls", "forget", "--data-dir", c.dir); err != nil || !strings.Contains(out, "Nothing was stored") {
		t.Errorf("forget: %v\n%s", err, out)
	}
}

func TestTLSForget_MakesWayForNewCertificates(t *testing.T) {
	c, address := secureProcess(t)
	startSecure(t, c, address, nil)
	old := tlsRoot(t, c)
	if out, err := c.run("tls", "forget", "--data-dir", c.dir); err == nil || !strings.Contains(out, "Stop that one first") {
		t.Errorf("it deleted certificates under a running server: %v\n%s", err, out)
	}
	c.stop(t)
	key := filepath.Join(c.dir, "encryption.key")
	if err := os.Rename(key, key+".kept"); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"root", "forget"} {
		if out, err := c.run("tls", verb, "--data-dir", c.dir); err == nil || !strings.Contains(out, "the casino's key is missing") {
			t.Errorf("tls %s without the key: %v\n%s", verb, err, out)
		}
	}
	if out, err := c.run("tls", "root", "--data-dir", c.dir, "--encryption-key-file", key+".kept"); err != nil || out != string(old) {
		t.Errorf("the root with the key elsewhere: %v\n%s", err, out)
	}
	if err := os.Rename(key+".kept", key); err != nil {
		t.Fatal(err)
	}
	if out, err := c.run("tls", "forget", "--data-dir", c.dir); err != nil || !strings.Contains(out, "are deleted") {
		t.Fatalf("forget: %v\n%s", err, out)
	}
	startSecure(t, c, address, nil)
	if string(tlsRoot(t, c)) == string(old) {
		t.Error("the new authority is the old one")
	}
	c.stop(t)
	c.audit(t)
}

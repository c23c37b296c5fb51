package appliance

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"imperio/appliance/config"
)

// redirected opens a casino with TLS, and returns what its plain listener answers to a request as it stands on the wire. The port
// of HTTPS is written PORT.
func redirected(t *testing.T, change func(*config.Config)) func(request string) (status int, location string) {
	t.Helper()
	c := patientConfig()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.Listen.OpsAddr = "127.0.0.1:0", freeAddress(t), ""
	c.TLS.Mode = config.TLSInternal
	change(&c)
	h := &realHouse{t: t, config: c}
	h.start()
	t.Cleanup(func() { h.stop() })
	var plain string
	for _, s := range h.app.servers {
		if s.name == "redirects to https" {
			plain = s.on.Addr().String()
		}
	}
	_, port, _ := net.SplitHostPort(c.Listen.HTTPSAddr)
	return func(request string) (int, string) {
		t.Helper()
		conn, err := net.Dial("tcp", plain)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		answer.Body.Close()
		return answer.StatusCode, strings.Replace(answer.Header.Get("Location"), ":"+port, ":PORT", 1)
	}
}

func TestRedirect_GoesToTheCasinoWhateverTheRequestSays(t *testing.T) {
	ask := redirected(t, func(c *config.Config) { c.Listen.Domains = []string{"casino.example", "www.casino.example"} })
	const host = "Host: casino.example\r\n\r\n"
	for _, c := range []struct{ request, want string }{
		{"GET /a%20b?c=d HTTP/1.1\r\n" + host, "301 https://casino.example:PORT/a%20b?c=d"},
		{"HEAD / HTTP/1.1\r\n" + host, "301 https://casino.example:PORT/"},
		{"POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 0\r\n" + host, "308 https://casino.example:PORT/api/v1/sessions"},
		{"GET / HTTP/1.1\r\nHost: www.casino.example\r\n\r\n", "301 https://casino.example:PORT/"},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "301 https://casino.example:PORT/"},
		{"GET / HTTP/1.1\r\nHost: user@evil.example\r\n\r\n", "400 "},
		{"GET / HTTP/1.0\r\n\r\n", "301 https://casino.example:PORT/"},
		{"GET http:@evil.example/x HTTP/1.1\r\n" + host, "301 https://casino.example:PORT/"},
		{"GET http://evil.example/x?y HTTP/1.1\r\n" + host, "301 https://casino.example:PORT/x?y"},
		{"GET //evil.example/x HTTP/1.1\r\n" + host, "301 https://casino.example:PORT//evil.example/x"},
		{"GET /%0d%0aLocation:%20x HTTP/1.1\r\n" + host, "301 https://casino.example:PORT/%0d%0aLocation:%20x"},
		{"OPTIONS * HTTP/1.1\r\n" + host, "308 https://casino.example:PORT/*"},
	} {
		status, location := ask(c.request)
		if got := fmt.Sprint(status, " ", location); got != c.want {
			t.Errorf("%q: %s, want %s", c.request, got, c.want)
		}
	}
}

// Without a domain, only the certificate says what the casino is called.
func TestRedirect_WithoutADomainGoesToANameOfTheCertificate(t *testing.T) {
	files := t.TempDir()
	cert, key := filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")
	writeCertificate(t, cert, key, "*.lan", "casino.lan", "games.lan")
	for _, c := range []struct {
		mode config.TLSMode
		want map[string]string // by Host
	}{
		{config.TLSInternal, map[string]string{"localhost": "localhost", "127.0.0.1:80": "127.0.0.1", "[::1]": "[::1]", "evil.example": "localhost"}},
		{config.TLSFiles, map[string]string{"games.lan": "games.lan", "*.lan": "casino.lan", "evil.example": "casino.lan", "127.0.0.1": "casino.lan"}},
	} {
		ask := redirected(t, func(conf *config.Config) {
			if conf.TLS.Mode = c.mode; c.mode == config.TLSFiles {
				conf.TLS.CertFile, conf.TLS.KeyFile = cert, key
			}
		})
		for host, want := range c.want {
			if _, got := ask("GET /a HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); got != "https://"+want+":PORT/a" {
				t.Errorf("%s: Host %s leads to %s", c.mode, host, got)
			}
		}
	}
}

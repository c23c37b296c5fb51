package ops

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is an SMTP server that keeps what it gets.
type mailServer struct {
	address string
	mails   chan mailed

	mu      sync.Mutex
	signIns []string                             // guarded by mu
	refuse  func(command, argument string) error // guarded by mu; nil: nothing is refused
}

type mailed struct {
	from, to string
	content  []byte
	tls      bool
}

// newMailServer starts a server. With a certificate it offers STARTTLS, or speaks TLS at once.
func newMailServer(t *testing.T, certificate *tls.Config, overTLS bool) *mailServer {
	t.Helper()
	m := &mailServer{mails: make(chan mailed, 100)}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		_, secured := c.TLSConnectionState()
		return &mailSession{m: m, conn: c, tls: secured}, nil
	}))
	s.Domain, s.TLSConfig, s.AllowInsecureAuth = "example.com", certificate, true
	s.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = l.Addr().String()
	if overTLS {
		l, s.TLSConfig = tls.NewListener(l, certificate), nil
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-served
	})
	return m
}

func (m *mailServer) refuses(command, argument string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse == nil {
		return nil
	}
	return m.refuse(command, argument)
}

type mailSession struct {
	m        *mailServer
	conn     *smtp.Conn
	tls      bool
	from, to string
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.m.mu.Lock()
		s.m.signIns = append(s.m.signIns, user+" "+password)
		s.m.mu.Unlock()
		if password != "p@ss" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return s.m.refuses("MAIL", from)
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.m.refuses("RCPT", to)
}

func (s *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.m.refuses("DATA", ""); err != nil {
		return err
	}
	_, secured := s.conn.TLSConnectionState()
	s.m.mails <- mailed{s.from, s.to, content, secured}
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// mailTo is a destination; host may be example.com, which the tests' dialer takes to the server.
func mailTo(t *testing.T, text string, to ...string) NotifyDestination {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return NotifyDestination{Kind: KindMail, URL: u, From: "casino@example.com", To: to}
}

// dialTo connects to a server, whatever the host.
func dialTo(m *mailServer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, m.address)
	}
}

// testTLS has the certificate for example.com and 127.0.0.1, and who trusts it.
func testTLS(t *testing.T) (*tls.Config, *httptest.Server) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return &tls.Config{Certificates: s.TLS.Certificates}, s
}

func TestMail_IsCompleteAndSentOverTLS(t *testing.T) {
	certificate, web := testTLS(t)
	for _, overTLS := range []bool{false, true} {
		server := newMailServer(t, certificate, overTLS)
		scheme := "smtp"
		if overTLS {
			scheme = "smtps"
		}
		n := newNotifier(t, NotifierOptions{
			Destinations: []NotifyDestination{mailTo(t, scheme+"://ana:p%40ss@example.com", "olga@example.org", "ben@example.org")},
			Roots:        trusts(web), Dial: dialTo(server), Casino: "müller.example",
		})
		n.Notify(failing)
		var to []string
		for range 2 {
			var got mailed
			select {
			case got = <-server.mails:
			case <-time.After(time.Minute):
				t.Fatal("no mail came")
			}
			to = append(to, got.to)
			m, err := mail.ReadMessage(strings.NewReader(string(got.content)))
			if err != nil {
				t.Fatal(err)
			}
			date, err := m.Header.Date()
			if err != nil || !date.Equal(failing.Time.Truncate(time.Second)) || got.from != "casino@example.com" || m.Header.Get("Auto-Submitted") != "auto-generated" ||
				!strings.HasSuffix(m.Header.Get("Message-ID"), "@example.com>") || m.Header.Get("To") != "<"+got.to+">" || !strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("%v, from %s\n%s", err, got.from, got.content)
			}
			if subject := m.Header.Get("Subject"); !strings.Contains(subject, "ALARM:_a_backup_failed") && !strings.Contains(subject, "ALARM: a backup failed") {
				t.Errorf("subject %q", subject)
			}
			if !overTLS && !got.tls || !strings.Contains(string(got.content), "The target <s3> & all is down.") {
				t.Errorf("TLS %t\n%s", got.tls, got.content)
			}
		}
		if slices.Sort(to); !slices.Equal(to, []string{"ben@example.org", "olga@example.org"}) {
			t.Errorf("sent to %v", to)
		}
		server.mu.Lock()
		if len(server.signIns) != 2 || server.signIns[0] != "ana p@ss" {
			t.Errorf("signed in as %v", server.signIns)
		}
		server.mu.Unlock()
	}
}

func TestMail_OnLoopbackNeedsNoTLS(t *testing.T) {
	server := newMailServer(t, nil, false)
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{mailTo(t, "smtp://ana:p%40ss@"+server.address, "olga@example.org"), mailTo(t, "smtp://"+server.address, "ben@example.org")}})
	for _, o := range n.Try(t.Context(), failing) {
		if o.Problem != "" || o.Host != server.address {
			t.Errorf("%+v", o)
		}
	}
	if len(server.mails) != 2 {
		t.Errorf("%d mails", len(server.mails))
	}
}

// Nothing is told to a server that is not proven to be the right one.
func TestMail_WithoutTLSNothingIsSent(t *testing.T) {
	certificate, web := testTLS(t)
	for _, c := range []struct {
		name   string
		server *mailServer
		url    string
		want   string
	}{
		{"a server without STARTTLS", newMailServer(t, nil, false), "smtp://ana:p%40ss@example.com", "STARTTLS"},
		{"a certificate for another name", newMailServer(t, certificate, false), "smtp://ana:p%40ss@mail.example.net", "certificate is not valid"},
		{"the same, with TLS at once", newMailServer(t, certificate, true), "smtps://ana:p%40ss@mail.example.net", "certificate is not valid"},
		{"TLS at once where there is none", newMailServer(t, certificate, false), "smtps://ana:p%40ss@example.com", "doesn't speak TLS"},
	} {
		n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{mailTo(t, c.url, "olga@example.org")}, Roots: trusts(web), Dial: dialTo(c.server)})
		problem := n.Try(t.Context(), failing)[0].Problem
		if !strings.Contains(problem, c.want) {
			t.Errorf("%s: %q", c.name, problem)
		}
		c.server.mu.Lock()
		if len(c.server.mails) != 0 || len(c.server.signIns) != 0 {
			t.Errorf("%s: %d mails, signed in as %v", c.name, len(c.server.mails), c.server.signIns)
		}
		c.server.mu.Unlock()
	}
}

func TestMail_WhatIsRetriedAndWhatIsNot(t *testing.T) {
	for _, c := range []struct {
		name, password string
		refuse         func(n int, command, argument string) error
		sent, failed   int
		reason         string
	}{
		{"a server that is busy at first", "p%40ss", func(n int, command, _ string) error {
			if command == "MAIL" && n < 3 {
				return &smtp.SMTPError{Code: 451, Message: "olga@example.org is busy"}
			}
			return nil
		}, 2, 0, "the server takes no message now (451)"},
		{"an address that is refused", "p%40ss", func(_ int, command, argument string) error {
			if command == "RCPT" && argument == "olga@example.org" {
				return &smtp.SMTPError{Code: 550, Message: "no olga@example.org here"}
			}
			return nil
		}, 1, 1, "the server refuses the message (550)"},
		{"a message that is refused", "p%40ss", func(_ int, command, _ string) error {
			if command == "DATA" {
				return errors.New("olga@example.org wants no such mail")
			}
			return nil
		}, 0, 2, "the server refuses the message (554)"},
		{"a wrong password", "hunter2", nil, 0, 2, "the server refuses the sign-in (535)"},
	} {
		server := newMailServer(t, nil, false)
		if c.refuse != nil {
			n := 0
			server.refuse = func(command, argument string) error {
				n++
				return c.refuse(n, command, argument)
			}
		}
		var results counted
		var log logged
		n := newNotifier(t, NotifierOptions{
			Destinations: []NotifyDestination{mailTo(t, "smtp://ana:"+c.password+"@"+server.address, "olga@example.org", "ben@example.org")},
			Observe:      results.observe, Log: log.logger(),
		})
		n.Notify(failing)
		results.await(t, "mail sent", c.sent)
		results.await(t, "mail failed", c.failed)
		if results.of("mail sent") != c.sent || len(server.mails) != c.sent || !strings.Contains(log.String(), c.reason) {
			t.Errorf("%s: %v, %d mails\n%s", c.name, results.n, len(server.mails), log.String())
		}
		for _, secret := range []string{"olga", "ben@", "ana", "hunter2", "p@ss"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("%s: the log tells %s:\n%s", c.name, secret, log.String())
			}
		}
	}
}

package ops

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// mailSender sends mail to one address.
type mailSender struct {
	url      *url.URL // smtp or smtps
	from, to string
	roots    *x509.CertPool
	timeout  time.Duration
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// The ports of mail, where the URL has none: submission, and submission over TLS (RFC 8314).
const (
	submissionPort    = 587
	submissionTLSPort = 465
)

func (s *mailSender) send(ctx context.Context, l *letter) *sendFailure {
	m, err := s.message(l)
	if err != nil {
		return &sendFailure{reason: "the addresses can't be used", permanent: true}
	}
	client, err := s.client(ctx)
	if err != nil {
		return &sendFailure{reason: "the URL can't be used", permanent: true}
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return mailFailure(err)
	}
	err = client.SendWithSMTPClient(connection, m)
	_ = client.CloseWithSMTPClient(connection) // the message was taken, or not
	if err != nil && !m.IsDelivered() {
		return mailFailure(err)
	}
	return nil
}

// message makes the mail. Its id is the same for each try, so that readers show it once.
func (s *mailSender) message(l *letter) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From(s.from); err != nil {
		return nil, err
	}
	if err := m.To(s.to); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(s.from, "@")
	m.Subject(l.headline())
	m.SetDateWithValue(l.Time)
	m.SetMessageIDWithValue(l.id + "@" + domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(mail.TypeTextPlain, l.body()+"\n")
	return m, nil
}

// client makes a client for one connection, which ends with ctx.
func (s *mailSender) client(ctx context.Context) (*mail.Client, error) {
	host, overTLS := s.url.Hostname(), s.url.Scheme == "smtps"
	port := submissionPort
	if overTLS {
		port = submissionTLSPort
	}
	if given, err := strconv.Atoi(s.url.Port()); err == nil {
		port = given
	}
	verified := &tls.Config{ServerName: host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(s.timeout), mail.WithTLSConfig(verified), mail.WithoutNoop(),
		mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			c, err := s.dial(dialing, network, address)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { c.Close() })
			if !overTLS {
				return c, nil
			}
			secured := tls.Client(c, verified)
			return secured, secured.HandshakeContext(dialing)
		}),
	}
	policy := mail.TLSMandatory
	if overTLS || isLoopbackHost(host) { // nobody listens in on loopback, where certificates are rarely valid
		policy = mail.NoTLS
	}
	options = append(options, mail.WithTLSPolicy(policy))
	if user := s.url.User; user != nil {
		password, _ := user.Password()
		ways := []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin}
		if policy == mail.NoTLS && !overTLS {
			ways = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc}
		}
		options = append(options, mail.WithUsername(user.Username()), mail.WithPassword(password), mail.WithOpportunisticSMTPAuth(ways...))
	}
	return mail.NewClient(host, options...)
}

// isLoopbackHost says whether a host's name or address means this machine.
func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// mailFailure says why mail was not taken. The server's own words may hold addresses, so only its code is told.
func mailFailure(err error) *sendFailure {
	code := 0
	var refused *textproto.Error
	var sending *mail.SendError
	switch {
	case errors.As(err, &sending) && sending.ErrorCode() > 0:
		code = sending.ErrorCode()
	case errors.As(err, &refused):
		code = refused.Code
	}
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538:
		return &sendFailure{reason: fmt.Sprintf("the server refuses the sign-in (%d): check user and password", code), permanent: true}
	case code >= 500:
		return &sendFailure{reason: fmt.Sprintf("the server refuses the message (%d)", code), permanent: true}
	case code >= 400:
		return &sendFailure{reason: fmt.Sprintf("the server takes no message now (%d)", code)}
	}
	var network net.Error
	if _, known := networkReason(err); known || sending != nil || errors.As(err, &network) {
		return networkFailure(err)
	}
	return &sendFailure{reason: "the server lacks what is needed: STARTTLS, or a way to sign in with a password", permanent: true}
}

package ops

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// networkFailure is the failure of a connection.
func networkFailure(err error) *sendFailure {
	reason, known := networkReason(err)
	if !known {
		reason = "the connection failed"
	}
	return &sendFailure{reason: reason}
}

// networkReason says in fixed words why a connection failed: errors of the libraries quote URLs, addresses and answers.
func networkReason(err error) (reason string, known bool) {
	var (
		name      *net.DNSError
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		timeout   interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &untrusted), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid):
		return "its certificate is not valid for this host, has expired, or comes from an authority that this machine doesn't trust", true
	case errors.As(err, &record):
		return "it doesn't speak TLS on this port", true
	case errors.As(err, &name):
		return "the host's name can't be resolved", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on this port", true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the host can't be reached from here", true
	case errors.Is(err, context.Canceled):
		return "the casino stops", true
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time", true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was closed before an answer came", true
	}
	return "", false
}

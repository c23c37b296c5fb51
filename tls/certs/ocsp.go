package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	ocspTimeout = 10 * time.Second
	ocspRetry   = 5 * time.Minute
	maxOCSP     = 64 << 10 // bytes of a response; most have a few hundred
)

var errRevoked = errors.New("the certificate has been revoked by its issuer")

// staple is an OCSP response that says "good".
type staple struct {
	raw     []byte
	until   time.Time // NextUpdate
	refresh time.Time // when to fetch the next: halfway through
}

// fetchStaple asks the responder that the certificate names for its status (RFC 6960). The chain must hold the issuer, who
// signs the response. The error is errRevoked if the certificate has been revoked.
func fetchStaple(ctx context.Context, client *http.Client, cert *tls.Certificate, now time.Time) (staple, error) {
	if len(cert.Certificate) < 2 {
		return staple{}, errors.New("certificate status: the file does not hold the issuer's certificate after the first")
	}
	issuer, err := x509.ParseCertificate(cert.Certificate[1])
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: the issuer's certificate: %w", err)
	}
	body, err := ocsp.CreateRequest(cert.Leaf, issuer, nil)
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cert.Leaf.OCSPServer[0], bytes.NewReader(body))
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: %w", err)
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := client.Do(request)
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return staple{}, fmt.Errorf("certificate status: %s answers %s", cert.Leaf.OCSPServer[0], answer.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxOCSP))
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: %w", err)
	}
	response, err := ocsp.ParseResponseForCert(raw, cert.Leaf, issuer)
	if err != nil {
		return staple{}, fmt.Errorf("certificate status: %w", err)
	}
	if response.Certificate != nil && !mayAnswer(response.Certificate) {
		return staple{}, errors.New("certificate status: the issuer has not authorised whoever signed the answer")
	}
	switch {
	case response.Status == ocsp.Revoked:
		return staple{}, errRevoked
	case response.Status != ocsp.Good:
		return staple{}, errors.New("certificate status: the responder does not know the certificate")
	case now.Before(response.ThisUpdate.Add(-backdate)) || !now.Before(response.NextUpdate):
		return staple{}, errors.New("certificate status: the answer is out of date, or this computer's clock is wrong")
	}
	return staple{
		raw: raw, until: response.NextUpdate,
		refresh: response.ThisUpdate.Add(response.NextUpdate.Sub(response.ThisUpdate) / 2),
	}, nil
}

// mayAnswer checks the certificate of a delegated responder as RFC 6960, 4.2.2.2 requires. The parser has checked that the issuer
// signed it.
func mayAnswer(responder *x509.Certificate) bool {
	for _, usage := range responder.ExtKeyUsage {
		if usage == x509.ExtKeyUsageOCSPSigning {
			return true
		}
	}
	return false
}

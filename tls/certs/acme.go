package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// acmeSource obtains certificates from an ACME issuer through CertMagic, and renews them.
//
// CertMagic's cache periodically renews what is due. The first certificate of each name is obtained by a goroutine of ours, which
// retries with a growing wait and takes the cluster's lock for one attempt at a time: CertMagic's own retries would hold
// the lock throughout, so that no other node could try.
type acmeSource struct {
	names  []string
	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	logger *slog.Logger
	retry  [2]time.Duration // shortest and longest wait

	listeners []string // addresses where challenges arrive

	cancel context.CancelFunc
	work   sync.WaitGroup
	closed sync.Once

	mu       sync.Mutex
	problems map[string]problem // mu; by name; none if the last attempt succeeded
}

// problem is why an attempt failed, and when the certificate that was in use then expires. A certificate that expires later,
// perhaps obtained by another node, ends the problem.
type problem struct {
	err  error
	over time.Time
}

const (
	defaultRetryMin = time.Minute
	defaultRetryMax = time.Hour

	// attemptTimeout is the limit for one attempt to obtain a first certificate. Issuers answer within seconds.
	attemptTimeout = 10 * time.Minute

	// listenPatience is how long to wait for the listeners of a server that is starting, listenPoll how often to look.
	listenPatience = 15 * time.Second
	listenPoll     = 50 * time.Millisecond

	// noEmail is CertMagic's value for "no e-mail address". With an empty address it would take one from its storage or from
	// another instance in this process, or ask for one on the terminal.
	noEmail = "default"
)

func newACME(options Options) (*acmeSource, error) {
	a := options.ACME
	s := &acmeSource{
		names: asciiNames(options.Domains), logger: options.Logger,
		retry:    [2]time.Duration{a.RetryMin, a.RetryMax},
		problems: make(map[string]problem),
	}
	if s.retry[0] == 0 {
		s.retry[0] = defaultRetryMin
	}
	if s.retry[1] == 0 {
		s.retry[1] = defaultRetryMax
	}
	for _, addr := range []string{a.HTTPAddr, a.TLSAddr} {
		if addr != "" {
			s.listeners = append(s.listeners, addr)
		}
	}
	template, err := issuerTemplate(a)
	if err != nil {
		return nil, err
	}
	zapLogger := newZap(options.Logger)
	template.Logger = zapLogger
	s.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return s.config, nil },
		RenewCheckInterval: options.CheckInterval, // zero is 10 minutes there too
		Logger:             zapLogger,
	})
	window := a.RenewalWindow
	if window == 0 {
		window = certmagic.DefaultRenewalWindowRatio
	}
	s.config = certmagic.New(s.cache, certmagic.Config{
		RenewalWindowRatio: window,
		OnEvent:            s.event,
		ShouldEmitFunc:     func(event string) bool { return event == "cert_failed" || event == "cert_obtained" },
		DefaultServerName:  s.names[0],
		Issuers:            []certmagic.Issuer{}, // set below: the issuer needs the config first
		KeySource:          certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		OCSP:               certmagic.OCSPConfig{HTTPProxy: http.ProxyFromEnvironment}, // with it the client has a timeout
		Storage:            options.Storage,
		// Before every order, the check would write 10 KiB into the storage and read them back. Ours is replicated and checks itself.
		DisableStorageCheck: true,
		Logger:              zapLogger,
	})
	s.issuer = certmagic.NewACMEIssuer(s.config, template)
	s.config.Issuers = []certmagic.Issuer{s.issuer}

	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, name := range s.names {
		s.work.Go(func() { s.obtain(ctx, name) })
	}
	return s, nil
}

func issuerTemplate(a ACME) (certmagic.ACMEIssuer, error) {
	template := certmagic.ACMEIssuer{
		CA: a.Directory, Email: a.Email, Agreed: true,
		DisableHTTPChallenge:    a.HTTPAddr == "",
		DisableTLSALPNChallenge: a.TLSAddr == "",
	}
	if template.CA == "" {
		template.CA = certmagic.LetsEncryptProductionCA
	}
	if a.Staging {
		template.CA = certmagic.LetsEncryptStagingCA
	}
	if template.CA == certmagic.LetsEncryptProductionCA {
		template.TestCA = certmagic.LetsEncryptStagingCA // retries try it first, to stay within the rate limits of production
	}
	if a.Email == "" {
		template.Email = noEmail
		template.NewAccountFunc = func(_ context.Context, _ *certmagic.ACMEIssuer, account acme.Account) (acme.Account, error) {
			account.Contact = nil
			return account, nil
		}
	}
	if a.EABKeyID != "" {
		template.ExternalAccount = &acme.EAB{KeyID: a.EABKeyID, MACKey: a.EABMACKey}
	}
	if len(a.Roots) > 0 {
		template.TrustedRoots = x509.NewCertPool()
		if !template.TrustedRoots.AppendCertsFromPEM(a.Roots) {
			return template, errors.New("ACME: the file of trusted roots holds no certificate in PEM form")
		}
	}
	// CertMagic listens on these ports itself if they are free; see awaitListeners.
	if a.HTTPAddr != "" {
		template.ListenHost, template.AltHTTPPort, _ = splitAddr(a.HTTPAddr)
	}
	if a.TLSAddr != "" {
		template.ListenHost, template.AltTLSALPNPort, _ = splitAddr(a.TLSAddr)
	}
	return template, nil
}

// obtain loads the certificate of a name into the cache: from the storage, or from the issuer. From then on the cache renews it.
func (s *acmeSource) obtain(ctx context.Context, name string) {
	if cert, err := s.config.CacheManagedCertificate(ctx, name); err == nil {
		s.logger.Info("certificate read from the storage", "name", name, "expires", cert.Leaf.NotAfter)
		if s.awaitListeners(ctx) && cert.NeedsRenewal(s.config) {
			// The process may have been down for months: don't wait for the cache's next check, which may be minutes away.
			if err := s.cache.RenewManagedCertificates(ctx); err != nil && ctx.Err() == nil {
				s.setProblem(name, err)
			}
		}
		return
	}
	if !s.awaitListeners(ctx) {
		return
	}
	wait := s.retry[0]
	for attempts := 0; ; attempts++ {
		attempt, cancel := context.WithTimeout(context.WithValue(ctx, certmagic.AttemptsCtxKey, &attempts), attemptTimeout)
		err := s.config.ManageSync(attempt, []string{name})
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.setProblem(name, err)
		if err == nil {
			s.logger.Info("certificate ready", "name", name, "expires", s.notAfter(name))
			return
		}
		s.logger.Error("no certificate could be obtained, trying again; until one is, connections to this name fail",
			"name", name, "again_in", wait, "error", reason(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, s.retry[1])
	}
}

// awaitListeners waits until the server listens on the ports where challenges arrive: CertMagic would open a free port itself,
// and the server that is starting could not. After listenPatience it gives up waiting. false: ctx has ended.
func (s *acmeSource) awaitListeners(ctx context.Context) bool {
	patience, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	var dialer net.Dialer
	for _, addr := range s.listeners {
		for {
			conn, err := dialer.DialContext(patience, "tcp", addr)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-patience.Done():
				if ctx.Err() == nil {
					s.logger.Warn("nothing listens where the issuer's challenges arrive: obtaining certificates may fail",
						"address", addr, "error", err)
				}
				return ctx.Err() == nil
			case <-time.After(listenPoll):
			}
		}
	}
	return ctx.Err() == nil
}

// event records the results of the cache's renewals.
func (s *acmeSource) event(_ context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	switch event {
	case "cert_failed":
		err, _ := data["error"].(error)
		s.setProblem(name, err)
		if renewal, _ := data["renewal"].(bool); renewal {
			s.logger.Error("the certificate could not be renewed; the old one is still served",
				"name", name, "expires", s.notAfter(name), "error", reason(err))
		}
	case "cert_obtained":
		s.setProblem(name, nil)
		if renewal, _ := data["renewal"].(bool); renewal {
			s.logger.Info("certificate renewed", "name", name)
		}
	}
	return nil
}

func (s *acmeSource) setProblem(name string, err error) {
	over := s.notAfter(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.problems, name)
		return
	}
	s.problems[name] = problem{err: reason(err), over: over}
}

// reason shortens an error of CertMagic to the issuer's answer, if there is one in it.
func reason(err error) error {
	var refusal acme.Problem
	if errors.As(err, &refusal) {
		return fmt.Errorf("the issuer answers: %w", refusal)
	}
	return err
}

// ours reports whether a name that a client sent is one of the domains. Challenges for other names are not
// looked up, or anybody could make the server read the storage.
func (s *acmeSource) ours(name string) bool {
	return slices.Contains(s.names, strings.ToLower(name))
}

// handler answers HTTP-01 challenges for our domains and leaves the rest to next.
func (s *acmeSource) handler(next http.Handler) http.Handler {
	challenges := s.issuer.HTTPChallengeHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if certmagic.LooksLikeHTTPChallenge(r) && s.ours(host) {
			challenges.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *acmeSource) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Contains(hello.SupportedProtos, acmez.ACMETLS1Protocol) && !s.ours(hello.ServerName) {
		return nil, nil
	}
	cert, err := s.config.GetCertificateWithContext(hello.Context(), hello)
	if err != nil {
		// The name is not ours, or its certificate is still being obtained. Without an error, crypto/tls answers "unrecognized name"
		// instead of "internal error".
		return nil, nil
	}
	return cert, nil
}

// notAfter is when the best certificate in the cache for name expires; zero if there is none.
func (s *acmeSource) notAfter(name string) time.Time {
	var latest time.Time
	for _, cert := range s.cache.AllMatchingCertificates(name) {
		if cert.Leaf.NotAfter.After(latest) {
			latest = cert.Leaf.NotAfter
		}
	}
	return latest
}

func (s *acmeSource) hosts() []string { return s.names }

func (s *acmeSource) expiry() []Validity {
	all := make([]Validity, len(s.names))
	for i, name := range s.names {
		all[i] = Validity{Name: name, NotAfter: s.notAfter(name)}
		s.mu.Lock()
		if p, ok := s.problems[name]; ok && !all[i].NotAfter.After(p.over) {
			all[i].Problem = p.err
		}
		s.mu.Unlock()
	}
	return all
}

// close ends the attempts under way and the cache's renewals. A renewal that CertMagic has just begun may end shortly after close
// returns, when it notices that its context has ended; last it releases its lock, and the storage's Close waits for that.
func (s *acmeSource) close() {
	s.closed.Do(func() {
		s.cancel()
		s.cache.Stop()
		s.work.Wait()
	})
}

package ops

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// webSender sends to one destination by HTTP.
type webSender struct {
	client  *http.Client
	kind    string
	url     *url.URL
	secret  string
	version string
}

// newWebClient makes a client for all destinations. It keeps no connections: messages are rare.
func newWebClient(o NotifierOptions) *http.Client {
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext:            o.Dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: maxAnswer,
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true,
		},
		CheckRedirect: redirect,
	}
}

// redirect follows at most two redirects, to the same host, that keep the message. Any other could give it to somebody else.
func redirect(next *http.Request, before []*http.Request) error {
	first := before[0]
	if len(before) > 2 || next.Method != first.Method || next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

func (s *webSender) send(ctx context.Context, l *letter) *sendFailure {
	body, headers := l.request(s.kind, s.secret, time.Now())
	target := *s.url
	if token := ntfyToken(target.User); s.kind == KindNtfy && token != "" {
		headers.Set("Authorization", token)
		target.User = nil
	}
	headers.Set("User-Agent", "imperio/"+s.version)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return &sendFailure{reason: "the URL can't be used", permanent: true}
	}
	request.Header = headers
	response, err := s.client.Do(request)
	if err != nil {
		return networkFailure(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // what it says beside the status doesn't matter
	return statusFailure(response, time.Now())
}

// statusFailure judges the status of an answer; nil if the message was taken.
func statusFailure(r *http.Response, now time.Time) *sendFailure {
	f := &sendFailure{reason: fmt.Sprintf("it answers %d %s", r.StatusCode, http.StatusText(r.StatusCode))}
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		f.reason, f.permanent = fmt.Sprintf("it answers %d, a redirect to another place: give the URL of that place", code), true
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		f.after = retryAfter(r.Header.Get("Retry-After"), now)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		f.reason, f.permanent = f.reason+": the URL or a secret in it is wrong or no longer valid", true
	default:
		f.permanent = true
	}
	return f
}

// retryAfter reads a number of seconds or a date; 0 if it is neither, or past.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func timestampOf(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

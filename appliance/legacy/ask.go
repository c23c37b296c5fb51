package legacy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"imperio/appliance/problem"
)

// countedKey marks requests to the API that belong to an older request which the API has counted before.
type countedKey struct{}

// Counted says whether the API has counted a request for its account before: an older request that needs several requests of the
// API counts once.
func Counted(ctx context.Context) bool { return ctx.Value(countedKey{}) != nil }

// reply is what the API writes into.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *reply) Header() http.Header { return r.header }

func (r *reply) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *reply) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// passedOn are the headers of the API's answers that older clients get, too.
var passedOn = []string{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "Retry-After", "Idempotency-Replayed"}

// ask sends the API a request of the client's session, and reads the answer into out. A problem is returned as the error. key is
// the Idempotency-Key; "" for none. in is the body; nil for none.
func (c *call) ask(method, path, key string, in, out any) error {
	ctx := c.r.Context()
	if c.asked {
		ctx = context.WithValue(ctx, countedKey{}, true)
	}
	c.asked = true
	at, query, _ := strings.Cut("/api/v1"+path, "?")
	r := &http.Request{
		Method: method, URL: &url.URL{Path: at, RawQuery: query}, RequestURI: "/api/v1" + path,
		Proto: c.r.Proto, ProtoMajor: c.r.ProtoMajor, ProtoMinor: c.r.ProtoMinor, Host: c.r.Host, RemoteAddr: c.r.RemoteAddr, TLS: c.r.TLS,
		Header: http.Header{"Authorization": {"Bearer " + c.token}, "User-Agent": {c.r.UserAgent()}}, Body: http.NoBody,
	}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask the API: %w", err)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header["Content-Type"] = []string{"application/json"}
	}
	if key != "" {
		r.Header["Idempotency-Key"] = []string{key}
	}
	a := &reply{header: make(http.Header)}
	h := c.w.Header()
	for _, name := range append(passedOn, "X-Request-Id") {
		if values, ok := h[name]; ok {
			a.header[name] = values
		}
	}
	c.o.API.ServeHTTP(a, r.WithContext(ctx))
	for _, name := range passedOn {
		if values, ok := a.header[name]; ok {
			h[name] = values
		}
	}
	if a.status >= 300 {
		return problemOf(a)
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return fmt.Errorf("read the API's answer: %w", err)
	}
	return nil
}

// problemOf reads a problem document. The API has logged its cause.
func problemOf(a *reply) error {
	var d problem.Document
	if err := json.Unmarshal(a.body.Bytes(), &d); err != nil {
		return fmt.Errorf("read the API's problem with status %d: %w", a.status, err)
	}
	p := problem.New(d.Code, "%s", d.Detail)
	p.Status = a.status
	return p
}

// key is the client's Idempotency-Key; "" if it sent none, or something else than one. step tells the requests of the API apart
// that one older request becomes; "" for its first.
func (c *call) key(step string) string {
	values := c.r.Header["Idempotency-Key"]
	if len(values) != 1 || values[0] == "" || step == "" {
		return firstOf(values)
	}
	return derived(values[0], step)
}

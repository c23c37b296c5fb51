package edge

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is the body of an error (RFC 9457).
type Problem struct {
	Type       string `json:"type"` // always about:blank: Code says what it is
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Code       string `json:"code"` // stable, for programs
	Detail     string `json:"detail,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
}

// NewProblem makes a problem with the title of its status.
func NewProblem(status int, code, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// The edge's own refusals.
var (
	problemTooManyConnections = NewProblem(http.StatusTooManyRequests, "too_many_connections",
		"Your address holds too many connections. Close some, then try again.")
	problemHeaderTooLarge = NewProblem(http.StatusRequestHeaderFieldsTooLarge, "header_too_large",
		"The request's headers are too large.")
	problemBodyTooLarge = NewProblem(http.StatusRequestEntityTooLarge, "body_too_large",
		"The request's body is too large.")
	problemForeignPage = NewProblem(http.StatusForbidden, "forbidden",
		"Pages of other sites can't do this for you.")
	problemForeignPreflight = NewProblem(http.StatusForbidden, "forbidden",
		"Pages of this origin can't call the API.")
	problemRateLimited = NewProblem(http.StatusTooManyRequests, "rate_limited",
		"Too many requests. Wait a little, then try again.")
	problemPanic = NewProblem(http.StatusInternalServerError, "internal_error",
		"Something went wrong here. It was recorded under the request id.")
	problemNotFound = NewProblem(http.StatusNotFound, "not_found",
		"There is nothing at this address.")
	problemRange = NewProblem(http.StatusRequestedRangeNotSatisfiable, "range_not_satisfiable",
		"The file has no such part.")
	problemMethod = NewProblem(http.StatusMethodNotAllowed, "method_not_allowed",
		"This address only answers GET and HEAD.")
)

// WriteProblem answers a request with an error: a page for a browser that navigates, problem+json for all else and for
// everything below /api/. The request id is filled in.
func WriteProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	h := w.Header()
	x := exchangeOf(r.Context())
	if x != nil {
		p.RequestID = x.id
	}
	if retry, err := strconv.Atoi(h.Get(headerRetryAfter)); err == nil && p.RetryAfter == 0 {
		p.RetryAfter = retry
	}
	h["Cache-Control"] = []string{"no-store"}
	var body []byte
	if wantsPage(r) {
		h["Content-Type"] = []string{"text/html; charset=utf-8"}
		if x != nil && x.edge.options.ErrorPage != nil {
			body = x.edge.options.ErrorPage(p)
		} else {
			body = plainErrorPage(p)
		}
	} else {
		h["Content-Type"] = []string{"application/problem+json"}
		body, _ = json.Marshal(p) // strings and numbers always marshal
		body = append(body, '\n')
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	delete(h, "Content-Encoding")
	delete(h, "Etag")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone away needs no answer
	}
}

// wantsPage says whether an error should be a page: the path is one of pages, and the client names HTML.
func wantsPage(r *http.Request) bool {
	if isData(r.URL.Path) {
		return false
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, "text/html") {
			return true
		}
	}
	return false
}

// errorPage has neither style nor script, so it is right under any policy.
var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Status}} {{.Title}}</title></head>
<body>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
{{if .Wait}}<p>Try again in {{.Wait}}.</p>
{{end}}<p><a href="/">Back to the casino</a></p>
{{if .RequestID}}<p><small>Request {{.RequestID}}</small></p>
{{end}}</body>
</html>
`))

func plainErrorPage(p Problem) []byte {
	var b strings.Builder
	_ = errorPage.Execute(&b, struct { // a strings.Builder takes all, and the template is constant
		Problem
		Wait time.Duration
	}{p, time.Duration(p.RetryAfter) * time.Second})
	return []byte(b.String())
}

package edge

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"imperio/appliance/problem"
)

// The edge's own refusals.
var (
	problemTooManyConnections = problem.NewDocument("too_many_connections",
		"Your address holds too many connections. Close some.")
	problemHeaderTooLarge = problem.NewDocument("header_too_large",
		"The request's headers are too large.")
	problemBodyTooLarge = problem.NewDocument("body_too_large",
		"The request's body is too large.")
	problemForeignPage = problem.NewDocument("forbidden",
		"Pages of other sites can't do this for you.")
	problemForeignPreflight = problem.NewDocument("forbidden",
		"Pages of this origin can't call the API.")
	problemRateLimited = problem.NewDocument("rate_limited",
		"Too many requests.")
	problemPanic = problem.NewDocument("internal_error",
		"Something went wrong here. It was recorded under the request id.")
	problemNotFound = problem.NewDocument("not_found",
		"There is nothing at this address.")
	problemRange = problem.NewDocument("range_not_satisfiable",
		"The file has no such part.")
	problemMethod = problem.NewDocument("method_not_allowed",
		"This address only answers GET and HEAD.")
)

// WriteProblem answers a request with an error: a page for a browser that navigates, problem+json for all else and for
// everything below /api/. The request id is filled in.
func WriteProblem(w http.ResponseWriter, r *http.Request, p problem.Document) {
	h := w.Header()
	x := exchangeOf(r.Context())
	if x != nil {
		p.RequestID = x.id
	}
	if retry, err := strconv.Atoi(h.Get(headerRetryAfter)); err == nil && p.RetryAfter == 0 {
		p.WaitFor(retry)
	}
	if p.Status == http.StatusTooManyRequests && p.RetryAfter == 0 {
		p.WaitFor(int(problem.DefaultWait.Seconds()))
		h[headerRetryAfter] = []string{strconv.Itoa(p.RetryAfter)}
	}
	delete(h, "Content-Encoding")
	delete(h, "Etag")
	if x != nil && x.settings.older[r.URL.Path] {
		writeMessage(w, p)
		return
	}
	if !wantsPage(r) {
		p.Write(w, r)
		return
	}
	body := []byte(nil)
	if x != nil && x.edge.options.ErrorPage != nil {
		var policy string
		if body, policy = x.edge.options.ErrorPage(p, r.Header.Get("Accept-Language")); policy != "" {
			h["Content-Security-Policy"] = []string{policy}
		}
		h["Vary"] = append(h["Vary"], "Accept-Language")
	} else {
		body = plainErrorPage(p)
	}
	h["Content-Type"], h["Cache-Control"] = []string{"text/html; charset=utf-8"}, []string{"no-store"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

// writeMessage answers with an error as the older front ends know it.
func writeMessage(w http.ResponseWriter, p problem.Document) {
	body, err := json.Marshal(map[string]string{"message": p.Detail})
	if err != nil {
		panic(err) // impossible: it is text
	}
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = []string{"application/json"}, []string{"no-store"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
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

// errorPage is for tests and for listeners without the house's own. It has neither style nor script, so every
// Content-Security-Policy allows it.
var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Status}} {{.Title}}</title></head>
<body>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p><a href="/">Back to the casino</a></p>
{{if .RequestID}}<p><small>Request {{.RequestID}}</small></p>
{{end}}</body>
</html>
`))

func plainErrorPage(p problem.Document) []byte {
	var b strings.Builder
	_ = errorPage.Execute(&b, p) // can't fail: the template is constant, and so are the fields' types
	return []byte(b.String())
}

package ops

import (
	"encoding/json"
	"net/http"
	"strings"
)

// ServeHTTP answers the probes:
//
//	/health                the whole report; 200 healthy or degraded, 503 unhealthy
//	/health/live           200 while the process answers at all; it depends on nothing else
//	/health/ready          the same as /health, in short, for load balancers
//	/health/ready/{check}  one check; 404 if there is none of this name, or it doesn't apply
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answerJSON(w, r, http.StatusMethodNotAllowed, newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "Health is asked with GET or HEAD."))
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/health"); path {
	case "", "/":
		report := h.Report()
		answerJSON(w, r, report.Status.code(), report)
	case "/live":
		answerJSON(w, r, http.StatusOK, Result{Status: Healthy})
	case "/ready":
		report := h.Report()
		answerJSON(w, r, report.Status.code(), struct {
			Status Status            `json:"status"`
			Checks map[string]Status `json:"checks"`
		}{report.Status, statuses(report.Checks)})
	default:
		name, one := strings.CutPrefix(path, "/ready/")
		if one {
			if result, ok := h.One(name); ok {
				answerJSON(w, r, result.Status.code(), result)
				return
			}
		}
		answerJSON(w, r, http.StatusNotFound, newProblem(http.StatusNotFound, "not_found", "There is no such check. /health lists them."))
	}
}

func (s Status) code() int {
	if s == Unhealthy {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

func statuses(results map[string]Result) map[string]Status {
	out := make(map[string]Status, len(results))
	for name, r := range results {
		out[name] = r.Status
	}
	return out
}

// problem is an error's body (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// RequestID is the same as in the answer's header; answerJSON fills it in.
	RequestID string `json:"request_id,omitempty"`
}

func newProblem(status int, code, detail string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func answerJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if p, ok := v.(problem); ok {
		h.Set("Content-Type", "application/problem+json")
		p.RequestID = h.Get("X-Request-Id")
		v = p
	}
	body, err := json.Marshal(v)
	if err != nil { // impossible: all values are plain
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // a prober that has gone away needs no answer
	}
}

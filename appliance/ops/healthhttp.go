package ops

import (
	"encoding/json"
	"net/http"
	"strings"

	"imperio/appliance/problem"
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
		refuse(w, r, "method_not_allowed", "Use GET or HEAD for health.")
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
		refuse(w, r, "not_found", "There is no such check. /health lists them.")
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

// refuse answers with a problem.
func refuse(w http.ResponseWriter, r *http.Request, code, detail string) {
	p := problem.NewDocument(code, detail)
	p.RequestID = w.Header().Get("X-Request-Id")
	p.Write(w, r)
}

func answerJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	body, err := json.Marshal(v)
	if err != nil { // impossible: all values are plain
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // a prober that has gone needs no answer
	}
}

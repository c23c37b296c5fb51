package appliance

import (
	"net/http"
	"strings"

	"imperio/appliance/ops"
)

// handler routes requests to the API, the health checks, the metrics or the pages.
func (a *App) handler() http.Handler {
	metrics := ops.Protect(a.guard, a.metrics.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/api/"):
			a.api.ServeHTTP(w, r)
		case path == "/health" || strings.HasPrefix(path, "/health/"):
			a.health.ServeHTTP(w, r)
		case path == "/metrics":
			metrics.ServeHTTP(w, r)
		case a.legacy.Serves(path):
			a.legacy.ServeHTTP(w, r)
		default:
			a.pages.ServeHTTP(w, r)
		}
	})
}

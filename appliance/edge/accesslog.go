package edge

import (
	"log/slog"
	"time"
)

// log writes the request's line to the access log. Only this function decides what the line holds: request id, account
// id, route pattern, status, size, duration and address. It never logs a path, query, header or body, so no token,
// password, seed or card gets into the log.
func (x *exchange) log(took time.Duration) {
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelWarn
	}
	handler := x.settings.AccessLog
	if !handler.Enabled(x, level) {
		return
	}
	record := slog.NewRecord(x.start, level, "request", 0)
	attrs := [...]slog.Attr{
		slog.String("request_id", x.id),
		slog.String("method", methodLabel(x.request.Method)),
		slog.String("route", x.routeLabel()),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Int64("latency_us", took.Microseconds()), // a whole number, since slog marshals fractions by reflection
		slog.String("address", x.address.String()),
		slog.String("account", x.account),
	}
	n := len(attrs)
	if x.account == "" {
		n--
	}
	record.AddAttrs(attrs[:n]...)
	_ = handler.Handle(x, record) // a log that fails must not fail the request
}

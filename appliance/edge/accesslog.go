package edge

import (
	"log/slog"
	"time"
)

// log writes the request's line into the access log. What it may hold is decided here and nowhere else: the id, the
// account's id, the route's pattern, status, size, duration and address. A path, a query, a header or a body is never
// logged, so no token, password, seed or card can be.
func (x *exchange) log(took time.Duration) {
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelWarn
	}
	handler := x.edge.options.AccessLog
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
		slog.Int64("latency_us", took.Microseconds()), // a whole number: slog marshals fractions by reflection
		slog.String("address", x.address.String()),
		slog.String("account", x.account),
	}
	n := len(attrs)
	if x.account == "" {
		n--
	}
	record.AddAttrs(attrs[:n]...)
	_ = handler.Handle(x, record) // a log that can't be written must not hurt the player
}

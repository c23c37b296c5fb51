package certs

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newZap returns a logger for CertMagic that writes to ours.
func newZap(logger *slog.Logger) *zap.Logger { return zap.New(slogCore{logger}) }

// slogCore is the back end of a zap logger that passes everything to slog: levels, messages, fields, and the zap logger's name
// as "component". CertMagic logs each step of an order at level info; here the steps are at level debug, since the source
// logs the result itself.
type slogCore struct{ logger *slog.Logger }

func slogLevel(level zapcore.Level) slog.Level {
	switch {
	case level <= zapcore.InfoLevel:
		return slog.LevelDebug
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

func (c slogCore) Enabled(level zapcore.Level) bool {
	return c.logger.Enabled(context.Background(), slogLevel(level))
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{slog.New(c.logger.Handler().WithAttrs(slogAttrs(fields)))}
}

func (c slogCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c slogCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(entry.Time, slogLevel(entry.Level), entry.Message, 0)
	component := "certmagic"
	if name := strings.Trim(entry.LoggerName, "."); name != "" {
		component += "." + name
	}
	record.AddAttrs(slog.String("component", component))
	record.AddAttrs(slogAttrs(fields)...)
	return c.logger.Handler().Handle(context.Background(), record)
}

func (c slogCore) Sync() error { return nil }

func slogAttrs(fields []zapcore.Field) []slog.Attr {
	var attrs []slog.Attr
	for _, field := range fields {
		encoder := zapcore.NewMapObjectEncoder()
		field.AddTo(encoder)
		for _, key := range slices.Sorted(maps.Keys(encoder.Fields)) {
			if !strings.HasSuffix(key, "Verbose") { // repeats an error's text, with its stack
				attrs = append(attrs, slog.Any(key, encoder.Fields[key]))
			}
		}
	}
	return attrs
}

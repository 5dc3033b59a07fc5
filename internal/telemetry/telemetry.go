// Package telemetry makes the loggers, and holds the type for values that must not reach one. It has no logger of its
// own: loggers are handed to constructors.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Options are how to log.
type Options struct {
	Writer io.Writer
	Format string // "json" or "" for Cloud Logging; "text" for a person at a terminal
	Level  slog.Level
	Source bool // say which line of code each record comes from

	// Project is the one whose Cloud Logging gets the records: with it, those of one change are one trace there, in
	// JSON. Empty leaves the trace out.
	Project string
}

// New makes a logger. The only error is an unknown format.
func New(o Options) (*slog.Logger, error) {
	switch o.Format {
	case "", "json":
		return slog.New(changeHandler{slog.NewJSONHandler(o.Writer, &slog.HandlerOptions{
			AddSource: o.Source, Level: o.Level, ReplaceAttr: cloudLogging,
		}), o.Project}), nil
	case "text":
		return slog.New(changeHandler{slog.NewTextHandler(o.Writer, &slog.HandlerOptions{
			AddSource: o.Source, Level: o.Level, ReplaceAttr: terminal,
		}), ""}), nil
	}
	return nil, fmt.Errorf(`log format %q: want "json" or "text"`, o.Format)
}

// cloudLogging gives the top-level keys the names that Cloud Logging looks for:
// https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
func cloudLogging(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	case slog.MessageKey:
		a.Key = "message"
	case slog.SourceKey:
		if source, ok := a.Value.Any().(*slog.Source); ok {
			const key = "logging.googleapis.com/sourceLocation"
			return slog.Group(key, //nolint:sloglint // the name is Cloud Logging's
				"file", source.File, "line", fmt.Sprint(source.Line), "function", source.Function)
		}
	}
	return a
}

func severity(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// terminal shortens the time to what a person who watches needs.
func terminal(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		if t, ok := a.Value.Any().(time.Time); ok {
			return slog.String(a.Key, t.Format("15:04:05.000"))
		}
	}
	return a
}

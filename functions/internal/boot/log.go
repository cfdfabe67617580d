package boot

import (
	"io"
	"log/slog"
)

// newLogger writes a line of JSON for each event. On Google's platforms its
// members have the names that Cloud Logging reads a level and a text from.
func newLogger(w io.Writer, level slog.Level, getenv func(string) string) *slog.Logger {
	options := slog.HandlerOptions{Level: level}
	if getenv("K_SERVICE") != "" {
		options.ReplaceAttr = asCloudLogging
	}
	return slog.New(slog.NewJSONHandler(w, &options))
}

func asCloudLogging(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		a.Key = "severity"
		if level, ok := a.Value.Any().(slog.Level); ok && level >= slog.LevelWarn && level < slog.LevelError {
			a.Value = slog.StringValue("WARNING")
		}
	}
	return a
}

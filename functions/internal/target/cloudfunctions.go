//go:build !lambda.norpc

package target

import (
	"context"
	"log/slog"
	"slices"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// cloudFunctions is Google's Functions Framework as a host: where FUNCTION_TARGET
// names a function, it serves the requests of that function or, as
// FUNCTION_SIGNATURE_TYPE says, its events. A container on Cloud Run has neither,
// and is a server.
func cloudFunctions() []boot.Host {
	return []boot.Host{
		{Here: signature("", "http"), Run: runRequests},
		{Here: signature("cloudevent"), Run: runEvents},
		{Here: func(getenv func(string) string) bool { return getenv("FUNCTION_TARGET") != "" }, Run: runNeither},
	}
}

func signature(types ...string) func(getenv func(string) string) bool {
	return func(getenv func(string) string) bool {
		return getenv("FUNCTION_TARGET") != "" && slices.Contains(types, getenv("FUNCTION_SIGNATURE_TYPE"))
	}
}

func runRequests(ctx context.Context, f boot.Function, listen string, logger *slog.Logger) error {
	logger.Info("serving requests by the Functions Framework", "address", listen)
	return cloudfunc.StartHTTP(ctx, listen, cloudfunc.Config{Logger: logger}.HTTP(f.HTTP))
}

func runEvents(ctx context.Context, f boot.Function, listen string, logger *slog.Logger) error {
	if f.Message == nil && f.Tick == nil {
		return core.Invalid("", "FUNCTION_SIGNATURE_TYPE is cloudevent, and this program takes no events")
	}
	logger.Info("serving events by the Functions Framework", "address", listen)
	return cloudfunc.StartEvents(ctx, listen, cloudfunc.Events(cloudfunc.EventConfig{Message: f.Message, Tick: f.Tick, Logger: logger}))
}

func runNeither(context.Context, boot.Function, string, *slog.Logger) error {
	return core.Invalid("", "FUNCTION_SIGNATURE_TYPE must be http or cloudevent")
}

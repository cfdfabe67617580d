// Package target is the wiring of a build: which stores it links, and who may
// bring its events.
//
// There are two. With the build tag lambda.norpc, which a build for AWS Lambda
// sets anyway, it is lambda.go: nothing of what runs elsewhere is linked, so that
// a function starts fast. Without it, it is server.go.
package target

import (
	"log/slog"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// lambda is AWS Lambda as a host.
func lambda() boot.Host { return boot.Host{Here: onLambda, Run: runLambda} }

func onLambda(getenv func(string) string) bool { return getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// runLambda serves invocations; it does not return.
func runLambda(f boot.Function, logger *slog.Logger) error {
	h, err := awslambda.New(awslambda.Config{HTTP: f.HTTP, Message: f.Message, Tick: f.Tick, Logger: logger})
	if err != nil {
		return err
	}
	awslambda.Start(h)
	return nil
}

// Package target is the wiring of a build: which stores it links, and who may
// bring its events.
//
// There are two. With the build tag lambda.norpc, which a build for AWS Lambda
// sets anyway, it is lambda.go: nothing of what runs elsewhere is linked, so that
// a function starts fast. Without it, it is server.go.
package target

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/adapters/sqsqueue"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// lambda is AWS Lambda as a host.
func lambda() boot.Host { return boot.Host{Here: onLambda, Run: runLambda} }

func onLambda(getenv func(string) string) bool { return getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// runLambda serves invocations; it does not return. Lambda tells a process to end
// when nothing is under way, and kills it soon after: there is nothing to wait for.
func runLambda(ctx context.Context, f boot.Function, _ string, logger *slog.Logger) error {
	h, err := awslambda.New(awslambda.Config{HTTP: f.HTTP, Message: f.Message, Tick: f.Tick, Logger: logger})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { os.Exit(0) })
	awslambda.Start(h)
	return nil
}

// openSQS opens the queue of a URL, with the credentials that stores.DynamoDB takes.
// The URL names the region, and AWS_REGION is that of a queue whose URL does not;
// AWS_ENDPOINT_URL_SQS names another server, as it does to AWS's own tools. It
// calls nobody.
func openSQS(address string) (boot.Enqueue, error) {
	credentials := dynamostore.Environment(os.Getenv)
	_, err := credentials.Retrieve(context.Background())
	if err != nil {
		return nil, inVariables(err)
	}
	queue, err := sqsqueue.New(sqsqueue.Config{
		URL: address, Region: os.Getenv("AWS_REGION"), Endpoint: os.Getenv("AWS_ENDPOINT_URL_SQS"), Credentials: credentials,
	})
	if err != nil {
		return nil, inVariables(err)
	}
	return queue.Enqueue, nil
}

// inVariables returns what is wrong with a queue's configuration in the names of
// the variables that it is of.
func inVariables(err error) error {
	told, ok := errors.AsType[*core.Error](err)
	if !ok {
		return err
	}
	return core.Invalid("", queueVariables.Replace(told.Err.Error()))
}

var queueVariables = strings.NewReplacer("URL", "IMPREST_QUEUE_URL", "Endpoint", "AWS_ENDPOINT_URL_SQS", "Region", "AWS_REGION")

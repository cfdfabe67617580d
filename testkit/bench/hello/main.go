// Command hello is the least that a Go function on Lambda can be: what ours is
// measured against.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) (string, error) { return "success", nil })
}

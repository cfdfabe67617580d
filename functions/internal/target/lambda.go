//go:build lambda.norpc

package target

import (
	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

// Linked returns what this build has linked: what a Lambda needs.
func Linked() boot.Target {
	return boot.Target{Stores: map[string]boot.Open{"dynamodb": stores.DynamoDB}, Queue: openSQS, Hosts: []boot.Host{lambda()}}
}

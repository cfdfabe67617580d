//go:build lambda.norpc

package target

import "github.com/imprest-go/imprest/functions/internal/boot"

// Linked returns what this build has linked: what a Lambda needs.
func Linked() boot.Target {
	return boot.Target{Stores: map[string]boot.Open{"dynamodb": openDynamoDB}, Queue: openSQS, Hosts: []boot.Host{lambda()}}
}

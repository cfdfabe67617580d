//go:build !lambda.norpc

package target

import (
	"slices"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/stores"
)

// Linked returns what this build has linked: everything.
func Linked() boot.Target {
	return boot.Target{
		Stores: map[string]boot.Open{"sqlite": stores.SQLite, "postgres": stores.Postgres, "postgresql": stores.Postgres, "dynamodb": stores.DynamoDB},
		Queue:  openSQS,
		Hosts:  slices.Concat([]boot.Host{lambda()}, cloudFunctions(), []boot.Host{boot.Server()}),
	}
}

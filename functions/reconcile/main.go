// Command reconcile does what is due: payments whose notification was lost,
// deliveries, refunds. It runs on AWS Lambda, by Google's Functions Framework or as
// a server, by what it finds in its environment; --help lists what it reads there.
//
// # Where to start
//
//	go run github.com/imprest-go/imprest/functions/reconcile --help
//
// lists every variable. template/aws and template/container deploy it. It serves
//
//	GET  /healthz
//
// It sweeps every IMPREST_SWEEP_EVERY, or when a schedule says so; a queue hands it
// what was just paid. On a developer's machine `imprest reconcile` is the same.
package main

import (
	"os"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/target"
)

func main() { os.Exit(boot.Main(boot.Reconcile, target.Linked())) }

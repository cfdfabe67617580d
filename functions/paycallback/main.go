// Command paycallback takes the platform's payment and payout notifications. It runs
// on AWS Lambda, by Google's Functions Framework or as a server, by what it finds in
// its environment; --help lists what it reads there.
//
// # Where to start
//
//	go run github.com/imprest-go/imprest/functions/paycallback --help
//
// lists every variable. template/aws and template/container deploy it. It serves
//
//	POST /callbacks/payment   the notify_url of orders
//	POST /callbacks/payout    the notify_url of payouts
//	GET  /healthz
//
// What is paid is granted by a server of yours, IMPREST_DELIVER_URL: see
// adapters/webhook.
package main

import (
	"os"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/target"
)

func main() { os.Exit(boot.Main(boot.PayCallback, target.Linked())) }

// Command paycallback takes the platform's payment and payout notifications. It runs
// on AWS Lambda, by Google's Functions Framework or as a server, by what it finds in
// its environment; --help lists what it reads there.
package main

import (
	"os"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/target"
)

func main() { os.Exit(boot.Main(boot.PayCallback, target.Linked())) }

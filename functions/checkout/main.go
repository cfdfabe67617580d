// Command checkout serves a shop's front end: login, purchases. It runs on AWS
// Lambda, by Google's Functions Framework or as a server, by what it finds in its
// environment; --help lists what it reads there.
//
// # Where to start
//
//	go run github.com/imprest-go/imprest/functions/checkout --help
//
// lists every variable. template/aws and template/container deploy it. It serves
//
//	GET  /login, /login/return, /login/session   see core/login
//	POST /purchases                              {"offer": "voip-1y", "price": 3600}
//	GET  /purchases/{id}
//	GET  /healthz
//
// What it sells is in a file, IMPREST_OFFERS_FILE; who grants it is a server of
// yours, IMPREST_DELIVER_URL: see adapters/webhook.
package main

import (
	"os"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/target"
)

func main() { os.Exit(boot.Main(boot.Checkout, target.Linked())) }

// Command login logs users in with VVChat. It runs on AWS Lambda, by Google's
// Functions Framework or as a server, by what it finds in its environment; --help
// lists what it reads there.
//
// # Where to start
//
//	go run github.com/imprest-go/imprest/functions/login --help
//
// lists every variable. template/aws and template/container deploy it. It serves
//
//	GET  /login, /login/return, /login/session, POST /login/logout   see core/login
//	GET  /healthz
//
// What a program of yours has of it is core/login.
package main

import (
	"os"

	"github.com/imprest-go/imprest/functions/internal/boot"
	"github.com/imprest-go/imprest/functions/internal/target"
)

func main() { os.Exit(boot.Main(boot.Login, target.Linked())) }

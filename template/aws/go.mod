module github.com/imprest-go/imprest/template/aws

go 1.26.0

// The functions that are deployed. One of your own is a package of this module:
// build it in the Makefile in the place of the one here.
tool (
	github.com/imprest-go/imprest/functions/checkout
	github.com/imprest-go/imprest/functions/login
	github.com/imprest-go/imprest/functions/paycallback
	github.com/imprest-go/imprest/functions/reconcile
)

require github.com/imprest-go/imprest v0.1.0

module github.com/imprest-go/imprest/template/container

go 1.26.0

// The functions that are built. One of your own is a package of this module: name
// it in Dockerfile, and let its source in there and in .dockerignore.
tool (
	github.com/imprest-go/imprest/functions/checkout
	github.com/imprest-go/imprest/functions/paycallback
	github.com/imprest-go/imprest/functions/reconcile
)

require github.com/imprest-go/imprest v0.1.0

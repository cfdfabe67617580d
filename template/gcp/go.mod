module github.com/imprest-go/imprest/template/gcp

go 1.26.0

require (
	github.com/GoogleCloudPlatform/functions-framework-go v1.9.2
	github.com/imprest-go/imprest v0.1.0
)

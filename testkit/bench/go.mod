module github.com/imprest-go/imprest/testkit/bench

go 1.26.0

require (
	github.com/aws/aws-lambda-go v1.55.1
	github.com/imprest-go/imprest v0.0.0
)

replace github.com/imprest-go/imprest => ../..

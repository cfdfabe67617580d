module github.com/imprest-go/imprest/template/shop

go 1.26.0

require (
	github.com/imprest-go/imprest v0.1.0
	modernc.org/sqlite v1.60.1
)

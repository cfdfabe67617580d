package stores

import (
	"context"
	"net/url"
	"os"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// DynamoDB opens dynamodb:TABLE, where the environment of AWS's own tools says:
// AWS_REGION, and the credentials of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN, which a Lambda function has of its role.
// AWS_ENDPOINT_URL_DYNAMODB names another server than the region's. It calls
// nobody.
func DynamoDB(ctx context.Context, table string) (journal.Store, func() error, error) {
	cfg, err := dynamoConfig(ctx, table)
	if err != nil {
		return nil, nil, err
	}
	store, err := dynamostore.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	return store, func() error { return nil }, nil
}

func dynamoConfig(ctx context.Context, table string) (dynamostore.Config, error) {
	credentials := dynamostore.Environment(os.Getenv)
	if _, err := credentials.Retrieve(ctx); err != nil {
		return dynamostore.Config{}, err
	}
	switch {
	case table == "":
		return dynamostore.Config{}, core.Invalid("dynamodb", "names no table: write dynamodb:TABLE")
	case os.Getenv("AWS_REGION") == "":
		return dynamostore.Config{}, core.Invalid("dynamodb", "AWS_REGION must be set: the region of the table")
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL_DYNAMODB")
	if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return dynamostore.Config{}, core.Invalid("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB must be an address such as https://dynamodb.eu-west-1.amazonaws.com")
	}
	return dynamostore.Config{Table: table, Region: os.Getenv("AWS_REGION"), Endpoint: endpoint, Credentials: credentials}, nil
}

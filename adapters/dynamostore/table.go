package dynamostore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/imprest-go/imprest/core"
)

// CreateTable makes the table of cfg, with its index, paid by the request. It is
// for tests and for a first try: in earnest the table belongs to your
// infrastructure. The error has core.CodeConflict if there is one. The table takes
// a while to be ready.
//
// It is no method of [Store], so that only a program that calls it links what
// describes tables, which is 0.3 MB.
func CreateTable(ctx context.Context, cfg Config) error {
	const op = "dynamostore.CreateTable"
	client, err := cfg.client(op)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.timeout())
	defer cancel()
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	keys := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(sort), KeyType: types.KeyTypeRange}}
	}
	_, err = client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(cfg.Table), BillingMode: types.BillingModePayPerRequest, KeySchema: keys(attrShard, attrID),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute(attrShard, types.ScalarAttributeTypeN), attribute(attrID, types.ScalarAttributeTypeS),
			attribute(attrDue, types.ScalarAttributeTypeN),
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(DueIndex), KeySchema: keys(attrShard, attrDue), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	})
	if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
		return &core.Error{Op: op, Code: core.CodeConflict, Err: errors.New("there is such a table")}
	}
	if err != nil {
		return unread("CreateTable", err)
	}
	return nil
}

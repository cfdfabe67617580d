package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Shards is how many hash keys a table has. It is part of its form.
const Shards = 16

// DueIndex is the name of the index by due time.
const DueIndex = "due"

// Config says where the table is.
type Config struct {
	// Table is its name. Required.
	Table string
	// Region is where it is, such as "cn-north-1". Required.
	Region string
	// Credentials sign the calls: [Environment] on Lambda. Required.
	Credentials aws.CredentialsProvider
	// Endpoint takes the place of the region's; "" is the region's.
	Endpoint string
	// HTTPClient makes the calls; nil is the SDK's.
	HTTPClient aws.HTTPClient
	// Timeout bounds each call; 0 is 5 seconds.
	Timeout time.Duration
}

// Environment returns the credentials of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
// and AWS_SESSION_TOKEN, as Lambda sets them. They are read when they are needed.
func Environment(getenv func(string) string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
		}
		if c.AccessKeyID == "" || c.SecretAccessKey == "" {
			return aws.Credentials{}, core.Invalid("dynamostore", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set")
		}
		return c, nil
	})
}

// signer tells a call that could not be signed, and so was never sent, from one
// that failed.
type signer struct{ aws.CredentialsProvider }

type unsigned struct{ error }

func (u unsigned) Unwrap() error { return u.error }

// Retrieve implements aws.CredentialsProvider.
func (s signer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := s.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return c, unsigned{err}
	}
	return c, nil
}

// Store is a [journal.Store] in a DynamoDB table. Make one with [New]. It may be
// used from many goroutines and processes at once.
//
// Its fields are functions, and no client: see the package's comment.
type Store struct {
	table   *string
	timeout time.Duration
	packer  packer

	putItem    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	getItem    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	deleteItem func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	query      func(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

var _ journal.Store = (*Store)(nil)

// New checks cfg and returns a Store. It calls nobody. Its errors have
// core.CodeInvalid.
func New(cfg Config) (*Store, error) {
	client, err := cfg.client("dynamostore.New")
	if err != nil {
		return nil, err
	}
	return &Store{
		table: aws.String(cfg.Table), timeout: cfg.timeout(),
		putItem: client.PutItem, getItem: client.GetItem, deleteItem: client.DeleteItem, query: client.Query,
	}, nil
}

func (cfg Config) client(op string) (*dynamodb.Client, error) {
	switch {
	case cfg.Table == "":
		return nil, core.Invalid(op, "Table must be given")
	case cfg.Region == "":
		return nil, core.Invalid(op, "Region must be given")
	case cfg.Credentials == nil:
		return nil, core.Invalid(op, "Credentials must be given: Environment reads those of Lambda")
	case cfg.Timeout < 0:
		return nil, core.Invalid(op, "Timeout must not be negative")
	}
	options := dynamodb.Options{
		Region: cfg.Region, Credentials: signer{cfg.Credentials}, HTTPClient: patient{cfg.HTTPClient}, Retryer: aws.NopRetryer{},
	}
	if cfg.HTTPClient == nil {
		options.HTTPClient = patient{awshttp.NewBuildableClient()}
	}
	if cfg.Endpoint != "" {
		options.BaseEndpoint = aws.String(cfg.Endpoint)
	}
	return dynamodb.New(options), nil
}

// patient is an HTTP client whose requests survive that the SDK closes their bodies
// as soon as an answer begins. net/http may be about to look whether the body has
// ended, by its WriteTo; that of a body that was closed is an error, for which
// net/http cuts the connection, and the answer with it. Read says that it ended.
type patient struct{ aws.HTTPClient }

func (c patient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		copied := *r
		copied.Body = struct{ io.ReadCloser }{r.Body} // without WriteTo
		r = &copied
	}
	return c.HTTPClient.Do(r)
}

func (cfg Config) timeout() time.Duration {
	if cfg.Timeout == 0 {
		return 5 * time.Second
	}
	return cfg.Timeout
}

// The names of the attributes.
const (
	attrShard   = "part"
	attrID      = "id"
	attrVersion = "version"
	attrBody    = "body"
	attrDue     = "due"     // milliseconds since 1970
	attrExpires = "expires" // seconds since 1970, for TTL
	attrExpiry  = "expiry"  // the same in milliseconds, exactly
)

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// shardOf is the hash key of an id.
func shardOf(id string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int64(h.Sum32() % Shards)
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrShard: number(shardOf(id)), attrID: text(id)}
}

func item(r journal.Record) map[string]types.AttributeValue {
	it := key(r.ID)
	it[attrVersion] = number(r.Version)
	if len(r.Body) > 0 {
		it[attrBody] = &types.AttributeValueMemberB{Value: r.Body}
	}
	if !r.Due.IsZero() {
		it[attrDue] = number(r.Due.UnixMilli())
	}
	if !r.Expires.IsZero() {
		// Never earlier than it says.
		it[attrExpiry], it[attrExpires] = number(r.Expires.UnixMilli()), number(r.Expires.Unix()+1)
	}
	return it
}

func record(it map[string]types.AttributeValue) (journal.Record, error) {
	var r journal.Record
	id, ok := it[attrID].(*types.AttributeValueMemberS)
	if !ok {
		return r, errDamaged
	}
	r.ID, r.Body = id.Value, []byte{}
	if body, ok := it[attrBody].(*types.AttributeValueMemberB); ok {
		r.Body = slices.Clone(body.Value)
	}
	if packed, ok := it[attrPacked].(*types.AttributeValueMemberB); ok {
		var err error
		if r.Body, err = unpack(packed.Value); err != nil {
			return r, err
		}
	}
	for name, into := range map[string]func(int64){
		attrVersion: func(n int64) { r.Version = n },
		attrDue:     func(n int64) { r.Due = time.UnixMilli(n).UTC() },
		attrExpiry:  func(n int64) { r.Expires = time.UnixMilli(n).UTC() },
	} {
		value, ok := it[name].(*types.AttributeValueMemberN)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(value.Value, 10, 64)
		if err != nil {
			return r, errDamaged
		}
		into(n)
	}
	if r.Version < 1 {
		return r, errDamaged
	}
	return r, nil
}

var errDamaged error = &core.Error{Op: "dynamostore", Code: core.CodeInternal, Err: errors.New("the table has an item that is no record: nothing but this package may write there")}

// within bounds a call; an error if ctx is over already, so that nothing is done.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, &core.Error{Op: "dynamostore", Code: core.CodeUnreached, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	return ctx, cancel, nil
}

// Put implements [journal.Store].
func (s *Store) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if err := r.Check(); err != nil {
		return journal.Record{}, err
	}
	call, cancel, err := s.within(ctx)
	if err != nil {
		return journal.Record{}, err
	}
	defer cancel()
	r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	before := r.Version
	r.Version++
	it := item(r)
	s.packer.pack(it)
	input := &dynamodb.PutItemInput{
		TableName: s.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if before > 0 {
		input.ConditionExpression = aws.String("version = :v")
		input.ExpressionAttributeValues = map[string]types.AttributeValue{":v": number(before)}
	}
	_, err = s.putItem(call, input)
	if err == nil {
		return r, nil
	}
	lost, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return journal.Record{}, unwritten("put", err)
	}
	if lost.Item != nil {
		if stored, err := record(lost.Item); err == nil {
			return stored, journal.ErrConflict
		}
	}
	// Not every engine tells what is there.
	stored, err := s.Get(ctx, r.ID)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Record{}, journal.ErrConflict
	}
	if err != nil {
		return journal.Record{}, err
	}
	return stored, journal.ErrConflict
}

// Get implements [journal.Store].
func (s *Store) Get(ctx context.Context, id string) (journal.Record, error) {
	if err := journal.CheckID(id); err != nil {
		return journal.Record{}, err
	}
	ctx, cancel, err := s.within(ctx)
	if err != nil {
		return journal.Record{}, err
	}
	defer cancel()
	found, err := s.getItem(ctx, &dynamodb.GetItemInput{TableName: s.table, Key: key(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return journal.Record{}, unread("get", err)
	}
	if found.Item == nil {
		return journal.Record{}, journal.ErrNotFound
	}
	return record(found.Item)
}

// Delete implements [journal.Store].
func (s *Store) Delete(ctx context.Context, id string, version int64) error {
	if err := journal.CheckID(id); err != nil {
		return err
	}
	call, cancel, err := s.within(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = s.deleteItem(call, &dynamodb.DeleteItemInput{
		TableName: s.table, Key: key(id), ConditionExpression: aws.String("version = :v"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":v": number(version)},
	})
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok {
		return unwritten("delete", err)
	}
	if _, err := s.Get(ctx, id); err != nil {
		return err // journal.ErrNotFound among them
	}
	return journal.ErrConflict
}

// Due implements [journal.Store]. It reads an index, which may lag.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	found, err := s.gather(ctx, "due", limit, dynamodb.QueryInput{
		IndexName:              aws.String(DueIndex),
		KeyConditionExpression: aws.String("part = :s AND due <= :before"),
	}, map[string]types.AttributeValue{":before": number(before.UnixMilli())})
	slices.SortStableFunc(found, func(a, b journal.Record) int { return a.Due.Compare(b.Due) })
	return found[:min(len(found), max(limit, 0))], err
}

// List implements [journal.Store].
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	beginning, rest := cut(prefix)
	if rest != "" || len(beginning) > journal.MaxID {
		limit = 0 // no id has such a byte, or is so long
	}
	from := beginning
	if after >= prefix {
		if from, rest = cut(after); rest > "~" {
			from += end
		} else {
			from += " " // less than every byte of an id
		}
		// An id that is greater differs within its own length, and DynamoDB takes
		// no key that is much longer.
		from = from[:min(len(from), journal.MaxID+1)]
	}
	if from == "" {
		from = "!"
	}
	found, err := s.gather(ctx, "list", limit, dynamodb.QueryInput{
		KeyConditionExpression: aws.String("part = :s AND id BETWEEN :from AND :to"),
		ConsistentRead:         aws.Bool(true),
	}, map[string]types.AttributeValue{":from": text(from), ":to": text(beginning + end)})
	slices.SortFunc(found, func(a, b journal.Record) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(len(found), max(limit, 0))], err
}

// end is greater than every byte of an id.
const end = "\x7f"

// cut splits a text before the first byte that no id has: DynamoDB takes no text
// that is not UTF-8. What is behind it says only whether the ids that begin alike
// come before or after it.
func cut(text string) (before, rest string) {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// gather makes one query for each shard, of at most limit records.
func (s *Store) gather(ctx context.Context, op string, limit int, query dynamodb.QueryInput, values map[string]types.AttributeValue) ([]journal.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, &core.Error{Op: "dynamostore", Code: core.CodeUnreached, Err: err}
	}
	if limit < 1 {
		return nil, nil
	}
	if from, ok := values[":from"].(*types.AttributeValueMemberS); ok && from.Value > values[":to"].(*types.AttributeValueMemberS).Value {
		return nil, nil // DynamoDB refuses such a range
	}
	// A few at once, since each waits for the network; who fails stops the rest.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var answers [Shards][]journal.Record
	var next atomic.Int64
	var asking sync.WaitGroup
	for range gatherers {
		asking.Go(func() {
			for shard := next.Add(1) - 1; shard < Shards; shard = next.Add(1) - 1 {
				got, err := s.page(ctx, op, limit, shard, query, values)
				if err != nil {
					cancel(err) // the first is the cause
					return
				}
				answers[shard] = got
			}
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return nil, gathered(op, context.Cause(ctx))
	}
	return slices.Concat(answers[:]...), nil
}

// gatherers is how many shards are asked at once.
const gatherers = 4

// gathered is the error of a gather: that of a query, or that the caller's
// context ended, which a query has perhaps not seen.
func gathered(op string, cause error) error {
	if cause == context.Canceled || cause == context.DeadlineExceeded {
		return unread(op, cause)
	}
	return cause
}

// page reads at most limit records of one shard, however many answers it takes.
func (s *Store) page(ctx context.Context, op string, limit int, shard int64, query dynamodb.QueryInput, values map[string]types.AttributeValue) ([]journal.Record, error) {
	query.TableName = s.table
	query.ExpressionAttributeValues = map[string]types.AttributeValue{":s": number(shard)}
	for name, value := range values {
		query.ExpressionAttributeValues[name] = value
	}
	var found []journal.Record
	at := map[string]int{} // a record may move on while its shard is read, and come up again
	for {
		query.Limit = aws.Int32(int32(min(limit-len(found), 1000)))
		call, cancel, err := s.within(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := s.query(call, &query)
		cancel()
		if err != nil {
			return nil, unread(op, err)
		}
		for _, it := range answer.Items {
			r, err := record(it)
			if err != nil {
				return nil, err
			}
			if i, again := at[r.ID]; again {
				found[i] = r
				continue
			}
			at[r.ID] = len(found)
			found = append(found, r)
		}
		if len(answer.LastEvaluatedKey) == 0 || len(found) >= limit {
			return found, nil
		}
		query.ExclusiveStartKey = answer.LastEvaluatedKey
	}
}

// nobodys is the code that the SDK gives to an answer which names none: it is not
// DynamoDB's, and what a proxy refuses may have been done.
const nobodys = "UnknownError"

// unread is the error of a read that failed. It may be made again.
func unread(op string, err error) error {
	return &core.Error{Op: "dynamostore." + op, Code: core.CodeUnreached, Safe: true, Err: told(err)}
}

// unwritten is the error of a write that failed. Only what DynamoDB itself refused,
// or never was sent, is known not to count.
func unwritten(op string, err error) error {
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() != nobodys && refused.ErrorFault() != smithy.FaultServer && status(err) < http.StatusInternalServerError {
		code := core.CodeUnreached
		switch refused.ErrorCode() {
		case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
			code = core.CodeBusy
		}
		return &core.Error{Op: "dynamostore." + op, Code: code, Safe: true, Err: fmt.Errorf("nothing was written: %w", told(err))}
	}
	dial, dialling := errors.AsType[*net.OpError](err)
	if _, unsent := errors.AsType[unsigned](err); unsent || dialling && dial.Op == "dial" {
		return &core.Error{Op: "dynamostore." + op, Code: core.CodeUnreached, Safe: true, Err: fmt.Errorf("nothing was written: %w", told(err))}
	}
	return fmt.Errorf("%w: %w", journal.ErrUnknown, told(err))
}

// status is the HTTP status of an answer, 0 if there was none.
func status(err error) int {
	answered, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	if !ok {
		return 0
	}
	return answered.HTTPStatusCode()
}

// told is what an operator is told of an error of the SDK: its code, that a context
// ended, and DynamoDB's words where they are about the request and not about who
// made it: those of a wrong signature repeat the session token. The request, which
// holds the item, is never in it.
func told(err error) error {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch e.ErrorCode() {
	case "ValidationException", "ResourceNotFoundException", "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return fmt.Errorf("%s: %s", e.ErrorCode(), e.ErrorMessage())
	}
	return errors.New(e.ErrorCode())
}

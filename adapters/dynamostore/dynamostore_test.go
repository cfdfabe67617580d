package dynamostore_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

var keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "top-secret"}, nil
})

// on returns a store on a server that answers so, and counts what it is asked.
func on(t *testing.T, answer http.HandlerFunc) (*dynamostore.Store, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	s, err := dynamostore.New(dynamostore.Config{Table: "t", Region: "r", Credentials: keys, Endpoint: server.URL, Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	return s, &asked
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// What a failure of a write means: only DynamoDB's own refusal is known to have
// written nothing. And whatever it is, it is asked once.
func TestFailuresOfAWrite(t *testing.T) {
	exception := func(name string) string {
		return `{"__type":"com.amazonaws.dynamodb.v20120810#` + name + `","message":"words"}`
	}
	for name, tt := range map[string]struct {
		answer  http.HandlerFunc
		unknown bool
		code    core.Code
	}{
		"throttled":      {says(400, exception("ProvisionedThroughputExceededException")), false, core.CodeBusy},
		"throttled also": {says(400, exception("ThrottlingException")), false, core.CodeBusy},
		"refused":        {says(400, exception("ValidationException")), false, core.CodeUnreached},
		"no table":       {says(400, exception("ResourceNotFoundException")), false, core.CodeUnreached},
		"a proxy":        {says(408, `<html>Request Timeout</html>`), true, ""},
		"a proxy's JSON": {says(408, `{"message":"Request Timeout"}`), true, ""},
		"a fault":        {says(500, exception("InternalServerError")), true, ""},
		"unavailable":    {says(503, `busy`), true, ""},
		"no JSON":        {says(200, `<html>`), true, ""},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			assert.NoError(t, err)
			_ = conn.Close()
		}, true, ""},
		"too slow": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that its client has gone
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, asked := on(t, tt.answer)
			_, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("secret-body")})
			require.Error(t, err)
			assert.Equal(t, tt.unknown, err != nil && core.CodeOf(err) == core.CodeUnknown, err)
			if !tt.unknown {
				assert.Equal(t, tt.code, core.CodeOf(err))
				assert.True(t, core.Retryable(err))
			}
			assert.EqualValues(t, 1, asked.Load(), "one attempt, or it would take itself for another's")
			assert.NotContains(t, err.Error(), "secret")
			assert.Equal(t, tt.unknown, core.CodeOf(s.Delete(t.Context(), "p/1", 1)) == core.CodeUnknown)
			_, err = s.Get(t.Context(), "p/1")
			assert.Equal(t, core.CodeUnreached, core.CodeOf(err), "a read may be made again")
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	s, err := dynamostore.New(dynamostore.Config{Table: "t", Region: "r", Credentials: keys, Endpoint: "http://" + ln.Addr().String()})
	require.NoError(t, err)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err), "nobody was there")
}

// What cannot be signed is never sent.
func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	defer server.Close()
	s, err := dynamostore.New(dynamostore.Config{Table: "t", Region: "r", Endpoint: server.URL, Credentials: dynamostore.Environment(func(string) string { return "" })})
	require.NoError(t, err)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err), err)
	assert.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(s.Delete(t.Context(), "p/1", 1)))
	_, err = s.Get(t.Context(), "p/1")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
}

// DynamoDB takes no range key beyond 1024 bytes, and no id has more than 255.
func TestAListNeverAsksForMoreThanAnIDHas(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, tt := range map[string]struct {
		prefix, after string
		asks          int
	}{
		"prefix": {long, "", 0}, "after": {"x", long, dynamostore.Shards}, "both": {long, long, 0},
		"just": {long[:journal.MaxID], long[:journal.MaxID-1], dynamostore.Shards},
	} {
		s, asked := on(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Less(t, len(body), 1000, name)
			says(200, `{"Items":[]}`)(w, r)
		})
		found, err := s.List(t.Context(), tt.prefix, tt.after, 10)
		require.NoError(t, err, name)
		assert.Empty(t, found)
		assert.EqualValues(t, tt.asks, asked.Load(), name)
	}
}

// The losing item is taken from the answer where the engine tells it.
func TestTheLosingItemIsTold(t *testing.T) {
	s, asked := on(t, says(400, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"x",
		"Item":{"part":{"N":"1"},"id":{"S":"p/1"},"version":{"N":"7"},"body":{"B":"YQ=="},"due":{"N":"1700000000000"}}}`))
	stored, err := s.Put(t.Context(), journal.Record{ID: "p/1", Version: 3})
	require.ErrorIs(t, err, journal.ErrConflict)
	assert.Equal(t, journal.Record{ID: "p/1", Version: 7, Body: []byte("a"), Due: time.UnixMilli(1700000000000).UTC()}, stored)
	assert.EqualValues(t, 1, asked.Load())
}

func TestAnItemThatIsNoRecord(t *testing.T) {
	s, _ := on(t, says(200, `{"Item":{"id":{"S":"p/1"}}}`))
	_, err := s.Get(t.Context(), "p/1")
	assert.Equal(t, core.CodeInternal, core.CodeOf(err))
}

func TestNewChecks(t *testing.T) {
	for says, cfg := range map[string]dynamostore.Config{
		"Table":       {Region: "r", Credentials: keys},
		"Region":      {Table: "t", Credentials: keys},
		"Credentials": {Table: "t", Region: "r"},
		"Timeout":     {Table: "t", Region: "r", Credentials: keys, Timeout: -1},
	} {
		_, err := dynamostore.New(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.ErrorContains(t, err, says)
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
	c, err := dynamostore.Environment(func(name string) string { return env[name] }).Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"id", "secret", "token"}, []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken})
	_, err = dynamostore.Environment(func(string) string { return "" }).Retrieve(t.Context())
	assert.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
}

// A journal on Lambda. Give the store to purchase.New or to callback.Once.
func ExampleNew() {
	store, err := dynamostore.New(dynamostore.Config{
		Table: "imprest", Region: os.Getenv("AWS_REGION"), Credentials: dynamostore.Environment(os.Getenv),
	})
	if err != nil {
		log.Fatal(err)
	}
	record, err := store.Put(context.Background(), journal.Record{ID: "p/1", Body: []byte("{}")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(record.Version)
}

// What AWS says of a wrong signature repeats what was signed, the session token
// among it: it reaches no error. What it says of a request does.
func TestWordsThatHoldASecretReachNoError(t *testing.T) {
	answer := func(code string) string {
		return `{"__type":"com.amazon.coral.service#` + code + `","message":"the canonical string was x-amz-security-token:top-secret-token"}`
	}
	for code, kept := range map[string]bool{"InvalidSignatureException": false, "UnrecognizedClientException": false, "NeverHeardOf": false, "ValidationException": true} {
		s, _ := on(t, says(400, answer(code)))
		_, err := s.Put(t.Context(), journal.Record{ID: "a", Body: []byte("{}")})
		require.ErrorContains(t, err, code)
		assert.Equal(t, kept, strings.Contains(err.Error(), "canonical"), code)
		_, err = s.Get(t.Context(), "a")
		require.ErrorContains(t, err, code)
		assert.Equal(t, kept, strings.Contains(err.Error(), "canonical"), code)
	}
}

// keeps is a client that holds on to the body of a request, as net/http may for a
// moment after the answer has begun.
type keeps struct{ body io.Reader }

func (k *keeps) Do(r *http.Request) (*http.Response, error) {
	k.body = r.Body
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// What looks at the body of a request after the SDK has closed it sees its end, and
// no error: net/http would cut the connection while the answer is read.
func TestABodyThatIsClosedHasEnded(t *testing.T) {
	client := &keeps{}
	s, err := dynamostore.New(dynamostore.Config{Table: "t", Region: "r", Credentials: keys, HTTPClient: client})
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "a")
	require.ErrorIs(t, err, journal.ErrNotFound)
	_, err = io.Copy(io.Discard, client.body)
	require.NoError(t, err)
}

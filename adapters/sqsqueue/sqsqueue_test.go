package sqsqueue_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqsqueue"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

const (
	secretKey = "top-secret-key"
	token     = "the-token-of-the-session"
	standard  = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/paid"
)

var (
	keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secretKey, SessionToken: token}, nil
	})
	signedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// mac is one step of a signature of version 4.
func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signatureOf is the signature of version 4 of a request to the root of SQS, as
// AWS describes it.
func signatureOf(r *http.Request, body []byte, region string) string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	var headers strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, value)
	}
	date := r.Header.Get("X-Amz-Date")
	scope := date[:8] + "/" + region + "/sqs/aws4_request"
	hash := func(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }
	canonical := "POST\n/\n\n" + headers.String() + "\n" + names + "\n" + hash(body)
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hash([]byte(canonical))))
	return "AWS4-HMAC-SHA256 Credential=AKID/" + scope + ", SignedHeaders=" + names + ", Signature=" + signature
}

// fake is SQS as far as SendMessage goes: it keeps the inputs, and answers.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	inputs []map[string]string
	asked  atomic.Int64
}

func startFake(t *testing.T, region string) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, []string{"POST", "/", "AmazonSQS.SendMessage", "application/x-amz-json-1.0", token, "20260301T120000Z"},
			[]string{r.Method, r.RequestURI, r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), r.Header.Get("X-Amz-Security-Token"), r.Header.Get("X-Amz-Date")})
		assert.Equal(t, signatureOf(r, body, region), r.Header.Get("Authorization"))
		assert.NotContains(t, r.Header, "Idempotency-Key")
		for _, name := range []string{"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
			assert.Contains(t, r.Header.Get("Authorization"), name)
		}
		var input map[string]string
		assert.NoError(t, json.Unmarshal(body, &input))
		f.mu.Lock()
		f.inputs = append(f.inputs, input)
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, taken(input["MessageBody"]))
	}))
	t.Cleanup(f.Close)
	return f
}

// taken is the answer of SQS to a message.
func taken(body string) string {
	sum := md5.Sum([]byte(body))
	return `{"MD5OfMessageBody":"` + hex.EncodeToString(sum[:]) + `","MessageId":"219f8380-5770-4cc2-8c3e-5c715e145f5e"}`
}

func queue(t *testing.T, cfg sqsqueue.Config) *sqsqueue.Queue {
	t.Helper()
	cfg.Credentials, cfg.Now = keys, func() time.Time { return signedAt }
	q, err := sqsqueue.New(cfg)
	require.NoError(t, err)
	return q
}

// What is on the wire: one signed call with the queue's URL, the message, and
// what a FIFO queue needs besides.
func TestEnqueue(t *testing.T) {
	const fifo = "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/123456789012/paid.fifo"
	for name, tt := range map[string]struct {
		cfg    sqsqueue.Config
		region string
		want   map[string]string
	}{
		"standard": {sqsqueue.Config{URL: standard}, "cn-north-1", map[string]string{"QueueUrl": standard, "MessageBody": `{"id":"o-1"}`}},
		"FIFO": {sqsqueue.Config{URL: fifo}, "eu-west-1",
			map[string]string{"QueueUrl": fifo, "MessageBody": `{"id":"o-1"}`, "MessageDeduplicationId": "o-1", "MessageGroupId": "o-1"}},
		"FIFO, one by one": {sqsqueue.Config{URL: fifo, Group: "all"}, "eu-west-1",
			map[string]string{"QueueUrl": fifo, "MessageBody": `{"id":"o-1"}`, "MessageDeduplicationId": "o-1", "MessageGroupId": "all"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, tt.region)
			tt.cfg.Endpoint = f.URL
			q := queue(t, tt.cfg)
			assert.Zero(t, f.asked.Load(), "New calls nobody")
			var enqueue = purchase.Config{Enqueue: q.Enqueue}.Enqueue
			require.NoError(t, enqueue(t.Context(), "o-1"))
			assert.Equal(t, []map[string]string{tt.want}, f.inputs)
		})
	}
}

// The server that is called is the URL's, and so is the region, unless it names
// none.
// told is an Observer that writes down how each call ended.
type told []string

func (o *told) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) {
		*o = append(*o, strings.Join([]string{w.Kind, w.Name, w.Subject, string(core.CodeOf(err))}, " "))
	}
}

func TestTheObserverIsToldHowEachCallEnded(t *testing.T) {
	var seen told
	f := startFake(t, "cn-north-1")
	q := queue(t, sqsqueue.Config{URL: standard, Endpoint: f.URL, Observer: &seen})
	require.NoError(t, q.Enqueue(t.Context(), "o-1"))
	f.Close()
	require.Error(t, q.Enqueue(t.Context(), "o-2"))
	require.Error(t, q.Enqueue(t.Context(), "not an id"), "no call is made")
	assert.Equal(t, told{"call sqsqueue.Enqueue o-1 ", "call sqsqueue.Enqueue o-2 unreached"}, seen)
}

func TestWhereTheQueueIs(t *testing.T) {
	for url, want := range map[string][]string{
		standard: {"sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"https://sqs-fips.us-gov-west-1.amazonaws.com/1/q": {"sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
		"https://sqs.eu-central-2.api.aws/1/q":             {"sqs.eu-central-2.api.aws", "eu-central-2"},
		"https://sqs.us-iso-east-1.c2s.ic.gov/1/q":         {"sqs.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
		"https://queue.shop.example/1/q":                   {"queue.shop.example", "ap-east-1"},
		"https://sqs.shop.example/1/q":                     {"sqs.shop.example", "ap-east-1"},
		"http://127.0.0.1:9324/000000000000/q":             {"127.0.0.1:9324", "ap-east-1"},
	} {
		var asked []string
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			assert.Equal(t, "/", r.URL.Path)
			asked = []string{r.URL.Host, strings.Split(r.Header.Get("Authorization"), "/")[2]}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(taken(`{"id":"o-1"}`)))}, nil
		})}
		require.NoError(t, queue(t, sqsqueue.Config{URL: url, Region: "ap-east-1", HTTPClient: client}).Enqueue(t.Context(), "o-1"))
		assert.Equal(t, want, asked, url)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func exception(name string) string {
	return `{"__type":"com.amazonaws.sqs#` + name + `","message":"x-amz-security-token:` + token + `"}`
}

// What a failure means. Whatever it is, it quotes neither SQS nor a secret.
func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		code   core.Code
		says   string
	}{
		"throttled":            {says(400, exception("RequestThrottled")), core.CodeBusy, "RequestThrottled"},
		"throttled also":       {says(400, exception("ThrottlingException")), core.CodeBusy, "ThrottlingException"},
		"throttled by the key": {says(400, exception("KmsThrottled")), core.CodeBusy, "KmsThrottled"},
		"throttled with 503":   {says(503, exception("ThrottlingException")), core.CodeBusy, "503"},
		"too many":             {says(429, ``), core.CodeBusy, "429"},
		"no such queue":        {says(400, exception("QueueDoesNotExist")), core.CodeRefused, "there is no such queue: check its URL"},
		"no such queue, of old": {says(400, `{"__type":"AWS.SimpleQueueService.NonExistentQueue:http://sqs.amazonaws.com/doc/"}`), core.CodeRefused,
			"NonExistentQueue: there is no such queue"},
		"not allowed":       {says(400, exception("AccessDeniedException")), core.CodeRefused, "allow sqs:SendMessage"},
		"a bad signature":   {says(403, exception("SignatureDoesNotMatch")), core.CodeRefused, "check the credentials"},
		"an old token":      {says(403, `{"code":"ExpiredToken"}`), core.CodeRefused, "check the credentials"},
		"a key not allowed": {says(400, exception("KmsAccessDenied")), core.CodeRefused, "the key that encrypts the queue"},
		"in a header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", "InvalidMessageContents:http://internal.amazon.com/")
			w.WriteHeader(400)
		}, core.CodeRefused, "InvalidMessageContents: nothing is in the queue"},
		"a code that is none": {says(400, exception(token)), core.CodeRefused, "status 400: nothing"},
		"a page":              {says(404, `<html>`), core.CodeRefused, "404"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, core.CodeRefused, "307"},
		"a fault":              {says(500, exception("InternalFailure")), core.CodeUnknown, "InternalFailure: the message may be in the queue"},
		"unavailable":          {says(503, `busy`), core.CodeUnknown, "503"},
		"a huge refusal":       {says(403, strings.Repeat("x", 1<<20)), core.CodeRefused, "403"},
		"a huge success":       {says(200, strings.Repeat(" ", 1<<20)+taken(`{"id":"o-1"}`)), core.CodeUnknown, "larger than any of SQS"},
		"not of SQS":           {says(200, `<html>`), core.CodeUnknown, "not one of SQS"},
		"nothing at all":       {says(204, ``), core.CodeUnknown, "not one of SQS"},
		"no id":                {says(200, `{"MD5OfMessageBody":"x"}`), core.CodeUnknown, "not one of SQS"},
		"of something else":    {says(200, taken("something else")), core.CodeUnknown, "something else"},
		"broken off":           {brokenOff(t, ""), core.CodeUnknown, "no answer came"},
		"broken off in middle": {brokenOff(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), core.CodeUnknown, "the answer broke off"},
		"too slow":             {tooSlow, core.CodeUnknown, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tt.answer(w, r)
			}))
			t.Cleanup(server.Close)
			err := queue(t, sqsqueue.Config{URL: standard, Endpoint: server.URL, Timeout: 200 * time.Millisecond}).Enqueue(t.Context(), "o-1")
			require.ErrorContains(t, err, tt.says)
			assert.Equal(t, tt.code, core.CodeOf(err), err)
			assert.Equal(t, tt.code != core.CodeRefused, core.Retryable(err), err)
			assert.EqualValues(t, 1, asked.Load(), "one attempt: the caller has little time, and the sweep is behind him")
			for _, secret := range []string{token, secretKey, "Signature=", server.URL} {
				assert.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// brokenOff writes bytes and cuts the connection.
func brokenOff(t *testing.T, bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		assert.NoError(t, err)
		_, _ = io.WriteString(conn, bytes)
		_ = conn.Close()
	}
}

func tooSlow(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that its client has gone
	select {
	case <-r.Context().Done():
	case <-time.After(5 * time.Second):
	}
}

// What certainly sent nothing.
func TestNothingSent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	nobody := "http://" + ln.Addr().String()
	q := queue(t, sqsqueue.Config{URL: standard, Endpoint: nobody})
	err = q.Enqueue(t.Context(), "o-1")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err), err)
	assert.True(t, core.Retryable(err))

	over, cancel := context.WithCancel(t.Context())
	cancel()
	err = q.Enqueue(over, "o-1")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.ErrorIs(t, err, context.Canceled)

	for _, id := range []string{"", "an id", "é", strings.Repeat("x", 129)} {
		err = q.Enqueue(t.Context(), id)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), id)
	}

	without, err := sqsqueue.New(sqsqueue.Config{URL: standard, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the role is gone")
	})})
	require.NoError(t, err)
	err = without.Enqueue(t.Context(), "o-1")
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	assert.ErrorContains(t, err, "the role is gone")
}

// A transport of the caller's that quotes the request is not quoted.
func TestATransportThatTalks(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("sending %v", r.Header)
	})}
	err := queue(t, sqsqueue.Config{URL: standard, HTTPClient: client}).Enqueue(t.Context(), "o-1")
	require.Error(t, err)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.NotContains(t, err.Error(), token)
	assert.NotContains(t, err.Error(), "Signature=")
}

// A function is frozen between two events, and finds its connection dead: the
// message goes out on a new one.
func TestAConnectionThatDiedMeanwhile(t *testing.T) {
	f := startFake(t, "cn-north-1")
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer proxy.Close()
	connections := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := proxy.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", f.Listener.Addr().String())
			if err != nil {
				_ = conn.Close()
				return
			}
			first := len(connections) == 0
			connections <- conn
			go func() { _, _ = io.Copy(conn, behind); _ = conn.Close() }()
			go func() {
				defer behind.Close()
				if !first {
					_, _ = io.Copy(behind, conn)
					return
				}
				// The first one takes a request, and dies with the next.
				buffer := make([]byte, 64<<10)
				n, _ := conn.Read(buffer)
				_, _ = behind.Write(buffer[:n])
				_, _ = conn.Read(buffer)
				_ = conn.Close()
			}()
		}
	}()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	q := queue(t, sqsqueue.Config{URL: standard, Endpoint: "http://" + proxy.Addr().String(), HTTPClient: client})
	require.NoError(t, q.Enqueue(t.Context(), "o-1"))
	require.NoError(t, q.Enqueue(t.Context(), "o-2"))
	assert.Len(t, connections, 2)
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, []string{`{"id":"o-1"}`, `{"id":"o-2"}`}, []string{f.inputs[0]["MessageBody"], f.inputs[1]["MessageBody"]})
}

func TestManyAtOnce(t *testing.T) {
	f := startFake(t, "cn-north-1")
	q := queue(t, sqsqueue.Config{URL: standard, Endpoint: f.URL})
	var all sync.WaitGroup
	var want []string
	for i := range 32 {
		id := fmt.Sprintf("o-%02d", i)
		want = append(want, `{"id":"`+id+`"}`)
		all.Go(func() { assert.NoError(t, q.Enqueue(t.Context(), id)) })
	}
	all.Wait()
	var got []string
	for _, input := range f.inputs {
		got = append(got, input["MessageBody"])
	}
	slices.Sort(got)
	assert.Equal(t, want, got)
}

func TestNewChecks(t *testing.T) {
	good := sqsqueue.Config{URL: standard, Credentials: keys}
	for name, tt := range map[string]struct {
		change func(*sqsqueue.Config)
		says   string
	}{
		"no URL":              {func(c *sqsqueue.Config) { c.URL = "" }, "URL must be the queue's"},
		"a name alone":        {func(c *sqsqueue.Config) { c.URL = "paid" }, "URL must be the queue's"},
		"an ARN":              {func(c *sqsqueue.Config) { c.URL = "arn:aws:sqs:eu-west-1:123456789012:paid" }, "URL must be the queue's"},
		"a user":              {func(c *sqsqueue.Config) { c.URL = "https://u:hush@sqs.eu-west-1.amazonaws.com/1/paid" }, "URL must be the queue's"},
		"a query":             {func(c *sqsqueue.Config) { c.URL += "?Action=SendMessage" }, "URL must be the queue's"},
		"no queue in it":      {func(c *sqsqueue.Config) { c.URL = "https://sqs.eu-west-1.amazonaws.com/" }, "URL must end in the queue's name"},
		"no queue's name":     {func(c *sqsqueue.Config) { c.URL += ".text" }, "URL must end in the queue's name"},
		"plain http":          {func(c *sqsqueue.Config) { c.URL = "http://sqs.eu-west-1.amazonaws.com/1/paid" }, "https://"},
		"a plain endpoint":    {func(c *sqsqueue.Config) { c.Endpoint = "http://sqs.example" }, "https://"},
		"no endpoint":         {func(c *sqsqueue.Config) { c.Endpoint = "sqs.example" }, "Endpoint must be"},
		"no region":           {func(c *sqsqueue.Config) { c.URL = "https://queue.shop.example/1/paid" }, "Region must be given"},
		"a region of nowhere": {func(c *sqsqueue.Config) { c.URL, c.Region = "https://queue.shop.example/1/paid", "here" }, "Region must be one of AWS's"},
		"no credentials":      {func(c *sqsqueue.Config) { c.Credentials = nil }, "Credentials"},
		"a group":             {func(c *sqsqueue.Config) { c.Group = "all" }, "Group is for a FIFO queue"},
		"a bad group":         {func(c *sqsqueue.Config) { c.URL, c.Group = c.URL+".fifo", "all of them" }, "Group must be"},
		"a time that is none": {func(c *sqsqueue.Config) { c.Timeout = -1 }, "Timeout"},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := sqsqueue.New(cfg)
		require.ErrorContains(t, err, tt.says, name)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.NotContains(t, err.Error(), "hush")
	}
}

//go:build real

package house_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// sqsQueue is SQS on loopback, with one queue: it takes messages, and keeps them.
type sqsQueue struct {
	mu       sync.Mutex
	messages []lambdatest.Message
	gone     bool
	url      string
}

func startSQS(t *testing.T) *sqsQueue {
	t.Helper()
	q := &sqsQueue{}
	server := httptest.NewServer(q)
	t.Cleanup(server.Close)
	q.url = server.URL + "/123456789012/paid"
	return q
}

func (q *sqsQueue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var input struct{ QueueUrl, MessageBody string }
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") && strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sqs/aws4_request")
	switch {
	case r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" || json.NewDecoder(r.Body).Decode(&input) != nil || !signed:
		w.WriteHeader(http.StatusForbidden)
	case q.gone || input.QueueUrl != q.url:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`))
	default:
		q.messages = append(q.messages, lambdatest.Message{Body: input.MessageBody})
		sum := md5.Sum([]byte(input.MessageBody))
		_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": "m-1", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
}

func (q *sqsQueue) all() []lambdatest.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]lambdatest.Message{}, q.messages...)
}

func (q *sqsQueue) remove() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gone = true
}

// A payment goes through the queue: the function that takes it puts one message in
// and answers, however often it is told; the function behind the queue delivers
// what that very message names. A queue that is gone costs nothing but time.
func TestAPaymentThroughTheQueue(t *testing.T) {
	environment, sales, shop := surroundings(t)
	queue := startSQS(t)
	payCallback := start(t, "PayCallback", append(environment, "IMPREST_QUEUE_URL="+queue.url))
	reconcile := start(t, "Reconcile", environment)
	pay := func(id string) {
		t.Helper()
		_, err := sales.Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", Amount: 3600})
		require.NoError(t, err)
		message := testkit.SignedPayment(testkit.PaymentFields{AppKey: paidKey, OutTradeNo: id, Amount: 3600})
		for range 2 {
			resp := ask(t, payCallback, http.MethodPost, "/callbacks/payment", message.Body)
			assert.Equal(t, []any{200, "success"}, []any{resp.Status, string(resp.Body)})
		}
	}
	state := func(id string) purchase.State {
		t.Helper()
		p, err := sales.Get(t.Context(), id)
		require.NoError(t, err)
		return p.State
	}

	pay("order-1")
	assert.Equal(t, purchase.Paid, state("order-1"))
	assert.Empty(t, shop.all(), "who takes the notification leaves the delivery to others")
	messages := queue.all()
	require.Equal(t, []lambdatest.Message{{Body: `{"id":"order-1"}`}}, messages)

	poisoned := lambdatest.Message{ID: "poisoned", Body: messages[0].Body[1:]}
	payload, err := reconcile.Invoke(t.Context(), lambdatest.SQS(poisoned, messages[0]))
	require.NoError(t, err, reconcile.Stderr())
	failed, err := lambdatest.ReadSQSAnswer(payload)
	require.NoError(t, err)
	assert.Equal(t, []string{"poisoned"}, failed)
	assert.Equal(t, purchase.Delivered, state("order-1"))
	assert.Equal(t, map[string]int{"order-1": 1}, shop.all())

	queue.remove()
	pay("order-2")
	assert.Equal(t, purchase.Paid, state("order-2"))
	_, err = reconcile.Invoke(t.Context(), lambdatest.Schedule(time.Now()))
	require.NoError(t, err, reconcile.Stderr())
	assert.Equal(t, map[string]int{"order-1": 1, "order-2": 1}, shop.all())
	assert.Len(t, queue.all(), 1)

	payCallback.Stop() // then all that it wrote is there
	assert.Contains(t, payCallback.Stderr(), "QueueDoesNotExist: there is no such queue")
	assert.NotContains(t, payCallback.Stderr(), paidKey.Reveal())
}

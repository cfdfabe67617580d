//go:build real

package house_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// goods is the server that grants what was paid for.
type goods struct {
	mu      sync.Mutex
	key     core.Secret
	granted map[string]int
}

func (g *goods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || webhook.Verify(g.key, time.Now(), r.Method, r.URL.Path, r.Header, body) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id := r.Header.Get("Idempotency-Key")
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]bool{"granted": g.granted[id] > 0})
		return
	}
	g.granted[id]++
}

func (g *goods) all() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	copied := map[string]int{}
	for id, times := range g.granted {
		copied[id] = times
	}
	return copied
}

// A payment of each order is told to the function that is deployed, as each kind
// of event, twice: it answers "success" both times, DynamoDB has the payment, and
// the goods are granted once. Of a batch from the queue, the message that is none
// is the one that comes again.
func TestAPaymentAsEachEvent(t *testing.T) {
	environment, sales, shop := surroundings(t)
	payCallback := start(t, "PayCallback", environment)
	want := map[string]int{}
	for _, kind := range lambdatest.Kinds() {
		id := "order-" + string(kind)
		want[id] = 1
		_, err := sales.Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", Amount: 3600})
		require.NoError(t, err)
		message := testkit.SignedPayment(testkit.PaymentFields{AppKey: paidKey, OutTradeNo: id, Amount: 3600})
		for range 2 {
			payload, err := payCallback.Invoke(t.Context(), lambdatest.Event(kind, lambdatest.Request{
				Method: http.MethodPost, Path: "/callbacks/payment", Body: message.Body, Header: [][2]string{{"Content-Type", "application/json"}},
			}))
			require.NoError(t, err, "%s: %s", kind, payCallback.Stderr())
			resp, err := lambdatest.Answer(kind, payload)
			require.NoError(t, err, kind)
			assert.Equal(t, 200, resp.Status, kind)
			assert.Equal(t, "success", string(resp.Body), kind)
		}
		p, err := sales.Get(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, purchase.Delivered, p.State, kind)
	}
	assert.Equal(t, want, shop.all())

	// What is paid and waits for the queue.
	for _, id := range []string{"queued-1", "queued-2"} {
		want[id] = 1
		_, err := sales.Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", Amount: 3600})
		require.NoError(t, err)
		require.NoError(t, sales.Paid(t.Context(), callback.PaymentNotice{
			AppID: "test", OutTradeNo: id, TradeNo: "trade-of-" + id, OpenID: "ming", Amount: 3600, Status: callback.StatusPaid, PayTime: time.Now(),
		}))
	}
	reconcile := start(t, "Reconcile", environment)
	payload, err := reconcile.Invoke(t.Context(), lambdatest.SQS(
		lambdatest.Message{ID: "one", Body: `{"id":"queued-1"}`},
		lambdatest.Message{ID: "poisoned", Body: `{"id":`},
		lambdatest.Message{ID: "two", Body: `{"id":"queued-2"}`},
	))
	require.NoError(t, err)
	failed, err := lambdatest.ReadSQSAnswer(payload)
	require.NoError(t, err)
	assert.Equal(t, []string{"poisoned"}, failed)
	assert.Equal(t, want, shop.all())
}

// paidKey signs the payments.
var paidKey = core.NewSecret("a-key-of-sixteen-characters")

// surroundings are what stands around a function, and the variables that tell it:
// an empty journal in DynamoDB, its keys, and the server that grants the goods.
// sales is a service on the same journal, which leaves what is paid to others.
func surroundings(t *testing.T) (environment []string, sales *purchase.Service, shop *goods) {
	t.Helper()
	shop = &goods{key: core.NewSecret(strings.Repeat("d", 48)), granted: map[string]int{}}
	server := httptest.NewServer(shop)
	t.Cleanup(server.Close)
	endpoint := startDynalite(t, "journal")
	store, err := dynamostore.New(dynamostore.Config{
		Table: "journal", Region: "eu-west-1", Endpoint: endpoint, Credentials: dynamostore.Environment(func(string) string { return "test" }),
	})
	require.NoError(t, err)
	client, err := vvchat.New(vvchat.Config{BaseURL: "https://platform.example", AppID: "test", AppKeys: []core.Secret{paidKey}, StoreNo: "s1234"})
	require.NoError(t, err)
	deliverer, err := webhook.New(webhook.Config{URL: server.URL, Key: shop.key})
	require.NoError(t, err)
	sales, err = purchase.New(purchase.Config{
		Store: store, Platform: client, Catalog: purchase.Offers{}, Deliverer: deliverer, NotifyURL: "https://shop.example/callbacks/payment",
		Enqueue: func(context.Context, string) error { return nil },
	})
	require.NoError(t, err)
	secrets := startSecrets(t, map[string]string{"arn:app-key": paidKey.Reveal(), "arn:deliver-key": shop.key.Reveal()})
	return []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + secrets,
		"IMPREST_APP_ID=test", "IMPREST_APP_KEY_SECRET=arn:app-key", "IMPREST_STORE_NO=s1234", "IMPREST_BASE_URL=https://platform.example",
		"IMPREST_NOTIFY_URL=https://shop.example/callbacks/payment", "IMPREST_DELIVER_URL=" + server.URL + "/deliveries", "IMPREST_DELIVER_KEY_SECRET=arn:deliver-key",
		"IMPREST_JOURNAL=dynamodb:journal",
	}, sales, shop
}

// start runs a function of the template: its Makefile builds it, of this tree.
func start(t *testing.T, function string, environment []string) *lambdatest.Runtime {
	t.Helper()
	artifacts := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "-s", "-f", "template/aws/Makefile", "build-"+function, "ARCH="+runtime.GOARCH, "ARTIFACTS_DIR="+artifacts)
	build.Dir = root(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: filepath.Join(artifacts, "bootstrap"), Env: environment, Timeout: 29 * time.Second})
}

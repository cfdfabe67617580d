package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

// The merchant's server: it checks who asks, grants once by the key, and says
// what it granted.
func Example() {
	key := core.NewSecret(strings.Repeat("k", webhook.MinKeyLength)) // from your secrets
	granted := map[string]bool{}                                     // your database
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil || webhook.Verify(key, time.Now(), r.Method, r.URL.EscapedPath(), r.Header, body) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		id := r.Header.Get("Idempotency-Key")
		if r.Method == http.MethodPost {
			granted[id] = true // once, however often it is asked for
		}
		fmt.Fprintf(w, `{"granted": %t}`, granted[id])
	}))
	defer server.Close()

	deliverer, err := webhook.New(webhook.Config{URL: server.URL + "/deliveries", Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := purchase.Purchase{ID: "p1", OfferID: "voip-1y", Amount: 3600}
	before, _ := deliverer.Delivered(context.Background(), p)
	err = deliverer.Deliver(context.Background(), p)
	after, _ := deliverer.Delivered(context.Background(), p)
	fmt.Println(before, err, after)
	// Output: false <nil> true
}

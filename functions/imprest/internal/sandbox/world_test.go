package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// startWorld serves a sandbox on free ports until the test ends.
func startWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	w, stop := serveWorld(t, cfg)
	t.Cleanup(stop)
	return w
}

// serveWorld is startWorld for a test that ends the sandbox by itself.
func serveWorld(t *testing.T, cfg Config) (w *world, stop func()) {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = freePort
	}
	if cfg.PlatformAddr == "" {
		cfg.PlatformAddr = freePort
	}
	if cfg.CloudAddr == "" {
		cfg.CloudAddr = freePort
	}
	if cfg.Journal == "" {
		cfg.Journal = "memory"
	}
	require.NoError(t, cfg.settle())
	w, err := newWorld(t.Context(), cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.serve(ctx, w.sweepLoop) }()
	return w, func() {
		cancel()
		require.NoError(t, <-ended)
		w.close()
	}
}

// call sends a request and returns the status and the body of the answer.
func call(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(content)
}

// getJSON reads what a GET answers with 200.
func getJSON[T any](t *testing.T, url string) T {
	t.Helper()
	status, body := call(t, http.MethodGet, url, "")
	require.Equal(t, http.StatusOK, status, body)
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

// notify posts a payment notification to the merchant.
func notify(t *testing.T, w *world, f testkit.PaymentFields, mutators ...testkit.Mutator) *core.Response {
	t.Helper()
	resp, err := testkit.SignedPayment(f, mutators...).Post(t.Context(), nil, w.base+"/callbacks/payment")
	require.NoError(t, err)
	return resp
}

// buyOne walks a purchase to its payment as a browser does.
func buyOne(t *testing.T, w *world) string {
	t.Helper()
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	id, err := w.buy(t.Context(), b)
	require.NoError(t, err)
	return id
}

// eventually waits for a purchase to reach a state.
func eventually(t *testing.T, w *world, id string, want purchase.State) purchase.Purchase {
	t.Helper()
	var p purchase.Purchase
	require.Eventually(t, func() bool {
		var err error
		p, err = w.purchase(t.Context(), id)
		return err == nil && p.State == want
	}, 10*time.Second, 5*time.Millisecond, "the purchase is %s", p.State)
	return p
}

// moveTo moves the clock on until a purchase has come to an end. Not while a step
// may be under way: the clock would overtake the answers that it waits for.
func moveTo(t *testing.T, w *world, id string, end purchase.State) {
	t.Helper()
	frames, still := 0, time.Now()
	var last purchase.State
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		p, err := w.purchase(t.Context(), id)
		if err == nil {
			last = p.State // a journal that is down cannot tell
		}
		if last == end {
			return
		}
		require.True(t, time.Now().Before(deadline), "the purchase is %s, and never came to %s", last, end)
		patience := 100 * time.Millisecond
		if last != purchase.Unpaid {
			patience = 500 * time.Millisecond
		}
		if n := len(w.tape.all()); n != frames {
			frames, still = n, time.Now()
		} else if time.Since(still) > patience {
			_ = w.moveOn(t.Context(), id) // what is on its way comes by itself
			still = time.Now()
		}
	}
}

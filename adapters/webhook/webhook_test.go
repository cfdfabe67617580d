package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
)

var key = core.NewSecret(strings.Repeat("k", 32))

// merchant is a server that answers so, and checks what it is sent.
func merchant(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body []byte)) *webhook.Deliverer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, webhook.Verify(key, time.Now(), r.Method, r.URL.EscapedPath(), r.Header, body))
		assert.Equal(t, "p1", r.Header.Get("Idempotency-Key"))
		answer(w, r, body)
	}))
	t.Cleanup(server.Close)
	d, err := webhook.New(webhook.Config{URL: server.URL + "/deliveries", Key: key, Timeout: time.Second})
	require.NoError(t, err)
	return d
}

var sold = purchase.Purchase{ID: "p1", OfferID: "voip", Title: "VoIP", Amount: 3600, Buyer: "ming", Data: json.RawMessage(`{"a":1}`), Payment: &purchase.Payment{TradeNo: "T1"}}

func TestWhatAnAnswerMeans(t *testing.T) {
	for status, code := range map[int]core.Code{
		200: "", 201: "", 204: "", 410: core.CodeRefused, 422: core.CodeRefused,
		400: core.CodeUnknown, 401: core.CodeUnknown, 404: core.CodeUnknown, 409: core.CodeUnknown, 429: core.CodeUnknown, 500: core.CodeUnknown, 503: core.CodeUnknown, 302: core.CodeUnknown,
	} {
		d := merchant(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
			assert.Equal(t, "POST /deliveries", r.Method+" "+r.URL.Path)
			assert.JSONEq(t, `{"id":"p1","offer":"voip","title":"VoIP","amount":3600,"buyer":"ming","trade_no":"T1","data":{"a":1}}`, string(body))
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		err := d.Deliver(t.Context(), sold)
		assert.Equal(t, code, core.CodeOf(err), status)
		assert.Equal(t, false, core.Retryable(err) && code == core.CodeUnknown, "%d: what may have had its effect is asked about first", status)
	}
}

// told is an Observer that writes down how each call ended.
type told []string

func (o *told) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) {
		*o = append(*o, strings.Join([]string{w.Kind, w.Name, w.Subject, string(core.CodeOf(err))}, " "))
	}
}

func TestTheObserverIsToldHowEachCallEnded(t *testing.T) {
	status := http.StatusGone
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	var seen told
	d, err := webhook.New(webhook.Config{URL: server.URL, Key: key, Observer: &seen})
	require.NoError(t, err)
	require.Error(t, d.Deliver(t.Context(), sold))
	status = http.StatusOK
	require.NoError(t, d.Deliver(t.Context(), sold))
	_, err = d.Delivered(t.Context(), sold)
	require.Error(t, err)
	assert.Equal(t, told{"call webhook.Deliver p1 refused", "call webhook.Deliver p1 ", "call webhook.Delivered p1 unknown"}, seen)
}

// Whatever the address looks like, what is signed is what the server sees.
func TestTheSignedPathIsTheOneThatIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, webhook.Verify(key, time.Now(), r.Method, r.URL.EscapedPath(), r.Header, body), "%s %s", r.Method, r.RequestURI)
		_, _ = io.WriteString(w, `{"granted":true}`)
	}))
	defer server.Close()
	for _, path := range []string{"", "/deliveries", "/deliveries%2Fnow", "/deliveries%20now", "/货"} {
		d, err := webhook.New(webhook.Config{URL: server.URL + path, Key: key})
		require.NoError(t, err)
		assert.NoError(t, d.Deliver(t.Context(), sold), path)
		granted, err := d.Delivered(t.Context(), sold)
		assert.NoError(t, err, path)
		assert.True(t, granted, path)
	}
}

func TestAnswersThatNeverCome(t *testing.T) {
	d := merchant(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		assert.NoError(t, err)
		_ = conn.Close()
	})
	assert.Equal(t, core.CodeUnknown, core.CodeOf(d.Deliver(t.Context(), sold)))

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close())
	d, err = webhook.New(webhook.Config{URL: "http://" + address + "/d", Key: key})
	require.NoError(t, err)
	err = d.Deliver(t.Context(), sold)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err), "nobody was there: certainly nothing was granted")
	assert.True(t, core.Retryable(err))
	assert.NotContains(t, err.Error(), address, "an error does not show the address")
}

// A server that cannot show who it is was sent nothing.
func TestACertificateThatIsNotBelieved(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	d, err := webhook.New(webhook.Config{URL: server.URL + "/d", Key: key})
	require.NoError(t, err)
	err = d.Deliver(t.Context(), sold)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err), err)
	assert.True(t, core.Retryable(err))
	assert.ErrorContains(t, err, "certificate")
	_, err = d.Delivered(t.Context(), sold)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
}

func TestWhetherItWasDelivered(t *testing.T) {
	for body, want := range map[string]any{`{"granted":true}`: true, `{"granted":false}`: false, `{}`: nil, `{"granted":1}`: nil, `ok`: nil, ``: nil} {
		d := merchant(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			assert.Equal(t, "GET /deliveries/p1", r.Method+" "+r.URL.Path)
			_, _ = io.WriteString(w, body)
		})
		granted, err := d.Delivered(t.Context(), sold)
		if want == nil {
			assert.Equal(t, core.CodeUnknown, core.CodeOf(err), body)
			assert.False(t, granted)
			continue
		}
		assert.NoError(t, err)
		assert.Equal(t, want, granted)
	}
	d := merchant(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(404) })
	_, err := d.Delivered(t.Context(), sold)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err), "a 404 may be a wrong address: it is no word for not granted")
}

func TestVerifyFindsForgeries(t *testing.T) {
	now := time.Now()
	header := func(change func(http.Header)) http.Header {
		seen := http.Header{}
		d := merchant(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) { seen = r.Header })
		require.NoError(t, d.Deliver(t.Context(), sold))
		change(seen)
		return seen
	}
	body := []byte(`{"id":"p1","offer":"voip","title":"VoIP","amount":3600,"buyer":"ming","trade_no":"T1","data":{"a":1}}`)
	good := header(func(http.Header) {})
	require.NoError(t, webhook.Verify(key, now, "POST", "/deliveries", good, body))
	for name, err := range map[string]error{
		"another key":  webhook.Verify(core.NewSecret(strings.Repeat("x", 32)), now, "POST", "/deliveries", good, body),
		"another body": webhook.Verify(key, now, "POST", "/deliveries", good, append(body, ' ')),
		"another path": webhook.Verify(key, now, "POST", "/deliveries/", good, body),
		"another verb": webhook.Verify(key, now, "GET", "/deliveries", good, body),
		"too old":      webhook.Verify(key, now.Add(6*time.Minute), "POST", "/deliveries", good, body),
		"too early":    webhook.Verify(key, now.Add(-6*time.Minute), "POST", "/deliveries", good, body),
		"another time": webhook.Verify(key, now, "POST", "/deliveries", header(func(h http.Header) { h.Set("Imprest-Timestamp", "1") }), body),
		"no signature": webhook.Verify(key, now, "POST", "/deliveries", header(func(h http.Header) { h.Del("Imprest-Signature") }), body),
	} {
		assert.Equal(t, core.CodeForged, core.CodeOf(err), name)
	}
}

func TestNewChecks(t *testing.T) {
	for _, cfg := range []webhook.Config{
		{URL: "", Key: key}, {URL: "http://shop.example/d", Key: key}, {URL: "https://u@shop.example/d", Key: key}, {URL: "https://shop.example/d?a", Key: key},
		{URL: "https://shop.example/d/", Key: key}, {URL: "https://shop.example/d", Key: core.NewSecret("short")},
	} {
		_, err := webhook.New(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), cfg.URL)
	}
}

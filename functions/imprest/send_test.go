package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit"
)

// merchant is a server with imprest's own handlers, and paths at which it
// behaves badly.
type merchant struct {
	*httptest.Server
	mu sync.Mutex
	// payments counts deliveries by trade_no; payouts keeps every status.
	payments map[string]int
	payouts  []int64
	// bodies are those that were posted to /bodies, which calls onBody.
	bodies []string
	onBody func()
	// groups makes /bodies answer so many requests at once.
	groups  int
	waiting chan struct{}
	inside  int
}

func newMerchant(t *testing.T) *merchant {
	t.Helper()
	m := &merchant{payments: map[string]int{}}
	apps := []callback.App{{ID: "test", Keys: []core.Secret{testkit.TestAccount().AppKey, core.NewSecret(longKey)}}}
	payment, err := callback.Payment(callback.Config{Apps: apps, AllowWeakKey: true,
		Sink: callback.Once(journal.NewMemory(), callback.SinkFunc(m.paid))})
	require.NoError(t, err)
	payout, err := callback.Payout(callback.PayoutConfig{Apps: apps, AllowWeakKey: true, Sink: m})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/callbacks/payment", nethttp.Wrap(payment))
	mux.Handle("/callbacks/payout", nethttp.Wrap(payout))
	mux.HandleFunc("/bodies", m.record)
	mux.HandleFunc("/odd", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("\x1b[2Jhidden\nlines" + strings.Repeat("x", 200)))
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/callbacks/payment", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

func (m *merchant) paid(_ context.Context, n callback.PaymentNotice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.Amount != 100 {
		return core.Mismatch("merchant", "another amount")
	}
	m.payments[n.OutTradeNo]++
	return nil
}

func (m *merchant) Payout(_ context.Context, n callback.PayoutNotice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.payouts = append(m.payouts, n.Status)
	return nil
}

// record keeps a body, and holds its answer back until a group is complete.
func (m *merchant) record(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	m.mu.Lock()
	m.bodies = append(m.bodies, r.Header.Get("Content-Type")+" "+string(body))
	if m.inside++; m.inside == 1 {
		m.waiting = make(chan struct{})
	}
	complete := m.waiting
	if m.inside >= m.groups {
		m.inside = 0
		close(complete)
	}
	if m.onBody != nil {
		m.onBody()
	}
	m.mu.Unlock()
	select {
	case <-complete:
		_, _ = w.Write([]byte("SUCCESS"))
	case <-r.Context().Done():
	}
}

// shutAddress is a loopback address at which nobody listens.
func shutAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return "http://" + listener.Addr().String()
}

func TestSendOfOnePaymentManyTimes(t *testing.T) {
	m := newMerchant(t)
	r := invoke(t, "", "send", "--url", m.URL+"/callbacks/payment", "--out-trade-no", "T1", "--repeat", "200", "--concurrency", "50", "--expect", "success")
	require.Equal(t, exitDone, r.status, r.stderr)
	lines := strings.Split(r.stdout, "\n")
	assert.Equal(t, "200 × 200 success", lines[0])
	assert.Regexp(t, `^p50 \d+\.\d\d ms  p99 \d+\.\d\d ms  all in \d+\.\d\d ms$`, lines[1])
	assert.Len(t, lines, 3, r.stdout)
	assert.Equal(t, map[string]int{"T1": 1}, m.payments)
}

// The merchant answers three at a time: with fewer at once nothing would come.
func TestSendRepeatsTheSameBytes(t *testing.T) {
	m := newMerchant(t)
	for _, args := range [][]string{{}, {"--form"}, {"--trade-no", "N7", "--open-id", "O7", "--amount", "7", "--status", "0", "--app-id", "app7"}} {
		m.bodies, m.groups = nil, 3
		r := invoke(t, "", append([]string{"send", "--url", m.URL + "/bodies", "--out-trade-no", "T1", "--repeat", "21", "--concurrency", "3", "--expect", "success"}, args...)...)
		require.Equal(t, exitDone, r.status, r.stderr)
		require.Len(t, m.bodies, 21)
		for _, body := range m.bodies {
			require.Equal(t, m.bodies[0], body)
		}
	}
	want := testkit.SignedPayment(testkit.PaymentFields{AppID: "app7", OutTradeNo: "T1", TradeNo: "N7", OpenID: "O7", Amount: 7, Status: "0"})
	assert.Equal(t, "application/json "+string(want.Body), m.bodies[0])
}

// What the mutators promise is what imprest's own handler answers.
func TestSendOfEveryMutator(t *testing.T) {
	m := newMerchant(t)
	for _, mutator := range testkit.Mutators() {
		expect := "success"
		if mutator.Verdict == testkit.VerdictRefuse {
			expect = "refused"
		}
		order := "order-" + string(mutator.Name)
		r := invoke(t, "", "send", "--url", m.URL+"/callbacks/payment", "--out-trade-no", order, "--mutate", string(mutator.Name), "--expect", expect)
		if mutator.Name == testkit.MutateUnknownOrder { // this merchant knows every order
			assert.Equal(t, exitFailed, r.status)
			continue
		}
		assert.Equal(t, exitDone, r.status, "%s: %s%s", mutator.Name, r.stdout, r.stderr)
	}
}

func TestSendOfPayouts(t *testing.T) {
	m := newMerchant(t)
	r := invoke(t, "", "send", "--kind", "payout", "--url", m.URL+"/callbacks/payout", "--out-order-no", "P1", "--status", "2", "--key", longKey, "--expect", "success")
	require.Equal(t, exitDone, r.status, r.stdout+r.stderr)
	assert.Equal(t, []int64{2}, m.payouts)
	assert.Empty(t, r.stderr)
}

func TestSendCountsWhatIsNoAnswer(t *testing.T) {
	m := newMerchant(t)
	for name, url := range map[string]string{"cut": m.URL + "/cut", "shut": shutAddress(t)} {
		r := invoke(t, "", "send", "--url", url, "--out-trade-no", "T1", "--repeat", "5", "--key", "k", "--json")
		assert.Equal(t, exitFailed, r.status, name)
		assert.Equal(t, "imprest send: 5 of 5 requests got no answer\n", r.stderr, name)
		var s summary
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
		assert.Equal(t, 5, s.Sent)
		assert.Zero(t, s.Answered)
		assert.NotNil(t, s.Answers)
		require.Len(t, s.Errors, 1, "one reason, whatever the port: %v", s.Errors)
		assert.Equal(t, 5, s.Errors[0].Count)
	}
}

func TestSendAsJSON(t *testing.T) {
	m := newMerchant(t)
	r := invoke(t, "", "send", "--url", m.URL+"/callbacks/payment", "--out-trade-no", "T1", "--repeat", "3", "--json")
	require.Equal(t, exitDone, r.status)
	var s summary
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
	assert.Equal(t, []answerCount{{Count: 3, Status: 200, Body: "success"}}, s.Answers)
	assert.Positive(t, s.Latency.P50)
	assert.LessOrEqual(t, s.Latency.P50, s.Latency.P99)
	assert.LessOrEqual(t, s.Latency.P99, s.TookMS)
}

func TestSendShowsAnyAnswerAsOneLine(t *testing.T) {
	m := newMerchant(t)
	r := invoke(t, "", "send", "--url", m.URL+"/odd", "--out-trade-no", "T1")
	require.Equal(t, exitDone, r.status)
	assert.True(t, strings.HasPrefix(r.stdout, `1 × 200 \u001b[2Jhidden\nlinesxxx`), r.stdout)
	assert.Less(t, strings.Index(r.stdout, "\n"), 120)
	r = invoke(t, "", "send", "--url", m.URL+"/empty", "--out-trade-no", "T1")
	assert.True(t, strings.HasPrefix(r.stdout, "1 × 204 (empty)\n"), r.stdout)
	r = invoke(t, "", "send", "--url", m.URL+"/redirect", "--out-trade-no", "T1")
	assert.True(t, strings.HasPrefix(r.stdout, "1 × 307 (empty)\n"), r.stdout)
	assert.Empty(t, m.payments, "a redirect is an answer, and not followed")
}

func TestSendGoesToLoopbackAlone(t *testing.T) {
	for _, url := range []string{
		"http://example.com/", "http://10.0.0.1/", "http://0.0.0.0:8700/", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/",
		"http://[2001:db8::1]/", "http://localhost.example.com/", "ftp://127.0.0.1/", "127.0.0.1:8700", "http://", "", "/callbacks/payment", "http://%zz",
	} {
		r := invoke(t, "", "send", "--url", url, "--out-trade-no", "T1")
		assert.Equal(t, exitUsage, r.status, url)
		assert.True(t, strings.HasPrefix(r.stderr, "imprest send: --url: "), r.stderr)
		assert.Equal(t, 1, strings.Count(r.stderr, "\n"))
	}
	for _, url := range []string{"http://127.0.0.1/", "http://127.9.9.9:1/x", "http://[::1]:8700/", "https://localhost/", "http://[::ffff:127.0.0.1]/"} {
		assert.NoError(t, checkLoopback("url", url), url)
	}
	// A name that passes and resolves elsewhere is not dialled.
	dialled, err := loopbackClient(1).Get("http://192.0.2.1/")
	if err == nil {
		_ = dialled.Body.Close()
	}
	assert.ErrorContains(t, err, "this machine alone")
}

func TestSendEndsWithItsContext(t *testing.T) {
	m := newMerchant(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.onBody = func() {
		if len(m.bodies) == 10 {
			cancel()
		}
	}
	var stdout, stderr strings.Builder
	status := run(ctx, []string{"imprest", "send", "--url", m.URL + "/bodies", "--out-trade-no", "T1", "--repeat", "1000000", "--key", "k"}, strings.NewReader(""), &stdout, &stderr)
	assert.Equal(t, exitFailed, status)
	assert.Regexp(t, `^(9|10) × 200 SUCCESS\n`, stdout.String(), "what came until then is shown")
	assert.Contains(t, stderr.String(), "imprest send: interrupted\n")
	assert.NotContains(t, stdout.String(), "no answer")
}

func TestPercentile(t *testing.T) {
	ms := func(n ...int) (times []time.Duration) {
		for _, n := range n {
			times = append(times, time.Duration(n)*time.Millisecond)
		}
		return times
	}
	assert.Zero(t, percentile(nil, 50))
	assert.Equal(t, 7*time.Millisecond, percentile(ms(7), 99))
	assert.Equal(t, 2*time.Millisecond, percentile(ms(1, 2, 3, 4), 50))
	assert.Equal(t, 4*time.Millisecond, percentile(ms(1, 2, 3, 4), 99))
	var hundred []time.Duration
	for i := range 200 {
		hundred = append(hundred, time.Duration(i+1))
	}
	assert.Equal(t, time.Duration(198), percentile(hundred, 99))
}

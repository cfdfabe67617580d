package testkit_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

var update = flag.Bool("update", false, "write the golden file anew")

// ledger is what a merchant keeps between two runs: what was paid by what, and
// how often each order was delivered.
type ledger struct {
	mu      sync.Mutex
	ordered map[string]bool
	paidBy  map[string]string
	sent    map[string]int
}

func newLedger() *ledger {
	return &ledger{ordered: map[string]bool{}, paidBy: map[string]string{}, sent: map[string]int{}}
}

func (l *ledger) order(no string, _ core.Fen) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ordered[no] = true
	return nil
}

func (l *ledger) delivered(no string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[no]
}

func (l *ledger) deliver(no string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[no]++
}

func (l *ledger) paid(no string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paidBy[no]
}

func (l *ledger) pay(no, tradeNo string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paidBy[no] = tradeNo
}

// known compares a notice with the order on record.
func (l *ledger) known(n callback.PaymentNotice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ordered[n.OutTradeNo] || n.Amount != 100 {
		return core.Mismatch("ledger", "not the order on record")
	}
	return nil
}

// once is right: one step, under one lock.
func (l *ledger) once(_ context.Context, n callback.PaymentNotice) error {
	if err := l.known(n); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if by := l.paidBy[n.OutTradeNo]; by != "" && by != n.TradeNo {
		return core.Mismatch("ledger", "another payment is on record")
	} else if by == "" {
		l.paidBy[n.OutTradeNo], l.sent[n.OutTradeNo] = n.TradeNo, l.sent[n.OutTradeNo]+1
	}
	return nil
}

// right is a handler that reads and verifies as it should, over any sink.
func right(sink callback.SinkFunc) http.Handler {
	account := testkit.TestAccount()
	payment, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}}, AllowWeakKey: true, Sink: sink,
	})
	if err != nil {
		panic(err)
	}
	return nethttp.Wrap(payment)
}

// answering replaces one answer of h by another.
func answering(h http.Handler, from string, status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &kept{header: http.Header{}, status: 200}
		h.ServeHTTP(kept, r)
		if kept.body.String() == from {
			kept.status, kept.body = status, *bytes.NewBufferString(body)
		}
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes())
	})
}

type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// fieldsOf reads a body as a careless merchant does.
func fieldsOf(body []byte) map[string]any {
	fields := map[string]any{}
	_ = json.Unmarshal(body, &fields)
	return fields
}

// again puts a body that was read back.
func again(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// notice makes a sink's call of careless fields.
func notice(fields map[string]any) callback.PaymentNotice {
	return callback.PaymentNotice{OutTradeNo: fmt.Sprint(fields["out_trade_no"]), TradeNo: fmt.Sprint(fields["trade_no"]), Amount: 100}
}

// merchants are each wrong in one way; check is what a developer runs.
var merchants = []struct {
	name  string
	open  func(*ledger, *testkit.Process) http.Handler
	check func(*testkit.Merchant, testkit.TB)
}{
	{"answers ok",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return answering(right(l.once), "success", 200, "ok")
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"answers with a newline",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return answering(right(l.once), "success", 200, "success\n")
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"answers 500",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return answering(right(l.once), "success", 500, "internal error")
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"redirects",
		func(*ledger, *testkit.Process) http.Handler {
			return http.RedirectHandler("/callbacks/payment/", http.StatusMovedPermanently)
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"is mounted elsewhere",
		func(l *ledger, _ *testkit.Process) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("POST /notify", right(l.once))
			return mux
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"is slow",
		func(*ledger, *testkit.Process) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"panics",
		func(*ledger, *testkit.Process) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no row") })
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"reads the body twice",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // the log's
				right(l.once).ServeHTTP(w, r)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"re-serialises",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fields := fieldsOf(again(r))
				var names, pairs []string
				for name := range fields {
					names = append(names, name)
				}
				sort.Strings(names)
				for _, name := range names {
					if name != "sign" {
						pairs = append(pairs, fmt.Sprintf("%s=%v", name, fields[name]))
					}
				}
				sum := md5.Sum([]byte(strings.Join(pairs, "&") + "&key=123456"))
				if fmt.Sprintf("%X", sum) != fields["sign"] {
					http.Error(w, "wrong sign", http.StatusForbidden)
					return
				}
				right(l.once).ServeHTTP(w, r)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) {
			m.RequireDelivers(tb, m.NewOrder(tb)) // the plain one it takes
			m.RequireDelivers(tb, m.NewOrder(tb), testkit.MutateExtraNumber)
		}},
	{"wrong app_key",
		func(l *ledger, _ *testkit.Process) http.Handler {
			payment, err := callback.Payment(callback.Config{
				Apps: []callback.App{{ID: "test", Keys: core.Secrets("the-key-of-another-app")}}, Sink: callback.SinkFunc(l.once),
			})
			if err != nil {
				panic(err)
			}
			return nethttp.Wrap(payment)
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"forgets to deliver",
		func(*ledger, *testkit.Process) http.Handler {
			return right(func(context.Context, callback.PaymentNotice) error { return nil })
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDelivers(tb, m.NewOrder(tb)) }},
	{"accepts a forged one",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = l.once(r.Context(), notice(fieldsOf(again(r))))
				_, _ = io.WriteString(w, "success")
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) {
			m.RequireRefuses(tb, m.NewOrder(tb), testkit.MutateWrongKey)
		}},
	{"answers a forged one 500",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return answering(right(l.once), core.RefusedText, 500, "internal error")
		},
		func(m *testkit.Merchant, tb testkit.TB) {
			m.RequireRefuses(tb, m.NewOrder(tb), testkit.MutateWrongKey)
		}},
	{"checks no amount",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return right(func(ctx context.Context, n callback.PaymentNotice) error {
				n.Amount = 100
				return l.once(ctx, n)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) {
			m.RequireRefuses(tb, m.NewOrder(tb), testkit.MutateOtherAmount)
		}},
	{"takes a duplicate key",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = l.once(r.Context(), notice(fieldsOf(again(r))))
				_, _ = io.WriteString(w, "success")
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) {
			m.RequireRefuses(tb, m.NewOrder(tb), testkit.MutateDuplicateKey)
		}},
	{"delivers what waits",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fields := fieldsOf(again(r)); fields["status"] == 0.0 {
					_ = l.once(r.Context(), notice(fields))
				}
				right(l.once).ServeHTTP(w, r)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireVerdicts(tb) }},
	{"is blocked by a forged one",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := notice(fieldsOf(again(r)))
				if l.paid(n.OutTradeNo) != "" {
					_, _ = io.WriteString(w, "success")
					return
				}
				l.pay(n.OutTradeNo, n.TradeNo)
				right(func(_ context.Context, n callback.PaymentNotice) error {
					l.deliver(n.OutTradeNo)
					return nil
				}).ServeHTTP(w, r)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireVerdicts(tb) }},
	{"delivers twice",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				l.deliver(n.OutTradeNo)
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDeliversOnce(tb, m.NewOrder(tb)) }},
	{"looks first and writes later",
		func(l *ledger, _ *testkit.Process) http.Handler {
			var looked sync.WaitGroup
			looked.Add(8)
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				if l.paid(n.OutTradeNo) != "" {
					return nil
				}
				looked.Done()
				looked.Wait()
				l.deliver(n.OutTradeNo)
				l.pay(n.OutTradeNo, n.TradeNo)
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDeliversOnce(tb, m.NewOrder(tb)) }},
	{"refuses a duplicate",
		func(l *ledger, _ *testkit.Process) http.Handler {
			var one sync.Mutex
			return right(func(ctx context.Context, n callback.PaymentNotice) error {
				one.Lock()
				defer one.Unlock()
				if l.paid(n.OutTradeNo) != "" {
					return core.Mismatch("shop", "paid already")
				}
				return l.once(ctx, n)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDeliversOnce(tb, m.NewOrder(tb)) }},
	{"delivers by trade_no",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				l.mu.Lock()
				defer l.mu.Unlock()
				if l.paidBy[n.TradeNo] == "" {
					l.paidBy[n.TradeNo] = n.OutTradeNo
					l.sent[n.OutTradeNo]++
				}
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireDeliversOnce(tb, m.NewOrder(tb)) }},
	{"answers before the commit",
		func(l *ledger, _ *testkit.Process) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				right(func(_ context.Context, n callback.PaymentNotice) error {
					_, _ = io.WriteString(w, "success")
					return l.once(r.Context(), n)
				}).ServeHTTP(&kept{header: http.Header{}}, r)
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireSurvivesCrash(tb) }},
	{"loses what a duplicate tells",
		func(l *ledger, p *testkit.Process) http.Handler {
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				if l.paid(n.OutTradeNo) != "" {
					return nil // seen
				}
				l.pay(n.OutTradeNo, n.TradeNo)
				p.CrashPoint("before delivery")
				l.deliver(n.OutTradeNo)
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireSurvivesCrash(tb) }},
	{"delivers again after a crash",
		func(l *ledger, p *testkit.Process) http.Handler {
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				if l.paid(n.OutTradeNo) != "" {
					return nil
				}
				p.CrashPoint("before delivery")
				l.deliver(n.OutTradeNo)
				p.CrashPoint("after delivery")
				l.pay(n.OutTradeNo, n.TradeNo)
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireSurvivesCrash(tb) }},
	{"leaves a lock behind",
		func(l *ledger, p *testkit.Process) http.Handler {
			return right(func(_ context.Context, n callback.PaymentNotice) error {
				switch l.paid(n.OutTradeNo) {
				case n.TradeNo:
					return nil
				case "locked":
					return errors.New("in progress")
				}
				l.pay(n.OutTradeNo, "locked")
				p.CrashPoint("before delivery")
				l.deliver(n.OutTradeNo)
				l.pay(n.OutTradeNo, n.TradeNo)
				return nil
			})
		},
		func(m *testkit.Merchant, tb testkit.TB) { m.RequireSurvivesCrash(tb) }},
}

// reader is a developer: he sees what a failed test prints.
type reader struct {
	failed  string
	logged  []string
	cleanup []func()
	mu      sync.Mutex
}

func (r *reader) Helper()          {}
func (r *reader) Failed() bool     { return r.failed != "" }
func (r *reader) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }
func (r *reader) Fatalf(format string, args ...any) {
	if r.failed == "" {
		r.failed = fmt.Sprintf(format, args...)
	}
}
func (r *reader) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logged = append(r.logged, fmt.Sprintf(format, args...))
}
func (r *reader) end() {
	for i := len(r.cleanup) - 1; i >= 0; i-- {
		r.cleanup[i]()
	}
}

// Each merchant is wrong in one way, and what is printed of it names the rule,
// its page, what was sent, what came back, and what to do.
func TestFailuresAreExplained(t *testing.T) {
	const path = "testdata/failures.golden"
	var got strings.Builder
	got.WriteString("What a developer reads when his merchant is wrong in one way.\n")
	for _, wrong := range merchants {
		l, tb := newLedger(), &reader{}
		cfg := testkit.MerchantConfig{
			Open:      func(p *testkit.Process) (http.Handler, error) { return wrong.open(l, p), nil },
			Order:     l.order,
			Delivered: l.delivered,
			Platform:  testkit.PlatformConfig{Seed: 1, Clock: testkit.NewClock(time.Unix(1_700_000_000, 0))},
		}
		if wrong.name == "is slow" {
			cfg.Platform.AttemptTimeout = 20 * time.Millisecond
		}
		wrong.check(testkit.Start(tb, cfg), tb)
		if wrong.name != "panics" { // its stack comes with the failure
			assert.Empty(t, tb.logged, "quiet until the end")
		}
		tb.end()
		require.NotEmpty(t, tb.failed, wrong.name)
		for _, part := range []string{"expected ", "; got ", "\n\trule: ", "\n\tpage: VVChat public API", "\n\tsent: POST http://merchant.test/callbacks/payment {", "&key=***", "\n\tdo:   "} {
			assert.Contains(t, tb.failed, part, wrong.name)
		}
		assert.Contains(t, strings.Join(tb.logged, "\n"), "vvchat #1 -> POST", "%s: the record", wrong.name)
		testkit.RequireNoSecret(t, tb.failed+strings.Join(tb.logged, "\n"), core.NewSecret("&key=123456"))
		fmt.Fprintf(&got, "\n== %s ==\n%s\n", wrong.name, tb.failed)
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String())
}

// A right merchant passes everything, and his test says nothing.
func TestRightMerchantIsQuiet(t *testing.T) {
	l, tb := newLedger(), &reader{}
	m := testkit.Start(tb, testkit.MerchantConfig{
		Open: func(p *testkit.Process) (http.Handler, error) {
			return right(func(ctx context.Context, n callback.PaymentNotice) error {
				p.CrashPoint("before delivery")
				return l.once(ctx, n)
			}), nil
		},
		Order:     l.order,
		Delivered: l.delivered,
	})
	m.RequireDelivers(tb, m.NewOrder(tb))
	m.RequireRefuses(tb, m.NewOrder(tb), testkit.MutateWrongKey)
	m.RequireRefuses(tb, testkit.PaymentFields{OutTradeNo: "order-999"})
	m.RequireDeliversOnce(tb, m.NewOrder(tb))
	m.RequireSurvivesCrash(tb)
	m.RequireVerdicts(tb)
	m.RequireDelivered(tb, "order-1")
	m.RequireNotDelivered(tb, "order-2")
	tb.end()
	assert.Empty(t, tb.failed)
	assert.Empty(t, tb.logged)
}

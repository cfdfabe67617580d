package testkit

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestStartRefuses(t *testing.T) {
	open := func(*Process) (http.Handler, error) { return http.NotFoundHandler(), nil }
	none := func(string) int { return 0 }
	for says, cfg := range map[string]MerchantConfig{
		"Open and Delivered must be given":  {Delivered: none},
		"Open and Delivered must be given ": {Open: open},
		"Platform.Client must be nil":       {Open: open, Delivered: none, Platform: PlatformConfig{Client: &http.Client{}}},
		"the fake platform does not start":  {Open: open, Delivered: none, Platform: PlatformConfig{Addr: "0.0.0.0:0"}},
	} {
		tb := &fakeTB{}
		assert.Nil(t, Start(tb, cfg), says)
		assert.Contains(t, tb.failed+" ", says)
	}
	tb := &fakeTB{}
	m := Start(tb, MerchantConfig{Open: func(*Process) (http.Handler, error) { return nil, errors.New("no database") }, Delivered: none})
	assert.Contains(t, tb.failed, "the merchant does not start")
	assert.Contains(t, tb.failed, "no database")
	tb.failed = ""
	m.cfg.Order = func(string, core.Fen) error { return errors.New("the table is full") }
	m.NewOrder(tb)
	assert.Equal(t, `the merchant does not take the order "order-1": the table is full`, tb.failed)
	assert.Equal(t, http.StatusNotFound, m.Send(PaymentFields{}).Status)
	for _, f := range tb.cleanup {
		f()
	}
}

// A process ends before the next one starts, and with the test; each finds the
// platform and its own address.
func TestProcesses(t *testing.T) {
	var runs []*Process
	tb := &fakeTB{}
	m := Start(tb, MerchantConfig{
		Open: func(p *Process) (http.Handler, error) {
			for _, old := range runs {
				assert.Error(t, old.Context().Err())
			}
			runs = append(runs, p)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p.CrashPoint("does nothing here")
				assert.Equal(t, "/notify", r.URL.Path)
				_, _ = io.WriteString(w, "success")
			}), nil
		},
		Delivered: func(string) int { return len(runs) },
		Path:      "notify",
	})
	assert.Equal(t, "http://merchant.test/notify", m.NotifyURL)
	assert.Equal(t, core.Text(200, "success").Body, m.Send(PaymentFields{}).Body)
	m.RequireDelivers(tb, PaymentFields{})
	m.Restart()
	require.Len(t, runs, 2)
	assert.Equal(t, m.NotifyURL, runs[1].NotifyURL)
	assert.Same(t, m.Platform, runs[1].Platform)
	assert.NoError(t, runs[1].Context().Err())
	assert.Empty(t, tb.failed)
	m.RequireDelivered(tb, "order-1")
	assert.Contains(t, tb.failed, `expected the order "order-1" to be delivered once; got 2 deliveries`)
	tb.failed = ""
	m.RequireNotDelivered(tb, "order-1")
	assert.Contains(t, tb.failed, `expected the order "order-1" not to be delivered; got 2 deliveries`)
	tb.failed = ""
	m.RequireSold(tb, "no-such-code")
	assert.Contains(t, tb.failed, `expected an order that can be paid; got testkit.Platform.Pay: imprest_code "no-such-code" is not known`)
	for i := len(tb.cleanup) - 1; i >= 0; i-- {
		tb.cleanup[i]()
	}
	assert.Error(t, runs[1].Context().Err())
}

// What is left for later counts once Settle has done it, in the process that
// runs by then.
func TestSettle(t *testing.T) {
	owed, done := map[string]bool{}, map[string]int{}
	orders := 0
	tb := &fakeTB{}
	m := Start(tb, MerchantConfig{
		Open: func(p *Process) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var notice struct {
					No string `json:"out_trade_no"`
				}
				assert.NoError(t, json.NewDecoder(r.Body).Decode(&notice))
				owed[notice.No] = true
				p.CrashPoint("owed")
				_, _ = io.WriteString(w, "success")
			}), nil
		},
		Order: func(no string, amount core.Fen) error {
			orders++
			assert.Equal(t, core.Fen(100), amount)
			return nil
		},
		Settle: func(p *Process) {
			assert.NoError(t, p.Context().Err())
			for no := range owed {
				done[no] = 1
			}
		},
		Delivered: func(no string) int { return done[no] },
	})
	m.RequireSurvivesCrash(tb)
	assert.Empty(t, tb.failed)
	assert.Equal(t, 3, orders, "the crash point, none left, the answer")
	for i := len(tb.cleanup) - 1; i >= 0; i-- {
		tb.cleanup[i]()
	}
}

// Detail shows all of an exchange that a developer needs.
func TestExchangeDetail(t *testing.T) {
	e := Exchange{
		Seq: 3, Peer: PeerVVChat, Call: CallNotification, Method: "POST", Path: "http://shop/x", Query: "a=1",
		Header: core.Header{{Name: "Content-Type", Value: "application/json"}}, Body: `{"a":"b"}`, Canonical: "a=b&key=***",
		Status: 503, AnswerHeader: core.Header{{Name: "Retry-After", Value: "1"}}, Answer: "try\nagain",
	}
	assert.Equal(t, `vvchat #3 -> POST http://shop/x: 503 "try\nagain"
	query  a=1
	> Content-Type: application/json
	> {"a":"b"}
	signed a=b&key=***
	< Retry-After: 1
	< 503 "try\nagain"`, e.Detail())
}

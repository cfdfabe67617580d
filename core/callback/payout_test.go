package callback_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

// payoutLog takes the payouts that it knows.
type payoutLog struct {
	mu      sync.Mutex
	notices []callback.PayoutNotice
}

func (l *payoutLog) Payout(_ context.Context, n callback.PayoutNotice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.OutOrderNo != "payout-1" {
		return core.Mismatch("log", "unknown payout")
	}
	l.notices = append(l.notices, n)
	return nil
}

func TestEveryMutationOfAPayout(t *testing.T) {
	tried := 0
	for _, m := range testkit.Mutators() {
		if !m.Payout {
			continue
		}
		tried++
		t.Run(string(m.Name), func(t *testing.T) {
			sink := &payoutLog{}
			h, err := callback.Payout(callback.PayoutConfig{Apps: []callback.App{testApp}, Sink: sink, AllowWeakKey: true})
			require.NoError(t, err)
			resp := h.Handle(t.Context(), testkit.SignedPayout(testkit.PayoutFields{}, m.Name).Request("/callbacks/payout"))
			if m.Verdict == testkit.VerdictRefuse {
				assertRefused(t, resp)
				assert.Empty(t, sink.notices, m.Doc)
			} else {
				assertSuccess(t, resp)
				assert.Len(t, sink.notices, 1, m.Doc)
			}
			assertSuccess(t, h.Handle(t.Context(), testkit.SignedPayout(testkit.PayoutFields{}).Request("/callbacks/payout")))
		})
	}
	assert.Greater(t, tried, 40)
}

// One key signs every kind of message: a genuine one of another kind must not
// pass for this kind.
func TestKindsAreKeptApart(t *testing.T) {
	payments, payouts := newLedger(), &payoutLog{}
	payment := newHandler(t, payments)
	payout, err := callback.Payout(callback.PayoutConfig{Apps: []callback.App{testApp}, Sink: payouts, AllowWeakKey: true})
	require.NoError(t, err)
	assertRefused(t, payment.Handle(t.Context(), testkit.SignedPayout(testkit.PayoutFields{}).Request("/")))
	assertRefused(t, payout.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}).Request("/")))
	assert.Empty(t, payouts.notices)
	assert.Zero(t, payments.count("order-1"))
}

func TestPayoutNoticeCarriesEveryField(t *testing.T) {
	for _, status := range []string{"0", "1", "2"} {
		sink := &payoutLog{}
		h, err := callback.Payout(callback.PayoutConfig{Apps: []callback.App{testApp}, Sink: sink, AllowWeakKey: true})
		require.NoError(t, err)
		assertSuccess(t, h.Handle(t.Context(), testkit.SignedPayout(testkit.PayoutFields{AgentpayNo: "A1", Status: status}).Request("/")))
		require.Len(t, sink.notices, 1)
		n := sink.notices[0]
		assert.Equal(t, "test", n.AppID)
		assert.Equal(t, "A1", n.AgentpayNo)
		assert.Equal(t, status, n.Fields.Get("status"))
		assert.Equal(t, int64(1700000000), n.Time.Unix())
	}
	_, err := callback.Payout(callback.PayoutConfig{Apps: []callback.App{testApp}})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

package simulate

import (
	"bytes"
	"net/http"

	"github.com/imprest-go/imprest/testkit"
)

// tell signs a notification of a payment, and reports whether it was answered
// "success".
func (w *World) tell(fields testkit.PaymentFields, to int) bool {
	key := messageKey{kind: "payment", order: fields.OutTradeNo, number: fields.TradeNo, amount: fields.Amount, status: fields.Status}
	return w.deliver(w.cache.message(key, func() testkit.Message { return testkit.SignedPayment(fields) }), to, fields.TradeNo, false) == http.StatusOK
}

// gossip posts a genuine message that nothing was paid, yet.
func (w *World) gossip(to int) {
	o := w.remote.orders[1]
	w.tell(testkit.PaymentFields{OutTradeNo: o.OutTradeNo, TradeNo: "TX-" + o.OutTradeNo, OpenID: "gossip", Amount: o.Amount, Status: "0"}, to)
}

// canMixUp: there are two orders, and the payment of the first is on record.
func (w *World) canMixUp() bool {
	if len(w.remote.orders) < 2 || len(w.remote.orders[0].payments) == 0 {
		return false
	}
	first := w.remote.orders[0]
	s := w.sale(first.OutTradeNo)
	return s != nil && holds(s.body, first.payments[0].trade)
}

// mixUp posts a genuine message with the trade_no of a payment that another
// order has on record.
func (w *World) mixUp(to int) {
	o, paid := w.remote.orders[1], w.remote.orders[0].payments[0]
	if w.tell(testkit.PaymentFields{OutTradeNo: o.OutTradeNo, TradeNo: paid.trade, OpenID: paid.openID, Amount: o.Amount}, to) {
		w.fail("success only for a payment", "the payment %s of one order was answered \"success\" for another, too", paid.trade)
	}
}

// steal posts a notification of a payment that nobody made, signed with the
// right key.
func (w *World) steal(o *remoteOrder, to int) {
	w.tell(testkit.PaymentFields{OutTradeNo: o.OutTradeNo, TradeNo: "TX-" + o.OutTradeNo, OpenID: "thief", Amount: o.Amount}, to)
}

// decline takes a payout back that was accepted: the platform says so in its
// notification.
func (w *World) decline(p *payout) {
	p.declined = true
	w.fact("declined", p.agentpayNo, 1)
	w.note(w.current, "payout", p.agentpayNo, declined.String())
	for _, s := range w.sales {
		if s.openID == p.InOpenID && s.refunds > 0 {
			s.refunds--
			return
		}
	}
}

// ofCode is the order that is paid with a code, or nil.
func (r *remote) ofCode(code string) *remoteOrder {
	for _, o := range r.orders {
		if o.code == code {
			return o
		}
	}
	return nil
}

// codeIn reads the imprest_code of a record.
func codeIn(body []byte) string {
	_, rest, ok := bytes.Cut(body, []byte(`"imprest_code":"`))
	if !ok {
		return ""
	}
	code, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(code)
}

package simulate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// remote is the platform: what it holds is true, whatever anybody was told.
type remote struct {
	orders  []*remoteOrder
	payouts []*payout
}

type remoteOrder struct {
	vvchat.Order
	code     string
	payments []*payment
}

// payment is money of a buyer's, and the notification that tells of it.
type payment struct {
	order    *remoteOrder
	trade    string
	openID   string
	at       time.Time
	attempts int
	answered bool // with "success", and the platform was told
}

type payout struct {
	vvchat.Payout
	agentpayNo string
	attempts   int
	answered   bool
	declined   bool // the money did not move after all
}

func (r *remote) order(id string) *remoteOrder {
	for _, o := range r.orders {
		if o.OutTradeNo == id {
			return o
		}
	}
	return nil
}

// platformSeam is the platform as a process reaches it.
type platformSeam struct{ w *World }

var (
	_ purchase.Platform = (*platformSeam)(nil)
	_ purchase.Payer    = (*platformSeam)(nil)
)

func (s *platformSeam) AppID() string   { return testkit.TestAccount().AppID }
func (s *platformSeam) StoreNo() string { return testkit.TestAccount().StoreNo }
func (s *platformSeam) Trusted() bool   { return true }

var errNoOrder error = &core.Error{Op: "simulate", Code: core.CodeRefused, Err: &vvchat.PlatformError{Status: 400, ErrCode: 400}}

func (s *platformSeam) UnifiedOrder(ctx context.Context, o vvchat.Order) (vvchat.Prepay, error) {
	w, code := s.w, "I"+o.OutTradeNo
	err := w.effect(ctx, "order", o.OutTradeNo, onWrite, errUnknown, errUnreached, func() error {
		if w.remote.order(o.OutTradeNo) != nil {
			return errNoOrder
		}
		w.remote.orders = append(w.remote.orders, &remoteOrder{Order: o, code: code})
		w.fact("order", o.OutTradeNo, int(o.Amount))
		return nil
	})
	if err != nil {
		return vvchat.Prepay{}, err
	}
	return vvchat.Prepay{ImprestCode: code}, nil
}

func (s *platformSeam) Query(ctx context.Context, id string) (trade vvchat.Trade, err error) {
	w := s.w
	err = w.effect(ctx, "query", id, onRead, errAsk, errAsk, func() error {
		o := w.remote.order(id)
		if o == nil {
			return errNoOrder
		}
		trade = vvchat.Trade{StoreNo: s.StoreNo(), OutTradeNo: id, ImprestCode: o.code, Amount: o.Amount}
		if len(o.payments) > 0 {
			trade.Status, trade.TradeNo, trade.OpenID = vvchat.StatusPaid, o.payments[0].trade, o.payments[0].openID
		}
		w.current.local = mix(w.current.local, uint64(trade.Status))
		return nil
	})
	return trade, err
}

// Payout does not look whether it paid before: nothing promises that it does.
func (s *platformSeam) Payout(ctx context.Context, p vvchat.Payout) (string, error) {
	w, number := s.w, ""
	err := w.effect(ctx, "payout", p.OutOrderNo, onWrite, errUnknown, errUnreached, func() error {
		number = fmt.Sprintf("A%d-%s", len(w.remote.payouts)+1, p.OutOrderNo)
		w.remote.payouts = append(w.remote.payouts, &payout{Payout: p, agentpayNo: number})
		w.fact("payout", p.OutOrderNo, len(w.remote.payouts))
		return w.refunded(p)
	})
	return number, err
}

// pay is what a buyer does on his phone.
func (w *World) pay(o *remoteOrder, openID string) {
	p := &payment{order: o, trade: fmt.Sprintf("T%d-%s", len(o.payments)+1, o.OutTradeNo), openID: openID, at: w.now}
	o.payments = append(o.payments, p)
	w.fact("payment", p.trade, int(instant(p.at)))
	w.note(w.current, "pays", p.trade, "")
}

// unanswered is the first payment whose notification is to be posted (again),
// and the first payout; with fewer attempts than most.
func (w *World) unanswered(most int) (*payment, *payout) {
	for _, o := range w.remote.orders {
		for _, p := range o.payments {
			if !w.plan.silent && !p.answered && p.attempts < most {
				return p, nil
			}
		}
	}
	for _, p := range w.remote.payouts {
		if !p.answered && p.attempts < most {
			return nil, p
		}
	}
	return nil, nil
}

// post is one attempt at a notification of a payment, to one process.
func (w *World) post(p *payment, to int) {
	p.attempts++
	w.fact("attempt at", p.trade, p.attempts)
	message := w.cache.message(messageKey{kind: "payment", order: p.order.OutTradeNo, number: p.trade, amount: p.order.Amount, at: p.at.Unix()}, func() testkit.Message {
		return testkit.SignedPayment(testkit.PaymentFields{
			OutTradeNo: p.order.OutTradeNo, TradeNo: p.trade, OpenID: p.openID, Amount: p.order.Amount, TradeTime: p.at, PayTime: p.at,
		})
	})
	switch status := w.deliver(message, to, p.trade, false); {
	case status == http.StatusBadRequest && w.strangers > 0 && w.plan.once:
		// An alarm: with two payments in doubt, a sink that can say that an order
		// is settled cannot say by which.
		w.alarmed(p)
		return
	case status != http.StatusOK:
		return
	}
	w.owes(p) // whether the platform hears of it or not
	if w.answer(p.trade) {
		w.acked(p)
	}
}

func (w *World) postPayout(p *payout, to int) {
	p.attempts++
	w.fact("attempt at", p.agentpayNo, p.attempts)
	if p.attempts == 1 && w.at(context.Background(), onPayout) == declined {
		w.decline(p)
	}
	status := "1"
	if p.declined {
		status = "2"
	}
	message := w.cache.message(messageKey{kind: "payout", order: p.OutOrderNo, number: p.agentpayNo, at: w.now.Unix(), status: status}, func() testkit.Message {
		return testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: p.OutOrderNo, AgentpayNo: p.agentpayNo, Time: w.now, Status: status})
	})
	if w.deliver(message, to, p.agentpayNo, true) == http.StatusOK && w.answer(p.agentpayNo) {
		p.answered = true
		w.fact("answered", p.agentpayNo, 0)
	}
}

// deliver posts a message and returns the status of the answer; 200 is one with
// "success".
func (w *World) deliver(message *core.Request, to int, about string, isPayout bool) int {
	p := w.enter(to)
	w.note(w.current, "posts", about, "")
	handler := p.payment
	if isPayout {
		handler = p.payout
	}
	resp := handler.Handle(context.Background(), message)
	if w.tracing {
		w.note(w.current, "answers", about, fmt.Sprint(resp.Status, " ", string(resp.Body)))
	}
	if resp.Status == http.StatusOK && string(resp.Body) != "success" {
		return 0
	}
	return resp.Status
}

// answer reports whether the platform hears "success".
func (w *World) answer(about string) bool {
	f := w.at(context.Background(), onAnswer)
	if f == none {
		return true
	}
	w.note(w.current, "answer", about, f.String())
	if f == crashBefore {
		w.crash()
	}
	return false
}

// strange posts a message that is no payment of the order: genuine, of another
// amount; or signed with another key.
func (w *World) strange(o *remoteOrder, to int) {
	fields := testkit.PaymentFields{OutTradeNo: o.OutTradeNo, TradeNo: "TX-" + o.OutTradeNo, OpenID: "stranger", Amount: 1}
	if w.at(context.Background(), onStrange) == anotherKind {
		fields.Amount, fields.AppKey = o.Amount, core.NewSecret("not-the-key")
	}
	message := w.cache.message(messageKey{kind: "payment", order: o.OutTradeNo, number: fields.TradeNo, amount: fields.Amount}, func() testkit.Message {
		return testkit.SignedPayment(fields)
	})
	w.strangers++
	w.fact("stranger", fields.TradeNo, w.strangers)
	if w.deliver(message, to, fields.TradeNo, false) == http.StatusOK {
		w.fail("success only for a payment", "a message that is no payment of the order was answered \"success\"")
	}
}

// cache keeps what is the same in many runs.
type cache struct {
	messages map[messageKey]*core.Request
	next     map[purchase.State]map[purchase.State]bool
	stock    []byte
}

type messageKey struct {
	kind, order, number string
	amount              core.Fen
	at                  int64
	status              string
}

func newCache() *cache {
	c := &cache{messages: map[messageKey]*core.Request{}, next: map[purchase.State]map[purchase.State]bool{}}
	for _, from := range purchase.States() {
		c.next[from] = map[purchase.State]bool{from: true}
		for _, to := range from.Next() {
			c.next[from][to] = true
		}
	}
	return c
}

// message returns the request with which the platform posts a message.
func (c *cache) message(key messageKey, build func() testkit.Message) *core.Request {
	r := c.messages[key]
	if r == nil {
		r = build().Request("/callbacks/" + key.kind)
		c.messages[key] = r
	}
	again := *r
	again.Body = slices.Clone(r.Body)
	return &again
}

var errOutOfStock error = &core.Error{Op: "simulate", Code: core.CodeRefused, Err: errors.New("out of stock for ever")}

// opaquePlatform stands before a platform of others.
type opaquePlatform struct {
	w *World
	purchase.Platform
}

func (o *opaquePlatform) UnifiedOrder(ctx context.Context, order vvchat.Order) (vvchat.Prepay, error) {
	o.w.touch("order", order.OutTradeNo, nil)
	prepay, err := o.Platform.UnifiedOrder(ctx, order)
	o.w.touch("ordered", order.OutTradeNo, err)
	return prepay, err
}

func (o *opaquePlatform) Query(ctx context.Context, id string) (vvchat.Trade, error) {
	o.w.touch("query", id, nil)
	trade, err := o.Platform.Query(ctx, id)
	o.w.touch("queried", id, err)
	return trade, err
}

package phone

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// payBody is what the payment screen and the receipt show.
type payBody struct {
	order
	// PayNow is the text of the button.
	PayNow string
	// Back is where the receipt leads; "" is the home screen.
	Back string
}

// askPayment shows an order: qyx://qpay. One that is paid shows its receipt.
func (p *phone) askPayment(_ context.Context, r *core.Request) *core.Response {
	a, trade, origin, refused := p.readPayment(r)
	if refused != nil {
		return refused
	}
	if trade.Status == testkit.Paid {
		return p.receipt(r, http.StatusOK, a, trade)
	}
	w := wordsOf(r)
	o := p.order(trade)
	return p.show(r, http.StatusOK, "pay", origin, screen{
		W: w, Title: w.Pay, Hidden: handOn(a, "imprest_code", "app_id", "redirect_uri"),
		Body: payBody{order: o, PayNow: fmt.Sprintf(w.PayNow, o.Amount)},
	})
}

// pay takes the user's answer: the order is paid, or left alone.
func (p *phone) pay(ctx context.Context, r *core.Request) *core.Response {
	a, trade, _, refused := p.readPayment(r)
	if refused != nil {
		return refused
	}
	w := wordsOf(r)
	var target string
	switch a.Get("action") {
	case "pay":
		if !p.knows(a.Get("open_id")) {
			return p.problem(r, http.StatusBadRequest, w.UnknownUser)
		}
		paid, err := p.platform.Pay(ctx, a.Get("imprest_code"), a.Get("open_id"))
		switch core.CodeOf(err) {
		case "":
		case core.CodeConflict:
			return p.receipt(r, http.StatusConflict, a, trade)
		case core.CodeNotFound:
			return p.problem(r, http.StatusNotFound, w.UnknownCode)
		default:
			return p.problem(r, http.StatusServiceUnavailable, w.Busy)
		}
		target, _, _ = p.back(a, "trade_no", paid.TradeNo)
	case "cancel":
		target, _, _ = p.back(a, "err_code", "400", "err_msg", "the user cancelled")
	default:
		return p.problem(r, http.StatusBadRequest, w.UnknownAction)
	}
	if target == "" { // from the home screen: the receipt, or home again
		target = "/phone"
		if a.Get("action") == "pay" {
			target = "/phone/pay?" + url.Values{"imprest_code": {a.Get("imprest_code")}, "app_id": {a.Get("app_id")}}.Encode()
		}
	}
	resp := redirect(target)
	resp.Header = append(resp.Header, remember(a.Get("open_id"))...)
	return resp
}

// receipt shows an order that is paid.
func (p *phone) receipt(r *core.Request, status int, a asked, trade testkit.Trade) *core.Response {
	if now, ok := p.trade(a.Get("imprest_code"), a.Get("app_id")); ok {
		trade = now
	}
	w := wordsOf(r)
	back, _, _ := p.back(a)
	return p.show(r, status, "paid", "", screen{W: w, Title: w.PaidTitle, Body: payBody{order: p.order(trade), Back: back}})
}

// readPayment reads the parameters of a payment and finds its order, or
// answers what is wrong.
func (p *phone) readPayment(r *core.Request) (a asked, trade testkit.Trade, origin string, refused *core.Response) {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok || a.Get("imprest_code") == "" || a.Get("app_id") == "" {
		return a, trade, "", p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	if _, origin, ok = p.back(a); !ok {
		return a, trade, "", p.problem(r, http.StatusBadRequest, w.BadRedirect)
	}
	if trade, ok = p.trade(a.Get("imprest_code"), a.Get("app_id")); !ok {
		return a, trade, "", p.problem(r, http.StatusNotFound, w.UnknownCode)
	}
	return a, trade, origin, nil
}

// trade returns the order that an imprest_code of an app pays.
func (p *phone) trade(imprestCode, appID string) (testkit.Trade, bool) {
	for _, t := range p.platform.Trades() {
		if t.AppID == appID && slices.Contains(t.ImprestCodes, imprestCode) {
			return t, true
		}
	}
	return testkit.Trade{}, false
}

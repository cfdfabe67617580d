package phone

import (
	"context"
	"errors"
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
	// Balance is what the payer has; "" is enough for anything.
	Balance string
	// Back is where the receipt leads; "" is the home screen.
	Back string
}

func (p *phone) payBody(w words, trade testkit.Trade, openID string) payBody {
	body := payBody{order: p.order(trade)}
	body.PayNow = fmt.Sprintf(w.PayNow, body.Amount)
	if fen, limited := p.platform.Balance(openID); limited {
		body.Balance = "¥" + fen.Yuan()
	}
	return body
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
	return p.show(r, http.StatusOK, "pay", origin, screen{
		W: w, Title: w.Pay, Action: "/phone/pay", Hidden: handOn(a, "imprest_code", "app_id", "redirect_uri"),
		Body: p.payBody(w, trade, p.holder(r).OpenID),
	})
}

// pay takes the user's answer: the order is paid, or left alone. Who has too
// little is told so (402), and may put money in his pocket or give up.
func (p *phone) pay(ctx context.Context, r *core.Request) *core.Response {
	a, trade, origin, refused := p.readPayment(r)
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
		if errors.Is(err, testkit.ErrInsufficientBalance) {
			return p.show(r, http.StatusPaymentRequired, "short", origin, screen{
				W: w, Title: w.Pay, Action: "/phone/pay", Body: p.payBody(w, trade, a.Get("open_id")),
				Hidden: append(handOn(a, "imprest_code", "app_id", "redirect_uri", "open_id"), parameter{"short", "1"}),
			})
		}
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
	case "topup":
		p.topUp(a.Get("open_id"), trade.Amount)
		again := url.Values{}
		for _, name := range []string{"imprest_code", "app_id", "redirect_uri"} {
			again.Set(name, a.Get(name))
		}
		target = "/phone/pay?" + again.Encode()
	case "cancel":
		reason := "the user cancelled"
		if a.Get("short") != "" {
			reason = insufficient
		}
		target, _, _ = p.back(a, "err_code", "400", "err_msg", reason)
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

// insufficient is what a merchant is told of a user who has too little.
const insufficient = "insufficient balance"

// topUp puts money in a user's pocket, until it does for an amount.
func (p *phone) topUp(openID string, amount core.Fen) {
	if fen, limited := p.platform.Balance(openID); limited && fen < amount {
		p.platform.SetBalance(openID, amount)
	}
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

// trade returns the order that an imprest_code of an app pays; of any app if
// appID is empty.
func (p *phone) trade(imprestCode, appID string) (testkit.Trade, bool) {
	for _, t := range p.platform.Trades() {
		if (t.AppID == appID || appID == "") && slices.Contains(t.ImprestCodes, imprestCode) {
			return t, true
		}
	}
	return testkit.Trade{}, false
}

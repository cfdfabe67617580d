package testkit

import (
	"net/http"
	"slices"
	"strconv"
)

// one returns the value of a query parameter that is there once.
func (req *request) one(name string) (string, *refusal) {
	values := req.query[name]
	if len(values) > 1 {
		return "", refuse("%s: stands there twice", name)
	}
	if len(values) == 0 || values[0] == "" {
		return "", refuse("%s: is missing", name)
	}
	return values[0], nil
}

func (p *Platform) readQuery(req *request) *refusal {
	appID, refused := req.one("app_id")
	if refused != nil {
		return refused
	}
	if req.query.Has("imprest_code") == req.query.Has("out_trade_no") {
		return refuse("imprest_code, out_trade_no: exactly one of them must be there")
	}
	var code, order string
	if req.query.Has("imprest_code") {
		code, refused = req.one("imprest_code")
	} else {
		order, refused = req.one("out_trade_no")
	}
	if refused != nil {
		return refused
	}
	req.target.AppID, req.target.ImprestCode, req.target.OutTradeNo = appID, code, order
	p.mu.Lock()
	defer p.mu.Unlock()
	var ok bool
	if req.account, ok = p.account(appID); !ok {
		return refuse("app_id: is not known")
	}
	if t := p.books.byCode[code]; t != nil && t.AppID == appID {
		req.target.OutTradeNo = t.OutTradeNo
	}
	return nil
}

func (p *Platform) answerQuery(req *request) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.books.byNumber[orderNumber{req.account.AppID, req.target.OutTradeNo}]
	if t == nil {
		return (&refusal{ErrCode: p.readings.UnknownOrder, ErrMsg: "no such order"}).reply()
	}
	code := t.ImprestCode
	if req.target.ImprestCode != "" {
		code = req.target.ImprestCode
	}
	told := []field{
		textField("open_id", t.OpenID),
		textField("store_no", t.StoreNo),
		textField("out_trade_no", t.OutTradeNo),
		textField("trade_no", t.TradeNo),
		textField("imprest_code", code),
		bareField("amount", t.Amount.String()),
		textField("title", t.Title),
		textField("remark", t.Remark),
		textField("notify_url", t.NotifyURL),
		textField("scene_type", t.SceneType),
		bareField("status", strconv.Itoa(t.Status)),
	}
	d := &draft{fields: told}
	switch {
	case req.struck.has(FaultOtherAmount):
		d.set(bareField("amount", plusOne(d.value("amount"))))
	case req.struck.has(FaultOtherStore):
		d.set(textField("store_no", t.StoreNo+"x"))
	case req.struck.has(FaultOtherOrder):
		d.set(textField("out_trade_no", t.OutTradeNo+"x"))
		d.set(textField("imprest_code", code+"x"))
	case req.struck.has(FaultOddStatus):
		d.set(bareField("status", "2"))
	case req.struck.has(FaultTextNumbers):
		d.set(textField("amount", d.value("amount")))
		d.set(textField("status", d.value("status")))
	case req.struck.has(FaultUnpaid):
		d.set(textField("open_id", ""))
		d.set(textField("trade_no", ""))
		d.set(bareField("status", strconv.Itoa(Unpaid)))
	}
	if p.readings.OmitEmpty {
		d.fields = slices.DeleteFunc(d.fields, func(f field) bool { return f.value == "" })
	}
	return jsonReply(http.StatusOK, encodeJSON(d.fields))
}

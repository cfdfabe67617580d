package vvchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
	"github.com/imprest-go/imprest/core/sign"
)

// The scene_type of an order.
const (
	// SceneApp is an order that is paid in the app.
	SceneApp = "APP"
	// SceneWeb is listed by the query call.
	SceneWeb = "WEB"
)

// The status of a [Trade] and of a payment notification.
const (
	StatusUnpaid = 0
	StatusPaid   = 1
)

// Order is what a merchant asks the platform to collect. seeds: 001, "统一下单接口".
type Order struct {
	// OutTradeNo is the merchant's own number of the order, 1 to 64 of A-Z,
	// a-z, 0-9, _ and -. Anybody can query an order by it, so it should not
	// be guessable.
	OutTradeNo string `json:"out_trade_no" validate:"required,id"`
	// Amount is in fen, greater than 0.
	Amount core.Fen `json:"amount" validate:"gt=0"`
	// NotifyURL is where the platform posts the payment notification; https,
	// or http where the client's base URL is plain http too.
	NotifyURL string `json:"notify_url" validate:"required,clear"`
	// SceneType is SceneApp if empty.
	SceneType string `json:"scene_type" validate:"omitempty,oneof=APP WEB"`
	// Title is what the user sees on the payment screen.
	Title string `json:"title" validate:"required,clear"`
	// Remark is optional.
	Remark string `json:"remark" validate:"clear"`
}

// Prepay is the platform's answer to an order.
type Prepay struct {
	// ImprestCode is what the phone pays with (预付款编号).
	ImprestCode string
	SceneType   string
}

// UnifiedOrder makes an order: POST /paybusapi/v1/pay/unifiedorder.
//
// core.CodeRefused means that there is no order, core.CodeUnreached likewise.
// After core.CodeUnknown there may be one: ask [Client.Query] for the
// out_trade_no before anything else. Nothing says what the platform does with
// a second order of the same out_trade_no, and no call closes an order: an
// imprest_code stays payable.
func (c *Client) UnifiedOrder(ctx context.Context, o Order) (Prepay, error) {
	const op = "vvchat.UnifiedOrder"
	if err := check.Struct(op, o); err != nil {
		return Prepay{}, err
	}
	if c.cfg.StoreNo == "" {
		return Prepay{}, core.Invalid(op, "store_no must be given in the configuration of the client")
	}
	if err := c.checkNotifyURL(op, o.NotifyURL); err != nil {
		return Prepay{}, err
	}
	if o.SceneType == "" {
		o.SceneType = SceneApp
	}
	nonce, err := c.nonce()
	if err != nil {
		return Prepay{}, err
	}
	request := struct {
		AppID    string `json:"app_id"`
		StoreNo  string `json:"store_no"`
		NonceStr string `json:"nonce_str"`
		Sign     string `json:"sign"`
		SignType string `json:"sign_type"`
		Order
		Remark string `json:"remark,omitempty"`
	}{AppID: c.cfg.AppID, StoreNo: c.cfg.StoreNo, NonceStr: nonce, SignType: "MD5", Order: o, Remark: o.Remark}
	request.Sign, err = sign.Data(sign.Fields{
		{Name: "amount", Value: o.Amount.String()},
		{Name: "app_id", Value: request.AppID},
		{Name: "nonce_str", Value: request.NonceStr},
		{Name: "notify_url", Value: o.NotifyURL},
		{Name: "out_trade_no", Value: o.OutTradeNo},
		{Name: "remark", Value: o.Remark},
		{Name: "scene_type", Value: o.SceneType},
		{Name: "sign_type", Value: request.SignType},
		{Name: "store_no", Value: request.StoreNo},
		{Name: "title", Value: o.Title},
	}, c.cfg.AppKeys[0])
	if err != nil {
		return Prepay{}, err
	}
	req, err := c.newRequest(http.MethodPost, "/paybusapi/v1/pay/unifiedorder", request)
	if err != nil {
		return Prepay{}, err
	}
	body, err := c.call(ctx, op, o.OutTradeNo, false, req)
	if err != nil {
		return Prepay{}, err
	}
	return c.prepay(op, o, body)
}

// prepay checks the answer to an order. Whatever is wrong with it, there may
// be an order: the outcome is unknown, and the query has to tell.
func (c *Client) prepay(op string, o Order, body []byte) (Prepay, error) {
	fields, err := sign.Verify("", body, c.cfg.AppKeys...)
	if err != nil {
		return Prepay{}, unknown(op, false, fmt.Errorf("the answer is not to be trusted: %w", err))
	}
	answer := Prepay{ImprestCode: fields.Get("imprest_code"), SceneType: fields.Get("scene_type")}
	switch {
	case fields.Get("app_id") != c.cfg.AppID, fields.Get("store_no") != c.cfg.StoreNo:
		err = errors.New("the answer is for another app_id or store_no")
	case answer.SceneType != o.SceneType:
		err = errors.New("the answer is for another scene_type")
	case !check.ID(answer.ImprestCode):
		err = errors.New("the answer's imprest_code is not 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	if err != nil {
		return Prepay{}, unknown(op, false, err)
	}
	return answer, nil
}

// nonce returns 32 random characters, the last a letter, so that no digit can
// move from it into what follows it.
func (c *Client) nonce() (string, error) {
	text, err := core.RandomText(c.cfg.Rand, 32)
	if err != nil {
		return "", err
	}
	if last := text[31]; last < 'A' {
		text = text[:31] + string(last-'2'+'A')
	}
	return text, nil
}

func (c *Client) checkNotifyURL(op, address string) error {
	u, err := url.Parse(address)
	plainHTTP := err == nil && u.Scheme == "http" && (outward.IsLoopback(u.Hostname()) || strings.HasPrefix(c.base, "http://"))
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(address, "#") || (u.Scheme != "https" && !plainHTTP) {
		return core.Invalid(op, "notify_url must be an https address without user and fragment (http for loopback, or where base_url is plain http)")
	}
	return nil
}

// Trade is what the platform knows of an order. Nobody signs it: see
// [Client.Trusted].
type Trade struct {
	// OpenID is the user who paid, or "".
	OpenID     string
	StoreNo    string
	OutTradeNo string
	// TradeNo is the platform's number of the payment, or "".
	TradeNo     string
	ImprestCode string
	// Amount is in fen.
	Amount    core.Fen
	Title     string
	Remark    string
	NotifyURL string
	SceneType string
	// Status is StatusUnpaid or StatusPaid; anything else is no payment.
	Status int64
}

// Query asks what became of the order with the merchant's number outTradeNo:
// GET /paybusapi/v1/pay/unifiedorder. core.CodeRefused is how the platform
// answers for an order that it does not know. A query may always be repeated.
func (c *Client) Query(ctx context.Context, outTradeNo string) (Trade, error) {
	return c.query(ctx, "vvchat.Query", "out_trade_no", outTradeNo)
}

// QueryImprestCode asks as [Client.Query] does, by the platform's imprest_code.
func (c *Client) QueryImprestCode(ctx context.Context, imprestCode string) (Trade, error) {
	return c.query(ctx, "vvchat.QueryImprestCode", "imprest_code", imprestCode)
}

func (c *Client) query(ctx context.Context, op, name, value string) (Trade, error) {
	if !check.ID(value) {
		return Trade{}, core.Invalid(op, name+" must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	parameters := url.Values{"app_id": {c.cfg.AppID}, name: {value}}
	req, err := c.newRequest(http.MethodGet, "/paybusapi/v1/pay/unifiedorder?"+parameters.Encode(), nil)
	if err != nil {
		return Trade{}, err
	}
	body, err := c.call(ctx, op, value, true, req)
	if err != nil {
		return Trade{}, err
	}
	t, err := decodeTrade(body)
	if err != nil {
		return Trade{}, unknown(op, true, err)
	}
	if (name == "out_trade_no" && t.OutTradeNo != value) || (name == "imprest_code" && t.ImprestCode != value) {
		return Trade{}, unknown(op, true, errors.New("the answer is about another order"))
	}
	return t, nil
}

func decodeTrade(body []byte) (Trade, error) {
	answer, err := decodeObject(body)
	if err != nil {
		return Trade{}, err
	}
	var t Trade
	if t.Amount, err = answer.fen("amount"); err != nil {
		return Trade{}, err
	}
	if t.Status, err = answer.int("status"); err != nil {
		return Trade{}, err
	}
	err = answer.texts(map[string]*string{
		"open_id": &t.OpenID, "store_no": &t.StoreNo, "out_trade_no": &t.OutTradeNo, "trade_no": &t.TradeNo,
		"imprest_code": &t.ImprestCode, "title": &t.Title, "remark": &t.Remark, "notify_url": &t.NotifyURL,
		"scene_type": &t.SceneType,
	})
	if err != nil {
		return Trade{}, err
	}
	return t, nil
}

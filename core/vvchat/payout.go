package vvchat

import (
	"context"
	"net/http"
	"strconv"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/sign"
)

// Payout is money that the merchant pays to a user (代付).
type Payout struct {
	// OutOrderNo is the merchant's own number of the payout. It is fixed
	// before the only request: nothing promises that a repeat pays once.
	OutOrderNo string `json:"out_order_no" validate:"required,id"`
	// InOpenID is who is paid.
	InOpenID string `json:"in_open_id" validate:"required,id"`
	// OutOpenID is the account that pays, bound to the app by the platform.
	OutOpenID string `json:"out_open_id" validate:"required,id"`
	// Amount is in fen, greater than 0.
	Amount core.Fen `json:"amount" validate:"gt=0"`
	// NotifyURL is where the platform posts the payout notification; as that
	// of an Order.
	NotifyURL string `json:"notify_url" validate:"required,clear"`
	// Title is what the user sees.
	Title string `json:"title" validate:"required,clear"`
	// Remark is optional.
	Remark string `json:"remark" validate:"clear"`
}

// Payout asks the platform to pay: POST /paybusapi/v1/app/agentpay, under a
// joint signature. nil means that the request was accepted, no more: only a
// notification with status 1 means that money moved (callback.Payout). The
// agentpay_no is returned if the answer names one.
//
// Send a payout once. core.CodeUnreached and core.CodeRefused are known to have
// moved nothing; after core.CodeUnknown a person has to look, since no call
// asks about a payout.
func (c *Client) Payout(ctx context.Context, p Payout) (agentpayNo string, err error) {
	const op = "vvchat.Payout"
	if err := check.Struct(op, p); err != nil {
		return "", err
	}
	if err := c.checkNotifyURL(op, p.NotifyURL); err != nil {
		return "", err
	}
	header, err := c.jointHeader(sign.Fields{
		{Name: "amount", Value: p.Amount.String()},
		{Name: "in_open_id", Value: p.InOpenID},
		{Name: "notify_url", Value: p.NotifyURL},
		{Name: "out_open_id", Value: p.OutOpenID},
		{Name: "out_order_no", Value: p.OutOrderNo},
		{Name: "remark", Value: p.Remark},
		{Name: "title", Value: p.Title},
	})
	if err != nil {
		return "", err
	}
	req, err := c.newRequest(http.MethodPost, "/paybusapi/v1/app/agentpay", struct {
		Payout
		Remark string `json:"remark,omitempty"`
	}{p, p.Remark})
	if err != nil {
		return "", err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	body, err := c.call(ctx, op, p.OutOrderNo, false, req)
	if err != nil {
		return "", err
	}
	// The body of a 200 is undocumented: the status alone says "accepted".
	if answer, err := decodeObject(body); err == nil {
		if no, err := answer.text("agentpay_no"); err == nil && check.ID(no) {
			agentpayNo = no
		}
	}
	return agentpayNo, nil
}

// jointHeader returns the four headers of the joint signature, with a nonce
// and a timestamp of their own.
func (c *Client) jointHeader(fields sign.Fields) (http.Header, error) {
	nonce, err := c.nonce()
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(c.cfg.Now().Unix(), 10)
	base, err := sign.Base(c.cfg.AppKeys[0], nonce, timestamp)
	if err != nil {
		return nil, err
	}
	joint, err := sign.Joint(fields, c.cfg.AppKeys[0], base)
	if err != nil {
		return nil, err
	}
	// Set as documented: net/http would write App_id.
	return http.Header{"app_id": {c.cfg.AppID}, "noncestr": {nonce}, "timestamp": {timestamp}, "sign": {joint}}, nil
}

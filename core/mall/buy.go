package mall

import (
	"context"
	"encoding/json"
	"errors"
)

// BuyParams is what [Client.BuyIncreaseServiceByWx] needs. seeds: 003,
// "buyIncreaseServiceByWx".
type BuyParams struct {
	// DeviceID, Name and UUID are the device's: see [Device].
	DeviceID string `json:"device_id" validate:"required,id"`
	Name     string `json:"name" validate:"required,plain,max=128"`
	UUID     string `json:"uuid" validate:"required,id"`
	// MallCode, SiteCode and Currency are those of [Client.GetAppMallInfo].
	MallCode string `json:"mallCode" validate:"required,id"`
	SiteCode string `json:"siteCode" validate:"required,id"`
	Currency string `json:"currency" validate:"required,id"`
	// SKUCode is the [Commodity]'s.
	SKUCode string `json:"skuCode" validate:"required,id"`
	// OptionType and OptionNo are those of the [Price] that the user picked.
	// There they are numbers, here the page wants texts: they are sent as
	// such.
	OptionType OptionType `json:"optionType,string"`
	OptionNo   int64      `json:"optionNo,string"`
	// HomeID is the home of the device.
	HomeID string `json:"homeId" validate:"required,id"`
	// OpenID is the user's openid with the mini program WXAppID: that of
	// [Client.GetDeviceWXUserInfo].
	OpenID  string `json:"openId" validate:"required,id"`
	WXAppID string `json:"wxAppId" validate:"required,id"`
}

func (p BuyParams) subject() string { return p.DeviceID }

// Prepay is what a mini program hands to wx.requestPayment in front of its
// user. What the cloud answers is not published: the fields are those of
// wx.requestPayment, where they came under their own names, and everything else
// is in Extra. [Prepay.Complete] tells whether they did.
type Prepay struct {
	// OrderID is the order that was created, if the cloud names it.
	OrderID string `json:"orderId,omitzero"`
	// TimeStamp is in seconds since 1970, as a text.
	TimeStamp string `json:"timeStamp,omitzero"`
	NonceStr  string `json:"nonceStr,omitzero"`
	// Package is "prepay_id=…".
	Package  string `json:"package,omitzero"`
	SignType string `json:"signType,omitzero"`
	PaySign  string `json:"paySign,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the parameters of a payment.
func (p *Prepay) UnmarshalJSON(data []byte) error { return readObject(data, p, &p.Extra, &p.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (p Prepay) MarshalJSON() ([]byte, error) { return writeObject(p, p.Extra, p.kept) }

// Complete reports whether wx.requestPayment has all that it requires.
// SignType may be left out.
func (p Prepay) Complete() bool {
	return p.TimeStamp != "" && p.NonceStr != "" && p.Package != "" && p.PaySign != ""
}

// BuyIncreaseServiceByWx orders a service for a device, and returns what the
// mini program needs so that its user can pay with WeChat. The payment itself,
// and its success or failure, happen there, and prove nothing here:
// [Client.GetOrderList] tells what became of the order, and
// [Client.GetServiceListByDevice] whether the service is there.
//
// Each call may create another order. After core.CodeUnknown there may be one:
// no key makes a repetition safe, so read the orders before anything else. An
// order that nobody pays harms nobody. seeds: 003, "buyIncreaseServiceByWx".
func (c *Client) BuyIncreaseServiceByWx(ctx context.Context, caller Caller, p BuyParams) (Prepay, error) {
	raw, err := c.call(ctx, caller, OpBuyIncreaseServiceByWx, false, p)
	if err != nil {
		return Prepay{}, err
	}
	op := opOf(OpBuyIncreaseServiceByWx)
	if raw = compact(raw); len(raw) == 0 || raw[0] != '{' || string(raw) == "{}" {
		return Prepay{}, unknown(op, errors.New("the cloud answered with a success without anything to pay by: read the orders"))
	}
	var prepay Prepay
	if err := readResult(raw, &prepay); err != nil {
		return Prepay{}, unknown(op, err)
	}
	return prepay, nil
}

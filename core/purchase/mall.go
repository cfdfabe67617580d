package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// Mall switches the mall rail on: services for Tuya devices that a user orders
// in Tuya's mall and pays with WeChat in the merchant's mini program. See
// [Service.BeginMall].
type Mall struct {
	// Operations makes the calls: a *mall.Client. Required.
	Operations MallOperations
	// User says who a buyer is to the cloud. It is asked for every step,
	// those of a sweep too, so that no credential is kept in the journal.
	// Required.
	User func(ctx context.Context, buyer string) (MallUser, error)
	// WXAppID is the AppID of the mini program in which users pay. Required.
	WXAppID string
	// Listing is how long an order may take to be in the user's list; until
	// then, one that is not there may still come. 0 is 5 minutes.
	Listing time.Duration
	// ClockSkew is how far the cloud's clock may be from ours. An order is
	// taken for a purchase's only if it was made when the purchase was. 0 is
	// 2 minutes.
	ClockSkew time.Duration
	// ServiceCode names the service that a commodity adds to a device's list;
	// nil takes the commodity's serviceCode.
	ServiceCode func(mall.Commodity) string
}

// MallUser is a buyer as the cloud knows him.
type MallUser struct {
	mall.Caller
	// OpenID is the user's openid with the mini program; "" asks the cloud.
	OpenID string
}

// MallOperations is the part of a mall.Client that the mall rail needs.
type MallOperations interface {
	GetCommodityList(ctx context.Context, caller mall.Caller, deviceID string) ([]mall.Commodity, error)
	GetAppMallInfo(ctx context.Context, caller mall.Caller, deviceID, catalogCode string) (mall.AppMallInfo, error)
	GetServiceListByDevice(ctx context.Context, caller mall.Caller, deviceID string) ([]mall.Service, error)
	GetDeviceWXUserInfo(ctx context.Context, caller mall.Caller, appID string) (mall.DeviceWXUser, error)
	BuyIncreaseServiceByWx(ctx context.Context, caller mall.Caller, p mall.BuyParams) (mall.Prepay, error)
	Orders(ctx context.Context, caller mall.Caller, p mall.OrderListParams) iter.Seq2[mall.Order, error]
	Subscriptions(ctx context.Context, caller mall.Caller, p mall.SubscriptionListParams) iter.Seq2[mall.Subscription, error]
}

var _ MallOperations = (*mall.Client)(nil)

func (m *Mall) check(op string) error {
	switch {
	case m.Operations == nil:
		return core.Invalid(op, "Mall.Operations must be given")
	case m.User == nil:
		return core.Invalid(op, "Mall.User must be given")
	case m.WXAppID == "":
		return core.Invalid(op, "Mall.WXAppID must be given")
	case m.Listing < 0 || m.ClockSkew < 0:
		return core.Invalid(op, "Mall.Listing and Mall.ClockSkew must not be negative")
	}
	return nil
}

// MallRequest is what a user asks for on the mall rail, in the names of
// buyIncreaseServiceByWx (seed 003).
type MallRequest struct {
	// Buyer is the merchant's name for the buyer.
	Buyer string `json:"buyer" validate:"required,max=128"`
	// Device is what the service is for, in the home HomeID. That both are
	// the buyer's is for the cloud to say.
	mall.Device
	HomeID string `json:"homeId" validate:"required,id"`
	// CatalogCode is the kind of service: mall.CatalogCloudStorage, or as the
	// cloud names the others.
	CatalogCode string `json:"catalog_code" validate:"required,id"`
	// SKUCode, OptionType and OptionNo name the commodity and the way to pay.
	SKUCode    string          `json:"skuCode" validate:"required,id"`
	OptionType mall.OptionType `json:"optionType"`
	OptionNo   int64           `json:"optionNo"`
	// Price is what the buyer saw, in fen. It is compared with the cloud's
	// and never used for anything else.
	Price core.Fen `json:"price" validate:"gt=0"`
}

// MallPurchase is what a [Purchase] of the mall rail knows besides, in the
// names of seed 003.
type MallPurchase struct {
	// UserID is the buyer's Tuya uid when the purchase began.
	UserID string `json:"user_id,omitempty"`
	mall.Device
	HomeID      string `json:"homeId"`
	CatalogCode string `json:"catalog_code"`
	MallCode    string `json:"mallCode"`
	SiteCode    string `json:"siteCode"`
	Currency    string `json:"currency"`

	SKUCode    string          `json:"skuCode"`
	OptionType mall.OptionType `json:"optionType"`
	OptionNo   int64           `json:"optionNo"`
	// ServiceCode is the service that must appear on the device, or last
	// longer there.
	ServiceCode string `json:"service_code"`
	// Subscribes says that the price is paid again and again.
	Subscribes bool `json:"subscribes,omitempty"`

	// BuyingAt is when the order was asked for; zero before that is on
	// record. With it stand the orders and subscriptions that the user had
	// then, and the device's services.
	BuyingAt          time.Time     `json:"buying_at,omitzero"`
	Seen              []string      `json:"seen,omitempty"`
	SeenSubscriptions []string      `json:"seen_subscriptions,omitempty"`
	Before            []serviceMark `json:"before,omitempty"`
	// Pending are the orders that could still bring something then, and
	// Redemptions is how often the device had changed hands between
	// redemptions: both say what else could make a service longer.
	Pending     []string `json:"pending,omitempty"`
	Redemptions int64    `json:"redemptions,omitempty"`

	// NamedOrderID is the order that the cloud named when it was made, if it
	// named one; OrderID is the order that proves this purchase and no other,
	// "" until it was seen in the user's list.
	NamedOrderID string `json:"named_order_id,omitempty"`
	OrderID      string `json:"orderId,omitempty"`
	// Prepay is what the cloud answered for wx.requestPayment. A front end
	// sees it once the order is known to cost what the buyer saw.
	Prepay json.RawMessage `json:"prepay,omitempty"`
	// PriceSeen says that the order was seen to cost what the buyer saw, so
	// that he may be handed what it is paid by.
	PriceSeen bool `json:"price_seen,omitempty"`
	// ByHand says that a person named the order: see BindOrder.
	ByHand bool `json:"by_hand,omitempty"`
	// Abandoned says that a person found that no order came of it.
	Abandoned bool `json:"abandoned,omitempty"`
	// Withheld says that the order costs something else, so that nobody is
	// handed anything to pay it by.
	Withheld bool `json:"withheld,omitempty"`

	// Grown says that a change of the device's services was claimed for this
	// purchase while something else could have made it, too.
	Grown bool `json:"grown,omitempty"`

	// Subscription is the subscription that the purchase began, once it is
	// known.
	Subscription *MallSubscription `json:"subscription,omitempty"`
}

// MallSubscription is a subscription as it was last seen.
type MallSubscription struct {
	SubscribeID string    `json:"subscribeId"`
	Status      int64     `json:"status"`
	NextTime    time.Time `json:"gmtNextTime,omitzero"`
	// Renewals counts the orders after the first; LastOrderID is the last.
	Renewals    int    `json:"renewals,omitempty"`
	LastOrderID string `json:"last_order_id,omitempty"`
	// SeenAt is when it was last in the cloud's list, EndedAt when it was
	// found to be there no more.
	SeenAt  time.Time `json:"seen_at"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Missed counts the looks in a row at which it was not there.
	Missed int `json:"missed,omitempty"`
}

// ErrPurchaseOpen says that the buyer has an open purchase of the same SKU for
// the same device: nothing was ordered, and that purchase is returned beside
// it. Its code is core.CodeConflict.
var ErrPurchaseOpen error = &core.Error{Op: "purchase.BeginMall", Code: core.CodeConflict,
	Err: errors.New("an open purchase of this service for this device exists: finish it, or let it expire")}

// ErrMallBusy says that another purchase of the same SKU by the same user is
// just being ordered, so that their orders could not be told apart. It is
// core.Retryable: try again in a moment.
var ErrMallBusy error = &core.Error{Op: "purchase.BeginMall", Code: core.CodeBusy, Safe: true,
	Err: errors.New("another purchase of this service by the same user is being ordered: try again in a moment")}

// errNoMallRail and errNoVVChatRail leave a purchase alone whose rail this
// service was not given.
var (
	errNoMallRail   error = &core.Error{Op: "purchase", Code: core.CodeInternal, Err: errors.New("a purchase of the mall rail, and Config.Mall is not set: it is left as it is")}
	errNoVVChatRail error = &core.Error{Op: "purchase", Code: core.CodeInternal, Err: errors.New("a purchase of the VVChat rail, and Config.Platform is not set: it is left as it is")}
)

// runs reports an error if p's rail is not configured here.
func (s *Service) runs(p *Purchase) error {
	switch {
	case p.Mall != nil && s.cfg.Mall == nil:
		return errNoMallRail
	case p.Mall == nil && s.cfg.Platform == nil:
		return errNoVVChatRail
	}
	return nil
}

package purchase

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// Authorize tells who makes a request to the shop: the buyer's name, or an
// error, which is answered 401.
type Authorize func(ctx context.Context, r *core.Request) (buyer string, err error)

// View is what a shop's front end is shown of a purchase.
type View struct {
	ID      string   `json:"id"`
	State   State    `json:"state"`
	AppID   string   `json:"app_id"`
	OfferID string   `json:"offer"`
	Title   string   `json:"title"`
	Amount  core.Fen `json:"amount"`
	// ImprestCode is there while the purchase waits for its payment.
	ImprestCode string    `json:"imprest_code,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	PayUntil    time.Time `json:"pay_until"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	// Mall is there for a purchase of the mall rail.
	Mall *MallView `json:"mall,omitempty"`
}

// MallView is what a front end is shown of a purchase of the mall rail besides.
type MallView struct {
	DeviceID string `json:"device_id"`
	SKUCode  string `json:"skuCode"`
	OrderID  string `json:"orderId,omitempty"`
	// Prepay is what the cloud answered for wx.requestPayment: there while the
	// purchase waits for its payment and its order costs what the buyer saw.
	Prepay json.RawMessage `json:"prepay,omitempty"`
	// PriceChanged says that the order costs something else: there is nothing
	// to pay by, show the offer again.
	PriceChanged bool `json:"price_changed,omitempty"`
}

// View returns what a front end may see of p.
func (p Purchase) View() View {
	v := View{
		ID: p.ID, State: p.State, AppID: p.AppID, OfferID: p.OfferID, Title: p.Title, Amount: p.Amount,
		CreatedAt: p.CreatedAt, PayUntil: p.PayUntil, DeliveredAt: p.DeliveredAt,
	}
	if p.State == Unpaid {
		v.ImprestCode = p.ImprestCode
	}
	if m := p.Mall; m != nil {
		v.Mall = &MallView{DeviceID: m.ID, SKUCode: m.SKUCode, OrderID: m.OrderID, PriceChanged: m.Withheld}
		if p.State == Unpaid && m.PriceSeen && !m.Withheld {
			v.Mall.Prepay = m.Prepay
		}
	}
	return v
}

// Routes serves a shop's front end:
//
//	POST /purchases       {"offer": "…", "price": 100}   begins a purchase
//	GET  /purchases/{id}                                 shows one
//
// On the mall rail ([Config].Mall) the body has the parameters of
// buyIncreaseServiceByWx that are the buyer's to choose, and the price seen:
//
//	{"mall": {"device_id": "…", "name": "…", "uuid": "…", "homeId": "…", "catalog_code": "…",
//	          "skuCode": "…", "optionType": 0, "optionNo": 0, "price": 3600}}
//
// The answer's mall.prepay is for wx.requestPayment; if it is not there yet, or
// when the user has paid, ask for the purchase again: a GET looks at the user's
// orders if it is time to.
//
// Both answer with a [View]: 201 when the purchase can be paid, 202 when the
// platform's answer is still missing (ask again), 409 when the price is not
// the one that the buyer saw, 404 for an unknown offer and for a purchase that
// is another buyer's, 502 when the platform refused the order. The body must
// be application/json, which a foreign page cannot send without permission.
func (s *Service) Routes(authorize Authorize) core.Routes {
	shop := &shop{service: s, authorize: authorize}
	return core.Routes{
		"POST /purchases":     shop.guarded(shop.begin),
		"GET /purchases/{id}": shop.guarded(shop.show),
	}
}

// guarded makes an answer of a panic in what the merchant wrote.
func (h *shop) guarded(handle core.HandlerFunc) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) (resp *core.Response) {
		defer func() {
			if cause := recover(); cause != nil {
				h.service.cfg.Logger.ErrorContext(ctx, "a request to the shop panicked", "panic", fmt.Sprint(cause))
				resp = core.TryLater()
			}
		}()
		return handle(ctx, r)
	})
}

type shop struct {
	service   *Service
	authorize Authorize
}

func (h *shop) begin(ctx context.Context, r *core.Request) *core.Response {
	buyer, err := h.authorize(ctx, r)
	if err != nil || buyer == "" {
		return core.Refuse(http.StatusUnauthorized)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return core.Refuse(http.StatusUnsupportedMediaType)
	}
	var wish struct {
		Offer string      `json:"offer"`
		Price core.Fen    `json:"price"`
		Mall  *mallWishes `json:"mall"`
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wish); err != nil || decoder.More() {
		return core.Refuse(http.StatusBadRequest)
	}
	var p Purchase
	switch {
	case wish.Mall == nil:
		p, err = h.service.Begin(ctx, Request{Buyer: buyer, OfferID: wish.Offer, Price: wish.Price})
	case wish.Offer != "" || wish.Price != 0:
		return core.Refuse(http.StatusBadRequest)
	default:
		p, err = h.service.BeginMall(ctx, wish.Mall.request(buyer))
	}
	if err != nil {
		h.service.cfg.Logger.WarnContext(ctx, "a purchase could not be begun", "id", p.ID, "state", string(p.State), "reason", err.Error())
	}
	switch code := core.CodeOf(err); {
	case err == nil:
		resp := core.JSON(http.StatusCreated, p.View())
		resp.Header.Set("Location", "/purchases/"+p.ID)
		return resp
	case errors.Is(err, ErrPurchaseOpen):
		if p.ID == "" {
			return core.Refuse(http.StatusConflict)
		}
		return core.JSON(http.StatusConflict, p.View())
	case errors.Is(err, ErrPriceChanged):
		return core.Refuse(http.StatusConflict)
	case errors.Is(err, ErrMallBusy):
		return core.TryLater()
	case code == core.CodeNotFound:
		return core.Refuse(http.StatusNotFound)
	case code == core.CodeInvalid && p.ID == "":
		return core.Refuse(http.StatusBadRequest)
	case p.State == Ordering:
		return core.JSON(http.StatusAccepted, p.View())
	case p.ID != "":
		return core.JSON(http.StatusBadGateway, p.View())
	}
	return core.TryLater()
}

// look advances a purchase within InlineBudget; as it was, if that fails.
func (h *shop) look(ctx context.Context, p Purchase) Purchase {
	if h.service.cfg.InlineBudget <= 0 {
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, h.service.cfg.InlineBudget)
	defer cancel()
	now, err := h.service.Advance(ctx, p.ID)
	if err == nil && now.State == Paid {
		now, err = h.service.Advance(ctx, p.ID)
	}
	if err != nil {
		return p
	}
	return now
}

// mallWishes are the parameters of a [MallRequest] but for the buyer.
type mallWishes struct {
	DeviceID    string          `json:"device_id"`
	Name        string          `json:"name"`
	UUID        string          `json:"uuid"`
	HomeID      string          `json:"homeId"`
	CatalogCode string          `json:"catalog_code"`
	SKUCode     string          `json:"skuCode"`
	OptionType  mall.OptionType `json:"optionType"`
	OptionNo    int64           `json:"optionNo"`
	Price       core.Fen        `json:"price"`
}

func (w mallWishes) request(buyer string) MallRequest {
	return MallRequest{
		Buyer: buyer, Device: mall.Device{ID: w.DeviceID, Name: w.Name, UUID: w.UUID}, HomeID: w.HomeID,
		CatalogCode: w.CatalogCode, SKUCode: w.SKUCode, OptionType: w.OptionType, OptionNo: w.OptionNo, Price: w.Price,
	}
}

func (h *shop) show(ctx context.Context, r *core.Request) *core.Response {
	buyer, err := h.authorize(ctx, r)
	if err != nil || buyer == "" {
		return core.Refuse(http.StatusUnauthorized)
	}
	id := r.PathValue("id")
	if journal.CheckID(Prefix+id) != nil {
		return core.Refuse(http.StatusNotFound)
	}
	p, err := h.service.Get(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound), err == nil && p.Buyer != buyer:
		return core.Refuse(http.StatusNotFound)
	case err != nil:
		return core.TryLater()
	}
	if p.Mall != nil && (p.State == Ordering || p.State == Unpaid || p.State == Paid || p.State == Delivering) {
		// Nobody tells of a payment in the mall. It is looked for here, if it
		// is due, so that the user need not wait for a sweep.
		p = h.look(ctx, p)
	}
	return core.JSON(http.StatusOK, p.View())
}

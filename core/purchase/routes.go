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
	return v
}

// Routes serves a shop's front end:
//
//	POST /purchases       {"offer": "…", "price": 100}   begins a purchase
//	GET  /purchases/{id}                                 shows one
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
		Offer string   `json:"offer"`
		Price core.Fen `json:"price"`
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wish); err != nil || decoder.More() {
		return core.Refuse(http.StatusBadRequest)
	}
	p, err := h.service.Begin(ctx, Request{Buyer: buyer, OfferID: wish.Offer, Price: wish.Price})
	if err != nil {
		h.service.cfg.Logger.WarnContext(ctx, "a purchase could not be begun", "id", p.ID, "state", string(p.State), "reason", err.Error())
	}
	switch code := core.CodeOf(err); {
	case err == nil:
		resp := core.JSON(http.StatusCreated, p.View())
		resp.Header.Set("Location", "/purchases/"+p.ID)
		return resp
	case errors.Is(err, ErrPriceChanged):
		return core.Refuse(http.StatusConflict)
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
	return core.JSON(http.StatusOK, p.View())
}

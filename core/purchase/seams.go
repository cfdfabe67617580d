package purchase

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

// Offer is what is sold, at what price.
type Offer struct {
	ID string
	// Title is what the buyer sees on the payment screen; Remark is optional.
	Title  string `json:"title" validate:"required,clear"`
	Remark string `json:"remark" validate:"clear"`
	// Amount is in fen, greater than 0.
	Amount core.Fen `json:"amount" validate:"gt=0"`
	// Data is kept with the purchase for the Deliverer: JSON, at most 16 KiB.
	Data json.RawMessage
}

// Catalog is the merchant's: it names the price.
type Catalog interface {
	// Offer returns the offer called id as it stands for buyer, or an error
	// with core.CodeNotFound.
	Offer(ctx context.Context, buyer, id string) (Offer, error)
}

// CatalogFunc makes a [Catalog] of a function.
type CatalogFunc func(ctx context.Context, buyer, id string) (Offer, error)

// Offer calls f.
func (f CatalogFunc) Offer(ctx context.Context, buyer, id string) (Offer, error) {
	return f(ctx, buyer, id)
}

// Offers is a [Catalog] of fixed offers, the same for every buyer, by id.
type Offers map[string]Offer

// Offer returns the offer called id.
func (o Offers) Offer(_ context.Context, _, id string) (Offer, error) {
	offer, ok := o[id]
	if !ok {
		return Offer{}, &core.Error{Op: "purchase.Offers", Code: core.CodeNotFound, Err: errors.New("there is no such offer")}
	}
	offer.ID = id
	return offer, nil
}

// Deliverer is the merchant's: it grants what was paid for.
type Deliverer interface {
	// Deliver grants p's goods. p.ID is the idempotency key: a crash can
	// make Deliver run again for a purchase that it has served, though never
	// before Delivered was asked, and a worker that is slower than its lease
	// makes it run beside itself.
	//
	// nil means granted. core.CodeUnreached, or another core.Retryable code
	// but core.CodeUnknown, says that nothing at all was granted, and it is
	// tried again; core.CodeRefused and core.CodeInvalid say that nothing was
	// granted and nothing ever will be: the money goes back.
	// core.CodeMismatch says that a person has to look. After any other
	// error, and after a panic, the outcome counts as unknown, and Delivered
	// is asked first. ctx has a deadline.
	Deliver(ctx context.Context, p Purchase) error
	// Delivered reports whether p's goods were granted. An error with
	// core.CodeMismatch says that nobody can tell, and a person has to look;
	// after any other it is asked again.
	Delivered(ctx context.Context, p Purchase) (bool, error)
}

// Platform is the part of a vvchat.Client that a purchase needs.
type Platform interface {
	AppID() string
	StoreNo() string
	UnifiedOrder(ctx context.Context, o vvchat.Order) (vvchat.Prepay, error)
	Query(ctx context.Context, outTradeNo string) (vvchat.Trade, error)
	// Trusted says whether what a query finds may move money.
	Trusted() bool
}

var _ Platform = (*vvchat.Client)(nil)

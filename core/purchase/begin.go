package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/vvchat"
)

// ErrPriceChanged says that an offer no longer costs what the buyer saw.
// Nothing was ordered: show the new price. Its code is core.CodeMismatch.
var ErrPriceChanged error = &core.Error{Op: "purchase.Begin", Code: core.CodeMismatch,
	Err: errors.New("the price is not the one that the buyer saw: show the offer again")}

// Request is what a buyer asks for.
type Request struct {
	// Buyer is the merchant's name for the buyer, such as an open_id.
	Buyer string `json:"buyer" validate:"required,max=128"`
	// OfferID names the offer.
	OfferID string `json:"offer" validate:"required,max=128"`
	// Price is what the buyer saw, in fen. It is compared with the Catalog's
	// and never used for anything else.
	Price core.Fen `json:"price" validate:"gt=0"`
}

const maxData = 16 << 10

func checkData(op string, data json.RawMessage) error {
	if len(data) > maxData || (len(data) > 0 && !json.Valid(data)) {
		return core.Invalid(op, fmt.Sprintf("data must be JSON of at most %d bytes", maxData))
	}
	return nil
}

// Begin records a purchase and makes its order. The purchase it returns is
// Unpaid and has the imprest_code for the phone.
//
// Errors before anything was recorded: core.CodeInvalid, core.CodeNotFound
// from the Catalog, [ErrPriceChanged], the journal's. With any later error the
// purchase is returned too: refused by the platform it is Expired; otherwise
// it is still Ordering, nobody knows whether there is an order, and
// [Service.Reconcile] finds out. Show the buyer its id, or begin another.
func (s *Service) Begin(ctx context.Context, r Request) (Purchase, error) {
	const op = "purchase.Begin"
	if err := check.Struct(op, r); err != nil {
		return Purchase{}, err
	}
	offer, err := s.cfg.Catalog.Offer(ctx, r.Buyer, r.OfferID)
	if err != nil {
		return Purchase{}, err
	}
	if err := check.Struct(op, offer); err != nil {
		return Purchase{}, err
	}
	if err := checkData(op, offer.Data); err != nil {
		return Purchase{}, err
	}
	if offer.Amount != r.Price {
		return Purchase{}, ErrPriceChanged
	}
	id, err := core.RandomText(s.cfg.Rand, 26)
	if err != nil {
		return Purchase{}, err
	}
	owner, err := core.RandomText(s.cfg.Rand, 16)
	if err != nil {
		return Purchase{}, err
	}
	now := s.now()
	p := Purchase{
		ID: id, State: Ordering, Buyer: r.Buyer,
		AppID: s.cfg.Platform.AppID(), StoreNo: s.cfg.Platform.StoreNo(),
		OfferID: r.OfferID, Title: offer.Title, Remark: offer.Remark, Amount: offer.Amount, Data: offer.Data,
		CreatedAt: now, PayUntil: now.Add(s.cfg.PayWithin),
		Attempts: 1, Lease: &Lease{Owner: owner, Until: now.Add(s.cfg.Lease)},
	}
	p.note(now, "")
	if _, err := s.store(ctx, journal.Record{ID: Prefix + p.ID}, p, p.Lease.Until); err != nil {
		return Purchase{}, err
	}
	stepCtx, cancel := s.stepContext(ctx)
	defer cancel()
	apply, orderErr := s.order(stepCtx, p)
	p, err = s.finish(ctx, p.ID, owner, apply)
	if err != nil {
		return p, err
	}
	return p, orderErr
}

// order makes p's order and returns what to record, and the platform's error.
func (s *Service) order(ctx context.Context, p Purchase) (apply outcome, err error) {
	prepay, err := s.cfg.Platform.UnifiedOrder(ctx, vvchat.Order{
		OutTradeNo: p.ID, Amount: p.Amount, NotifyURL: s.cfg.NotifyURL, Title: p.Title, Remark: p.Remark,
	})
	switch code := core.CodeOf(err); {
	case err == nil:
		return s.ordered(prepay.ImprestCode), nil
	case code == core.CodeRefused, code == core.CodeInvalid:
		// There is no order by this call; there may be one by an earlier.
		// So the platform is asked before the purchase is given up.
		if apply := s.found(ctx, p); apply != nil {
			return apply, nil
		}
		return func(p *Purchase, due *time.Time) error {
			*due = s.watch(*p)
			return p.enter(s.now(), Expired, "no order: "+err.Error())
		}, err
	case code == core.CodeUnreached:
		return s.pollLater(err), err
	}
	return func(p *Purchase, due *time.Time) error {
		p.Doubt, p.Attempts, p.Reason = true, 0, err.Error()
		*due = s.now().Add(s.cfg.InFlight)
		return nil
	}, err
}

// found asks the platform for p's order after a refusal and returns what to
// record if that could be more than "there is none"; nil otherwise.
func (s *Service) found(ctx context.Context, p Purchase) outcome {
	trade, err := s.cfg.Platform.Query(ctx, p.ID)
	switch {
	case unknownOrder(err):
		return nil
	case err != nil:
		return s.pollLater(err)
	}
	return s.compare(ctx, p, trade)
}

// ordered records that the order exists.
func (s *Service) ordered(imprestCode string) outcome {
	return func(p *Purchase, due *time.Time) error {
		if err := p.enter(s.now(), Unpaid, ""); err != nil {
			return err
		}
		p.ImprestCode = imprestCode
		*due = s.nextPoll(*p)
		return nil
	}
}

// Import puts an order on record that was made elsewhere, as Unpaid: its
// payment is then taken, proved and delivered like any other. order needs
// ID (the out_trade_no), AppID and Amount; ImprestCode, StoreNo, Buyer,
// OfferID, Title, Remark and Data are kept. An ID that is on record already is
// journal.ErrConflict, unless AppID and Amount agree: then it is left as it is.
func (s *Service) Import(ctx context.Context, order Purchase) (Purchase, error) {
	const op = "purchase.Import"
	now := s.now()
	p := Purchase{
		ID: order.ID, State: Unpaid, Buyer: order.Buyer, AppID: order.AppID, StoreNo: order.StoreNo,
		OfferID: order.OfferID, Title: order.Title, Remark: order.Remark, Amount: order.Amount, Data: order.Data,
		ImprestCode: order.ImprestCode, CreatedAt: now, PayUntil: now.Add(s.cfg.PayWithin),
	}
	switch {
	case !check.ID.MatchString(p.ID):
		return Purchase{}, core.Invalid(op, "out_trade_no must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	case p.AppID == "":
		return Purchase{}, core.Invalid(op, "app_id must be given")
	case p.Amount <= 0:
		return Purchase{}, core.Invalid(op, "amount must be greater than 0")
	}
	if err := checkData(op, p.Data); err != nil {
		return Purchase{}, err
	}
	p.note(now, "imported")
	_, err := s.store(ctx, journal.Record{ID: Prefix + p.ID}, p, s.nextPoll(p))
	if errors.Is(err, journal.ErrConflict) {
		stored, getErr := s.Get(ctx, p.ID)
		if getErr == nil && stored.AppID == p.AppID && stored.Amount == p.Amount {
			return stored, nil
		}
	}
	if err != nil {
		return Purchase{}, err
	}
	return p, nil
}

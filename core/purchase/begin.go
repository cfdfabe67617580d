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
// Errors before anything was ordered: core.CodeInvalid, core.CodeNotFound
// from the Catalog, [ErrPriceChanged], the journal's. With any later error the
// purchase is returned too: refused by the platform it is Expired; otherwise
// it is still Ordering, nobody knows whether there is an order, and
// [Service.Reconcile] finds out. Show the buyer its id, or begin another.
func (s *Service) Begin(ctx context.Context, r Request) (Purchase, error) {
	const op = "purchase.Begin"
	if s.cfg.Platform == nil {
		return Purchase{}, core.Invalid(op, "Platform is not set in the configuration: BeginMall begins a purchase of the mall rail")
	}
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
	if err := checkSize(op, p); err != nil {
		return Purchase{}, err
	}
	written, err := s.store(ctx, journal.Record{ID: Prefix + p.ID}, p, s.brokenOff(p))
	if err != nil {
		return Purchase{}, err
	}
	return s.firstStep(ctx, p, written, "purchase.order", s.order)
}

// firstStep runs the step for which a purchase was just recorded and leased.
func (s *Service) firstStep(ctx context.Context, begun Purchase, written journal.Record, name string, run func(context.Context, Purchase) outcome) (Purchase, error) {
	ctx, ended := core.Observe(ctx, s.cfg.Observer, core.Work{Kind: "step", Name: name, Subject: begun.ID})
	stepCtx, cancel, ok := s.stepContext(ctx, begun)
	if !ok {
		ended(errLeaseOver)
		return begun, errLeaseOver
	}
	defer cancel()
	result := s.guard(stepCtx, begun, run)
	p, _, err := s.finish(ctx, begun.ID, begun.Lease.Owner, written, result)
	if err != nil {
		ended(err)
		return begun, err
	}
	ended(result.cause)
	return p, result.cause
}

// checkSize leaves room in the record for everything that may come.
func checkSize(op string, p Purchase) error {
	body, err := encode(p)
	if err == nil && len(body) > maxBegun {
		err = core.Invalid(op, fmt.Sprintf("title, remark and data of the offer make a record of %d bytes, the most is %d", len(body), maxBegun))
	}
	return err
}

// order makes p's order.
func (s *Service) order(ctx context.Context, p Purchase) outcome {
	prepay, err := s.cfg.Platform.UnifiedOrder(ctx, vvchat.Order{
		OutTradeNo: p.ID, Amount: p.Amount, NotifyURL: s.cfg.NotifyURL, Title: p.Title, Remark: p.Remark,
	})
	switch code := core.CodeOf(err); {
	case err == nil:
		return s.ordered(prepay.ImprestCode)
	case code == core.CodeInvalid && !p.Doubt:
		return s.noOrderMade(err) // nothing was ever sent
	case code == core.CodeRefused && !core.Retryable(err), code == core.CodeInvalid:
		// There is no order by this call; there may be one by an earlier.
		// So the platform is asked before the purchase is given up.
		return s.refused(ctx, p, err)
	case core.Retryable(err):
		return s.pollLater(err)
	}
	return outcome{cause: err, record: func(p *Purchase, due *time.Time) error {
		p.Doubt, p.Attempts = true, 0
		p.because(err.Error())
		*due = s.now().Add(s.cfg.InFlight)
		return nil
	}}
}

// refused asks the platform for p's order after a refusal.
func (s *Service) refused(ctx context.Context, p Purchase, refusal error) outcome {
	trade, err := s.cfg.Platform.Query(ctx, p.ID)
	switch {
	case err == nil:
		return s.compare(ctx, p, trade)
	case !s.cfg.UnknownOrder(err):
		return s.pollLater(fmt.Errorf("%w; and then: %w", refusal, err))
	}
	return s.noOrderMade(refusal)
}

func (s *Service) noOrderMade(refusal error) outcome {
	return outcome{cause: refusal, record: func(p *Purchase, due *time.Time) error {
		*due = s.watch(*p)
		return p.enter(s.now(), Expired, "no order: "+refusal.Error())
	}}
}

// ordered records that the order exists.
func (s *Service) ordered(imprestCode string) outcome {
	return outcome{record: func(p *Purchase, due *time.Time) error {
		if err := p.enter(s.now(), Unpaid, ""); err != nil {
			return err
		}
		p.ImprestCode = imprestCode
		*due = s.nextPoll(*p)
		return nil
	}}
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
	case !check.ID(p.ID):
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
	if err := checkSize(op, p); err != nil {
		return Purchase{}, err
	}
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

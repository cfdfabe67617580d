package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/vvchat"
)

// Payer is the part of a vvchat.Client that a refund needs besides [Platform].
type Payer interface {
	Payout(ctx context.Context, p vvchat.Payout) (agentpayNo string, err error)
}

var _ Payer = (*vvchat.Client)(nil)

// Refunds switches refunds on: what was paid for and can never be granted is
// paid back by a payout.
type Refunds struct {
	// Payer sends the payout: the same *vvchat.Client as Platform.
	Payer Payer
	// OutOpenID is the account that pays (out_open_id), bound to the app.
	OutOpenID string
	// NotifyURL is where the platform posts payout notifications; mount
	// callback.Payout there, with the Service as its sink.
	NotifyURL string
	// DailyCap is the most that is paid back in a day (UTC), in fen. It bounds
	// what a fault, or a stolen key, can cost. What is over it waits for the
	// next day.
	DailyCap core.Fen
	// Within is how long the platform may take to say that money moved
	// before a person has to look; 0 is 24 hours.
	Within time.Duration
	// Title is what the user sees; "" is the purchase's.
	Title string
}

func (r *Refunds) check(op string) error {
	switch {
	case r.Payer == nil:
		return core.Invalid(op, "Refunds.Payer must be given")
	case r.OutOpenID == "":
		return core.Invalid(op, "Refunds.OutOpenID (out_open_id) must be given")
	case r.NotifyURL == "":
		return core.Invalid(op, "Refunds.NotifyURL must be given")
	case r.DailyCap <= 0:
		return core.Invalid(op, "Refunds.DailyCap must be greater than 0")
	case r.Within < 0:
		return core.Invalid(op, "Refunds.Within must not be negative")
	}
	return nil
}

// refundPrefix makes the out_order_no of a purchase's refund: one purchase has
// one, for ever.
const refundPrefix = "R"

// undeliverable records that p's goods will never be granted.
func (s *Service) undeliverable(ctx context.Context, reason string) outcome {
	if s.cfg.Refunds == nil {
		return s.park(ctx, reason+"; refunds are not configured: deliver or pay back by hand")
	}
	return outcome{cause: &core.Error{Op: "purchase", Code: core.CodeRefused, Err: errors.New(reason)}, record: func(p *Purchase, due *time.Time) error {
		if err := p.enter(s.now(), Undeliverable, reason); err != nil {
			return err
		}
		p.because(reason)
		*due = s.now()
		return nil
	}}
}

// prepareRefund is the step of Undeliverable: it asks the platform whether the
// payment is what the record says, keeps the day's cap, and puts the refund's
// intent on record.
func (s *Service) prepareRefund(ctx context.Context, p Purchase) outcome {
	trade, err := s.cfg.Platform.Query(ctx, p.ID)
	if err != nil && !s.cfg.UnknownOrder(err) {
		return s.pollLater(err)
	}
	problem := ""
	switch {
	case err != nil:
		problem = "the platform knows no such order"
	case !s.cfg.Platform.Trusted():
		problem = "the query came over a connection that anybody can change"
	case trade.Status != vvchat.StatusPaid:
		problem = "the platform says that it is not paid"
	case trade.TradeNo != p.Payment.TradeNo:
		problem = "the platform names another trade_no"
	case trade.OpenID == "" || (p.Payment.OpenID != "" && trade.OpenID != p.Payment.OpenID):
		problem = "the platform names another payer"
	default:
		problem = disagrees(p, trade)
	}
	if problem != "" {
		return s.park(ctx, "no refund: "+problem)
	}
	if p.Amount > s.cfg.Refunds.DailyCap {
		return s.park(ctx, "no refund: the amount is more than a day's cap, so no day has room for it: pay back by hand, or raise the cap")
	}
	room, err := s.underCap(ctx, p)
	if err != nil {
		return s.pollLater(err)
	}
	if !room {
		return outcome{record: func(p *Purchase, due *time.Time) error {
			p.polled()
			p.because("the day's cap for refunds is reached")
			*due = s.now().Truncate(24 * time.Hour).Add(24 * time.Hour)
			s.cfg.Logger.ErrorContext(ctx, "the day's cap for refunds is reached", "id", p.ID, "amount", int64(p.Amount))
			return nil
		}}
	}
	return outcome{record: func(p *Purchase, due *time.Time) error {
		if err := p.enter(s.now(), Refunding, ""); err != nil {
			return err
		}
		p.Refund = &Refund{OutOrderNo: refundPrefix + p.ID, InOpenID: trade.OpenID, Amount: p.Amount}
		*due = s.now()
		return nil
	}}
}

// capRecord is what "refunds/<day>" holds: who was counted, and for how much.
type capRecord struct {
	Counted map[string]core.Fen `json:"counted"`
}

// underCap counts p's refund into the day, once, and reports whether it still
// fits. A refund that is counted and then not sent keeps its place: the cap
// bounds, it does not account.
func (s *Service) underCap(ctx context.Context, p Purchase) (bool, error) {
	id := "refunds/" + s.now().Format("2006-01-02")
	for range maxTries {
		record, err := s.cfg.Store.Get(ctx, id)
		if errors.Is(err, journal.ErrNotFound) {
			record, err = journal.Record{ID: id}, nil
		}
		if err != nil {
			return false, err
		}
		day := capRecord{Counted: map[string]core.Fen{}}
		if len(record.Body) > 0 {
			if err := json.Unmarshal(record.Body, &day); err != nil {
				return false, &core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is damaged: %w", id, err)}
			}
		}
		if _, counted := day.Counted[p.ID]; counted {
			return true, nil
		}
		total := p.Amount
		for _, amount := range day.Counted {
			total += amount
		}
		day.Counted[p.ID] = p.Amount
		record.Body, err = json.Marshal(day)
		if err != nil {
			return false, &core.Error{Op: "purchase", Code: core.CodeInternal, Err: err}
		}
		if total > s.cfg.Refunds.DailyCap || len(record.Body) > journal.MaxBody {
			return false, nil
		}
		record.Expires = s.now().Add(watchFor)
		record.Due = record.Expires
		_, err = s.cfg.Store.Put(ctx, record)
		if errors.Is(err, journal.ErrConflict) || errors.Is(err, journal.ErrUnknown) && ctx.Err() == nil {
			continue // read again: whether ours was applied shows there
		}
		return err == nil, err
	}
	return false, &core.Error{Op: "purchase", Code: core.CodeBusy, Err: errors.New("the day's refunds change faster than they can be counted")}
}

// refund is the step of Refunding: it sends the payout. take has put on record
// that it is sent, so it is sent once; only what is known not to have reached
// the platform is sent again.
func (s *Service) refund(ctx context.Context, p Purchase) outcome {
	title := s.cfg.Refunds.Title
	if title == "" {
		title = p.Title
	}
	if title == "" {
		title = "refund"
	}
	agentpayNo, err := s.cfg.Refunds.Payer.Payout(ctx, vvchat.Payout{
		OutOrderNo: p.Refund.OutOrderNo, InOpenID: p.Refund.InOpenID, OutOpenID: s.cfg.Refunds.OutOpenID,
		Amount: p.Refund.Amount, NotifyURL: s.cfg.Refunds.NotifyURL, Title: title,
	})
	switch code := core.CodeOf(err); {
	case err == nil:
		return outcome{record: func(p *Purchase, due *time.Time) error {
			p.Refund.Accepted, p.Refund.AgentpayNo, p.Attempts = true, agentpayNo, 0
			p.note(s.now(), "the platform accepted the refund")
			*due = s.now().Add(s.cfg.Refunds.Within)
			return nil
		}}
	case code == core.CodeUnreached:
		return outcome{cause: err, record: func(p *Purchase, due *time.Time) error {
			p.Refund.Sent = false
			p.because(err.Error())
			*due = s.now().Add(backoff(p.Attempts))
			return nil
		}}
	}
	return s.park(ctx, fmt.Sprintf("the refund %s was sent, and this came of it: %v", p.Refund.OutOrderNo, err))
}

// Payout takes a genuine payout notification: it implements
// callback.PayoutSink. Only status 1 makes a purchase Refunded, whatever came
// before it, and nothing that comes after it changes that. A notice for a
// payout that is not a refund of ours is core.CodeMismatch.
func (s *Service) Payout(ctx context.Context, n callback.PayoutNotice) error {
	unknown := core.Mismatch("purchase.Payout", "there is no refund with this out_order_no")
	id, ours := strings.CutPrefix(n.OutOrderNo, refundPrefix)
	if !ours || id == "" {
		return unknown
	}
	_, err := s.change(ctx, id, func(p *Purchase, due *time.Time) error {
		if p.Refund == nil || p.Refund.OutOrderNo != n.OutOrderNo || p.AppID != n.AppID {
			return unknown
		}
		if !p.Refund.RefundedAt.IsZero() {
			if n.Status == callback.PayoutDone && n.AgentpayNo != p.Refund.AgentpayNo {
				reason := fmt.Sprintf("the platform says that the refund was paid twice, agentpay_no %s and %s: look at both", p.Refund.AgentpayNo, n.AgentpayNo)
				if p.State != Attention || p.Reason != reason {
					return s.attention(ctx, p, due, reason)
				}
			}
			return errUnchanged // done is final
		}
		now := s.now()
		switch n.Status {
		case callback.PayoutDone:
			p.Refund.RefundedAt, p.Refund.AgentpayNo = now, n.AgentpayNo
			*due = time.Time{}
			if err := p.enter(now, Refunded, "agentpay_no "+n.AgentpayNo); err != nil {
				return err
			}
			if len(p.Surplus) > 0 {
				return s.attention(ctx, p, due, fmt.Sprintf("refunded, and paid more than once, trade_no %s: pay it back", p.Surplus[0].TradeNo))
			}
			return nil
		case callback.PayoutFailed:
			reason := "the platform says that the refund failed, agentpay_no " + n.AgentpayNo
			if p.State == Attention && strings.HasPrefix(p.Reason, reason) {
				return errUnchanged
			}
			return s.attention(ctx, p, due, reason)
		}
		note := fmt.Sprintf("payout notice of status %d", n.Status)
		if p.noted(note) {
			return errUnchanged
		}
		p.note(now, note)
		return nil
	})
	if errors.Is(err, journal.ErrNotFound) || core.CodeOf(err) == core.CodeInvalid {
		return unknown
	}
	return err
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
)

// The states of a payout, as the control API spells them.
const (
	payoutPending = "pending"
	payoutDone    = "done"
	payoutFailed  = "failed"
)

// payout is a payout that the sandbox's merchant asked for, as the control API
// put it on record.
type payout struct {
	OutOrderNo string   `json:"out_order_no"`
	AppID      string   `json:"app_id"`
	Amount     core.Fen `json:"amount"`
	State      string   `json:"state"`
	// AgentpayNo is the platform's number, from the notice that counted.
	AgentpayNo string `json:"agentpay_no,omitempty"`
}

// payoutSink takes payout notices: it implements callback.PayoutSink. A refund's
// is for the purchase; of those that the control API put on record, money
// that moved stays moved, so done is final. A notice carries no amount, so the
// out_order_no and the app are all that binds it.
type payoutSink struct {
	store   journal.Store
	refunds callback.PayoutSink
	logger  *slog.Logger
}

// Payout implements callback.PayoutSink.
func (s *payoutSink) Payout(ctx context.Context, n callback.PayoutNotice) error {
	var p payout
	err := edit(ctx, s.store, payoutPrefix+n.OutOrderNo, &p, func(exists bool) error {
		switch {
		case !exists:
			return journal.ErrNotFound
		case p.AppID != n.AppID:
			return core.Mismatch("sandbox.Payout", "the app_id is not the payout's")
		}
		about := []any{"out_order_no", n.OutOrderNo, "agentpay_no", n.AgentpayNo, "status", n.Status}
		switch {
		case p.State == payoutDone && n.Status == callback.PayoutDone && p.AgentpayNo != n.AgentpayNo:
			s.logger.ErrorContext(ctx, "a payout was done twice, under two numbers: look at both", append(about, "first", p.AgentpayNo)...)
			return errUnchanged
		case p.State == payoutDone && n.Status != callback.PayoutDone:
			s.logger.WarnContext(ctx, "a payout that is done stays done", about...)
			return errUnchanged
		case p.State == payoutDone, n.Status == callback.PayoutFailed && p.State == payoutFailed:
			return errUnchanged // the same notice again
		case n.Status == callback.PayoutDone:
			if p.State == payoutFailed {
				s.logger.ErrorContext(ctx, "a payout that had failed is done after all: it must not be sent again", about...)
			}
			p.State, p.AgentpayNo = payoutDone, n.AgentpayNo
			return nil
		case n.Status == callback.PayoutFailed:
			p.State, p.AgentpayNo = payoutFailed, n.AgentpayNo
			return nil
		}
		s.logger.InfoContext(ctx, "a payout notice that decides nothing", about...)
		return errUnchanged
	})
	if errors.Is(err, journal.ErrNotFound) {
		return s.refunds.Payout(ctx, n)
	}
	return err
}

// importPayout puts a pending payout on record. One that is there already is
// left as it is if app_id and amount agree, else it is journal.ErrConflict.
func importPayout(ctx context.Context, store journal.Store, wanted payout) error {
	var p payout
	return edit(ctx, store, payoutPrefix+wanted.OutOrderNo, &p, func(exists bool) error {
		switch {
		case !exists:
			p = wanted
			return nil
		case p.AppID == wanted.AppID && p.Amount == wanted.Amount:
			return errUnchanged
		}
		return fmt.Errorf("out_order_no %s: %w", wanted.OutOrderNo, journal.ErrConflict)
	})
}

// payouts returns the state of every payout on record.
func payouts(ctx context.Context, store journal.Store) (map[string]string, error) {
	all := map[string]string{}
	err := walk(ctx, store, payoutPrefix, func(r journal.Record) error {
		var p payout
		if err := json.Unmarshal(r.Body, &p); err != nil {
			return err
		}
		all[strings.TrimPrefix(r.ID, payoutPrefix)] = p.State
		return nil
	})
	return all, err
}

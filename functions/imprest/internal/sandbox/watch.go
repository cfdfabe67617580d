package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// watch is what is seen of a run with Once, from the outside of the code that
// it tests.
type watch struct {
	mu     sync.Mutex
	writes map[string][]write // of purchases, by id
	early  []string           // orders acknowledged before their payment was on record
}

// write is one version of a purchase that reached the journal.
type write struct {
	version int64
	state   purchase.State
	paid    bool
}

func newWatch() *watch { return &watch{writes: map[string][]write{}} }

func (s *watch) add(version int64, p purchase.Purchase) (before purchase.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.writes[p.ID] {
		if w.version == version-1 {
			before = w.state
		}
	}
	s.writes[p.ID] = append(s.writes[p.ID], write{version, p.State, p.Payment != nil})
	return before
}

// committed reports whether a payment of that order is on record.
func (s *watch) committed(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.writes[id], func(w write) bool { return w.paid })
}

// acknowledged notes that the platform was told success for a payment.
func (s *watch) acknowledged(id string) {
	if s.committed(id) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early = append(s.early, id)
}

// history returns the versions of a purchase in their order.
func (s *watch) history(id string) []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	history := slices.Clone(s.writes[id])
	slices.SortStableFunc(history, func(a, b write) int { return int(a.version - b.version) })
	return history
}

// wrote is told of each version of a purchase that is durable.
func (w *world) wrote(stored journal.Record, p purchase.Purchase, faults ...string) {
	version := stored.Version
	w.note(w.tape.wrote(w.clock.Now(), stored, p, faults...))
	w.log.Debug("purchase written", "id", p.ID, "version", version, "state", string(p.State))
	if w.watch == nil {
		return
	}
	before := w.watch.add(version, p)
	switch {
	case before == p.State:
	case p.State == purchase.Delivered && p.Mall != nil:
		w.out.step("delivery", "the service is on the device, by order %s", p.Mall.OrderID)
	case p.State == purchase.Unpaid && p.Mall != nil && p.Reason != "":
		w.out.trouble(string(p.State), "version %d: %s", version, p.Reason)
	case p.State == purchase.Paid:
		w.out.step("commit", "version %d: paid, by %s, trade_no %s", version, p.Payment.By, p.Payment.TradeNo)
	case p.State == purchase.Refunding, p.State == purchase.Refunded:
		w.out.step(string(p.State), "version %d: %s yuan to %s, out_order_no %s", version, p.Refund.Amount.Yuan(), p.Refund.InOpenID, p.Refund.OutOrderNo)
	case p.State == purchase.Attention, p.State == purchase.Expired, p.State == purchase.Undeliverable:
		w.out.trouble(string(p.State), "version %d: %s", version, p.Reason)
	}
}

// stumbled is told of each write of a purchase that a fault kept from being
// durable.
func (w *world) stumbled(p purchase.Purchase, fault string, why error) {
	w.note(w.tape.stumbled(w.clock.Now(), p, fault, why))
}

// delivered is told when goods were granted, and how often by now.
func (w *world) delivered(p purchase.Purchase, times int) {
	w.log.Info("delivered", "id", p.ID, "offer", p.OfferID, "times", times)
	if w.watch != nil {
		w.out.step("delivery", "%s granted, %d time(s) by now", orID(p.OfferID, p.ID), times)
	}
}

func orID(offerID, id string) string {
	if offerID == "" {
		return id
	}
	return offerID
}

// revived is told when a merchant that crashed has started again.
func (w *world) revived() {
	w.log.Warn("the merchant crashed, as was asked for, and has started again")
	if w.watch != nil {
		w.out.trouble("crash", "after the commit, before the answer; started again from the journal")
	}
}

// exchanged is told of each request to the platform, and of each notification.
func (w *world) exchanged(e testkit.Exchange) {
	w.note(w.tape.exchanged(e))
	w.log.Debug("exchanged", "exchange", e.String())
	if w.watch == nil {
		return
	}
	switch {
	case notifies(e.Call) && e.Err != "":
		w.out.trouble("answer", "none: %s", e.Err)
	case notifies(e.Call):
		w.out.step("answer", "%d %s", e.Status, e.Answer)
	case len(e.Faults) > 0:
		w.out.trouble("platform", "%s: %s", e.Call, e.Faults)
	}
}

func notifies(c testkit.Call) bool {
	return c == testkit.CallNotification || c == testkit.CallPayoutNotification
}

// asked is told of each request to the cloud, and to WeChat.
func (w *world) asked(e testkit.Exchange) {
	w.note(w.tape.exchanged(e))
	w.log.Debug("exchanged", "exchange", e.String())
	if w.watch == nil {
		return
	}
	peer := "cloud"
	if e.Peer == testkit.PeerWeChat {
		peer = "wechat"
	}
	call := strings.TrimPrefix(string(e.Call), "wechat-")
	if len(e.Faults) > 0 {
		w.out.trouble(peer, "%s: %s", call, e.Faults)
		return
	}
	w.out.step(peer, "%s", call)
}

// watchPayments shows the notifications that arrive, and holds the answer
// against the journal: success before the commit loses a payment.
func (w *world) watchPayments(next core.Handler) core.Handler {
	if w.watch == nil {
		return next
	}
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		var notice struct {
			OutTradeNo string      `json:"out_trade_no"`
			Status     json.Number `json:"status"`
			Amount     string      `json:"amount"`
		}
		_ = json.Unmarshal(r.Body, &notice) // what cannot be read is not a notice, and is refused by next
		w.out.step("notification", "status %s, %s fen, %d bytes", notice.Status, notice.Amount, len(r.Body))
		resp := next.Handle(ctx, r)
		if resp.Status == http.StatusOK && notice.Status == "1" {
			w.watch.acknowledged(notice.OutTradeNo)
		}
		return resp
	})
}

// watchPayouts shows the notifications of payouts that arrive.
func (w *world) watchPayouts(next core.Handler) core.Handler {
	if w.watch == nil {
		return next
	}
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		var notice struct {
			OutOrderNo string      `json:"out_order_no"`
			Status     json.Number `json:"status"`
		}
		_ = json.Unmarshal(r.Body, &notice) // as of a payment's
		w.out.step("notification", "payout %s, status %s, %d bytes", notice.OutOrderNo, notice.Status, len(r.Body))
		return next.Handle(ctx, r)
	})
}

// legal reports what is wrong with the versions of a purchase: they grow by
// one, and each state follows the one before it by the table.
func legal(history []write) error {
	for i, now := range history {
		if now.version != int64(i)+1 {
			return fmt.Errorf("version %d stands where version %d should", now.version, i+1)
		}
		if i == 0 || now.state == history[i-1].state {
			continue
		}
		if !slices.Contains(history[i-1].state.Next(), now.state) {
			return fmt.Errorf("version %d went from %s to %s", now.version, history[i-1].state, now.state)
		}
	}
	return nil
}

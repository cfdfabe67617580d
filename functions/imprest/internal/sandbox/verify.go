package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// end is how a run is to end.
type end struct {
	state    purchase.State
	payments int  // that the platform took for the order
	granted  bool // the service is on the device, by one code
	refunded bool // the money went back
	calls    bool // the device may call its user
}

// implied returns the end that the faults of a run imply.
func (p *plan) implied() end {
	e := end{state: purchase.Delivered, payments: 1, granted: true}
	switch {
	case p.has(cloudDown), p.has(refundUnheard):
		e.state, e.granted, e.refunded = purchase.Refunded, false, true
	case p.has(refundFailed):
		e.state, e.granted, e.refunded = purchase.Attention, false, true
	case p.has(redeemLost), p.has(codeUsed):
		e.state, e.granted = purchase.Attention, false
	}
	e.calls = e.granted && !p.has(callsRefused)
	if p.has(surplus) {
		e.payments = 2
		if !p.has(dropCallback) { // else nobody ever tells of the second payment
			e.state = purchase.Attention
		}
	}
	return e
}

// verify holds the end of a run against what its faults imply, and every
// invariant against what was seen from the outside. Its error names all that
// is broken.
func (w *world) verify(ctx context.Context, id string) error {
	p, err := w.purchase(ctx, id)
	if err != nil {
		return err
	}
	want := w.plan.implied()
	return w.holdAll(p, []invariant{
		{"the run ends as its faults imply", func() error {
			if p.State != want.state {
				return fmt.Errorf("the purchase is %s, not %s: %s", p.State, want.state, p.Reason)
			}
			return nil
		}},
		{"every fault struck", w.allStruck},
		{"what was paid is granted once, or not at all", func() error { return w.grantedOnce(p, want.granted) }},
		{"what was not granted is paid back, once, or a person knows", func() error { return w.paidBack(p, want.refunded) }},
		{"the device calls who allowed it", func() error { return w.callable(p, want) }},
		{"one order, paid as often as it was", func() error { return w.booked(id, want.payments) }},
		{"the payment on record is the platform's", func() error { return w.genuine(ctx, p) }},
		{"versions grow by one, by the table's steps", func() error { return legal(w.watch.history(id)) }},
		{"success only after the commit", func() error {
			if len(w.watch.early) > 0 {
				return fmt.Errorf("acknowledged too early: %v", w.watch.early)
			}
			return nil
		}},
		{"false notifications are refused", w.refused},
		{"the platform was answered", func() error {
			if !w.notified() {
				return errors.New("a notification of a payment is not acknowledged")
			}
			return nil
		}},
	})
}

// invariant is a rule, and what holds a run against it.
type invariant struct {
	rule string
	hold func() error
}

// holdAll says of every rule whether it is broken.
func (w *world) holdAll(p purchase.Purchase, checks []invariant) error {
	var broken []error
	for _, check := range checks {
		if err := check.hold(); err != nil {
			w.out.trouble("broken", "%s: %v", check.rule, err)
			broken = append(broken, fmt.Errorf("broken: %s: %w", check.rule, err))
		}
	}
	if len(broken) == 0 {
		w.out.step("check", "it ended as it should, %s, and %d invariants hold", p.State, len(checks)-1)
	}
	return errors.Join(broken...)
}

// allStruck makes sure that the run was what was asked for.
func (w *world) allStruck() error {
	for _, name := range w.plan.names() {
		if w.plan.times(name) == 0 {
			return fmt.Errorf("%s never did", name)
		}
	}
	return nil
}

// grantedOnce holds the purchase against the cloud: one code, and one service
// of one period.
func (w *world) grantedOnce(p purchase.Purchase, granted bool) error {
	var what purchase.Redemption
	if err := json.Unmarshal(p.Data, &what); err != nil {
		return err
	}
	used, services := 0, 0
	for _, code := range w.cloud.Codes() {
		if code.IsUsed() {
			used++
		}
	}
	for _, service := range w.cloud.Services(what.DeviceID) {
		if service.Code == what.ServiceCode {
			services++
		}
	}
	want := 0
	if granted {
		want = 1
	}
	if used != want || services != want {
		return fmt.Errorf("%d exchange codes are used and the device has the service %d times, not %d", used, services, want)
	}
	if granted == p.DeliveredAt.IsZero() {
		return fmt.Errorf("the record says otherwise: delivered_at %v", p.DeliveredAt)
	}
	return nil
}

func (w *world) callable(p purchase.Purchase, want end) error {
	_, deviceID, _ := strings.Cut(p.OfferID, "@")
	user := householder().UserID
	if truth := w.cloud.DeviceVoIPStatus(user, deviceID) == 1; truth != want.calls {
		return fmt.Errorf("WeChat says that the device may call: %t, not %t", truth, want.calls)
	}
	saved, known := w.cloud.Authorization(deviceID)
	if told := known && saved.IsAuth && saved.UserID == user; told != want.calls {
		return fmt.Errorf("the cloud says that the device may call: %t, not %t", told, want.calls)
	}
	return nil
}

func (w *world) booked(id string, payments int) error {
	trades := w.platform.Trades()
	if len(trades) != 1 || trades[0].OutTradeNo != id {
		return fmt.Errorf("the platform has %d orders", len(trades))
	}
	if trades[0].Status != testkit.Paid || 1+len(trades[0].Surplus) != payments {
		return fmt.Errorf("the platform has status %d and %d payments, not %d", trades[0].Status, 1+len(trades[0].Surplus), payments)
	}
	return nil
}

// genuine holds the purchase against the platform's books and the claim.
func (w *world) genuine(ctx context.Context, p purchase.Purchase) error {
	trade, ok := w.platform.Trade(p.ID)
	if !ok || p.Payment == nil {
		return errors.New("there is none")
	}
	known := append([]testkit.Payment{trade.Payment}, trade.Surplus...)
	i := slices.IndexFunc(known, func(k testkit.Payment) bool { return k.TradeNo == p.Payment.TradeNo })
	switch {
	case i < 0:
		return fmt.Errorf("the platform knows no trade_no %s", p.Payment.TradeNo)
	case known[i].OpenID != p.Payment.OpenID:
		return errors.New("somebody else paid")
	case trade.Amount != p.Amount, trade.AppID != p.AppID, trade.StoreNo != p.StoreNo, !slices.Contains(trade.ImprestCodes, p.ImprestCode):
		return errors.New("the platform's order is another one")
	}
	m, err := w.alive(ctx)
	if err != nil {
		return err
	}
	claim, err := m.store.Get(ctx, "trade/"+p.Payment.TradeNo)
	if err != nil {
		return fmt.Errorf("its claim: %w", err)
	}
	if string(claim.Body) != p.ID {
		return fmt.Errorf("its trade_no is claimed for %s", claim.Body)
	}
	return nil
}

// refused makes sure that no false notification was answered with success.
func (w *world) refused() error {
	lies := []testkit.FaultKind{testkit.FaultForgedSign, testkit.FaultTampered, testkit.FaultOtherAmount}
	for _, n := range w.platform.Notifications() {
		for _, a := range n.Attempts {
			lie := slices.ContainsFunc(a.Faults, func(k testkit.FaultKind) bool { return slices.Contains(lies, k) })
			if lie && a.Status != 0 && (a.Status < http.StatusBadRequest || a.Status >= http.StatusInternalServerError) {
				return fmt.Errorf("one was answered %d %.40q", a.Status, a.Answer)
			}
		}
	}
	return nil
}

// paidBack holds the refund against the platform's books.
func (w *world) paidBack(p purchase.Purchase, refunded bool) error {
	made := w.platform.Payouts()
	if !refunded {
		if len(made) > 0 {
			return fmt.Errorf("the platform was asked for %d payouts", len(made))
		}
		return nil
	}
	if len(made) != 1 {
		return fmt.Errorf("the platform was asked for %d payouts, not 1", len(made))
	}
	trade, _ := w.platform.Trade(p.ID)
	switch paid := made[0]; {
	case p.Refund == nil || paid.OutOrderNo != p.Refund.OutOrderNo:
		return fmt.Errorf("the record has no refund %s", paid.OutOrderNo)
	case paid.Status != testkit.PayoutDone && p.State == purchase.Refunded:
		return fmt.Errorf("the platform has status %d", paid.Status)
	case paid.Amount != trade.Amount || paid.InOpenID != trade.OpenID:
		return fmt.Errorf("%d fen to %s, and %s had paid %d", paid.Amount, paid.InOpenID, trade.OpenID, trade.Amount)
	}
	return nil
}

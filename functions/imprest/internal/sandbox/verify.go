package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// end is how a run is to end.
type end struct {
	state    purchase.State
	payments int // that the platform took for the order
}

// implied returns the end that the faults of a run imply.
func (p *plan) implied() end {
	e := end{state: purchase.Delivered, payments: 1}
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
	checks := []struct {
		rule string
		hold func() error
	}{
		{"the run ends as its faults imply", func() error {
			if p.State != want.state {
				return fmt.Errorf("the purchase is %s, not %s: %s", p.State, want.state, p.Reason)
			}
			return nil
		}},
		{"every fault struck", w.allStruck},
		{"what was paid is granted, once", func() error { return w.grantedOnce(ctx, id) }},
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
	}
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

func (w *world) grantedOnce(ctx context.Context, id string) error {
	m, err := w.alive(ctx)
	if err != nil {
		return err
	}
	all, err := deliveries(ctx, m.store)
	if err != nil {
		return err
	}
	if all[id] != 1 {
		return fmt.Errorf("granted %d times", all[id])
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

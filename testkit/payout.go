package testkit

import (
	"context"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The states of a [Payout], as the wire spells them.
const (
	PayoutWaiting = 0
	PayoutDone    = 1
	PayoutFailed  = 2
)

// Payout is a payout (agentpay) as the platform has it on record.
type Payout struct {
	AppID string `json:"app_id"`
	// OutOrderNo is the merchant's number; nothing keeps two payouts from
	// having the same one ([Readings] RepeatedPayout).
	OutOrderNo string `json:"out_order_no"`
	// AgentpayNo is the platform's.
	AgentpayNo string `json:"agentpay_no"`
	// InOpenID is who is paid, OutOpenID the account that pays.
	InOpenID  string `json:"in_open_id"`
	OutOpenID string `json:"out_open_id"`
	// Amount is in fen.
	Amount    core.Fen `json:"amount"`
	Title     string   `json:"title"`
	Remark    string   `json:"remark"`
	NotifyURL string   `json:"notify_url"`
	// Made is when it was accepted.
	Made time.Time `json:"made"`
	// Status is [PayoutWaiting], [PayoutDone] (money moved) or
	// [PayoutFailed].
	Status int `json:"status"`
	// Settled is when it came to its end; zero while it waits.
	Settled time.Time `json:"settled,omitzero"`
}

// payout is a Payout on the platform's books.
type payout struct {
	Payout
	outcome int // what becomes of it
	notice  *notification
}

// settle ends p. It is called with the platform's lock held.
func (p *payout) settle(now time.Time) {
	if p.Status == PayoutWaiting {
		p.Status, p.Settled = p.outcome, now
	}
}

// Payouts returns all payouts that were accepted, the oldest first.
func (p *Platform) Payouts() []Payout {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Payout, len(p.payouts))
	for i, made := range p.payouts {
		all[i] = made.Payout
	}
	return all
}

// SettlePayout ends the oldest payout with that out_order_no that still waits,
// as done or as failed, notifies the merchant, and returns what the
// notification has become. The error is [core.CodeNotFound] if no such payout
// waits, and [core.CodeInvalid] for a status that ends nothing.
func (p *Platform) SettlePayout(ctx context.Context, outOrderNo string, status int) (Notification, error) {
	const op = "testkit.Platform.SettlePayout"
	if status != PayoutDone && status != PayoutFailed {
		return Notification{}, core.Invalid(op, fmt.Sprintf("status %d ends no payout: it must be 1 or 2", status))
	}
	return p.notifyOfPayout(ctx, op, outOrderNo, func(made *payout) bool {
		if made.Status != PayoutWaiting {
			return false
		}
		made.outcome = status
		made.settle(p.Clock.Now())
		made.notice.cancel()
		return true
	}, delivery{})
}

// RedeliverPayout is [Platform.Redeliver] for the oldest payout with that
// out_order_no that has come to its end.
func (p *Platform) RedeliverPayout(ctx context.Context, outOrderNo string) (Notification, error) {
	return p.notifyOfPayout(ctx, "testkit.Platform.RedeliverPayout", outOrderNo, func(made *payout) bool { return made.Status != PayoutWaiting }, delivery{manual: true})
}

// notifyOfPayout makes an attempt for the oldest payout with that number that
// take, called with the lock held, says yes to.
func (p *Platform) notifyOfPayout(ctx context.Context, op, outOrderNo string, take func(*payout) bool, how delivery) (Notification, error) {
	p.mu.Lock()
	var found *payout
	for _, made := range p.payouts {
		if found == nil && made.OutOrderNo == outOrderNo && take(made) {
			found = made
		}
	}
	if found == nil || p.noAttempts {
		p.mu.Unlock()
		return Notification{}, notFound(op, "out_order_no", outOrderNo)
	}
	n := found.notice
	p.attempts.Add(1)
	p.mu.Unlock()
	defer p.attempts.Done()
	p.deliver(ctx, n, how)
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.snapshot(), nil
}

// RequirePaidOut fails the test unless exactly one payout with that
// out_order_no is done, over amount (fen) to inOpenID, and returns it.
func (p *Platform) RequirePaidOut(tb TB, outOrderNo, inOpenID string, amount core.Fen) Payout {
	tb.Helper()
	var done []Payout
	for _, made := range p.Payouts() {
		if made.OutOrderNo == outOrderNo && made.Status == PayoutDone {
			done = append(done, made)
		}
	}
	switch {
	case len(done) != 1:
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("one payout with out_order_no %q and status 1", outOrderNo),
			got:      fmt.Sprintf("%d of %d payouts", len(done), len(p.Payouts())), rule: rulePayout,
			do: "move platform.Clock ahead, or end the payout with SettlePayout; of more than one, fix the out_order_no before the only request",
		})
		return Payout{}
	case done[0].InOpenID != inOpenID || done[0].Amount != amount:
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the payout with out_order_no %q to be %d fen to in_open_id %q", outOrderNo, amount, inOpenID),
			got:      fmt.Sprintf("%d fen to %q", done[0].Amount, done[0].InOpenID), rule: rulePayout,
			do: "take the amount and the payee of a refund from the payment on record, never from a request",
		})
	}
	return done[0]
}

// RequireNoPayout fails the test if the platform accepted a payout.
func (p *Platform) RequireNoPayout(tb TB) {
	tb.Helper()
	if made := p.Payouts(); len(made) > 0 {
		tb.Fatalf("%s", unmet{
			expected: "no payout", got: fmt.Sprintf("%d, the first with out_order_no %q over %d fen", len(made), made[0].OutOrderNo, made[0].Amount),
			rule: rulePayout, do: "pay back only what was paid and cannot be delivered",
		})
	}
}

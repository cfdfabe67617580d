//go:build unix

package fleet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// fault is what is wrong with a sale. The zero value is nothing.
type fault struct {
	what string
	// lost and double are the two that cost money.
	lost, double bool
	// open says that the fleet may still put it right.
	open bool
}

// seen is what is known of a sale when it is judged: the outside's facts, and
// the record.
type seen struct {
	story        story
	plan         plan
	payments     []testkit.Payment
	acknowledged []string
	granted      bool
	doubles      int
	offences     []string
	payouts      []testkit.Payout
	record       purchase.Purchase
	missing      bool // there is no record
}

// The reasons for which a person is called, and that are the rules'. A refund
// whose request may have been sent is never sent again.
var (
	paidTwice  = regexp.MustCompile(`a second payment, trade_no |, and paid more than once, trade_no `)
	refundSent = regexp.MustCompile(`^the refund R\S+ (may have been sent: look whether money moved|was sent, and this came of it: )`)
)

// judge says what is wrong with a sale.
func judge(s seen) fault {
	wrong := func(format string, args ...any) fault { return fault{what: fmt.Sprintf(format, args...)} }
	switch p := s.record; {
	case len(s.payouts) > 1:
		return fault{what: fmt.Sprintf("refunded %d times", len(s.payouts)), double: true}
	case s.granted && len(s.payouts) > 0:
		return fault{what: "granted and refunded", double: true}
	case s.doubles > 0:
		return fault{what: fmt.Sprintf("posted %d times after it was granted", s.doubles), double: true}
	case len(s.offences) > 0:
		return wrong("%s", s.offences[0])
	case s.missing:
		return fault{what: "its record is gone", lost: true}
	case len(s.payments) == 0 && (s.granted || len(s.payouts) > 0):
		return wrong("nobody paid, and it was granted or refunded")
	case len(s.payments) == 0 && (p.Payment != nil || p.State != purchase.Unpaid && p.State != purchase.Expired):
		return wrong("nobody paid, and it is %s", p.State)
	case len(s.payments) == 0:
		return fault{}
	}
	return judgePaid(s)
}

func judgePaid(s seen) fault {
	p := s.record
	lost := func(open bool, format string, args ...any) fault {
		return fault{what: fmt.Sprintf(format, args...), lost: true, open: open}
	}
	known := tradeNos(p)
	for _, tradeNo := range s.acknowledged {
		if !slices.Contains(known, tradeNo) {
			return lost(false, "the payment %s was acknowledged, and is not on record", tradeNo)
		}
	}
	for _, tradeNo := range known {
		if !slices.ContainsFunc(s.payments, func(paid testkit.Payment) bool { return paid.TradeNo == tradeNo }) {
			return fault{what: "the payment " + tradeNo + " is on record, and nobody made it"}
		}
	}
	if why := outOfOrder(p.History); why != "" {
		return fault{what: why}
	}
	refunded := slices.ContainsFunc(s.payouts, func(made testkit.Payout) bool { return made.Status == testkit.PayoutDone })
	switch {
	case p.Payment == nil:
		return lost(true, "it is paid, and %s", p.State)
	case len(s.payments) > 1 && p.State == purchase.Attention && paidTwice.MatchString(p.Reason) && s.granted && len(p.Surplus) == 1:
		return fault{}
	case len(s.payments) > 1:
		return lost(true, "it is paid twice, and %s: %s", p.State, p.Reason)
	case p.State == purchase.Delivered && s.granted:
		return fault{}
	case p.State == purchase.Delivered:
		return lost(false, "it is delivered, and the warehouse granted nothing")
	case s.granted:
		return lost(true, "it was granted, and is %s: %s", p.State, p.Reason)
	case !s.plan.refuses():
		return lost(true, "it is paid, and %s: %s", p.State, p.Reason)
	case p.State == purchase.Refunded && refunded:
		return fault{}
	case p.State == purchase.Refunded:
		return lost(false, "it is refunded, and no money moved")
	case len(s.payouts) > 0:
		return lost(true, "money moved back, and it is %s: %s", p.State, p.Reason)
	case p.State == purchase.Attention && refundSent.MatchString(p.Reason):
		return fault{}
	}
	return lost(true, "the warehouse refused it, and it is %s: %s", p.State, p.Reason)
}

func tradeNos(p purchase.Purchase) []string {
	var known []string
	if p.Payment != nil {
		known = append(known, p.Payment.TradeNo)
	}
	for _, surplus := range p.Surplus {
		known = append(known, surplus.TradeNo)
	}
	return known
}

// outOfOrder says where a history leaves the table of states, or "".
func outOfOrder(history []purchase.Event) string {
	for i := 1; i < len(history); i++ {
		from, to := history[i-1].State, history[i].State
		if from != to && !slices.Contains(from.Next(), to) {
			return fmt.Sprintf("it went from %s to %s", from, to)
		}
	}
	return ""
}

// offender is a sale that is not as it must be.
type offender struct {
	sale   *sale
	record purchase.Purchase
	fault  fault
}

// look reads a sale's record, and judges it.
func (f *fleet) look(ctx context.Context, s *sale, payouts map[string][]testkit.Payout) (offender, error) {
	record, err := f.service.Get(ctx, s.id)
	missing := errors.Is(err, journal.ErrNotFound)
	if err != nil && !missing {
		return offender{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return offender{s, record, judge(seen{
		story: s.story, plan: s.plan, payments: s.payments, acknowledged: s.acknowledged, granted: s.granted, doubles: s.doubles,
		offences: s.offences, payouts: payouts["R"+s.id], record: record, missing: missing,
	})}, nil
}

// lookAtAll judges sales, and returns those that are not as they must be.
func (f *fleet) lookAtAll(ctx context.Context, sales []*sale) ([]offender, error) {
	payouts := map[string][]testkit.Payout{}
	for _, made := range f.vvchat.Payouts() {
		payouts[made.OutOrderNo] = append(payouts[made.OutOrderNo], made)
	}
	var mu sync.Mutex
	var offenders []offender
	var failure error
	var looking sync.WaitGroup
	next := make(chan *sale)
	for range 8 {
		looking.Go(func() {
			for s := range next {
				o, err := f.look(ctx, s, payouts)
				mu.Lock()
				if err != nil {
					failure = err
				} else if o.fault.what != "" {
					offenders = append(offenders, o)
				}
				mu.Unlock()
			}
		})
	}
	for _, s := range sales {
		next <- s
	}
	close(next)
	looking.Wait()
	return offenders, failure
}

// settle waits until every sale is as it must be, and returns those that will
// not be.
func (f *fleet) settle(ctx context.Context) []offender {
	deadline := time.Now().Add(f.cfg.Settle)
	sales := f.ledger.all()
	total := len(sales)
	for {
		offenders, err := f.lookAtAll(ctx, sales)
		open := false
		if err == nil {
			sales = sales[:0:0]
			for _, o := range offenders {
				sales = append(sales, o.sale)
				open = open || o.fault.open
			}
		}
		f.settled.Store(int64(total - len(sales)))
		if err == nil && !open || time.Now().After(deadline) || !pause(ctx, 500*time.Millisecond) {
			return offenders
		}
	}
}

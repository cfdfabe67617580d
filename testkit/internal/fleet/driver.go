//go:build unix

package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// attemptTimeout is how long the platform waits for an answer.
const attemptTimeout = 4 * time.Second

// post hands a message to some process, as the balancer before them does, and
// returns the status and the answer; status 0 is none.
func (f *fleet) post(ctx context.Context, path string, m testkit.Message) (status int, answer, by string) {
	p, l := f.pick()
	if l == nil {
		return 0, "no process is up", ""
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		f.sent.Add(1)
		p.strike(onForward, time.Duration(rand.ExpFloat64()*float64([]time.Duration{3, 30}[rand.IntN(2)]*time.Millisecond)), false)
	}})
	resp, err := m.Post(ctx, l.client, "http://"+l.addr+path)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			p.slowTill.Store(time.Now().Add(2 * time.Second).UnixNano())
		}
		return 0, err.Error(), p.name
	}
	if acknowledgment(resp) {
		f.acknowledged.Add(1)
	}
	return resp.Status, string(resp.Body), p.name
}

func acknowledgment(resp *core.Response) bool {
	return resp.Status == http.StatusOK && strings.EqualFold(strings.TrimSpace(string(resp.Body)), "success")
}

// pick chooses a process, and rather not one that is down or hangs.
func (f *fleet) pick() (*process, *life) {
	var p *process
	for range 8 {
		p = f.callbacks[rand.IntN(len(f.callbacks))]
		l := p.alive()
		if l != nil && (time.Now().UnixNano() > p.slowTill.Load() || rand.IntN(20) == 0) {
			return p, l
		}
	}
	return p, p.alive()
}

// notifications takes what the fake platform sends. Of payments it hears
// nothing from there: what is told of them is the driver's to say. Payouts are
// told as the platform does.
type notifications struct{ *fleet }

// RoundTrip implements http.RoundTripper.
func (n notifications) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_ = r.Body.Close()
	status, answer := http.StatusOK, "success"
	if strings.HasSuffix(r.URL.Path, "/payout") {
		m := testkit.Message{Method: r.Method, ContentType: r.Header.Get("Content-Type"), Body: body}
		if rand.IntN(4) == 0 {
			_, _, _ = n.post(r.Context(), r.URL.Path, m)
		}
		status, answer, _ = n.post(r.Context(), r.URL.Path, m)
		if status == 0 {
			return nil, errors.New(answer)
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func (f *fleet) fields(s *sale, payment testkit.Payment) testkit.PaymentFields {
	return testkit.PaymentFields{
		AppID: f.account.AppID, AppKey: f.account.AppKey, OutTradeNo: s.id, TradeNo: payment.TradeNo, OpenID: payment.OpenID,
		Amount: s.amount, TradeTime: s.began, PayTime: payment.PayTime,
	}
}

const paymentPath = "/callbacks/payment"

// tell tells of a payment once, and reports whether that was acknowledged.
func (f *fleet) tell(ctx context.Context, s *sale, payment testkit.Payment) bool {
	status, answer, by := f.post(ctx, paymentPath, testkit.SignedPayment(f.fields(s, payment)))
	s.saw("%s is told of %s: %d %.60s", by, payment.TradeNo, status, answer)
	switch {
	case status == http.StatusOK && strings.EqualFold(answer, "success"):
		s.acknowledges(payment.TradeNo)
		return true
	case status/100 == 4 || status/100 == 2:
		s.offends("a genuine notification was answered %d %.60s by %s", status, answer, by)
		return true // it would not be told again
	}
	return false
}

// tellUntilHeard tells of a payment as the platform does: copies at once at
// times, and again, until it is acknowledged.
func (f *fleet) tellUntilHeard(ctx context.Context, s *sale, payment testkit.Payment, rng *rand.Rand) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		copies := 1
		if rng.IntN(3) == 0 {
			copies += 1 + rng.IntN(3)
		}
		heard := make(chan bool, copies)
		for range copies {
			go func() { heard <- f.tell(ctx, s, payment) }()
		}
		acknowledged := false
		for range copies {
			acknowledged = <-heard || acknowledged
		}
		if acknowledged || !pause(ctx, wait) {
			return
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// later does something at some time within the next seconds, beside all else.
func (f *fleet) later(ctx context.Context, do func()) {
	wait := time.Duration(rand.Int64N(int64(f.cfg.Later)))
	f.afterwards.Go(func() {
		if pause(ctx, wait) {
			do()
		}
	})
}

// forge sends what nobody must believe.
func (f *fleet) forge(ctx context.Context, s *sale, rng *rand.Rand) {
	fields := f.fields(s, testkit.Payment{OpenID: testkit.TestUser().OpenID, PayTime: time.Now()})
	what, mutators := "", []testkit.Mutator(nil)
	switch rng.IntN(8) {
	case 0:
		what = "of another amount"
		fields.Amount += core.Fen(1 + rng.IntN(100))
	case 1:
		what = "of an order that nobody made"
		fields.OutTradeNo = "x" + s.id
	case 2:
		what = "with the payment of another sale"
		if fields.TradeNo = f.usedTradeNo(s, rng); fields.TradeNo == "" {
			return
		}
	default:
		m := f.forgeries[rng.IntN(len(f.forgeries))]
		what, mutators = "mutated: "+string(m), []testkit.Mutator{m}
	}
	status, answer, by := f.post(ctx, paymentPath, testkit.SignedPayment(fields, mutators...))
	s.saw("%s is told a lie, %s: %d %.60s", by, what, status, answer)
	if status/100 == 4 {
		f.refused.Add(1)
	}
	if status != 0 && status/100 != 4 && status/100 != 5 {
		s.offends("a notification %s was answered %d %.60s by %s", what, status, answer, by)
	}
}

// usedTradeNo returns the trade_no of a payment that is acknowledged already;
// it cannot pay a second sale.
func (f *fleet) usedTradeNo(s *sale, rng *rand.Rand) string {
	f.ledger.mu.RLock()
	other := f.ledger.order[rng.IntN(len(f.ledger.order))]
	f.ledger.mu.RUnlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	if other == s || len(other.acknowledged) == 0 {
		return ""
	}
	return other.acknowledged[0]
}

// pick1 returns one of the choices, each as likely as its weight.
func pick1[T any](rng *rand.Rand, weights []int, choices []T) T {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := rng.IntN(total)
	for i, w := range weights {
		if n -= w; n < 0 {
			return choices[i]
		}
	}
	return choices[0]
}

// newSale makes the n-th sale of the seed.
func (f *fleet) newSale(n int, rng *rand.Rand) *sale {
	s := &sale{id: fmt.Sprintf("f%d-%0*d", f.cfg.Seed%1000, 6+n%2, n), amount: core.Fen(100 + rng.IntN(9900)), began: time.Now()}
	s.story = pick1(rng, []int{60, 8, 20, 2, 3, 5}, []story{plain, early, shuffle, twice, untold, unpaid})
	if s.story == untold && f.cfg.Brief {
		s.story = plain
	}
	s.plan = pick1(rng, []int{860, 60, 4, 10, 10, 10, 10, 20, 6}, []plan{grants, grantsSlow, answersLate, failsFirst, failsAfter, cutsFirst, cutsAfter, refuses, cutsRefusal})
	if s.story == twice && s.plan.refuses() {
		s.plan = grants
	}
	return s
}

// sell makes a sale, from the order to the last notification, and returns when
// its payment is acknowledged. An error ends the run.
func (f *fleet) sell(ctx context.Context, n int) error {
	rng := rand.New(rand.NewPCG(f.cfg.Seed, uint64(n)))
	s := f.newSale(n, rng)
	f.ledger.add(s)
	prepay, err := f.client.UnifiedOrder(ctx, vvchat.Order{OutTradeNo: s.id, Amount: s.amount, NotifyURL: f.origin + paymentPath, Title: "goods"})
	if err != nil {
		return fmt.Errorf("the fake platform took no order: %w", err)
	}
	if s.story == early {
		payment, err := f.pay(ctx, s, prepay.ImprestCode, false)
		if err != nil {
			return err
		}
		status, answer, by := f.post(ctx, paymentPath, testkit.SignedPayment(f.fields(s, payment)))
		s.saw("%s is told of %s too early: %d %.60s", by, payment.TradeNo, status, answer)
		if status/100 == 2 {
			s.offends("a payment of an order that is not on record was acknowledged by %s", by)
		}
	}
	if err := f.record(ctx, s, prepay.ImprestCode); err != nil {
		return err
	}
	f.lie(ctx, s, rng)
	if s.story == unpaid {
		return nil
	}
	if s.story != early {
		if _, err := f.pay(ctx, s, prepay.ImprestCode, false); err != nil {
			return err
		}
	}
	if s.story == untold {
		return nil
	}
	first := s.payments[0]
	if s.story == shuffle {
		f.waiting(ctx, s, first)
		if rng.IntN(2) == 0 {
			f.later(ctx, func() { f.waiting(ctx, s, first) })
		}
	}
	if s.story == twice {
		second, err := f.pay(ctx, s, prepay.ImprestCode, true)
		if err != nil {
			return err
		}
		if rng.IntN(2) == 0 {
			first, second = second, first
		}
		again := rand.New(rand.NewPCG(f.cfg.Seed, ^uint64(n)))
		f.later(ctx, func() { f.tellUntilHeard(ctx, s, second, again) })
	}
	f.tellUntilHeard(ctx, s, first, rng)
	if s.story == shuffle {
		f.waiting(ctx, s, first)
	}
	for range rng.IntN(3) {
		f.later(ctx, func() { f.tell(ctx, s, first) })
	}
	f.lie(ctx, s, rng)
	return nil
}

func (f *fleet) lie(ctx context.Context, s *sale, rng *rand.Rand) {
	for range rng.IntN(2) {
		f.forge(ctx, s, rng)
	}
}

// waiting tells that an order is not paid yet: a notice that was under way for
// long.
func (f *fleet) waiting(ctx context.Context, s *sale, payment testkit.Payment) {
	fields := f.fields(s, payment)
	fields.Status = "0"
	status, answer, by := f.post(ctx, paymentPath, testkit.SignedPayment(fields))
	s.saw("%s is told that it is not paid yet: %d %.60s", by, status, answer)
	if status/100 == 4 {
		s.offends("a genuine notice of status 0 was answered %d by %s", status, by)
	}
}

func (f *fleet) pay(ctx context.Context, s *sale, imprestCode string, again bool) (testkit.Payment, error) {
	pay := f.vvchat.Pay
	if again {
		pay = f.vvchat.PayAgain
	}
	trade, err := pay(ctx, imprestCode, "")
	if err != nil {
		return testkit.Payment{}, fmt.Errorf("the fake platform took no payment: %w", err)
	}
	payment := trade.Payment
	if again {
		payment = trade.Surplus[0]
	}
	s.pays(payment)
	return payment, nil
}

// record puts the order on record.
func (f *fleet) record(ctx context.Context, s *sale, imprestCode string) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		_, err := f.service.Import(ctx, purchase.Purchase{
			ID: s.id, AppID: f.account.AppID, StoreNo: f.account.StoreNo, Amount: s.amount, ImprestCode: imprestCode,
			Buyer: testkit.TestUser().OpenID, OfferID: "goods", Title: "goods",
		})
		if err == nil {
			s.mu.Lock()
			s.imported = true
			s.note("on record")
			s.mu.Unlock()
			return nil
		}
		s.saw("Import: %v", err)
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

package testkit

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Notification is what the platform has to tell a merchant of one payment, or
// of one payout, and what came of it.
type Notification struct {
	AppID string
	// OutTradeNo and TradeNo name a payment.
	OutTradeNo string
	TradeNo    string
	// OutOrderNo and AgentpayNo name a payout.
	OutOrderNo string
	AgentpayNo string
	// URL is the notify_url of the order, or of the payout.
	URL string
	// Attempts are all that was sent, or should have been, the oldest first.
	Attempts []Attempt
	// Acknowledged is true once a genuine notice of it was answered
	// HTTP 200 with the body "success", in any case of letters.
	Acknowledged bool
	// Next is when it is delivered again; zero if it is not.
	Next time.Time
}

// Attempt is one message of a [Notification].
type Attempt struct {
	// Time is when it was sent, on the platform's clock.
	Time time.Time
	// Message is what was sent; empty once [PlatformConfig] Keep attempts
	// have followed.
	Message Message
	// Genuine is true if it tells of the matter as it is, signed well. The
	// answer to any other is of no effect.
	Genuine bool
	// Dropped is true if a fault kept it from being sent.
	Dropped bool
	// Status and Answer are what came back; Status is 0 if nothing did.
	// Answer is cut to 100 bytes once Keep attempts have followed.
	Status int
	Answer string
	// Err says why nothing came back.
	Err string
	// Faults are those that struck it.
	Faults []FaultKind
}

// String returns what was sent and what came back, in one line.
func (a Attempt) String() string {
	line := a.Time.UTC().Format("15:04:05") + " " + a.outcome()
	if len(a.Faults) > 0 {
		line += fmt.Sprintf(" %v", a.Faults)
	}
	return line
}

func (a Attempt) outcome() string {
	switch {
	case a.Dropped:
		return "never sent"
	case a.Err != "":
		return "no answer: " + a.Err
	}
	return fmt.Sprintf("answered %d %.100q", a.Status, a.Answer)
}

// notification is a Notification while the platform works on it.
type notification struct {
	Notification
	order       Trade // as it was paid
	payment     Payment
	imprestCode string
	surplus     bool
	payout      *payout // of a payout's; the four above are a payment's
	tries       int     // attempts of the schedule so far
	stop        func() bool
}

func newNotification(t Trade, payment Payment, imprestCode string, surplus bool) *notification {
	return &notification{
		Notification: Notification{AppID: t.AppID, OutTradeNo: t.OutTradeNo, TradeNo: payment.TradeNo, URL: t.NotifyURL},
		order:        t, payment: payment, imprestCode: imprestCode, surplus: surplus,
	}
}

// cancel is called with the platform's lock held.
func (n *notification) cancel() {
	if n.stop != nil {
		n.stop()
	}
	n.stop, n.Next = nil, time.Time{}
}

// snapshot is called with the platform's lock held.
func (n *notification) snapshot() Notification {
	s := n.Notification
	s.Attempts = slices.Clone(n.Attempts)
	return s
}

// call is what an attempt of it is.
func (n *notification) call() Call {
	if n.payout != nil {
		return CallPayoutNotification
	}
	return CallNotification
}

// Notifications returns all notifications, in the order of the payments and
// payouts.
func (p *Platform) Notifications() []Notification {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Notification, len(p.notifications))
	for i, n := range p.notifications {
		all[i] = n.snapshot()
	}
	return all
}

// Redeliver makes one more attempt at once, whether the notification was
// acknowledged or not, and returns what became of it. If the order was paid
// twice it is the first payment's; if several apps have an order of that
// number, the oldest order's. The schedule goes on as before, unless the
// attempt is acknowledged. The error is [core.CodeNotFound] if the order has
// not been paid.
func (p *Platform) Redeliver(ctx context.Context, outTradeNo string) (Notification, error) {
	const op = "testkit.Platform.Redeliver"
	p.mu.Lock()
	t := p.books.oldest[outTradeNo]
	if t == nil || t.notice == nil || p.noAttempts {
		p.mu.Unlock()
		return Notification{}, notFound(op, "a notification for out_trade_no", outTradeNo)
	}
	n := t.notice
	p.attempts.Add(1)
	p.mu.Unlock()
	defer p.attempts.Done()
	p.deliver(ctx, n, delivery{manual: true})
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.snapshot(), nil
}

// delivery says what kind of attempt is made.
type delivery struct {
	manual  bool   // outside of the schedule
	carried struck // what struck it when it was delayed, the delay included
}

// deliver makes an attempt, with whatever faults strike it.
func (p *Platform) deliver(ctx context.Context, n *notification, how delivery) {
	p.mu.Lock()
	target := FaultTarget{Call: n.call(), AppID: n.AppID, OutTradeNo: n.OutTradeNo, OutOrderNo: n.OutOrderNo, ImprestCode: n.imprestCode, Attempt: n.tries + 1}
	if n.payout != nil {
		n.payout.settle(p.Clock.Now())
	}
	p.mu.Unlock()
	except := how.carried.kinds() // what struck it once does not do so again
	if how.manual {
		except = append(except, FaultDelayCallback)
	}
	if n.surplus {
		except = append(except, FaultSecondPayment) // one is enough
	}
	hit := p.faults.take(target, except...)
	if delay, ok := hit.get(FaultDelayCallback); ok {
		wait := delay.Delay
		if wait <= 0 {
			wait = time.Minute
		}
		p.later(n, wait, delivery{carried: hit})
		return
	}
	hit = append(hit, how.carried...)
	if !how.manual {
		p.mu.Lock()
		n.tries++
		p.mu.Unlock()
	}

	if hit.has(FaultWaitingFirst) {
		p.send(ctx, n, notice{status: "0", faults: []FaultKind{FaultWaitingFirst}})
	}
	acknowledged := p.sendAll(ctx, n, hit)
	p.settle(n, acknowledged, how)
	if hit.has(FaultReorder) {
		p.send(ctx, n, notice{status: "0", faults: []FaultKind{FaultReorder}})
	}
	if hit.has(FaultPayoutFailedAfter) {
		p.send(ctx, n, notice{status: "2", faults: []FaultKind{FaultPayoutFailedAfter}})
	}
	if hit.has(FaultSecondPayment) {
		_, _ = p.pay(ctx, n.imprestCode, n.payment.OpenID, true) // fails only once the platform is closed
	}
}

// sendAll sends the notice and the copies that faults add, and reports whether
// a genuine one was acknowledged.
func (p *Platform) sendAll(ctx context.Context, n *notification, hit struck) bool {
	first := notice{status: "1", genuine: true, faults: hit.kinds()}
	if n.payout != nil {
		p.mu.Lock()
		first.status = strconv.Itoa(n.payout.Status)
		p.mu.Unlock()
	}
	for _, f := range hit {
		mutators, genuine := f.mutators(n.payout != nil)
		first.mutators = append(first.mutators, mutators...)
		first.genuine = first.genuine && genuine
	}
	first.dropped = hit.has(FaultDropCallback)
	together, sequence := 1, 0
	if f, ok := hit.get(FaultDuplicateConcurrent); ok {
		together += max(f.Copies, 1)
	}
	if f, ok := hit.get(FaultDuplicate); ok {
		sequence = max(f.Copies, 1)
	}

	answers := make([]bool, together+sequence)
	var wg sync.WaitGroup
	for i := range together {
		wg.Go(func() { answers[i] = p.send(ctx, n, first) })
	}
	wg.Wait()
	for i := range sequence {
		answers[together+i] = p.send(ctx, n, first)
	}
	return slices.Contains(answers, true)
}

// mutators returns what a fault does to a notice, and whether the notice is
// still a genuine one.
func (f Fault) mutators(payout bool) (_ []Mutator, genuine bool) {
	switch f.Kind {
	case FaultOtherAmount:
		return []Mutator{MutateOtherAmount}, false
	case FaultForgedSign:
		return []Mutator{MutateWrongKey}, false
	case FaultTampered:
		if payout {
			return []Mutator{MutateTamperedOrder}, false // its notice has no amount
		}
		return []Mutator{MutateTamperedAmount}, false
	case FaultLowerCaseSign:
		return []Mutator{MutateLowerCaseSign}, true
	case FaultExtraField:
		return []Mutator{MutateExtraField}, true
	case FaultMutate:
		genuine = true
		for _, m := range f.Mutators {
			info, _ := FindMutator(string(m))
			genuine = genuine && info.Verdict == VerdictDeliver
		}
		return f.Mutators, genuine
	}
	return nil, true
}

// notice is one message that is to be sent.
type notice struct {
	status   string
	mutators []Mutator
	genuine  bool // tells of the payment as it was
	dropped  bool
	faults   []FaultKind
}

// send sends one message, records it, and reports whether it was a genuine one
// and acknowledged.
func (p *Platform) send(ctx context.Context, n *notification, out notice) bool {
	a := Attempt{Time: p.Clock.Now(), Message: p.message(n, out), Genuine: out.genuine, Dropped: out.dropped, Faults: out.faults}
	if !a.Dropped {
		p.transmit(ctx, n, &a)
	}
	p.mu.Lock()
	n.Attempts = append(n.Attempts, a)
	p.remember(n)
	p.mu.Unlock()
	return a.Genuine && a.Status == http.StatusOK && strings.EqualFold(a.Answer, "success")
}

// sentMessage is an attempt that is remembered in full.
type sentMessage struct {
	n       *notification
	attempt int
}

// remember lets go of the oldest message for the newest one's sake, so that a
// platform can run for long. It is called with the lock held.
func (p *Platform) remember(n *notification) {
	p.sent = append(p.sent, sentMessage{n, len(n.Attempts) - 1})
	if len(p.sent) <= p.record.keep {
		return
	}
	old := &p.sent[0].n.Attempts[p.sent[0].attempt]
	old.Message, old.Answer = Message{}, strings.Clone(old.Answer[:min(len(old.Answer), 100)])
	p.sent = p.sent[1:]
}

// transmit sends a message, writes into a what came of it, and returns the
// exchange as it is on record.
func (p *Platform) transmit(ctx context.Context, n *notification, a *Attempt) Exchange {
	began := time.Now()
	e := Exchange{
		Seq: p.record.begin(), Peer: PeerVVChat, Call: n.call(), Time: a.Time,
		Method: a.Message.Method, Path: n.URL, Header: a.Message.Request("/").Header, Body: string(a.Message.Body),
		AppID: n.AppID, OutTradeNo: n.OutTradeNo, OutOrderNo: n.OutOrderNo, Canonical: a.Message.Canonical, Faults: a.Faults,
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	resp, err := a.Message.send(ctx, p.notifier, n.URL)
	if err != nil {
		a.Err = err.Error()
	} else {
		a.Status, a.Answer = resp.Status, string(resp.Body)
		e.AnswerHeader = resp.Header
	}
	e.Took, e.Status, e.Answer, e.Err = time.Since(began), a.Status, a.Answer, a.Err
	e = p.masked(e)
	p.record.add(e)
	return e
}

// message writes the notice, by the platform's readings.
func (p *Platform) message(n *notification, out notice) Message {
	p.mu.Lock()
	account, _ := p.account(n.AppID)
	var settled time.Time
	if n.payout != nil {
		if settled = n.payout.Settled; out.status == "0" {
			settled = n.payout.Made
		}
	}
	p.mu.Unlock()
	if n.payout != nil {
		d := PayoutFields{
			AppID: n.AppID, AppKey: account.AppKey, OutOrderNo: n.OutOrderNo, AgentpayNo: n.AgentpayNo, Status: out.status, Time: settled,
		}.draft()
		d.form = p.readings.NotifyForm
		if p.readings.NotifyStatusText {
			d.set(textField("status", d.value("status")))
		}
		return d.build(out.mutators)
	}
	fields := PaymentFields{
		AppID: n.AppID, AppKey: account.AppKey, OutTradeNo: n.OutTradeNo, TradeNo: n.TradeNo, OpenID: n.payment.OpenID,
		Amount: n.order.Amount, TradeTime: n.order.Ordered, PayTime: n.payment.PayTime, Status: out.status,
	}
	if p.readings.NotifyExtra != nil {
		fields.Extra = p.readings.NotifyExtra(n.order)
	}
	d := fields.draft()
	d.form = p.readings.NotifyForm
	if p.readings.NotifyStatusText {
		d.set(textField("status", d.value("status")))
	}
	if p.readings.NotifyAmountNumber {
		d.set(bareField("amount", d.value("amount")))
	}
	if p.readings.NotifyTimeNumbers {
		d.set(bareField("trade_time", d.value("trade_time")))
		d.set(bareField("pay_time", d.value("pay_time")))
	}
	return d.build(out.mutators)
}

// settle ends an attempt: the notification is acknowledged, due again, or
// given up.
func (p *Platform) settle(n *notification, acknowledged bool, how delivery) {
	p.mu.Lock()
	if acknowledged {
		n.Acknowledged = true
		n.cancel()
	}
	again := !n.Acknowledged && !how.manual && n.tries <= len(p.schedule)
	var wait time.Duration
	if again {
		wait = p.schedule[n.tries-1]
	}
	p.mu.Unlock()
	if again {
		p.later(n, wait, delivery{})
	}
}

// later makes an attempt after a wait on the clock.
func (p *Platform) later(n *notification, wait time.Duration, how delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noAttempts || n.Acknowledged {
		return
	}
	n.Next = p.Clock.Now().Add(wait)
	n.stop = p.Clock.AfterFunc(wait, func() {
		p.mu.Lock()
		if p.noAttempts || n.Acknowledged {
			p.mu.Unlock()
			return
		}
		n.stop, n.Next = nil, time.Time{}
		p.attempts.Add(1)
		p.mu.Unlock()
		if p.async {
			go func() {
				defer p.attempts.Done()
				p.deliver(context.Background(), n, how)
			}()
			return
		}
		defer p.attempts.Done()
		p.deliver(context.Background(), n, how)
	})
}

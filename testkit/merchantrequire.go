package testkit

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// RequireDelivers sends a genuine payment notification (its mutators must be
// of [VerdictDeliver]) and fails the test unless it is acknowledged and the
// order delivered, once.
func (m *Merchant) RequireDelivers(tb TB, f PaymentFields, mutators ...Mutator) {
	tb.Helper()
	f = m.completed(f)
	m.requireDelivered(tb, f, m.send(f, mutators))
}

// RequireRefuses sends a payment notification that must not count, and fails
// the test unless it is refused (4xx) and nothing is delivered for it. The
// mutators say what is wrong with it; without any, it is the fields.
func (m *Merchant) RequireRefuses(tb TB, f PaymentFields, mutators ...Mutator) {
	tb.Helper()
	m.requireRefused(tb, m.completed(f), mutators)
}

// RequireDeliversOnce sends a genuine payment notification eight times at
// once, then again as the platform does whose first answer was lost, and then
// another payment of the same order, under another trade_no. It fails the test
// unless the order is delivered once and each repeat is acknowledged; one that
// comes while the first is being processed may be answered 5xx, and another
// payment as the merchant likes.
func (m *Merchant) RequireDeliversOnce(tb TB, f PaymentFields) {
	tb.Helper()
	f = m.completed(f)
	together := make([]outcome, 8)
	var wg sync.WaitGroup
	for i := range together {
		wg.Go(func() { together[i] = m.send(f, nil) })
	}
	wg.Wait()
	for _, o := range together {
		if status := o.exchange.Status; !o.acknowledged() && (status < 500 || status > 599) {
			u := o.unacknowledged()
			u.expected = fmt.Sprintf("each of %d notifications at once to be acknowledged, or answered 5xx while another is in progress", len(together))
			if u.rule = ruleOnce; slices.ContainsFunc(together, outcome.acknowledged) {
				u.do = repeatIsNoError
			}
			m.fail(tb, o, u)
			return
		}
	}
	if !m.requireOnce(tb, f, together[0], fmt.Sprintf("told %d times at once", len(together)),
		"claim the order in one atomic step (a unique key, an UPDATE … WHERE paid_by IS NULL, callback.Once): to look first and write later lets two pass") {
		return
	}
	o := m.send(f, nil)
	if !o.acknowledged() {
		u := o.unacknowledged()
		u.expected = fmt.Sprintf("a notification that is repeated to be acknowledged: 200 %q", "success")
		u.rule = ruleOnce
		u.do = repeatIsNoError
		m.fail(tb, o, u)
		return
	}
	if !m.requireOnce(tb, f, o, "told again", "look the payment up by out_trade_no and trade_no before delivering: what is on record as delivered is answered success, and no more") {
		return
	}
	f.TradeNo = "another-trade-no"
	o = m.send(f, nil)
	m.requireOnce(tb, f, o, "paid a second time under another trade_no", "one order is delivered once whatever pays for it: key the delivery by out_trade_no, and let a person pay the second payment back")
}

const repeatIsNoError = "a repeat is no error: where the same trade_no is on record as processed, answer success; otherwise it comes again until the platform gives up"

// RequireVerdicts sends what [Mutators] can make of a payment notification,
// and fails the test unless the merchant does with each what a strict one
// does: takes it, acknowledges it, or refuses it and still takes the genuine
// one that follows. Each has an order of its own ([Merchant.NewOrder]).
func (m *Merchant) RequireVerdicts(tb TB) {
	tb.Helper()
	for _, info := range Mutators() {
		f := m.completed(m.NewOrder(tb))
		passed := true
		switch info.Verdict {
		case VerdictDeliver:
			passed = m.requireDelivered(tb, f, m.send(f, []Mutator{info.Name}))
		case VerdictAcknowledge:
			passed = m.requireNoticed(tb, f, info.Name) && m.requireStillTaken(tb, f, info)
		case VerdictRefuse:
			passed = m.requireRefused(tb, f, []Mutator{info.Name}) && m.requireStillTaken(tb, f, info)
		}
		if !passed {
			return
		}
	}
}

// RequireSold is the user's tap on "pay" for an order that the merchant made:
// it fails the test unless the order is paid, its notification acknowledged at
// once, and the order delivered, once. It returns the trade.
func (m *Merchant) RequireSold(tb TB, imprestCode string) Trade {
	tb.Helper()
	saw := &seen{}
	trade, err := m.Platform.Pay(context.WithValue(context.Background(), seenKey{}, saw), imprestCode, "")
	if err != nil {
		tb.Fatalf("%s", unmet{
			expected: "an order that can be paid", got: err.Error(), rule: ruleOrder,
			do: "pass the imprest_code that the merchant's unified order was answered with",
		})
		return Trade{}
	}
	o := outcome{seen: saw, patience: m.Platform.timeout}
	for _, e := range m.Platform.Requests() {
		if e.Call == CallNotification && e.OutTradeNo == trade.OutTradeNo {
			o.exchange = e
		}
	}
	m.requireDelivered(tb, PaymentFields{OutTradeNo: trade.OutTradeNo}, o)
	return trade
}

// RequireDelivered fails the test unless the order with that out_trade_no has
// been delivered, once.
func (m *Merchant) RequireDelivered(tb TB, outTradeNo string) {
	tb.Helper()
	if n := m.delivered(outTradeNo); n != 1 {
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the order %q to be delivered once", outTradeNo), got: deliveries(n), rule: ruleOnce,
			do: "the log of this test has every notification that was sent, and its answer",
		})
	}
}

// RequireNotDelivered fails the test if the order with that out_trade_no has
// been delivered.
func (m *Merchant) RequireNotDelivered(tb TB, outTradeNo string) {
	tb.Helper()
	if n := m.delivered(outTradeNo); n != 0 {
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the order %q not to be delivered", outTradeNo), got: deliveries(n), rule: ruleForged,
			do: "the log of this test has every notification that was sent, and its answer",
		})
	}
}

func (m *Merchant) requireDelivered(tb TB, f PaymentFields, o outcome) bool {
	tb.Helper()
	if !o.acknowledged() {
		m.fail(tb, o, o.unacknowledged())
		return false
	}
	switch n := m.delivered(f.OutTradeNo); {
	case n == 0:
		m.fail(tb, o, unmet{
			expected: fmt.Sprintf("the order %q to be delivered", f.OutTradeNo), got: "success, and no delivery: the platform will not tell of it again",
			rule: ruleProcessed, do: "deliver, or write down durably that delivery is owed, and answer success after that; if it is left to a worker, let MerchantConfig.Settle run him",
		})
		return false
	case n > 1:
		m.fail(tb, o, unmet{
			expected: fmt.Sprintf("the order %q to be delivered once", f.OutTradeNo), got: deliveries(n),
			rule: ruleOnce, do: "deliver in one place alone, and make it idempotent by out_trade_no",
		})
		return false
	}
	return true
}

func (m *Merchant) requireOnce(tb TB, f PaymentFields, o outcome, how, do string) bool {
	tb.Helper()
	n := m.delivered(f.OutTradeNo)
	if n == 1 {
		return true
	}
	m.fail(tb, o, unmet{
		expected: fmt.Sprintf("the order %q, %s, to be delivered once", f.OutTradeNo, how),
		got:      deliveries(n), rule: ruleOnce, do: do,
	})
	return false
}

// requireNoticed wants a notice that is genuine and says that nothing was paid
// to be acknowledged, and nothing delivered.
func (m *Merchant) requireNoticed(tb TB, f PaymentFields, mutator Mutator) bool {
	tb.Helper()
	o := m.send(f, []Mutator{mutator})
	u := o.unacknowledged()
	u.expected, u.rule = "a genuine notice that nothing was paid to be acknowledged, with nothing delivered", ruleStatus
	n := m.delivered(f.OutTradeNo)
	if n > 0 {
		u.got += ", and " + deliveries(n)
		u.do = "deliver for status 1 alone, compared as an integer"
	}
	if n > 0 || !o.acknowledged() {
		m.fail(tb, o, u)
		return false
	}
	return true
}

// requireStillTaken wants the genuine notification to count after one that did
// not.
func (m *Merchant) requireStillTaken(tb TB, f PaymentFields, after MutatorInfo) bool {
	tb.Helper()
	o := m.send(f, nil)
	n := m.delivered(f.OutTradeNo)
	if o.acknowledged() && n == 1 {
		return true
	}
	m.fail(tb, o, unmet{
		expected: fmt.Sprintf("the genuine notification to be delivered once after one that did not count (%s: %s)", after.Name, after.Doc),
		got:      o.answer() + ", and " + deliveries(n), rule: ruleForged,
		do: "write nothing down of a message before it is verified and compared with the order: what does not count must not block what does",
	})
	return false
}

func (m *Merchant) requireRefused(tb TB, f PaymentFields, mutators []Mutator) bool {
	tb.Helper()
	before := m.delivered(f.OutTradeNo)
	o := m.send(f, mutators)
	more := m.delivered(f.OutTradeNo) - before
	status := o.exchange.Status
	refused := status >= 400 && status <= 499 && !strings.EqualFold(strings.TrimSpace(o.exchange.Answer), "success")
	if refused && more == 0 {
		return true
	}
	u := unmet{expected: "the notification to be refused: 4xx, and nothing delivered", got: o.answer()}
	u.rule, u.do = refusalRule(mutators)
	switch {
	case more > 0:
		u.got += ", and " + deliveries(more)
	case o.seen.panicked.Load() != nil:
		u.do = "no message may bring the handler down: check before you index or assert a type"
	case status == 0, status >= 500:
		u.do = "answer 4xx: after a 5xx, or none, the platform would deliver it again, and a fault of your own could not be told from a forgery"
	}
	m.fail(tb, o, u)
	return false
}

// refusalRule says why a notification with these mutators must be refused.
func refusalRule(mutators []Mutator) (rule, string) {
	notOnRecord := []Mutator{MutateOtherAmount, MutateOtherApp, MutateUnknownOrder}
	badlySigned := []Mutator{
		MutateWrongKey, MutateUnkeyedSign, MutateNoSign, MutateEmptySign, MutateNullSign, MutateArraySign, MutateShortSign, MutateLongSign,
		MutatePaddedSign, MutateNonHexSign, MutateUnsignedField, MutateChosenKey, MutateChosenType,
		MutateTamperedAmount, MutateTamperedStatus, MutateTamperedOrder, MutateTamperedAppID,
	}
	in := func(list []Mutator) func(Mutator) bool {
		return func(name Mutator) bool { return slices.Contains(list, name) }
	}
	switch {
	case len(mutators) == 0, slices.ContainsFunc(mutators, in(notOnRecord)):
		return ruleForged, "the sign holds, so the order on record must say no: compare out_trade_no, amount (in fen, with ==) and app_id with it before anything is written"
	case slices.ContainsFunc(mutators, in(badlySigned)):
		return ruleForged, "verify first: make the sign over all fields that came, with your own app_key, and compare the 16 bytes; a message that fails is answered 4xx and leaves no trace"
	}
	return ruleStrict, "read strictly, and refuse what has not exactly the documented form; core/callback does it for you"
}

func (o outcome) acknowledged() bool {
	return o.exchange.Status == http.StatusOK && strings.EqualFold(o.exchange.Answer, "success")
}

// answer tells in a few words what came back.
func (o outcome) answer() string {
	p := o.seen.panicked.Load()
	switch {
	case p != nil:
		return fmt.Sprintf("a panic: %.200v", p.value)
	case o.late():
		return fmt.Sprintf("no answer within %s", o.patience)
	case o.exchange.Status == 0:
		return "no answer: " + o.exchange.Err
	}
	return fmt.Sprintf("%d %.100q", o.exchange.Status, o.exchange.Answer)
}

func (o outcome) late() bool { return strings.Contains(o.exchange.Err, "deadline exceeded") }

// unacknowledged explains why the platform does not take the answer for an
// acknowledgement.
func (o outcome) unacknowledged() unmet {
	u := unmet{
		expected: fmt.Sprintf("the notification to be acknowledged: 200 %q", "success"),
		got:      o.answer(), rule: ruleAcknowledge,
	}
	switch status := o.exchange.Status; {
	case o.seen.panicked.Load() != nil:
		u.rule, u.do = ruleAgain, "the handler panicked, so there was no answer; its stack is in the log of this test"
	case o.late():
		u.do = "the platform does not wait, and tells it again: commit, answer, and leave slow work to something durable that a worker takes up"
	case status == 0:
		u.rule, u.do = ruleAgain, "let every way through the handler end in an answer"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		u.do = "nothing takes POST at this path: mount the handler there, or name its path in MerchantConfig.Path"
	case status >= 300 && status <= 399:
		u.do = "the platform follows no redirect: mount the handler at the very path, with or without the slash at its end"
	case status >= 400 && status <= 499:
		u.rule, u.do = ruleSigned, o.misread()
	case status >= 500:
		u.rule, u.do = ruleAgain, "the handler failed, and will be told again, rightly; find its error in its own log"
	case status == http.StatusOK && saysSuccessInside(o.exchange.Answer):
		u.do = `write success and nothing else: io.WriteString(w, "success"), since Fprintln adds a newline and a JSON encoder quotes`
	default:
		u.do = `write exactly success with status 200: io.WriteString(w, "success")`
	}
	return u
}

// misread says what may be the matter with a handler that refuses what is
// genuine.
func (o outcome) misread() string {
	if o.seen.reread.Load() {
		return "the body was read to its end, and then read again, where nothing is left: read it once (io.ReadAll) and hand the bytes on"
	}
	which, above := "genuine", "the one above"
	if o.exchange.Canonical == "" {
		above = "the Canonical of the Message"
	}
	if len(o.mutators) > 0 {
		which += fmt.Sprintf(" (%s)", o.mutators[0])
	}
	return fmt.Sprintf("it is %s, and refused; print the text that you sign and compare it with %s, or let imprest explain do so: "+
		"the usual causes are a field that was left out, a value that was decoded and encoded again, another app_key", which, above)
}

func saysSuccessInside(body string) bool {
	return len(body) <= 20 && strings.Contains(strings.ToLower(body), "success")
}

// sent tells what was sent, with the key masked.
func (o outcome) sent() string {
	lines := fmt.Sprintf("%s %s %s", o.exchange.Method, o.exchange.Path, clip(o.exchange.Body))
	if o.exchange.Canonical != "" {
		lines += "\nsigned over " + clip(o.exchange.Canonical)
	}
	for _, name := range o.mutators {
		if info, ok := FindMutator(string(name)); ok {
			lines += fmt.Sprintf("\n%s: %s", name, info.Doc)
		}
	}
	return lines
}

func deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

func (m *Merchant) fail(tb TB, o outcome, u unmet) {
	tb.Helper()
	if p := o.seen.panicked.Load(); p != nil {
		tb.Logf("%s", m.Platform.masked(Exchange{Err: p.Error()}).Err)
	}
	u.sent = o.sent()
	tb.Fatalf("%s", u)
}

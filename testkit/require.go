package testkit

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// RequireAcknowledged fails the test unless resp is what makes the platform
// stop: HTTP 200 with the body "success" in any case of letters, and nothing
// around it.
func RequireAcknowledged(tb TB, resp *core.Response) {
	tb.Helper()
	if statusOf(resp) != http.StatusOK || !strings.EqualFold(string(resp.Body), "success") {
		tb.Fatalf("%s", outcomeOf(resp).unacknowledged())
	}
}

// RequireRefused fails the test unless resp refuses the notification: a 4xx
// whose body is not "success".
func RequireRefused(tb TB, resp *core.Response) {
	tb.Helper()
	if status := statusOf(resp); status < 400 || status > 499 || saysSuccess(resp) {
		u := unmet{expected: "the notification to be refused: 4xx", got: describe(resp), rule: ruleForged}
		switch {
		case status == -1:
			u.do = "let every way through the handler end in an answer"
		case status >= 500:
			u.do = "answer 4xx: after a 5xx the platform would deliver it again, and a fault of your own could not be told from a forgery"
		default:
			u.do = "verify the sign first, then compare out_trade_no, amount (in fen, with ==) and app_id with the order on record; answer 4xx where anything differs, and write nothing down"
		}
		tb.Fatalf("%s", u)
	}
}

// RequireTryLater fails the test unless resp asks the platform to deliver
// again: a 5xx whose body is not "success".
func RequireTryLater(tb TB, resp *core.Response) {
	tb.Helper()
	if status := statusOf(resp); status < 500 || status > 599 || saysSuccess(resp) {
		tb.Fatalf("%s", unmet{
			expected: "to be asked to deliver again: 5xx", got: describe(resp), rule: ruleAgain,
			do: "answer 5xx where the fault is your own (a store that is down, a time limit): success would lose the payment, and a 4xx says that the message was bad",
		})
	}
}

// RequireVerdict fails the test unless resp is the answer that a verdict calls
// for ([MutatorInfo]): acknowledged for [VerdictDeliver] and
// [VerdictAcknowledge], refused for [VerdictRefuse]. Whether the merchant
// delivered is for the test to look up.
func RequireVerdict(tb TB, want Verdict, resp *core.Response) {
	tb.Helper()
	if want == VerdictRefuse {
		RequireRefused(tb, resp)
		return
	}
	RequireAcknowledged(tb, resp)
}

func statusOf(resp *core.Response) int {
	switch {
	case resp == nil:
		return -1
	case resp.Status == 0:
		return http.StatusOK
	}
	return resp.Status
}

func saysSuccess(resp *core.Response) bool {
	return strings.EqualFold(strings.TrimSpace(string(resp.Body)), "success")
}

// outcomeOf is an outcome of which nothing but the answer is known.
func outcomeOf(resp *core.Response) outcome {
	o := outcome{seen: &seen{}}
	if resp == nil {
		o.exchange.Err = "nil"
		return o
	}
	o.exchange.Status, o.exchange.Answer = statusOf(resp), string(resp.Body)
	return o
}

func describe(resp *core.Response) string {
	if resp == nil {
		return "no answer"
	}
	return fmt.Sprintf("%d %.100q", statusOf(resp), resp.Body)
}

// RequireTrade fails the test unless the platform has an order with that
// out_trade_no, and returns it.
func (p *Platform) RequireTrade(tb TB, outTradeNo string) Trade {
	tb.Helper()
	t, ok := p.Trade(outTradeNo)
	if !ok {
		var known []string
		for _, t := range p.Trades() {
			known = append(known, t.OutTradeNo)
		}
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("an order with out_trade_no %q on the platform", outTradeNo), got: fmt.Sprintf("%q", known), rule: ruleOrder,
			do: "see in the log whether a unified order arrived, and what it was answered",
		})
	}
	return t
}

// RequirePaid fails the test unless the order with that out_trade_no is paid
// once, and returns it.
func (p *Platform) RequirePaid(tb TB, outTradeNo string) Trade {
	tb.Helper()
	t := p.RequireTrade(tb, outTradeNo)
	if t.Status != Paid || len(t.Surplus) > 0 {
		u := unmet{
			expected: fmt.Sprintf("the order with out_trade_no %q to be paid once: status 1", outTradeNo),
			got:      fmt.Sprintf("status %d and %d payments too many", t.Status, len(t.Surplus)),
			rule:     ruleOrder, do: "be the user: Platform.Pay with the imprest_code of the order",
		}
		if len(t.Surplus) > 0 {
			u.do = "an imprest_code stays payable: do not offer it again once the order is paid"
		}
		tb.Fatalf("%s", u)
	}
	return t
}

// RequireNotified fails the test unless the merchant has acknowledged the
// payment of the order with that out_trade_no, and returns the notification.
// If the order was paid twice it is the first payment's; if several apps have
// an order of that number, the oldest order's.
func (p *Platform) RequireNotified(tb TB, outTradeNo string) Notification {
	tb.Helper()
	var seen []string
	var n Notification
	p.mu.Lock()
	if t := p.books.oldest[outTradeNo]; t != nil && t.notice != nil {
		n = t.notice.snapshot()
	}
	p.mu.Unlock()
	if n.Acknowledged {
		return n
	}
	for _, a := range n.Attempts {
		seen = append(seen, a.String())
	}
	if !n.Next.IsZero() {
		seen = append(seen, "again at "+n.Next.UTC().Format("15:04:05"))
	}
	if len(seen) == 0 {
		seen = []string{"no attempt was made"}
	}
	u := unmet{
		expected: fmt.Sprintf("the notification for out_trade_no %q to be answered 200 %q", outTradeNo, "success"),
		got:      strings.Join(seen, "; "), rule: ruleAcknowledge,
		do: "see what was answered, and move platform.Clock ahead where it comes again",
	}
	switch last := len(n.Attempts) - 1; {
	case last < 0:
		u.do = "the order must have a notify_url, and be paid (Platform.Pay); of an Async platform wait for it"
	case n.Attempts[last].Status != 0:
		o := outcomeOf(core.Text(n.Attempts[last].Status, n.Attempts[last].Answer))
		u.rule, u.do = o.unacknowledged().rule, o.unacknowledged().do
	}
	if last := len(n.Attempts) - 1; last >= 0 {
		m := n.Attempts[last].Message
		u.sent = outcome{exchange: p.masked(Exchange{Method: m.Method, Path: n.URL, Body: string(m.Body), Canonical: m.Canonical})}.sent()
	}
	tb.Fatalf("%s", u)
	return Notification{}
}

// RequireNoSecret fails the test if text (a log, an error, a page) shows one
// of the secrets, as it is or in the encodings of URLs, JSON, hex and base64.
// It names the secret by its place in the list. An empty secret fails, since
// it proves nothing.
func RequireNoSecret(tb TB, text string, secrets ...core.Secret) {
	tb.Helper()
	for i, secret := range secrets {
		plain := secret.Reveal()
		if plain == "" {
			tb.Fatalf("secret %d is empty, so there is nothing to look for: pass the secret that the test used", i+1)
			return
		}
		for _, form := range []struct{ how, text string }{
			{"as it is", plain},
			{"as in a query", url.QueryEscape(plain)},
			{"as in a path", url.PathEscape(plain)},
			{"as in JSON", strings.Trim(quote(plain), `"`)},
			{"as hex", hex.EncodeToString([]byte(plain))},
			{"as base64", base64.RawStdEncoding.EncodeToString([]byte(plain))},
			{"as base64 for URLs", base64.RawURLEncoding.EncodeToString([]byte(plain))},
		} {
			if strings.Contains(text, form.text) {
				tb.Fatalf("expected no secret in the text; secret %d stands there %s: keep it in a core.Secret, which masks itself wherever it is printed", i+1, form.how)
				return
			}
		}
	}
}

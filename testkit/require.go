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
		tb.Fatalf("expected the notification to be acknowledged: 200 %q; got %s", "success", describe(resp))
	}
}

// RequireRefused fails the test unless resp refuses the notification: a 4xx
// whose body is not "success".
func RequireRefused(tb TB, resp *core.Response) {
	tb.Helper()
	if status := statusOf(resp); status < 400 || status > 499 || saysSuccess(resp) {
		tb.Fatalf("expected the notification to be refused: 4xx; got %s", describe(resp))
	}
}

// RequireTryLater fails the test unless resp asks the platform to deliver
// again: a 5xx whose body is not "success".
func RequireTryLater(tb TB, resp *core.Response) {
	tb.Helper()
	if status := statusOf(resp); status < 500 || status > 599 || saysSuccess(resp) {
		tb.Fatalf("expected to be asked to deliver again: 5xx; got %s", describe(resp))
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
		tb.Fatalf("expected an order with out_trade_no %q on the platform; it has %q", outTradeNo, known)
	}
	return t
}

// RequirePaid fails the test unless the order with that out_trade_no is paid
// once, and returns it.
func (p *Platform) RequirePaid(tb TB, outTradeNo string) Trade {
	tb.Helper()
	t := p.RequireTrade(tb, outTradeNo)
	if t.Status != Paid || len(t.Surplus) > 0 {
		tb.Fatalf("expected the order with out_trade_no %q to be paid once: status 1; it has status %d and %d payments too many", outTradeNo, t.Status, len(t.Surplus))
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
	tb.Fatalf("expected the notification for out_trade_no %q to be answered 200 %q; %s", outTradeNo, "success", strings.Join(seen, "; "))
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
			tb.Fatalf("secret %d is empty: there is nothing to look for", i+1)
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
				tb.Fatalf("expected no secret in the text; secret %d stands there %s", i+1, form.how)
				return
			}
		}
	}
}

package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Message is a notification as it goes over the wire.
type Message struct {
	// Method is "POST", but for the mutator that tries another.
	Method string
	// ContentType is the Content-Type header; "" sends none.
	ContentType string
	// Header holds further header lines.
	Header core.Header
	// Query is a raw query that goes with the message, beside that of the
	// address. The platform sends none.
	Query string
	// Body holds the exact bytes of the body.
	Body []byte
	// Canonical is the text that was signed, with the app_key masked.
	Canonical string
}

// Request returns the message as a [core.Handler] receives it, on the given
// path.
func (m Message) Request(path string) *core.Request {
	header := slices.Clone(m.Header)
	if m.ContentType != "" {
		header = append(core.Header{{Name: "Content-Type", Value: m.ContentType}}, header...)
	}
	path, query, _ := strings.Cut(path, "?")
	if m.Query != "" {
		query = strings.TrimPrefix(query+"&"+m.Query, "&")
	}
	return &core.Request{
		Method:     m.Method,
		Path:       path,
		RawQuery:   query,
		Header:     header,
		Body:       slices.Clone(m.Body),
		RemoteAddr: "127.0.0.1:1",
	}
}

// Post sends the message to url, waits for the answer 10 seconds at most, and
// keeps 64 KiB of its body. A nil client is one that follows no redirect. The
// error is one of the network: an answer is none, whatever its status.
func (m Message) Post(ctx context.Context, client *http.Client, url string) (*core.Response, error) {
	if client == nil {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport, CheckRedirect: stayPut}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return m.send(ctx, client, url)
}

func (m Message) send(ctx context.Context, client *http.Client, url string) (*core.Response, error) {
	req, err := http.NewRequestWithContext(ctx, m.Method, url, bytes.NewReader(m.Body))
	if err != nil {
		return nil, &core.Error{Op: "testkit.Message.Post", Code: core.CodeInvalid, Err: err}
	}
	if m.Query != "" {
		req.URL.RawQuery = strings.TrimPrefix(req.URL.RawQuery+"&"+m.Query, "&")
	}
	if m.ContentType != "" {
		req.Header.Set("Content-Type", m.ContentType)
	}
	for _, line := range m.Header {
		req.Header.Add(line.Name, line.Value)
	}
	resp, err := client.Do(req)
	if err != nil {
		if inURL, ok := errors.AsType[*neturl.Error](err); ok {
			err = inURL.Err // without the address, which may hold a secret path
		}
		return nil, &core.Error{Op: "testkit.Message.Post", Code: core.CodeUnknown, Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, &core.Error{Op: "testkit.Message.Post", Code: core.CodeUnknown, Err: fmt.Errorf("the answer broke off: %w", err)}
	}
	return &core.Response{Status: resp.StatusCode, Header: coreHeader(resp.Header), Body: body}, nil
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

func stayPut(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// coreHeader returns the lines of h by name, so that a record reads the same
// every time.
func coreHeader(h http.Header) core.Header {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines core.Header
	for _, name := range names {
		for _, value := range h[name] {
			lines.Add(name, value)
		}
	}
	return lines
}

// PaymentFields says what a payment notification tells. The zero value is a
// genuine one of [TestAccount]: 100 fen for out_trade_no "order-1".
type PaymentFields struct {
	// AppID is "test" if it is empty.
	AppID string
	// AppKey signs; the zero value is the test account's.
	AppKey core.Secret
	// OutTradeNo is the merchant's number of the order; "order-1" if it is
	// empty.
	OutTradeNo string
	// TradeNo is the platform's number of the payment. If it is empty it is
	// made from OutTradeNo, the same one every time, as in a notification
	// that is delivered again.
	TradeNo string
	// OpenID is who paid; the test user if it is empty.
	OpenID string
	// Amount is in fen; 100 if it is zero.
	Amount core.Fen
	// TradeTime is when the trade was made; 2023-11-14 22:13:20 UTC if it is
	// zero. Seconds count.
	TradeTime time.Time
	// PayTime is when it was paid; half a minute after TradeTime if it is
	// zero.
	PayTime time.Time
	// Status is "0" (waiting) or "1" (paid), and "1" if it is empty. Digits
	// travel as a JSON number, anything else as a string.
	Status string
	// Extra holds fields beyond the documented ones. They are signed too.
	Extra map[string]string
}

// SignedPayment returns the payment notification that f describes, signed as
// the platform signs it, with the mutators applied in their order. It panics
// on a mutator that does not exist.
func SignedPayment(f PaymentFields, mutators ...Mutator) Message {
	return f.draft().build(mutators)
}

func (f PaymentFields) draft() *draft {
	account := TestAccount()
	if f.AppID == "" {
		f.AppID = account.AppID
	}
	if f.AppKey.IsZero() {
		f.AppKey = account.AppKey
	}
	if f.OutTradeNo == "" {
		f.OutTradeNo = "order-1"
	}
	if f.TradeNo == "" {
		f.TradeNo = newIDs(1).next("trade_no of "+f.OutTradeNo, 28)
	}
	if f.OpenID == "" {
		f.OpenID = TestUser().OpenID
	}
	if f.Amount == 0 {
		f.Amount = 100
	}
	if f.TradeTime.IsZero() {
		f.TradeTime = time.Unix(1_700_000_000, 0)
	}
	if f.PayTime.IsZero() {
		f.PayTime = f.TradeTime.Add(30 * time.Second)
	}
	if f.Status == "" {
		f.Status = "1"
	}
	d := &draft{
		order:  "out_trade_no",
		appKey: f.AppKey.Reveal(),
		fields: []field{
			textField("app_id", f.AppID),
			textField("trade_no", f.TradeNo),
			textField("out_trade_no", f.OutTradeNo),
			textField("open_id", f.OpenID),
			textField("trade_time", seconds(f.TradeTime)),
			textField("pay_time", seconds(f.PayTime)),
			textField("amount", f.Amount.String()),
			statusField(f.Status),
		},
	}
	d.addExtra(f.Extra)
	return d
}

// PayoutFields says what a payout notification tells. The zero value is a
// genuine one of [TestAccount]: out_order_no "payout-1" is done.
type PayoutFields struct {
	// AppID is "test" if it is empty.
	AppID string
	// AppKey signs; the zero value is the test account's.
	AppKey core.Secret
	// OutOrderNo is the merchant's number of the payout; "payout-1" if it is
	// empty.
	OutOrderNo string
	// AgentpayNo is the platform's number. If it is empty it is made from
	// OutOrderNo, the same one every time.
	AgentpayNo string
	// Status is "0" (waiting), "1" (done) or "2" (failed), and "1" if it is
	// empty. Digits travel as a JSON number, anything else as a string.
	Status string
	// Time is when that became so; 2023-11-14 22:13:20 UTC if it is zero.
	// It travels as a JSON number of seconds.
	Time time.Time
	// Extra holds fields beyond the documented ones. They are signed too.
	Extra map[string]string
}

// SignedPayout returns the payout notification that f describes, as
// [SignedPayment] does for payments. It panics on a mutator that is none for
// payouts ([MutatorInfo]).
func SignedPayout(f PayoutFields, mutators ...Mutator) Message {
	return f.draft().build(mutators)
}

func (f PayoutFields) draft() *draft {
	account := TestAccount()
	if f.AppID == "" {
		f.AppID = account.AppID
	}
	if f.AppKey.IsZero() {
		f.AppKey = account.AppKey
	}
	if f.OutOrderNo == "" {
		f.OutOrderNo = "payout-1"
	}
	if f.AgentpayNo == "" {
		f.AgentpayNo = newIDs(1).next("agentpay_no of "+f.OutOrderNo, 28)
	}
	if f.Status == "" {
		f.Status = "1"
	}
	if f.Time.IsZero() {
		f.Time = time.Unix(1_700_000_000, 0)
	}
	d := &draft{
		order:  "out_order_no",
		appKey: f.AppKey.Reveal(),
		fields: []field{
			textField("app_id", f.AppID),
			textField("out_order_no", f.OutOrderNo),
			textField("agentpay_no", f.AgentpayNo),
			statusField(f.Status),
			bareField("time", seconds(f.Time)),
		},
	}
	d.addExtra(f.Extra)
	return d
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

package testkit

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// MerchantConfig says who is tested.
type MerchantConfig struct {
	// Open returns the merchant's handler as his program makes it when it
	// starts: it opens the database, and whatever else it keeps between two
	// runs. It is called by [Start], and again whenever the merchant has
	// crashed or is restarted; its error ends the test. Required.
	Open func(*Process) (http.Handler, error)
	// Order puts an order on his record, unpaid, as if a user had made it; amount
	// is in fen. nil is for a merchant who takes whatever is signed.
	Order func(outTradeNo string, amount core.Fen) error
	// Delivered returns how often the order with that out_trade_no has been
	// delivered so far, in all runs. Where deliveries are idempotent it counts
	// effects, not calls. It is never called while a notification is being
	// sent. Required.
	Delivered func(outTradeNo string) int
	// Settle does what the merchant leaves for later (a sweep, a queue's
	// worker) before deliveries are counted; nil is for a merchant who
	// delivers before he answers.
	Settle func(*Process)
	// Path is where he takes payment notifications; "" is
	// "/callbacks/payment".
	Path string
	// Platform is what the fake platform is like. Its Client must be left
	// nil: notifications are handed to the merchant without a network.
	Platform PlatformConfig
}

// Merchant is a merchant under test: his handler, and a fake platform that
// notifies it. His Require methods send notifications, look at the answers and
// at what was delivered, and say which rule of the protocol was broken.
//
// A Merchant belongs to one test.
type Merchant struct {
	// Platform notifies him, and takes his orders.
	Platform *Platform
	// NotifyURL is the notify_url of his orders.
	NotifyURL string

	cfg MerchantConfig
	tb  TB

	mu      sync.Mutex
	process *Process
	orders  int
}

// Process is one run of the merchant's program, from its start to its end or
// to a crash.
type Process struct {
	// Platform is the fake platform; Platform.URL is where orders go, and
	// Platform.Clock.Now tells the time.
	Platform *Platform
	// NotifyURL is the notify_url for orders.
	NotifyURL string

	ctx     context.Context
	end     context.CancelFunc
	handler http.Handler

	mu    sync.Mutex
	crash crash
}

// Context returns a context that is done when the program ends: what runs in
// the background ends with it.
func (p *Process) Context() context.Context { return p.ctx }

// Start opens the merchant and a fake platform for the length of a test. It is
// quiet while the test passes; of a test that failed, the whole record of what
// went over the wire is in the log.
func Start(tb TB, cfg MerchantConfig) *Merchant {
	tb.Helper()
	switch {
	case cfg.Open == nil, cfg.Delivered == nil:
		tb.Fatalf("testkit.Start: Open and Delivered must be given")
		return nil
	case cfg.Platform.Client != nil:
		tb.Fatalf("testkit.Start: Platform.Client must be nil: notifications go to the handler that Open returns")
		return nil
	}
	if cfg.Path == "" {
		cfg.Path = "/callbacks/payment"
	}
	m := &Merchant{cfg: cfg, tb: tb, NotifyURL: "http://merchant.test/" + strings.TrimPrefix(cfg.Path, "/")}
	cfg.Platform.Client = &http.Client{Transport: merchantTransport{m}, CheckRedirect: stayPut}
	if m.Platform = StartPlatform(tb, cfg.Platform); m.Platform == nil {
		return nil
	}
	m.open(crash{})
	tb.Cleanup(func() { m.running().end() })
	return m
}

// Restart ends the merchant's program, between two requests, and starts it
// anew.
func (m *Merchant) Restart() {
	m.tb.Helper()
	m.open(crash{})
}

// open starts the program, with a crash in store for it.
func (m *Merchant) open(c crash) *Process {
	m.tb.Helper()
	m.mu.Lock()
	old := m.process
	m.mu.Unlock()
	if old != nil {
		old.end()
	}
	p := &Process{Platform: m.Platform, NotifyURL: m.NotifyURL, crash: c}
	p.ctx, p.end = context.WithCancel(context.Background())
	handler, err := m.cfg.Open(p)
	if err != nil || handler == nil {
		m.tb.Fatalf("the merchant does not start: Open returned a handler of %T and the error %v", handler, err)
		handler = http.NotFoundHandler()
	}
	p.handler = handler
	m.mu.Lock()
	m.process = p
	m.mu.Unlock()
	return p
}

func (m *Merchant) running() *Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process
}

// delivered counts, after what was left for later is done.
func (m *Merchant) delivered(outTradeNo string) int {
	if m.cfg.Settle != nil {
		m.cfg.Settle(m.running())
	}
	return m.cfg.Delivered(outTradeNo)
}

// NewOrder puts an order on the merchant's record ([MerchantConfig] Order) and
// returns the notification of its payment: "order-1", "order-2" and so on, over
// 100 fen.
func (m *Merchant) NewOrder(tb TB) PaymentFields {
	tb.Helper()
	m.mu.Lock()
	m.orders++
	f := PaymentFields{OutTradeNo: fmt.Sprintf("order-%d", m.orders), Amount: 100}
	m.mu.Unlock()
	if m.cfg.Order != nil {
		if err := m.cfg.Order(f.OutTradeNo, f.Amount); err != nil {
			tb.Fatalf("the merchant does not take the order %q: %v", f.OutTradeNo, err)
		}
	}
	return f
}

// outcome is what came of one notification.
type outcome struct {
	exchange Exchange // masked
	mutators []Mutator
	seen     *seen
	patience time.Duration // how long an attempt may take
}

// Send sends a payment notification that is signed by the platform, with the
// mutators applied, and returns the answer; nil if there was none. Where
// fields are left empty it is as in [SignedPayment], of the platform's first
// account. It checks nothing.
func (m *Merchant) Send(f PaymentFields, mutators ...Mutator) *core.Response {
	o := m.send(f, mutators)
	if o.exchange.Status == 0 {
		return nil
	}
	return &core.Response{Status: o.exchange.Status, Header: o.exchange.AnswerHeader, Body: []byte(o.exchange.Answer)}
}

func (m *Merchant) send(f PaymentFields, mutators []Mutator) outcome {
	f = m.completed(f)
	n := &notification{Notification: Notification{AppID: f.AppID, OutTradeNo: f.OutTradeNo, URL: m.NotifyURL}}
	a := Attempt{Time: m.Platform.Clock.Now(), Message: SignedPayment(f, mutators...)}
	o := outcome{mutators: mutators, seen: &seen{}, patience: m.Platform.timeout}
	o.exchange = m.Platform.transmit(context.WithValue(context.Background(), seenKey{}, o.seen), n, &a)
	return o
}

// completed fills in whose notification it is.
func (m *Merchant) completed(f PaymentFields) PaymentFields {
	account := m.Platform.Account()
	if f.AppID != "" {
		m.Platform.mu.Lock()
		if known, ok := m.Platform.account(f.AppID); ok {
			account = known
		}
		m.Platform.mu.Unlock()
	}
	if f.AppID == "" {
		f.AppID = account.AppID
	}
	if f.AppKey.IsZero() {
		f.AppKey = account.AppKey
	}
	if f.OutTradeNo == "" {
		f.OutTradeNo = "order-1"
	}
	return f
}

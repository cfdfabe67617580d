package testkit

import (
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The states of a [Trade], as the wire spells them.
const (
	Unpaid = 0
	Paid   = 1
)

// Trade is an order as the platform has it on record.
type Trade struct {
	AppID      string `json:"app_id"`
	StoreNo    string `json:"store_no"`
	OutTradeNo string `json:"out_trade_no"`
	// ImprestCode is the newest code; ImprestCodes are all of them, each
	// payable.
	ImprestCode  string   `json:"imprest_code"`
	ImprestCodes []string `json:"imprest_codes"`
	// Amount is in fen.
	Amount    core.Fen `json:"amount"`
	Title     string   `json:"title"`
	Remark    string   `json:"remark"`
	NotifyURL string   `json:"notify_url"`
	SceneType string   `json:"scene_type"`
	// Ordered is when the order was made.
	Ordered time.Time `json:"ordered"`
	// Status is [Unpaid] or [Paid].
	Status int `json:"status"`
	// The payment, if there was one.
	Payment
	// Surplus are payments beyond the first, which should not exist.
	Surplus []Payment `json:"surplus,omitempty"`
}

// Payment is one payment of an order.
type Payment struct {
	// TradeNo is the platform's number of the payment.
	TradeNo string `json:"trade_no"`
	// OpenID is who paid.
	OpenID string `json:"open_id"`
	// PayTime is when.
	PayTime time.Time `json:"pay_time"`
}

// trade is a Trade on the platform's books.
type trade struct {
	Trade
	notice *notification // of the first payment
}

// books are all orders.
type books struct {
	trades   []*trade // the oldest first
	byCode   map[string]*trade
	byNumber map[orderNumber]*trade
	oldest   map[string]*trade // by out_trade_no, of whatever app
}

// orderNumber is what names an order: two apps may use one out_trade_no.
type orderNumber struct{ appID, outTradeNo string }

func newBooks() books {
	return books{byCode: map[string]*trade{}, byNumber: map[orderNumber]*trade{}, oldest: map[string]*trade{}}
}

func (b *books) add(t *trade) {
	b.trades = append(b.trades, t)
	b.byNumber[orderNumber{t.AppID, t.OutTradeNo}] = t
	if b.oldest[t.OutTradeNo] == nil {
		b.oldest[t.OutTradeNo] = t
	}
}

func (t *trade) snapshot() Trade {
	s := t.Trade
	s.ImprestCodes = slices.Clone(s.ImprestCodes)
	s.Surplus = slices.Clone(s.Surplus)
	return s
}

func (t *trade) sameOrder(o Trade) bool {
	return t.Amount == o.Amount && t.Title == o.Title && t.Remark == o.Remark && t.NotifyURL == o.NotifyURL && t.SceneType == o.SceneType
}

// Trade returns the order with that out_trade_no; the oldest, if several apps
// have one.
func (p *Platform) Trade(outTradeNo string) (Trade, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.books.oldest[outTradeNo]; t != nil {
		return t.snapshot(), true
	}
	return Trade{}, false
}

// Trades returns all orders, the oldest first.
func (p *Platform) Trades() []Trade {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Trade, len(p.books.trades))
	for i, t := range p.books.trades {
		all[i] = t.snapshot()
	}
	return all
}

package purchase

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Purchase is the record of one sale. Times are UTC, to the millisecond.
type Purchase struct {
	// ID is the purchase's id and the order's out_trade_no: 26 random
	// characters, since anybody can query an order by its number.
	ID    string `json:"id"`
	State State  `json:"state"`
	// Reason says why the state is Attention or Expired, or what the last
	// failure was. For operators.
	Reason string `json:"reason,omitempty"`

	// Buyer is the merchant's name for whoever began the purchase.
	Buyer string `json:"buyer,omitempty"`
	// AppID and StoreNo are the account's.
	AppID   string `json:"app_id"`
	StoreNo string `json:"store_no,omitempty"`
	// OfferID, Title, Remark, Amount (fen) and Data are the offer's.
	OfferID string          `json:"offer_id,omitempty"`
	Title   string          `json:"title,omitempty"`
	Remark  string          `json:"remark,omitempty"`
	Amount  core.Fen        `json:"amount"`
	Data    json.RawMessage `json:"data,omitempty"`
	// Mall is there for a purchase of the mall rail, whose AppID is that of
	// the mini program; nil is the VVChat rail.
	Mall *MallPurchase `json:"mall,omitempty"`

	// ImprestCode is what the phone pays with; "" until the order's answer
	// is known.
	ImprestCode string `json:"imprest_code,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	// PayUntil is when an unpaid purchase expires.
	PayUntil    time.Time `json:"pay_until"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`

	// Payment is the payment that counts; nil before there is one.
	Payment *Payment `json:"payment,omitempty"`
	// Surplus are further genuine payments of the same order: money to be
	// paid back by a person.
	Surplus []Payment `json:"surplus,omitempty"`
	// Refund is the payout that gives the money back; nil before there is one.
	Refund *Refund `json:"refund,omitempty"`

	// Attempts counts the runs of the current step that came to no clean
	// end; Polls counts the answers of the platform in this state, and
	// Failures what failed in a row and certainly had no effect.
	Attempts int `json:"attempts,omitempty"`
	Polls    int `json:"polls,omitempty"`
	Failures int `json:"failures,omitempty"`
	// Doubt says that the last call may have had its effect.
	Doubt bool `json:"doubt,omitempty"`
	// Lease is held while a step runs.
	Lease *Lease `json:"lease,omitempty"`

	// History is what happened, oldest first, at most 64 entries.
	History []Event `json:"history,omitempty"`
}

// Payment is a payment of a purchase.
type Payment struct {
	TradeNo string `json:"trade_no"`
	OpenID  string `json:"open_id,omitempty"`
	// PayTime is the platform's pay_time; zero where it was found by a query.
	PayTime time.Time `json:"pay_time,omitzero"`
	// By is ByNotification or ByQuery, and ByOrderList on the mall rail, where
	// TradeNo is the orderId.
	By string `json:"by"`
	// At is when it was put on record.
	At time.Time `json:"at"`
}

// Refund is the payout of a purchase's money.
type Refund struct {
	// ByHand says that a person paid the money back, and no payout of ours:
	// see ResolveRefunded.
	ByHand bool `json:"by_hand,omitempty"`
	// OutOrderNo is the payout's number, fixed before the only request.
	OutOrderNo string `json:"out_order_no,omitempty"`
	// InOpenID is who is paid: who paid the purchase.
	InOpenID string   `json:"in_open_id,omitempty"`
	Amount   core.Fen `json:"amount"`
	// AgentpayNo is the platform's number, once it named one.
	AgentpayNo string `json:"agentpay_no,omitempty"`
	// Sent says that the request may have reached the platform; Accepted,
	// that the platform took it. Neither means that money moved.
	Sent     bool `json:"sent,omitempty"`
	Accepted bool `json:"accepted,omitempty"`
	// RefundedAt is when the platform said that money moved.
	RefundedAt time.Time `json:"refunded_at,omitzero"`
}

// How a payment became known.
const (
	ByNotification = "notification"
	ByQuery        = "query"
	ByOrderList    = "order list"
)

// Lease says who works on a purchase, and until when nobody else may. A lease
// that ran out means that the outcome of its step is unknown.
type Lease struct {
	Owner string    `json:"owner"`
	Until time.Time `json:"until"`
}

// Event is one entry of a purchase's history.
type Event struct {
	At    time.Time `json:"at"`
	State State     `json:"state"`
	Note  string    `json:"note,omitempty"`
}

// What a record may grow to: it must always have room for what happens next.
const (
	maxHistory = 64
	maxNote    = 200
	maxReason  = 600
	// maxBegun is how large a record may be when the purchase begins.
	maxBegun = journal.MaxBody / 2
)

// because sets the reason, cut to what an operator reads.
func (p *Purchase) because(reason string) { p.Reason = cut(reason, maxReason) }

// cut returns at most limit bytes of text, in whole characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// note appends to the history. When it is full the middle goes: how a
// purchase began and what happened last both matter.
func (p *Purchase) note(now time.Time, note string) {
	if len(p.History) >= maxHistory {
		p.History = append(p.History[:maxHistory/2], p.History[maxHistory/2+1:]...)
	}
	p.History = append(p.History, Event{At: now, State: p.State, Note: cut(note, maxNote)})
}

// enter moves p to the state to. A move that the table does not have is a
// fault of this package.
func (p *Purchase) enter(now time.Time, to State, note string) error {
	for _, next := range transitions[p.State] {
		if next == to && p.mayLeaveAttention(to) {
			p.State, p.Lease, p.Attempts, p.Polls, p.Failures, p.Doubt = to, nil, 0, 0, 0, false
			p.Reason = ""
			if to == Attention || to == Expired {
				p.because(note)
			}
			p.note(now, note)
			return nil
		}
	}
	return &core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("no way from %s to %s", p.State, to)}
}

// mayLeaveAttention holds the conditions of the last line of the table.
func (p *Purchase) mayLeaveAttention(to State) bool {
	switch {
	case p.State != Attention:
		return true
	case to == Paid, to == Unpaid, to == Expired:
		return p.Payment == nil
	case to == Refunded:
		return p.Refund != nil
	}
	// Never both granted and refunded.
	return p.Payment != nil && p.Refund == nil
}

// noted reports whether the history holds that note.
func (p *Purchase) noted(note string) bool {
	return slices.ContainsFunc(p.History, func(e Event) bool { return e.Note == note })
}

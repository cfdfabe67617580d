package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// party is who stands at an end of a hop.
type party string

// The parties, from left to right.
const (
	partyPhone    party = "phone"
	partyShop     party = "shop" // the buyer's browser, at the merchant's pages
	partyMerchant party = "merchant"
	partyPlatform party = "platform"
	partyCloud    party = "cloud"
	partyWeChat   party = "wechat"
)

// hopKind says what a hop is.
type hopKind string

const (
	hopRequest      hopKind = "request"
	hopNotification hopKind = "notification"
	hopWrite        hopKind = "write" // a version of the purchase on record: a note at the merchant
	hopAct          hopKind = "act"   // what a person did
)

// hop is one arrow of a purchase's sequence, or with no To a note at one party.
type hop struct {
	// ID is stable, and the key of /_sandbox/hops/{id}: "vvchat-12", "tuya-3",
	// "journal-<purchase>-<version>", "shop-7".
	ID string
	// At is on the sandbox's clock, Took on the wall clock.
	At       time.Time
	Took     time.Duration
	From, To party
	Kind     hopKind
	// Label is a term of the protocol, and not translated: "unifiedorder",
	// "paid → delivering".
	Label string
	// Status is that of the HTTP answer, 0 if there was none; Answer says it
	// shortly.
	Status int
	Answer string
	// Failed says why, where it failed.
	Failed string
	// Faults are the names of those that struck it.
	Faults []string
	// State is the purchase's after a write.
	State string
}

// hopView is a hop as the control API shows it.
type hopView struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	TookMicros int64     `json:"took_us"`
	From       party     `json:"from"`
	To         party     `json:"to,omitempty"`
	Kind       hopKind   `json:"kind"`
	Label      string    `json:"label"`
	Status     int       `json:"status,omitempty"`
	Answer     string    `json:"answer,omitempty"`
	Failed     string    `json:"failed,omitempty"`
	Faults     []string  `json:"faults,omitempty"`
	State      string    `json:"state,omitempty"`
}

func (h hop) view() hopView {
	return hopView{h.ID, h.At.UTC(), h.Took.Microseconds(), h.From, h.To, h.Kind, h.Label, h.Status, h.Answer, h.Failed, h.Faults, h.State}
}

// MarshalJSON implements json.Marshaler.
func (h hop) MarshalJSON() ([]byte, error) { return json.Marshal(h.view()) }

// hops returns what happened about a purchase, the oldest first: as far as this
// process knows it, and for what came before, the purchase's own history.
func (w *world) hops(_ context.Context, p purchase.Purchase) ([]hop, error) {
	frames := w.tape.all()
	// What the merchant asked before the purchase had an id belongs to the
	// request that began it.
	names := map[string]bool{p.ID: true}
	for _, e := range frames {
		if e.act != nil && e.purchase == p.ID {
			names[e.id] = true
		}
	}
	frames = slices.DeleteFunc(slices.Clone(frames), func(e *frame) bool { return !names[e.purchase] })
	list := pastHops(p, frames)
	masks := w.masks()
	for _, e := range frames {
		list = append(list, e.hop(masks))
	}
	list = append(list, w.paidHops(p)...)
	list = append(list, w.droppedHops(p)...)
	slices.SortStableFunc(list, func(a, b hop) int { return a.At.Compare(b.At) })
	return list, nil
}

// pastHops is the part of p's history that is older than what the tape holds:
// another process wrote it, or it was long ago.
func pastHops(p purchase.Purchase, taped []*frame) []hop {
	history := p.History
	for _, e := range taped {
		if e.record == nil {
			continue
		}
		var first purchase.Purchase
		if e.record.Version == 1 || json.Unmarshal(e.record.Body, &first) != nil {
			return nil
		}
		known := 0 // frames that the version before the first taped one had
		for known < len(history) && len(first.History) > 0 && history[known].At.Before(first.History[len(first.History)-1].At) {
			known++
		}
		history = history[:known]
		break
	}
	var list []hop
	before := purchase.State("")
	for i, event := range history {
		list = append(list, hop{
			ID: fmt.Sprintf("history-%s-%d", p.ID, i), At: event.At, From: partyMerchant, Kind: hopWrite,
			Label: step(before, event.State), Answer: event.Note, State: string(event.State),
		})
		before = event.State
	}
	return list
}

// step names a write by the states before and after it.
func step(before, after purchase.State) string {
	if before == "" || before == after {
		return string(after)
	}
	return string(before) + " → " + string(after)
}

// paidHops is what the buyer did on his phone, by the books of the fakes.
func (w *world) paidHops(p purchase.Purchase) []hop {
	if p.Mall != nil {
		order, ok := w.cloud.MallOrder(p.Mall.OrderID)
		if !ok || order.Paid.IsZero() {
			return nil
		}
		return []hop{{ID: "paid-" + p.ID + "-1", At: order.Paid, From: partyPhone, To: partyWeChat, Kind: hopAct, Label: "wx.requestPayment", Answer: order.AmountTrade.Yuan()}}
	}
	trade, ok := w.platform.Trade(p.ID)
	if !ok || trade.Status != testkit.Paid {
		return nil
	}
	var list []hop
	for i, payment := range append([]testkit.Payment{trade.Payment}, trade.Surplus...) {
		list = append(list, hop{
			ID: fmt.Sprintf("paid-%s-%d", p.ID, i+1), At: payment.PayTime, From: partyPhone, To: partyPlatform, Kind: hopAct, Label: "pay", Answer: trade.Amount.Yuan(),
		})
	}
	return list
}

// droppedHops are the notifications that a fault kept from being sent.
func (w *world) droppedHops(p purchase.Purchase) []hop {
	if p.Mall != nil {
		return nil
	}
	var list []hop
	for _, n := range w.platform.Notifications() {
		if n.OutTradeNo != p.ID && (p.Refund == nil || n.OutOrderNo != p.Refund.OutOrderNo) {
			continue
		}
		for i, attempt := range n.Attempts {
			if attempt.Dropped {
				list = append(list, hop{
					ID: fmt.Sprintf("dropped-%s-%d", cmp.Or(n.TradeNo, n.AgentpayNo), i+1), At: attempt.Time, From: partyPlatform, To: partyMerchant, Kind: hopNotification,
					Label: string(labelOf(n)), Failed: "it was never sent", Faults: names(attempt.Faults),
				})
			}
		}
	}
	return list
}

func labelOf(n testkit.Notification) testkit.Call {
	if n.OutTradeNo == "" {
		return testkit.CallPayoutNotification
	}
	return testkit.CallNotification
}

func names(kinds []testkit.FaultKind) []string {
	var list []string
	for _, kind := range kinds {
		list = append(list, string(kind))
	}
	return list
}

// hop returns the arrow that a frame is.
func (e *frame) hop(m masks) hop {
	h := hop{ID: e.id, At: e.at, Took: e.took, From: partyMerchant, Faults: e.faults, Failed: m.text(e.failed)}
	switch {
	case e.exchange != nil:
		h.ofExchange(e.exchange, m)
	case e.act != nil:
		h.From, h.To, h.Kind, h.Label, h.Status = partyShop, partyMerchant, hopAct, e.act.method+" "+e.act.path, e.act.status
		h.Answer = fmt.Sprint(e.act.status)
		if e.act.status >= http.StatusBadRequest && h.Failed == "" {
			h.Failed = m.text(short(e.act.answer))
		}
	case e.record != nil:
		h.Kind, h.Label, h.State = hopWrite, step(e.before, e.state), string(e.state)
		h.Answer = fmt.Sprintf("version %d", e.record.Version)
	default: // a write that came to nothing
		h.Kind, h.Label = hopWrite, step(e.before, e.state)
	}
	return h
}

// ofExchange fills in what a fake recorded.
func (h *hop) ofExchange(x *testkit.Exchange, m masks) {
	h.Kind, h.Label, h.Status, h.Faults = hopRequest, string(x.Call), x.Status, names(x.Faults)
	switch {
	case x.Peer == sentPeer: // by whoever forges, in the platform's place
		h.From, h.To, h.Kind = partyPlatform, partyMerchant, hopNotification
	case notifies(x.Call), x.Call == testkit.CallRobotEvent:
		h.From, h.To, h.Kind = partyPlatform, partyMerchant, hopNotification
	case x.Peer == testkit.PeerTuya:
		h.To = partyCloud
	case x.Peer == testkit.PeerWeChat:
		h.To, h.Label = partyWeChat, strings.TrimPrefix(h.Label, "wechat-")
	default:
		h.To = partyPlatform
	}
	h.Label = cmp.Or(h.Label, x.Method+" "+m.text(x.Path))
	switch {
	case x.Status == 0:
		h.Answer = "cut"
	case h.Kind == hopNotification:
		h.Answer = m.text(short(x.Answer))
	default:
		h.Answer = fmt.Sprint(x.Status)
	}
	switch {
	case h.Failed != "":
	case x.Err != "":
		h.Failed = m.text(x.Err)
	case x.Status == 0:
		h.Failed = "no answer arrived"
	case x.Status >= http.StatusBadRequest:
		h.Failed = fmt.Sprintf("answered %d: %s", x.Status, m.text(short(x.Answer)))
	case x.Peer == testkit.PeerTuya || x.Peer == testkit.PeerWeChat:
		h.Failed = m.text(refusalIn(x.Answer))
	}
}

// refusalIn returns the error that a cloud answered with HTTP 200, or "".
func refusalIn(answer string) string {
	var says struct {
		Success   *bool           `json:"success"`
		ErrorCode json.RawMessage `json:"errorCode"`
		Code      json.RawMessage `json:"code"`
		ErrorMsg  string          `json:"errorMsg"`
		Msg       string          `json:"msg"`
		ErrCode   int             `json:"errcode"`
		ErrMsg    string          `json:"errmsg"`
	}
	switch err := json.Unmarshal([]byte(answer), &says); {
	case err != nil:
		return ""
	case says.Success != nil && !*says.Success:
		code := strings.Trim(cmp.Or(string(says.ErrorCode), string(says.Code)), `"`)
		return strings.TrimSpace(code + " " + cmp.Or(says.ErrorMsg, says.Msg))
	case says.ErrCode != 0:
		return fmt.Sprintf("%d %s", says.ErrCode, says.ErrMsg)
	}
	return ""
}

// short is the beginning of an answer, in one line.
func short(answer string) string {
	answer = strings.Join(strings.Fields(answer), " ")
	if runes := []rune(answer); len(runes) > 80 {
		return string(runes[:80]) + "…"
	}
	return answer
}

// getHops is GET /_sandbox/purchases/{id}/hops.
func (w *world) getHops(ctx context.Context, r *core.Request) (any, error) {
	id := r.PathValue("id")
	if journal.CheckID(purchase.Prefix+id) != nil {
		return nil, journal.ErrNotFound
	}
	p, err := w.current.Load().shop.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := w.hops(ctx, p)
	if list == nil {
		list = []hop{}
	}
	return list, err
}

func (w *world) getHop(ctx context.Context, r *core.Request) (any, error) {
	return w.open(ctx, r.PathValue("id"))
}

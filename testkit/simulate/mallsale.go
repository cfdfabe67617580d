package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

// device is that of a member of the household.
func (w *World) device(member int) string {
	if w.plan.apart {
		return fmt.Sprint("dev-", member+1)
	}
	return "dev-1"
}

// A mall's purchase that nothing proves is looked at for three days: at the end of
// a run, after so many sweeps, time passes faster.
const (
	paceAfter = 3
	paceBy    = 12 * time.Hour
)

// castMall makes the actors of the mall rail.
func (w *World) castMall() {
	if w.plan.members == 0 {
		return
	}
	for i := range w.plan.members {
		w.join(w.member(i))
	}
	w.join(&actor{name: "mall", most: 2 * (w.plan.members + 1), can: w.mallOwes, run: w.mallServes})
	mischief := func(on bool, name string, can func() bool, run func()) {
		if on {
			w.join(&actor{name: name, turn: never, most: 1, can: can, run: func() {
				w.mall.meddled = true
				w.fact("meddled", "", 0)
				run()
			}})
		}
	}
	always := func() bool { return true }
	unpaid := func() *mallOrder {
		for _, o := range w.mall.orders {
			if o.status == mall.OrderCreated {
				return o
			}
		}
		return nil
	}
	newest := func() *mallOrder {
		o := w.mall.orders[len(w.mall.orders)-1]
		if o.old || o.granted || o.status == mall.OrderClosed || o.status == mall.OrderRefunded {
			return nil
		}
		return o
	}
	mischief(w.plan.impatient, "again", func() bool { return len(w.sales) > 0 }, func() { w.beginInMall(0, 1) })
	mischief(w.plan.raises, "price", always, func() {
		w.mall.price += raisedBy
		w.fact("price", "", int(w.mall.price))
		w.note(w.current, "rises", fmt.Sprint(w.mall.price), "")
	})
	mischief(w.plan.inApp, "app", always, func() {
		device := w.device(0)
		if w.at(context.Background(), onStrange) == anotherKind {
			device = "dev-9"
		}
		w.note(w.current, "orders", device, "")
		w.mallOrdered("", device)
	})
	mischief(w.plan.inApp, "app, paying", func() bool { return unpaid() != nil }, func() {
		// The newest: what was made for a purchase, if anything was.
		o := unpaid()
		for _, other := range w.mall.orders {
			if other.status == mall.OrderCreated {
				o = other
			}
		}
		w.payInMall(o)
	})
	mischief(w.plan.closes, "clerk", func() bool { return newest() != nil }, func() {
		o := newest()
		status := mall.OrderClosed
		if o.paid {
			status = mall.OrderRefunded
		}
		o.paid = false
		w.become(o, status)
	})
	mischief(w.plan.renews, "renewal", always, w.renew)
}

// member is somebody of the household, who buys in the mall for his device: he
// begins, once more if nothing came of it, and pays what he is handed.
func (w *World) member(i int) *actor {
	a := &actor{name: fmt.Sprint("member ", i+1), most: w.plan.begins + 1}
	payable := func() *mallOrder {
		for _, s := range w.sales {
			if s.buyer != memberName(i) || s.handed == "" || w.plan.payLate != (s.state == purchase.Expired) {
				continue
			}
			if o := w.mall.order(s.handed); o != nil && o.status == mall.OrderCreated {
				return o
			}
		}
		return nil
	}
	a.can = func() bool { return payable() != nil || a.begins < w.plan.begins && !w.provided(i) }
	a.run = func() {
		if o := payable(); o != nil {
			w.payInMall(o)
			return
		}
		a.begins++
		w.beginInMall(i, i%len(w.processes))
	}
	return a
}

func memberName(i int) string { return fmt.Sprint("member-", i+1) }

// provided reports whether a member has no reason to begin: what he wants is on its
// way or there, or his device has somebody's open order.
func (w *World) provided(i int) bool {
	for _, s := range w.sales {
		if s.device == "" {
			continue
		}
		mine := s.buyer == memberName(i)
		switch s.state {
		case purchase.Expired:
			if mine && w.plan.payLate && s.handed != "" {
				return true
			}
		case purchase.Delivered:
			if mine {
				return true
			}
		default:
			if mine || s.device == w.device(i) && s.buys > 0 {
				return true
			}
		}
	}
	return false
}

func (w *World) beginInMall(member, process int) {
	p := w.enter(process)
	w.note(w.current, "begins in the mall", "", "")
	_, _ = p.service.BeginMall(context.Background(), purchase.MallRequest{
		Buyer: memberName(member), Device: mall.Device{ID: w.device(member), Name: "Doorbell", UUID: "uuid-1"}, HomeID: "h1",
		CatalogCode: catalogCode, SKUCode: mallSKU, Price: w.mall.price,
	})
}

func (w *World) payInMall(o *mallOrder) {
	o.paid = true
	w.become(o, mall.OrderPaid)
}

// mallOwes reports whether an order was paid whose service is not there. The mall
// says that it is delivered, and a moment later it is.
func (w *World) mallOwes() bool { return w.owed() != nil }

func (w *World) owed() *mallOrder {
	for _, o := range w.mall.orders {
		if o.paid && !o.granted {
			return o
		}
	}
	return nil
}

func (w *World) mallServes() {
	o := w.owed()
	if o.status == mall.OrderPaid {
		w.become(o, mall.OrderDelivered)
		return
	}
	o.granted = true
	w.become(o, mall.OrderFinished)
}

// renew is the next payment of a subscription that is older than everything: an
// order of the same SKU, and the service lasts longer.
func (w *World) renew() {
	w.mall.renewals++
	o := w.mallOrdered("", w.device(0))
	o.id, o.old, o.paid, o.granted = fmt.Sprint(renewOrder, w.mall.renewals), true, true, true
	w.become(o, mall.OrderFinished)
}

// buying is told that an order is about to be made, and returns for which
// purchase: the one that the activity has put on record.
func (w *World) buying(caller mall.Caller, p mall.BuyParams) *sale {
	s := w.sale(w.current.sale)
	switch {
	case s == nil || s.device != p.DeviceID || p.SKUCode != mallSKU || caller.UserID != mallUser:
		w.fail(boughtOnce, "an order is made that is no purchase's on record")
	case s.buys > 0:
		w.fail(boughtOnce, "the order of %s is made again", s.id)
	}
	s.buys++
	w.fact("buys", s.id, s.buys)
	return s
}

// isOpen reports whether an order of the purchase can be paid here, or was paid
// and is not settled.
func (s *sale) isOpen() bool {
	switch s.state {
	case purchase.Expired, purchase.Delivered, purchase.Refunded:
		return false
	}
	return !s.withheld
}

// What a record of the mall rail says, found without decoding all of it.
type mallMarks struct {
	buying, seen, withheld bool
	order, trade, prepay   string
}

func marksIn(body []byte) (m mallMarks) {
	between := func(text []byte, from, to string) string {
		_, rest, ok := bytes.Cut(text, []byte(from))
		if !ok {
			return ""
		}
		found, _, _ := bytes.Cut(rest, []byte(to))
		return string(found)
	}
	ours, prepay, _ := bytes.Cut(body, []byte(`"prepay":{`)) // which has an orderId of its own
	m.order, m.prepay = between(ours, `"orderId":"`, `"`), between(prepay, prepayID, `"`)
	m.buying = bytes.Contains(ours, []byte(`"buying_at":"`))
	m.seen = bytes.Contains(body, []byte(`"price_seen":true`))
	m.withheld = bytes.Contains(body, []byte(`"withheld":true`))
	m.trade = between(body, `"trade_no":"`, `"`)
	return m
}

// mallWritten holds what must be so of every write of a purchase in the mall.
func (w *World) mallWritten(s *sale) {
	m := marksIn(s.body)
	s.withheld = m.withheld
	if m.buying && !s.buying {
		s.buying = true
		for _, other := range w.sales {
			if other != s && other.device == s.device && other.buying && !other.late && other.isOpen() {
				w.fail(oneOpen, "%s is ordered, and %s is open (%s)", s.id, other.id, other.state)
			}
		}
	}
	if s.state == purchase.Expired && !s.late {
		s.late = true // what was over may come back: a late payment is a payment
		w.fact("expired once", s.id, 0)
	}
	if m.seen && !m.withheld && s.state == purchase.Unpaid && m.prepay != "" && s.handed != m.prepay {
		o := w.mall.order(m.prepay)
		if o.amount > s.amount {
			w.fail(priceBound, "the buyer of %s saw %d fen, and is handed what pays %d", s.id, s.amount, o.amount)
		}
		s.handed = m.prepay
		w.fact("handed out", s.id+m.prepay, 0)
	}
	if m.prepay != "" && !s.answered {
		s.answered = true
		w.fact("answered", s.id, 0)
	}
	s.order = m.order
	for _, other := range w.sales {
		if other != s && m.order != "" && other.order == m.order {
			w.fail(orderOnce, "the order %s is that of %s, and of %s too", m.order, other.id, s.id)
		}
	}
	if m.trade == "" {
		return
	}
	for _, other := range w.sales {
		if other != s && other.trade == m.trade {
			w.fail(orderOnce, "the order %s proves %s, and %s too", m.trade, other.id, s.id)
		}
	}
	o := w.mall.order(m.trade)
	switch s.trade = m.trade; {
	case o == nil || o.old:
		w.fail(orderOwn, "%s is proved by the order %s, which was there before", s.id, m.trade)
	case o.status == mall.OrderCreated:
		w.fail(orderOwn, "%s is proved by the order %s, which nobody paid", s.id, m.trade)
	case s.state != purchase.Delivered:
	case o.device != s.device:
		w.fail(orderOwn, "%s is delivered for the order %s of another device", s.id, m.trade)
	case !o.granted:
		w.fail(trueEnd, "%s is delivered, and nothing was granted for its order %s yet", s.id, m.trade)
	}
}

// mallPaid reports whether there is money in the mall that is a purchase's: for
// an order that it made, and that proves no other; or for the order that it found.
func (w *World) mallPaid(s *sale) bool {
	for _, o := range w.mall.orders {
		if o.paid && (o.id == s.order || o.maker == s.id && !w.proves(o, s)) {
			return true
		}
	}
	return false
}

// proves reports whether an order is on record as the proof of another purchase
// than s.
func (w *World) proves(o *mallOrder, s *sale) bool {
	for _, other := range w.sales {
		if other != s && other.trade == o.id {
			return true
		}
	}
	return false
}

// finalMall holds a purchase in the mall against what has happened.
func (w *World) finalMall(s *sale) {
	var p struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(s.body, &p); err != nil {
		w.fail(trueEnd, "the record of %s is damaged: %v", s.id, err)
	}
	o := w.mall.order(s.trade)
	for _, made := range w.mall.orders {
		if made.maker == s.id && made.paid && s.trade != made.id && s.state != purchase.Attention && !w.proves(made, s) {
			w.fail(paidKept, "the order %s of %s was paid, and is on no record", made.id, s.id)
		}
	}
	why := ""
	switch s.state {
	case purchase.Delivered:
		if o == nil || !o.granted || o.amount != s.amount {
			why = "nothing was granted for what it costs"
		}
	case purchase.Expired:
		if w.mallPaid(s) {
			why = "it was paid"
		}
	case purchase.Attention:
		if s.answered && !w.mall.meddled {
			w.fail(personOnly, "%s is %s (%s), and the mall answered, and nobody meddled", s.id, s.state, p.Reason)
		}
	default:
		why = "it should not have ended so"
	}
	if why != "" {
		w.fail(trueEnd, "%s is %s (%s), and %s", s.id, s.state, p.Reason, why)
	}
}

// mallPlayedOut holds that with nothing in the way every member gets what he
// wants.
func (w *World) mallPlayedOut() {
	for i := range w.plan.members {
		delivered := 0
		for _, s := range w.sales {
			if s.buyer == memberName(i) && s.state == purchase.Delivered {
				delivered++
			}
		}
		if delivered != 1 {
			w.fail(playsOut, "with no fault at all, %s got %d services", memberName(i), delivered)
		}
	}
}

package simulate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// cast makes the actors of a plan. Their order is the order in which they come
// by themselves: the sweepers right after the clock, so that to stop one actor
// and let time pass is to let another take over what it holds.
func (w *World) cast() {
	for i := range w.plan.buyers {
		w.join(w.buyer(i))
	}
	w.castMall()
	w.join(&actor{name: "platform", most: 4 * w.plan.buyers * w.plan.payments, can: w.canPost, run: func() {
		p, out := w.unanswered(w.plan.posts)
		if p != nil {
			w.post(p, p.attempts%len(w.processes))
		} else {
			w.postPayout(out, out.attempts%len(w.processes))
		}
	}})
	if w.plan.duplicate {
		w.join(&actor{name: "duplicate", most: 1, can: func() bool { return w.firstPayment() != nil }, run: func() {
			w.post(w.firstPayment(), 0)
		}})
	}
	if w.plan.queue {
		w.join(&actor{name: "queue", most: 3, can: func() bool { return len(w.queue) > 0 }, run: w.consume})
	}
	if w.plan.stride == 0 {
		w.join(&actor{name: "network", turn: patient, most: 3, can: func() bool { return len(w.flights) > 0 }, run: w.land})
	}
	w.join(&actor{name: "clock", turn: patient, most: w.plan.clocks, can: func() bool { return !w.settledAll() }, run: func() {
		next := w.disk.nextDue()
		if w.plan.once {
			next = w.now.Add(onceLease)
		} else if !next.After(w.now) {
			next = w.now.Add(30 * time.Second)
		}
		if stride := w.plan.stride; stride > 0 && next.After(w.now.Add(stride)) {
			next = w.now.Add(stride)
		}
		w.goTo(next)
		w.note(w.current, "is", "", "")
	}})
	for i, process := range w.plan.sweepers {
		name := "sweeper"
		if len(w.plan.sweepers) > 1 {
			name = fmt.Sprint("sweeper ", i+1)
		}
		w.join(&actor{name: name, most: w.plan.sweeps, can: w.somethingDue, run: func() { w.sweep(process) }})
	}
	if w.plan.stranger {
		w.join(&actor{name: "stranger", turn: never, most: 1, can: func() bool { return len(w.remote.orders) > 0 }, run: func() {
			w.strange(w.remote.orders[0], 0)
		}})
	}
	if w.plan.gossip {
		w.join(&actor{name: "gossip", turn: never, most: 1, can: func() bool { return len(w.remote.orders) > 1 }, run: func() { w.gossip(0) }})
		w.join(&actor{name: "mix-up", turn: never, most: 1, can: w.canMixUp, run: func() { w.mixUp(0) }})
		w.join(&actor{name: "mix-up, apart", turn: never, most: 1, can: w.canMixUp, run: func() { w.mixUp(apart) }})
	}
	if w.plan.thief {
		w.join(&actor{name: "thief", most: 1, can: func() bool { return len(w.remote.orders) > 0 }, run: func() { w.steal(w.remote.orders[0], 0) }})
	}
	w.settler = &actor{name: "the end", index: len(w.actors)}
}

func (w *World) join(a *actor) {
	a.index, a.process = len(w.actors), -1
	a.wake = make(chan struct{}, 1)
	w.actors = append(w.actors, a)
}

// buyer begins a purchase, once more if nothing is on record afterwards, and
// pays.
func (w *World) buyer(i int) *actor {
	a := &actor{name: "buyer", most: w.plan.begins + w.plan.payments}
	if w.plan.buyers > 1 {
		a.name = fmt.Sprint("buyer ", i+1)
	}
	name := fmt.Sprintf("user-%d", i+1)
	mine := func() *sale {
		for _, s := range w.sales {
			if s.buyer == name {
				return s
			}
		}
		return nil
	}
	payable := func() *remoteOrder {
		if w.plan.once {
			if o := w.remote.order(name); o != nil && len(o.payments) < w.plan.payments {
				return o
			}
			return nil
		}
		s := mine()
		if s == nil {
			return nil
		}
		o := w.remote.order(s.id)
		if o == nil && s.code != "" {
			o = w.remote.ofCode(s.code) // what his phone shows is what he pays
		}
		if o == nil || len(o.payments) >= w.plan.payments || w.plan.payLate && s.state != purchase.Expired {
			return nil
		}
		return o
	}
	a.can = func() bool { return mine() == nil && a.begins < w.plan.begins || payable() != nil }
	a.run = func() {
		if o := payable(); o != nil {
			w.pay(o, name)
			return
		}
		a.begins++
		if w.plan.once { // an order of the merchant's own making
			o := vvchat.Order{OutTradeNo: name, Amount: price}
			w.remote.orders = append(w.remote.orders, &remoteOrder{Order: o})
			w.fact("order", name, price)
			return
		}
		p := w.enter(i % len(w.processes))
		w.note(a, "begins a purchase", "", "")
		_, _ = p.service.Begin(context.Background(), purchase.Request{Buyer: name, OfferID: fmt.Sprintf("offer-%d", i+1), Price: price})
	}
	return a
}

func (w *World) canPost() bool {
	p, out := w.unanswered(w.plan.posts)
	return p != nil || out != nil
}

func (w *World) firstPayment() *payment {
	for _, o := range w.remote.orders {
		if len(o.payments) > 0 {
			return o.payments[0]
		}
	}
	return nil
}

func (w *World) somethingDue() bool {
	for id, c := range w.disk.records {
		if !c.Due.IsZero() && !c.Due.After(w.now) && strings.HasPrefix(id, purchase.Prefix) {
			return true
		}
	}
	return false
}

func (w *World) sweep(process int) {
	p := w.enter(process)
	_, _ = p.service.Reconcile(context.Background())
}

// consume takes a message of the queue. One whose work broke off, or that could
// not be told that it was done, comes again.
func (w *World) consume() {
	id := w.queue[0]
	p := w.enter(1)
	_, err := p.service.Advance(context.Background(), id)
	if err != nil || !w.answer(id) {
		return
	}
	for i := range w.queue {
		if w.queue[i] == id {
			w.queue = append(w.queue[:i:i], w.queue[i+1:]...)
			break
		}
	}
	w.fact("consumed", id, len(w.queue))
}

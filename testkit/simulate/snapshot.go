package simulate

import (
	"maps"
	"slices"
	"time"
)

// snapshot is a world at a moment when nobody is in the middle of anything. An
// exploration begins there what differs only afterwards, in the place of playing
// everything again.
type snapshot struct {
	last, steps, deviations int
	strangers               int
	taken                   []int
	now                     time.Time
	records                 map[string]*committed // never changed once there
	ids                     []string
	sum                     uint64
	orders                  []remoteOrder
	payments                [][]payment // by order
	payouts                 []payout
	sales                   []sale
	queue                   []string
	exchanges               []exchange
	mall                    household
	mallOrders              []mallOrder
	bookings                []booking
	facts                   uint64
	actors                  []actorState
}

type actorState struct{ left, begun, begins int }

// snap returns a snapshot, or nil where there can be none: something is under
// way, or something is in memory that is known by nobody.
func (w *World) snap() *snapshot {
	if !w.plain || len(w.flights) > 0 {
		return nil
	}
	for _, p := range w.processes {
		if p.memory != 0 {
			return nil
		}
	}
	s := &snapshot{
		last: w.last, steps: w.steps, deviations: w.deviations, taken: slices.Clone(w.taken), now: w.now,
		records: maps.Clone(w.disk.records), ids: slices.Clone(w.disk.ids), sum: w.disk.sum,
		queue: slices.Clone(w.queue), exchanges: slices.Clone(w.exchanges), strangers: w.strangers, facts: w.facts, actors: make([]actorState, len(w.actors)),
	}
	for i, a := range w.actors {
		if a.inside {
			return nil
		}
		s.actors[i] = actorState{a.left, a.begun, a.begins}
	}
	for _, o := range w.remote.orders {
		s.orders = append(s.orders, *o)
		var payments []payment
		for _, p := range o.payments {
			payments = append(payments, *p)
		}
		s.payments = append(s.payments, payments)
	}
	for _, p := range w.remote.payouts {
		s.payouts = append(s.payouts, *p)
	}
	for _, sold := range w.sales {
		s.sales = append(s.sales, *sold)
	}
	s.mall = w.mall
	for _, o := range w.mall.orders {
		s.mallOrders = append(s.mallOrders, *o)
	}
	for _, b := range w.bookings {
		s.bookings = append(s.bookings, *b)
	}
	return s
}

// restore takes the world back to a snapshot; nil is the beginning.
func (w *World) restore(s *snapshot) {
	w.current, w.failure, w.calm, w.stopped, w.pruned = nil, nil, false, false, false
	w.flights, w.opaque, w.lines, w.call = nil, 0, nil, line{}
	w.remote, w.sales, w.exchanges, w.bookings, w.strangers = remote{}, nil, nil, nil, 0
	clear(w.kept)
	for _, a := range w.actors {
		a.inside, a.parked, a.killed, a.process, a.local, a.draws = false, false, false, -1, 0, 0
	}
	w.settler.begun = 0
	for _, p := range w.processes {
		if !w.plain || p.memory != 0 {
			p.stop()
		}
	}
	if s == nil {
		w.last, w.steps, w.deviations, w.taken = len(w.actors)-1, 0, 0, w.taken[:0]
		w.now, w.queue, w.facts = epoch, nil, 0
		w.disk = newDisk()
		for _, a := range w.actors {
			a.left, a.begun, a.begins = a.most, 0, 0
		}
		w.stock()
		w.openMall()
		return
	}
	w.last, w.steps, w.deviations, w.taken = s.last, s.steps, s.deviations, append(w.taken[:0], s.taken...)
	w.now, w.queue, w.facts = s.now, slices.Clone(s.queue), s.facts
	w.disk = &disk{records: maps.Clone(s.records), ids: slices.Clone(s.ids), sum: s.sum}
	for i, a := range w.actors {
		a.left, a.begun, a.begins = s.actors[i].left, s.actors[i].begun, s.actors[i].begins
	}
	for i, o := range s.orders {
		order := &o
		order.payments = nil
		for _, p := range s.payments[i] {
			money := &p
			money.order = order
			order.payments = append(order.payments, money)
		}
		w.remote.orders = append(w.remote.orders, order)
	}
	for _, p := range s.payouts {
		w.remote.payouts = append(w.remote.payouts, &p)
	}
	for _, sold := range s.sales {
		sold.acked = slices.Clone(sold.acked)
		w.sales = append(w.sales, &sold)
	}
	w.mall = s.mall
	w.mall.orders = nil
	for _, o := range s.mallOrders {
		w.mall.orders = append(w.mall.orders, &o)
	}
	w.exchanges, w.strangers = slices.Clone(s.exchanges), s.strangers
	for _, b := range s.bookings {
		w.bookings = append(w.bookings, &b)
	}
}

//go:build unix

package fleet

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// story is what happens to a sale, beside all the noise.
type story string

const (
	plain   story = "plain"   // it is paid, and the platform tells so until it is heard
	early   story = "early"   // the platform tells of it before the order is on record
	shuffle story = "shuffle" // notices of status 0 come before it, beside it and after it
	twice   story = "twice"   // it is paid twice, under two trade_nos
	untold  story = "untold"  // it is paid, and every notification is lost
	unpaid  story = "unpaid"  // nobody pays, and forgers say that somebody did
)

// plan is how the warehouse treats a delivery.
type plan string

const (
	grants      plan = "grants"
	grantsSlow  plan = "grants, after a moment"
	answersLate plan = "grants, and answers when the step is over"
	failsFirst  plan = "fails once before it grants"
	failsAfter  plan = "grants, and answers with status 500"
	cutsFirst   plan = "cuts the connection once before it grants"
	cutsAfter   plan = "grants, and cuts the connection"
	refuses     plan = "refuses for good"
	cutsRefusal plan = "refuses for good, and cuts the connection once"
)

func (p plan) refuses() bool { return p == refuses || p == cutsRefusal }

// sale is one order, and all that the outside knows of it.
type sale struct {
	id     string
	story  story
	plan   plan
	amount core.Fen
	began  time.Time

	mu           sync.Mutex
	imported     bool
	payments     []testkit.Payment // as the platform has them
	acknowledged []string          // trade_nos for which a process said "success"
	posts        int               // deliveries that the warehouse was asked for
	asks         int               // times that it was asked whether it granted
	granted      bool
	repeats      int // posts of a sleeper, after it was granted
	doubles      int // posts after it was granted that nothing excuses
	offences     []string
	events       []event
}

type event struct {
	at   time.Time
	what string
}

// saw puts an event into the sale's timeline.
func (s *sale) saw(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(format, args...)
}

// note is saw with the lock held.
func (s *sale) note(format string, args ...any) {
	s.events = append(s.events, event{time.Now(), fmt.Sprintf(format, args...)})
}

// offends records what must never happen.
func (s *sale) offends(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("OFFENCE: "+format, args...)
	s.offences = append(s.offences, fmt.Sprintf(format, args...))
}

func (s *sale) pays(payment testkit.Payment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("paid on the platform, trade_no %s", payment.TradeNo)
	s.payments = append(s.payments, payment)
}

func (s *sale) paidBy(tradeNo string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.payments, func(p testkit.Payment) bool { return p.TradeNo == tradeNo })
}

func (s *sale) acknowledges(tradeNo string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.acknowledged, tradeNo) {
		s.acknowledged = append(s.acknowledged, tradeNo)
	}
}

// ledger is all sales by id.
type ledger struct {
	mu    sync.RWMutex
	sales map[string]*sale
	order []*sale
}

func (l *ledger) add(s *sale) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sales[s.id] = s
	l.order = append(l.order, s)
}

func (l *ledger) find(id string) *sale {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sales[id]
}

func (l *ledger) all() []*sale {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.order)
}

// diary is what happened to the processes.
type diary struct {
	mu      sync.Mutex
	entries []entry
}

type entry struct {
	event
	process string
}

func (d *diary) told(process, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry{event{time.Now(), what}, process})
}

// between returns what happened in a time, with a margin.
func (d *diary) between(from, to time.Time) []entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []entry
	for _, e := range d.entries {
		if e.at.After(from.Add(-10*time.Second)) && e.at.Before(to.Add(time.Second)) {
			found = append(found, e)
		}
	}
	return found
}

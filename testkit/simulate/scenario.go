package simulate

import (
	"time"

	"github.com/imprest-go/imprest/core/purchase"
)

// Scenario is what the actors of a run are about.
type Scenario string

// The scenarios.
const (
	// Sale is a purchase on the VVChat rail: it is ordered, paid, notified
	// (once more, too), and delivered, while another process sweeps.
	Sale Scenario = "sale"
	// Refund is a sale whose goods are refused for good.
	Refund Scenario = "refund"
	// Workers is a sale that is delivered by two sweepers alone.
	Workers Scenario = "workers"
	// TwoSales is two buyers at once.
	TwoSales Scenario = "two sales"
	// PaidTwice is a sale that its buyer pays twice.
	PaidTwice Scenario = "paid twice"
	// LatePayment is a sale that is paid after it has expired.
	LatePayment Scenario = "late payment"
	// Queue is a sale whose delivery is handed to a queue, which delivers each
	// message at least once.
	Queue Scenario = "queue"
	// Silence is a sale whose payment comes late, and of which no notification
	// ever tells.
	Silence Scenario = "silence"
	// MixUp is two buyers, and genuine notices that are no payment of the order
	// that they name: one that says that nothing was paid, and one with the
	// trade_no of the other order's payment.
	MixUp Scenario = "mix-up"
	// SlowWorker is a sale during which time passes in small steps, and what is
	// under way takes its time: a call can be made late in a lease, and have its
	// effect after that.
	SlowWorker Scenario = "slow worker"
	// StolenKey is a sale whose goods are refused, and somebody has the app_key:
	// he signs notifications of payments that nobody made, and waits for the
	// refund.
	StolenKey Scenario = "stolen key"
)

// Scenarios returns every scenario.
func Scenarios() []Scenario {
	return []Scenario{Sale, Refund, Workers, TwoSales, PaidTwice, LatePayment, Queue, Silence, MixUp, SlowWorker, StolenKey}
}

// plan is what a scenario is made of.
type plan struct {
	buyers    int
	payments  int // of each buyer
	sweepers  []int
	sweeps    int // that each sweeper begins while faults are on
	clocks    int // how often time passes meanwhile
	posts     int // attempts at a notification meanwhile
	duplicate bool
	stranger  bool
	gossip    bool          // see World.gossip and World.mixUp
	silent    bool          // no notification of a payment is ever posted
	thief     bool          // see World.steal
	stride    time.Duration // the clock goes no further at once; 0: to what is due
	noInline  bool
	queue     bool
	refuses   bool
	refunds   bool
	once      bool
	payWithin time.Duration
	payLate   bool
	bound     int // sweeps after faults are off
	// ends are the states in which a purchase may end.
	ends func(w *World, s *sale, payments int) map[purchase.State]bool
}

// plans returns the plan of a scenario, nil if there is none.
func planOf(s Scenario) *plan {
	p := &plan{
		buyers: 1, payments: 1, sweepers: []int{1}, sweeps: 2, clocks: 2, posts: 2, duplicate: true, stranger: true,
		bound: 16, ends: saleEnds,
	}
	switch s {
	case Sale:
	case Refund:
		p.refuses, p.refunds, p.ends, p.stranger = true, true, refundEnds, false
		p.sweeps = 3
	case Workers:
		p.noInline, p.sweepers, p.duplicate, p.stranger = true, []int{0, 1}, false, false
	case TwoSales:
		p.buyers, p.duplicate, p.stranger = 2, false, false
	case PaidTwice:
		p.payments, p.stranger = 2, false
	case LatePayment:
		p.payLate, p.payWithin, p.clocks, p.stranger, p.sweeps = true, 30*time.Second, 3, false, 3
	case Queue:
		p.queue, p.stranger, p.duplicate = true, false, false
	case Silence:
		p.silent, p.payLate, p.payWithin, p.clocks, p.stranger, p.duplicate, p.sweeps = true, true, 30*time.Second, 3, false, false, 3
	case SlowWorker:
		p.stride, p.clocks, p.noInline, p.duplicate, p.stranger, p.sweepers = 40*time.Second, 5, true, false, false, []int{0, 1}
	case StolenKey:
		p.thief, p.refuses, p.refunds, p.duplicate, p.stranger, p.sweeps, p.clocks, p.posts = true, true, true, false, false, 1, 0, 1
	case MixUp:
		p.gossip, p.buyers, p.duplicate, p.stranger, p.noInline, p.sweeps, p.clocks, p.posts = true, 2, false, false, true, 0, 0, 1
	default:
		return nil
	}
	return p
}

func states(all ...purchase.State) map[purchase.State]bool {
	set := map[purchase.State]bool{}
	for _, s := range all {
		set[s] = true
	}
	return set
}

var (
	endUnpaid    = states(purchase.Expired)
	endDelivered = states(purchase.Delivered)
	endAttention = states(purchase.Attention)
	endRefunded  = states(purchase.Refunded)
	endOrPerson  = states(purchase.Refunded, purchase.Attention)
)

// saleEnds: whatever went wrong, who paid gets the goods, and a second payment
// gets a person.
func saleEnds(_ *World, _ *sale, payments int) map[purchase.State]bool {
	switch payments {
	case 0:
		return endUnpaid
	case 1:
		return endDelivered
	}
	return endAttention
}

// refundEnds: the money goes back. Where a payout may have been sent, and
// nobody can tell, a person has to look.
func refundEnds(w *World, s *sale, payments int) map[purchase.State]bool {
	switch {
	case payments == 0:
		return endUnpaid
	case w.deviations == 0:
		return endRefunded
	}
	return endOrPerson
}

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
	// Stranger is a sale during which somebody posts a message that is no payment
	// of it: one of another amount, or signed with another key.
	Stranger Scenario = "stranger"
	// Redemption is a sale that is delivered by an exchange code.
	Redemption Scenario = "redemption"
	// TwoRedemptions is two buyers at once, who redeem codes on one device.
	TwoRedemptions Scenario = "two redemptions"
	// RefusedRedemption is one that the cloud refuses for good: the code is
	// free again, and the money goes back.
	RefusedRedemption Scenario = "refused redemption"
	// MallSale is a purchase on the mall rail: it is ordered in Tuya's mall, which
	// does not say which order it made, paid there and delivered by the mall. The
	// buyer may begin once more beside it, and the price may change.
	MallSale Scenario = "mall sale"
	// TwoMallSales is two members of a household who buy the same service for one
	// device, one after the other or both at once.
	TwoMallSales Scenario = "two mall sales"
	// MallMixUp is a sale in the mall beside which somebody orders and pays in
	// Tuya's app, the mall closes an order or pays it back, and an old
	// subscription is renewed.
	MallMixUp Scenario = "mall mix-up"
	// MallAndCode is a sale in the mall, and a code that is redeemed on the same
	// device meanwhile.
	MallAndCode Scenario = "mall and code"
	// Once is a payment that callback.Once hands to a merchant's own sink.
	Once Scenario = "once"
)

// Scenarios returns every scenario.
func Scenarios() []Scenario {
	return []Scenario{
		Sale, Refund, Workers, TwoSales, PaidTwice, LatePayment, Queue, Silence, MixUp, SlowWorker, StolenKey, Stranger,
		Redemption, TwoRedemptions, RefusedRedemption, MallSale, TwoMallSales, MallMixUp, MallAndCode, Once,
	}
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
	begins    int  // of each buyer, while nothing is on record
	members   int  // buyers on the mall rail, of one household
	apart     bool // each for a device of his own
	named     bool // the mall says which order it made
	// What may happen in the mall meanwhile: see World.castMall.
	impatient, raises, inApp, closes, renews bool
	codes                                    int // exchange codes in the stock; 0: simulated goods
	// cold starts a process for each activity, as a function in a cloud does: so
	// there is nothing in memory that an exploration would have to keep.
	cold      bool
	payWithin time.Duration
	payLate   bool
	bound     int // sweeps after faults are off
	// ends are the states in which a purchase may end.
	ends func(w *World, s *sale, payments int) map[purchase.State]bool
}

// plans returns the plan of a scenario, nil if there is none.
func planOf(s Scenario) *plan {
	p := &plan{
		buyers: 1, payments: 1, sweepers: []int{1}, sweeps: 2, clocks: 2, posts: 2, begins: 2, duplicate: true,
		bound: 16, ends: saleEnds,
	}
	switch s {
	case Sale:
	case Stranger:
		p.stranger, p.duplicate, p.sweeps, p.clocks = true, false, 1, 1
	case Refund:
		p.refuses, p.refunds, p.ends, p.duplicate = true, true, refundEnds, false
		p.sweeps = 3
	case Workers:
		p.noInline, p.sweepers, p.duplicate = true, []int{0, 1}, false
	case TwoSales:
		p.buyers, p.duplicate, p.sweeps, p.clocks = 2, false, 1, 1
	case PaidTwice:
		p.payments, p.duplicate = 2, false
	case LatePayment:
		p.payLate, p.payWithin, p.clocks, p.sweeps, p.duplicate = true, 30*time.Second, 3, 3, false
	case Queue:
		p.queue, p.duplicate = true, false
	case Silence:
		p.silent, p.payLate, p.payWithin, p.clocks, p.duplicate, p.sweeps = true, true, 30*time.Second, 3, false, 3
	case SlowWorker:
		p.stride, p.clocks, p.noInline, p.duplicate, p.sweepers = 40*time.Second, 5, true, false, []int{0, 1}
	case StolenKey:
		p.thief, p.refuses, p.refunds, p.duplicate, p.sweeps, p.clocks, p.posts = true, true, true, false, 1, 0, 1
	case MixUp:
		p.gossip, p.buyers, p.duplicate, p.noInline, p.sweeps, p.clocks, p.posts = true, 2, false, true, 0, 0, 1
	case Redemption:
		p.codes, p.ends, p.cold, p.noInline, p.duplicate = 2, codeEnds, true, true, false
	case TwoRedemptions:
		p.buyers, p.codes, p.ends, p.duplicate = 2, 3, codeEnds, false
	case RefusedRedemption:
		p.codes, p.ends, p.cold, p.duplicate, p.refuses, p.refunds, p.sweeps = 2, codeEnds, true, false, true, true, 3
	case MallSale:
		p.mall(1)
		p.impatient, p.raises = true, true
	case TwoMallSales:
		p.mall(2)
	case MallMixUp:
		p.mall(1)
		p.inApp, p.closes, p.renews = true, true, true
	case MallAndCode:
		p.mall(1)
		p.named, p.buyers, p.codes, p.ends, p.noInline, p.cold = true, 1, 2, codeEnds, true, true
		p.clocks, p.sweeps, p.posts, p.begins = 2, 2, 1, 1
	case Once:
		p.once, p.stranger, p.begins, p.sweepers, p.posts = true, true, 1, nil, 3
	default:
		return nil
	}
	return p
}

// mall makes a plan one of the mall rail.
func (p *plan) mall(members int) {
	p.members, p.buyers, p.duplicate, p.clocks, p.sweeps = members, 0, false, 3, 3
	p.payWithin, p.bound = 5*time.Minute, 32
}

func states(all ...purchase.State) map[purchase.State]bool {
	set := map[purchase.State]bool{}
	for _, s := range all {
		set[s] = true
	}
	return set
}

var (
	endUnpaid            = states(purchase.Expired)
	endDelivered         = states(purchase.Delivered)
	endAttention         = states(purchase.Attention)
	endRefunded          = states(purchase.Refunded)
	endDeliveredOrPerson = states(purchase.Delivered, purchase.Attention)
	endOrPerson          = states(purchase.Refunded, purchase.Attention)
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

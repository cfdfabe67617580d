package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/testkit"
)

// FaultInfo is one fault that can be switched on.
type FaultInfo struct {
	// Name is what is typed.
	Name string
	// About says in one line what goes wrong, and how the run ends.
	About string
}

// FaultList returns every fault, in the order in which they are shown.
func FaultList() []FaultInfo {
	var list []FaultInfo
	for _, f := range faults() {
		list = append(list, f.FaultInfo)
	}
	return list
}

// The faults that the sandbox asks for by name.
const (
	journalDown  = "journal-down"
	crash        = "crash-after-commit"
	deliverFails = "deliver-fails"
	deliverLost  = "deliver-lost"
	dropCallback = "drop-callback"
	surplus      = "surplus"
	slow         = "slow"
	tokenExpired = "token-expired"
)

// fault is a FaultInfo and what it is made of.
type fault struct {
	FaultInfo
	// wire are the faults of the platform that make it; nil for one that the
	// sandbox makes at a seam of its own.
	wire func(p *plan) []testkit.Fault
}

// faults is the list. Each may join any other: of those that change a message,
// an attempt has one, so the second strikes the attempt after it. That is why
// drop-callback, which leaves none over, comes last among them.
func faults() []fault {
	return []fault{
		{FaultInfo{"duplicate", "each notification arrives two to four times, one after the other: delivered once"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicate, Times: testkit.Always, Copies: 1 + p.draws.number("duplicate", 3)}}
		}},
		{FaultInfo{"duplicate-concurrent", "each notification arrives three to six times at once: delivered once"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicateConcurrent, Times: testkit.Always, Copies: 2 + p.draws.number("duplicate-concurrent", 4)}}
		}},
		{FaultInfo{"reorder", `a notice of "not paid yet" arrives after the one of the payment: delivered`}, func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultReorder, Times: testkit.Always}}
		}},
		{FaultInfo{"waiting-first", `a notice of "not paid yet" arrives before the one of the payment: delivered`}, func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultWaitingFirst, Times: testkit.Always}}
		}},
		{FaultInfo{"delay-callback", "the notification comes one to five minutes late; a query finds the payment first: delivered"}, func(p *plan) []testkit.Fault {
			late := time.Duration(60+p.draws.number("delay-callback", 240)) * time.Second
			return []testkit.Fault{{Kind: testkit.FaultDelayCallback, Times: testkit.Always, Delay: late, Match: p.first("delay-callback")}}
		}},
		{FaultInfo{"forged", "a notification signed with another app_key comes first: refused, the genuine one is delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultForgedSign, Times: testkit.Always, Match: p.first("forged")}}
		}},
		{FaultInfo{"tampered", "a notification whose amount was changed after signing comes first: refused, the genuine one is delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTampered, Times: testkit.Always, Match: p.first("tampered")}}
		}},
		{FaultInfo{"wrong-amount", "a notification of one fen too much, signed well, comes first: refused, the right one is delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultOtherAmount, Call: testkit.CallNotification, Times: testkit.Always, Match: p.first("wrong-amount")}}
		}},
		{FaultInfo{dropCallback, "no notification ever arrives; the sweep finds the payment by query: delivered"}, func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDropCallback, Times: testkit.Always}}
		}},
		{FaultInfo{surplus, "the order is paid a second time: delivered once, and attention"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultSecondPayment, Times: testkit.Always, Match: p.paidOnce}}
		}},
		{FaultInfo{slow, "each call to the platform takes 60 to 240 ms longer: delivered"}, nil},
		{FaultInfo{"order-lost", "the order never reaches the platform; it is asked, and the order made again: delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-lost")}}
		}},
		{FaultInfo{"order-answer-lost", "the order is made and its answer is lost; the platform is asked: delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-answer-lost")}}
		}},
		{FaultInfo{"platform-5xx", "the platform answers 500 to the first order and the first query: delivered"}, func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("platform-5xx order")},
				{Kind: testkit.FaultError500, Call: testkit.CallQuery, Times: testkit.Always, Match: p.first("platform-5xx query")},
			}
		}},
		{FaultInfo{tokenExpired, "the first login fails since its token has expired; logging in again works: delivered"}, func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired}}
		}},
		{FaultInfo{journalDown, "the journal fails when the payment is to be committed; the platform comes again: delivered"}, nil},
		{FaultInfo{crash, "the merchant crashes after the commit of the payment, before its answer, and starts again: delivered"}, nil},
		{FaultInfo{deliverFails, "the goods cannot be granted at first; it is tried again: delivered"}, nil},
		{FaultInfo{deliverLost, "the goods are granted and that answer is lost; it is asked for: delivered once"}, nil},
	}
}

// plan is the faults of a run, and how often each has struck.
type plan struct {
	draws    *draws
	active   []fault
	platform *testkit.Platform

	mu       sync.Mutex
	seen     map[string]bool // of "name id": the first time is over
	struck   map[string]int  // of the seams
	injected map[string][]*testkit.Injection
}

// newPlan puts faults on the platform, in the order of the list, whatever the
// order of names.
func newPlan(names []string, d *draws, platform *testkit.Platform) *plan {
	p := &plan{draws: d, platform: platform, seen: map[string]bool{}, struck: map[string]int{}, injected: map[string][]*testkit.Injection{}}
	for _, f := range faults() {
		if !slices.Contains(names, f.Name) {
			continue
		}
		p.active = append(p.active, f)
		if f.wire == nil {
			continue
		}
		for _, wire := range f.wire(p) {
			p.injected[f.Name] = append(p.injected[f.Name], platform.Inject(wire))
		}
	}
	return p
}

// names returns the active faults in the order of the list.
func (p *plan) names() []string {
	var names []string
	for _, f := range p.active {
		names = append(names, f.Name)
	}
	return names
}

func (p *plan) has(name string) bool { return slices.Contains(p.names(), name) }

// first lets a fault strike an order's first call that no other fault took.
func (p *plan) first(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool { return p.firstTime(name, t.OutTradeNo) }
}

func (p *plan) firstTime(name, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%s %s", name, id)
	if p.seen[key] {
		return false
	}
	p.seen[key] = true
	return true
}

// paidOnce lets a second payment come once per order.
func (p *plan) paidOnce(t testkit.FaultTarget) bool {
	trade, ok := p.platform.Trade(t.OutTradeNo)
	return ok && len(trade.Surplus) == 0
}

// slowness is how much longer a call to the platform takes, by its path. It
// passes by the wall clock: the run's own stands still meanwhile.
func (p *plan) slowness(path string) time.Duration {
	if !p.has(slow) {
		return 0
	}
	p.mu.Lock()
	p.struck[slow]++
	p.mu.Unlock()
	return time.Duration(60+p.draws.number("slow "+path, 180)) * time.Millisecond
}

// strikes reports whether a fault of a seam strikes now: once per purchase.
func (p *plan) strikes(name, id string) bool {
	if !p.has(name) || !p.firstTime(name, id) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.struck[name]++
	return true
}

// times returns how often a fault has struck.
func (p *plan) times(name string) int {
	p.mu.Lock()
	times := p.struck[name]
	p.mu.Unlock()
	for _, injection := range p.injected[name] {
		times += injection.Applied()
	}
	return times
}

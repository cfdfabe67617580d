package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	journalDown   = "journal-down"
	crash         = "crash-after-commit"
	deliverFails  = "deliver-fails"
	deliverLost   = "deliver-lost"
	redeemLost    = "redeem-lost"
	redeemLate    = "redeem-late"
	codeUsed      = "code-used"
	codesEmpty    = "codes-empty"
	cloudDown     = "cloud-permanent"
	refundFailed  = "refund-failed"
	refundUnheard = "refund-answer-lost"
	callsRefused  = "calls-refused"
	dropCallback  = "drop-callback"
	surplus       = "surplus"
	slow          = "slow"
	tokenExpired  = "token-expired"
)

// fault is a FaultInfo and what it is made of.
type fault struct {
	FaultInfo
	// wire are the faults of the platform that make it; nil for one that the
	// sandbox makes at a seam of its own.
	wire func(p *plan) []testkit.Fault
	// cloud are those of the cloud.
	cloud func(p *plan) []testkit.Fault
	// fate says that it decides what becomes of the redemption: a run has one
	// such fault at most.
	fate bool
	// instead says that nothing is granted; granted that it strikes only
	// what was granted.
	instead, granted bool
}

// clash returns why two faults cannot be in one run.
func clash(a, b fault) string {
	switch {
	case a.fate && b.fate:
		return a.Name + " and " + b.Name + " both decide what becomes of the redemption: choose one"
	case a.instead && b.granted:
		return b.Name + " strikes what was granted, and " + a.Name + " lets nothing be granted: choose one"
	case a.granted && b.instead:
		return clash(b, a)
	}
	return ""
}

// faults is the list. Each may join any other, unless they clash: of those that
// change a message, an attempt has one, so the second strikes the attempt after
// it. That is why drop-callback, which leaves none over, comes last among them.
func faults() []fault {
	return []fault{
		{FaultInfo: FaultInfo{"duplicate", "each notification arrives two to four times, one after the other: delivered once"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicate, Times: testkit.Always, Copies: 1 + p.draws.number("duplicate", 3)}}
		}},
		{FaultInfo: FaultInfo{"duplicate-concurrent", "each notification arrives three to six times at once: delivered once"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDuplicateConcurrent, Times: testkit.Always, Copies: 2 + p.draws.number("duplicate-concurrent", 4)}}
		}},
		{FaultInfo: FaultInfo{"reorder", `a notice of "not paid yet" arrives after the one of the payment: delivered`}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultReorder, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{"waiting-first", `a notice of "not paid yet" arrives before the one of the payment: delivered`}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultWaitingFirst, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{"delay-callback", "the notification comes one to five minutes late; a query finds the payment first: delivered"}, wire: func(p *plan) []testkit.Fault {
			late := time.Duration(60+p.draws.number("delay-callback", 240)) * time.Second
			return []testkit.Fault{{Kind: testkit.FaultDelayCallback, Call: testkit.CallNotification, Times: testkit.Always, Delay: late, Match: p.first("delay-callback")}}
		}},
		{FaultInfo: FaultInfo{"forged", "a notification signed with another app_key comes first: refused, the genuine one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultForgedSign, Times: testkit.Always, Match: p.first("forged")}}
		}},
		{FaultInfo: FaultInfo{"tampered", "a notification whose amount was changed after signing comes first: refused, the genuine one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTampered, Times: testkit.Always, Match: p.first("tampered")}}
		}},
		{FaultInfo: FaultInfo{"wrong-amount", "a notification of one fen too much, signed well, comes first: refused, the right one is delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultOtherAmount, Call: testkit.CallNotification, Times: testkit.Always, Match: p.first("wrong-amount")}}
		}},
		{FaultInfo: FaultInfo{dropCallback, "no notification ever arrives; the sweep finds the payment by query: delivered"}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultDropCallback, Call: testkit.CallNotification, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{surplus, "the order is paid a second time: delivered once, and attention"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultSecondPayment, Times: testkit.Always, Match: p.paidOnce}}
		}},
		{FaultInfo: FaultInfo{slow, "each call to the platform takes 60 to 240 ms longer: delivered"}},
		{FaultInfo: FaultInfo{"order-lost", "the order never reaches the platform; it is asked, and the order made again: delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-lost")}}
		}},
		{FaultInfo: FaultInfo{"order-answer-lost", "the order is made and its answer is lost; the platform is asked: delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("order-answer-lost")}}
		}},
		{FaultInfo: FaultInfo{"platform-5xx", "the platform answers 500 to the first order and the first query: delivered"}, wire: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallUnifiedOrder, Times: testkit.Always, Match: p.first("platform-5xx order")},
				{Kind: testkit.FaultError500, Call: testkit.CallQuery, Times: testkit.Always, Match: p.first("platform-5xx query")},
			}
		}},
		{FaultInfo: FaultInfo{tokenExpired, "the first login fails since its token has expired; logging in again works: delivered"}, wire: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired}}
		}},
		{FaultInfo: FaultInfo{journalDown, "the journal fails when the payment is to be committed; the platform comes again: delivered"}},
		{FaultInfo: FaultInfo{crash, "the merchant crashes after the commit of the payment, before its answer, and starts again: delivered"}},
		{FaultInfo: FaultInfo{deliverFails, "the goods cannot be granted at first; it is tried again: delivered"}},
		{FaultInfo: FaultInfo{codesEmpty, "no exchange code is left at first; a batch is loaded: delivered"}},
		{FaultInfo: FaultInfo{"cloud-5xx", "the cloud answers 500 to the first question for the device's services, and to the first consent: delivered"}, cloud: func(p *plan) []testkit.Fault {
			return []testkit.Fault{
				{Kind: testkit.FaultError500, Call: testkit.CallGetServiceListByDevice, Times: testkit.Always, Match: p.firstAt("cloud-5xx services")},
				{Kind: testkit.FaultError500, Call: testkit.CallSaveVoipAuthUser, Times: testkit.Always, Match: p.firstAt("cloud-5xx user")},
			}
		}},
		{FaultInfo: FaultInfo{deliverLost, "the code is redeemed and that answer is lost; the device's services tell: delivered, one code used"}, fate: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallExchangeCode, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{redeemLost, "the redemption never reaches the cloud; nobody can tell, and no second code is tried: attention"}, fate: true, instead: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultCut, Call: testkit.CallExchangeCode, Times: testkit.Always}}
		}},
		{FaultInfo: FaultInfo{redeemLate, "the cloud gives up on the redemption, which takes effect three seconds later: delivered, one code used"}, fate: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultLateEffect, Call: testkit.CallExchangeCode, Times: testkit.Always, Delay: 3 * time.Second}}
		}},
		{FaultInfo: FaultInfo{codeUsed, "the cloud says that the code was used before; it is put aside: attention"}, fate: true, instead: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultErrorCode, Call: testkit.CallExchangeCode, Times: testkit.Always, Code: "CODE_USED"}}
		}},
		{FaultInfo: FaultInfo{cloudDown, "the cloud refuses the redemption for good; the money goes back: refunded"}, fate: true, instead: true, cloud: refuseRedemptions},
		{FaultInfo: FaultInfo{refundFailed, "as cloud-permanent, and then the platform says that the refund failed: attention"}, fate: true, instead: true, cloud: refuseRedemptions,
			wire: func(*plan) []testkit.Fault {
				return []testkit.Fault{{Kind: testkit.FaultPayoutFailed, Times: testkit.Always}}
			}},
		{FaultInfo: FaultInfo{refundUnheard, "as cloud-permanent, and the answer to the refund is lost; its notification settles it: refunded"}, fate: true, instead: true, cloud: refuseRedemptions,
			wire: func(*plan) []testkit.Fault {
				return []testkit.Fault{{Kind: testkit.FaultAnswerLost, Call: testkit.CallAgentpay, Times: testkit.Always}}
			}},
		{FaultInfo: FaultInfo{"wechat-token-expired", "WeChat's token has expired when the ticket is asked for; a new one works: delivered"}, granted: true, cloud: func(*plan) []testkit.Fault {
			return []testkit.Fault{{Kind: testkit.FaultTokenExpired, Call: testkit.CallGetSNTicket}}
		}},
		{FaultInfo: FaultInfo{callsRefused, "the user does not let the device call; the cloud is told so: delivered"}, granted: true},
	}
}

func refuseRedemptions(*plan) []testkit.Fault {
	return []testkit.Fault{{Kind: testkit.FaultRefused, Call: testkit.CallExchangeCode, Times: testkit.Always}}
}

// plan is the faults of a run, and how often each has struck.
type plan struct {
	draws    *draws
	active   []fault
	platform *testkit.Platform
	locked   atomic.Bool // the stock of codes, by codes-empty

	mu       sync.Mutex
	seen     map[string]bool // of "name id": the first time is over
	struck   map[string]int  // of the seams
	injected map[string][]*testkit.Injection
}

// newPlan puts faults on the platform, in the order of the list, whatever the
// order of names.
func newPlan(names []string, d *draws, platform *testkit.Platform, cloud *testkit.Cloud) *plan {
	p := &plan{draws: d, platform: platform, seen: map[string]bool{}, struck: map[string]int{}, injected: map[string][]*testkit.Injection{}}
	for _, f := range faults() {
		if !slices.Contains(names, f.Name) {
			continue
		}
		p.active = append(p.active, f)
		if f.wire != nil {
			for _, wire := range f.wire(p) {
				p.injected[f.Name] = append(p.injected[f.Name], platform.Inject(wire))
			}
		}
		if f.cloud != nil {
			for _, wire := range f.cloud(p) {
				p.injected[f.Name] = append(p.injected[f.Name], cloud.Inject(wire))
			}
		}
	}
	return p
}

// lockStock makes the stock of codes look empty, if that was asked for: once the
// batches of the start are loaded.
func (p *plan) lockStock() { p.locked.Store(p.has(codesEmpty)) }

// stockLocked reports whether the stock of codes is to look empty.
func (p *plan) stockLocked() bool { return p.locked.Load() }

// unlockStock ends that, and counts it.
func (p *plan) unlockStock() {
	if p.locked.CompareAndSwap(true, false) {
		p.mu.Lock()
		p.struck[codesEmpty]++
		p.mu.Unlock()
	}
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

// first lets a fault strike an order's or a payout's first call that no other fault took.
func (p *plan) first(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool { return p.firstTime(name, t.OutTradeNo+t.OutOrderNo) }
}

// firstAt lets a fault strike the first such call about each device.
func (p *plan) firstAt(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool { return p.firstTime(name, t.DeviceID) }
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

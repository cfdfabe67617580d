package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// plan is the faults of a run, and how often each has struck. They can be
// switched on and off while it goes on.
type plan struct {
	draws    *draws
	rail     string
	platform *testkit.Platform
	cloud    *testkit.Cloud
	locked   atomic.Bool // the stock of codes, by codes-empty

	switching sync.Mutex // held while faults are switched

	mu       sync.Mutex
	active   []fault         // in the order of the list
	seen     map[string]bool // of "name id": the first time is over
	order    []string        // of seen, the oldest first
	struck   map[string]int  // of the seams, and of wires that are gone
	injected map[string][]wire
}

// wire is a fault that was put on a fake.
type wire struct {
	*testkit.Injection
	fault  testkit.Fault
	inject func(testkit.Fault) *testkit.Injection
}

// maxSeen is how many orders and devices are remembered that a fault has struck.
const maxSeen = 20_000

// newPlan puts faults on the fakes, in the order of the list, whatever the
// order of names.
func newPlan(cfg Config, d *draws, platform *testkit.Platform, cloud *testkit.Cloud) *plan {
	p := &plan{draws: d, rail: cfg.Rail, platform: platform, cloud: cloud, seen: map[string]bool{}, struck: map[string]int{}, injected: map[string][]wire{}}
	for _, f := range faults() {
		if slices.Contains(cfg.Faults, f.Name) {
			p.active = append(p.active, f)
			p.injected[f.Name] = p.wires(f)
		}
	}
	return p
}

// wires puts a fault on the fakes.
func (p *plan) wires(f fault) []wire {
	var list []wire
	put := func(inject func(testkit.Fault) *testkit.Injection, faults []testkit.Fault) {
		for _, fault := range faults {
			list = append(list, wire{inject(fault), fault, inject})
		}
	}
	if f.wire != nil && (p.rail != RailMall || f.Name == tokenExpired) {
		put(p.platform.Inject, f.wire(p))
	}
	if f.cloud != nil && p.rail != RailMall {
		put(p.cloud.Inject, f.cloud(p))
	}
	if f.mall != nil && p.rail != RailVVChat {
		put(p.cloud.Inject, f.mall(p))
	}
	return list
}

// switchTo switches one fault on or off. Its error is core.CodeNotFound for a
// name that is none, and core.CodeConflict, with the reason, for a fault that
// cannot be there together with another.
func (p *plan) switchTo(name string, on bool) error {
	p.switching.Lock()
	defer p.switching.Unlock()
	all := faults()
	i := slices.IndexFunc(all, func(f fault) bool { return f.Name == name })
	if i < 0 {
		return &core.Error{Code: core.CodeNotFound, Err: fmt.Errorf("there is no fault %.40q", name)}
	}
	if p.has(name) == on {
		return nil
	}
	if !on {
		p.switchOff(name)
		return nil
	}
	p.mu.Lock()
	var active []fault
	for _, f := range all {
		was := slices.ContainsFunc(p.active, func(a fault) bool { return a.Name == f.Name })
		if why := clash(f, all[i]); was && why != "" {
			p.mu.Unlock()
			return &core.Error{Code: core.CodeConflict, Err: fmt.Errorf("%s", why)}
		}
		if was || f.Name == name {
			active = append(active, f)
		}
	}
	// It strikes anew what it struck before it was switched off.
	for key := range p.seen {
		if strings.HasPrefix(key, name+" ") {
			delete(p.seen, key)
		}
	}
	p.order = slices.DeleteFunc(p.order, func(key string) bool { return !p.seen[key] })
	p.active = active
	p.mu.Unlock()

	fresh := p.wires(all[i])
	p.mu.Lock()
	p.injected[name] = fresh
	p.mu.Unlock()
	p.rewire(name)
	if name == codesEmpty {
		p.locked.Store(true)
	}
	return nil
}

// rewire puts the faults that come after name in the list behind it on the
// fakes too: of those that change a message the first one wins. Only those that
// strike always are put there again; the others are used up by now, or about
// calls that one fault alone strikes.
func (p *plan) rewire(name string) {
	for _, f := range p.after(name) {
		p.mu.Lock()
		wires := slices.Clone(p.injected[f.Name])
		p.mu.Unlock()
		for i, old := range wires {
			if old.fault.Times != testkit.Always {
				continue
			}
			wires[i].Injection = old.inject(old.fault)
			old.Remove()
			p.count(f.Name, old.Applied())
		}
		p.mu.Lock()
		p.injected[f.Name] = wires
		p.mu.Unlock()
	}
}

// after returns the active faults that come after name in the list.
func (p *plan) after(name string) []fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.active, func(f fault) bool { return f.Name == name })
	return slices.Clone(p.active[i+1:])
}

// switchOff takes a fault from the fakes and the seams.
func (p *plan) switchOff(name string) {
	p.mu.Lock()
	p.active = slices.DeleteFunc(slices.Clone(p.active), func(f fault) bool { return f.Name == name })
	wires := p.injected[name]
	delete(p.injected, name)
	p.mu.Unlock()
	for _, old := range wires {
		old.Remove()
		p.count(name, old.Applied())
	}
	if name == codesEmpty {
		p.locked.Store(false)
	}
}

func (p *plan) count(name string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.struck[name] += times
}

// lockStock makes the stock of codes look empty, if that was asked for: once the
// batches of the start are loaded.
func (p *plan) lockStock() { p.locked.Store(p.has(codesEmpty)) }

// stockLocked reports whether the stock of codes is to look empty.
func (p *plan) stockLocked() bool { return p.locked.Load() }

// unlockStock ends that, and counts it.
func (p *plan) unlockStock() {
	if p.locked.CompareAndSwap(true, false) {
		p.count(codesEmpty, 1)
	}
}

// names returns the active faults in the order of the list.
func (p *plan) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, f := range p.active {
		names = append(names, f.Name)
	}
	return names
}

func (p *plan) has(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.active, func(f fault) bool { return f.Name == name })
}

// first lets a fault strike an order's or a payout's first call that no other fault took.
func (p *plan) first(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool { return p.firstTime(name, t.OutTradeNo+t.OutOrderNo) }
}

// firstAt lets a fault strike the first such call about each device.
func (p *plan) firstAt(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool { return p.firstTime(name, t.DeviceID) }
}

// afterFirstAt lets a fault strike the second such call about each device.
func (p *plan) afterFirstAt(name string) func(testkit.FaultTarget) bool {
	return func(t testkit.FaultTarget) bool {
		return !p.firstTime(name+" at first", t.DeviceID) && p.firstTime(name, t.DeviceID)
	}
}

func (p *plan) firstTime(name, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%s %s", name, id)
	if p.seen[key] {
		return false
	}
	if len(p.order) >= maxSeen {
		for _, old := range p.order[:maxSeen/2] {
			delete(p.seen, old)
		}
		p.order = slices.Clone(p.order[maxSeen/2:])
	}
	p.seen[key] = true
	p.order = append(p.order, key)
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
	p.count(slow, 1)
	return time.Duration(60+p.draws.number("slow "+path, 180)) * time.Millisecond
}

// strikes reports whether a fault of a seam strikes now: once per purchase.
func (p *plan) strikes(name, id string) bool {
	if !p.has(name) || !p.firstTime(name, id) {
		return false
	}
	p.count(name, 1)
	return true
}

// times returns how often a fault has struck.
func (p *plan) times(name string) int {
	p.mu.Lock()
	times, wires := p.struck[name], p.injected[name]
	p.mu.Unlock()
	for _, injection := range wires {
		times += injection.Applied()
	}
	return times
}

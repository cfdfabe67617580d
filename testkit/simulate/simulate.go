package simulate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

// Config says what is simulated. The zero value is a Sale with nothing of
// anybody's in it.
type Config struct {
	// Scenario is what happens; "" is [Sale].
	Scenario Scenario

	// Deliverer makes the Deliverer that is tested, once for each process and
	// again after each crash; nil is simulated goods. See [Test] for what it
	// must be.
	Deliverer func(*World) purchase.Deliverer

	// The others wrap a seam, for each process as it starts: so is a bug
	// planted outside of the code. What a wrapper holds in memory is lost in a
	// crash, if it is made by the call. A wrapper must do the same whenever it
	// is told the same. nil is none.
	Store    func(journal.Store) journal.Store
	Platform func(purchase.Platform) purchase.Platform
	Payer    func(purchase.Payer) purchase.Payer
	Goods    func(purchase.Deliverer) purchase.Deliverer
	Mall     func(purchase.RedeemMall) purchase.RedeemMall
}

func (cfg *Config) plan() (*plan, error) {
	scenario := cfg.Scenario
	if scenario == "" {
		scenario = Sale
	}
	p := planOf(scenario)
	if p == nil {
		return nil, core.Invalid("simulate", fmt.Sprintf("there is no scenario %q: it is one of %q", scenario, Scenarios()))
	}
	return p, nil
}

// Bound bounds an exhaustive exploration: how many faults, and how many
// departures from the order in which actors come by themselves, one schedule
// may have.
type Bound struct{ Faults, Preemptions int }

// Report says what was explored.
type Report struct {
	// Schedules counts the runs, Pruned those of them that came to a moment
	// which another run had come to with as much left to go wrong, and ended
	// there. Steps counts the calls, over all runs.
	Schedules, Pruned, Steps int64
	// Took is in real time.
	Took time.Duration
}

// Failure is a schedule that breaks an invariant, shrunk.
type Failure struct {
	// Invariant is what was broken.
	Invariant string
	// Seed is the seed that found it; 0 for [Explore].
	Seed uint64
	// Choices are the schedule: [Replay] takes them. They mean something to
	// the same code alone.
	Choices []int
	// Schedule is the run, a line for each step: the number, the time since
	// the beginning, who, in which process, what, and what became of it.
	Schedule string
	// After counts the schedules until it was found.
	After int64

	detail string
}

// Error returns the invariant, how to play the run again, and the schedule.
func (f *Failure) Error() string {
	return fmt.Sprintf("simulate: broken: %s: %s\nafter %d schedules (seed %d); again with simulate.Replay(cfg, %s)\n%s",
		f.Invariant, f.detail, f.After, f.Seed, literal(f.Choices), f.Schedule)
}

func literal(choices []int) string {
	return "[]int{" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(choices)), ", "), "[]") + "}"
}

// Replay plays one schedule. It returns the *Failure if it breaks an invariant,
// with what led there; nil otherwise.
func Replay(cfg Config, choices []int) error {
	plan, err := cfg.plan()
	if err != nil {
		return err
	}
	if f := replay(&cfg, plan, newCache(), choices); f != nil {
		return f
	}
	return nil
}

// Trace plays one schedule and returns it as a person reads it, broken or not.
func Trace(cfg Config, choices []int) (string, error) {
	plan, err := cfg.plan()
	if err != nil {
		return "", err
	}
	w := newWorld(&cfg, plan, newCache(), script{choices})
	w.tracing = true
	w.run(nil)
	return w.schedule(), nil
}

func replay(cfg *Config, plan *plan, cache *cache, choices []int) *Failure {
	w := newWorld(cfg, plan, cache, script{choices})
	w.tracing = true
	w.run(nil)
	if w.failure == nil {
		return nil
	}
	w.failure.Choices, w.failure.Schedule = trim(w.taken), w.schedule()
	return w.failure
}

// Random plays one schedule for each seed, from first on. Its error is that of
// ctx, or the *Failure of the lowest seed that has one.
func Random(ctx context.Context, cfg Config, first, seeds uint64) (Report, error) {
	began := time.Now()
	plan, err := cfg.plan()
	if err != nil {
		return Report{}, err
	}
	var (
		next             atomic.Uint64
		schedules, steps atomic.Int64
		mu               sync.Mutex
		found            *Failure
		foundAt          atomic.Uint64
		workers          sync.WaitGroup
	)
	foundAt.Store(seeds)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			d := &dice{}
			w := newWorld(&cfg, plan, newCache(), d)
			for n := next.Add(1) - 1; n < foundAt.Load() && ctx.Err() == nil; n = next.Add(1) - 1 {
				d.begin(first + n)
				w.run(nil)
				schedules.Add(1)
				steps.Add(int64(w.steps))
				if w.failure == nil {
					continue
				}
				mu.Lock()
				if n < foundAt.Load() {
					foundAt.Store(n)
					found = w.failure
					found.Seed, found.Choices, found.After = first+n, slices.Clone(w.taken), int64(n)+1
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	report := Report{Schedules: schedules.Load(), Steps: steps.Load(), Took: time.Since(began)}
	if found != nil {
		return report, shrink(&cfg, plan, found)
	}
	return report, ctx.Err()
}

// TB is the part of testing.TB that [Test] needs.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Test runs a Deliverer of yours through every schedule with one fault and one
// pre-emption, and through 5,000 seeds, and fails tb with the shortest schedule
// that breaks an invariant. It takes a second or two.
//
// Deliverer is made for each process, and again after each crash of it. Whatever
// it would do over a network it does through its World: [World.Call] for what has
// an effect, [World.Ask] for what only reads, [World.Store] for the journal. What
// the other side keeps lives in [World.Keep]; everything else is lost in a crash.
// Where goods are granted it calls [World.Granted]. It holds no lock over a call
// and starts no goroutine. A call can go out after its context is over, since no
// context holds back what is on the wire: so Deliver runs beside itself.
//
// A failure ends with the run, a line for each step:
//
//	12       +0s  platform   0  select                             ok
//	13       +0s  platform   0  waits                              PRE-EMPTED by clock
//	…
//	24     +2m0s  platform   0  insert                             STALLED: goes out after its deadline
//	    BROKEN: granted at most once: <1> was granted twice
//
// and names the choices with which [Replay] plays it again.
func Test(tb TB, cfg Config) {
	tb.Helper()
	for _, explore := range []struct {
		name string
		run  func() (Report, error)
	}{
		{"bound (1,1)", func() (Report, error) { return Explore(tb.Context(), cfg, Bound{Faults: 1, Preemptions: 1}) }},
		{"5000 seeds", func() (Report, error) { return Random(tb.Context(), cfg, 1, 5000) }},
	} {
		report, err := explore.run()
		if err != nil {
			tb.Fatalf("%v", err)
			return
		}
		tb.Logf("%s, %s: %d schedules, %d steps, %v", cfg.Scenario, explore.name, report.Schedules, report.Steps, report.Took.Round(time.Millisecond))
	}
}

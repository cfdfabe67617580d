package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// World is everything outside of the code that is tested, during one run: the
// disk under the journal, the platform, the goods, the clock. A Deliverer that
// is run through a simulation gets one, and does through it whatever it would
// do over a network ([World.Call], [World.Store]).
type World struct {
	cfg     *Config
	plan    *plan
	cache   *cache
	chooser chooser

	// The schedule.
	actors     []*actor
	settler    *actor // who runs when faults are off
	current    *actor
	last       int // who ended an activity last
	taken      []int
	options    []option
	steps      int
	deviations int
	calm       bool // nothing goes wrong any more, and nobody is pre-empted
	stopped    bool
	pruned     bool
	failure    *Failure
	done, gone chan struct{}
	watch      *time.Timer
	boundary   func() // told when nobody may be in the middle of anything
	plain      bool   // nothing of others is in this world

	// What there is.
	now       time.Time
	disk      *disk
	processes []*process
	remote    remote
	sales     []*sale
	queue     []string
	exchanges []exchange
	mall      household
	bookings  []*booking
	strangers int // messages that were no payment
	flights   []flight
	kept      map[string]any
	// facts is the sum of all that has happened outside of the disk. opaque
	// is what the parts of others have seen, in its order: what they hold in
	// memory is known by nothing else.
	facts  uint64
	opaque uint64

	tracing bool
	lines   []line
	call    line // that is being made
}

// flight is an effect that is still under way when its caller has given up.
type flight struct {
	what  string
	by    time.Time
	apply func() error
	sum   uint64
}

const (
	// mostSteps bounds a run that never ends.
	mostSteps = 4000
	// inFlight is how long a call whose answer was lost may still take effect:
	// the default of purchase.Config.
	inFlight = time.Minute
)

var epoch = time.Unix(1_700_000_000, 0).UTC()

// Now is the time of the simulated clock.
func (w *World) Now() time.Time { return w.now }

// Read fills p with bytes that look random, the same in every run: a World is
// the purchase.Config.Rand of its services.
func (w *World) Read(p []byte) (int, error) {
	key := uint64(0xfeed)
	a := w.current
	if a != nil {
		key = uint64(a.index)<<32 | uint64(a.begun)
	}
	for i := range p {
		n := uint64(i)
		if a != nil {
			n = a.draws
			a.draws++
		}
		p[i] = byte(mix(key, n) >> 24)
	}
	return len(p), nil
}

// Keep returns what is kept under name for the length of the run, made by the
// first call. What a warehouse or a database of the merchant's holds belongs
// there: a Deliverer is made anew after each crash of its process.
func (w *World) Keep(name string, first func() any) any {
	kept, ok := w.kept[name]
	if !ok {
		kept = first()
		w.kept[name] = kept
	}
	return kept
}

// Call is a call to somewhere else: effect is what it does there, and its error
// the answer. It is a choice point: the process may die before or after the
// effect, another actor may run first, the request or the answer may be lost
// (core.CodeUnknown), the effect may come after the caller has given up, or the
// other side may not be reached at all (core.CodeUnreached). effect itself makes
// no call.
func (w *World) Call(ctx context.Context, name string, effect func() error) error {
	w.opaque = mix(w.opaque, mix(text(name), uint64(w.current.index)))
	err := w.effect(ctx, name, "", onCall, errUnknown, errUnreached, effect)
	w.opaque = mix(w.opaque, mix(text(string(core.CodeOf(err))), uint64(w.current.index)))
	return err
}

// Ask is a call that changes nothing: it works, or it fails.
func (w *World) Ask(ctx context.Context, name string, question func() error) error {
	w.opaque = mix(w.opaque, mix(text(name), uint64(w.current.index)))
	return w.effect(ctx, name, "", onRead, errUnknown, errUnreached, question)
}

// Granted says that the goods of a purchase were granted: a Deliverer calls it
// where that happens, inside of the effect of a [World.Call].
func (w *World) Granted(purchaseID string) { w.granted(purchaseID) }

// Store is the journal, for a Deliverer that keeps records of its own.
func (w *World) Store() journal.Store { return w.store() }

func (w *World) store() journal.Store {
	var store journal.Store = &seam{w}
	if w.cfg.Store != nil {
		store = &opaqueStore{w, w.cfg.Store(store)}
	}
	return store
}

var (
	errUnknown   error = &core.Error{Op: "simulate", Code: core.CodeUnknown, Err: errors.New("timed out")}
	errUnreached error = &core.Error{Op: "simulate", Code: core.CodeUnreached, Err: errors.New("no route")}
	errAsk       error = &core.Error{Op: "simulate", Code: core.CodeUnknown, Safe: true, Err: errors.New("timed out")}
)

// effect makes a call under the fault that it meets.
func (w *World) effect(ctx context.Context, what, about string, kinds []fault, unknown, clean error, apply func() error) error {
	a := w.current
	f := w.at(ctx, kinds)
	if w.tracing {
		w.call = line{what: what, about: about, outcome: f.String()}
	}
	var err error
	switch f {
	case crashBefore:
		w.note(a, what, about, f.String())
		w.crash()
	case crashMidway:
		w.later(what+" "+about, apply)
		w.note(a, what, about, f.String())
		w.crash()
	case replyLost:
		_ = apply()
		err = unknown
	case requestLost:
		err = unknown
	case tooLate:
		w.later(what+" "+about, apply)
		err = unknown
	case failed:
		err = clean
	default: // stalled too
		err = apply()
	}
	if w.tracing {
		w.note(a, what, about, strings.TrimSpace(f.String()+" "+outcome(err)))
	}
	w.call.what = ""
	a.local = mix(a.local, text(string(core.CodeOf(err))))
	return err
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(core.CodeOf(err))
}

// later puts an effect under way.
func (w *World) later(what string, apply func() error) {
	f := flight{what: what, by: w.now.Add(inFlight), apply: apply}
	f.sum = mix(text(what), mix(uint64(instant(f.by)), w.current.local))
	w.facts += f.sum
	w.flights = append(w.flights, f)
}

// land is the end of the oldest flight.
func (w *World) land() {
	f := w.flights[0]
	w.flights = w.flights[1:]
	w.facts -= f.sum
	err := f.apply()
	w.note(w.current, "lands", f.what, outcome(err))
}

// goTo moves the clock. What is under way arrives in its time.
func (w *World) goTo(t time.Time) {
	for len(w.flights) > 0 && !w.flights[0].by.After(t) {
		w.now = later(w.now, w.flights[0].by)
		w.land()
	}
	w.now = later(w.now, t)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fact notes something that has happened outside of the disk.
func (w *World) fact(kind, about string, n int) {
	w.facts += mix(mix(text(kind), text(about)), uint64(n))
}

// fingerprint is the same for two moments from which everything that can follow
// is the same: what is on disk and outside, the time, and what each actor has
// learnt in the activity that it is in. (Code is deterministic: what it does next
// depends on what it was told so far.)
func (w *World) fingerprint() uint64 {
	h := mix(mix(w.disk.sum, w.facts), mix(w.opaque, uint64(instant(w.now))))
	for _, a := range w.actors {
		state := uint64(a.left)<<16 | uint64(a.begun)<<2
		if a.inside {
			state |= 1
		}
		if a.parked {
			state |= 2
		}
		h = mix(h, mix(state, a.local))
	}
	for _, p := range w.processes {
		h = mix(h, p.memory)
	}
	current := w.last
	if w.current != nil {
		current = 64 + w.current.index
	}
	return mix(h, uint64(current))
}

// fail ends the run: an invariant is broken.
func (w *World) fail(invariant, format string, args ...any) {
	if w.call.what != "" { // the step in which it broke
		w.note(w.current, w.call.what, w.call.about, w.call.outcome)
		w.call.what = ""
	}
	if w.failure == nil {
		w.failure = &Failure{Invariant: invariant, detail: fmt.Sprintf(format, args...)}
	}
	w.stop()
}

// stop ends the run where it is.
func (w *World) stop() {
	w.stopped = true
	runtime.Goexit()
}

// newWorld returns a world, to be played as often as one likes.
func newWorld(cfg *Config, plan *plan, cache *cache, chooser chooser) *World {
	w := &World{
		cfg: cfg, plan: plan, cache: cache, chooser: chooser, kept: map[string]any{},
		done: make(chan struct{}, 1), gone: make(chan struct{}), watch: time.NewTimer(stuckAfter),
		plain: cfg.Deliverer == nil && cfg.Store == nil && cfg.Platform == nil && cfg.Payer == nil && cfg.Goods == nil && cfg.Mall == nil,
	}
	for i := range 2 {
		w.processes = append(w.processes, &process{index: i})
	}
	w.cast()
	return w
}

// run plays the schedule that the chooser makes, from a snapshot on.
func (w *World) run(from *snapshot) {
	w.restore(from)
	w.watch.Reset(stuckAfter)
	go w.work(nil)
	select {
	case <-w.done:
	case <-w.watch.C:
		panic("simulate: a run does not go on: does the code under test hold a lock over a call, or wait for another goroutine?\n" + w.schedule())
	}
	for _, a := range w.actors {
		if a.parked {
			w.unwind(a)
		}
	}
}

// stuckAfter is in real time: a run takes less than a millisecond.
const stuckAfter = time.Minute

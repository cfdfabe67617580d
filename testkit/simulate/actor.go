package simulate

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// actor is somebody who does things, one activity after the other: a buyer, the
// platform with its notifications, a sweeper, the clock. One of them runs at a
// time: it holds the token, and hands it on at choice points.
type actor struct {
	name  string
	index int
	turn  turn
	// can says whether there is anything to do, run does it.
	can func() bool
	run func()
	// most is how many activities it begins while faults are on, left how many
	// of them are left.
	most, left int

	begun   int     // activities so far
	begins  int     // of a buyer: purchases
	sale    string  // the purchase that this activity put on record last
	process int     // where the activity runs; -1 is nowhere
	parked  bool    // pre-empted, and waits for wake
	inside  bool    // in the middle of an activity
	killed  bool    // its process died while it was parked
	local   uint64  // what it has learnt in this activity
	draws   uint64  // of random bytes in this activity
	limits  []limit // of the contexts that it uses
	wake    chan struct{}
}

// turn says when an actor comes by itself.
type turn uint8

const (
	eager   turn = iota // in its turn
	patient             // when nobody eager has anything to do
	never               // only if it is chosen
)

// limit is the deadline of a context in both times.
type limit struct{ real, simulated time.Time }

// deadline returns when ctx ends, in simulated time. Contexts count in real
// time, of which a run takes next to none: what is left of one when it is first
// seen is what it was given, to the second.
func (a *actor) deadline(ctx context.Context, now time.Time) (time.Time, bool) {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Time{}, false
	}
	for _, l := range a.limits {
		if l.real.Equal(end) {
			return l.simulated, true
		}
	}
	left := (time.Until(end) + time.Second - 1).Truncate(time.Second)
	a.limits = append(a.limits, limit{real: end, simulated: now.Add(left)})
	return now.Add(left), true
}

func (w *World) canRun(a *actor) bool {
	return a.parked || !a.inside && a.left > 0 && a.can()
}

// work runs activities until there are none left, or the token goes elsewhere.
// first, if given, is begun at once.
func (w *World) work(first *actor) {
	deepen()
	normal := false
	defer func() {
		if normal {
			return
		}
		if cause := recover(); cause != nil {
			w.failure = &Failure{Invariant: "no panic", detail: fmt.Sprintf("%v\n%s", cause, debug.Stack())}
			w.stopped = true
		}
		w.unwound()
	}()
	for a := first; ; a = nil {
		if a == nil {
			a = w.next()
		}
		if a == nil {
			w.settle()
			w.stopped, normal = true, true
			w.done <- struct{}{}
			return
		}
		if a.parked {
			a.parked = false
			w.current = a
			normal = true
			a.wake <- struct{}{}
			return
		}
		w.begin(a)
		a.run()
		w.end(a)
	}
}

// deepen grows the stack of a goroutine that has just begun, while there is next
// to nothing on it to be moved.
//
//go:noinline
func deepen() byte {
	var frame [24 << 10]byte
	return frame[runtime.NumGoroutine()&1]
}

func (w *World) begin(a *actor) {
	a.inside, a.process = true, -1
	a.begun++
	a.left--
	a.local, a.draws, a.sale, a.limits = 0, 0, "", a.limits[:0]
	w.current = a
}

func (w *World) end(a *actor) {
	if w.plan.cold && a.process >= 0 && !slices.ContainsFunc(w.actors, func(b *actor) bool { return b != a && b.inside && b.process == a.process }) {
		w.processes[a.process].stop()
	}
	a.inside, a.process, a.local = false, -1, 0
	w.last = a.index
}

// unwound takes over where a goroutine ended without having come to its end:
// its process died, or was killed with another, or the run is over.
func (w *World) unwound() {
	a := w.current
	switch {
	case w.stopped && (a == nil || !a.parked):
		w.done <- struct{}{}
	case a.parked: // somebody waits for it to be gone
		a.parked = false
		w.end(a)
		w.gone <- struct{}{}
	default:
		p := w.processes[a.process]
		w.note(a, "process", fmt.Sprintf("%d is gone, with all that it had in memory", p.index), "")
		w.end(a)
		for _, other := range w.actors {
			if other.parked && other.process == p.index {
				w.unwind(other)
			}
		}
		w.last = a.index
		p.stop()
		go w.work(nil)
	}
}

// unwind ends a parked activity.
func (w *World) unwind(a *actor) {
	a.killed = true
	w.current = a
	a.wake <- struct{}{}
	<-w.gone
	a.killed = false
}

// crash is the end of the process of the actor that runs. Nothing recovers it.
func (w *World) crash() {
	w.call.what = ""
	runtime.Goexit()
}

// handTo lets another actor run, and returns when this one has the token again.
func (w *World) handTo(a, other *actor) {
	a.parked = true
	if other.parked {
		other.parked = false
		w.current = other
		other.wake <- struct{}{}
	} else {
		go w.work(other)
	}
	<-a.wake
	if a.killed || w.stopped {
		runtime.Goexit()
	}
	w.current = a
}

// next is who runs when an activity has ended: whoever comes next in the
// circle, or another, which counts as a pre-emption.
func (w *World) next() *actor {
	w.current = nil
	if w.boundary != nil {
		w.boundary()
	}
	options := w.options[:0]
	for t := eager; t <= never; t++ {
		for i := range w.actors {
			a := w.actors[(w.last+1+i)%len(w.actors)]
			as := a.turn
			if a.parked {
				as = eager
			}
			if as == t && w.canRun(a) {
				options = append(options, option{class: preemption, target: a.index})
			}
		}
		if t == patient && len(options) == 0 {
			return nil
		}
	}
	options[0].class = goOn
	w.options = options
	k := 0
	if len(options) > 1 {
		k = w.choose(options)
	}
	return w.actors[w.options[k].target]
}

// at is a choice point: what becomes of the call that the current actor is
// about to make. It returns when the call is to go on, with its fault.
func (w *World) at(ctx context.Context, kinds []fault) fault {
	a := w.current
	if a.killed || w.stopped {
		runtime.Goexit() // what is deferred in a process that is gone
	}
	w.steps++
	if w.steps > mostSteps {
		w.fail("bounded", "%d steps, and no end", w.steps)
	}
	end, bounded := a.deadline(ctx, w.now)
	if bounded && !w.now.Before(end) {
		return failed // its context was over before it began
	}
	if w.calm {
		return none
	}
	for {
		options := append(w.options[:0], option{class: goOn, target: a.index})
		for _, other := range w.actors {
			if other != a && w.canRun(other) {
				options = append(options, option{class: preemption, target: other.index})
			}
		}
		for _, f := range kinds {
			if f != stalled {
				options = append(options, option{class: faulty, fault: f})
			}
		}
		w.options = options
		chosen := options[w.choose(options)]
		if chosen.class != preemption {
			a.local = mix(mix(a.local, uint64(instant(w.now))), uint64(chosen.fault))
			return chosen.fault
		}
		other := w.actors[chosen.target]
		w.note(a, "waits", "", "PRE-EMPTED by "+other.name)
		w.handTo(a, other)
		if bounded && !w.now.Before(end) {
			a.local = mix(a.local, uint64(instant(w.now)))
			return w.overdue(kinds)
		}
	}
}

// overdue is what becomes of a call whose caller has stood still until its
// context was over: it is cut off. A deliverer must bear that it goes out all
// the same: no context holds back what is on the wire.
func (w *World) overdue(kinds []fault) fault {
	if !slices.Contains(kinds, stalled) {
		return requestLost
	}
	w.options = append(w.options[:0], option{class: goOn}, option{class: faulty, fault: stalled})
	if w.choose(w.options) == 1 {
		w.current.local = mix(w.current.local, uint64(stalled))
		return stalled
	}
	return requestLost
}

// choose asks the chooser, and writes down what it said.
func (w *World) choose(options []option) int {
	k := w.chooser.choose(w, options)
	w.taken = append(w.taken, k)
	if options[k].class != goOn {
		w.deviations++
	}
	return k
}

package simulate

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Explore plays every schedule with at most so many faults and pre-emptions,
// those with the fewest first. Its error is that of ctx, or a *Failure.
//
// A run ends early at a moment that another run had come to with as many faults
// and pre-emptions left: whatever can follow was, or will be, played from there.
// So what is exhausted is what can happen, in fewer runs than there are
// schedules.
func Explore(ctx context.Context, cfg Config, bound Bound) (Report, error) {
	began := time.Now()
	plan, err := cfg.plan()
	if err != nil {
		return Report{}, err
	}
	if bound.Faults < 0 || bound.Preemptions < 0 || bound.Faults > 7 || bound.Preemptions > 7 {
		return Report{}, core.Invalid("simulate.Explore", "Bound: faults and pre-emptions must be 0 to 7")
	}
	e := &explorer{bound: bound, seen: map[uint64]uint64{}, nodes: []node{{parent: -1}}}
	w := newWorld(&cfg, plan, newCache(), e)
	w.boundary = func() {
		if e.spent == len(e.path) {
			if s := w.snap(); s != nil {
				e.from = s
			}
		}
	}
	var report Report
	for at := 0; at < len(e.nodes); at++ {
		if err := ctx.Err(); err != nil {
			report.Took = time.Since(began)
			return report, err
		}
		e.follow(at)
		skipped := 0
		if e.from != nil {
			skipped = e.from.steps
		}
		w.run(e.from)
		report.Schedules++
		report.Steps += int64(w.steps - skipped)
		if w.pruned {
			report.Pruned++
		}
		if w.failure != nil {
			report.Took = time.Since(began)
			w.failure.Choices, w.failure.After = slices.Clone(w.taken), report.Schedules
			return report, shrink(&cfg, plan, w.failure)
		}
	}
	report.Took = time.Since(began)
	return report, nil
}

// node is a schedule: that of its parent, and then one departure.
type node struct {
	parent int32
	at     int32 // the choice point
	choice uint8
	class  class
	from   *snapshot // the last before the departure
}

// explorer is the chooser of an exploration. It plays the departures of one
// node, and writes down those that can follow.
type explorer struct {
	bound Bound
	nodes []node
	// seen tells for a fingerprint with which bounds it was met: a bit for each.
	seen map[uint64]uint64

	at    int // the node that is played
	path  []node
	spent int // departures of path that are behind
	left  Bound
	from  *snapshot
}

func (e *explorer) follow(at int) {
	e.at, e.path, e.spent, e.left, e.from = at, e.path[:0], 0, e.bound, e.nodes[at].from
	e.nodes[at].from = nil
	for n := int32(at); e.nodes[n].parent >= 0; n = e.nodes[n].parent {
		e.path = append(e.path, e.nodes[n])
		e.left.pay(e.nodes[n].class)
	}
	for e.from != nil && e.spent < len(e.path) && int(e.path[len(e.path)-1-e.spent].at) < len(e.from.taken) {
		e.spent++
	}
}

func (b *Bound) pay(c class) {
	switch c {
	case faulty:
		b.Faults--
	case preemption:
		b.Preemptions--
	}
}

func (b Bound) affords(c class) bool {
	return c == goOn || c == faulty && b.Faults > 0 || c == preemption && b.Preemptions > 0
}

func (e *explorer) choose(w *World, options []option) int {
	at := len(w.taken)
	if e.spent < len(e.path) {
		if next := e.path[len(e.path)-1-e.spent]; int(next.at) == at {
			e.spent++
			return int(next.choice)
		}
		return 0
	}
	if e.met(w.fingerprint()) {
		w.pruned, w.stopped = true, true
		runtime.Goexit()
	}
	for i := 1; i < len(options); i++ {
		if e.left.affords(options[i].class) {
			e.nodes = append(e.nodes, node{parent: int32(e.at), at: int32(at), choice: uint8(i), class: options[i].class, from: e.from})
		}
	}
	return 0
}

// met reports whether a moment was met before with as much left, and notes it.
func (e *explorer) met(fingerprint uint64) bool {
	before := e.seen[fingerprint]
	for f := e.left.Faults; f <= e.bound.Faults; f++ {
		for p := e.left.Preemptions; p <= e.bound.Preemptions; p++ {
			if before>>(f*8+p)&1 == 1 {
				return true
			}
		}
	}
	e.seen[fingerprint] = before | 1<<(e.left.Faults*8+e.left.Preemptions)
	return false
}

package simulate

import "math/rand/v2"

// class says what a choice costs.
type class uint8

const (
	goOn class = iota
	preemption
	faulty
)

// fault is what may happen to a call.
type fault uint8

const (
	none        fault = iota
	crashBefore       // the process dies, and the call has no effect
	replyLost         // the call has its effect, and the caller is told "unknown"
	requestLost       // the call has no effect, and the caller is told "unknown"
	tooLate           // the caller is told "unknown", and the call has its effect afterwards
	failed            // the call has no effect, and the caller is told so
	lagging           // what is due is not seen yet
	shuffled          // what is due comes in the reverse order
	stale             // what is not due any more is seen too
	answerLost        // what the process answered does not arrive
	stalled           // the call goes out after its deadline
	anotherKind       // the message is another than it should be
	crashMidway       // the process dies, and the call has its effect afterwards
	declined          // the money does not move, though the payout was accepted
)

func (f fault) String() string {
	return [...]string{
		"", "CRASH before it", "REPLY LOST", "REQUEST LOST", "TOO LATE: the effect comes later", "FAILED",
		"LAGS", "SHUFFLED", "STALE", "ANSWER LOST", "STALLED: goes out after its deadline", "ANOTHER KIND",
		"CRASH with the call under way", "DECLINED",
	}[f]
}

// What may happen to which call.
var (
	// A crash after an effect is the crash before the next one, or before the
	// answer: nothing else has changed in between.
	onWrite   = []fault{crashBefore, crashMidway, replyLost, requestLost, tooLate, failed}
	onRead    = []fault{failed}
	onDue     = []fault{failed, lagging, shuffled, stale}
	onOrders  = []fault{failed, lagging}
	onAnswer  = []fault{crashBefore, answerLost}
	onStrange = []fault{anotherKind}
	onPayout  = []fault{declined}
	// What a merchant's own call may suffer besides: see [purchase.Deliverer].
	onCall = append(onWrite[:len(onWrite):len(onWrite)], stalled)
)

// option is one of the things that can happen at a choice point. The first is
// always that all goes on as if nothing were.
type option struct {
	class  class
	fault  fault
	target int // of a pre-emption, or of the default: the actor that runs
}

// chooser decides at every choice point.
type chooser interface {
	choose(w *World, options []option) int
}

// script replays choices; where it ends, and where a choice is none, all goes
// on.
type script struct{ choices []int }

func (s script) choose(w *World, options []option) int {
	at := len(w.taken)
	if at >= len(s.choices) || s.choices[at] < 0 || s.choices[at] >= len(options) {
		return 0
	}
	return s.choices[at]
}

// dice draws from a seed. Each seed has habits of its own: how often it
// pre-empts and breaks things, and which kinds of fault it knows. Runs that
// differ in kind find more than runs that are all alike.
type dice struct {
	source    rand.PCG
	preempts  uint64 // of 1024
	breaks    uint64 // of 1024
	faults    int    // left
	kinds     uint32 // bit set of fault
	candidate []int
}

const mostFaults = 4

func (d *dice) begin(seed uint64) {
	d.source.Seed(seed, 0x9e3779b97f4a7c15)
	d.preempts = [...]uint64{0, 24, 64, 160, 320}[d.below(5)]
	d.breaks = [...]uint64{0, 24, 64, 128}[d.below(4)]
	d.faults = 1 + int(d.below(mostFaults))
	d.kinds = ^uint32(0)
	if d.below(2) == 0 {
		d.kinds = uint32(d.source.Uint64())
	}
}

func (d *dice) below(n uint64) uint64 { return (d.source.Uint64() >> 11) % n }

func (d *dice) choose(_ *World, options []option) int {
	roll := d.below(1024)
	want := goOn
	switch {
	case roll < d.preempts:
		want = preemption
	case roll < d.preempts+d.breaks && d.faults > 0:
		want = faulty
	default:
		return 0
	}
	d.candidate = d.candidate[:0]
	for i, o := range options {
		if o.class == want && (want != faulty || d.kinds>>o.fault&1 == 1) {
			d.candidate = append(d.candidate, i)
		}
	}
	if len(d.candidate) == 0 {
		return 0
	}
	if want == faulty {
		d.faults--
	}
	return d.candidate[d.below(uint64(len(d.candidate)))]
}

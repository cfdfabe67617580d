package purchase_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core/purchase"
)

// story is what people and the platform do; the process may die at any time,
// and is then started again.
type story struct {
	name string
	acts []act
}

type act func(w *world, s *purchase.Service)

func begin(w *world, s *purchase.Service) {
	_, _ = s.Begin(w.t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
}

func pay(w *world, _ *purchase.Service) {
	for _, id := range w.ids() {
		if o := w.orders[id]; o != nil && len(o.payments) == 0 {
			w.pay(id)
		}
	}
}

func payAgain(w *world, _ *purchase.Service) {
	for _, id := range w.ids() {
		if o := w.orders[id]; o != nil && len(o.payments) == 1 {
			w.pay(id)
		}
	}
}

func notify(w *world, s *purchase.Service) {
	for _, id := range w.ids() {
		if o := w.orders[id]; o != nil {
			for _, trade := range o.payments {
				w.notify(s, id, trade)
			}
		}
	}
}

func sweep(w *world, s *purchase.Service) { _, _ = s.Reconcile(w.t.Context()) }

func wait(d time.Duration) act { return func(w *world, _ *purchase.Service) { w.now = w.now.Add(d) } }

var stories = []story{
	{"a purchase", []act{begin, pay, notify, sweep}},
	{"a duplicate", []act{begin, pay, notify, notify, sweep, notify}},
	{"a lost notification", []act{begin, pay, wait(time.Minute), sweep, wait(time.Second), sweep}},
	{"nobody pays", []act{begin, wait(10 * time.Minute), sweep, wait(30 * time.Minute), sweep}},
	{"a late payment", []act{begin, wait(31 * time.Minute), sweep, wait(time.Hour), pay, sweep, notify}},
	{"a late payment, found", []act{begin, wait(31 * time.Minute), sweep, pay, wait(time.Hour), sweep, sweep}},
	{"paid twice, after the delivery", []act{begin, pay, notify, payAgain, notify, sweep}},
	{"paid twice, before any notification", []act{begin, pay, payAgain, notify, sweep, notify}},
	{"two purchases", []act{begin, begin, pay, notify, sweep, notify}},
}

// run plays a story under one fault and returns how many I/O operations the
// world saw.
func (st story) run(t testing.TB, apart bool, faultAt int, mode faultMode) int {
	w := newWorld(t)
	w.apart, w.faultAt, w.fault = apart, faultAt, mode
	s := w.restart()
	for _, a := range st.acts {
		a(w, s)
		if w.dead {
			s = w.restart()
		}
	}
	seen := w.ios
	w.settleAll(s)
	for _, id := range w.ids() {
		w.check(id)
	}
	return seen
}

// Every story under every fault at every I/O operation: the process dies
// before or after it, its reply or its request is lost, or it fails cleanly.
// Whatever happens, who paid gets the goods once, and nothing else does: on a
// journal that writes a claim and its purchase at once, and on one that does not.
func TestEveryFaultAtEveryStep(t *testing.T) {
	runs := 0
	for _, st := range stories {
		operations := map[bool]int{}
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, apart: %t", st.name, apart), func(t *testing.T) {
				last := st.run(t, apart, -1, noFault)
				operations[apart] = last
				require.Greater(t, last, 5)
				for at := 1; at <= last; at++ {
					for mode := crashBefore; mode <= lastFaultMode; mode++ {
						func() {
							defer func() {
								if t.Failed() {
									t.Fatalf("the fault: %s operation %d of %d", mode, at, last)
								}
							}()
							st.run(t, apart, at, mode)
							runs++
						}()
					}
				}
			})
		}
		if st.name != "nobody pays" {
			assert.Less(t, operations[false], operations[true], "%s: a payment takes one write where it can", st.name)
		}
	}
	t.Logf("%d runs", runs)
	assert.Greater(t, runs, 1000)
}

// Random stories with a fault every now and then.
func TestRandomStories(t *testing.T) {
	acts := map[string]act{
		"begin": begin, "pay": pay, "pay again": payAgain, "notify": notify, "sweep": sweep,
		"a second": wait(time.Second), "a minute": wait(time.Minute), "an hour": wait(time.Hour),
	}
	names := []string{"begin", "pay", "notify", "sweep", "a minute", "pay again", "a second", "an hour"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.apart = rapid.Bool().Draw(rt, "apart")
		s := w.restart()
		begin(w, s)
		for _, step := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 24).Draw(rt, "story") {
			if rapid.IntRange(0, 3).Draw(rt, "fault") == 0 {
				w.faultAt = w.ios + rapid.IntRange(1, 6).Draw(rt, "at")
				w.fault = faultMode(rapid.IntRange(int(crashBefore), int(lastFaultMode)).Draw(rt, "mode"))
			}
			acts[step](w, s)
			if w.dead {
				s = w.restart()
			}
		}
		w.settleAll(s)
		for _, id := range w.ids() {
			w.check(id)
		}
		if t.Failed() {
			rt.Fatal("an invariant broke")
		}
	})
}

// The table of states is closed: every state is in it, every target exists,
// and each can be reached.
func TestTheTableOfStates(t *testing.T) {
	reached := map[purchase.State]bool{purchase.Ordering: true}
	for range purchase.States() {
		for _, s := range purchase.States() {
			for _, next := range s.Next() {
				assert.Contains(t, purchase.States(), next)
				if reached[s] {
					reached[next] = true
				}
			}
		}
	}
	for _, s := range purchase.States() {
		assert.True(t, reached[s], fmt.Sprint(s))
	}
}

package sandbox

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// What a tape holds: the oldest frames go, down to this many and half of those
// bytes, when it has twice as many, or all the bytes.
const (
	tapeFrames = 4000
	tapeBytes  = 32 << 20
)

// tape is what happened in this process, in the order in which it ended. The
// sequences of purchases are cut from it.
type tape struct {
	mu      sync.Mutex
	frames  []*frame // the oldest first
	bytes   int
	acts    int
	sent    int
	states  map[string]purchase.State // of the purchases that have a write here
	reasons map[string][]string       // why a body was refused, until its exchange ends
	waiting int                       // how many reasons there are
}

// frame is a request of a fake's record, a version of a purchase, or what a
// buyer did in the shop. It does not change once it is on the tape.
type frame struct {
	id       string
	purchase string // "" if it is not known
	at       time.Time
	took     time.Duration
	faults   []string
	failed   string

	exchange *testkit.Exchange
	record   *journal.Record
	act      *act

	before, state purchase.State // of a write
	size          int
}

// act is a request of a browser to the shop.
type act struct {
	method, path string
	kind, body   string
	status       int
	answerKind   string
	answer       string
}

func newTape() *tape {
	return &tape{states: map[string]purchase.State{}, reasons: map[string][]string{}}
}

// all returns the frames, the oldest first.
func (t *tape) all() []*frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames[:len(t.frames):len(t.frames)]
}

// find returns the frame of that id.
func (t *tape) find(id string) (*frame, bool) {
	for _, e := range t.all() {
		if e.id == id {
			return e, true
		}
	}
	return nil, false
}

// add is called with the lock held.
func (t *tape) add(e *frame) {
	e.size = 512
	switch {
	case e.exchange != nil:
		e.size += len(e.exchange.Body) + len(e.exchange.Answer) + len(e.exchange.Canonical)
	case e.record != nil:
		e.size += len(e.record.Body)
	case e.act != nil:
		e.size += len(e.act.body) + len(e.act.answer)
	}
	t.frames = append(t.frames, e)
	t.bytes += e.size
	if len(t.frames) < 2*tapeFrames && t.bytes <= tapeBytes {
		return
	}
	gone := 0
	for len(t.frames)-gone > tapeFrames || t.bytes > tapeBytes/2 {
		old := t.frames[gone]
		t.bytes -= old.size
		gone++
		if old.record != nil {
			delete(t.states, old.purchase) // a later write sets it again
		}
	}
	t.frames = slices.Clone(t.frames[gone:]) // others may still read the old array
}

// wrote notes a version of a purchase.
func (t *tape) wrote(at time.Time, record journal.Record, p purchase.Purchase, faults ...string) *frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	record.Body = bytes.Clone(record.Body)
	e := &frame{
		id: fmt.Sprintf("journal-%s-%d", p.ID, record.Version), purchase: p.ID, at: at, faults: faults, record: &record, before: t.states[p.ID], state: p.State,
	}
	switch p.State {
	case purchase.Attention, purchase.Expired, purchase.Undeliverable:
		e.failed = p.Reason
	}
	t.states[p.ID] = p.State
	t.add(e)
	return e
}

// stumbled notes a write that a fault let come to nothing.
func (t *tape) stumbled(at time.Time, p purchase.Purchase, fault string, why error) *frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acts++
	e := &frame{id: fmt.Sprintf("fault-%d", t.acts), purchase: p.ID, at: at, faults: []string{fault}, failed: why.Error(), before: t.states[p.ID], state: p.State}
	t.add(e)
	return e
}

// exchanged notes what a fake recorded.
func (t *tape) exchanged(x testkit.Exchange) *frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &frame{id: fmt.Sprintf("%s-%d", x.Peer, x.Seq), at: x.Time, took: x.Took, exchange: &x}
	switch origin := x.Header.Get(originHeader); {
	case x.OutTradeNo != "":
		e.purchase = x.OutTradeNo
	case x.OutOrderNo != "":
		e.purchase = purchaseOf(x.OutOrderNo)
	default:
		e.purchase = origin
	}
	if notifies(x.Call) {
		e.failed = t.reason(x.Body)
	}
	t.add(e)
	return e
}

// refused notes why the merchant did not take a notification.
func (t *tape) refused(body, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting >= 1000 { // of messages that no fake sent, nobody asks
		clear(t.reasons)
		t.waiting = 0
	}
	t.reasons[body] = append(t.reasons[body], why)
	t.waiting++
}

// reason takes what refused noted. It is called with the lock held.
func (t *tape) reason(body string) string {
	list := t.reasons[body]
	if len(list) == 0 {
		return ""
	}
	t.waiting--
	if t.reasons[body] = list[1:]; len(list) == 1 {
		delete(t.reasons, body)
	}
	return list[0]
}

// acted notes a request of a buyer's browser.
func (t *tape) acted(id, purchaseID string, at time.Time, took time.Duration, a act) *frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &frame{id: id, purchase: purchaseID, at: at, took: took, act: &a}
	t.add(e)
	return e
}

// nextAct is the id of a request that a buyer's browser makes now.
func (t *tape) nextAct() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acts++
	return fmt.Sprintf("shop-%d", t.acts)
}

// nextSent numbers what is sent in the platform's place.
func (t *tape) nextSent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	return t.sent
}

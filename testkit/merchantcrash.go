package testkit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
)

// crash is the end that is in store for a process.
type crash struct {
	// point is the how-manieth CrashPoint it dies at; 0 is none.
	point int
	// answering: it dies as "success" is written.
	answering bool

	reached int
	where   string // it died; "" while it lives
}

// CrashPoint is a place at which the merchant's program may die: put one
// before and after each effect that his seams let a test wrap (the delivery, a
// write). It does nothing but in [Merchant.RequireSurvivesCrash], which tries
// them one by one. Then nothing after it runs but deferred calls, there is no
// answer, and the program is started anew. What names the place in a failure.
func (p *Process) CrashPoint(what string) {
	p.mu.Lock()
	p.crash.reached++
	die := p.crash.where != ""
	if p.crash.where == "" && p.crash.reached == p.crash.point {
		die = true
		p.die(fmt.Sprintf("at the crash point %q", what))
	}
	p.mu.Unlock()
	if die {
		runtime.Goexit()
	}
}

// die is called with the lock held.
func (p *Process) die(where string) {
	p.crash.where = where
	p.end()
}

// died returns where the process died; "" if it lives.
func (p *Process) died() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.crash.where
}

// wrote is told of the body so far.
func (p *Process) wrote(body []byte) {
	if !strings.EqualFold(strings.TrimSpace(string(body)), "success") {
		return
	}
	p.mu.Lock()
	die := p.crash.answering && p.crash.where == ""
	if die {
		p.die("as it answered")
	}
	p.mu.Unlock()
	if die {
		runtime.Goexit()
	}
}

// seen is what the transport saw of one request beside its answer.
type seen struct {
	// reread: the body was read on after its end, where nothing is left.
	reread atomic.Bool
	// panicked is the value of a panic; nil is none.
	panicked atomic.Pointer[handlerPanic]
}

type seenKey struct{}

// merchantTransport hands requests to the process that runs.
type merchantTransport struct{ merchant *Merchant }

var errCrashed = errors.New("the merchant crashed: the connection was cut")

func (t merchantTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	served, err := asServed(r)
	if err != nil {
		return nil, err
	}
	p := t.merchant.running()
	saw, ok := r.Context().Value(seenKey{}).(*seen)
	if !ok {
		saw = &seen{}
	}
	served.Body = &watchedBody{ReadCloser: served.Body, seen: saw}
	w := newAnswerWriter(p.wrote)
	ended, err := await(r.Context(), func() { p.handler.ServeHTTP(w, served) })
	switch where := p.died(); {
	case where == "as it answered" && err == nil && !ended.returned:
		return w.response(r), nil // it had left
	case where != "":
		return nil, errCrashed
	case err != nil:
		return nil, err
	case ended.panicked != nil:
		saw.panicked.Store(ended.panicked)
		return nil, errors.New("the handler panicked: the connection was cut")
	case !ended.returned: // it ended its goroutine, as FailNow does
		runtime.Goexit()
	}
	return w.response(r), nil
}

// watchedBody notices who reads a body twice.
type watchedBody struct {
	io.ReadCloser
	seen  *seen
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.ended && len(p) > 0 {
		b.seen.reread.Store(true)
	}
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

// maxCrashes bounds a merchant whose crash points never come to an end.
const maxCrashes = 100

// RequireSurvivesCrash fails the test unless the merchant delivers once
// wherever he crashes. An order ([Merchant.NewOrder]) is paid for each of his
// crash points, and one for the moment of his answer: he dies there, is started anew, and is told
// again by the platform's schedule, on its clock, until he acknowledges. What
// he acknowledged before must be delivered without being told again.
func (m *Merchant) RequireSurvivesCrash(tb TB) {
	tb.Helper()
	for point := 1; point <= maxCrashes; point++ {
		survived, last := m.crashes(tb, m.NewOrder(tb), crash{point: point})
		if !survived {
			return
		}
		if last {
			break
		}
		if point == maxCrashes {
			tb.Fatalf("testkit: %d crash points were reached in one notification: is there a loop around one?", maxCrashes)
			return
		}
	}
	m.crashes(tb, m.NewOrder(tb), crash{answering: true})
}

// crashes lets the merchant die in the way c; last is true if it never came
// to that.
func (m *Merchant) crashes(tb TB, f PaymentFields, c crash) (survived, last bool) {
	tb.Helper()
	f = m.completed(f)
	p := m.open(c)
	first := m.send(f, nil)
	where := p.died()
	if where == "" {
		return m.requireDelivered(tb, f, first), true
	}
	m.open(crash{})
	said := first.acknowledged()
	if n := m.delivered(f.OutTradeNo); said && n == 0 {
		m.fail(tb, first, unmet{
			expected: fmt.Sprintf("the order %q, answered success, to be delivered after a crash", f.OutTradeNo),
			got:      "success before it was on record: it is lost, and is never told again",
			rule:     ruleProcessed,
			do:       "commit first, then write success, as the last thing that the handler does; leave nothing to a goroutine or a queue in memory",
		})
		return false, false
	}
	again := first
	for _, wait := range append(DefaultSchedule(), 0) {
		if again = m.send(f, nil); again.acknowledged() {
			break
		}
		m.Platform.Clock.Advance(wait)
	}
	if !again.acknowledged() {
		u := again.unacknowledged()
		u.expected = fmt.Sprintf("the notification of %q, told again after a crash %s, to be acknowledged: 200 %q", f.OutTradeNo, where, "success")
		u.rule = ruleAgain
		u.do = "what a run that died has left behind must not block the next: let a claim without a result run out, or take it over"
		m.fail(tb, again, u)
		return false, false
	}
	switch n := m.delivered(f.OutTradeNo); {
	case n == 0:
		m.fail(tb, again, unmet{
			expected: fmt.Sprintf("the order %q to be delivered after a crash %s", f.OutTradeNo, where),
			got:      "a repeat that was answered success as a duplicate, and no delivery: the payment is lost",
			rule:     ruleProcessed,
			do:       "having seen a notification is not having processed it: record the payment and what is owed in one commit, and answer a repeat success only if that is on record",
		})
		return false, false
	case n > 1:
		m.fail(tb, again, unmet{
			expected: fmt.Sprintf("the order %q to be delivered once, though a crash %s came between", f.OutTradeNo, where),
			got:      deliveries(n),
			rule:     ruleOnce,
			do:       "make the delivery idempotent by out_trade_no (a unique key in the same commit), or ask whether it was done before doing it again",
		})
		return false, false
	}
	return true, false
}

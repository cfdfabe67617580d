package testkit

import (
	"slices"
	"sync"
	"time"
)

// Clock is the time that a fake lives in, and a merchant's too: hand its Now
// method to every `Now func() time.Time` of imprest. It comes in two kinds:
// one that stands still until a test moves it ([NewClock]), and one that runs
// with the wall clock and can be moved ahead ([NewRunningClock]).
//
// A Clock is safe for use by many goroutines.
type Clock struct {
	mu      sync.Mutex
	running bool
	at      time.Time     // what a standing clock shows
	offset  time.Duration // how far a running clock is ahead of the wall clock
	timers  []*timer      // by time, then in the order in which they were set
	wake    *time.Timer   // of a running clock: rings for timers[0]
}

type timer struct {
	when time.Time
	f    func()
}

// NewClock returns a clock that shows start until [Clock.Advance] moves it.
func NewClock(start time.Time) *Clock { return &Clock{at: start.Round(0)} }

// NewRunningClock returns a clock that shows the wall clock's time, plus what
// [Clock.Advance] added to it. Its timers also fire by themselves.
func NewRunningClock() *Clock { return &Clock{running: true} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.running {
		return time.Now().Add(c.offset)
	}
	return c.at
}

// Advance moves the clock ahead by d and runs the timers that became due, one
// after the other in the order of their times, on the caller's goroutine.
// While a timer runs, Now shows the time that it was set for; a timer that it
// sets itself runs in the same Advance if it is due by then. A negative d
// counts as 0.
//
// A timer may call Advance: the clock moves at once, and the outer call goes
// on from there. Calls from several goroutines overlap, they do not add up.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	target := c.now().Add(max(d, 0))
	for len(c.timers) > 0 && !c.timers[0].when.After(target) {
		due := c.pop()
		c.moveTo(due.when)
		c.arm()
		c.mu.Unlock()
		due.f()
		c.mu.Lock()
	}
	c.moveTo(target)
	c.arm()
	c.mu.Unlock()
}

// AfterFunc runs f once the clock has moved ahead by d. On a clock that stands
// still f runs inside [Clock.Advance] (Advance(0) is enough for a d of 0 or
// less); on a running clock f may also run by itself, on a goroutine of its
// own. stop reports whether it kept f from running.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{when: c.now().Add(max(d, 0)), f: f}
	i := len(c.timers)
	for i > 0 && c.timers[i-1].when.After(t.when) {
		i--
	}
	c.timers = slices.Insert(c.timers, i, t)
	c.arm()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.timers, t)
		if i < 0 {
			return false
		}
		c.timers = slices.Delete(c.timers, i, i+1)
		c.arm()
		return true
	}
}

// Next returns the time of the earliest timer that is still to run; false if
// there is none. c.Advance(next.Sub(c.Now())) runs it.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.timers[0].when, true
}

func (c *Clock) pop() *timer {
	due := c.timers[0]
	c.timers = slices.Delete(c.timers, 0, 1)
	return due
}

func (c *Clock) moveTo(t time.Time) {
	ahead := t.Sub(c.now())
	switch {
	case ahead <= 0:
	case c.running:
		c.offset += ahead
	default:
		c.at = t
	}
}

// arm sets the wall clock's timer for the earliest timer of a running clock.
func (c *Clock) arm() {
	if !c.running {
		return
	}
	if c.wake != nil {
		c.wake.Stop()
		c.wake = nil
	}
	if len(c.timers) > 0 {
		c.wake = time.AfterFunc(c.timers[0].when.Sub(c.now()), c.fire)
	}
}

// fire runs one timer that is due. It arms the clock for the next one first,
// so that a timer that takes long holds up no other.
func (c *Clock) fire() {
	c.mu.Lock()
	if len(c.timers) == 0 || c.timers[0].when.After(c.now()) {
		c.arm()
		c.mu.Unlock()
		return
	}
	due := c.pop()
	c.arm()
	c.mu.Unlock()
	due.f()
}

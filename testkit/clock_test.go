package testkit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit"
)

var start = time.Unix(1_700_000_000, 0)

func TestClockRunsTimersInOrderAtTheirTimes(t *testing.T) {
	clock := testkit.NewClock(start)
	var ran []string
	note := func(name string) func() {
		return func() { ran = append(ran, name+"@"+clock.Now().Sub(start).String()) }
	}
	clock.AfterFunc(3*time.Second, note("c"))
	clock.AfterFunc(time.Second, note("a"))
	clock.AfterFunc(3*time.Second, note("d"))
	clock.AfterFunc(2*time.Second, func() {
		note("b")()
		clock.AfterFunc(500*time.Millisecond, note("b2"))
		clock.AfterFunc(time.Hour, note("never"))
	})
	clock.AfterFunc(10*time.Second, note("late"))

	clock.Advance(0)
	assert.Empty(t, ran, "nothing is due yet")
	clock.Advance(5 * time.Second)
	assert.Equal(t, []string{"a@1s", "b@2s", "b2@2.5s", "c@3s", "d@3s"}, ran)
	assert.Equal(t, start.Add(5*time.Second), clock.Now())

	next, ok := clock.Next()
	require.True(t, ok)
	assert.Equal(t, start.Add(10*time.Second), next)
	clock.Advance(-time.Hour)
	assert.Equal(t, start.Add(5*time.Second), clock.Now(), "time does not go back")
}

func TestClockTimerDueAtOnceWaitsForAdvance(t *testing.T) {
	clock := testkit.NewClock(start)
	ran := 0
	clock.AfterFunc(0, func() { ran++ })
	clock.AfterFunc(-time.Second, func() { ran++ })
	assert.Zero(t, ran)
	clock.Advance(0)
	assert.Equal(t, 2, ran)
	_, ok := clock.Next()
	assert.False(t, ok)
}

func TestClockStop(t *testing.T) {
	clock := testkit.NewClock(start)
	stop := clock.AfterFunc(time.Second, func() { t.Error("a stopped timer ran") })
	ran := false
	other := clock.AfterFunc(time.Second, func() { ran = true })
	assert.True(t, stop())
	assert.False(t, stop(), "stopped already")
	clock.Advance(time.Second)
	assert.True(t, ran)
	assert.False(t, other(), "it has run")
}

func TestClockTimerMayMoveTheClock(t *testing.T) {
	clock := testkit.NewClock(start)
	var at []time.Duration
	clock.AfterFunc(time.Second, func() {
		clock.Advance(4 * time.Second)
		at = append(at, clock.Now().Sub(start))
	})
	clock.AfterFunc(2*time.Second, func() { at = append(at, clock.Now().Sub(start)) })
	clock.Advance(3 * time.Second)
	assert.Equal(t, []time.Duration{2 * time.Second, 5 * time.Second}, at)
	assert.Equal(t, start.Add(5*time.Second), clock.Now(), "the outer move does not turn time back")
}

func TestRunningClockFiresByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := testkit.NewRunningClock()
		began := clock.Now()
		var ran []time.Duration
		var mu sync.Mutex
		note := func() {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, clock.Now().Sub(began))
		}
		clock.AfterFunc(3*time.Second, note)
		clock.AfterFunc(time.Second, note)
		stop := clock.AfterFunc(2*time.Second, func() { t.Error("a stopped timer ran") })
		stop()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, []time.Duration{time.Second, 3 * time.Second}, ran)

		clock.AfterFunc(time.Hour, note)
		clock.Advance(2 * time.Hour)
		require.Len(t, ran, 3, "Advance runs the timer before it returns")
		assert.Equal(t, 10*time.Second+time.Hour, ran[2])
		assert.Equal(t, 10*time.Second+2*time.Hour, clock.Now().Sub(began))
	})
}

func TestClockFromManyGoroutines(t *testing.T) {
	for _, clock := range []*testkit.Clock{testkit.NewClock(start), testkit.NewRunningClock()} {
		var ran atomic.Int64
		var stopped atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 50 {
					stop := clock.AfterFunc(time.Duration(i)*time.Minute, func() { ran.Add(1) })
					clock.Advance(time.Second)
					clock.Next()
					clock.Now()
					if i%5 == 0 && stop() {
						stopped.Add(1)
					}
				}
			})
		}
		wg.Wait()
		clock.Advance(2 * time.Hour)
		assert.Eventually(t, func() bool { return ran.Load()+stopped.Load() == 400 }, 5*time.Second, time.Millisecond,
			"every timer runs once or is stopped")
	}
}

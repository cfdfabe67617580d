package storetest

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

func dueOrder(t testing.TB, h Harness) {
	s := h.Open(t)
	requireDue(t, h, s, noon)
	// The order of ids is not the order of times.
	mustPut(t, s, journal.Record{ID: "p/a", Due: noon})
	mustPut(t, s, journal.Record{ID: "p/b", Due: noon.Add(time.Millisecond)})
	mustPut(t, s, journal.Record{ID: "p/c", Due: noon.Add(-time.Hour)})
	mustPut(t, s, journal.Record{ID: "p/d"}) // never due
	mustPut(t, s, journal.Record{ID: "p/e", Due: time.Date(1969, 12, 31, 23, 59, 0, 0, time.UTC)})
	mustPut(t, s, journal.Record{ID: "p/f", Due: time.UnixMilli(0)})
	mustPut(t, s, journal.Record{ID: "p/g", Due: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)})
	mustPut(t, s, journal.Record{ID: "p/h", Expires: noon}) // Expires is not Due

	requireDue(t, h, s, noon.Add(-time.Millisecond), "p/e", "p/f", "p/c")
	requireDue(t, h, s, noon, "p/e", "p/f", "p/c", "p/a")
	requireDue(t, h, s, noon.Add(999*time.Microsecond), "p/e", "p/f", "p/c", "p/a")
	requireDue(t, h, s, noon.Add(time.Millisecond), "p/e", "p/f", "p/c", "p/a", "p/b")
	requireDue(t, h, s, noon.Add(time.Hour).In(time.FixedZone("elsewhere", -9*3600)), "p/e", "p/f", "p/c", "p/a", "p/b")
	requireDue(t, h, s, time.UnixMilli(-1), "p/e")
	requireDue(t, h, s, time.Time{})
	requireDue(t, h, s, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "p/e", "p/f", "p/c", "p/a", "p/b", "p/g")
}

func dueLimit(t testing.TB, h Harness) {
	s := h.Open(t)
	var ids []string
	for i := range 10 {
		r := mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%d", 9-i), Due: noon.Add(time.Duration(i) * time.Second), Body: []byte{byte(i)}})
		ids = append(ids, r.ID)
	}
	all := noon.Add(time.Hour)
	requireDue(t, h, s, all, ids...)
	for _, limit := range []int{1, 3, 9, 10, 11, math.MaxInt32} {
		found, err := s.Due(t.Context(), all, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(found), limit)
		if h.DueLag > 0 {
			continue
		}
		require.Len(t, found, min(limit, 10))
		for i, r := range found {
			requireSame(t, journal.Record{ID: ids[i], Version: 1, Due: noon.Add(time.Duration(i) * time.Second), Body: []byte{byte(i)}}, r, "what due reads")
		}
	}
	for _, limit := range []int{0, -1, math.MinInt32} {
		found, err := s.Due(t.Context(), all, limit)
		require.NoError(t, err)
		require.Empty(t, found, "a limit of %d", limit)
	}
}

func dueFollowsChanges(t testing.TB, h Harness) {
	s := h.Open(t)
	a := mustPut(t, s, journal.Record{ID: "p/a", Due: noon})
	b := mustPut(t, s, journal.Record{ID: "p/b", Due: noon.Add(time.Second)})
	later := noon.Add(time.Minute)
	requireDue(t, h, s, later, "p/a", "p/b")

	a.Due = noon.Add(2 * time.Second) // behind b
	a = mustPut(t, s, a)
	requireDue(t, h, s, later, "p/b", "p/a")
	requireDue(t, h, s, noon)

	b.Due = noon.Add(time.Hour) // out of the window
	b = mustPut(t, s, b)
	requireDue(t, h, s, later, "p/a")

	b.Due = noon.Add(-time.Hour) // and back, to the front
	b = mustPut(t, s, b)
	requireDue(t, h, s, later, "p/b", "p/a")

	b.Body = []byte("same due, other body")
	b = mustPut(t, s, b)
	requireDue(t, h, s, later, "p/b", "p/a")

	b.Due = time.Time{} // never again
	b = mustPut(t, s, b)
	requireDue(t, h, s, later, "p/a")

	require.NoError(t, s.Delete(t.Context(), a.ID, a.Version))
	requireDue(t, h, s, later)

	b.Due = noon
	mustPut(t, s, b)
	requireDue(t, h, s, later, "p/b")
}

// dueByTheCallersTime asks at times that are far from this machine's: a store
// has no clock. What has expired is due like anything else, or nobody would
// remove it.
func dueByTheCallersTime(t testing.TB, h Harness) {
	s := h.Open(t)
	for _, year := range []int{2001, 2051} {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		early := mustPut(t, s, journal.Record{ID: fmt.Sprintf("r/%d/1", year), Due: at, Expires: at})
		late := mustPut(t, s, journal.Record{ID: fmt.Sprintf("r/%d/2", year), Due: at.Add(time.Hour), Expires: at.Add(-time.Hour)})
		requireStored(t, s, early)
		requireStored(t, s, late)
		requireDue(t, h, s, at.Add(-time.Millisecond))
		requireDue(t, h, s, at, early.ID)
		requireDue(t, h, s, at.Add(time.Hour), early.ID, late.ID)
		removed, err := journal.Purge(t.Context(), s, early, at)
		require.NoError(t, err)
		require.True(t, removed, "what has expired is removed")
		requireDue(t, h, s, at.Add(time.Hour), late.ID)
		require.NoError(t, s.Delete(t.Context(), late.ID, late.Version))
	}
}

// dueAmongWriters asks while records come, go, and change their places in time.
// Whatever it shows, it shows once, within the limit, and as it was due.
func dueAmongWriters(t testing.TB, h Harness) {
	const records, asks, moves = 30, 12, 200
	s := h.Open(t)
	handle := h.handles(t, s)
	for n := range records {
		mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%02d", n), Due: noon})
	}
	window := noon.Add(time.Hour)
	var asked atomic.Bool
	var moved atomic.Int64
	together(3, func(i int) {
		s := handle(i)
		if i > 0 {
			for n := i; !asked.Load(); n++ {
				r, err := s.Get(t.Context(), fmt.Sprintf("p/%02d", n*7%records))
				switch {
				case errors.Is(err, journal.ErrNotFound):
					r = journal.Record{ID: fmt.Sprintf("p/%02d", n*7%records), Due: noon}
				case !assert.NoError(t, err):
					return
				case n%5 == 0:
					err = s.Delete(t.Context(), r.ID, r.Version)
					if err != nil && !errors.Is(err, journal.ErrNotFound) && !errors.Is(err, journal.ErrConflict) {
						assert.NoError(t, err)
						return
					}
					continue
				}
				r.Due = noon.Add(time.Duration(n*13%100) * time.Minute) // some are past the window
				if _, err = s.Put(t.Context(), r); err != nil && !assert.ErrorIs(t, err, journal.ErrConflict) {
					return
				}
				moved.Add(1)
			}
			return
		}
		defer asked.Store(true)
		for n := 0; (n < asks || moved.Load() < moves) && !t.Failed(); n++ {
			limit := []int{7, records, 1000}[n%3]
			found, err := s.Due(t.Context(), window, limit)
			if !assert.NoError(t, err) || !assert.LessOrEqual(t, len(found), limit) {
				return
			}
			shown := map[string]bool{}
			for at, r := range found {
				if !assert.False(t, shown[r.ID], "%q is shown twice in one answer", r.ID) ||
					!assert.False(t, r.Due.IsZero() || r.Due.After(window), "%q is shown, due at %s", r.ID, r.Due) ||
					h.DueLag == 0 && at > 0 && !assert.False(t, r.Due.Before(found[at-1].Due), "the earliest first") {
					return
				}
				shown[r.ID] = true
			}
		}
	})
}

// dueMissesNothing works records off as sweepers do: some at once, through a
// small window, taking each by a put, while more come.
func dueMissesNothing(t testing.TB, h Harness) {
	s := h.Open(t)
	workOff(t, h, s, h.handles(t, s), func(int) time.Time { return noon.Add(time.Hour) })
}

// dueWithSkewedClocks has workers whose clocks differ by hours. Each sees what is
// due by its own clock; the one that is ahead sees all of it.
func dueWithSkewedClocks(t testing.TB, h Harness) {
	s := h.Open(t)
	workOff(t, h, s, h.handles(t, s), func(worker int) time.Time {
		return noon.Add(time.Hour - time.Duration(worker)*61*time.Minute)
	})
}

// dueThatLags puts a due that lags before the store. Who Gets a record and takes
// it by a put works each off once for all that.
func dueThatLags(t testing.TB, h Harness) {
	s := h.Open(t)
	lagging := [2]journal.Store{Lagging(s, 1), Lagging(s, 2)}
	h.DueLag = max(h.DueLag, 10*time.Second)
	workOff(t, h, s, func(i int) journal.Store { return lagging[i%2] }, func(int) time.Time { return noon.Add(time.Hour) })
}

// workOff puts records, half of them while four workers take what is due by
// their own clocks, and asserts that each is taken once.
func workOff(t testing.TB, h Harness, s journal.Store, handle func(int) journal.Store, clock func(worker int) time.Time) {
	const records, workers, window = 60, 4, 7
	want := make([]string, records)
	put := func(i int) {
		// Many share a time, more than fit in a window.
		want[i] = mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%03d", i), Due: noon.Add(time.Duration(i%5) * time.Second)}).ID
	}
	for i := range records / 2 {
		put(i)
	}
	var mu sync.Mutex
	var done []string
	var all atomic.Bool
	together(workers+1, func(i int) {
		if i == workers {
			defer all.Store(true)
			for n := records / 2; n < records; n++ {
				put(n)
			}
			return
		}
		s := handle(i)
		sweep := func() (more bool) {
			found, err := s.Due(t.Context(), clock(i), window)
			if !assert.NoError(t, err) {
				return false
			}
			for _, hint := range found {
				r, err := s.Get(t.Context(), hint.ID)
				if !assert.NoError(t, err) || r.Due.IsZero() || r.Due.After(clock(i)) {
					continue // somebody was quicker
				}
				r.Due = time.Time{}
				_, err = s.Put(t.Context(), r)
				if err == nil {
					mu.Lock()
					done = append(done, r.ID)
					mu.Unlock()
				} else if !errors.Is(err, journal.ErrConflict) {
					assert.NoError(t, err)
					return false
				}
			}
			return len(found) > 0
		}
		for idle, sweeps := time.Now(), 0; ; {
			mu.Lock()
			finished := len(done) >= records || t.Failed()
			mu.Unlock()
			if finished || sweeps > 100*records {
				return
			}
			complete := all.Load() // before it looks
			if complete {
				// Before that, a worker that finds nothing may turn any number of
				// times while the processor is with others.
				sweeps++
			}
			if sweep() {
				idle = time.Now()
			} else if complete && time.Since(idle) >= h.DueLag {
				return
			} else if h.DueLag > 0 {
				runtime.Gosched()
			}
		}
	})
	slices.Sort(done)
	require.Equal(t, want, done, "each record is worked off once")
	requireDue(t, h, s, noon.Add(time.Hour))
}

package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
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
			require.NotEmpty(t, found)
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

// dueMissesNothing works records off as sweepers do: some at once, through a
// small window, taking each by a put.
func dueMissesNothing(t testing.TB, h Harness) {
	const records, workers, window = 120, 4, 7
	s := h.Open(t)
	handle := h.handles(t, s)
	want := make([]string, records)
	for i := range want {
		// Many share a time, more than fit in a window.
		r := journal.Record{ID: fmt.Sprintf("p/%03d", i), Due: noon.Add(time.Duration(i%5) * time.Second)}
		want[i] = mustPut(t, s, r).ID
	}
	var mu sync.Mutex
	var done []string
	together(workers, func(i int) {
		s := handle(i)
		sweep := func() (more bool) {
			found, err := s.Due(t.Context(), noon.Add(time.Hour), window)
			if !assert.NoError(t, err) {
				return false
			}
			for _, hint := range found {
				r, err := s.Get(t.Context(), hint.ID)
				if !assert.NoError(t, err) || r.Due.IsZero() {
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
		if h.DueLag == 0 {
			for round := 0; sweep(); round++ {
				if !assert.Less(t, round, 10*records, "due shows the same records for ever") {
					return
				}
			}
			return
		}
		h.within(t, func() bool {
			for round := 0; round < 10*records && sweep(); round++ {
			}
			mu.Lock()
			defer mu.Unlock()
			return len(done) >= records
		})
	})
	slices.Sort(done)
	require.Equal(t, want, done, "each record is worked off once")
	requireDue(t, h, s, noon.Add(time.Hour))
}

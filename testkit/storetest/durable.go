package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

func (h Harness) reopen(t testing.TB, s journal.Store) journal.Store {
	t.Helper()
	s = h.Reopen(t, s)
	require.NotNil(t, s, "Harness.Reopen returns a store")
	return s
}

func reopenKeepsEverything(t testing.TB, h Harness) {
	s := h.Open(t)
	created := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Expires: noon.Add(time.Hour), Body: []byte("a\x00b")})
	replaced := mustPut(t, s, mustPut(t, s, journal.Record{ID: "p/2", Due: noon.Add(-time.Hour), Body: make([]byte, journal.MaxBody)}))
	bare := mustPut(t, s, journal.Record{ID: "r/~!"})
	gone := mustPut(t, s, journal.Record{ID: "p/3", Due: noon})
	require.NoError(t, s.Delete(t.Context(), gone.ID, gone.Version))

	for range 3 {
		s = h.reopen(t, s)
		requireStored(t, s, created)
		requireStored(t, s, replaced)
		requireStored(t, s, bare)
		requireAbsent(t, s, gone.ID)
		require.Equal(t, []string{"p/1", "p/2", "r/~!"}, listed(t, s, "", "", 10))
		requireDue(t, h, s, noon, "p/2", "p/1")

		_, err := s.Put(t.Context(), journal.Record{ID: "p/1"})
		require.ErrorIs(t, err, journal.ErrConflict, "versions hold across a restart")
		replaced.Body = append([]byte("again"), replaced.Body[5:]...)
		replaced = mustPut(t, s, replaced)
	}
}

func reopenKeepsAnswered(t testing.TB, h Harness) {
	const workers, each = 16, 10
	s := h.Open(t)
	var answered [workers]journal.Record
	together(workers, func(w int) {
		r := journal.Record{ID: fmt.Sprintf("p/%02d", w), Due: noon}
		for n := range each {
			r.Body = fmt.Append(nil, n)
			var err error
			if r, err = s.Put(t.Context(), r); !assert.NoError(t, err) {
				return
			}
			answered[w] = r
		}
	})
	s = h.reopen(t, s)
	for _, r := range answered {
		requireStored(t, s, r)
	}
}

// readsNeverGoBack keeps the greatest version that anybody was shown. A read
// that starts later must not show less, whoever reads and however: what was
// once shown cannot be taken back. (That it cannot be taken back by a crash
// either takes a crash to see.)
func readsNeverGoBack(t testing.TB, h Harness) {
	const writers, readers, puts, changes = 4, 8, 40, 50
	s := h.Open(t)
	handle := h.handles(t, s)
	mustPut(t, s, journal.Record{ID: "p/1", Body: []byte("1")})
	var shown, writing, changed atomic.Int64
	shown.Store(1)
	writing.Store(writers)
	see := func(floor int64, r journal.Record, how string) bool {
		for {
			top := shown.Load()
			if r.Version <= top || shown.CompareAndSwap(top, r.Version) {
				break
			}
		}
		return assert.GreaterOrEqual(t, r.Version, floor, "version that %s shows, after another was shown", how) &&
			assert.Equal(t, strconv.FormatInt(r.Version, 10), string(r.Body), "the body belongs to the version")
	}
	together(writers+readers, func(i int) {
		if i >= writers {
			for last := int64(1); writing.Load() > 0; runtime.Gosched() {
				floor := shown.Load()
				r, err := handle(i).Get(t.Context(), "p/1")
				if !assert.NoError(t, err) || !see(floor, r, "get") {
					return
				}
				if r.Version > last {
					last = r.Version
					changed.Add(1)
				}
			}
			return
		}
		defer writing.Add(-1)
		r := journal.Record{ID: "p/1", Version: 1}
		// Until the readers have read between the writes often enough; a
		// scheduler may well let all the one go before the other.
		for n := 0; (n < puts || changed.Load() < changes) && !t.Failed(); n++ {
			next := r
			if n%3 == 2 {
				next.Version-- // loses for certain, and is shown what there is
			}
			next.Body = []byte(strconv.FormatInt(next.Version+1, 10))
			floor := shown.Load()
			var err error
			r, err = handle(i).Put(t.Context(), next)
			switch {
			case err == nil && see(floor, r, "a put"):
			case errors.Is(err, journal.ErrConflict) && see(floor, r, "a losing put"):
			default:
				assert.NoError(t, err)
				return
			}
		}
	})
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// doubtful reports whether a write that failed so may be there all the same.
func doubtful(err error) bool { return errors.Is(err, journal.ErrUnknown) }

// crashKeepsAnswered crashes the engine under writers, each with records of its
// own, and compares what is there with what each was told.
func crashKeepsAnswered(t testing.TB, h Harness) {
	const rounds, writers, answers = 2, 16, 150
	again, crash := h.Crash(t)
	for round := range rounds {
		s := again // what the writers have, through the crash
		type told struct {
			r    journal.Record // as it was last answered
			gone bool           // the last answer was that of a delete
			next journal.Record // what was under way when the engine went
			err  error
		}
		var ends [writers]told
		var count atomic.Int64
		enough := make(chan struct{})
		var once sync.Once
		var over atomic.Bool // a store whose server is back goes on
		var running sync.WaitGroup
		for w := range writers {
			running.Go(func() {
				e := &ends[w]
				e.r.ID, e.gone = fmt.Sprintf("p/%d/%02d", round, w), true
				for n := 0; e.err == nil && !over.Load(); n++ {
					if !e.gone && n%7 == 6 {
						e.next = journal.Record{}
						if e.err = s.Delete(context.Background(), e.r.ID, e.r.Version); e.err == nil {
							e.gone = true
						}
					} else {
						e.next = journal.Record{ID: e.r.ID, Due: noon, Body: fmt.Append(nil, n)}
						if !e.gone {
							e.next.Version = e.r.Version
						}
						var stored journal.Record
						if stored, e.err = s.Put(context.Background(), e.next); e.err == nil {
							e.r, e.gone = stored, false
						}
					}
					if count.Add(1) >= answers {
						once.Do(func() { close(enough) })
					}
				}
			})
		}
		<-enough
		again = crash()
		over.Store(true)
		running.Wait()
		s = again
		for _, e := range ends {
			require.NotErrorIs(t, e.err, journal.ErrConflict, "nobody else writes %q", e.r.ID)
			require.NotErrorIs(t, e.err, journal.ErrNotFound, "nobody else deletes %q", e.r.ID)
			got, err := s.Get(t.Context(), e.r.ID)
			found := err == nil
			if !found {
				require.ErrorIs(t, err, journal.ErrNotFound)
			}
			if doubtful(e.err) && found == (e.next.ID != "") && (!found || got.Version == e.next.Version+1 && string(got.Body) == string(e.next.Body)) {
				continue // what was under way is there, and that is as good
			}
			require.Equal(t, !e.gone, found, "%q: answered version %d, deleted: %t; then %v", e.r.ID, e.r.Version, e.gone, e.err)
			if found {
				requireSame(t, e.r, got, "what was answered before the crash")
			}
		}
		mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%d/after", round)})
	}
}

// crashKeepsRead crashes the engine under readers, by every way of reading, and
// looks whether it has taken back what one of them was shown.
func crashKeepsRead(t testing.TB, h Harness) {
	const writers, readers, ids, reads = 12, 4, 3, 120
	s, crash := h.Crash(t)
	id := func(n int) string { return "p/" + strconv.Itoa(n%ids) }
	for n := range ids {
		mustPut(t, s, journal.Record{ID: id(n), Due: noon})
	}
	var seen [ids]atomic.Int64
	see := func(r journal.Record) {
		if n, err := strconv.Atoi(r.ID[min(2, len(r.ID)):]); err == nil && n < ids {
			for top := seen[n].Load(); r.Version > top && !seen[n].CompareAndSwap(top, r.Version); top = seen[n].Load() {
			}
		}
	}
	var count atomic.Int64
	enough := make(chan struct{})
	var once sync.Once
	var over atomic.Bool
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() { // they race, so that most are shown what another has written
			r := journal.Record{ID: id(w), Version: 1}
			for !over.Load() {
				next, err := s.Put(context.Background(), journal.Record{ID: r.ID, Version: r.Version, Due: noon})
				if err != nil && !errors.Is(err, journal.ErrConflict) {
					return
				}
				see(next)
				r = next
			}
		})
	}
	for w := range readers {
		running.Go(func() {
			for n := w; !over.Load(); n++ {
				var found []journal.Record
				var err error
				switch w {
				case 0:
					found, err = s.Due(context.Background(), noon, 10)
				case 1:
					found, err = s.List(context.Background(), "p/", "", 10)
				default:
					found = make([]journal.Record, 1)
					found[0], err = s.Get(context.Background(), id(n))
				}
				if err != nil {
					return
				}
				for _, r := range found {
					see(r)
				}
				if count.Add(1) >= reads {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	<-enough
	again := crash()
	over.Store(true)
	running.Wait()
	for n := range ids {
		r, err := again.Get(t.Context(), id(n))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, r.Version, seen[n].Load(), "the version of %q after the crash, and the greatest that was shown before", id(n))
	}
}

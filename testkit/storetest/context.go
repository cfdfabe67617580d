package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func endedContext(t testing.TB, h Harness) {
	s := h.Open(t)
	kept := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: []byte("kept")})

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		calls := map[string]func() error{
			"put that creates":  func() error { _, err := s.Put(ctx, journal.Record{ID: "p/2", Due: noon}); return err },
			"put that replaces": func() error { _, err := s.Put(ctx, journal.Record{ID: "p/1", Version: 1}); return err },
			"put that loses":    func() error { _, err := s.Put(ctx, journal.Record{ID: "p/1", Version: 9}); return err },
			"get":               func() error { _, err := s.Get(ctx, "p/1"); return err },
			"get of no record":  func() error { _, err := s.Get(ctx, "p/2"); return err },
			"delete":            func() error { return s.Delete(ctx, "p/1", 1) },
			"due":               func() error { _, err := s.Due(ctx, noon, 1); return err },
			"list":              func() error { _, err := s.List(ctx, "", "", 1); return err },
		}
		for what, call := range calls {
			err := call()
			require.ErrorIs(t, err, ctx.Err(), "%s", what)
			require.NotErrorIs(t, err, journal.ErrUnknown, "%s: nothing was begun, so nothing is unknown", what)
		}
	}
	requireAbsent(t, s, "p/2")
	requireStored(t, s, kept)
	requireDue(t, h, s, noon, "p/1")
	mustPut(t, s, kept) // and the store still works
}

// cutShort ends contexts at random moments of a put, beside puts that nobody
// cuts short. An answer is taken at its word: nil is stored; ErrUnknown may be
// either, and writing again tells; any other error was not applied.
func cutShort(t testing.TB, h Harness) {
	const workers, each = 16, 25
	type outcome struct {
		r   journal.Record
		err error
	}
	s := h.Open(t)
	var outcomes [workers][]outcome
	together(workers, func(w int) {
		random := rand.New(rand.NewPCG(7, uint64(w)))
		for n := range each {
			r := journal.Record{ID: fmt.Sprintf("p/%d/%d", w, n), Due: noon, Body: fmt.Append(nil, w, n)}
			ctx, cancel := context.WithCancel(t.Context())
			if w%4 > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), time.Duration(random.IntN(3000))*time.Microsecond)
			}
			_, err := s.Put(ctx, r)
			if w%4 == 0 {
				assert.NoError(t, err, "a put whose context did not end, beside others whose did")
			}
			cancel()
			outcomes[w] = append(outcomes[w], outcome{r, err})
		}
	})
	var applied, unknown, unapplied int
	for _, o := range slices.Concat(outcomes[:]...) {
		stored := o.r
		stored.Version = 1
		switch {
		case o.err == nil:
			applied++
			requireStored(t, s, stored)
		case errors.Is(o.err, journal.ErrUnknown):
			unknown++
			require.Equal(t, core.CodeUnknown, core.CodeOf(o.err))
			got, err := s.Put(t.Context(), o.r)
			if err != nil { // it had been applied
				require.ErrorIs(t, err, journal.ErrConflict)
			}
			requireSame(t, stored, got, "the second attempt after ErrUnknown")
			requireStored(t, s, stored)
		default:
			unapplied++
			require.True(t, errors.Is(o.err, context.DeadlineExceeded) || errors.Is(o.err, context.Canceled), "the error of a put that was cut short: %v", o.err)
			requireAbsent(t, s, o.r.ID)
		}
	}
	t.Logf("%d applied, %d unknown, %d known not to be applied", applied, unknown, unapplied)
}

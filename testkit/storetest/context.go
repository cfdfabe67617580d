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

// endedAfterwards ends the context of each call right after its answer, as a
// handler's is.
func endedAfterwards(t testing.TB, h Harness) {
	s := h.Open(t)
	within := func(call func(ctx context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := call(ctx)
		cancel()
		require.NoError(t, err)
	}
	var r journal.Record
	for n := range 20 {
		within(func(ctx context.Context) (err error) {
			r, err = s.Put(ctx, journal.Record{ID: "p/1", Version: r.Version, Due: noon, Body: fmt.Append(nil, n)})
			return err
		})
		requireStored(t, s, r)
	}
	var found []journal.Record
	for what, read := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error {
			one, err := s.Get(ctx, "p/1")
			found = []journal.Record{one}
			return err
		},
		"due":  func(ctx context.Context) (err error) { found, err = s.Due(ctx, noon, 10); return err },
		"list": func(ctx context.Context) (err error) { found, err = s.List(ctx, "", "", 10); return err },
	} {
		within(read)
		for _, got := range found {
			requireSame(t, r, got, "what "+what+" read before its context ended")
		}
	}
	within(func(ctx context.Context) error { return s.Delete(ctx, "p/1", r.Version) })
	requireAbsent(t, s, "p/1")
}

// cutShort ends contexts at random moments of a write, beside writes that nobody
// cuts short. An answer is taken at its word: nil is done; ErrUnknown may be
// either, and writing again tells; any other error was not done.
func cutShort(t testing.TB, h Harness) {
	const workers, each = 16, 15
	type outcome struct {
		change
		err error
	}
	s := h.Open(t)
	var outcomes [workers][]outcome
	together(workers, func(w int) {
		random := rand.New(rand.NewPCG(7, uint64(w)))
		for n := range each {
			c := changes(fmt.Sprintf("p/%02d/%02d", w, n))[(w/4+n)%3]
			if c.before.ID != "" {
				r := c.before
				r.Version--
				if _, err := s.Put(t.Context(), r); !assert.NoError(t, err) {
					return
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			if w%4 > 0 {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), time.Duration(random.IntN(3000))*time.Microsecond)
			}
			err := c.do(ctx, s)
			if w%4 == 0 {
				assert.NoError(t, err, "a write whose context did not end, beside others whose did")
			}
			cancel()
			outcomes[w] = append(outcomes[w], outcome{c, err})
		}
	})
	var applied, unknown, unapplied int
	want := map[string]journal.Record{}
	for _, o := range slices.Concat(outcomes[:]...) {
		want[o.id] = o.after
		switch {
		case o.err == nil:
			applied++
			require.True(t, o.applied(t, s), "%s was answered", o.id)
		case errors.Is(o.err, journal.ErrUnknown):
			unknown++
			require.Equal(t, core.CodeUnknown, core.CodeOf(o.err))
			o.applied(t, s) // it is one of the two
			if err := o.do(t.Context(), s); err != nil && !errors.Is(err, journal.ErrNotFound) {
				require.ErrorIs(t, err, journal.ErrConflict, "%s: the second attempt after ErrUnknown", o.id)
			}
			require.True(t, o.applied(t, s), "%s: after the second attempt", o.id)
		default:
			unapplied++
			require.True(t, errors.Is(o.err, context.DeadlineExceeded) || errors.Is(o.err, context.Canceled), "the error of a write that was cut short: %v", o.err)
			require.False(t, o.applied(t, s), "%s: %v", o.id, o.err)
			want[o.id] = o.before
		}
	}
	found, err := s.List(t.Context(), "p/", "", 2*workers*each)
	require.NoError(t, err)
	for _, r := range found {
		requireSame(t, want[r.ID], r, "what list reads")
		delete(want, r.ID)
	}
	for _, r := range want {
		require.Zero(t, r, "a record that list does not show")
	}
	t.Logf("%d applied, %d unknown, %d known not to be applied", applied, unknown, unapplied)
}

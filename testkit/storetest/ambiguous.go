package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// change is a write of a case about ambiguity: how the record was, the write,
// and how it is if the write counted.
type change struct {
	id     string
	before journal.Record // zero: there is none
	after  journal.Record // zero: there is none
}

// changes are the three kinds of writes, each of a record whose id begins with
// prefix. Every part of the record differs: half a write would show.
func changes(prefix string) []change {
	at := func(what string, version int64) journal.Record {
		return journal.Record{
			ID: prefix + "/" + what, Version: version, Body: fmt.Append(nil, "body ", version),
			Due: noon.Add(time.Duration(version) * time.Minute), Expires: noon.Add(time.Duration(version) * time.Hour),
		}
	}
	return []change{
		{id: prefix + "/create", after: at("create", 1)},
		{id: prefix + "/replace", before: at("replace", 1), after: at("replace", 2)},
		{id: prefix + "/delete", before: at("delete", 1)},
	}
}

// prepare makes the record as it was before.
func (c change) prepare(t testing.TB, s journal.Store) {
	t.Helper()
	if c.before.ID != "" {
		r := c.before
		r.Version--
		requireSame(t, c.before, mustPut(t, s, r), "what put returns")
	}
}

// do makes the write.
func (c change) do(ctx context.Context, s journal.Store) error {
	if c.after.ID == "" {
		return s.Delete(ctx, c.before.ID, c.before.Version)
	}
	r := c.after
	r.Version--
	_, err := s.Put(ctx, r)
	return err
}

// applied reports whether what is stored is what the write makes; it fails if
// it is neither that nor what was there before.
func (c change) applied(t testing.TB, s journal.Store) bool {
	t.Helper()
	got, err := s.Get(t.Context(), c.id)
	if err != nil {
		require.ErrorIs(t, err, journal.ErrNotFound, "%s: reading again after ErrUnknown", c.id)
	}
	applied := got.Version == c.after.Version
	if applied {
		requireSame(t, c.after, got, "what the write makes")
	} else {
		requireSame(t, c.before, got, "what was there before the write")
	}
	return applied
}

// requireApplied asserts that the write has counted, and that all ways of
// reading agree.
func (c change) requireApplied(t testing.TB, s journal.Store, what any) {
	t.Helper()
	require.True(t, c.applied(t, s), "%s, %s", c.id, what)
	if c.after.ID == "" {
		requireAbsent(t, s, c.id)
	} else {
		requireStored(t, s, c.after)
	}
}

func unknownIsOneOfTwo(t testing.TB, h Harness) {
	s := h.Open(t)
	for _, fault := range []Fault{Refused, UnknownBefore, UnknownAfter, Late, Held} {
		for _, c := range changes(fmt.Sprintf("p/%d", fault)) {
			there := fault == UnknownAfter
			c.prepare(t, s)
			f := Faulty(s, Writes(fault))
			err := c.do(t.Context(), f)
			require.Equal(t, fault != Refused, errors.Is(err, journal.ErrUnknown), "%s, %s: %v", c.id, fault, err)
			require.Error(t, err)
			require.Equal(t, there, c.applied(t, f), "%s, %s: the caller looks", c.id, fault)
			if fault == Late { // and had the caller looked a moment later
				require.True(t, c.applied(t, s), "%s, %s: the caller looks again", c.id, fault)
				there = true
			}

			// The caller tries again, and what then is there is what it wanted;
			// a write that comes late must not count beside it.
			err = c.do(t.Context(), f)
			switch {
			case !there:
				require.NoError(t, err, "%s, %s: the second attempt", c.id, fault)
			case c.after.ID == "":
				require.ErrorIs(t, err, journal.ErrNotFound, "%s, %s: the second attempt", c.id, fault)
			default:
				require.ErrorIs(t, err, journal.ErrConflict, "%s, %s: the second attempt", c.id, fault)
			}
			f.Land()
			c.requireApplied(t, s, fault)
		}
	}
}

// cutOff has the connection to the engine cut at each side of a write's effect.
// What the caller cannot know, it must be told so: not a conflict, which is what
// a driver says that has quietly sent its write again.
func cutOff(t testing.TB, h Harness) {
	s := h.Open(t)
	through, link := h.Through(t, s)
	for _, cut := range []Cut{CutBefore, CutAfter, Swallow, HoldBack} {
		for _, c := range changes(fmt.Sprintf("p/%d", cut)) {
			c.prepare(t, s)
			warm(t, through)

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if cut == Swallow || cut == HoldBack {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			}
			link.Arm(cut)
			err := c.do(ctx, through)
			require.ErrorIs(t, err, journal.ErrUnknown, "%s, %s", c.id, cut)
			require.Equal(t, core.CodeUnknown, core.CodeOf(err), "%s, %s: %v", c.id, cut, err)
			require.False(t, core.Retryable(err), "%s, %s: %v", c.id, cut, err)
			for _, wrong := range []error{journal.ErrConflict, journal.ErrNotFound} {
				require.NotErrorIs(t, err, wrong, "%s, %s", c.id, cut)
			}
			if ctx.Err() != nil {
				require.ErrorIs(t, err, ctx.Err(), "%s, %s: the error says why", c.id, cut)
			}
			cancel()

			switch cut {
			case CutBefore:
				require.False(t, c.applied(t, s), "%s, %s", c.id, cut)
			case CutAfter:
				c.requireApplied(t, s, cut)
			case Swallow: // a driver may have had the statement cancelled
				if !c.applied(t, s) {
					_ = c.do(t.Context(), s)
				}
				c.requireApplied(t, s, cut)
			case HoldBack:
				require.False(t, c.applied(t, s), "%s, %s", c.id, cut)
				require.NoError(t, c.do(t.Context(), s), "%s, %s: the second attempt", c.id, cut)
				link.Release(t)
				c.requireApplied(t, s, cut) // the first comes after the second
			}
		}
	}

	// A write that was held back, and comes while nobody has tried again, counts
	// unless the driver had it cancelled.
	for _, c := range changes("p/late") {
		c.prepare(t, s)
		warm(t, through)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		link.Arm(HoldBack)
		err := c.do(ctx, through)
		cancel()
		require.ErrorIs(t, err, journal.ErrUnknown)
		link.Release(t)
		c.applied(t, s) // one of the two
		_ = c.do(t.Context(), s)
		c.requireApplied(t, s, HoldBack)
	}
}

// warm has s connect, and prepare what it prepares on a connection.
func warm(t testing.TB, s journal.Store) {
	t.Helper()
	r := mustPut(t, s, mustPut(t, s, journal.Record{ID: "p/warm"}))
	require.NoError(t, s.Delete(t.Context(), r.ID, r.Version))
}

// claimsAmongFaults lets many claim one id over a store that fails, each until
// it gets an answer.
func claimsAmongFaults(t testing.TB, h Harness) {
	const rounds, claimants, percent = 4, 16, 40
	s := h.Open(t)
	handle := h.handles(t, s)
	for round := range uint64(rounds) {
		id := fmt.Sprintf("trade/%d", round)
		var holders [claimants]string
		var proxies [2]*FaultyStore
		for i := range proxies {
			proxies[i] = Faulty(handle(i), Seeded(round<<1|uint64(i), percent))
		}
		together(claimants, func(i int) {
			for range 100 {
				holder, err := journal.Claim(t.Context(), proxies[i%2], id, fmt.Sprint("claimant ", i))
				if err == nil {
					holders[i] = holder
					return
				}
				if core.CodeOf(err) != core.CodeUnreached && !errors.Is(err, journal.ErrUnknown) {
					assert.NoError(t, err)
					return
				}
			}
			assert.Fail(t, "a claim gets no answer")
		})
		for i := range proxies {
			proxies[i].Land()
		}
		r, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		for i, holder := range holders {
			require.Equal(t, string(r.Body), holder, "who holds %q, as claimant %d was told", id, i)
		}
		require.EqualValues(t, 1, r.Version)
	}
}

// countsAmongFaults counts as core/purchase writes: each change leaves a trace
// in the record, by which whoever made it knows whether it counted.
func countsAmongFaults(t testing.TB, h Harness) {
	const workers, each, percent = 6, 5, 30
	s := h.Open(t)
	handle := h.handles(t, s)
	var proxies [2]*FaultyStore
	for i := range proxies {
		proxies[i] = Faulty(handle(i), Seeded(uint64(i)+7, percent))
	}
	type counter struct {
		Total  int
		Traces [workers]int // the last count of each
	}
	decode := func(body []byte) (c counter, err error) {
		if len(body) > 0 {
			err = json.Unmarshal(body, &c)
		}
		return c, err
	}
	mustPut(t, s, journal.Record{ID: "p/counter"})
	together(workers, func(w int) {
		for n, attempts := 1, 0; n <= each; attempts++ {
			if !assert.Less(t, attempts, 100*workers*each, "attempts of one worker") {
				return
			}
			r, err := proxies[w%2].Get(t.Context(), "p/counter")
			if core.CodeOf(err) == core.CodeUnreached {
				continue
			}
			if !assert.NoError(t, err) {
				return
			}
			c, err := decode(r.Body)
			if !assert.NoError(t, err) {
				return
			}
			if c.Traces[w] == n {
				n++ // it counted, whatever was said of it
				continue
			}
			c.Total++
			c.Traces[w] = n
			r.Body, err = json.Marshal(c)
			if !assert.NoError(t, err) {
				return
			}
			_, err = proxies[w%2].Put(t.Context(), r)
			if err != nil && !errors.Is(err, journal.ErrConflict) && !errors.Is(err, journal.ErrUnknown) && core.CodeOf(err) != core.CodeUnreached {
				assert.NoError(t, err)
				return
			}
		}
	})
	for _, f := range proxies {
		f.Land()
	}
	r, err := s.Get(t.Context(), "p/counter")
	require.NoError(t, err)
	c, err := decode(r.Body)
	require.NoError(t, err)
	require.Equal(t, workers*each, c.Total)
	require.EqualValues(t, workers*each+1, r.Version)
}

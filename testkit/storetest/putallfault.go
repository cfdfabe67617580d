package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// several is a putall of three records that are always written together, the
// next version over what there is: the version tells of all of them.
func several(name string, version int64) []journal.Record {
	records := make([]journal.Record, 3)
	for i := range records {
		records[i] = journal.Record{
			ID: fmt.Sprintf("p/%s/%d", name, (i+1)%3), Version: version, Due: noon.Add(time.Duration(version) * time.Second), Body: fmt.Append(nil, i, " at ", version+1),
		}
	}
	return records
}

// whole returns the version that all records of several have, and fails if they
// have not one and the same, or are not as they were written.
func whole(t testing.TB, s journal.Store, name string) int64 {
	t.Helper()
	version := int64(-1)
	for i, r := range several(name, 0) {
		got, err := s.Get(t.Context(), r.ID)
		if err != nil {
			require.ErrorIs(t, err, journal.ErrNotFound)
		}
		if version < 0 {
			version = got.Version
		}
		require.Equal(t, version, got.Version, "%s: the records of one putall have one version", r.ID)
		if version > 0 {
			want := several(name, version-1)[i]
			want.Version++
			requireSame(t, want, got, "what putall has written")
		}
	}
	return version
}

func putAllUnknown(t testing.TB, h Harness) {
	s := h.Open(t)
	for _, fault := range []Fault{Refused, UnknownBefore, UnknownAfter, Late, Held} {
		name := fmt.Sprint(int(fault))
		version := int64(0)
		for range 2 { // they are made, and they are replaced
			f := Faulty(s, Writes(fault))
			_, err := putAll(t.Context(), f, several(name, version)...)
			require.Equal(t, fault != Refused, errors.Is(err, journal.ErrUnknown), "%s: %v", fault, err)
			require.Error(t, err)
			if fault == Late {
				require.Equal(t, version, whole(t, s, name), "%s: before anybody looks", fault)
				_, _ = f.Get(t.Context(), "p/"+name)
			}
			there := whole(t, s, name) > version
			require.True(t, there == (fault == UnknownAfter || fault == Late), "%s: the caller looks", fault)
			stored, err := putAll(t.Context(), f, several(name, version)...)
			if there {
				require.ErrorIs(t, err, journal.ErrConflict, "%s: the second attempt", fault)
			} else {
				require.NoError(t, err, "%s: the second attempt", fault)
			}
			version++
			require.Len(t, stored, 3)
			require.Equal(t, version, stored[2].Version, "%s: the second attempt shows what there is", fault)
			f.Land()
			require.Equal(t, version, whole(t, s, name), "%s", fault)
		}
	}
}

// putAllCutShort ends contexts at random moments, as cutShort does.
func putAllCutShort(t testing.TB, h Harness) {
	const workers, each = 12, 12
	s := h.Open(t)
	var unknown atomic.Int64
	name := func(w, n int) string { return fmt.Sprintf("%d/%d", w, n) }
	var errs [workers][each]error
	together(workers, func(w int) {
		random := rand.New(rand.NewPCG(11, uint64(w)))
		for n := range each {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if w%4 > 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
			}
			_, errs[w][n] = putAll(ctx, s, several(name(w, n), 0)...)
			cancel()
		}
	})
	for w := range workers {
		for n, err := range errs[w] {
			version := whole(t, s, name(w, n))
			switch {
			case err == nil:
				require.EqualValues(t, 1, version, "what was answered")
			case errors.Is(err, journal.ErrUnknown):
				unknown.Add(1)
				if _, err = putAll(t.Context(), s, several(name(w, n), 0)...); err != nil {
					require.ErrorIs(t, err, journal.ErrConflict)
				}
				require.EqualValues(t, 1, whole(t, s, name(w, n)), "after the second attempt")
			default:
				require.NotZero(t, w%4, "a putall whose context did not end, beside others whose did: %v", err)
				require.True(t, errors.Is(err, context.DeadlineExceeded), "the error of a putall that was cut short: %v", err)
				require.Zero(t, version, "%v", err)
			}
		}
	}
	t.Logf("%d unknown", unknown.Load())
}

// putAllCutOff has the connection to the engine cut, as cutOff does.
func putAllCutOff(t testing.TB, h Harness) {
	s := h.Open(t)
	through, link := h.Through(t, s)
	for _, cut := range []Cut{CutBefore, CutAfter, Swallow, HoldBack} {
		name := fmt.Sprint(int(cut))
		version := int64(0)
		for range 2 {
			for n := range int64(2) { // it connects, and prepares what it prepares
				_, err := putAll(t.Context(), through, several(fmt.Sprintf("warm/%s/%d", name, version), n)...)
				require.NoError(t, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if cut == Swallow || cut == HoldBack {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			}
			link.Arm(cut)
			_, err := putAll(ctx, through, several(name, version)...)
			cancel()
			require.ErrorIs(t, err, journal.ErrUnknown, "%s", cut)
			require.NotErrorIs(t, err, journal.ErrConflict, "%s", cut)
			require.Equal(t, core.CodeUnknown, core.CodeOf(err))
			if there := whole(t, s, name); cut != Swallow {
				require.Equal(t, cut == CutAfter, there > version, "%s", cut)
			}
			if _, err = putAll(t.Context(), s, several(name, version)...); err != nil {
				require.ErrorIs(t, err, journal.ErrConflict, "%s: the second attempt", cut)
			}
			version++
			if cut == HoldBack {
				link.Release(t) // the first comes after the second
			}
			require.Equal(t, version, whole(t, s, name), "%s", cut)
		}
	}
}

// crashKeepsWhole crashes the engine under putalls.
func crashKeepsWhole(t testing.TB, h Harness) {
	const rounds, writers, answers = 3, 12, 60
	again, crash := h.Crash(t)
	for round := range rounds {
		s := again
		var told [writers]int64 // the version that was answered last
		var errs [writers]error
		var count atomic.Int64
		enough := make(chan struct{})
		var once sync.Once
		var over atomic.Bool
		var running sync.WaitGroup
		name := func(w int) string { return fmt.Sprintf("%d/%d", round, w) }
		for w := range writers {
			running.Go(func() {
				for errs[w] == nil && !over.Load() {
					if _, errs[w] = putAll(context.Background(), s, several(name(w), told[w])...); errs[w] == nil {
						told[w]++
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
		for w := range writers {
			require.NotErrorIs(t, errs[w], journal.ErrConflict, "nobody else writes %s", name(w))
			version := whole(t, again, name(w))
			if doubtful(errs[w]) && version == told[w]+1 {
				continue // what was under way is there, and that is as good
			}
			assert.Equal(t, told[w], version, "%s: what was answered before the crash; then %v", name(w), errs[w])
		}
	}
}

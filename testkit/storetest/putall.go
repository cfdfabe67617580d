package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// putAll writes all records, one of several a case or nothing, to s.
func putAll(ctx context.Context, s journal.Store, records ...journal.Record) ([]journal.Record, error) {
	return journal.PutAll(ctx, s, records...)
}

// requireAll compares records in their order.
func requireAll(t testing.TB, want, got []journal.Record, what string) {
	t.Helper()
	require.Len(t, got, len(want), "%s", what)
	for i := range want {
		requireSame(t, want[i], got[i], what)
	}
}

func putAllWrites(t testing.TB, h Harness) {
	s := h.Open(t)
	nothing, err := putAll(t.Context(), s)
	require.NoError(t, err, "putall of no records")
	require.Empty(t, nothing)

	old := mustPut(t, s, journal.Record{ID: "p/2", Due: noon, Expires: noon.Add(time.Hour), Body: []byte("old")})
	mustPut(t, s, journal.Record{ID: "p/9", Due: noon, Body: []byte("stays")})
	// Neither the order of ids nor that of versions.
	records := []journal.Record{
		{ID: "p/3", Due: noon.Add(2 * time.Second), Body: []byte("three")},
		{ID: "p/2", Version: old.Version},
		{ID: "p/1", Due: noon.Add(time.Second), Expires: noon.Add(time.Minute), Body: []byte("one")},
	}
	for n := range 3 {
		want := slices.Clone(records)
		for i := range want {
			want[i].Version++
		}
		stored, err := putAll(t.Context(), s, records...)
		require.NoError(t, err)
		requireAll(t, want, stored, "what putall returns")
		for _, r := range want {
			requireStored(t, s, r)
		}
		requireDue(t, h, s, noon.Add(time.Hour), "p/9", "p/1", "p/3")
		records = stored
		records[0].Body = fmt.Append(nil, "three, again ", n)
	}
	single, err := putAll(t.Context(), s, records[0])
	require.NoError(t, err)
	require.Equal(t, records[0].Version+1, single[0].Version, "putall of a single record")
	requireStored(t, s, journal.Record{ID: "p/9", Version: 1, Due: noon, Body: []byte("stays")})
}

// putAllAgreesWithModel runs random putalls, with a version off by one now and
// then, and single puts and deletes between them.
func putAllAgreesWithModel(t testing.TB, h Harness) {
	const steps = 120
	s, m := h.Open(t), model{}
	random := rand.New(rand.NewPCG(20260801, 15))
	ids := []string{"p/1", "p/10", "p/2", "codes/1", "trade/1", "q", "~"}
	off := func(id string) int64 {
		if random.IntN(8) == 0 {
			return max(0, m[id].Version+random.Int64N(3)-1)
		}
		return m[id].Version
	}
	for step := range steps {
		id := ids[random.IntN(len(ids))]
		switch random.IntN(5) {
		case 0:
			at := off(id)
			require.ErrorIs(t, s.Delete(t.Context(), id, at), m.delete(id, at), "step %d", step)
			continue
		case 1:
			r := journal.Record{ID: id, Version: off(id), Body: fmt.Append(nil, step)}
			want, wantErr := m.put(r)
			got, err := s.Put(t.Context(), r)
			require.ErrorIs(t, err, wantErr, "step %d", step)
			requireSame(t, want, got, "what put returns")
			continue
		}
		var records, want []journal.Record
		wins := true
		for _, at := range random.Perm(len(ids))[:1+random.IntN(4)] {
			r := journal.Record{ID: ids[at], Version: off(ids[at]), Body: fmt.Append(nil, step)}
			if random.IntN(2) == 0 {
				r.Due = noon.Add(time.Duration(step*100+at) * time.Millisecond)
			}
			wins = wins && r.Version == m[r.ID].Version
			records, want = append(records, r), append(want, m[r.ID])
		}
		if wins {
			for i, r := range records {
				want[i], _ = m.put(r)
			}
		}
		got, err := putAll(t.Context(), s, records...)
		require.Equal(t, wins, err == nil, "step %d: %v", step, err)
		require.True(t, wins || errors.Is(err, journal.ErrConflict), "step %d: %v", step, err)
		requireAll(t, want, got, fmt.Sprintf("what putall returns in step %d", step))
	}
	for _, id := range ids {
		if want, ok := m[id]; ok {
			requireStored(t, s, want)
		} else {
			requireAbsent(t, s, id)
		}
	}
	requireDue(t, h, s, noon.Add(time.Hour), m.due(noon.Add(time.Hour))...)
}

func putAllSharesNothing(t testing.TB, h Harness) {
	s := h.Open(t)
	bodies := [][]byte{[]byte("one, and room")[:3], []byte("two, and room")[:3]}
	want := []journal.Record{{ID: "p/1", Version: 1, Body: []byte("one")}, {ID: "p/2", Version: 1, Body: []byte("two")}}
	stored, err := putAll(t.Context(), s, journal.Record{ID: "p/1", Body: bodies[0]}, journal.Record{ID: "p/2", Body: bodies[1]})
	require.NoError(t, err)
	spoil := func(body []byte) {
		for i := range body[:cap(body)] {
			body[:cap(body)][i] = 'X'
		}
	}
	for i, body := range bodies {
		spoil(body)
		requireSame(t, want[i], stored[i], "what putall returned, after its argument was overwritten")
		requireStored(t, s, want[i])
		spoil(stored[i].Body)
		requireStored(t, s, want[i])
	}
	lost, err := putAll(t.Context(), s, journal.Record{ID: "p/1", Version: 1}, journal.Record{ID: "p/2"})
	require.ErrorIs(t, err, journal.ErrConflict)
	for i := range lost {
		spoil(lost[i].Body)
		requireStored(t, s, want[i])
	}
}

func putAllReopened(t testing.TB, h Harness) {
	s := h.Open(t)
	stored, err := putAll(t.Context(), s, journal.Record{ID: "p/1", Due: noon, Body: []byte("one")}, journal.Record{ID: "trade/1", Body: []byte("1")})
	require.NoError(t, err)
	again := h.Reopen(t, s)
	for _, r := range stored {
		requireStored(t, again, r)
	}
	requireDue(t, h, again, noon, "p/1")
}

// putAllConflict has each of three records lose, in each of the ways to lose.
func putAllConflict(t testing.TB, h Harness) {
	s := h.Open(t)
	for n, lose := range []struct {
		what           string
		there, version int64
	}{
		{"it exists and should not", 1, 0}, {"it does not exist and should", 0, 1}, {"its version has passed", 2, 1}, {"its version is to come", 2, 3},
	} {
		for loser := range 3 {
			// What wins is one that is new, or one that is replaced.
			var records, before []journal.Record
			for i := range 3 {
				id := fmt.Sprintf("p/%d/%d/%d", n, loser, i)
				there, version := int64(i%2), int64(i%2)
				if i == loser {
					there, version = lose.there, lose.version
				}
				stored := journal.Record{}
				for v := range there {
					stored = mustPut(t, s, journal.Record{ID: id, Version: v, Due: noon.Add(-time.Hour), Body: fmt.Append(nil, "stored ", v)})
				}
				before = append(before, stored)
				records = append(records, journal.Record{ID: id, Version: version, Due: noon, Body: []byte("lost")})
			}
			got, err := putAll(t.Context(), s, records...)
			require.ErrorIs(t, err, journal.ErrConflict, "record %d loses: %s", loser, lose.what)
			require.Equal(t, core.CodeConflict, core.CodeOf(err))
			requireAll(t, before, got, "what a putall that lost returns")
			for i, r := range before {
				if r.ID == "" {
					requireAbsent(t, s, records[i].ID)
				} else {
					requireStored(t, s, r)
				}
			}
			// Who lost may go on from what it was given.
			for i := range records {
				records[i].Version = got[i].Version
			}
			_, err = putAll(t.Context(), s, records...)
			require.NoError(t, err, "the putall after it")
		}
	}
}

// racingPutAlls lets half of the racers write a shared record by itself, and half
// together with one of their own.
func racingPutAlls(t testing.TB, h Harness) {
	const rounds, racers = 4, 64
	s := h.Open(t)
	handle := h.handles(t, s)
	for version := range int64(rounds) {
		own := func(i int) string { return fmt.Sprintf("trade/%d/%d", version, i) }
		var shared [racers]journal.Record
		var errs [racers]error
		together(racers, func(i int) {
			r := journal.Record{ID: "p/race", Version: version, Body: []byte(strconv.Itoa(i))}
			if i%2 == 0 {
				shared[i], errs[i] = handle(i/2).Put(t.Context(), r)
				return
			}
			both := []journal.Record{{ID: own(i), Body: []byte("mine")}, r}
			if i%4 == 1 {
				slices.Reverse(both)
			}
			got, err := putAll(t.Context(), handle(i/2), both...)
			errs[i] = err
			for _, r := range got {
				if r.ID == "p/race" {
					shared[i] = r
				}
			}
		})
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "at most one of the racers at version %d wins", version)
				winner = i
			} else {
				require.ErrorIs(t, err, journal.ErrConflict)
			}
		}
		require.NotEqual(t, -1, winner, "one of the racers at version %d wins", version)
		want := journal.Record{ID: "p/race", Version: version + 1, Body: []byte(strconv.Itoa(winner))}
		requireStored(t, s, want)
		for i := range racers {
			requireSame(t, want, shared[i], "the record that every racer gets")
			if i == winner && i%2 == 1 {
				requireStored(t, s, journal.Record{ID: own(i), Version: 1, Body: []byte("mine")})
			} else {
				requireAbsent(t, s, own(i))
			}
		}
	}
}

func claimAndPut(t testing.TB, h Harness) {
	const claimants = 32
	s := h.Open(t)
	handle := h.handles(t, s)
	var owners [claimants]string
	var stored [claimants]journal.Record
	together(claimants, func(i int) {
		var err error
		id := fmt.Sprintf("p/%d", i)
		owners[i], stored[i], err = journal.ClaimAndPut(t.Context(), handle(i), "trade/1", id, journal.Record{ID: id, Body: []byte("paid")})
		assert.NoError(t, err)
	})
	claim, err := s.Get(t.Context(), "trade/1")
	require.NoError(t, err)
	for i, owner := range owners {
		id := fmt.Sprintf("p/%d", i)
		require.Equal(t, string(claim.Body), owner, "whose the claim is")
		if owner != id {
			require.Zero(t, stored[i])
			requireAbsent(t, s, id)
			continue
		}
		requireSame(t, journal.Record{ID: id, Version: 1, Body: []byte("paid")}, stored[i], "what was written with the claim")
		// The same again: the claim is there already, and as good.
		next := stored[i]
		next.Body = []byte("paid, with a word more")
		again, r, err := journal.ClaimAndPut(t.Context(), s, "trade/1", id, next)
		require.NoError(t, err)
		require.Equal(t, id, again)
		requireStored(t, s, r)
		require.EqualValues(t, 2, r.Version)
		_, _, err = journal.ClaimAndPut(t.Context(), s, "trade/1", id, journal.Record{ID: id, Version: 1, Body: []byte("too late")})
		require.ErrorIs(t, err, journal.ErrConflict)
		requireStored(t, s, r)
	}
}

// transfers moves amounts between a few accounts, two or three at a time in any
// order, so that writers meet in every way, and looks whether the sum is the same.
func transfers(t testing.TB, h Harness) {
	const accounts, workers, each, begin = 5, 12, 12, 1000
	s := h.Open(t)
	handle := h.handles(t, s)
	id := func(n int) string { return "p/" + strconv.Itoa(n) }
	for n := range accounts {
		mustPut(t, s, journal.Record{ID: id(n), Body: []byte(strconv.Itoa(begin))})
	}
	var writes atomic.Int64
	together(workers, func(w int) {
		random := rand.New(rand.NewPCG(3, uint64(w)))
		for done, attempts := 0, 0; done < each; attempts++ {
			if !assert.Less(t, attempts, 100*workers*each, "attempts of one worker") {
				return
			}
			picked := random.Perm(accounts)[:2+random.IntN(2)]
			records := make([]journal.Record, len(picked))
			for i, n := range picked {
				r, err := handle(w).Get(t.Context(), id(n))
				if !assert.NoError(t, err) {
					return
				}
				amount, err := strconv.Atoi(string(r.Body))
				if !assert.NoError(t, err) {
					return
				}
				if i == 0 {
					amount -= len(picked) - 1
				} else {
					amount++
				}
				r.Body = []byte(strconv.Itoa(amount))
				records[i] = r
			}
			_, err := putAll(t.Context(), handle(w), records...)
			switch {
			case err == nil:
				done++
				writes.Add(int64(len(picked)))
			case !errors.Is(err, journal.ErrConflict) && !core.Retryable(err): // an engine may give way to a deadlock
				assert.NoError(t, err)
				return
			}
		}
	})
	sum, versions := 0, int64(0)
	for n := range accounts {
		r, err := s.Get(t.Context(), id(n))
		require.NoError(t, err)
		amount, err := strconv.Atoi(string(r.Body))
		require.NoError(t, err)
		sum += amount
		versions += r.Version - 1
	}
	require.Equal(t, accounts*begin, sum, "the sum of all accounts")
	require.Equal(t, writes.Load(), versions, "how often an account was written")
}

// putAllIsSeenWhole reads two records that are always written together: whoever
// saw one sees the other as it is then, or later.
func putAllIsSeenWhole(t testing.TB, h Harness) {
	const writes, readers = 40, 4
	s := h.Open(t)
	handle := h.handles(t, s)
	ids := [2]string{"p/1", "trade/1"}
	var over atomic.Bool
	together(readers+1, func(i int) {
		if i == readers {
			defer over.Store(true)
			for n := range int64(writes) {
				_, err := putAll(t.Context(), handle(0), journal.Record{ID: ids[0], Version: n}, journal.Record{ID: ids[1], Version: n})
				if !assert.NoError(t, err) {
					return
				}
			}
			return
		}
		for !over.Load() {
			var versions [2]int64
			for n := range 2 {
				r, err := handle(i).Get(t.Context(), ids[(i/2+n)%2])
				if err != nil && !assert.ErrorIs(t, err, journal.ErrNotFound) {
					return
				}
				versions[n] = r.Version
			}
			if !assert.GreaterOrEqual(t, versions[1], versions[0], "the version of what is read second") {
				return
			}
		}
	})
}

func putAllRefusals(t testing.TB, h Harness) {
	s := h.Open(t)
	kept := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: []byte("kept")})
	many := make([]journal.Record, journal.MaxPutAll+1)
	for i := range many {
		many[i] = journal.Record{ID: fmt.Sprintf("p/many/%d", i)}
	}
	for what, records := range map[string][]journal.Record{
		"too many":              many,
		"an id twice":           {{ID: "p/2"}, {ID: "p/1", Version: 1}, {ID: "p/2"}},
		"an id twice, in order": {{ID: "p/1", Version: 1}, {ID: "p/1", Version: 2}},
		"a bad id":              {{ID: "p/2"}, {ID: "p 2"}},
		"an empty id":           {{ID: "p/2"}, {}},
		"a negative version":    {{ID: "p/2"}, {ID: "p/1", Version: -1}},
		"a body over the limit": {{ID: "p/2"}, {ID: "p/1", Version: 1, Body: make([]byte, journal.MaxBody+1)}},
	} {
		_, err := putAll(t.Context(), s, records...)
		requireInvalid(t, err, "%s", what)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := putAll(ended, s, journal.Record{ID: "p/2"}, journal.Record{ID: "p/3"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, journal.ErrUnknown, "nothing was begun, so nothing is unknown")
	require.Equal(t, []string{"p/1"}, listed(t, s, "", "", 100), "nothing changed")
	requireStored(t, s, kept)
}

func putAllGreatest(t testing.TB, h Harness) {
	s := h.Open(t)
	var records []journal.Record
	for i := range journal.MaxPutAll {
		body := make([]byte, journal.MaxBody)
		for n := range body {
			body[n] = byte(n + i)
		}
		records = append(records, journal.Record{ID: fmt.Sprintf("p/%02d", i), Due: noon.Add(time.Duration(i) * time.Second), Body: body})
	}
	for range 2 {
		stored, err := putAll(t.Context(), s, records...)
		require.NoError(t, err)
		for i := range records {
			records[i].Version++
		}
		requireAll(t, records, stored, "what putall returns")
		for _, r := range records {
			requireStored(t, s, r)
		}
	}
}

package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

func listed(t testing.TB, s journal.Store, prefix, after string, limit int) []string {
	t.Helper()
	found, err := s.List(t.Context(), prefix, after, limit)
	require.NoError(t, err, "list of prefix %q after %q", prefix, after)
	ids := make([]string, 0, len(found))
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	return ids
}

func listOrderAndLimit(t testing.TB, h Harness) {
	s := h.Open(t)
	require.Empty(t, listed(t, s, "", "", 10), "an empty store")
	ids := []string{"p/1", "p/10", "p/2", "p/a", "r/1", "trade/7"}
	for _, i := range []int{3, 0, 5, 2, 4, 1} { // not in order
		mustPut(t, s, journal.Record{ID: ids[i], Due: noon, Expires: noon, Body: []byte(ids[i])})
	}
	for _, limit := range []int{1, 2, 5, 6, 7, math.MaxInt32} {
		require.Equal(t, ids[:min(limit, 6)], listed(t, s, "", "", limit), "limit %d", limit)
	}
	for _, limit := range []int{0, -1, math.MinInt32} {
		require.Empty(t, listed(t, s, "", "", limit), "limit %d", limit)
	}
	whole, err := s.List(t.Context(), "p/", "", 10)
	require.NoError(t, err)
	require.Len(t, whole, 4)
	for i, r := range whole {
		requireSame(t, journal.Record{ID: ids[i], Version: 1, Due: noon, Expires: noon, Body: []byte(ids[i])}, r, "what list reads")
	}
	require.NoError(t, s.Delete(t.Context(), "p/10", 1))
	require.Equal(t, []string{"p/1", "p/2", "p/a", "r/1", "trade/7"}, listed(t, s, "", "", 10), "after a delete")
}

// listPrefixesAndAfters tries every pair of awkward texts against a plain
// filter: wildcards and quotes of query languages, letter case, the
// neighbours of "/", the ends of the alphabet, bytes that no id may hold.
func listPrefixesAndAfters(t testing.TB, h Harness) {
	s := h.Open(t)
	ids := []string{
		"p", "p!", "p.", "p.1", "p/", "p/!", "p/%", "p/%/x", "p/1", "p/1/2", "p/10", "p/2", "p/P", "p/\\", "p/_", "p/_x", "p/ax", "p/p", "p/p/1", "p/~", "p/~~",
		"p0", "p0/1", "P/1", "P0", "q/1", "o/9", "%", "%1", "_", "_1", "*", "*p", "\\", "\\p", "'", "'p", `"`, `"p"`, "[p]", "(p", "$1", "--", "0", "00", "1", "1.0", "1e0", "!", "~", "~/1", "~~",
		strings.Repeat("~", journal.MaxID), "p/" + strings.Repeat("z", journal.MaxID-2), "NULL",
	}
	slices.Sort(ids)
	for _, id := range ids {
		mustPut(t, s, journal.Record{ID: id})
	}
	texts := append([]string{
		"", "p/1/", "p/p/", "p/~~~", "p~", "/", "0/", "null", "P", strings.Repeat("~", journal.MaxID+1), strings.Repeat("p", 300),
		" ", "p/ ", "\x00", "p/\x00", "p\x00", "p/1\x00", "\x7f", "p/\x7f", "é", "p/é", "\xff", "p/\xff", "p\xff\xff", "\xed\xa0\x80",
	}, ids...)
	for i, prefix := range texts {
		for j, after := range texts {
			// Every pair with one of the two empty, and a part of the rest.
			if i > 0 && j > 0 && (i+j)%97 != 0 {
				continue
			}
			want := []string{}
			for _, id := range ids {
				if strings.HasPrefix(id, prefix) && id > after {
					want = append(want, id)
				}
			}
			require.Equal(t, want, listed(t, s, prefix, after, 1000), "prefix %q after %q", prefix, after)
		}
	}
}

// walk pages through the records under p/ and returns the ids that it saw,
// without those that come and go (their ids hold a "+"). Between two pages it
// calls between with the id that the next page starts after.
func walk(t testing.TB, s journal.Store, between func(after string)) (seen []string, ok bool) {
	const page = 7
	for after := ""; ; between(after) {
		found, err := s.List(t.Context(), "p/", after, page)
		if !assert.NoError(t, err) {
			return nil, false
		}
		if len(found) == 0 {
			return seen, true
		}
		for _, r := range found {
			if !assert.Greater(t, r.ID, after, "ids ascend through a walk") {
				return nil, false
			}
			after = r.ID
			if !strings.Contains(r.ID, "+") {
				seen = append(seen, r.ID)
			}
		}
	}
}

// staying puts n records under p/ and one on either side, and returns the ids
// of the former.
func staying(t testing.TB, s journal.Store, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%03d", i)}).ID
	}
	mustPut(t, s, journal.Record{ID: "o/999"})
	mustPut(t, s, journal.Record{ID: "q/000"})
	return ids
}

// listWalkWhileRecordsMove changes the store between the pages of a walk, on
// both sides of where the walk stands.
func listWalkWhileRecordsMove(t testing.TB, h Harness) {
	s := h.Open(t)
	want := staying(t, s, 30)
	var extra []string
	for n := 0; n < 30; n += 4 { // these go, one between any two pages
		extra = append(extra, mustPut(t, s, journal.Record{ID: fmt.Sprintf("p/%03d+a", n)}).ID)
	}
	seen, ok := walk(t, s, func(after string) {
		if len(extra) > 0 {
			require.NoError(t, s.Delete(t.Context(), extra[0], 1))
			extra = extra[1:]
		}
		if !strings.Contains(after, "+") { // or the walk would never end
			mustPut(t, s, mustPut(t, s, journal.Record{ID: after + "+b"})) // right ahead
		}
		r, err := s.Get(t.Context(), want[len(want)-1]) // and the last is written anew
		require.NoError(t, err)
		mustPut(t, s, r)
	})
	require.True(t, ok)
	require.Equal(t, want, seen, "what was there throughout the walk is seen once")

	// And with records that come up behind it.
	seen, ok = walk(t, s, func(after string) {
		mustPut(t, s, journal.Record{ID: "p/!+" + strings.TrimPrefix(after, "p/")})
	})
	require.True(t, ok)
	require.Equal(t, want, seen, "what was there throughout the walk is seen once")
}

func listWalkAmongWriters(t testing.TB, h Harness) {
	const walks = 3
	s := h.Open(t)
	handle := h.handles(t, s)
	want := staying(t, s, 45)
	var walked atomic.Bool
	together(3, func(i int) {
		s := handle(i)
		switch i {
		case 0:
			defer walked.Store(true)
			for range walks {
				if seen, ok := walk(t, s, func(string) {}); ok {
					assert.Equal(t, want, seen, "what was there throughout a walk is seen once")
				}
			}
		case 1: // records come and go between those that stay
			for n := 0; !walked.Load(); n++ {
				id := fmt.Sprintf("p/%03d+%d", n*7%len(want), n%3)
				r, err := s.Put(t.Context(), journal.Record{ID: id})
				if !assert.NoError(t, err) || !assert.NoError(t, s.Delete(t.Context(), id, r.Version)) {
					return
				}
			}
		case 2: // and those that stay change
			for n := 0; !walked.Load(); n++ {
				r, err := s.Get(t.Context(), want[n*11%len(want)])
				if !assert.NoError(t, err) {
					return
				}
				r.Body = fmt.Append(nil, n)
				if _, err = s.Put(t.Context(), r); !assert.NoError(t, err) {
					return
				}
			}
		}
	})
}

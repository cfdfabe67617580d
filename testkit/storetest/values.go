package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func refusals(t testing.TB, h Harness) {
	s := h.Open(t)
	kept := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: []byte("kept")})

	ids := []string{"", " ", "p 1", "p/1 ", "p/1\n", "p\t1", "p/1\x00", "\x00", "p/\x7f", "p/é", "p/支付", "p/\xff", "p/\xc3", strings.Repeat("x", journal.MaxID+1)}
	for _, id := range ids {
		_, err := s.Put(t.Context(), journal.Record{ID: id, Due: noon})
		requireInvalid(t, err, "put of the id %q", id)
		_, err = s.Get(t.Context(), id)
		requireInvalid(t, err, "get of the id %q", id)
		requireInvalid(t, s.Delete(t.Context(), id, 1), "delete of the id %q", id)
	}
	for what, r := range map[string]journal.Record{
		"a negative version":      {ID: "p/2", Version: -1, Due: noon},
		"a body over the limit":   {ID: "p/2", Due: noon, Body: make([]byte, journal.MaxBody+1)},
		"the same over a record":  {ID: "p/1", Version: 1, Due: noon, Body: make([]byte, journal.MaxBody+1)},
		"a body far over it":      {ID: "p/1", Version: 1, Due: noon, Body: make([]byte, 2<<20)},
		"the least version of it": {ID: "p/1", Version: -1 << 63, Due: noon},
	} {
		_, err := s.Put(t.Context(), r)
		requireInvalid(t, err, "%s", what)
		if len(r.Body) > 0 {
			require.ErrorContains(t, err, strconv.Itoa(len(r.Body)), "it says how long the body is")
			require.ErrorContains(t, err, strconv.Itoa(journal.MaxBody), "and how long it may be")
		}
	}

	require.Equal(t, []string{"p/1"}, listed(t, s, "", "", 100), "nothing changed")
	requireStored(t, s, kept)
	requireDue(t, h, s, noon, "p/1")
}

func requireInvalid(t testing.TB, err error, format string, args ...any) {
	t.Helper()
	require.Error(t, err, append([]any{format}, args...)...)
	require.Equal(t, core.CodeInvalid, core.CodeOf(err), append([]any{format}, args...)...)
}

func acceptedIDs(t testing.TB, h Harness) {
	s := h.Open(t)
	var all []byte
	var ids []string
	for b := byte('!'); b <= '~'; b++ {
		all = append(all, b)
		ids = append(ids, string(b), "p/"+string(b)+"/x")
	}
	for b := byte('!'); b <= '~'; b++ { // the greatest ids differ in their last byte alone
		ids = append(ids, strings.Repeat("x", journal.MaxID-1)+string(b))
	}
	ids = append(ids, string(all), strings.Repeat("~", journal.MaxID), strings.Repeat("a", journal.MaxID-1)+"A", "NULL", "null", "1e3", "1000", "1000.0", "01", "..", "p//1", `p\x00`)
	for i, id := range ids {
		mustPut(t, s, journal.Record{ID: id, Body: []byte{byte(i), byte(i >> 8)}})
	}
	for i, id := range ids {
		got, err := s.Get(t.Context(), id)
		require.NoError(t, err, "get of %q", id)
		requireSame(t, journal.Record{ID: id, Version: 1, Body: []byte{byte(i), byte(i >> 8)}}, got, "what get reads")
	}
	slices.Sort(ids)
	require.Equal(t, ids, listed(t, s, "", "", 1000), "bytewise order")
	for _, id := range ids {
		require.NoError(t, s.Delete(t.Context(), id, 1), "delete of %q", id)
		_, err := s.Get(t.Context(), id)
		require.ErrorIs(t, err, journal.ErrNotFound, "get of %q", id)
	}
	require.Empty(t, listed(t, s, "", "", 1000))
}

func times(t testing.TB, h Harness) {
	s := h.Open(t)
	zone := time.FixedZone("elsewhere", 8*3600)
	for _, at := range []time.Time{
		noon,
		noon.Add(1499 * time.Microsecond), // cut, not rounded
		noon.Add(time.Second - time.Nanosecond),
		noon.In(zone),
		time.UnixMilli(0),
		time.UnixMilli(1),
		time.UnixMilli(-1),
		time.Unix(0, -1), // cutting goes back in time before 1970 too
		time.Date(1969, 7, 20, 20, 17, 40, 123456789, time.UTC),
		time.Date(1582, 10, 4, 0, 0, 0, 0, time.UTC),
		time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, zone),
	} {
		for _, r := range []journal.Record{
			{ID: "p/due", Due: at},
			{ID: "p/expires", Expires: at},
			{ID: "p/both", Due: at, Expires: at.Add(time.Hour)},
		} {
			want := r
			want.Version = 1
			requireSame(t, want, mustPut(t, s, r), "what put returns")
			requireStored(t, s, want)
			got, err := s.Put(t.Context(), journal.Record{ID: r.ID})
			require.ErrorIs(t, err, journal.ErrConflict)
			requireSame(t, want, got, "what a losing put returns")
			if h.DueLag == 0 && !r.Due.IsZero() {
				found, err := s.Due(t.Context(), at, 1)
				require.NoError(t, err)
				require.Len(t, found, 1, "due at %s", at)
				requireSame(t, want, found[0], "what due reads")
			}
			require.NoError(t, s.Delete(t.Context(), r.ID, 1))
		}
	}
}

func bodies(t testing.TB, h Harness) {
	s := h.Open(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	greatest := make([]byte, journal.MaxBody)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range greatest {
		greatest[i] = byte(random.Uint32())
	}
	r := journal.Record{ID: "p/1"}
	for _, body := range [][]byte{
		[]byte("plain"), nil, {}, {0}, []byte("a\x00b"), []byte("ends in NUL\x00"), []byte(" kept \r\n\t "), every, []byte("\xff\xfe\xed\xa0\x80"), []byte("null"), []byte("支付"), []byte("'; DROP TABLE records; --"),
		greatest, bytes.Repeat([]byte{0}, journal.MaxBody), greatest[:journal.MaxBody-1],
	} {
		r.Body = body
		stored := mustPut(t, s, r)
		r.Version = stored.Version
		requireSame(t, r, stored, "what put returns")
		requireStored(t, s, r)
		got, err := s.Put(t.Context(), journal.Record{ID: r.ID})
		require.ErrorIs(t, err, journal.ErrConflict)
		requireSame(t, r, got, "what a losing put returns")
	}
	// Created with each of the two empty bodies, too.
	requireStored(t, s, mustPut(t, s, journal.Record{ID: "p/nil"}))
	requireStored(t, s, mustPut(t, s, journal.Record{ID: "p/empty", Body: []byte{}}))
}

// manyGreatBodies reads more at once than engines like to answer with.
func manyGreatBodies(t testing.TB, h Harness) {
	const records = 24
	s := h.Open(t)
	random := rand.New(rand.NewPCG(3, 4))
	want := make([]journal.Record, records)
	ids := make([]string, records)
	for i := range want {
		want[i] = journal.Record{ID: fmt.Sprintf("p/%02d", i), Due: noon.Add(time.Duration(i) * time.Second), Body: make([]byte, journal.MaxBody)}
		for at := 0; at < journal.MaxBody; at += 64 {
			want[i].Body[at] = byte(random.Uint32())
		}
		want[i] = mustPut(t, s, want[i])
		ids[i] = want[i].ID
	}
	require.Equal(t, ids[:20], listed(t, s, "p/", "", 20))
	found, err := s.List(t.Context(), "p/", "", records+1)
	require.NoError(t, err)
	require.Len(t, found, records)
	for i, r := range found {
		requireSame(t, want[i], r, "what list reads")
	}
	requireDue(t, h, s, noon.Add(time.Hour), ids...)
	found, err = s.Due(t.Context(), noon.Add(time.Hour), records+1)
	require.NoError(t, err)
	for _, r := range found {
		requireSame(t, want[slices.Index(ids, r.ID)], r, "what due reads")
	}
}

func noAliasing(t testing.TB, h Harness) {
	s := h.Open(t)
	ctx := t.Context()
	spoil := func(body []byte) {
		for i := range body[:cap(body)] {
			body[:cap(body)][i] = 'X'
		}
	}
	want := journal.Record{ID: "p/1", Version: 1, Due: noon, Body: []byte("a body")}
	mine := []byte("a body, and room behind it")[:6]
	stored := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: mine})
	spoil(mine)
	requireSame(t, want, stored, "what put returned, after the argument was overwritten")
	requireStored(t, s, want)

	spoil(stored.Body)
	requireStored(t, s, want)

	got, err := s.Get(ctx, "p/1")
	require.NoError(t, err)
	spoil(got.Body)
	requireStored(t, s, want)

	lost, err := s.Put(ctx, journal.Record{ID: "p/1"})
	require.ErrorIs(t, err, journal.ErrConflict)
	spoil(lost.Body)
	requireStored(t, s, want)

	list, err := s.List(ctx, "", "", 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
	spoil(list[0].Body)
	requireStored(t, s, want)

	due, err := s.Due(ctx, noon, 1)
	require.NoError(t, err)
	for _, r := range due {
		spoil(r.Body)
	}
	requireStored(t, s, want)
}

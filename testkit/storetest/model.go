package storetest

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// model is the contract in its plainest form: a map, walked and sorted anew
// for every question.
type model map[string]journal.Record

func (m model) put(r journal.Record) (journal.Record, error) {
	old := m[r.ID]
	if old.Version != r.Version {
		return old, journal.ErrConflict
	}
	r.Version++
	m[r.ID] = r
	return r, nil
}

func (m model) delete(id string, version int64) error {
	switch old, ok := m[id]; {
	case !ok:
		return journal.ErrNotFound
	case old.Version != version:
		return journal.ErrConflict
	}
	delete(m, id)
	return nil
}

func (m model) due(before time.Time) []string {
	var found []journal.Record
	for _, r := range m {
		if !r.Due.IsZero() && !r.Due.After(before) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b journal.Record) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.ID, b.ID)) })
	ids := make([]string, 0, len(found))
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	return ids
}

func (m model) list(prefix, after string, limit int) []string {
	ids := make([]string, 0, len(m))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(id, prefix) && id > after && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids
}

// agreesWithModel runs random operations on the store and on the model, and
// compares every answer. Each id has its own place in time, so that Due has
// one right order.
func agreesWithModel(t testing.TB, h Harness) {
	const steps = 250
	s, m := h.Open(t), model{}
	ids := []string{"p", "p/", "p/1", "p/10", "p/2", "p0", "P/1", "q%", "q_", "~"}
	places := append([]string{"", "o", "p/1/", "q"}, ids...)
	random := rand.New(rand.NewPCG(20260801, 12))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	version := func(id string) int64 {
		if random.IntN(4) == 0 {
			return m[id].Version + random.Int64N(3) - 1 // right, or off by one
		}
		return m[id].Version
	}
	for step := range steps {
		id := pick(ids)
		switch random.IntN(8) {
		default:
			r := journal.Record{ID: id, Version: max(0, version(id)), Body: make([]byte, random.IntN(64))}
			for i := range r.Body {
				r.Body[i] = byte(random.Uint32())
			}
			if random.IntN(3) > 0 {
				r.Due = noon.Add(time.Duration(random.IntN(100)*1000+slices.Index(ids, id)) * time.Millisecond)
			}
			want, wantErr := m.put(r)
			got, err := s.Put(t.Context(), r)
			require.ErrorIs(t, err, wantErr, "step %d: put of %q at version %d", step, id, r.Version)
			requireSame(t, want, got, "what put returns")
		case 0:
			at := version(id)
			want := m.delete(id, at)
			require.ErrorIs(t, s.Delete(t.Context(), id, at), want, "step %d: delete of %q at version %d", step, id, at)
		case 1:
			if want, ok := m[id]; ok {
				requireStored(t, s, want)
			} else {
				requireAbsent(t, s, id)
			}
		case 2:
			prefix, after, limit := pick(places), pick(places), random.IntN(len(ids)+2)
			require.Equal(t, m.list(prefix, after, limit), listed(t, s, prefix, after, limit), "step %d: list of prefix %q after %q, limit %d", step, prefix, after, limit)
		case 3:
			if h.DueLag == 0 {
				before := noon.Add(time.Duration(random.IntN(100)) * time.Second)
				requireDue(t, h, s, before, m.due(before)...)
			}
		}
	}
	require.Equal(t, m.list("", "", steps), listed(t, s, "", "", steps), "at the end")
	for _, r := range m {
		requireStored(t, s, r)
	}
	requireDue(t, h, s, noon.Add(time.Hour), m.due(noon.Add(time.Hour))...)
}

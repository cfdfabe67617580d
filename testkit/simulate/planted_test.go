package simulate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/simulate"
)

// blindPut writes whatever version it is told: the last writer wins.
type blindPut struct{ journal.Store }

func (s blindPut) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.Store.Put(ctx, r)
	for errors.Is(err, journal.ErrConflict) {
		r.Version = stored.Version
		stored, err = s.Store.Put(ctx, r)
	}
	return stored, err
}

// dirtyRead shows what is not committed yet, as a group commit does that
// publishes before it syncs.
type dirtyRead struct {
	journal.Store
	pending map[string]journal.Record
}

func (s dirtyRead) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	early := r
	early.Version++
	s.pending[r.ID] = early
	defer delete(s.pending, r.ID)
	return s.Store.Put(ctx, r)
}

func (s dirtyRead) Get(ctx context.Context, id string) (journal.Record, error) {
	if r, ok := s.pending[id]; ok {
		return r, nil
	}
	return s.Store.Get(ctx, id)
}

// earlyAnswer answers a Put before it is committed, and commits it with the
// next call.
type earlyAnswer struct {
	journal.Store
	behind *journal.Record
}

func (s *earlyAnswer) flush(ctx context.Context) {
	if r := s.behind; r != nil {
		s.behind = nil
		_, _ = s.Store.Put(ctx, *r)
	}
}

func (s *earlyAnswer) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	s.flush(ctx)
	now, err := s.Store.Get(ctx, r.ID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return journal.Record{}, err
	}
	if now.Version != r.Version {
		return now, journal.ErrConflict
	}
	behind := r
	s.behind = &behind
	r.Version++
	return r, nil
}

func (s *earlyAnswer) Get(ctx context.Context, id string) (journal.Record, error) {
	s.flush(ctx)
	return s.Store.Get(ctx, id)
}

// Bugs of a store, planted by wrappers, are found by what they do to a sale.
func TestPlantedBugsOfAStoreAreCaught(t *testing.T) {
	for _, bug := range []struct {
		name  string
		store func(journal.Store) journal.Store
	}{
		{"blind put", func(s journal.Store) journal.Store { return blindPut{s} }},
		{"dirty read", func(s journal.Store) journal.Store { return dirtyRead{s, map[string]journal.Record{}} }},
		{"acknowledge before commit", func(s journal.Store) journal.Store { return &earlyAnswer{Store: s} }},
	} {
		t.Run(bug.name, func(t *testing.T) {
			cfg := simulate.Config{Scenario: simulate.Sale, Store: bug.store}
			_, err := simulate.Explore(t.Context(), cfg, simulate.Bound{Faults: 1, Preemptions: 2})
			var found *simulate.Failure
			require.ErrorAs(t, err, &found)
			t.Log(found)
			again := simulate.Replay(cfg, found.Choices)
			var same *simulate.Failure
			require.ErrorAs(t, again, &same)
			assert.Equal(t, found.Invariant, same.Invariant)
			assert.Equal(t, found.Schedule, same.Schedule)

			_, err = simulate.Random(t.Context(), cfg, 1, 20_000)
			require.ErrorAs(t, err, &found)
			t.Logf("caught by seed %d: %s", found.Seed, found.Invariant)
		})
	}
}

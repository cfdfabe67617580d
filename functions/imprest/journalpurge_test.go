package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// busyStore is a journal that others write into: a record whose id says so changes,
// or is removed, or cannot be removed, just before it is.
type busyStore struct{ *journal.Memory }

var errDisk = errors.New("the disk is full")

func (s busyStore) Delete(ctx context.Context, id string, version int64) error {
	switch {
	case strings.HasSuffix(id, "changed"):
		if _, err := s.Put(ctx, journal.Record{ID: id, Version: version}); err != nil {
			return err
		}
	case strings.HasSuffix(id, "gone"):
		if err := s.Memory.Delete(ctx, id, version); err != nil {
			return err
		}
	case strings.HasSuffix(id, "stuck"):
		return errDisk
	}
	return s.Memory.Delete(ctx, id, version)
}

func TestPurgeRemovesWhatHasExpiredAndNothingElse(t *testing.T) {
	store := busyStore{journal.NewMemory()}
	now := time.Now()
	old, later := now.Add(-time.Second), now.Add(time.Minute)
	put := func(id string, expires time.Time) {
		t.Helper()
		_, err := store.Put(t.Context(), journal.Record{ID: id, Due: expires, Expires: expires})
		require.NoError(t, err)
	}
	const many = 2*walkPage + 7
	for n := range many {
		put(fmt.Sprintf("r/%05d", n), old)
	}
	put("r/changed", old)
	put("r/gone", old)
	put("r/stuck", old)
	put("r/later", later)
	put("r/never", time.Time{})
	put("p/old", old) // no program makes one: a purchase has no end
	p := &program{stdout: io.Discard, stderr: io.Discard, now: func() time.Time { return now }}
	done := &purged{Kinds: map[string]int{}}
	require.NoError(t, p.purge(t.Context(), store, "", done))
	assert.Equal(t, []int{many + 6, many + 3, many, 2, 1}, []int{done.Seen, done.Expired, done.Removed, done.Kept, done.Failed})
	assert.ErrorIs(t, done.first, errDisk)
	assert.Equal(t, map[string]int{"r/": many + 3}, done.Kinds)
	left, err := store.List(t.Context(), "", "", 100)
	require.NoError(t, err)
	var ids []string
	for _, r := range left {
		ids = append(ids, r.ID)
	}
	assert.Equal(t, []string{"p/old", "r/changed", "r/later", "r/never", "r/stuck"}, ids)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, p.purge(ctx, store, "", &purged{Kinds: map[string]int{}}), context.Canceled)
}

// Who counts while others write sees once what is there throughout.
func TestStatsOfALiveJournal(t *testing.T) {
	store := journal.NewMemory()
	const many = 3 * walkPage
	for n := range many {
		_, err := store.Put(t.Context(), journal.Record{ID: fmt.Sprintf("r/%05d", 2*n)})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ctx.Err() == nil; n = (n + 1) % many {
			id := fmt.Sprintf("q/%05d", n)
			r, err := store.Put(context.Background(), journal.Record{ID: id})
			if err == nil {
				_ = store.Delete(context.Background(), id, r.Version)
			}
			if r, err := store.Get(context.Background(), fmt.Sprintf("r/%05d", 2*n)); err == nil {
				_, _ = store.Put(context.Background(), r)
			}
		}
	}()
	p := &program{stdout: io.Discard, stderr: io.Discard, now: time.Now}
	for range 20 {
		found, err := p.countJournal(t.Context(), store, 1)
		assert.NoError(t, err)
		assert.Equal(t, many, found.Kinds["r/"].Records)
	}
	cancel()
	<-stopped
}

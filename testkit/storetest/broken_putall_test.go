package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/imprest-go/imprest/core/journal"
)

// oneByOne puts one record after the other, until one fails.
func oneByOne(ctx context.Context, s journal.Store, records []journal.Record) (stored []journal.Record, err error) {
	for _, r := range records {
		r, err = s.Put(ctx, r)
		if stored = append(stored, r); err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// look is what is stored for each.
func look(s journal.Store, records []journal.Record) []journal.Record {
	stored := make([]journal.Record, len(records))
	for i, r := range records {
		stored[i], _ = s.Get(context.Background(), r.ID)
	}
	return stored
}

// putAllBy breaks what a putall does that is not refused.
func putAllBy(do func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error)) func(*hooked, journal.Store) {
	return func(h *hooked, s journal.Store) {
		h.putAll = func(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
			if journal.CheckAll(records) != nil || ctx.Err() != nil {
				return journal.PutAll(ctx, s, records...)
			}
			return do(ctx, s, records)
		}
	}
}

// brokenPutAlls are stores whose PutAll is none, in the ways in which drivers
// fail at it: a transaction that is missing, or ends too early.
var brokenPutAlls = []broken{
	{name: "putall puts one after the other", rules: []int{14, 15}, spoil: putAllBy(oneByOne)},
	{name: "putall looks at all, then puts one after the other", caught: []string{"no reader sees a part"}, rules: []int{14}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		for i, old := range look(s, records) {
			if old.Version != records[i].Version {
				return look(s, records), journal.ErrConflict
			}
			runtime.Gosched()
		}
		return oneByOne(ctx, s, records)
	})},
	{name: "putall skips who loses", rules: []int{14}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		var lost error
		for _, r := range records {
			if _, err := s.Put(ctx, r); err != nil {
				lost = err
			}
		}
		return look(s, records), lost
	})},
	{name: "putall undoes what it has put", rules: []int{14}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		before := look(s, records)
		stored, err := oneByOne(ctx, s, records)
		if err == nil {
			return stored, nil
		}
		for i := range stored[:len(stored)-1] {
			if before[i].Version == 0 {
				_ = s.Delete(ctx, records[i].ID, 1)
			} else {
				_, _ = overwrite(s, before[i])
			}
		}
		return look(s, records), err
	})},
	{name: "putall returns them in the order of ids", rules: []int{13}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		stored, err := journal.PutAll(ctx, s, records...)
		slices.SortFunc(stored, func(a, b journal.Record) int {
			return len(a.ID) - len(b.ID) + int(a.ID[len(a.ID)-1]) - int(b.ID[len(b.ID)-1])
		})
		return stored, err
	})},
	{name: "a putall that lost returns the first loser alone", rules: []int{14}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		stored, err := journal.PutAll(ctx, s, records...)
		for i := range stored {
			if err != nil && stored[i].Version != records[i].Version {
				return stored[i : i+1], err
			}
		}
		return stored, err
	})},
	{name: "putall takes an id twice", rules: []int{16}, spoil: func(h *hooked, s journal.Store) {
		h.putAll = func(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
			if len(records) == 2 && records[0].ID == records[1].ID {
				return oneByOne(ctx, s, records)
			}
			return journal.PutAll(ctx, s, records...)
		}
	}},
	{name: "putall keeps the caller's memory", caught: []string{"putall shares no memory"}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		stored, err := journal.PutAll(ctx, s, records...)
		for i := range stored {
			if err == nil {
				stored[i].Body = records[i].Body
			}
		}
		return stored, err
	})},
	{name: "an unknown putall has written a part", caught: []string{"a putall that was cut short is whole, or nothing"}, spoil: putAllBy(func(ctx context.Context, s journal.Store, records []journal.Record) ([]journal.Record, error) {
		if _, has := ctx.Deadline(); has {
			_, _ = oneByOne(context.Background(), s, records[:2])
			return nil, fmt.Errorf("%w: %w", journal.ErrUnknown, context.DeadlineExceeded)
		}
		return journal.PutAll(ctx, s, records...)
	})},
	{name: "a cut putall is half there", caught: []string{"a putall whose connection was cut is whole, or nothing"}, through: func(h *hooked, s journal.Store, cut func() Cut) {
		h.putAll = func(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
			if cut() != 0 {
				_, _ = s.Put(ctx, records[0])
				return nil, fmt.Errorf("%w: EOF", journal.ErrUnknown)
			}
			return journal.PutAll(ctx, s, records...)
		}
	}},
	{name: "a crash breaks a putall off", caught: []string{"a crash leaves a putall whole, or nothing"}, crash: func(testing.TB) (journal.Store, func() journal.Store) {
		sound := journal.NewMemory()
		var mu sync.Mutex
		dead := false
		h := &hooked{Store: sound}
		h.putAll = func(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
			var stored []journal.Record
			for _, r := range records {
				mu.Lock()
				over := dead
				if !over {
					r, _ = sound.Put(ctx, r)
				}
				mu.Unlock()
				if over {
					return nil, journal.ErrUnknown
				}
				stored = append(stored, r)
				runtime.Gosched()
			}
			return stored, nil
		}
		return h, func() journal.Store {
			mu.Lock()
			defer mu.Unlock()
			dead = true
			return sound
		}
	}},
}

// A store that says that it has no PutAll must have none, or nobody tests it.
func TestALackOfPutAllIsTrue(t *testing.T) {
	for _, has := range []bool{true, false} {
		var s journal.Store = journal.NewMemory()
		if !has {
			s = struct{ journal.Store }{s}
		}
		_, err := journal.PutAll(t.Context(), Faulty(s, nil))
		if errors.Is(err, errors.ErrUnsupported) == has {
			t.Errorf("behind a proxy, has PutAll: %t: %v", has, err)
		}
	}
	Run(t, Harness{
		Open:  func(testing.TB) journal.Store { return struct{ journal.Store }{journal.NewMemory()} },
		Lacks: map[string]string{"Reopen": "in memory", "Crash": "in memory", "Through": "in memory", "PutAll": "as engines do that write one record at a time"},
	})
}

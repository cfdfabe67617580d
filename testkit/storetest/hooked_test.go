package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

// hooked is a sound store of which a test replaces methods. What is nil is the
// sound one's.
type hooked struct {
	journal.Store
	put    func(context.Context, journal.Record) (journal.Record, error)
	putAll func(context.Context, ...journal.Record) ([]journal.Record, error)
	get    func(context.Context, string) (journal.Record, error)
	delete func(context.Context, string, int64) error
	due    func(context.Context, time.Time, int) ([]journal.Record, error)
	list   func(context.Context, string, string, int) ([]journal.Record, error)
}

func (h *hooked) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if h.put != nil {
		return h.put(ctx, r)
	}
	return h.Store.Put(ctx, r)
}

func (h *hooked) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if h.putAll != nil {
		return h.putAll(ctx, records...)
	}
	return journal.PutAll(ctx, h.Store, records...)
}

func (h *hooked) Get(ctx context.Context, id string) (journal.Record, error) {
	if h.get != nil {
		return h.get(ctx, id)
	}
	return h.Store.Get(ctx, id)
}

func (h *hooked) Delete(ctx context.Context, id string, version int64) error {
	if h.delete != nil {
		return h.delete(ctx, id, version)
	}
	return h.Store.Delete(ctx, id, version)
}

func (h *hooked) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	if h.due != nil {
		return h.due(ctx, before, limit)
	}
	return h.Store.Due(ctx, before, limit)
}

func (h *hooked) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	if h.list != nil {
		return h.list(ctx, prefix, after, limit)
	}
	return h.Store.List(ctx, prefix, after, limit)
}

// broken is a store that breaks rules, and the rules whose cases must tell, or
// the very cases that must.
type broken struct {
	name   string
	rules  []int
	caught []string
	spoil  func(h *hooked, sound journal.Store)
	reopen func(testing.TB, journal.Store) journal.Store
	share  func(testing.TB, journal.Store) journal.Store
	// crash and through are Harness's, of a store that is sound until then.
	crash   func(testing.TB) (journal.Store, func() journal.Store)
	through func(h *hooked, sound journal.Store, cut func() Cut)
}

func (b broken) harness() Harness {
	h := Harness{
		Open: func(testing.TB) journal.Store {
			sound := journal.NewMemory()
			h := &hooked{Store: sound}
			if b.spoil != nil {
				b.spoil(h, sound)
			}
			return h
		},
		Reopen: b.reopen,
		Share:  b.share,
		Crash:  b.crash,
	}
	if b.through != nil {
		h.Through = func(t testing.TB, s journal.Store) (journal.Store, *Link) {
			link := NewLink(t, "127.0.0.1:1") // it is armed, and carries nothing
			h := &hooked{Store: s}
			b.through(h, s, link.take)
			return h, link
		}
	}
	return h
}

// everything returns all records of a store, for hooks that walk it.
func everything(s journal.Store) []journal.Record {
	all, _ := s.List(context.Background(), "", "", 1<<20)
	return all
}

// overwrite puts r whatever is stored.
func overwrite(s journal.Store, r journal.Record) (journal.Record, error) {
	for {
		old, _ := s.Get(context.Background(), r.ID)
		r.Version = old.Version
		stored, err := s.Put(context.Background(), r)
		if !errors.Is(err, journal.ErrConflict) {
			return stored, err
		}
	}
}

// putting breaks a store by what it does to the record on its way in.
func putting(change func(*journal.Record)) func(*hooked, journal.Store) {
	return func(h *hooked, s journal.Store) {
		h.put = func(ctx context.Context, r journal.Record) (journal.Record, error) {
			if r.Check() == nil {
				change(&r)
			}
			return s.Put(ctx, r)
		}
	}
}

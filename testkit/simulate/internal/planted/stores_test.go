package planted_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

// The stores here each break one rule of journal.Store. One is made for every
// start of a process, on the journal that all share, so what a store keeps in
// its own memory dies with its process.

// blindPut writes whatever the version is.
type blindPut struct{ journal.Store }

func (s blindPut) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	for {
		stored, err := s.Store.Put(ctx, r)
		if !errors.Is(err, journal.ErrConflict) {
			return stored, err
		}
		r.Version = stored.Version
	}
}

// forgottenVersions writes every record blindly once after it was opened: its
// versions were kept in memory.
type forgottenVersions struct {
	journal.Store
	known map[string]bool
}

func (s forgottenVersions) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.Store.Put(ctx, r)
	if errors.Is(err, journal.ErrConflict) && !s.known[r.ID] {
		r.Version = stored.Version
		stored, err = s.Store.Put(ctx, r)
	}
	s.known[r.ID] = true
	return stored, err
}

// dirtyRead shows a write before it is durable. A crash then takes it back.
type dirtyRead struct {
	journal.Store
	under map[string]journal.Record
}

func (s dirtyRead) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	shown := r
	shown.Version++
	shown.Body = slices.Clone(r.Body)
	s.under[r.ID] = shown
	defer delete(s.under, r.ID)
	return s.Store.Put(ctx, r)
}

func (s dirtyRead) Get(ctx context.Context, id string) (journal.Record, error) {
	if r, ok := s.under[id]; ok {
		r.Body = slices.Clone(r.Body)
		return r, nil
	}
	return s.Store.Get(ctx, id)
}

// writeBehind says that a write is durable when it is only in its buffer, and
// writes it before the next one.
type writeBehind struct {
	journal.Store
	buffer *[]journal.Record
}

func (s writeBehind) flush(ctx context.Context) {
	for len(*s.buffer) > 0 {
		r := (*s.buffer)[0]
		*s.buffer = (*s.buffer)[1:]
		_, _ = s.Store.Put(ctx, r)
	}
}

func (s writeBehind) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	s.flush(ctx)
	stored, err := s.Store.Get(ctx, r.ID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return journal.Record{}, err
	}
	if stored.Version != r.Version {
		return stored, journal.ErrConflict
	}
	r.Body = slices.Clone(r.Body)
	*s.buffer = append(*s.buffer, r)
	r.Version++
	r.Body = slices.Clone(r.Body)
	return r, nil
}

func (s writeBehind) Get(ctx context.Context, id string) (journal.Record, error) {
	for _, r := range *s.buffer {
		if r.ID == id {
			r.Version++
			r.Body = slices.Clone(r.Body)
			return r, nil
		}
	}
	return s.Store.Get(ctx, id)
}

func (s writeBehind) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	s.flush(ctx)
	return s.Store.Due(ctx, before, limit)
}

// ownConflict tries again after a write whose outcome is unknown, and takes
// the trace of its own write for somebody else's.
type ownConflict struct{ journal.Store }

func (s ownConflict) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.Store.Put(ctx, r)
	if errors.Is(err, journal.ErrUnknown) {
		stored, err = s.Store.Put(ctx, r)
	}
	if errors.Is(err, journal.ErrConflict) {
		return journal.Record{}, journal.ErrConflict // and nothing of what stands there
	}
	return stored, err
}

// unknownIsDone takes a write whose outcome is unknown for one that was
// applied.
type unknownIsDone struct{ journal.Store }

func (s unknownIsDone) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.Store.Put(ctx, r)
	if errors.Is(err, journal.ErrUnknown) {
		r.Version++
		return r, nil
	}
	return stored, err
}

// splitsLast writes what belongs together one after the other, the last first: a
// claim comes after the purchase that rests on it.
type splitsLast struct{ journal.Store }

func (s splitsLast) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	stored := make([]journal.Record, len(records))
	for i, r := range slices.Backward(records) {
		var err error
		if stored[i], err = s.Put(ctx, r); err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// losesOne answers for several records, and writes all but the first.
type losesOne struct{ journal.Store }

func (s losesOne) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if len(records) == 0 {
		return nil, nil
	}
	written, err := journal.PutAll(ctx, s.Store, records[1:]...)
	first := records[0]
	first.Version++
	return append([]journal.Record{first}, written...), err
}

// forgetfulDue shows a record that is due once, and never again.
type forgetfulDue struct {
	journal.Store
	shown map[string]bool
}

func (s forgetfulDue) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	found, err := s.Store.Due(ctx, before, limit)
	found = slices.DeleteFunc(found, func(r journal.Record) bool { return s.shown[r.ID] })
	for _, r := range found {
		s.shown[r.ID] = true
	}
	return found, err
}

// staleConflict reads a record at most once and answers from memory after
// that: what another process wrote is never seen.
type staleRead struct {
	journal.Store
	read map[string]journal.Record
}

func (s staleRead) Get(ctx context.Context, id string) (journal.Record, error) {
	if r, ok := s.read[id]; ok {
		r.Body = slices.Clone(r.Body)
		return r, nil
	}
	r, err := s.Store.Get(ctx, id)
	if err == nil {
		kept := r
		kept.Body = slices.Clone(r.Body)
		s.read[id] = kept
	}
	return r, err
}

func (s staleRead) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.Store.Put(ctx, r)
	if err == nil {
		kept := stored
		kept.Body = slices.Clone(stored.Body)
		s.read[r.ID] = kept
	}
	return stored, err
}

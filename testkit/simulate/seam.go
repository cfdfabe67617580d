package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

// seam is the disk as a process sees it: every call is a choice point.
type seam struct{ w *World }

var (
	errStore error = &core.Error{Op: "simulate", Code: core.CodeUnreached, Err: errors.New("the journal is out of reach")}
	errOver  error = &core.Error{Op: "simulate", Code: core.CodeUnreached, Err: context.DeadlineExceeded}
)

func (s *seam) Put(ctx context.Context, r journal.Record) (stored journal.Record, err error) {
	if err := r.Check(); err != nil {
		return journal.Record{}, err
	}
	if ctx.Err() != nil {
		return journal.Record{}, errOver
	}
	w := s.w
	if id, ok := strings.CutPrefix(r.ID, purchase.Prefix); ok {
		w.current.sale = id
	}
	what := "put"
	if w.tracing {
		what = strings.TrimSpace("put " + stateOf(r.Body))
	}
	err = w.effect(ctx, what, r.ID, onWrite, journal.ErrUnknown, errStore, func() error {
		stored, err = w.commit(r)
		return err
	})
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		return journal.Record{}, err
	}
	w.current.local = mix(w.current.local, mix(content(stored.Body), uint64(stored.Version)))
	return stored, err
}

// apart is the process whose journal writes one record at a time, as that of a
// program before an update does; the other one's writes several at once.
const apart = 1

func (s *seam) PutAll(ctx context.Context, records ...journal.Record) (stored []journal.Record, err error) {
	w := s.w
	switch {
	case w.current.process == apart:
		return nil, errors.ErrUnsupported
	case ctx.Err() != nil:
		return nil, errOver
	}
	if err := journal.CheckAll(records); err != nil || len(records) == 0 {
		return nil, err
	}
	last := records[len(records)-1]
	what := "put all"
	if w.tracing {
		what = strings.TrimSpace("put all " + stateOf(last.Body))
	}
	err = w.effect(ctx, what, last.ID, onWrite, journal.ErrUnknown, errStore, func() error {
		stored, err = w.commitAll(records)
		return err
	})
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		return nil, err
	}
	for _, r := range stored {
		w.current.local = mix(w.current.local, mix(content(r.Body), uint64(r.Version)))
	}
	return stored, err
}

func (s *seam) Get(ctx context.Context, id string) (r journal.Record, err error) {
	if err := journal.CheckID(id); err != nil {
		return journal.Record{}, err
	}
	if ctx.Err() != nil {
		return journal.Record{}, errOver
	}
	w := s.w
	err = w.effect(ctx, "get", id, onRead, errStore, errStore, func() error {
		r, err = w.disk.get(id)
		return err
	})
	if err == nil {
		w.current.local = mix(w.current.local, w.disk.records[id].sum)
		w.remember(id, w.disk.records[id].sum)
	}
	return r, err
}

func (s *seam) Delete(ctx context.Context, id string, version int64) error {
	if err := journal.CheckID(id); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errOver
	}
	return s.w.effect(ctx, "delete", id, onWrite, journal.ErrUnknown, errStore, func() error {
		if strings.HasPrefix(id, purchase.Prefix) {
			s.w.fail("nothing is lost", "a purchase was deleted")
		}
		return s.w.disk.remove(id, version)
	})
}

func (s *seam) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	if ctx.Err() != nil {
		return nil, errOver
	}
	w := s.w
	a := w.current
	f := w.at(ctx, onDue)
	var found []journal.Record
	var err error
	switch f {
	case failed, requestLost:
		err = errStore
	case lagging:
	case stale:
		for _, r := range w.disk.list(purchase.Prefix, "", limit) {
			r.Due = before
			found = append(found, r)
		}
	default:
		found = w.disk.due(before, limit)
		if f == shuffled {
			slices.Reverse(found)
		}
	}
	for _, r := range found {
		a.local = mix(a.local, mix(text(r.ID), uint64(r.Version)))
	}
	if w.tracing {
		w.note(a, "due", strings.Join(idsOf(found), ", "), strings.TrimSpace(f.String()+" "+outcome(err)))
	}
	return found, err
}

func (s *seam) List(ctx context.Context, prefix, after string, limit int) (found []journal.Record, err error) {
	if ctx.Err() != nil {
		return nil, errOver
	}
	w := s.w
	err = w.effect(ctx, "list", prefix, onRead, errStore, errStore, func() error {
		found = w.disk.list(prefix, after, limit)
		return nil
	})
	for _, r := range found {
		w.current.local = mix(w.current.local, w.disk.records[r.ID].sum)
		w.remember(r.ID, w.disk.records[r.ID].sum)
	}
	return found, err
}

// remember notes what a process may keep in memory of the stock of codes.
func (w *World) remember(id string, sum uint64) {
	if a := w.current; a.process >= 0 && strings.HasPrefix(id, "codes/") {
		p := w.processes[a.process]
		p.memory = mix(p.memory, sum)
	}
}

func idsOf(records []journal.Record) []string {
	var ids []string
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

// stateOf is the first "state" of a record's body, or "".
func stateOf(body []byte) string {
	var v struct {
		State string `json:"state"`
	}
	_ = json.Unmarshal(body, &v)
	return v.State
}

// opaqueStore stands before a store of others: what that keeps in memory follows
// from the calls that it got and the answers that it gave, in their order.
type opaqueStore struct {
	w     *World
	inner journal.Store
}

func (s *opaqueStore) touch(what, id string, n int64, body []byte, err error) {
	w := s.w
	w.opaque = mix(w.opaque, mix(mix(text(what), text(id)), mix(uint64(n), raw(body))))
	w.opaque = mix(w.opaque, mix(text(string(core.CodeOf(err))), uint64(w.current.index)))
	w.current.local = mix(w.current.local, mix(uint64(n), raw(body)))
}

func (s *opaqueStore) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	s.touch("put", r.ID, r.Version, r.Body, nil)
	stored, err := s.inner.Put(ctx, r)
	s.touch("put", r.ID, stored.Version, stored.Body, err)
	return stored, err
}

func (s *opaqueStore) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	for _, r := range records {
		s.touch("put all", r.ID, r.Version, r.Body, nil)
	}
	stored, err := journal.PutAll(ctx, s.inner, records...)
	for _, r := range stored {
		s.touch("put all", r.ID, r.Version, r.Body, err)
	}
	return stored, err
}

func (s *opaqueStore) Get(ctx context.Context, id string) (journal.Record, error) {
	s.touch("get", id, 0, nil, nil)
	r, err := s.inner.Get(ctx, id)
	s.touch("get", id, r.Version, r.Body, err)
	return r, err
}

func (s *opaqueStore) Delete(ctx context.Context, id string, version int64) error {
	s.touch("delete", id, version, nil, nil)
	err := s.inner.Delete(ctx, id, version)
	s.touch("delete", id, version, nil, err)
	return err
}

func (s *opaqueStore) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	found, err := s.inner.Due(ctx, before, limit)
	for _, r := range found {
		s.touch("due", r.ID, r.Version, nil, err)
	}
	return found, err
}

func (s *opaqueStore) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	found, err := s.inner.List(ctx, prefix, after, limit)
	for _, r := range found {
		s.touch("list", r.ID, r.Version, r.Body, err)
	}
	return found, err
}

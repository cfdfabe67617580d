package journal

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Memory is a [Store] that lives as long as the process: for tests and
// demonstrations, never for money. Use [NewMemory] to make one. It may be used
// from many goroutines at once and never shares memory with its callers.
type Memory struct {
	mu      sync.Mutex
	records map[string]*Record // as stored: times cut, bodies that nobody else holds
	ids     ordered[string]
	fresh   []string       // ids that List has not asked for yet: their order waits for it
	dues    ordered[dueID] // of the records whose Due is set
}

var _ AtomicStore = (*Memory)(nil)

// dueID orders records by when they are due.
type dueID struct {
	millis int64
	id     string
}

func compareDue(a, b dueID) int {
	return cmp.Or(cmp.Compare(a.millis, b.millis), strings.Compare(a.id, b.id))
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		records: make(map[string]*Record),
		ids:     ordered[string]{compare: strings.Compare},
		dues:    ordered[dueID]{compare: compareDue},
	}
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, r Record) (Record, error) {
	if err := r.Check(); err != nil {
		return Record{}, err
	}
	if err := ended(ctx); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.records[r.ID]
	if !held.at(r.Version) {
		return held.own(), ErrConflict
	}
	return m.put(held, r), nil
}

// PutAll implements [AtomicStore].
func (m *Memory) PutAll(ctx context.Context, records ...Record) ([]Record, error) {
	if err := CheckAll(records); err != nil {
		return nil, err
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var held [MaxPutAll]*Record
	lost := false
	for i := range records {
		held[i] = m.records[records[i].ID]
		lost = lost || !held[i].at(records[i].Version)
	}
	stored := make([]Record, len(records))
	for i, r := range records {
		if lost {
			stored[i] = held[i].own()
		} else {
			stored[i] = m.put(held[i], r)
		}
	}
	if lost {
		return stored, ErrConflict
	}
	return stored, nil
}

// put writes r over held, nil if there is none with its id, and returns it as
// stored. The caller holds mu.
func (m *Memory) put(held *Record, r Record) Record {
	if held == nil {
		held = new(Record)
		m.records[r.ID] = held
		m.fresh = append(m.fresh, r.ID)
	}
	r = r.own()
	r.Version++
	r.Due, r.Expires = Millis(r.Due), Millis(r.Expires)
	m.setDue(r.ID, held.Due, r.Due)
	*held = r
	return r.own()
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, id string) (Record, error) {
	if err := CheckID(id); err != nil {
		return Record{}, err
	}
	if err := ended(ctx); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	if !ok {
		return Record{}, ErrNotFound
	}
	return r.own(), nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, id string, version int64) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.records[id]
	switch {
	case !ok:
		return ErrNotFound
	case old.Version != version:
		return ErrConflict
	}
	m.setDue(id, old.Due, time.Time{})
	m.order()
	m.ids.remove(id)
	delete(m.records, id)
	return nil
}

// Due implements [Store]. It is exact: nothing lags.
func (m *Memory) Due(ctx context.Context, before time.Time, limit int) ([]Record, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for key := range m.dues.from(dueID{millis: math.MinInt64}) {
		if len(found) >= limit || key.millis > before.UnixMilli() {
			break
		}
		found = append(found, m.records[key.id].own())
	}
	return found, nil
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) ([]Record, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order()
	var found []Record
	for id := range m.ids.from(max(prefix, after)) {
		if len(found) >= limit || !strings.HasPrefix(id, prefix) {
			break
		}
		if id != after {
			found = append(found, m.records[id].own())
		}
	}
	return found, nil
}

// order puts the ids that are fresh among the others.
func (m *Memory) order() {
	slices.Sort(m.fresh) // neighbours find warm what the one before them has read
	for _, id := range m.fresh {
		m.ids.insert(id)
	}
	m.fresh = nil
}

func (m *Memory) setDue(id string, old, due time.Time) {
	if old.Equal(due) {
		return
	}
	if !old.IsZero() {
		m.dues.remove(dueID{old.UnixMilli(), id})
	}
	if !due.IsZero() {
		m.dues.insert(dueID{due.UnixMilli(), id})
	}
}

// at reports whether r is stored at version; 0 is not at all, which nil is.
func (r *Record) at(version int64) bool {
	if r == nil {
		return version == 0
	}
	return r.Version == version
}

// own returns r with a body that nobody else holds, the zero Record for nil.
func (r *Record) own() Record {
	if r == nil {
		return Record{}
	}
	own := *r
	own.Body = slices.Clone(r.Body)
	return own
}

// ended returns an error if ctx is over: nothing has been done yet then, which
// is what CodeUnreached says.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &core.Error{Op: "journal", Code: core.CodeUnreached, Err: err}
	}
	return nil
}

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
	records map[string]Record // as stored: times cut, bodies that nobody else holds
	ids     ordered[string]
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
		records: make(map[string]Record),
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
	if old := m.records[r.ID]; old.Version != r.Version { // version 0 if there is none
		return old.own(), ErrConflict
	}
	return m.put(r), nil
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
	do, lost := m.put, error(nil)
	for _, r := range records {
		if m.records[r.ID].Version != r.Version {
			do, lost = func(r Record) Record { return m.records[r.ID].own() }, ErrConflict
		}
	}
	stored := make([]Record, len(records))
	for i, r := range records {
		stored[i] = do(r)
	}
	return stored, lost
}

// put writes r over the version that it names, and returns it as stored. The
// caller holds mu.
func (m *Memory) put(r Record) Record {
	old := m.records[r.ID]
	r = r.own()
	r.Version++
	r.Due, r.Expires = Millis(r.Due), Millis(r.Expires)
	m.setDue(r.ID, old.Due, r.Due)
	if old.Version == 0 {
		m.ids.insert(r.ID)
	}
	m.records[r.ID] = r
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

// own returns r with a body that nobody else holds.
func (r Record) own() Record {
	r.Body = slices.Clone(r.Body)
	return r
}

// ended returns an error if ctx is over: nothing has been done yet then, which
// is what CodeUnreached says.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &core.Error{Op: "journal", Code: core.CodeUnreached, Err: err}
	}
	return nil
}

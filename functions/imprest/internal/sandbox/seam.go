package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

var (
	errCrashed = &core.Error{Op: "journal", Code: core.CodeInternal, Err: errors.New("the merchant has crashed, as was asked for")}
	errDown    = &core.Error{Op: "journal", Code: core.CodeInternal, Err: errors.New("the journal is down, as was asked for")}
)

// seamStore is the journal as one life of the merchant sees it: where the
// faults of the journal strike, and where a run is watched. When the life ends
// by a crash, nothing passes any more.
type seamStore struct {
	inner journal.Store
	plan  *plan
	// told is told of every purchase that was written.
	told func(stored journal.Record, p purchase.Purchase, faults ...string)
	// stumbled is told of every purchase that a fault kept from being written.
	stumbled func(p purchase.Purchase, fault string, why error)
	// other is told of every other record that was written.
	other func(journal.Record)

	// telling are held, by id, from the write of a record until it was told:
	// nobody reads it, and acts on it, before.
	telling [64]sync.RWMutex

	calls sync.RWMutex // held for reading while a call is under way
	dead  chan struct{}
	die   sync.Once
}

func newSeamStore(inner journal.Store, w *world) *seamStore {
	return &seamStore{inner: inner, plan: w.plan, told: w.wrote, stumbled: w.stumbled, other: w.wroteOther, dead: make(chan struct{})}
}

func (s *seamStore) lockOf(id string) *sync.RWMutex {
	return &s.telling[crc32.ChecksumIEEE([]byte(id))%uint32(len(s.telling))]
}

// crashed reports whether the life of this store is over.
func (s *seamStore) crashed() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

// drain lets nothing pass any more, and returns when no call is under way.
func (s *seamStore) drain() {
	s.calls.Lock()
	defer s.calls.Unlock()
	s.die.Do(func() { close(s.dead) })
}

// enter begins a call; leave ends it.
func (s *seamStore) enter() error {
	s.calls.RLock()
	if s.crashed() {
		s.calls.RUnlock()
		return errCrashed
	}
	return nil
}

func (s *seamStore) leave() { s.calls.RUnlock() }

// Put implements journal.Store.
func (s *seamStore) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if err := s.enter(); err != nil {
		return journal.Record{}, err
	}
	defer s.leave()
	lock := s.lockOf(r.ID)
	lock.Lock()
	defer lock.Unlock()
	if !strings.HasPrefix(r.ID, purchase.Prefix) {
		stored, err := s.inner.Put(ctx, r)
		if err == nil {
			s.other(stored)
		}
		return stored, err
	}
	var p purchase.Purchase
	if err := json.Unmarshal(r.Body, &p); err != nil {
		return s.inner.Put(ctx, r)
	}
	commits := p.State == purchase.Paid
	if commits && s.plan.strikes(journalDown, p.ID) {
		s.stumbled(p, journalDown, errDown.Err)
		return journal.Record{}, errDown
	}
	stored, err := s.inner.Put(ctx, r)
	if err != nil {
		return stored, err
	}
	if commits && s.plan.strikes(crash, p.ID) {
		s.told(stored, p, crash)
		s.die.Do(func() { close(s.dead) })
		return journal.Record{}, errCrashed
	}
	s.told(stored, p)
	return stored, nil
}

// Get implements journal.Store.
func (s *seamStore) Get(ctx context.Context, id string) (journal.Record, error) {
	if err := s.enter(); err != nil {
		return journal.Record{}, err
	}
	defer s.leave()
	lock := s.lockOf(id)
	lock.RLock()
	defer lock.RUnlock()
	return s.inner.Get(ctx, id)
}

// Delete implements journal.Store.
func (s *seamStore) Delete(ctx context.Context, id string, version int64) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.inner.Delete(ctx, id, version)
}

// Due implements journal.Store.
func (s *seamStore) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.inner.Due(ctx, before, limit)
}

// List implements journal.Store.
func (s *seamStore) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if strings.HasPrefix(prefix, "codes/") && s.plan.stockLocked() {
		return nil, nil
	}
	return s.inner.List(ctx, prefix, after, limit)
}

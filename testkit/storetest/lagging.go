package storetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

const (
	// remembered is how many of the last answers of Due may come again.
	remembered = 3
	// truth is how often Due says all that there is.
	truth = 4
)

// LaggingStore is a [journal.Store] whose Due does all that rule 7 allows: it
// shows records as they were, and after they were deleted, leaves some out, and
// is in no order. Make one with [Lagging]. It may be used from many goroutines
// at once.
type LaggingStore struct {
	journal.Store

	mu     sync.Mutex
	random *rand.Rand
	calls  int
	past   [][]journal.Record
}

var _ journal.AtomicStore = (*LaggingStore)(nil)

// Lagging puts a Due that lags before store. Each fourth call leaves nothing
// out that store shows, since nothing is forgotten for ever; the same seed and
// the same calls make the same answers.
func Lagging(store journal.Store, seed uint64) *LaggingStore {
	return &LaggingStore{Store: store, random: rand.New(rand.NewPCG(seed, 0))}
}

// PutAll implements [journal.AtomicStore], if the store behind it does.
func (l *LaggingStore) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	return journal.PutAll(ctx, l.Store, records...)
}

// Due implements [journal.Store], as badly as it may.
func (l *LaggingStore) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	now, err := l.Store.Due(ctx, before, limit)
	if err != nil || limit < 1 {
		return now, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	found := now
	if l.calls%truth != 0 {
		found = l.mixed(now, before)
	}
	if l.past = append(l.past, now); len(l.past) > remembered {
		l.past = l.past[1:]
	}
	shown := make([]journal.Record, 0, min(len(found), limit))
	for _, at := range l.random.Perm(len(found))[:min(len(found), limit)] {
		r := found[at]
		r.Body = append([]byte{}, r.Body...) // it may be shown again
		shown = append(shown, r)
	}
	return shown, nil
}

// mixed is an answer made of the last ones: each record once, at any of the
// versions that were shown, or not at all.
func (l *LaggingStore) mixed(now []journal.Record, before time.Time) []journal.Record {
	versions := map[string][]journal.Record{}
	var ids []string // a map has no order, and a seed shall have one
	for _, answer := range append(l.past[:len(l.past):len(l.past)], now) {
		for _, r := range answer {
			if r.Due.After(before) {
				continue
			}
			if versions[r.ID] == nil {
				ids = append(ids, r.ID)
			}
			versions[r.ID] = append(versions[r.ID], r)
		}
	}
	var found []journal.Record
	for _, id := range ids {
		if l.random.IntN(3) > 0 {
			found = append(found, versions[id][l.random.IntN(len(versions[id]))])
		}
	}
	return found
}

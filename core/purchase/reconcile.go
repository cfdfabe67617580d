package purchase

import (
	"context"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Sweep says what a Reconcile did.
type Sweep struct {
	// Seen counts the records that were due.
	Seen int `json:"seen"`
	// States counts the purchases that were advanced by the state in which
	// they then were.
	States map[State]int `json:"states,omitempty"`
	// Purged counts the records that had expired and were removed.
	Purged int `json:"purged"`
	// Failed counts the records that could not be read or written.
	Failed int `json:"failed"`
}

const sweepPage = 64

// Reconcile does the next step of every purchase that is due, and removes
// receipts that have expired. It finds payments whose notification was lost,
// finishes what a crash broke off, and expires what nobody paid. Run it every
// minute or so, in as many processes as you like: they share the work.
//
// It returns when nothing is due that it has not seen, or when ctx ends; its
// error is that of the journal or of ctx, with what was done so far.
func (s *Service) Reconcile(ctx context.Context) (_ Sweep, err error) {
	ctx, ended := core.Observe(ctx, s.cfg.Observer, core.Work{Kind: "sweep", Name: "purchase.Reconcile"})
	defer func() { ended(err) }()
	sweep := Sweep{States: map[State]int{}}
	seen := map[string]bool{}
	limit := sweepPage
	for {
		if err := ctx.Err(); err != nil {
			return sweep, err
		}
		page, err := s.cfg.Store.Due(ctx, s.now(), limit)
		if err != nil {
			return sweep, err
		}
		fresh := page[:0:0]
		for _, record := range page {
			if !seen[record.ID] {
				seen[record.ID] = true
				fresh = append(fresh, record)
			}
		}
		// Records that stay due whatever is done come first in every page:
		// they must not hide others.
		stuck := len(page) - len(fresh)
		if len(fresh) == 0 {
			if len(page) < limit {
				return sweep, nil
			}
			limit += sweepPage
			continue
		}
		limit = sweepPage + stuck
		// Several sweepers begin at different places, or they would all try
		// the first record first.
		start, err := s.offset(len(fresh))
		if err != nil {
			return sweep, err
		}
		for i := range fresh {
			if err := ctx.Err(); err != nil {
				return sweep, err
			}
			s.sweepOne(ctx, &sweep, fresh[(start+i)%len(fresh)])
		}
	}
}

func (s *Service) offset(n int) (int, error) {
	var b [1]byte
	if _, err := s.cfg.Rand.Read(b[:]); err != nil {
		return 0, &core.Error{Op: "purchase.Reconcile", Code: core.CodeInternal, Err: err}
	}
	return int(b[0]) % n, nil
}

func (s *Service) sweepOne(ctx context.Context, sweep *Sweep, record journal.Record) {
	sweep.Seen++
	id, isPurchase := strings.CutPrefix(record.ID, Prefix)
	if !isPurchase {
		purged, err := journal.Purge(ctx, s.cfg.Store, record, s.now())
		if purged {
			sweep.Purged++
		}
		if err != nil {
			sweep.Failed++
			s.cfg.Logger.WarnContext(ctx, "a record could not be removed", "id", record.ID, "reason", err.Error())
		}
		return
	}
	p, written, err := s.advance(ctx, id, journal.Record{})
	if err == nil && p.State == Paid { // found paid just now: its delivery is the next step
		p, _, err = s.advance(ctx, id, written)
	}
	if err != nil {
		sweep.Failed++
		s.cfg.Logger.WarnContext(ctx, "a purchase could not be advanced", "id", id, "reason", err.Error())
		return
	}
	sweep.States[p.State]++
}

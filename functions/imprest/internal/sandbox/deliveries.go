package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

// What the sandbox keeps in the journal beside the purchases.
const (
	deliveryPrefix = "sandbox/delivery/"
	payoutPrefix   = "sandbox/payout/"
	runID          = "sandbox/run"
	clockID        = "sandbox/clock"
)

// counter is a Deliverer whose goods are a number in the journal, one more for
// each delivery, whatever the purchase says. So a delivery that was made twice
// shows, even if a crash lies between.
type counter struct {
	store journal.Store
	plan  *plan
	told  func(p purchase.Purchase, times int)
}

type deliveryRecord struct {
	Times int `json:"times"`
}

// Deliver implements purchase.Deliverer.
func (c *counter) Deliver(ctx context.Context, p purchase.Purchase) error {
	var counted deliveryRecord
	err := edit(ctx, c.store, deliveryPrefix+p.ID, &counted, func(bool) error {
		counted.Times++
		return nil
	})
	if err != nil {
		return err
	}
	c.told(p, counted.Times)
	if c.plan.strikes(deliverLost, p.ID) {
		return &core.Error{Op: "sandbox.Deliver", Code: core.CodeUnknown, Err: errors.New("the answer to the delivery is lost, as was asked for")}
	}
	return nil
}

// Delivered implements purchase.Deliverer.
func (c *counter) Delivered(ctx context.Context, p purchase.Purchase) (bool, error) {
	times, err := delivered(ctx, c.store, p.ID)
	return times > 0, err
}

// delivered returns how often a purchase was delivered.
func delivered(ctx context.Context, store journal.Store, id string) (int, error) {
	record, err := store.Get(ctx, deliveryPrefix+id)
	if errors.Is(err, journal.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var counted deliveryRecord
	err = json.Unmarshal(record.Body, &counted)
	return counted.Times, err
}

// deliveries returns how often each purchase on record was delivered: 0 for
// those that were not.
func deliveries(ctx context.Context, store journal.Store) (map[string]int, error) {
	all := map[string]int{}
	err := walk(ctx, store, purchase.Prefix, func(r journal.Record) error {
		var p purchase.Purchase
		if err := json.Unmarshal(r.Body, &p); err != nil {
			return err
		}
		all[p.ID] = 0
		if redeems(p) && !p.DeliveredAt.IsZero() {
			all[p.ID] = 1 // its code can be redeemed once
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = walk(ctx, store, deliveryPrefix, func(r journal.Record) error {
		var counted deliveryRecord
		if err := json.Unmarshal(r.Body, &counted); err != nil {
			return err
		}
		all[strings.TrimPrefix(r.ID, deliveryPrefix)] = counted.Times
		return nil
	})
	return all, err
}

// errUnchanged is what a change returns that finds nothing to do.
var errUnchanged = errors.New("nothing to do")

// edit reads the record called id into v, lets change work on v, and writes it
// back; again while others write in between. exists says whether there is a
// record yet. After journal.ErrUnknown it stops: the write may have counted.
func edit[T any](ctx context.Context, store journal.Store, id string, v *T, change func(exists bool) error) error {
	for range 64 {
		var fresh T
		*v = fresh
		record, err := store.Get(ctx, id)
		exists := err == nil
		switch {
		case errors.Is(err, journal.ErrNotFound):
			record = journal.Record{ID: id}
		case err != nil:
			return err
		default:
			if err := json.Unmarshal(record.Body, v); err != nil {
				return fmt.Errorf("the record %s cannot be read: %w", id, err)
			}
		}
		if err := change(exists); err != nil {
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		if record.Body, err = json.Marshal(*v); err != nil {
			return err
		}
		if _, err = store.Put(ctx, record); !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return &core.Error{Op: "sandbox", Code: core.CodeBusy, Err: fmt.Errorf("the record %s changes faster than it can be written", id)}
}

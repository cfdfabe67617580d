package purchase

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// lane is the body of "mall/…": the open purchases of one SKU by one user. An
// order of the mall names neither the device nor anything of ours, so it is
// told whose it is by what else could be: one purchase for each device, and one
// at a time whose order is not known yet.
//
// Nobody leaves a lane. Whether a purchase still holds its place is read from
// its own record, so no crash can leave a place taken.
type lane struct {
	// Binding is the purchase whose order is not known yet.
	Binding string `json:"binding,omitempty"`
	// Devices is the open purchase of each device.
	Devices map[string]string `json:"devices,omitempty"`
}

func laneID(p *MallPurchase, buyer string) string {
	// Several buyers may be one user of the cloud, a family with one account.
	who := cmp.Or(p.UserID, buyer)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", who, p.MallCode, p.SKUCode))
	return "mall/" + hex.EncodeToString(sum[:16])
}

// holdsDevice reports whether p stands in the way of another purchase of its
// SKU for its device.
func (p *Purchase) holdsDevice() bool {
	switch p.State {
	case Ordering, Paid, Delivering, Attention:
		return true
	case Unpaid:
		return !p.Mall.Withheld // nobody can pay it here
	}
	return false
}

// isBinding reports whether an order that is made now could be taken for p's.
func (p *Purchase) isBinding() bool {
	return p.Mall.OrderID == "" && !p.Mall.Abandoned && p.holdsDevice()
}

// enterLane takes p's place, or returns the purchase that has it, with
// ErrPurchaseOpen or ErrMallBusy.
func (s *Service) enterLane(ctx context.Context, p Purchase) (Purchase, error) {
	for range maxTries {
		record, l, err := s.readLane(ctx, laneID(p.Mall, p.Buyer))
		if err != nil {
			return Purchase{}, err
		}
		if holder, err := s.laneHolder(ctx, l, p); err != nil {
			return holder, err
		}
		if l.Devices == nil {
			l.Devices = map[string]string{}
		}
		l.Binding, l.Devices[p.Mall.ID] = p.ID, p.ID
		if len(l.Devices) > maxLane {
			return Purchase{}, core.Invalid("purchase.BeginMall", fmt.Sprintf("the user has bought this service for more than %d devices", maxLane))
		}
		if record.Body, err = json.Marshal(l); err != nil {
			return Purchase{}, &core.Error{Op: "purchase.BeginMall", Code: core.CodeInternal, Err: err}
		}
		if _, err = journal.PutSurely(ctx, s.cfg.Store, record); !errors.Is(err, journal.ErrConflict) {
			return Purchase{}, err
		}
	}
	return Purchase{}, ErrMallBusy
}

// maxLane bounds a lane's record.
const maxLane = 256

func (s *Service) readLane(ctx context.Context, id string) (journal.Record, lane, error) {
	var l lane
	record, err := s.cfg.Store.Get(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Record{ID: id}, l, nil
	}
	if err == nil {
		if json.Unmarshal(record.Body, &l) != nil {
			err = &core.Error{Op: "purchase.BeginMall", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is damaged", id)}
		}
	}
	return record, l, err
}

// laneHolder returns who stands in p's way, and how.
func (s *Service) laneHolder(ctx context.Context, l lane, p Purchase) (Purchase, error) {
	for _, place := range []struct {
		id    string
		holds func(*Purchase) bool
		err   error
	}{
		{l.Devices[p.Mall.ID], (*Purchase).holdsDevice, ErrPurchaseOpen},
		{l.Binding, (*Purchase).isBinding, ErrMallBusy},
	} {
		if place.id == "" || place.id == p.ID {
			continue
		}
		holder, err := s.Get(ctx, place.id)
		switch {
		case errors.Is(err, journal.ErrNotFound): // removed by hand
		case err != nil:
			return Purchase{}, err
		case holder.Mall == nil || !place.holds(&holder):
		case holder.Buyer != p.Buyer: // another's is not shown
			return Purchase{}, ErrPurchaseOpen
		case holder.State == Attention:
			return holder, ErrPurchaseOpen
		default:
			return holder, place.err
		}
	}
	return Purchase{}, nil
}

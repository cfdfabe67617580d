package purchase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// A device's services tell that one lasts longer, and not by what. So who goes by
// them asks what else could have been at work: the mall rail asks for codes that
// were redeemed and for other orders, a redemption whose answer was lost for
// purchases of the mall rail. What is redeemed or bought past this journal is in
// the user's orders at best.

func deviceKey(prefix, deviceID string) string {
	sum := sha256.Sum256([]byte(deviceID))
	return prefix + hex.EncodeToString(sum[:16])
}

// redeemingID is the record of who redeems on a device. It is written before and
// after each redemption, so its version says whether there was one.
func redeemingID(deviceID string) string { return deviceKey("redeeming/", deviceID) }

// buyingID is the record of the purchases of the mall rail for a device: the last
// of them, as a list of ids.
func buyingID(deviceID string) string { return deviceKey("mall/device/", deviceID) }

// redemptions is the version of the record of redemptions on a device.
func (s *Service) redemptions(ctx context.Context, deviceID string) (int64, error) {
	record, err := s.cfg.Store.Get(ctx, redeemingID(deviceID))
	if isNotFound(err) {
		return 0, nil
	}
	return record.Version, err
}

// maxOnDevice is how many purchases a device's record holds. Older ones are no
// answer to what happened while the answer to a redemption was lost.
const maxOnDevice = 64

// enterDevice puts a purchase on the record of its device, before it is ordered.
func (s *Service) enterDevice(ctx context.Context, deviceID, id string) error {
	for range maxTries {
		record, ids, err := readDevice(ctx, s.cfg.Store, deviceID)
		if err != nil || slices.Contains(ids, id) {
			return err
		}
		ids = append(ids, id)
		if record.Body, err = json.Marshal(ids[max(0, len(ids)-maxOnDevice):]); err != nil {
			return &core.Error{Op: "purchase.BeginMall", Code: core.CodeInternal, Err: err}
		}
		if _, err = journal.PutSurely(ctx, s.cfg.Store, record); !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
	return ErrMallBusy
}

func readDevice(ctx context.Context, store journal.Store, deviceID string) (record journal.Record, ids []string, err error) {
	record, err = store.Get(ctx, buyingID(deviceID))
	switch {
	case isNotFound(err):
		return journal.Record{ID: buyingID(deviceID)}, nil, nil
	case err == nil && json.Unmarshal(record.Body, &ids) != nil:
		err = &core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is damaged", record.ID)}
	}
	return record, ids, err
}

// grownByMall reports whether a purchase of the mall rail can have changed what is
// on a device since then. One that expired counts, too: its order stays payable.
func (r *Redeemer) grownByMall(ctx context.Context, deviceID string, since time.Time) (bool, error) {
	_, ids, err := readDevice(ctx, r.cfg.Store, deviceID)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		record, err := r.cfg.Store.Get(ctx, Prefix+id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		p, err := decode(record.Body)
		if err != nil {
			return false, err
		}
		if p.mayGrowAfter(since) {
			return true, nil
		}
	}
	return false, nil
}

// mayGrowAfter reports whether the order of p can have changed its device after a
// moment.
func (p *Purchase) mayGrowAfter(since time.Time) bool {
	switch {
	case p.Mall == nil || p.Mall.BuyingAt.IsZero():
		return false // nothing was ordered
	case p.State == Delivered && p.Mall.Subscribes:
		return true // it is renewed
	case p.State == Delivered:
		return !p.DeliveredAt.Before(since)
	case p.State == Expired:
		return since.Before(p.PayUntil.Add(watchFor))
	}
	return true
}

// mayGrow reports whether an order that is not p's can have changed p's device
// since p was ordered: it was paid, and was not done before.
func (s *Service) mayGrow(p Purchase, order mall.Order) bool {
	id := order.BaseInfo.OrderID
	switch {
	case id == p.Mall.OrderID || !wasPaid(order.BaseInfo.OrderStatus):
		return false
	case slices.Contains(p.Mall.Pending, id):
		return true
	case slices.Contains(p.Mall.Seen, id):
		return false
	}
	made := order.BaseInfo.GMTCreate
	return made == 0 || !made.Time().Before(p.Mall.BuyingAt.Add(-s.cfg.Mall.ClockSkew))
}

// isDone reports whether an order brings nothing any more.
func isDone(status mall.OrderStatus) bool {
	switch status {
	case mall.OrderFinished, mall.OrderCanceled, mall.OrderClosed, mall.OrderRefunded:
		return true
	}
	return false
}

// grownByOther says what else can have made the service of p's device longer, or
// "". orders are those for which mayGrow is true.
func (s *Service) grownByOther(ctx context.Context, p Purchase, orders []string) (string, error) {
	redemptions, err := s.redemptions(ctx, p.Mall.ID)
	switch {
	case err != nil:
		return "", err
	case redemptions != p.Mall.Redemptions:
		return "a code that was redeemed on the device", nil
	}
	for _, id := range orders {
		record, err := s.cfg.Store.Get(ctx, orderPrefix+id)
		if isNotFound(err) {
			return "the order " + cut(id, 64), nil
		}
		if err != nil {
			return "", err
		}
		other, err := s.Get(ctx, string(record.Body))
		switch {
		case isNotFound(err): // removed by hand
		case err != nil:
			return "", err
		case other.Mall == nil || other.Mall.ID != p.Mall.ID: // for another device
		case other.State == Delivered && other.Mall.OrderID == id: // it has a change of its own
		default:
			return "the order " + id + " of the purchase " + other.ID, nil
		}
	}
	return "", nil
}

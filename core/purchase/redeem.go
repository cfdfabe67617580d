package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// RedeemMall is the part of a mall.Client that a redemption needs.
type RedeemMall interface {
	ExchangeCode(ctx context.Context, caller mall.Caller, params mall.ExchangeCodeParams) error
	GetServiceListByDevice(ctx context.Context, caller mall.Caller, deviceID string) ([]mall.Service, error)
}

var _ RedeemMall = (*mall.Client)(nil)

// Redemption says for which device a purchase redeems which kind of code. It
// is the Data of an [Offer] that is delivered by exchange code, in the seed's
// names.
type Redemption struct {
	// UserID is the Tuya uid on whose behalf the calls are made.
	UserID      string `json:"user_id"`
	DeviceID    string `json:"device_id"`
	CatalogCode string `json:"catalog_code"`
	HomeID      string `json:"homeId"`
	Name        string `json:"name"`
	UUID        string `json:"uuid"`
	// ServiceCode is the code of the service that the redemption adds to the
	// device's list, or prolongs there.
	ServiceCode string `json:"service_code"`
}

func (r Redemption) check() error {
	for name, value := range map[string]string{
		"device_id": r.DeviceID, "catalog_code": r.CatalogCode, "homeId": r.HomeID, "name": r.Name, "uuid": r.UUID, "service_code": r.ServiceCode,
	} {
		if value == "" {
			return core.Invalid("purchase.Redeemer", "data of the purchase: "+name+" must be given")
		}
	}
	return nil
}

// RedeemerConfig is what [NewRedeemer] needs to know.
type RedeemerConfig struct {
	// Store keeps a record per redemption ("redeem/<id>") and one per device
	// ("redeeming/…"). Required.
	Store journal.Store
	// Codes is the stock. Required.
	Codes *Codes
	// Mall makes the calls: a *mall.Client. Required.
	Mall RedeemMall
	// Redemption reads what to redeem from a purchase; nil reads its Data as
	// a [Redemption].
	Redemption func(p Purchase) (Redemption, mall.Caller, error)
	// Refusals says which refusals are about the code itself, which is then
	// put into quarantine and not tried on anybody else. The zero value is
	// what testkit's fake answers: the platform publishes none.
	Refusals mall.ExchangeRefusals
	// InFlight is how long a redemption whose answer was lost may still take
	// effect; 0 is one minute.
	InFlight time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Redeemer is a [Deliverer] that redeems an exchange code on a device. A
// purchase gets one code, for ever: what is sent is on record before it is
// sent, with the list of services as it then was, and an answer that was lost
// is found out by that list, never by a second code.
type Redeemer struct{ cfg RedeemerConfig }

var _ Deliverer = (*Redeemer)(nil)

// NewRedeemer checks cfg and returns a Redeemer. Its errors have
// core.CodeInvalid.
func NewRedeemer(cfg RedeemerConfig) (*Redeemer, error) {
	const op = "purchase.NewRedeemer"
	switch {
	case cfg.Store == nil:
		return nil, core.Invalid(op, "Store must be given")
	case cfg.Codes == nil:
		return nil, core.Invalid(op, "Codes must be given")
	case cfg.Mall == nil:
		return nil, core.Invalid(op, "Mall must be given")
	case cfg.InFlight < 0:
		return nil, core.Invalid(op, "InFlight must not be negative")
	}
	if cfg.Redemption == nil {
		cfg.Redemption = func(p Purchase) (Redemption, mall.Caller, error) {
			var r Redemption
			if err := json.Unmarshal(p.Data, &r); err != nil {
				return Redemption{}, mall.Caller{}, core.Invalid("purchase.Redeemer", "the data of the purchase is not a Redemption")
			}
			return r, mall.Caller{UserID: r.UserID}, nil
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	setDefault(&cfg.InFlight, time.Minute)
	return &Redeemer{cfg: cfg}, nil
}

// redemption is the body of "redeem/<id>".
type redemption struct {
	State redemptionState `json:"state"`
	Shard string          `json:"shard,omitempty"`
	// Try counts the codes that were reserved and released again: a worker
	// that is late with a release must not free what was reserved after it.
	Try int `json:"try,omitempty"`
	// Before is the device's services before the code was sent.
	Before []serviceMark `json:"before,omitempty"`
	SentAt time.Time     `json:"sent_at,omitzero"`
}

type redemptionState string

const (
	redemptionOpen redemptionState = "open" // nothing was sent that could have had an effect
	// redemptionReleasing: certainly nothing was redeemed, and the code goes
	// back to the stock.
	redemptionReleasing redemptionState = "releasing"
	redemptionSent      redemptionState = "sent" // the code is on its way, or its answer was lost
	redemptionDone      redemptionState = "done"
	redemptionVoid      redemptionState = "void" // a person has to look
)

// serviceMark is what of a service shows that something was redeemed.
type serviceMark struct {
	Code  string `json:"code"`
	Start int64  `json:"start,omitempty"`
	End   int64  `json:"end,omitempty"`
}

func marks(services []mall.Service) []serviceMark {
	var found []serviceMark
	for _, s := range services {
		mark := serviceMark{Code: s.Code, Start: int64(s.StartTime), End: int64(s.EndTime)}
		if s.IsPermanent {
			mark.End = math.MaxInt64
		}
		found = append(found, mark)
	}
	return found
}

// ErrDeviceBusy says that another redemption on the same device is not settled
// yet. It is core.Retryable.
var ErrDeviceBusy error = &core.Error{Op: "purchase.Redeemer", Code: core.CodeBusy, Safe: true,
	Err: errors.New("another redemption on this device is not settled yet")}

// errVoid parks a purchase whose redemption nobody can judge.
var errVoid = core.Mismatch("purchase.Redeemer", "nobody can tell whether the code was redeemed: it is in quarantine, look at the device's services and decide")

// Deliver implements [Deliverer].
func (r *Redeemer) Deliver(ctx context.Context, p Purchase) error {
	what, caller, err := r.cfg.Redemption(p)
	if err == nil {
		err = what.check()
	}
	if err != nil {
		return err
	}
	record, red, err := r.load(ctx, p.ID)
	if err != nil {
		return err
	}
	switch red.State {
	case redemptionDone:
		return r.free(ctx, what, p.ID)
	case redemptionVoid:
		return r.voided(ctx, what, p.ID)
	case redemptionSent:
		return &core.Error{Op: "purchase.Redeemer", Code: core.CodeUnknown, Err: errors.New("the code was sent before, and its outcome is not known yet")}
	}
	if red.State == redemptionReleasing {
		if record, red, err = r.release(ctx, p.ID, record, red); err != nil {
			return err
		}
	}
	if err := r.occupy(ctx, what, p.ID); err != nil {
		return err
	}
	services, err := r.cfg.Mall.GetServiceListByDevice(ctx, caller, what.DeviceID)
	if err != nil {
		return r.giveUp(ctx, what, p.ID, record, red, err)
	}
	record, red, code, err := r.reserve(ctx, what.CatalogCode, p.ID, record, red)
	if err != nil { // nothing is on its way: others may use the device
		if freeErr := r.free(ctx, what, p.ID); freeErr != nil {
			return freeErr
		}
		return err
	}
	red.State, red.Before, red.SentAt = redemptionSent, marks(services), journal.Millis(r.cfg.Now())
	if record, err = r.save(ctx, record, red); err != nil {
		return err
	}
	err = r.cfg.Mall.ExchangeCode(ctx, caller, mall.ExchangeCodeParams{
		DeviceID: what.DeviceID, CatalogCode: what.CatalogCode, HomeID: what.HomeID, Code: core.NewSecret(code), Name: what.Name, UUID: what.UUID,
	})
	switch {
	case err == nil:
		return r.done(ctx, what, p.ID, record, red)
	case r.cfg.Refusals.AboutCode(err):
		if voidErr := r.void(ctx, what, p.ID, record, red); voidErr != nil {
			return voidErr
		}
		return core.Mismatch("purchase.Redeemer", "the platform would not take the code, which is in quarantine: "+err.Error())
	case core.Retryable(err), core.CodeOf(err) == core.CodeRefused, core.CodeOf(err) == core.CodeInvalid:
		// Certainly not redeemed.
		red.State, red.Before, red.SentAt = redemptionOpen, nil, time.Time{}
		record, saveErr := r.save(ctx, record, red)
		if saveErr != nil {
			return saveErr
		}
		return r.giveUp(ctx, what, p.ID, record, red, err)
	}
	return err
}

// Delivered implements [Deliverer]. After an answer that was lost it looks at
// the device's services, once nothing can be under way any more: exactly the
// expected change means that the code was redeemed, unless a purchase of the mall
// rail could have made it; anything else is for a person.
func (r *Redeemer) Delivered(ctx context.Context, p Purchase) (bool, error) {
	what, caller, err := r.cfg.Redemption(p)
	if err != nil {
		return false, err
	}
	record, red, err := r.load(ctx, p.ID)
	if err != nil {
		return false, err
	}
	switch red.State {
	case redemptionDone:
		return true, r.free(ctx, what, p.ID)
	case redemptionVoid:
		return false, r.voided(ctx, what, p.ID)
	case redemptionOpen, redemptionReleasing:
		return false, nil
	}
	if r.cfg.Now().Before(red.SentAt.Add(r.cfg.InFlight)) {
		return false, &core.Error{Op: "purchase.Redeemer", Code: core.CodeBusy, Safe: true, Err: errors.New("the redemption may still take effect: ask later")}
	}
	services, err := r.cfg.Mall.GetServiceListByDevice(ctx, caller, what.DeviceID)
	if err != nil {
		return false, err
	}
	other, err := r.grownByMall(ctx, what.DeviceID, red.SentAt)
	if err != nil {
		return false, err
	}
	if !other && redeemed(red.Before, marks(services), what.ServiceCode) {
		return true, r.done(ctx, what, p.ID, record, red)
	}
	if err := r.void(ctx, what, p.ID, record, red); err != nil {
		return false, err
	}
	return false, errVoid
}

// redeemed reports whether after differs from before by exactly one thing: the
// service was added, or ends later.
func redeemed(before, after []serviceMark, service string) bool {
	changed := 0
	rest := slices.Clone(before)
	for _, now := range after {
		if i := slices.Index(rest, now); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		if now.Code != service {
			return false
		}
		if i := slices.IndexFunc(rest, func(old serviceMark) bool { return old.Code == service && old.End < now.End }); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
		changed++
	}
	return changed == 1 && len(rest) == 0
}

func (r *Redeemer) load(ctx context.Context, id string) (journal.Record, redemption, error) {
	record, err := r.cfg.Store.Get(ctx, "redeem/"+id)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Record{ID: "redeem/" + id}, redemption{State: redemptionOpen}, nil
	}
	if err != nil {
		return journal.Record{}, redemption{}, err
	}
	var red redemption
	if err := json.Unmarshal(record.Body, &red); err != nil {
		return journal.Record{}, redemption{}, &core.Error{Op: "purchase.Redeemer", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is damaged", record.ID)}
	}
	return record, red, nil
}

func (r *Redeemer) save(ctx context.Context, record journal.Record, red redemption) (journal.Record, error) {
	body, err := json.Marshal(red)
	if err != nil {
		return journal.Record{}, &core.Error{Op: "purchase.Redeemer", Code: core.CodeInternal, Err: err}
	}
	record.Body = body
	return journal.PutSurely(ctx, r.cfg.Store, record)
}

// reserve takes a code for the purchase. Which shard it comes from is on
// record first, so that a crash finds the same code again.
func (r *Redeemer) reserve(ctx context.Context, catalog, id string, record journal.Record, red redemption) (journal.Record, redemption, string, error) {
	for range maxTries {
		if red.Shard != "" {
			code, err := r.cfg.Codes.reserve(ctx, red.Shard, id, red.Try)
			if err == nil || !errors.Is(err, ErrNoCodes) {
				return record, red, code, err
			}
		}
		shard, err := r.cfg.Codes.find(ctx, catalog)
		if err != nil {
			return record, red, "", err
		}
		red.Shard = shard
		if record, err = r.save(ctx, record, red); err != nil {
			return record, red, "", err
		}
	}
	return record, red, "", ErrNoCodes
}

// The three ends of a redemption. Each settles the code first, then the
// record, then the device: a crash in between is taken up from the record.

func (r *Redeemer) done(ctx context.Context, what Redemption, id string, record journal.Record, red redemption) error {
	if err := r.cfg.Codes.settle(ctx, red.Shard, id, red.Try, CodeUsed); err != nil {
		return err
	}
	red.State, red.Before = redemptionDone, nil
	if _, err := r.save(ctx, record, red); err != nil {
		return err
	}
	return r.free(ctx, what, id)
}

func (r *Redeemer) void(ctx context.Context, what Redemption, id string, record journal.Record, red redemption) error {
	if err := r.cfg.Codes.settle(ctx, red.Shard, id, red.Try, CodeQuarantined); err != nil {
		return err
	}
	red.State = redemptionVoid
	if _, err := r.save(ctx, record, red); err != nil {
		return err
	}
	return r.free(ctx, what, id)
}

// voided is the answer for a redemption that is void. Its device is free, even
// if a crash came between the two: or it would be busy for everybody, for ever.
func (r *Redeemer) voided(ctx context.Context, what Redemption, id string) error {
	if err := r.free(ctx, what, id); err != nil {
		return err
	}
	return errVoid
}

// giveUp ends an attempt after which it is certain that nothing was redeemed,
// and returns its cause. A refusal that is for good releases the code; what
// can be tried again keeps it.
func (r *Redeemer) giveUp(ctx context.Context, what Redemption, id string, record journal.Record, red redemption, cause error) error {
	if red.Shard != "" && !core.Retryable(cause) {
		// On record first: who was overtaken by another worker loses here,
		// before he frees a code that the other may have sent.
		red.State = redemptionReleasing
		record, err := r.save(ctx, record, red)
		if err != nil {
			return err
		}
		if _, _, err := r.release(ctx, id, record, red); err != nil {
			return err
		}
	}
	if err := r.free(ctx, what, id); err != nil {
		return err
	}
	return cause
}

// release puts the code of a redemption that is releasing back into the stock.
func (r *Redeemer) release(ctx context.Context, id string, record journal.Record, red redemption) (journal.Record, redemption, error) {
	if err := r.cfg.Codes.settle(ctx, red.Shard, id, red.Try, CodeFree); err != nil {
		return record, red, err
	}
	red.State, red.Shard, red.Try = redemptionOpen, "", red.Try+1
	record, err := r.save(ctx, record, red)
	return record, red, err
}

// occupy lets one redemption at a time at a device, of whatever catalog, or two
// could not be told apart by the device's list.
func (r *Redeemer) occupy(ctx context.Context, what Redemption, id string) error {
	return r.device(ctx, what, func(holder string) (string, error) {
		if holder != "" && holder != id {
			return "", ErrDeviceBusy
		}
		return id, nil
	})
}

func (r *Redeemer) free(ctx context.Context, what Redemption, id string) error {
	return r.device(ctx, what, func(holder string) (string, error) {
		if holder == id {
			return "", nil
		}
		return holder, nil
	})
}

func (r *Redeemer) device(ctx context.Context, what Redemption, next func(holder string) (string, error)) error {
	for range maxTries {
		record, err := r.cfg.Store.Get(ctx, redeemingID(what.DeviceID))
		if errors.Is(err, journal.ErrNotFound) {
			record, err = journal.Record{ID: redeemingID(what.DeviceID)}, nil
		}
		if err != nil {
			return err
		}
		holder, err := next(string(record.Body))
		if err != nil || holder == string(record.Body) {
			return err
		}
		record.Body = []byte(holder)
		_, err = r.cfg.Store.Put(ctx, record)
		if errors.Is(err, journal.ErrConflict) || errors.Is(err, journal.ErrUnknown) && ctx.Err() == nil {
			continue
		}
		return err
	}
	return ErrDeviceBusy
}

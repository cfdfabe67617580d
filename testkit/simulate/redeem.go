package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

const (
	catalogCode = "VOIP"
	stockID     = "codes/" + catalogCode + "/00000000"
	year        = 365 * 24 * 3600 * 1000 // in milliseconds
)

// exchange is a code that was redeemed, in truth.
type exchange struct{ code, device string }

// mallSeam is the cloud's mall as a process reaches it.
type mallSeam struct{ w *World }

var _ purchase.RedeemMall = (*mallSeam)(nil)

// GetServiceListByDevice lists one service, which every code prolongs.
func (m *mallSeam) GetServiceListByDevice(ctx context.Context, _ mall.Caller, device string) (services []mall.Service, err error) {
	w := m.w
	err = w.effect(ctx, "services", device, onRead, errAsk, errAsk, func() error {
		end := mall.Millis(epoch.UnixMilli())
		for _, e := range w.exchanges {
			if e.device == device {
				end += year
			}
		}
		end += mall.Millis(year * w.mall.grants(device))
		w.current.local = mix(w.current.local, uint64(end))
		services = []mall.Service{{Code: "free-storage"}, {Code: "voip", StartTime: 1, EndTime: end}}
		return nil
	})
	return services, err
}

// ExchangeCode redeems a code on a device.
func (m *mallSeam) ExchangeCode(ctx context.Context, _ mall.Caller, p mall.ExchangeCodeParams) error {
	w, code := m.w, p.Code.Reveal()
	return w.effect(ctx, "exchange", code, onWrite, errUnknown, errUnreached, func() error {
		if w.plan.refuses {
			return mall.Refusal("mall.ExchangeCode", "PERMISSION_DENIED", "", "")
		}
		for _, e := range w.exchanges {
			if e.code == code {
				w.fail(oneCode, "the code %s was sent again, after it was redeemed", code)
			}
		}
		holder := ""
		for _, c := range w.codes() {
			if c.Code == code && c.State == purchase.CodeReserved {
				holder = c.Purchase
			}
		}
		if holder == "" {
			w.fail(oneCode, "the code %s was redeemed, and is reserved for nobody", code)
		}
		w.exchanges = append(w.exchanges, exchange{code, p.DeviceID})
		w.fact("exchanged", code+p.DeviceID, 0)
		w.granted(holder)
		return nil
	})
}

// code is an exchange code on record.
type code struct {
	Code     string             `json:"code"`
	State    purchase.CodeState `json:"state"`
	Purchase string             `json:"purchase"`
}

func (w *World) codes() []code {
	var shard struct {
		Codes []code `json:"codes"`
	}
	if c := w.disk.records[stockID]; c != nil {
		_ = json.Unmarshal(c.Body, &shard)
	}
	return shard.Codes
}

// stock puts the exchange codes on disk, before anybody does anything.
func (w *World) stock() {
	if w.plan.codes == 0 {
		return
	}
	if w.cache.stock == nil {
		var batch bytes.Buffer
		for i := range w.plan.codes {
			fmt.Fprintf(&batch, "code-%d\n", i+1)
		}
		store := journal.NewMemory()
		codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store, Now: w.Now})
		if err == nil {
			_, err = codes.Load(context.Background(), catalogCode, &batch)
		}
		if err == nil {
			var r journal.Record
			r, err = store.Get(context.Background(), stockID)
			w.cache.stock = r.Body
		}
		if err != nil {
			panic(err) // of this package
		}
	}
	_, _ = w.disk.put(journal.Record{ID: stockID, Body: w.cache.stock})
}

// redeemer delivers by exchange code.
func (w *World) redeemer() (purchase.Deliverer, error) {
	codes, err := purchase.NewCodes(purchase.CodesConfig{Store: w.store(), Now: w.Now})
	if err != nil {
		return nil, err
	}
	var cloud purchase.RedeemMall = &mallSeam{w}
	if w.cfg.Mall != nil {
		cloud = &opaqueMall{w, w.cfg.Mall(cloud)}
	}
	return purchase.NewRedeemer(purchase.RedeemerConfig{Store: w.store(), Codes: codes, Mall: cloud, Now: w.Now})
}

// redemption is what a buyer buys: all have the same device.
func redemption() json.RawMessage {
	body, _ := json.Marshal(purchase.Redemption{
		UserID: "u1", DeviceID: "dev-1", CatalogCode: catalogCode, HomeID: "h1", Name: "Doorbell", UUID: "uuid-1", ServiceCode: "voip",
	})
	return body
}

// finalCodes holds the stock against what was redeemed.
func (w *World) finalCodes() {
	redeemed := map[string]bool{}
	for _, e := range w.exchanges {
		redeemed[e.code] = true
	}
	holders := map[string]string{}
	for _, c := range w.codes() {
		if c.State != purchase.CodeFree {
			if other := holders[c.Purchase]; other != "" {
				w.fail(oneCode, "%s has the codes %s and %s", c.Purchase, other, c.Code)
			}
			holders[c.Purchase] = c.Code
		}
		s := w.sale(c.Purchase)
		switch {
		case redeemed[c.Code] && c.State == purchase.CodeFree:
			w.fail(oneCode, "the code %s was redeemed, and is free again", c.Code)
		case !redeemed[c.Code] && c.State == purchase.CodeUsed:
			w.fail(trueEnd, "the code %s counts as used, and was not redeemed", c.Code)
		case s != nil && s.state == purchase.Delivered && c.State != purchase.CodeUsed:
			w.fail(trueEnd, "%s is delivered, and its code is %s", s.id, c.State)
		case s != nil && s.state == purchase.Refunded:
			w.fail(trueEnd, "%s is refunded, and still has the code %s (%s)", s.id, c.Code, c.State)
		}
	}
	for _, s := range w.sales {
		if s.device == "" && s.state == purchase.Delivered && holders[s.id] == "" {
			w.fail(trueEnd, "%s is delivered, and has no code", s.id)
		}
	}
}

// codeEnds: delivered; or a person has to look, where the answer to an exchange
// was lost and nothing shows what became of it.
func codeEnds(w *World, _ *sale, payments int) map[purchase.State]bool {
	switch {
	case payments == 0:
		return endUnpaid
	case w.plan.refuses && w.deviations == 0:
		return endRefunded
	case w.plan.refuses:
		return endOrPerson
	case w.deviations == 0:
		return endDelivered
	}
	return endDeliveredOrPerson
}

// opaqueMall stands before a cloud of others.
type opaqueMall struct {
	w     *World
	inner purchase.RedeemMall
}

func (o *opaqueMall) ExchangeCode(ctx context.Context, caller mall.Caller, p mall.ExchangeCodeParams) error {
	o.w.touch("exchange", p.Code.Reveal(), nil)
	err := o.inner.ExchangeCode(ctx, caller, p)
	o.w.touch("exchanged", p.Code.Reveal(), err)
	return err
}

func (o *opaqueMall) GetServiceListByDevice(ctx context.Context, caller mall.Caller, device string) ([]mall.Service, error) {
	o.w.touch("services", device, nil)
	services, err := o.inner.GetServiceListByDevice(ctx, caller, device)
	o.w.touch("services are", device, err)
	if o.w.current.process >= 0 {
		var seen strings.Builder
		for _, s := range services {
			fmt.Fprint(&seen, s.Code, s.EndTime, " ")
		}
		o.w.current.local = mix(o.w.current.local, text(seen.String()))
	}
	return services, err
}

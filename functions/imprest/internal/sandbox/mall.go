package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// mallUser is the purchase.Mall's User: everybody lives in one household.
func (w *world) mallUser(context.Context, string) (purchase.MallUser, error) {
	return purchase.MallUser{Caller: householder()}, nil
}

// mayAsk is the mall.Authorize of the merchant: who is logged in asks about the
// household, and about nothing else.
func (w *world) mayAsk(m *merchant) mall.Authorize {
	return func(_ context.Context, r *core.Request, call mall.Call) (mall.Caller, error) {
		if _, err := m.login.FromRequest(r); err != nil {
			return mall.Caller{}, err
		}
		caller := householder()
		device, known := w.household(call.DeviceID)
		switch {
		case call.DeviceID != "" && !known,
			call.UUID != "" && call.UUID != device.UUID,
			call.HomeID != "" && call.HomeID != testkit.TestHome().ID,
			call.UserID != "" && call.UserID != caller.UserID:
			return mall.Caller{}, mall.ErrForeign
		}
		return caller, nil
	}
}

// postMallPayment is wx.requestPayment for a mini program that runs elsewhere.
func (w *world) postMallPayment(_ context.Context, r *core.Request) (any, error) {
	var prepay testkit.WXPayment
	if err := json.Unmarshal(r.Body, &prepay); err != nil {
		return nil, invalid("the body must be the object that wx.requestPayment takes")
	}
	orderID, err := w.cloud.RequestPayment(prepay)
	if err != nil {
		return nil, err
	}
	return map[string]string{"orderId": orderID}, nil
}

// mallOrderView is an order of the fake mall as the control API shows it.
type mallOrderView struct {
	OrderID  string   `json:"orderId"`
	Status   string   `json:"orderStatus"`
	SKUCode  string   `json:"skuCode"`
	DeviceID string   `json:"device_id"`
	Amount   core.Fen `json:"amount"`
}

func (w *world) getMallOrders(context.Context, *core.Request) (any, error) {
	views := []mallOrderView{}
	for _, o := range slices.Backward(w.cloud.MallOrders()) {
		views = append(views, mallOrderView{o.OrderID, o.Status, o.SKUCode, o.DeviceID, o.AmountTrade})
	}
	return views, nil
}

// buyInMall walks from the login to the payment on the mall rail, as a mini
// program would, and returns the purchase's id.
func (w *world) buyInMall(ctx context.Context, b *browser) (id string, err error) {
	if err := w.logIn(ctx, b); err != nil {
		return "", err
	}
	wish, err := w.chooseInMall(ctx, b)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		bought, err := w.orderInMall(ctx, b, wish)
		if err != nil {
			return bought.ID, err
		}
		switch {
		case bought.Mall != nil && bought.Mall.PriceChanged:
			w.out.trouble("price", "the order %s costs something else: there is nothing to pay by", bought.Mall.OrderID)
			return bought.ID, nil
		case bought.State == purchase.Unpaid:
			return bought.ID, w.payInMall(bought)
		case try == 4 || bought.State != purchase.Expired || w.plan.has(cloudDown):
			return bought.ID, nil // and it is held against what was to be
		}
		w.out.trouble("order", "%s: the buyer begins again", bought.State)
	}
}

// chooseInMall picks the first commodity of the doorbell, at its first price.
func (w *world) chooseInMall(ctx context.Context, b *browser) ([]byte, error) {
	device := testkit.TestDoorbell()
	question, err := json.Marshal(map[string]string{"device_id": device.ID})
	if err != nil {
		return nil, err
	}
	var shelf page
	for try := 1; ; try++ {
		if shelf, err = b.send(ctx, http.MethodPost, b.base+"/mall/"+mall.OpGetCommodityList, "application/json", string(question), false); err != nil {
			return nil, fmt.Errorf("commodities: %w", err)
		}
		if shelf.status != http.StatusUnauthorized || try == 3 {
			break
		}
		w.out.trouble("commodities", "answered %d: the user logs in again", shelf.status)
		if err := w.logIn(ctx, b); err != nil {
			return nil, err
		}
	}
	var all []mall.Commodity
	if err := errors.Join(shelf.want("commodities", http.StatusOK), json.Unmarshal(shelf.body, &all)); err != nil {
		return nil, err
	}
	if len(all) == 0 || len(all[0].Prices) == 0 {
		return nil, errors.New("commodities: there are none")
	}
	commodity, price := all[0], all[0].Prices[0]
	w.out.step("commodity", "%s, %s yuan: %s", commodity.SKUCode, price.Price.Fen.Yuan(), commodity.Title)
	return json.Marshal(map[string]any{"mall": map[string]any{
		"device_id": device.ID, "name": device.Name, "uuid": device.UUID, "homeId": device.HomeID, "catalog_code": testkit.CatalogVoIP,
		"skuCode": commodity.SKUCode, "optionType": price.OptionType, "optionNo": price.OptionNo, "price": price.Price.Fen,
	}})
}

// orderInMall begins the purchase, and waits until it can be paid, or never will.
func (w *world) orderInMall(ctx context.Context, b *browser, wish []byte) (purchase.View, error) {
	answer, err := b.send(ctx, http.MethodPost, b.base+"/purchases", "application/json", string(wish), false)
	if err != nil {
		return purchase.View{}, fmt.Errorf("order: %w", err)
	}
	var bought purchase.View
	switch answer.status {
	case http.StatusCreated, http.StatusAccepted, http.StatusBadGateway:
	default:
		return bought, answer.want("order", http.StatusCreated)
	}
	if err := json.Unmarshal(answer.body, &bought); err != nil {
		return bought, fmt.Errorf("order: %w", err)
	}
	w.out.step("order", "purchase %s, %s", bought.ID, bought.State)
	for {
		shown, err := b.get(ctx, b.base+"/purchases/"+bought.ID)
		if err != nil {
			return bought, fmt.Errorf("order: %w", err)
		}
		bought = purchase.View{ID: bought.ID}
		if err := errors.Join(shown.want("order", http.StatusOK), json.Unmarshal(shown.body, &bought)); err != nil {
			return bought, err
		}
		waits := bought.State == purchase.Ordering || bought.State == purchase.Unpaid && bought.Mall.Prepay == nil && !bought.Mall.PriceChanged
		if !waits {
			return bought, nil
		}
		if err := w.moveOn(ctx, bought.ID); err != nil {
			return bought, fmt.Errorf("order: %w", err)
		}
	}
}

// payInMall is what wx.requestPayment does in the mini program.
func (w *world) payInMall(bought purchase.View) error {
	var prepay testkit.WXPayment
	if err := json.Unmarshal(bought.Mall.Prepay, &prepay); err != nil {
		return fmt.Errorf("payment: what there is to pay by: %w", err)
	}
	paid, err := w.cloud.RequestPayment(prepay)
	if err != nil {
		return fmt.Errorf("payment: %w", err)
	}
	if paid != bought.Mall.OrderID {
		return fmt.Errorf("payment: the order %s was paid, and the shop showed %s", paid, bought.Mall.OrderID)
	}
	w.out.step("payment", "wx.requestPayment: %s yuan for order %s", bought.Amount.Yuan(), bought.Mall.OrderID)
	return nil
}

// impliedOnMall returns the end that the faults of a run on the mall rail imply.
func (p *plan) impliedOnMall() end {
	e := end{state: purchase.Delivered, payments: 1, granted: true}
	switch {
	case p.has(priceChange):
		e.state, e.payments, e.granted = purchase.Unpaid, 0, false
	case p.has(cloudDown):
		e.state, e.payments, e.granted = purchase.Expired, 0, false
	}
	e.calls = e.granted && !p.has(callsRefused)
	return e
}

// verifyMall is verify for the mall rail.
func (w *world) verifyMall(ctx context.Context, id string) error {
	p, err := w.purchase(ctx, id)
	if err != nil {
		return err
	}
	want := w.plan.impliedOnMall()
	return w.holdAll(p, []invariant{
		{"the run ends as its faults imply", func() error {
			switch {
			case p.State != want.state:
				return fmt.Errorf("the purchase is %s, not %s: %s", p.State, want.state, p.Reason)
			case (want.state == purchase.Unpaid || want.state == purchase.Expired) && p.Reason == "":
				return fmt.Errorf("it is %s without a reason", p.State)
			}
			return nil
		}},
		{"every fault struck", w.allStruck},
		{"what was paid is granted once, or not at all", func() error { return w.provided(p, want.granted) }},
		{"one order is paid, at the price that was seen, and no other", func() error { return w.paidInMall(p, want.payments) }},
		{"the order is claimed for this purchase", func() error { return w.claimed(ctx, p) }},
		{"nothing to pay by is left", func() error {
			if len(p.Mall.Prepay) != 0 || len(p.View().Mall.Prepay) != 0 {
				return errors.New("there is")
			}
			return nil
		}},
		{"the device calls who allowed it", func() error { return w.callable(p, want) }},
		{"versions grow by one, by the table's steps", func() error { return legal(w.watch.history(id)) }},
		{"nothing was ordered or paid out at VVChat", func() error {
			if orders, payouts := len(w.platform.Trades()), len(w.platform.Payouts()); orders+payouts > 0 {
				return fmt.Errorf("%d orders and %d payouts", orders, payouts)
			}
			return nil
		}},
	})
}

// provided holds the purchase against the cloud's device.
func (w *world) provided(p purchase.Purchase, granted bool) error {
	services := 0
	for _, s := range w.cloud.Services(p.Mall.ID) {
		if s.Code == p.Mall.ServiceCode {
			services++
		}
	}
	switch {
	case granted && services != 1, !granted && services != 0:
		return fmt.Errorf("the device has the service %d times", services)
	case granted == p.DeliveredAt.IsZero():
		return fmt.Errorf("the record says otherwise: delivered_at %v", p.DeliveredAt)
	}
	return nil
}

// paidInMall holds the purchase against the mall's orders.
func (w *world) paidInMall(p purchase.Purchase, payments int) error {
	orders, paid := 0, 0
	for _, o := range w.cloud.MallOrders() {
		orders++
		if o.Status == testkit.MallOrderCreated {
			continue
		}
		paid++
		switch {
		case o.OrderID != p.Mall.OrderID:
			return fmt.Errorf("the order %s was paid, which is not the purchase's", o.OrderID)
		case o.AmountTrade != p.Amount, o.SKUCode != p.Mall.SKUCode, o.DeviceID != p.Mall.ID:
			return errors.New("the mall's order is another one")
		}
	}
	wanted := 1
	switch {
	case w.plan.has(cloudDown):
		wanted = 0
	case w.plan.has(orderUnheard):
		wanted = 2
	}
	if paid != payments || orders != wanted {
		return fmt.Errorf("the mall has %d orders and %d paid ones, not %d and %d", orders, paid, wanted, payments)
	}
	return nil
}

func (w *world) claimed(ctx context.Context, p purchase.Purchase) error {
	if p.Mall.OrderID == "" {
		if w.plan.has(cloudDown) {
			return nil
		}
		return errors.New("no order is known")
	}
	m, err := w.alive(ctx)
	if err != nil {
		return err
	}
	claim, err := m.store.Get(ctx, "order/"+p.Mall.OrderID)
	if err != nil {
		return fmt.Errorf("its claim: %w", err)
	}
	if string(claim.Body) != p.ID {
		return fmt.Errorf("its order is claimed for %s", claim.Body)
	}
	return nil
}

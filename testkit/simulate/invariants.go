package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// The invariants, by the names under which a Failure has them.
const (
	grantedOnce     = "granted at most once"
	grantedForMoney = "never granted without a genuine payment"
	refundedOnce    = "refunded at most once"
	neverBoth       = "never both granted and refunded"
	durableSuccess  = "success only after commit"
	nothingLost     = "an acknowledged callback survives any crash"
	versionsGrow    = "versions grow by one"
	theTable        = "only the table's transitions happen"
	settles         = "every paid purchase settles in a bounded number of sweeps"
	trueEnd         = "the record says what happened"
	oneCode         = "one code for one purchase"
	handedOnce      = "a payment is handed over once"
	playsOut        = "with nothing in its way, it sells"

	// Of the mall rail.
	orderOnce  = "an order proves one purchase for ever"
	orderOwn   = "delivered only for a paid order of its own"
	oneOpen    = "one open purchase per caller, device and SKU"
	boughtOnce = "an order is never made again"
	priceBound = "nothing to pay by above the price that was seen"
	paidKept   = "nothing paid is forgotten"
	personOnly = "a person is asked only where nobody can tell"
)

// sale is a purchase on record, and what has become of it in truth.
type sale struct {
	id, buyer string
	openID    string
	state     purchase.State
	body      []byte   // as committed
	code      string   // imprest_code, on record
	acked     []string // trade_nos
	grants    int
	refunds   int

	// Of the mall rail: device is "" on the other one.
	device   string
	amount   core.Fen
	buying   bool   // its order is, or was, about to be made, says the record
	buys     int    // how often that may have reached the mall
	late     bool   // it has expired before
	withheld bool   // nothing to pay by is handed out any more
	handed   string // the order that it was handed something to pay by for
	order    string // on record
	answered bool   // it was put on record what the mall answered
	trade    string // the order that is its payment on record
}

func (w *World) sale(id string) *sale {
	for _, s := range w.sales {
		if s.id == id {
			return s
		}
	}
	return nil
}

// commit writes to the disk, and holds the invariants of a write.
func (w *World) commit(r journal.Record) (journal.Record, error) {
	old := w.disk.records[r.ID]
	stored, err := w.disk.put(r)
	if err != nil {
		return stored, err
	}
	if old != nil && stored.Version != old.Version+1 || old == nil && stored.Version != 1 {
		w.fail(versionsGrow, "%s is at version %d", r.ID, stored.Version)
	}
	if id, ok := strings.CutPrefix(r.ID, purchase.Prefix); ok {
		w.written(id, stored.Body)
	}
	return stored, nil
}

// commitAll commits all of the records, or none.
func (w *World) commitAll(records []journal.Record) ([]journal.Record, error) {
	stored := make([]journal.Record, len(records))
	lost := false
	for i, r := range records {
		stored[i], _ = w.disk.get(r.ID)
		lost = lost || stored[i].Version != r.Version
	}
	if lost {
		return stored, journal.ErrConflict
	}
	for i, r := range records {
		stored[i], _ = w.commit(r)
	}
	return stored, nil
}

func (w *World) written(id string, body []byte) {
	s := w.sale(id)
	if s == nil {
		var p ended
		if err := json.Unmarshal(body, &p); err != nil || p.ID != id || p.State != purchase.Ordering && p.State != purchase.Unpaid {
			w.fail(theTable, "the purchase %s begins as %q", id, p.State)
		}
		s := &sale{id: id, buyer: p.Buyer, openID: p.Buyer, state: p.State, body: body}
		if p.Mall != nil {
			s.device, s.amount = p.Mall.DeviceID, p.Amount
		}
		w.sales = append(w.sales, s)
		return
	}
	state := w.stateIn(id, body)
	if !w.cache.next[s.state][state] {
		w.fail(theTable, "%s goes from %s to %s", id, s.state, state)
	}
	s.state, s.body = state, body
	if s.device != "" {
		w.mallWritten(s)
		return
	}
	s.code = codeIn(body)
	for _, trade := range s.acked {
		if !holds(body, trade) {
			w.fail(nothingLost, "the payment %s was acknowledged, and is not on record any more", trade)
		}
	}
	switch state {
	case purchase.Paid, purchase.Delivering, purchase.Delivered, purchase.Undeliverable, purchase.Refunding, purchase.Refunded:
		if !w.paid(id) && !w.plan.thief {
			w.fail(grantedForMoney, "%s is %s, and nobody paid", id, state)
		}
	}
}

// stateIn reads the state without decoding the rest: the record begins with id
// and state.
func (w *World) stateIn(id string, body []byte) purchase.State {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"id":"`)); ok {
		if rest, ok = bytes.CutPrefix(rest, []byte(id)); ok {
			if rest, ok = bytes.CutPrefix(rest, []byte(`","state":"`)); ok {
				if end := bytes.IndexByte(rest, '"'); end > 0 {
					return purchase.State(rest[:end])
				}
			}
		}
	}
	return purchase.State(stateOf(body))
}

// holds reports whether a record has the payment on it.
func holds(body []byte, trade string) bool {
	return bytes.Contains(body, []byte(`"trade_no":"`+trade+`"`))
}

// paid reports whether there is money for an order, as much as it costs.
func (w *World) paid(id string) bool {
	o := w.remote.order(id)
	return o != nil && len(o.payments) > 0
}

// granted counts a grant.
func (w *World) granted(id string) {
	s := w.sale(id)
	if s == nil {
		w.fail(grantedForMoney, "goods were granted for %q, which is no purchase on record", id)
	}
	s.grants++
	w.fact("granted", id, s.grants)
	switch {
	case s.grants > 1:
		w.fail(grantedOnce, "%s was granted twice", id)
	case !w.paid(id):
		w.fail(grantedForMoney, "%s was granted, and nobody paid", id)
	case s.refunds > 0:
		w.fail(neverBoth, "%s was granted, and its money had gone back", id)
	}
}

// refunded counts a payout, whose number may be anything: by who was paid.
func (w *World) refunded(p vvchat.Payout) error {
	for _, s := range w.sales {
		if s.openID != p.InOpenID || !w.paid(s.id) {
			continue
		}
		s.refunds++
		switch {
		case s.refunds > 1:
			w.fail(refundedOnce, "the money of %s went back twice", s.id)
		case s.grants > 0:
			w.fail(neverBoth, "the money of %s went back, and it had been granted", s.id)
		case p.Amount != w.remote.order(s.id).Amount:
			w.fail(refundedOnce, "%d fen went back for %s", p.Amount, s.id)
		}
		return nil
	}
	w.fail(refundedOnce, "money went to %s, who had not paid", p.InOpenID)
	return nil
}

// owes holds that a payment whose notification is being answered "success" is
// on disk.
func (w *World) owes(p *payment) {
	if w.plan.once {
		w.onceOwes(p)
		return
	}
	c := w.disk.records[purchase.Prefix+p.order.OutTradeNo]
	if c == nil || !holds(c.Body, p.trade) {
		w.fail(durableSuccess, "the payment %s is answered \"success\", and is not on disk", p.trade)
	}
}

// acked notes that the platform was told: it does not come again.
func (w *World) acked(p *payment) {
	p.answered = true
	w.fact("answered", p.trade, 0)
	if w.plan.once {
		w.booking(p.order.OutTradeNo).told = true
	}
	if s := w.sale(p.order.OutTradeNo); s != nil {
		s.acked = append(s.acked, p.trade)
	}
}

// settledAll reports whether nothing is left to do: every payment is
// acknowledged, and no purchase is between two states.
func (w *World) settledAll() bool {
	if p, out := w.unanswered(1 << 30); p != nil || out != nil || len(w.flights) > 0 || w.mallOwes() {
		return false
	}
	for _, s := range w.sales {
		switch s.state {
		case purchase.Delivered, purchase.Refunded, purchase.Attention:
		case purchase.Expired:
			if w.paid(s.id) || s.device != "" && w.mallPaid(s) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// settle is the end of a run: nothing goes wrong any more, the platform repeats
// what was not acknowledged, and sweeps run while time passes.
func (w *World) settle() {
	w.calm = true
	a := w.settler
	w.begin(a)
	w.note(a, "faults are off", "", "")
	for sweep := 0; !w.settledAll(); sweep++ {
		// Purchases that are due at different times take a sweep each.
		if sweep >= w.plan.bound*max(1, len(w.sales)) {
			w.fail(settles, "%d sweeps with no fault, and still: %s", sweep, w.standing())
		}
		for {
			p, out := w.unanswered(w.plan.posts + 1 + sweep)
			if p != nil {
				w.post(p, sweep%len(w.processes))
			} else if out != nil {
				w.postPayout(out, sweep%len(w.processes))
			} else {
				break
			}
		}
		a.process = -1
		for w.mallOwes() {
			w.mallServes()
		}
		if w.plan.once { // what is due there is due in 90 days
			w.goTo(w.now.Add(onceLease))
			continue
		}
		if w.plan.members > 0 && sweep > paceAfter {
			w.goTo(w.now.Add(paceBy)) // what shows nothing is given up after days
		} else if next := w.disk.nextDue(); next.After(w.now) {
			w.goTo(next)
		} else if sweep > 0 || next.IsZero() {
			w.goTo(w.now.Add(inFlight))
		}
		w.sweep(sweep % len(w.processes))
	}
	for _, s := range w.sales {
		if s.device != "" {
			w.finalMall(s)
		} else {
			w.finalCheck(s)
		}
	}
	if w.deviations == 0 {
		w.playedOut()
		w.mallPlayedOut()
	}
	if w.plan.codes > 0 {
		w.finalCodes()
	}
}

// playedOut holds that the run with nothing in its way is the whole story: a
// scenario in which nothing is ever sold would hold every invariant.
func (w *World) playedOut() {
	payments := 0
	for _, o := range w.remote.orders {
		payments += len(o.payments)
	}
	if payments != w.plan.buyers*w.plan.payments {
		w.fail(playsOut, "with no fault at all, %d payments were made, and not %d", payments, w.plan.buyers*w.plan.payments)
	}
}

func (w *World) standing() string {
	var all []string
	for _, s := range w.sales {
		all = append(all, fmt.Sprintf("%s is %s", s.id, s.state))
	}
	if p, _ := w.unanswered(1 << 30); p != nil {
		all = append(all, "the payment "+p.trade+" is not acknowledged")
	}
	return strings.Join(all, ", ")
}

// ended is what of a purchase.Purchase is held against the truth.
type ended struct {
	ID      string         `json:"id"`
	State   purchase.State `json:"state"`
	Reason  string         `json:"reason"`
	Buyer   string         `json:"buyer"`
	Amount  core.Fen       `json:"amount"`
	Payment *struct{}      `json:"payment"`
	Surplus []struct{}     `json:"surplus"`
	Mall    *struct {
		DeviceID string `json:"device_id"`
	} `json:"mall"`
}

// finalCheck holds a purchase's record against what has happened.
func (w *World) finalCheck(s *sale) {
	var p ended
	if err := json.Unmarshal(s.body, &p); err != nil {
		w.fail(trueEnd, "the record of %s is damaged: %v", s.id, err)
	}
	if w.plan.thief {
		return // what he signed cannot be told from the truth; to whom money goes can
	}
	o := w.remote.order(s.id)
	payments := 0
	if o != nil {
		payments = len(o.payments)
		for _, money := range o.payments {
			if !holds(s.body, money.trade) {
				w.fail(nothingLost, "the payment %s is not on record", money.trade)
			}
		}
	}
	if known := len(p.Surplus); p.Payment != nil && known+1 != payments || p.Payment == nil && payments+known != 0 {
		w.fail(trueEnd, "%s was paid %d times, and its record has other payments", s.id, payments)
	}
	if o != nil && p.Amount != o.Amount {
		w.fail(trueEnd, "%s is over %d fen, and %d were paid", s.id, p.Amount, o.Amount)
	}
	ends, why := w.plan.ends(w, s, payments), ""
	switch {
	case s.state == purchase.Delivered && s.grants != 1:
		why = "nothing was granted"
	case s.state == purchase.Refunded && (s.refunds != 1 || s.grants != 0):
		why = "its money has not gone back"
	case s.state == purchase.Expired && payments > 0:
		why = "it was paid"
	case !ends[s.state]:
		why = "it should not have ended so"
	}
	if why != "" {
		w.fail(trueEnd, "%s is %s (%s), and %s", s.id, s.state, p.Reason, why)
	}
}

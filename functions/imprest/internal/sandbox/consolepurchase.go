package sandbox

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// consoleList is how many purchases the console lists.
const consoleList = 40

// purchaseItem is a purchase in the list.
type purchaseItem struct {
	ID, Name, Amount, State, Word, Time, Stamp string
	Current                                    bool
}

// purchaseView is one purchase, whole.
type purchaseView struct {
	purchaseItem
	Began, PayUntil, Reason, By string
	Refund                      *purchase.Refund
	Wide, Tall                  machine
	Lanes                       []lane
	Rows                        []sequenceRow
	Mutators                    []testkit.MutatorInfo
	// Notifies says that the platform has a payment to tell of.
	Notifies bool
}

// lanes is the order of the parties: the buyer at the left, the merchant in the
// middle, whom he asks at the right.
var lanes = []party{partyPhone, partyShop, partyMerchant, partyPlatform, partyCloud, partyWeChat}

// lane is a party with a place in the sequence.
type lane struct{ Name, Word string }

// sequenceRow is a hop with its place: From and Span count lanes.
type sequenceRow struct {
	hop
	Href, Time, Millis, Ends, Outcome string
	From, Span                        int
	// Backward arrows point to the left. Note has no arrow; Bad failed; Cut
	// never arrived, or its answer did not.
	Backward, Note, Bad, Cut, Current bool
	// Aside says that there is room for its faults beside its arrow.
	Aside bool
	// Gap is the time that passed before, where it was long.
	Gap string
}

// gapFrom is how much time between two steps is worth saying.
const gapFrom = 20 * time.Second

// purchases is the page of a purchase, with the list of all beside it; without
// an id in its path it is the newest's.
func (c console) purchases(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "purchases", "purchases", v.W.Purchases
	id := v.request.PathValue("id")
	if err := c.deck(ctx, v); err != nil {
		return err
	}
	m, err := c.w.alive(ctx)
	if err != nil {
		return err
	}
	newest, err := m.purchases(ctx, consoleList, nil)
	if err != nil {
		return err
	}
	if id == "" && len(newest) > 0 {
		id = newest[0].ID
	}
	for _, p := range newest {
		v.List = append(v.List, c.item(p, v.W, p.ID == id))
	}
	if id == "" {
		v.Purchase = &purchaseView{}
		v.Purchase.draw(nil, v.W)
		return nil
	}
	if journal.CheckID(purchase.Prefix+id) != nil {
		return journal.ErrNotFound
	}
	p, err := m.shop.Get(ctx, id)
	if err != nil {
		return err
	}
	if v.Purchase, err = c.whole(ctx, p, v); err != nil {
		return err
	}
	v.Title = v.Purchase.Name + " · " + v.Purchase.Word
	if opened := v.query.Get("hop"); opened != "" {
		if v.Hop, err = c.opened(ctx, opened, v); err == nil { // one that is gone is not shown
			v.Hop.Purchase = id
		}
	}
	return nil
}

func (c console) item(p purchase.Purchase, words consoleWords, current bool) purchaseItem {
	at := p.CreatedAt.Local()
	return purchaseItem{
		ID: p.ID, Name: c.called(p, words.Lang), Amount: "¥" + p.Amount.Yuan(), State: string(p.State), Word: words.States[string(p.State)],
		Time: at.Format(time.TimeOnly), Stamp: at.Format(time.DateTime), Current: current,
	}
}

// called is what a purchase is of.
func (c console) called(p purchase.Purchase, lang string) string {
	names := shopWordsIn(lang).Names
	for _, o := range offers() {
		if o.ID == p.OfferID {
			return names[o.Service] + " · " + o.Device.Name
		}
	}
	return cmp.Or(p.Title, p.ID)
}

// whole reads everything that the page of a purchase shows.
func (c console) whole(ctx context.Context, p purchase.Purchase, v *consoleView) (*purchaseView, error) {
	view := &purchaseView{purchaseItem: c.item(p, v.W, true), Reason: v.Say(p.Reason), Refund: p.Refund, Began: p.CreatedAt.Local().Format(time.DateTime), Mutators: testkit.Mutators()}
	for i := range view.Mutators {
		view.Mutators[i].Doc = v.Say(view.Mutators[i].Doc)
	}
	if !p.PayUntil.IsZero() && p.Payment == nil {
		view.PayUntil = p.PayUntil.Local().Format(time.DateTime)
	}
	if p.Payment != nil {
		view.By, view.Notifies = v.Say(p.Payment.By), p.Mall == nil
	}
	view.draw(wentThrough(p), v.W)
	hops, err := c.w.hops(ctx, p)
	if err != nil {
		return nil, err
	}
	view.lay(hops, v)
	return view, nil
}

// draw draws the state machine, for wide pages and for narrow ones.
func (view *purchaseView) draw(went []purchase.State, words consoleWords) {
	view.Wide, view.Tall = drawMachine("wide", acrossThePage, went, words.States), drawMachine("tall", downThePage, went, words.States)
}

// lay gives every hop its place. Only who took part has a lane.
func (view *purchaseView) lay(hops []hop, v *consoleView) {
	var order []party
	for _, p := range lanes {
		if p == partyMerchant || slices.ContainsFunc(hops, func(h hop) bool { return h.From == p || h.To == p }) {
			order = append(order, p)
			view.Lanes = append(view.Lanes, lane{string(p), v.W.Parties[string(p)]})
		}
	}
	current := v.query.Get("hop")
	var before time.Time
	for _, h := range hops {
		v.translate(&h)
		from, to := slices.Index(order, h.From), slices.Index(order, h.To)
		at := h.At.Local()
		row := sequenceRow{
			hop: h, Href: consolePath + "purchases/" + view.ID + "?hop=" + h.ID, Time: at.Format(time.TimeOnly), Millis: at.Format(".000"), Current: h.ID == current,
			Bad: h.Failed != "", Ends: v.W.Parties[string(h.From)], Outcome: v.Say(h.Answer), From: from,
		}
		if to >= 0 && to != from {
			row.From, row.Span, row.Backward = min(from, to), max(from, to)-min(from, to), to < from
			row.Ends += " → " + v.W.Parties[string(h.To)]
			row.Cut = h.Status == 0 && h.Kind != hopAct
		} else {
			row.Note = true
		}
		row.Aside = !row.Bad && row.From+row.Span < len(order)-1
		if gap := h.At.Sub(before); !before.IsZero() && gap >= gapFrom {
			row.Gap = span(gap)
		}
		before = h.At
		view.Rows = append(view.Rows, row)
	}
}

// translate says of a hop what is said on this page. What was sent stays as it
// was, and so does the name of a call.
func (v *consoleView) translate(h *hop) {
	h.Failed = v.Say(h.Failed)
	switch h.Kind {
	case hopWrite:
		before, after, moved := strings.Cut(h.Label, " → ")
		h.Label = cmp.Or(v.W.States[before], before)
		if moved {
			h.Label += " → " + cmp.Or(v.W.States[after], after)
		}
	case hopNotification, hopAct:
		h.Label = v.Say(h.Label)
	}
}

// openView is a hop opened.
type openView struct {
	opened
	Time, Ends string
	// Purchase is where it is shown among the others, if that is known.
	Purchase string
	// Explain is where its body can be explained; "" if it is not signed.
	Explain string
	// Wrong says that it was refused, or failed.
	Wrong bool
}

func (c console) opened(ctx context.Context, id string, v *consoleView) (*openView, error) {
	o, err := c.w.open(ctx, id)
	if err != nil {
		return nil, err
	}
	v.translate(&o.hop)
	o.Reason = v.Say(o.Reason)
	view := &openView{opened: o, Time: o.At.Local().Format("2006-01-02 15:04:05.000"), Ends: v.W.Parties[string(o.From)], Purchase: v.request.PathValue("id")}
	if o.To != "" {
		view.Ends += " → " + v.W.Parties[string(o.To)]
	}
	if o.Canonical != "" {
		view.Explain = consolePath + "explain?hop=" + id
	}
	view.Wrong = o.Verdict == "reject" || o.Failed != ""
	return view, nil
}

// TookText is how long it lasted.
func (o *openView) TookText() string {
	if o.Took < time.Millisecond {
		return o.Took.Round(time.Microsecond).String()
	}
	return o.Took.Round(time.Millisecond / 10).String()
}

// hopPage shows a hop on a page of its own.
func (c console) hopPage(ctx context.Context, v *consoleView) error {
	v.Page, v.Tab, v.Title = "hop", "purchases", v.W.Hop
	hop, err := c.opened(ctx, v.request.PathValue("id"), v)
	if err != nil {
		return err
	}
	v.Hop, v.Title = hop, hop.Label
	hop.Purchase = v.query.Get("purchase")
	return nil
}

package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// faultView is a fault as the control API shows it.
type faultView struct {
	Name   string `json:"name"`
	About  string `json:"about,omitempty"`
	OnMall string `json:"on_mall,omitempty"`
	On     bool   `json:"on"`
	// Times is how often it has struck in this process.
	Times int `json:"times"`
}

// faultList returns every fault, in the order of the list.
func (w *world) faultList() []faultView {
	var list []faultView
	for _, f := range FaultList() {
		list = append(list, faultView{f.Name, f.About, f.OnMall, w.plan.has(f.Name), w.plan.times(f.Name)})
	}
	return list
}

// switchFault switches a fault on or off: plan.switchTo has the errors.
func (w *world) switchFault(name string, on bool) error {
	if err := w.plan.switchTo(name, on); err != nil {
		return err
	}
	w.bus.publish("faults", map[string]any{"name": name, "on": on})
	return nil
}

func (w *world) getFaults(context.Context, *core.Request) (any, error) { return w.faultList(), nil }

func (w *world) postFaults(ctx context.Context, r *core.Request) (any, error) {
	var wish struct {
		Name string `json:"name"`
		On   *bool  `json:"on"`
	}
	if err := json.Unmarshal(r.Body, &wish); err != nil || wish.Name == "" || wish.On == nil {
		return nil, invalid(`the body must be an object such as {"name": "duplicate", "on": true}`)
	}
	if err := w.switchFault(wish.Name, *wish.On); err != nil {
		return nil, err
	}
	return w.getFaults(ctx, r)
}

// crashNow ends this life of the merchant, whatever it is at, and returns when
// the next one has begun.
func (w *world) crashNow(ctx context.Context) error {
	m := w.current.Load()
	m.store.die.Do(func() { close(m.store.dead) })
	select {
	case <-m.replaced:
		return nil
	case <-ctx.Done():
		return &core.Error{Code: core.CodeUnknown, Err: fmt.Errorf("the merchant has not started again yet: %w", ctx.Err())}
	}
}

func (w *world) postCrash(ctx context.Context, _ *core.Request) (any, error) {
	if err := w.crashNow(ctx); err != nil {
		return nil, err
	}
	return map[string]bool{"started_again": true}, nil
}

// notified is what came of a notification.
type notified struct {
	Status int    `json:"status"`
	Answer string `json:"answer"`
	// Hop is its id.
	Hop string `json:"hop,omitempty"`
	// Failed says why it was not taken.
	Failed string `json:"failed,omitempty"`
	// Want is what a strict merchant makes of it: "deliver", "acknowledge" or
	// "refuse"; "" where that does not follow.
	Want testkit.Verdict `json:"want,omitempty"`
}

// notifyAgain has the platform send the notification of an order's payment
// again, with the faults that are on; or changed by mutators, as somebody else
// might send it. What would say that an order is paid which the platform has
// not seen paid is core.CodeConflict.
func (w *world) notifyAgain(ctx context.Context, outTradeNo string, mutators []string) (notified, error) {
	list, want, err := readMutators(mutators)
	if err != nil {
		return notified{}, err
	}
	p, err := w.current.Load().shop.Get(ctx, outTradeNo)
	if err != nil {
		return notified{}, err
	}
	fields := testkit.PaymentFields{AppID: p.AppID, OutTradeNo: p.ID, Amount: p.Amount}
	trade, known := w.platform.Trade(p.ID)
	switch {
	case p.Mall != nil:
		return notified{}, conflicting("the mall sends no notifications: its orders are read")
	case known && trade.Status != testkit.Paid && want == testkit.VerdictDeliver:
		return notified{}, conflicting("nobody has paid that order: pay it on the phone, or choose what a merchant must refuse")
	case known && trade.Status == testkit.Paid && len(list) == 0:
		return w.redeliver(ctx, p.ID)
	case known:
		fields.TradeNo, fields.OpenID, fields.TradeTime, fields.PayTime = trade.TradeNo, trade.OpenID, trade.Ordered, trade.PayTime
	}
	message := testkit.SignedPayment(fields, list...)
	address := w.base + "/callbacks/payment"
	x := testkit.Exchange{
		Seq: w.tape.nextSent(), Peer: sentPeer, Call: testkit.CallNotification, Time: w.clock.Now(), Method: message.Method, Path: address, Query: message.Query,
		Header: message.Request("/").Header, Body: string(message.Body), AppID: p.AppID, OutTradeNo: p.ID, Canonical: message.Canonical,
	}
	for _, m := range list {
		x.Faults = append(x.Faults, testkit.FaultKind(m))
	}
	began := time.Now()
	resp, err := message.Post(ctx, w.notifies, address)
	x.Took = time.Since(began)
	if err != nil {
		x.Err = err.Error()
	} else {
		x.Status, x.AnswerHeader, x.Answer = resp.Status, resp.Header, string(resp.Body)
	}
	f := w.tape.exchanged(x)
	w.note(f)
	return w.outcome(f, want), nil
}

// sentPeer is who sends what no fake has sent.
const sentPeer testkit.Peer = "sent"

// redeliver has the platform itself send it.
func (w *world) redeliver(ctx context.Context, id string) (notified, error) {
	if _, err := w.platform.Redeliver(ctx, id); err != nil {
		return notified{}, err
	}
	frames := w.tape.all()
	for i := len(frames) - 1; i >= 0; i-- {
		if f := frames[i]; f.purchase == id && f.exchange != nil && f.exchange.Call == testkit.CallNotification {
			return w.outcome(f, ""), nil
		}
	}
	return notified{Failed: "it was never sent"}, nil // by a fault
}

func (w *world) outcome(f *frame, want testkit.Verdict) notified {
	h := f.hop(w.masks())
	return notified{Status: h.Status, Answer: h.Answer, Hop: h.ID, Failed: h.Failed, Want: want}
}

// readMutators looks names up. The verdict is that of one mutator, or of
// several that all leave the notification genuine.
func readMutators(names []string) (list []testkit.Mutator, want testkit.Verdict, err error) {
	want = testkit.VerdictDeliver
	for _, name := range names {
		info, ok := testkit.FindMutator(name)
		if !ok {
			return nil, "", invalid(fmt.Sprintf("there is no mutator %.40q: GET /_sandbox/mutators lists them", name))
		}
		list = append(list, info.Name)
		if info.Verdict != testkit.VerdictDeliver {
			want = info.Verdict
			if len(names) > 1 {
				want = ""
			}
		}
	}
	return list, want, nil
}

func conflicting(reason string) error {
	return &core.Error{Code: core.CodeConflict, Err: fmt.Errorf("%s", reason)}
}

func (w *world) postNotify(ctx context.Context, r *core.Request) (any, error) {
	var wish struct {
		OutTradeNo string   `json:"out_trade_no"`
		Mutate     []string `json:"mutate"`
	}
	if err := json.Unmarshal(r.Body, &wish); err != nil || !isIdentifier(wish.OutTradeNo) {
		return nil, invalid(`the body must be an object such as {"out_trade_no": "…", "mutate": ["wrong-key"]}`)
	}
	return w.notifyAgain(ctx, wish.OutTradeNo, wish.Mutate)
}

// mutatorView is a mutator as the control API shows it.
type mutatorView struct {
	Name  testkit.Mutator `json:"name"`
	About string          `json:"about"`
	Want  testkit.Verdict `json:"want"`
}

func (w *world) getMutators(context.Context, *core.Request) (any, error) {
	var list []mutatorView
	for _, info := range testkit.Mutators() {
		list = append(list, mutatorView{info.Name, info.Doc, info.Verdict})
	}
	return list, nil
}

// explain reads a message under the test account's key: sign.Explain.
func (w *world) explain(body, contentType, theirs string) sign.Explanation {
	var keys []core.Secret
	for _, account := range w.platform.Accounts() {
		keys = append(keys, account.AppKey)
	}
	return sign.Explain(cmp.Or(contentType, "application/json"), []byte(body), theirs, keys...)
}

func (w *world) postExplain(_ context.Context, r *core.Request) (any, error) {
	var wish struct {
		Body        string `json:"body"`
		ContentType string `json:"content_type"`
		Theirs      string `json:"theirs"`
	}
	if err := json.Unmarshal(r.Body, &wish); err != nil {
		return nil, invalid(`the body must be an object such as {"body": "…", "content_type": "application/json", "theirs": "…"}`)
	}
	if len(wish.Body) > core.MaxBody || len(wish.Theirs) > core.MaxBody {
		return nil, invalid(fmt.Sprintf("body and theirs may be %d bytes long", core.MaxBody))
	}
	return w.explain(wish.Body, wish.ContentType, wish.Theirs), nil
}

// recordView is a record as the control API shows it, secrets masked.
type recordView struct {
	ID      string    `json:"id"`
	Version int64     `json:"version"`
	Due     time.Time `json:"due,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Body is JSON as it is, and anything else as a string.
	Body json.RawMessage `json:"body"`
}

// records returns the records whose id begins with prefix and comes after
// after, at most limit.
func (w *world) records(ctx context.Context, prefix, after string, limit int) ([]recordView, error) {
	found, err := w.current.Load().store.List(ctx, prefix, after, limit)
	if err != nil {
		return nil, err
	}
	m := w.masks()
	list := []recordView{}
	for _, r := range found {
		body := json.RawMessage(m.record(r.ID, r.Body))
		if !json.Valid(body) {
			if body, err = json.Marshal(string(body)); err != nil {
				return nil, err
			}
		}
		list = append(list, recordView{r.ID, r.Version, r.Due, r.Expires, body})
	}
	return list, nil
}

func (w *world) getJournal(ctx context.Context, r *core.Request) (any, error) {
	query, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		return nil, invalid("the query cannot be read")
	}
	limit := 100
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 500 {
			return nil, invalid("limit must be 1 to 500")
		}
	}
	return w.records(ctx, query.Get("prefix"), query.Get("after"), limit)
}

// advanceToNext moves the clock to nextDue.
func (w *world) advanceToNext(ctx context.Context) error {
	next, err := w.nextDue(ctx)
	if err != nil {
		return err
	}
	if next.IsZero() {
		return conflicting("nothing will happen by itself")
	}
	return w.advance(ctx, max(next.Sub(w.clock.Now()), time.Millisecond))
}

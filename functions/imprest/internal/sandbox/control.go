package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/functions/imprest/internal/chinese"
	"github.com/imprest-go/imprest/testkit"
)

// maxControlBody is how much a request to the control API may hold: some
// hundred thousand orders.
const maxControlBody = 16 << 20

// maxAdvance is how far the clock moves at once: a little more than an expired
// order is watched.
const maxAdvance = 100 * 24 * time.Hour

// eventsPath is where the events of the sandbox are told.
const eventsPath = "/_sandbox/events"

// controlCall is one call of the control API.
type controlCall struct {
	Method, Path, About string
	handle              func(ctx context.Context, r *core.Request) (any, error)
}

// Link reports whether a browser can just open it.
func (c controlCall) Link() bool { return c.Method == http.MethodGet && !strings.Contains(c.Path, "{") }

func (w *world) controlCalls() []controlCall {
	return []controlCall{
		{"POST", "/_sandbox/orders", `puts unpaid orders on record whose delivery only counts: [{"out_trade_no": "…", "amount": fen, "app_id": "test"}]`, w.postOrders},
		{"GET", "/_sandbox/deliveries", "how often each purchase was delivered, by out_trade_no", w.getDeliveries},
		{"POST", "/_sandbox/payouts", `puts pending payouts on record: [{"out_order_no": "…", "amount": fen}]`, w.postPayouts},
		{"GET", "/_sandbox/payouts", "pending, done or failed, by out_order_no", w.getPayouts},
		{"GET", "/_sandbox/purchases", "the newest purchases as they are on record; ?limit= up to 500", w.getPurchases},
		{"GET", "/_sandbox/purchases/{id}", "one purchase as it is on record", w.getPurchase},
		{"GET", "/_sandbox/purchases/{id}/hops", "what happened about one purchase, step by step, the oldest first", w.getHops},
		{"GET", "/_sandbox/hops/{id}", "one step with its request, its signature and its answer", w.getHop},
		{"GET", "/_sandbox/codes", "how many exchange codes are free, reserved, used or in quarantine, by catalog_code", w.getCodes},
		{"POST", "/_sandbox/mall-payments", `pays an order of the mall, as wx.requestPayment does: {"timeStamp": "…", "nonceStr": "…", "package": "…", "signType": "…", "paySign": "…"}`, w.postMallPayment},
		{"GET", "/_sandbox/mall-orders", "the orders of the fake mall, the newest first", w.getMallOrders},
		{"GET", "/_sandbox/robot-events", "what the robot was told, the newest first", w.getRobotEvents},
		{"GET", "/_sandbox/requests", "what the platform, the cloud and WeChat were asked, and what the platform sent", w.getRequests},
		{"POST", "/_sandbox/sweep", "does everything that is due, now", w.postSweep},
		{"GET", "/_sandbox/clock", "what time it is in the sandbox, and when something happens next by itself", w.getClock},
		{"POST", "/_sandbox/clock", `moves the clock ahead: {"advance": "15m"}, or {"to": "next"} to when something happens by itself`, w.postClock},
		{"GET", "/_sandbox/faults", "every fault: whether it is on, and how often it has struck", w.getFaults},
		{"POST", "/_sandbox/faults", `switches one fault on or off: {"name": "duplicate", "on": true}`, w.postFaults},
		{"POST", "/_sandbox/crash", "the merchant crashes now, and starts again from the journal", w.postCrash},
		{"GET", "/_sandbox/mutators", "what a notification can be changed by, and what a strict merchant makes of it", w.getMutators},
		{"POST", "/_sandbox/notify", `sends an order's notification again, changed if you like: {"out_trade_no": "…", "mutate": ["wrong-key"]}`, w.postNotify},
		{"POST", "/_sandbox/explain", `shows what of a message is signed, and where two sides part: {"body": "…", "content_type": "…", "theirs": "…"}`, w.postExplain},
		{"GET", "/_sandbox/journal", "the records of the journal, by id; ?prefix=, ?after= and ?limit= up to 500", w.getJournal},
		{"GET", eventsPath, "server-sent events: purchase, hop, notification, clock, faults, payout, codes", nil},
	}
}

// controlHandler serves the control API, and the console. It is there
// only where nobody but this machine reaches the merchant.
func (w *world) controlHandler() http.Handler {
	if !w.local {
		return nethttp.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Refuse(http.StatusNotFound) }))
	}
	routes := console{w, chinese.Open()}.routes()
	for _, call := range w.controlCalls() {
		if call.handle == nil {
			continue // it streams, which no core.Handler does
		}
		routes[call.Method+" "+call.Path] = core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
			return w.controlAnswer(call.handle(ctx, r))
		})
	}
	// A page from elsewhere, in the browser of whoever runs the sandbox, must
	// not reach this: neither by a rebound name nor by a form.
	foreign := http.NewCrossOriginProtection()
	answers := nethttp.Config{MaxBody: maxControlBody, Logger: w.log}.Wrap(routes)
	return onlyLoopback(foreign.Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath {
			w.serveEvents(rw, r)
			return
		}
		answers.ServeHTTP(rw, r)
	})))
}

// controlAnswer says what went wrong in words, unlike every other handler: who
// asks is the developer.
func (w *world) controlAnswer(v any, err error) *core.Response {
	status := http.StatusOK
	switch code := core.CodeOf(err); {
	case err == nil:
		return core.JSON(status, v)
	case code == core.CodeInvalid, code == core.CodeForged:
		status = http.StatusBadRequest
	case code == core.CodeNotFound:
		status = http.StatusNotFound
	case code == core.CodeConflict:
		status = http.StatusConflict
	default:
		status = http.StatusServiceUnavailable
		w.log.Error("control call failed", "code", string(code), "reason", err.Error())
	}
	return core.JSON(status, map[string]string{"error": err.Error()})
}

// postOrders puts orders on record. All are looked at before one is written.
func (w *world) postOrders(ctx context.Context, r *core.Request) (any, error) {
	entries, err := readEntries(r.Body, "out_trade_no")
	if err != nil {
		return nil, err
	}
	m := w.current.Load()
	amounts := map[string]entry{}
	for i, e := range entries {
		if other, twice := amounts[e.id]; twice && other != e {
			return nil, conflict(i, "out_trade_no", e.id)
		}
		amounts[e.id] = e
		stored, err := m.shop.Get(ctx, e.id)
		if err == nil && (stored.AppID != e.appID || stored.Amount != e.amount) {
			return nil, conflict(i, "out_trade_no", e.id)
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, err
		}
	}
	for i, e := range entries {
		_, err := m.shop.Import(ctx, purchase.Purchase{ID: e.id, AppID: e.appID, Amount: e.amount})
		if errors.Is(err, journal.ErrConflict) { // by somebody else, since the look
			return nil, conflict(i, "out_trade_no", e.id)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return map[string]int{"orders": len(entries)}, nil
}

func (w *world) getDeliveries(ctx context.Context, _ *core.Request) (any, error) {
	return deliveries(ctx, w.current.Load().store)
}

func (w *world) postPayouts(ctx context.Context, r *core.Request) (any, error) {
	entries, err := readEntries(r.Body, "out_order_no")
	if err != nil {
		return nil, err
	}
	store := w.current.Load().store
	amounts := map[string]entry{}
	for i, e := range entries {
		if other, twice := amounts[e.id]; twice && other != e {
			return nil, conflict(i, "out_order_no", e.id)
		}
		amounts[e.id] = e
		var stored payout
		err := edit(ctx, store, payoutPrefix+e.id, &stored, func(exists bool) error {
			if exists && (stored.AppID != e.appID || stored.Amount != e.amount) {
				return conflict(i, "out_order_no", e.id)
			}
			return errUnchanged
		})
		if err != nil {
			return nil, err
		}
	}
	for i, e := range entries {
		err := importPayout(ctx, store, payout{OutOrderNo: e.id, AppID: e.appID, Amount: e.amount, State: payoutPending})
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return map[string]int{"payouts": len(entries)}, nil
}

func (w *world) getPayouts(ctx context.Context, _ *core.Request) (any, error) {
	return payouts(ctx, w.current.Load().store)
}

func (w *world) getPurchases(ctx context.Context, r *core.Request) (any, error) {
	limit := 100
	if query, err := url.ParseQuery(r.RawQuery); err != nil {
		return nil, invalid("the query cannot be read")
	} else if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 500 {
			return nil, invalid("limit must be 1 to 500")
		}
	}
	found, err := w.current.Load().purchases(ctx, limit, nil)
	if found == nil {
		found = []purchase.Purchase{}
	}
	return found, err
}

func (w *world) getPurchase(ctx context.Context, r *core.Request) (any, error) {
	id := r.PathValue("id")
	if journal.CheckID(purchase.Prefix+id) != nil {
		return nil, journal.ErrNotFound
	}
	return w.current.Load().shop.Get(ctx, id)
}

func (w *world) postSweep(ctx context.Context, _ *core.Request) (any, error) {
	return w.current.Load().sweeper.Reconcile(ctx)
}

func (w *world) getClock(ctx context.Context, _ *core.Request) (any, error) {
	times := map[string]time.Time{"now": w.clock.Now().UTC()}
	if next, err := w.nextDue(ctx); err == nil && !next.IsZero() { // the time can be told without a journal
		times["next"] = next.UTC()
	}
	return times, nil
}

func (w *world) postClock(ctx context.Context, r *core.Request) (any, error) {
	var wish struct {
		Advance string `json:"advance"`
		To      string `json:"to"`
	}
	if err := json.Unmarshal(r.Body, &wish); err != nil {
		return nil, invalid(`the body must be an object such as {"advance": "15m"}`)
	}
	if wish.To == "next" && wish.Advance == "" {
		if err := w.advanceToNext(ctx); err != nil {
			return nil, err
		}
		return w.getClock(ctx, r)
	}
	by, err := time.ParseDuration(wish.Advance)
	if err != nil || by <= 0 || by > maxAdvance {
		return nil, invalid(`advance must be a time such as "90s", "15m" or "36h", at most 2400h`)
	}
	if err := w.advance(ctx, by); err != nil {
		return nil, err
	}
	return w.getClock(ctx, r)
}

func (w *world) getCodes(ctx context.Context, _ *core.Request) (any, error) {
	m := w.current.Load()
	all := map[string]map[purchase.CodeState]int{}
	for _, catalog := range testkit.TestCatalogs() {
		stock, err := m.codes.Stock(ctx, catalog.Code)
		if err != nil {
			return nil, err
		}
		all[catalog.Code] = stock
	}
	return all, nil
}

// exchange is a request of a fake's record, as the control API shows it.
type exchange struct {
	Peer testkit.Peer `json:"peer"`
	// Seq counts the requests of one fake.
	Seq        int                 `json:"seq"`
	Call       testkit.Call        `json:"call,omitempty"`
	Time       time.Time           `json:"time"`
	TookMicros int64               `json:"took_us"`
	Method     string              `json:"method"`
	Path       string              `json:"path"`
	Query      string              `json:"query,omitempty"`
	Body       string              `json:"body,omitempty"`
	Canonical  string              `json:"canonical,omitempty"`
	Status     int                 `json:"status,omitempty"`
	Answer     string              `json:"answer,omitempty"`
	Err        string              `json:"error,omitempty"`
	AppID      string              `json:"app_id,omitempty"`
	OutTradeNo string              `json:"out_trade_no,omitempty"`
	OutOrderNo string              `json:"out_order_no,omitempty"`
	DeviceID   string              `json:"device_id,omitempty"`
	Faults     []testkit.FaultKind `json:"faults,omitempty"`
}

func (w *world) getRequests(context.Context, *core.Request) (any, error) {
	all := append(w.platform.Requests(), w.cloud.Requests()...)
	slices.SortStableFunc(all, func(a, b testkit.Exchange) int { return a.Time.Compare(b.Time) })
	list := []exchange{}
	for _, e := range all {
		list = append(list, exchange{
			Peer: e.Peer, Seq: e.Seq, Call: e.Call, Time: e.Time.UTC(), TookMicros: e.Took.Microseconds(), Method: e.Method, Path: e.Path, Query: e.Query, Body: e.Body,
			Canonical: e.Canonical, Status: e.Status, Answer: e.Answer, Err: e.Err, AppID: e.AppID, OutTradeNo: e.OutTradeNo, OutOrderNo: e.OutOrderNo, DeviceID: e.DeviceID, Faults: e.Faults,
		})
	}
	return list, nil
}

// entry is one order or payout that is to be put on record.
type entry struct {
	id     string
	appID  string
	amount core.Fen
}

// readEntries reads a list of orders or payouts, whose number is called key.
// Keys that it does not know are ignored. Its error names the entry at fault.
func readEntries(body []byte, key string) ([]entry, error) {
	var list []map[string]json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&list); err != nil || list == nil {
		return nil, invalid("the body must be a JSON list of objects")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, invalid("something follows the list")
	}
	entries := make([]entry, 0, len(list))
	for i, object := range list {
		e := entry{appID: testkit.TestAccount().AppID}
		if !isText(object[key], &e.id) || !isIdentifier(e.id) {
			return nil, invalid(fmt.Sprintf("entry %d: %s must be a string of 1 to 64 of A-Z, a-z, 0-9, _ and -", i, key))
		}
		amount, err := core.ParseFen(string(object["amount"]))
		if err != nil || amount == 0 {
			return nil, invalid(fmt.Sprintf("entry %d: amount must be an integer of fen, greater than 0", i))
		}
		e.amount = amount
		if raw, given := object["app_id"]; given && (!isText(raw, &e.appID) || !isIdentifier(e.appID)) {
			return nil, invalid(fmt.Sprintf("entry %d: app_id must be a string of 1 to 64 of A-Z, a-z, 0-9, _ and -", i))
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func isText(raw json.RawMessage, text *string) bool {
	return len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, text) == nil
}

// isIdentifier reports whether s can be a number of the protocol.
func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func invalid(reason string) error { return core.Invalid("", reason) }

func conflict(i int, key, id string) error {
	return &core.Error{Code: core.CodeConflict, Err: fmt.Errorf("entry %d: %s %s is on record with another amount or app_id", i, key, id)}
}

package purchase_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// world is everything outside of a Service, in one place and without a
// network, so that every I/O of a run can be counted and made to fail. It
// watches the invariants while the run goes on.
type world struct {
	t     testing.TB
	now   time.Time
	rand  *rand.ChaCha8
	inner *journal.Memory

	// ios counts the I/O operations of the process that runs; faultAt is the
	// one that goes wrong, in the way of fault. dead says that the process
	// has crashed: nothing that it does has an effect any more.
	ios, faultAt int
	// apart says that the journal writes one record at a time.
	apart bool
	trace []string // what each operation was
	fault faultMode
	dead  bool

	orders    map[string]*remoteOrder
	untrusted bool
	paidOut   map[string]bool // by out_order_no: payouts that moved money
	payer     string          // whom the query names; "" is "buyer", "-" nobody
	store     string          // what a query names as store_no; "" is the right one
	renamed   bool            // a query names another out_trade_no
	status    int64           // what a query says; 0 is the truth
	grants    map[string]int
	// deliverErr, if set, is what Deliver returns in the place of granting.
	deliverErr func() error
	// lateGrant makes Deliver report a failure and grant all the same.
	lateGrant bool
	versions  map[string]int64
	states    map[string]purchase.State
	acked     map[string]string // trade_no → order, answered "success"
}

type remoteOrder struct {
	vvchat.Order
	code     string
	payments []string
}

type faultMode int

const (
	noFault       faultMode = iota
	crashBefore             // the process dies, the operation has no effect
	crashAfter              // the operation has its effect, then the process dies
	replyLost               // the effect is there, the caller is told "unknown"
	requestLost             // no effect, the caller is told "unknown"
	cleanFailure            // no effect, and the caller is told so
	lastFaultMode = cleanFailure
)

func (m faultMode) String() string {
	return []string{"no fault", "crash before", "crash after", "reply lost", "request lost", "clean failure"}[m]
}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, now: time.Unix(1_700_000_000, 0).UTC(), rand: rand.NewChaCha8([32]byte{1}), inner: journal.NewMemory(),
		orders: map[string]*remoteOrder{}, grants: map[string]int{}, versions: map[string]int64{},
		states: map[string]purchase.State{}, acked: map[string]string{}, paidOut: map[string]bool{},
	}
}

var errDead = errors.New("the process is dead")

// io runs one outward operation under the fault of this run.
func (w *world) io(what string, unknown, clean error, effect func() error) error {
	if w.dead {
		return errDead
	}
	w.ios++
	w.trace = append(w.trace, what)
	if w.ios != w.faultAt {
		return effect()
	}
	switch w.fault {
	case crashBefore:
		w.dead = true
		return errDead
	case crashAfter:
		_ = effect()
		w.dead = true
		return errDead
	case replyLost:
		_ = effect()
		return unknown
	case requestLost:
		return unknown
	case cleanFailure:
		return clean
	}
	return effect()
}

// restart begins a new process on the same journal.
func (w *world) restart() *purchase.Service {
	w.dead = false
	service, err := purchase.New(purchase.Config{
		Store: watchedStore{w}, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w},
		Catalog:   purchase.Offers{"voip": {Title: "VoIP", Amount: 100}},
		NotifyURL: "https://shop.example/callbacks/payment",
		Now:       func() time.Time { return w.now }, Rand: w.rand,
	})
	require.NoError(w.t, err)
	return service
}

// watchedStore is the journal, watched.
type watchedStore struct{ *world }

var (
	errStoreUnknown = journal.ErrUnknown
	errStoreClean   = errors.New("the disk is full")
)

func (s watchedStore) Put(ctx context.Context, r journal.Record) (stored journal.Record, err error) {
	ioErr := s.io(putName(r), errStoreUnknown, errStoreClean, func() error {
		stored, err = s.inner.Put(ctx, r)
		if err == nil {
			s.watch(stored)
		}
		return err
	})
	if ioErr != nil && !errors.Is(ioErr, journal.ErrConflict) {
		return journal.Record{}, ioErr
	}
	return stored, ioErr
}

// PutAll is there for every world; one that is apart says that it cannot.
func (s watchedStore) PutAll(ctx context.Context, records ...journal.Record) (stored []journal.Record, err error) {
	if s.apart {
		return nil, errors.ErrUnsupported
	}
	var names []string
	for _, r := range records {
		names = append(names, strings.TrimPrefix(putName(r), "write "))
	}
	ioErr := s.io("write "+strings.Join(names, " with "), errStoreUnknown, errStoreClean, func() error {
		stored, err = s.inner.PutAll(ctx, records...)
		for _, r := range stored {
			if err == nil {
				s.watch(r)
			}
		}
		return err
	})
	if ioErr != nil && !errors.Is(ioErr, journal.ErrConflict) {
		return nil, ioErr
	}
	return stored, ioErr
}

// putName says what a Put writes, for a table of faults.
func putName(r journal.Record) string {
	var body struct {
		State string `json:"state"`
	}
	_ = json.Unmarshal(r.Body, &body)
	return strings.TrimSpace("write " + kindOf(r.ID) + " " + body.State)
}

func kindOf(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	if kind == "p" {
		return "purchase"
	}
	return kind
}

// watch holds the invariants of a write: versions grow by one, and only the
// table's transitions happen.
func (w *world) watch(r journal.Record) {
	require.Equal(w.t, w.versions[r.ID]+1, r.Version, r.ID)
	w.versions[r.ID] = r.Version
	if !strings.HasPrefix(r.ID, purchase.Prefix) {
		return
	}
	var p purchase.Purchase
	require.NoError(w.t, json.Unmarshal(r.Body, &p))
	if before, ok := w.states[p.ID]; ok && before != p.State {
		require.Contains(w.t, before.Next(), p.State, "from %s", before)
	}
	w.states[p.ID] = p.State
	if p.State == purchase.Paid || p.State == purchase.Delivering || p.State == purchase.Delivered {
		require.NotNil(w.t, p.Payment)
		if w.deliverErr == nil && p.Mall == nil {
			require.Contains(w.t, w.orders[p.ID].payments, p.Payment.TradeNo, "delivering without a genuine payment")
		}
	}
}

func (s watchedStore) Get(ctx context.Context, id string) (r journal.Record, err error) {
	ioErr := s.io("read "+kindOf(id), errStoreClean, errStoreClean, func() error { r, err = s.inner.Get(ctx, id); return err })
	return r, ioErr
}

func (s watchedStore) Delete(ctx context.Context, id string, version int64) error {
	return s.io("delete "+kindOf(id), errStoreUnknown, errStoreClean, func() error { return s.inner.Delete(ctx, id, version) })
}

func (s watchedStore) Due(ctx context.Context, before time.Time, limit int) (rs []journal.Record, err error) {
	ioErr := s.io("ask what is due", errStoreClean, errStoreClean, func() error { rs, err = s.inner.Due(ctx, before, limit); return err })
	return rs, ioErr
}

func (s watchedStore) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	return s.inner.List(ctx, prefix, after, limit)
}

// fakePlatform is the platform as a Service sees it.
type fakePlatform struct{ *world }

func (fakePlatform) AppID() string   { return "test" }
func (fakePlatform) StoreNo() string { return "s1234" }
func (f fakePlatform) Trusted() bool { return !f.untrusted }

var (
	errPlatformUnknown = &core.Error{Op: "fake", Code: core.CodeUnknown, Err: errors.New("timed out")}
	errPlatformClean   = &core.Error{Op: "fake", Code: core.CodeUnreached, Err: errors.New("no route")}
	errPlatformRefused = &core.Error{Op: "fake", Code: core.CodeRefused, Err: &vvchat.PlatformError{Status: 400, ErrCode: 400}}
)

func (f fakePlatform) UnifiedOrder(_ context.Context, o vvchat.Order) (prepay vvchat.Prepay, err error) {
	ioErr := f.io("unified order", errPlatformUnknown, errPlatformClean, func() error {
		if f.orders[o.OutTradeNo] != nil {
			return errPlatformRefused
		}
		f.orders[o.OutTradeNo] = &remoteOrder{Order: o, code: "I" + o.OutTradeNo}
		prepay = vvchat.Prepay{ImprestCode: "I" + o.OutTradeNo}
		return nil
	})
	return prepay, ioErr
}

func (f fakePlatform) Query(_ context.Context, id string) (trade vvchat.Trade, err error) {
	unknown := &core.Error{Op: "fake", Code: core.CodeUnknown, Safe: true, Err: errors.New("timed out")}
	ioErr := f.io("query", unknown, errPlatformClean, func() error {
		o := f.orders[id]
		if o == nil {
			return errPlatformRefused
		}
		trade = vvchat.Trade{StoreNo: "s1234", OutTradeNo: id, ImprestCode: o.code, Amount: o.Amount}
		if len(o.payments) > 0 {
			trade.Status, trade.TradeNo, trade.OpenID = vvchat.StatusPaid, o.payments[0], "buyer"
			if f.payer != "" {
				trade.OpenID = strings.Trim(f.payer, "-")
			}
		}
		if f.store != "" {
			trade.StoreNo = f.store
		}
		if f.renamed {
			trade.OutTradeNo = "other"
		}
		if f.status != 0 {
			trade.Status = f.status
		}
		return nil
	})
	return trade, ioErr
}

// fakeDeliverer grants without looking whether it did before, so that a
// second Deliver shows.
type fakeDeliverer struct{ *world }

var (
	errDeliverUnknown = errors.New("the warehouse timed out")
	errDeliverClean   = &core.Error{Op: "warehouse", Code: core.CodeUnreached, Err: errors.New("no route")}
)

func (d fakeDeliverer) Deliver(_ context.Context, p purchase.Purchase) error {
	return d.io("Deliver", errDeliverUnknown, errDeliverClean, func() error {
		if d.deliverErr != nil {
			return d.deliverErr()
		}
		d.grants[p.ID]++
		require.LessOrEqual(d.t, d.grants[p.ID], 1, "granted twice")
		require.NotEmpty(d.t, d.orders[p.ID].payments, "granted without a payment")
		if d.lateGrant {
			return errDeliverUnknown
		}
		return nil
	})
}

func (d fakeDeliverer) Delivered(_ context.Context, p purchase.Purchase) (granted bool, err error) {
	ioErr := d.io("Delivered", errDeliverClean, errDeliverClean, func() error { granted = d.grants[p.ID] > 0; return nil })
	return granted, ioErr
}

// pay is what the user does on the phone.
func (w *world) pay(id string) string {
	o := w.orders[id]
	trade := fmt.Sprintf("T%s-%d", id, len(o.payments)+1)
	o.payments = append(o.payments, trade)
	return trade
}

// notify is one attempt of the platform's, and reports whether it was told
// "success".
func (w *world) notify(s *purchase.Service, id, trade string) bool {
	err := s.Paid(w.t.Context(), callback.PaymentNotice{
		AppID: "test", OutTradeNo: id, TradeNo: trade, OpenID: "buyer", Amount: w.orders[id].Amount, Status: callback.StatusPaid, PayTime: w.now,
	})
	if w.dead {
		return false // a dead process answers nothing
	}
	if err == nil {
		w.acked[trade] = id
	}
	return err == nil
}

// settleAll lets time pass, with every fault over, until nothing is due soon:
// notifications are repeated until they are acknowledged, sweeps run.
func (w *world) settleAll(s *purchase.Service) {
	w.faultAt = -1
	for range 60 {
		for id, o := range w.orders {
			for _, trade := range o.payments {
				if _, ok := w.acked[trade]; !ok {
					w.notify(s, id, trade)
				}
			}
		}
		_, err := s.Reconcile(w.t.Context())
		require.NoError(w.t, err)
		w.now = w.now.Add(2 * time.Minute)
	}
}

// check holds the end state of a purchase against what really happened.
func (w *world) check(id string) purchase.Purchase {
	record, err := w.inner.Get(w.t.Context(), purchase.Prefix+id)
	require.NoError(w.t, err)
	var p purchase.Purchase
	require.NoError(w.t, json.Unmarshal(record.Body, &p))
	var payments []string
	if o := w.orders[id]; o != nil {
		payments = o.payments
	}
	switch len(payments) {
	case 0:
		require.Contains(w.t, []purchase.State{purchase.Expired}, p.State, "history: %+v", p.History)
		require.Zero(w.t, w.grants[id])
	case 1:
		require.Equal(w.t, purchase.Delivered, p.State, "reason: %s, history: %+v", p.Reason, p.History)
		require.Equal(w.t, 1, w.grants[id])
		require.Empty(w.t, p.Surplus)
	default:
		require.Equal(w.t, purchase.Attention, p.State)
		require.Equal(w.t, 1, w.grants[id])
		require.Len(w.t, p.Surplus, len(payments)-1)
	}
	for trade, order := range w.acked {
		if order == id {
			known := p.Payment != nil && p.Payment.TradeNo == trade ||
				slices.ContainsFunc(p.Surplus, func(s purchase.Payment) bool { return s.TradeNo == trade })
			require.True(w.t, known, "acknowledged and lost: %s", trade)
		}
	}
	return p
}

// ids returns the purchases on record.
func (w *world) ids() []string {
	records, err := w.inner.List(w.t.Context(), purchase.Prefix, "", 100)
	require.NoError(w.t, err)
	var ids []string
	for _, r := range records {
		ids = append(ids, strings.TrimPrefix(r.ID, purchase.Prefix))
	}
	return ids
}

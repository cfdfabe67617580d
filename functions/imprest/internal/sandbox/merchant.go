package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/core/wechat"
	"github.com/imprest-go/imprest/testkit"
)

// merchant is one life of the shop's server: everything that a crash takes
// away, built on the journal that it leaves.
type merchant struct {
	store *seamStore
	log   *slog.Logger
	login *login.Login
	// platform is the way to VVChat.
	platform *vvchat.Client
	mall     *mall.Client
	voip     *mall.VoIP
	codes    *purchase.Codes
	// Three services on one journal, since each draws from chances of its
	// own: when a sweep happens to run must not change the id of a purchase.
	shop, callbacks, sweeper *purchase.Service

	handler http.Handler
	// replaced is closed when the next life has begun.
	replaced chan struct{}
}

// Short, since everything that a step calls is on this machine: what the end of
// the process broke off is taken up again at once.
const (
	stepLease = 2 * time.Second
	inFlight  = 5 * time.Second
)

// refundCap is the most that the sandbox pays back in a day: 5,000 yuan.
const refundCap core.Fen = 500_000

// newMerchant builds a merchant on a journal.
func (w *world) newMerchant(inner journal.Store) (*merchant, error) {
	m := &merchant{log: w.log, store: newSeamStore(inner, w), replaced: make(chan struct{})}
	account := w.platform.Account()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: w.platformBase, AppID: account.AppID, AppKeys: []core.Secret{account.AppKey}, StoreNo: account.StoreNo,
		HTTPClient: w.outbound, Now: w.clock.Now, Rand: w.draws.reader("nonces"), AllowWeakKey: true,
	})
	if err != nil {
		return nil, err
	}
	m.platform = client
	m.login, err = login.New(login.Config{
		AppID: account.AppID, Platform: client, Store: m.store, CookieKeys: w.cookieKeys,
		RedirectURI: w.base + "/login/return", Link: w.consentLink,
		Declined: w.declined(), Now: w.clock.Now, Logger: w.log,
	})
	if err != nil {
		return nil, err
	}
	if err := m.reachCloud(w); err != nil {
		return nil, err
	}
	deliverer, err := m.deliverer(w)
	if err != nil {
		return nil, err
	}
	for name, service := range map[string]**purchase.Service{"shop": &m.shop, "callbacks": &m.callbacks, "sweeper": &m.sweeper} {
		*service, err = purchase.New(purchase.Config{
			Store: m.store, Platform: client, Catalog: w.catalog(m.mall), NotifyURL: w.base + "/callbacks/payment",
			Deliverer: deliverer,
			Refunds: &purchase.Refunds{
				Payer: client, OutOpenID: account.OutOpenID, NotifyURL: w.base + "/callbacks/payout", DailyCap: refundCap, Within: time.Hour,
			},
			Mall:  &purchase.Mall{Operations: m.mall, User: w.mallUser, WXAppID: testkit.TestWeChatApp().AppID},
			Lease: stepLease, InFlight: inFlight,
			Now: w.clock.Now, Rand: w.draws.reader(name), Logger: w.log, Observer: insight{},
		})
		if err != nil {
			return nil, err
		}
	}
	routes, err := m.routes(w)
	if err != nil {
		return nil, err
	}
	m.handler = nethttp.Config{Logger: w.log}.Wrap(m.mortal(routes))
	return m, nil
}

// reachCloud makes what asks Tuya and WeChat.
func (m *merchant) reachCloud(w *world) error {
	relay, err := mall.NewAction(mall.ActionConfig{URL: w.cloudBase + "/action", HTTPClient: w.outbound})
	if err != nil {
		return err
	}
	if m.mall, err = mall.New(mall.Config{Transport: relay}); err != nil {
		return err
	}
	app := testkit.TestWeChatApp()
	tickets, err := wechat.New(wechat.Config{AppID: app.AppID, Secret: app.Secret, BaseURL: w.cloudBase + "/wechat", HTTPClient: w.outbound, Now: w.clock.Now})
	if err != nil {
		return err
	}
	m.voip, err = mall.NewVoIP(mall.VoIPConfig{Mall: m.mall, Tickets: tickets, Now: w.clock.Now})
	return err
}

func (m *merchant) deliverer(w *world) (*goods, error) {
	var err error
	if m.codes, err = purchase.NewCodes(purchase.CodesConfig{Store: m.store, Now: w.clock.Now, Logger: w.log}); err != nil {
		return nil, err
	}
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: m.store, Codes: m.codes, Mall: m.mall, InFlight: inFlight, Now: w.clock.Now})
	if err != nil {
		return nil, err
	}
	return &goods{w: w, m: m, redeemer: redeemer, counter: &counter{store: m.store, plan: w.plan, told: w.delivered}}, nil
}

// mortal keeps a dead merchant from answering: the connection breaks off, as
// it does when a process ends.
func (m *merchant) mortal(next core.Handler) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		if m.store.crashed() {
			panic(http.ErrAbortHandler)
		}
		resp := next.Handle(ctx, r)
		if m.store.crashed() {
			panic(http.ErrAbortHandler)
		}
		return resp
	})
}

// routes is what the merchant serves to the world.
func (m *merchant) routes(w *world) (core.Routes, error) {
	account := w.platform.Account()
	apps := []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}}
	// The documented key is short, and known to everybody: fit for a sandbox.
	payment, err := callback.Payment(callback.Config{Apps: apps, Sink: m.callbacks, AllowWeakKey: true, Logger: w.log, Observer: insight{}})
	if err != nil {
		return nil, err
	}
	payout, err := callback.Payout(callback.PayoutConfig{Apps: apps, Sink: &payoutSink{store: m.store, refunds: m.callbacks, logger: w.log}, AllowWeakKey: true, Logger: w.log, Observer: insight{}})
	if err != nil {
		return nil, err
	}
	robot, err := callback.Robot(callback.RobotConfig{Secrets: []core.Secret{w.robotEvents.secret}, AppIDs: []string{account.AppID}, Sink: w.robotEvents, Logger: w.log})
	if err != nil {
		return nil, err
	}
	routes := m.login.Routes()
	for pattern, handler := range m.shop.Routes(m.buyer) {
		if strings.HasPrefix(pattern, "POST ") {
			handler = w.bought(handler)
		}
		routes[pattern] = handler
	}
	for pattern, handler := range w.shopRoutes(m) {
		routes[pattern] = handler
	}
	for pattern, handler := range w.deviceRoutes(m) {
		routes[pattern] = handler
	}
	mallRoutes, err := mall.NewRoutes(mall.RoutesConfig{
		Operations: m.mall, VoIP: m.voip, Authorize: w.mayAsk(m),
		Writing: []string{mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth}, // the exchange codes are the merchant's stock
		Now:     w.clock.Now, Logger: w.log,
	})
	if err != nil {
		return nil, err
	}
	maps.Copy(routes, mallRoutes)
	routes["/callbacks/payment"] = w.watchPayments(w.judged(payment))
	routes["/callbacks/payout"] = w.watchPayouts(w.judged(payout))
	routes["/callbacks/robot/{secret}"] = robot
	routes["GET /healthz"] = core.HandlerFunc(m.health)
	return routes, nil
}

// buyer is the purchase.Authorize of the shop: who is logged in buys.
func (m *merchant) buyer(_ context.Context, r *core.Request) (string, error) {
	session, err := m.login.FromRequest(r)
	return session.OpenID, err
}

// health answers 200 if the journal can be read.
func (m *merchant) health(ctx context.Context, _ *core.Request) *core.Response {
	if _, err := m.store.Get(ctx, runID); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return core.TryLater()
	}
	return core.Text(http.StatusOK, "ok")
}

// purchases returns the newest purchases on record for which keep says yes, at
// most limit, the newest first.
func (m *merchant) purchases(ctx context.Context, limit int, keep func(purchase.Purchase) bool) ([]purchase.Purchase, error) {
	var found []purchase.Purchase
	newestFirst := func(a, b purchase.Purchase) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	}
	err := walk(ctx, m.store, purchase.Prefix, func(r journal.Record) error {
		var p purchase.Purchase
		if err := json.Unmarshal(r.Body, &p); err != nil {
			return err
		}
		if keep == nil || keep(p) {
			found = append(found, p)
		}
		if len(found) >= 2*limit+64 { // keep what is held small, however many there are
			slices.SortFunc(found, newestFirst)
			found = found[:limit]
		}
		return nil
	})
	slices.SortFunc(found, newestFirst)
	return found[:min(limit, len(found))], err
}

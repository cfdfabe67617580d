package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// Function is a program, wired: what it does with requests, messages and ticks.
// What it has no use for is nil.
type Function struct {
	HTTP    core.Handler
	Message func(ctx context.Context, body []byte) error
	Tick    func(ctx context.Context) error
	// Sweep is Tick for who wants to know what it did, and logs it himself; nil
	// where the keys come with the first event.
	Sweep func(ctx context.Context) (purchase.Sweep, error)
	// Every is how often Tick is called where no schedule does it; 0 is never.
	Every time.Duration
}

// Enqueue hands the id of a purchase that was paid over to a queue, whose messages
// come to Function.Message as {"id": "…"}.
type Enqueue func(ctx context.Context, id string) error

// Build wires a program on a journal. What is paid is handed to enqueue, or, if
// that is nil, delivered before the notification is answered, as far as
// purchase.Config.InlineBudget lasts. It calls nobody. An error names the variable
// at fault.
func Build(cfg Config, store journal.Store, enqueue Enqueue, logger *slog.Logger) (Function, error) {
	f, err := wire(cfg, store, enqueue, logger)
	if err != nil {
		return Function{}, named(err)
	}
	return f, nil
}

func wire(cfg Config, store journal.Store, enqueue Enqueue, logger *slog.Logger) (Function, error) {
	client, err := vvchat.New(vvchat.Config{
		BaseURL: cfg.BaseURL, AppID: cfg.AppID, AppKeys: cfg.AppKeys, StoreNo: cfg.StoreNo, AllowWeakKey: cfg.AllowWeakKey,
		Observer: cfg.Observer,
	})
	if err != nil {
		return Function{}, err
	}
	b := builder{cfg: cfg, store: store, enqueue: enqueue, logger: logger, client: client}
	routes := core.Routes{"GET /healthz": core.HandlerFunc(b.health)}
	var f Function
	if cfg.Program != Login {
		if b.sales, err = b.service(); err != nil {
			return Function{}, err
		}
		f.Message, f.Tick, f.Sweep = b.advance, b.sweep, b.sales.Reconcile
	}
	var more core.Routes
	switch cfg.Program {
	case PayCallback:
		more, err = b.callbacks()
	case Checkout:
		more, err = b.checkout()
	case Login:
		more, err = b.login()
	case Reconcile:
		f.Every = cfg.SweepEvery
	default:
		err = fmt.Errorf("there is no program %q", cfg.Program)
	}
	if err != nil {
		return Function{}, err
	}
	for pattern := range more {
		if _, taken := routes[pattern]; taken {
			return Function{}, core.Invalid("", "IMPREST_REDIRECT_URI must not be the address of "+pattern)
		}
	}
	maps.Copy(routes, more)
	if problems := routes.Check(); len(problems) > 0 {
		return Function{}, fmt.Errorf("the routes: %v", problems)
	}
	f.HTTP = routes
	return f, nil
}

// deliveryNames are those of the webhook, whose words are no other part's.
var deliveryNames = strings.NewReplacer("URL must", "IMPREST_DELIVER_URL must", "Key must", "IMPREST_DELIVER_KEY must")

// reason is what is wrong, without where it was found.
func reason(err error) string {
	if told, ok := errors.AsType[*core.Error](err); ok && told.Err != nil {
		return told.Err.Error()
	}
	return err.Error()
}

type builder struct {
	cfg     Config
	store   journal.Store
	enqueue Enqueue
	logger  *slog.Logger
	client  *vvchat.Client
	sales   *purchase.Service
	users   *login.Login
}

func (b *builder) service() (*purchase.Service, error) {
	deliverer, err := webhook.New(webhook.Config{URL: b.cfg.DeliverURL, Key: b.cfg.DeliverKey, Observer: b.cfg.Observer})
	if err != nil {
		return nil, core.Invalid("", deliveryNames.Replace(reason(err)))
	}
	cfg := purchase.Config{
		Store: b.store, Platform: b.client, Catalog: b.cfg.Offers, Deliverer: deliverer, NotifyURL: b.cfg.NotifyURL, Enqueue: b.enqueue, Logger: b.logger, Observer: b.cfg.Observer,
		Lease: b.cfg.Lease, InFlight: b.cfg.InFlight,
	}
	if b.cfg.OutOpenID != "" {
		cfg.Refunds = &purchase.Refunds{Payer: b.client, OutOpenID: b.cfg.OutOpenID, NotifyURL: b.cfg.PayoutNotifyURL, DailyCap: b.cfg.RefundDailyCap}
	}
	return purchase.New(cfg)
}

func (b *builder) callbacks() (core.Routes, error) {
	apps := []callback.App{{ID: b.cfg.AppID, Keys: b.cfg.AppKeys}}
	payment, err := callback.Payment(callback.Config{Apps: apps, Sink: b.sales, AllowWeakKey: b.cfg.AllowWeakKey, Logger: b.logger, Observer: b.cfg.Observer})
	if err != nil {
		return nil, err
	}
	payout, err := callback.Payout(callback.PayoutConfig{Apps: apps, Sink: b.sales, AllowWeakKey: b.cfg.AllowWeakKey, Logger: b.logger, Observer: b.cfg.Observer})
	if err != nil {
		return nil, err
	}
	return core.Routes{"/callbacks/payment": payment, "/callbacks/payout": payout}, nil
}

func (b *builder) login() (core.Routes, error) {
	users, err := login.New(login.Config{
		AppID: b.cfg.AppID, Platform: b.client, Store: b.store, CookieKeys: b.cfg.CookieKeys, RedirectURI: b.cfg.RedirectURI, Logger: b.logger,
		Observer: b.cfg.Observer,
	})
	if err != nil {
		return nil, err
	}
	b.users = users
	return users.Routes(), nil
}

func (b *builder) checkout() (core.Routes, error) {
	routes, err := b.login()
	if err != nil {
		return nil, err
	}
	maps.Copy(routes, b.sales.Routes(func(_ context.Context, r *core.Request) (string, error) {
		session, err := b.users.FromRequest(r)
		return session.OpenID, err
	}))
	return routes, nil
}

// health answers 200 if the journal can be read.
func (b *builder) health(ctx context.Context, _ *core.Request) *core.Response {
	if _, err := b.store.Get(ctx, "health"); err != nil && !errors.Is(err, journal.ErrNotFound) {
		b.logger.ErrorContext(ctx, "the journal cannot be read", "reason", err.Error())
		return core.TryLater()
	}
	return core.Text(http.StatusOK, "ok")
}

// advance takes a message of the queue: {"id": "…"} of a purchase. Whatever is
// left to do then is due, and the sweep does it; so only the journal's failure
// brings a message back, and a message that is none.
func (b *builder) advance(ctx context.Context, body []byte) error {
	var message struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &message); err != nil || message.ID == "" {
		return errors.New(`the message must be {"id": "…"} of a purchase`)
	}
	_, err := b.sales.Advance(ctx, message.ID)
	return err
}

func (b *builder) sweep(ctx context.Context) error {
	sweep, err := b.sales.Reconcile(ctx)
	b.logger.InfoContext(ctx, "sweep", "seen", sweep.Seen, "states", sweep.States, "purged", sweep.Purged, "failed", sweep.Failed)
	return err
}

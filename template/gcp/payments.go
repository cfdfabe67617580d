package gcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// config is what the environment says; main.tf fills it.
type config struct {
	appID, baseURL, storeNo string
	siteURL                 string
	deliverURL              string
	journal, deliverKey     core.Secret
	appKeys, cookieKeys     []core.Secret
	// testing lets an app_key be short: for a fake platform alone.
	testing bool
}

// readConfig reads the environment. Its error has one line for each variable
// that is missing.
func readConfig(getenv func(string) string) (config, error) {
	var problems []error
	get := func(name string) string {
		value := strings.TrimSpace(getenv(name))
		if value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	c := config{
		appID:      get("IMPREST_APP_ID"),
		appKeys:    keys(get("IMPREST_APP_KEY")),
		baseURL:    get("IMPREST_BASE_URL"),
		storeNo:    get("IMPREST_STORE_NO"),
		siteURL:    strings.TrimRight(get("SITE_URL"), "/"),
		journal:    core.NewSecret(get("IMPREST_JOURNAL")),
		deliverURL: get("IMPREST_DELIVER_URL"),
		deliverKey: core.NewSecret(get("IMPREST_DELIVER_KEY")),
		cookieKeys: keys(get("IMPREST_COOKIE_KEYS")),
	}
	return c, errors.Join(problems...)
}

// keys splits a list of keys, of which there are several while they are rotated.
func keys(text string) []core.Secret {
	var all []core.Secret
	for key := range strings.SplitSeq(text, ",") {
		if key = strings.TrimSpace(key); key != "" {
			all = append(all, core.NewSecret(key))
		}
	}
	return all
}

// payments is everything, wired.
type payments struct {
	log    *slog.Logger
	sales  *purchase.Service
	routes core.Routes
}

// newPayments wires everything on a journal. It calls nobody.
func newPayments(cfg config, store journal.Store, log *slog.Logger) (*payments, error) {
	platform, err := vvchat.New(vvchat.Config{BaseURL: cfg.baseURL, AppID: cfg.appID, AppKeys: cfg.appKeys, StoreNo: cfg.storeNo})
	if err != nil {
		return nil, err
	}
	deliverer, err := webhook.New(webhook.Config{URL: cfg.deliverURL, Key: cfg.deliverKey})
	if err != nil {
		return nil, err
	}
	sales, err := purchase.New(purchase.Config{
		Store: store, Platform: platform, Catalog: offers(), Deliverer: deliverer, NotifyURL: cfg.siteURL + "/callbacks/payment", Logger: log,
	})
	if err != nil {
		return nil, err
	}
	users, err := login.New(login.Config{
		AppID: cfg.appID, Platform: platform, Store: store, CookieKeys: cfg.cookieKeys, RedirectURI: cfg.siteURL + "/login/return", Logger: log,
	})
	if err != nil {
		return nil, err
	}
	notices, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: cfg.appID, Keys: cfg.appKeys}}, Sink: sales, AllowWeakKey: cfg.testing, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	p := &payments{log: log, sales: sales, routes: core.Routes{
		"/callbacks/payment": notices,
		"GET /healthz": core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
			if _, err := store.Get(ctx, "healthz"); err != nil && !errors.Is(err, journal.ErrNotFound) {
				log.ErrorContext(ctx, "the journal cannot be read", "reason", err.Error())
				return core.TryLater()
			}
			return core.Text(http.StatusOK, "ok")
		}),
	}}
	maps.Copy(p.routes, users.Routes())
	maps.Copy(p.routes, sales.Routes(func(_ context.Context, r *core.Request) (string, error) {
		session, err := users.FromRequest(r)
		return session.OpenID, err
	}))
	return p, nil
}

// sweep does what is due: it finds payments whose callback was lost, and finishes
// what broke off.
func (p *payments) sweep(ctx context.Context) error {
	done, err := p.sales.Reconcile(ctx)
	p.log.InfoContext(ctx, "sweep", "seen", done.Seen, "states", done.States, "purged", done.Purged, "failed", done.Failed)
	return err
}

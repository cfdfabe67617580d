package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// shop is the whole shop, without a transport.
type shop struct {
	cfg      config
	log      *slog.Logger
	journal  journal.Store
	licences *licences
	login    *login.Login
	sales    *purchase.Service
	pages    pages
	routes   core.Routes
}

// newShop wires the shop on a journal. It calls nobody and starts nothing.
func newShop(cfg config, store journal.Store, keys *licences, now func() time.Time, log *slog.Logger) (*shop, error) {
	s := &shop{cfg: cfg, log: log, journal: store, licences: keys}
	keys.now = now
	platform, err := vvchat.New(vvchat.Config{BaseURL: cfg.baseURL, AppID: cfg.appID, AppKeys: cfg.appKeys, StoreNo: cfg.storeNo, Now: now})
	if err != nil {
		return nil, err
	}
	s.login, err = login.New(login.Config{
		AppID: cfg.appID, Platform: platform, Store: store, CookieKeys: cfg.cookieKeys,
		RedirectURI: cfg.url + "/login/return", Link: s.loginLink, Declined: core.HandlerFunc(declined), Now: now, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	s.sales, err = purchase.New(purchase.Config{
		Store: store, Platform: platform, Catalog: catalog(), Deliverer: keys, NotifyURL: cfg.url + "/callbacks/payment", Now: now, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	payments, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: cfg.appID, Keys: cfg.appKeys}}, Sink: s.sales, AllowWeakKey: cfg.testing(), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	if s.pages, err = readPages(cfg); err != nil {
		return nil, err
	}

	s.routes = core.Routes{
		"GET /":                   core.HandlerFunc(s.pages.index),
		"GET /shop.css":           core.HandlerFunc(s.pages.style),
		"GET /shop.js":            core.HandlerFunc(s.pages.script),
		"GET /shop":               core.HandlerFunc(s.front),
		"GET /purchases/{id}/pay": core.HandlerFunc(s.pay),
		"/callbacks/payment":      payments,
		"GET /healthz":            core.HandlerFunc(s.health),
	}
	maps.Copy(s.routes, s.login.Routes())
	maps.Copy(s.routes, s.sales.Routes(s.buyer))
	return s, nil
}

// buyer is who is logged in.
func (s *shop) buyer(_ context.Context, r *core.Request) (string, error) {
	session, err := s.login.FromRequest(r)
	return session.OpenID, err
}

// frontView is what the page needs to know.
type frontView struct {
	Offers []offer `json:"offers"`
	// SignedIn, Nickname and Licences are about whoever asks.
	SignedIn bool      `json:"signed_in"`
	Nickname string    `json:"nickname,omitempty"`
	Licences []licence `json:"licences"`
}

// front handles GET /shop: what is sold, and what whoever asks has bought.
func (s *shop) front(ctx context.Context, r *core.Request) *core.Response {
	view := frontView{Offers: offers(), Licences: []licence{}}
	if session, err := s.login.FromRequest(r); err == nil {
		view.SignedIn, view.Nickname = true, session.Nickname
		if view.Licences, err = s.licences.of(ctx, session.OpenID); err != nil {
			s.log.ErrorContext(ctx, "the licences cannot be read", "reason", err.Error())
			return core.TryLater()
		}
	}
	resp := core.JSON(http.StatusOK, view)
	resp.Header.Set("Cache-Control", "no-store")
	return resp
}

// pay handles GET /purchases/{id}/pay: it sends a browser to the app's payment
// screen. Inside the IM the page calls the JSSDK instead.
func (s *shop) pay(ctx context.Context, r *core.Request) *core.Response {
	session, err := s.login.FromRequest(r)
	if err != nil {
		return redirect("/login?return=/")
	}
	p, err := s.sales.Get(ctx, r.PathValue("id"))
	switch {
	case core.CodeOf(err) == core.CodeNotFound, core.CodeOf(err) == core.CodeInvalid, err == nil && p.Buyer != session.OpenID:
		return core.Refuse(http.StatusNotFound)
	case err != nil:
		return core.TryLater()
	}
	back := "/?purchase=" + url.QueryEscape(p.ID)
	view := p.View()
	if view.ImprestCode == "" {
		return redirect(back) // there is nothing to pay, or not any more
	}
	return redirect(s.appLink(vvchat.PayLink{ImprestCode: view.ImprestCode, AppID: view.AppID, RedirectURI: s.cfg.url + back}))
}

// loginLink is where a login sends the browser.
func (s *shop) loginLink(state string) string {
	return s.appLink(vvchat.LoginLink{AppID: s.cfg.appID, Scope: vvchat.ScopeUserInfo, State: state, RedirectURI: s.cfg.url + "/login/return"})
}

// appLink is the link that opens the app; or the phone of a sandbox, which no
// qyx:// link can open.
func (s *shop) appLink(link vvchat.Link) string {
	text, err := vvchat.Redirects{s.cfg.url}.BuildLink(link)
	if err != nil {
		s.log.Error("a link into the app cannot be built", "reason", err.Error())
		return "/"
	}
	if s.cfg.phone != "" {
		return s.cfg.phone + "/phone/link?" + url.Values{"uri": {text}}.Encode()
	}
	return text
}

// declined answers a user who did not agree to the login: he can look around.
func declined(context.Context, *core.Request) *core.Response { return redirect("/") }

func redirect(to string) *core.Response {
	return &core.Response{Status: http.StatusSeeOther, Header: core.Header{{Name: "Location", Value: to}, {Name: "Cache-Control", Value: "no-store"}}}
}

// health handles GET /healthz: 200 if the journal can be read.
func (s *shop) health(ctx context.Context, _ *core.Request) *core.Response {
	if _, err := s.journal.Get(ctx, "healthz"); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return core.TryLater()
	}
	return core.Text(http.StatusOK, "ok")
}

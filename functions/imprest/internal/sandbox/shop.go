package sandbox

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

//go:embed pages
var files embed.FS

// shopPages are the merchant's pages.
type shopPages struct {
	shop, miniProgram *template.Template
	// console are those of the console by name: each has "page", and "live"
	// for the part that changes by itself.
	console map[string]*template.Template
}

func parsePages() (shopPages, error) {
	var p shopPages
	var err error
	if p.shop, err = template.ParseFS(files, "pages/shop.html"); err != nil {
		return p, err
	}
	if p.miniProgram, err = template.ParseFS(files, "pages/miniprogram.html"); err != nil {
		return p, err
	}
	p.console, err = parseConsole()
	return p, err
}

// offerView is what a front end is shown of an offer.
type offerView struct {
	ID    string   `json:"id"`
	Title string   `json:"title"`
	Price core.Fen `json:"price"`
}

// shopRoutes are the routes of the shop that core/purchase and core/login do
// not have.
func (w *world) shopRoutes(m *merchant) core.Routes {
	return core.Routes{
		"GET /": w.ownHost(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
			return w.shopPage(ctx, m, r, http.StatusOK, "")
		})),
		"GET /login":        w.ownHost(core.HandlerFunc(m.login.Start)),
		"GET /login/return": w.explainLogin(m, core.HandlerFunc(m.login.Return)),
		"GET /offers":       core.HandlerFunc(listOffers),
		"GET /purchases":    core.HandlerFunc(m.ownPurchases),
		"POST /messages":    core.HandlerFunc(m.sendMessage),
		"GET /thumb.svg":    asset("thumb.svg", "image/svg+xml"),
		"GET /shop.css":     asset("shop.css", "text/css; charset=utf-8"),
		"GET /shop.js":      asset("shop.js", "text/javascript; charset=utf-8"),
	}
}

func listOffers(context.Context, *core.Request) *core.Response {
	views := []offerView{}
	for _, o := range offers() {
		views = append(views, offerView{o.ID, o.Title, o.Price})
	}
	return core.JSON(http.StatusOK, views)
}

// ownPurchases lists the newest purchases of whoever asks.
func (m *merchant) ownPurchases(ctx context.Context, r *core.Request) *core.Response {
	buyer, err := m.buyer(ctx, r)
	if err != nil {
		return core.Refuse(http.StatusUnauthorized)
	}
	views, err := m.viewsOf(ctx, buyer)
	if err != nil {
		return core.TryLater()
	}
	return core.JSON(http.StatusOK, views)
}

// viewsOf returns the newest purchases of a buyer.
func (m *merchant) viewsOf(ctx context.Context, buyer string) ([]purchase.View, error) {
	own, err := m.purchases(ctx, 20, func(p purchase.Purchase) bool { return p.Buyer == buyer })
	if err != nil {
		return nil, err
	}
	views := []purchase.View{}
	for _, p := range own {
		views = append(views, p.View())
	}
	return views, nil
}

func asset(name, contentType string) core.Handler {
	return core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		body, err := files.ReadFile("pages/" + name)
		if err != nil {
			return core.TryLater()
		}
		return &core.Response{Body: body, Header: core.Header{
			{Name: "Content-Type", Value: contentType},
			{Name: "Cache-Control", Value: "no-cache"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
		}}
	})
}

// ownHost sends a browser that came by another name of this machine to the one
// that the phone comes back to: cookies do not follow from "localhost" to
// "127.0.0.1", and a login would fail.
func (w *world) ownHost(next core.Handler) core.Handler {
	own := strings.TrimPrefix(w.base, "http://")
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		host := r.Header.Get("Host")
		if host == own || !hostIsLoopback(host) {
			return next.Handle(ctx, r)
		}
		target := w.base + r.Path
		if r.RawQuery != "" {
			target += "?" + r.RawQuery
		}
		return &core.Response{Status: http.StatusFound, Header: core.Header{{Name: "Location", Value: target}, {Name: "Cache-Control", Value: "no-store"}}}
	})
}

// explainLogin shows the shop with a word of what went wrong where a login
// comes to nothing; the status stays.
func (w *world) explainLogin(m *merchant, next core.Handler) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		resp := next.Handle(ctx, r)
		if resp.Status < http.StatusBadRequest {
			return resp
		}
		return w.shopPage(ctx, m, r, resp.Status, shopWordsOf(r).LoginFailed)
	})
}

// declined answers a user who did not agree to the login.
func (w *world) declined() core.Handler {
	return core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		return &core.Response{Status: http.StatusSeeOther, Header: core.Header{{Name: "Location", Value: "/?login=refused"}}}
	})
}

// shopView is what the page is made of.
type shopView struct {
	W        shopWords
	Session  login.Session
	SignedIn bool
	Notice   string
	Offers   []offerCard
	PhoneURL string
	Control  bool
	// JSSDK is the address of the platform's script inside the IM; "" outside.
	JSSDK       string
	ServiceLink string
	// InsideLink shows the page inside the IM; "" if it is there.
	InsideLink string
	OtherLang  string
	// Script is what the page's script needs to know.
	Script scriptView
}

type offerCard struct {
	ID, Name, Device, About, Price string
	Fen                            core.Fen
}

type scriptView struct {
	SignedIn  bool            `json:"signedIn"`
	Purchases []purchase.View `json:"purchases"`
	InsideIM  bool            `json:"insideIM"`
	AppID     string          `json:"appID"`
	Shares    sharesView      `json:"shares"`
	Scan      string          `json:"scan"`
	// MiniProgram is where a user lets a device call him.
	MiniProgram string            `json:"miniProgram"`
	Names       map[string]string `json:"names"`
	// Link and Scan are where the browser reaches the phone by a link, or
	// shows it as a QR code.
	Link   string            `json:"link"`
	Base   string            `json:"base"`
	States map[string]string `json:"states"`
	Words  map[string]string `json:"words"`
}

// shopPage shows the shop, with a notice if there is one.
func (w *world) shopPage(ctx context.Context, m *merchant, r *core.Request, status int, notice string) *core.Response {
	lang, chosen := phone.Language(r)
	words := shopWordsIn(lang)
	view := shopView{W: words, Notice: notice, PhoneURL: w.platformBase + "/phone", Control: w.local, OtherLang: "/?lang=" + words.OtherLang}
	if session, err := m.login.FromRequest(r); err == nil {
		view.Session, view.SignedIn = session, true
		if view.Script.Purchases, err = m.viewsOf(ctx, session.OpenID); err != nil {
			return core.TryLater()
		}
	}
	if notice == "" && strings.Contains("&"+r.RawQuery+"&", "&login=refused&") {
		view.Notice = words.LoginRefused
	}
	names := map[string]string{}
	for _, o := range offers() {
		card := offerCard{ID: o.ID, Name: words.Names[o.Service], Device: o.Device.Name, About: words.Abouts[o.Service], Price: "¥" + o.Price.Yuan(), Fen: o.Price}
		view.Offers = append(view.Offers, card)
		names[o.ID] = card.Name + " · " + card.Device
	}
	view.Script.SignedIn, view.Script.Names = view.SignedIn, names
	view.Script.Link, view.Script.Base, view.Script.MiniProgram = w.platformBase+"/phone/link", w.base, w.cloudBase+"/miniprogram"
	view.Script.States, view.Script.Words = words.States, words.Script
	view.Script.AppID, view.Script.Shares, view.Script.Scan = w.platform.Account().AppID, w.shares(words), w.platformBase+"/phone/scan"
	view.ServiceLink = w.serviceLink()
	view.InsideLink = w.platformBase + "/phone/open?" + url.Values{"url": {w.base + "/"}, "session": {testkit.TestSessions()[0].ID}}.Encode()
	script := ""
	if insideIM(r) {
		view.InsideLink = ""
		view.Script.InsideIM, view.JSSDK = true, w.platformBase+"/phone/vvchatjssdk-1.0.0.js"
		script = " " + w.platformBase
	}
	var body bytes.Buffer
	if err := w.pages.shop.Execute(&body, view); err != nil {
		w.log.Error("the shop's page cannot be shown", "reason", err.Error())
		return core.TryLater()
	}
	resp := htmlPage(status, lang, body.Bytes(), chosen)
	policy := resp.Header.Get("Content-Security-Policy")
	resp.Header.Set("Content-Security-Policy", strings.Replace(policy, "script-src 'self'", "script-src 'self'"+script, 1))
	return resp
}

// htmlPage answers with a page that loads nothing from elsewhere and runs no
// script but ours.
func htmlPage(status int, lang string, body []byte, more core.Header) *core.Response {
	return &core.Response{Status: status, Body: body, Header: append(core.Header{
		{Name: "Content-Type", Value: "text/html; charset=utf-8"},
		{Name: "Content-Language", Value: lang},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
		{Name: "Content-Security-Policy", Value: "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
		{Name: "Referrer-Policy", Value: "same-origin"},
	}, more...)}
}

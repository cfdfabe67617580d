package phone

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	htmltemplate "html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

//go:embed pages
var files embed.FS

// pages are the screens by name, each joined with the frames around them: that
// of a screen and that of a sheet.
type pages map[string]*htmltemplate.Template

func parsePages() (pages, error) {
	frame, err := htmltemplate.New("frame.html").Funcs(htmltemplate.FuncMap{"face": face}).ParseFS(files, "pages/frame.html", "pages/sheet.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	parsed := pages{}
	for _, name := range []string{"home", "login", "pay", "paid", "short", "share", "pick", "stop", "done", "chats", "chat", "scan", "problem"} {
		page, err := frame.Clone()
		if err != nil {
			return nil, err
		}
		if parsed[name], err = page.ParseFS(files, "pages/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

// screen is what every template sees.
type screen struct {
	W words
	// Base is the phone's own origin where the screen stands on another; else
	// "".
	Base string
	// Title is the screen's heading.
	Title string
	// OtherLanguage is the address of this screen in the other language; ""
	// where there is none.
	OtherLanguage string
	// Users are those who may hold the phone, Holder who does.
	Users  []testkit.User
	Holder testkit.User
	// WhoIsIt is what the choice among them is called.
	WhoIsIt string
	// Action is where the screen's form goes.
	Action string
	// View is the origin that a sheet lies over; "" for a screen.
	View string
	// Pictures is an origin that a picture may come from, or "".
	Pictures string
	// Hidden are the parameters that the form hands on.
	Hidden []parameter
	// Body is the screen's own data.
	Body any
}

type parameter struct{ Name, Value string }

// handOn returns the parameters of a link for the form that answers it.
func handOn(a asked, names ...string) []parameter {
	var hidden []parameter
	for _, name := range names {
		if value := a.Get(name); value != "" {
			hidden = append(hidden, parameter{name, value})
		}
	}
	return hidden
}

// show answers with a screen. leads is an origin that its form may lead to,
// or "".
func (p *phone) show(r *core.Request, status int, name, leads string, s screen) *core.Response {
	s.Users = p.platform.Users()
	s.Holder = p.holder(r)
	if s.WhoIsIt == "" {
		s.WhoIsIt = s.W.As
	}
	if r.Method == http.MethodGet {
		s.OtherLanguage = inLanguage(r, s.W.OtherLang)
	}
	// Browsers hold form-action against the redirect that answers a form too,
	// so it names where this one may lead.
	policy := "default-src 'none'; style-src " + cmp.Or(s.Base, "'self'") + "; img-src " + strings.TrimSpace("data: "+s.Pictures) +
		"; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.TrimSpace("'self' "+leads)
	resp := p.render(status, name, "frame.html", s, policy)
	_, chosen := Language(r)
	resp.Header = append(resp.Header, chosen...)
	return resp
}

// render answers with a screen in a frame.
func (p *phone) render(status int, name, frame string, s screen, policy string) *core.Response {
	var body bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&body, frame, s); err != nil {
		return core.TryLater()
	}
	return &core.Response{Status: status, Body: body.Bytes(), Header: core.Header{
		{Name: "Content-Type", Value: "text/html; charset=utf-8"},
		{Name: "Content-Language", Value: s.W.Lang},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
		{Name: "Content-Security-Policy", Value: policy},
		// Not "no-referrer": it would make the Origin of our own forms null.
		{Name: "Referrer-Policy", Value: "same-origin"},
	}}
}

// problem answers with what is wrong, in words.
func (p *phone) problem(r *core.Request, status int, what string) *core.Response {
	w := wordsOf(r)
	return p.show(r, status, "problem", "", screen{W: w, Title: w.Problem, Body: what})
}

func inLanguage(r *core.Request, lang string) string {
	query, _ := url.ParseQuery(r.RawQuery) // what cannot be read is left out
	query.Set("lang", lang)
	return r.Path + "?" + query.Encode()
}

// holderCookie says who holds the phone.
const holderCookie = "imprest_phone"

// holder returns who holds the phone: the first user unless somebody else was
// chosen.
func (p *phone) holder(r *core.Request) testkit.User {
	users := p.platform.Users()
	openID, _ := url.QueryUnescape(cookieValue(r, holderCookie))
	for _, user := range users {
		if user.OpenID == openID {
			return user
		}
	}
	return users[0]
}

// whose returns whose hand a request comes from: that of the open_id that it
// names, or of who holds the phone.
func (p *phone) whose(r *core.Request, a asked) string {
	return cmp.Or(a.Get("open_id"), p.holder(r).OpenID)
}

// knows reports whether there is such a user; "" is the first one.
func (p *phone) knows(openID string) bool {
	return openID == "" || slices.ContainsFunc(p.platform.Users(), func(u testkit.User) bool { return u.OpenID == openID })
}

// remember returns the cookie that keeps the phone in that user's hand.
func remember(openID string) core.Header {
	if openID == "" {
		return nil
	}
	cookie := http.Cookie{Name: holderCookie, Value: url.QueryEscape(openID), Path: "/phone", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return core.Header{{Name: "Set-Cookie", Value: cookie.String()}}
}

// face stands for a picture: the last character of a Chinese name, the first
// letter of any other.
func face(nickname string) string {
	letters := []rune(nickname)
	if len(letters) == 0 {
		return "?"
	}
	if last := letters[len(letters)-1]; unicode.Is(unicode.Han, last) {
		return string(last)
	}
	return strings.ToUpper(string(letters[0]))
}

// homeBody is what the home screen shows.
type homeBody struct {
	Open []order
	Paid []order
	pickBody
	// Balance is what the holder has, in yuan; "" is enough for anything.
	Balance string
}

// order is an order on a screen.
type order struct {
	Title, Remark, Merchant, StoreNo, Amount string
	OutTradeNo, TradeNo, Payer               string
	Ordered, PayTime                         string
	Link                                     string
}

const atHome = 50 // orders of each kind

func (p *phone) home(_ context.Context, r *core.Request) *core.Response {
	var body homeBody
	trades := p.platform.Trades()
	slices.Reverse(trades) // the newest first
	for _, t := range trades {
		link := url.Values{"imprest_code": {t.ImprestCode}, "app_id": {t.AppID}}
		o := p.order(t)
		o.Link = "/phone/pay?" + link.Encode()
		switch {
		case t.Status == testkit.Paid && len(body.Paid) < atHome:
			body.Paid = append(body.Paid, o)
		case t.Status != testkit.Paid && len(body.Open) < atHome:
			body.Open = append(body.Open, o)
		}
	}
	w := wordsOf(r)
	openID := p.holder(r).OpenID
	body.pickBody = p.pickBody(w, openID, "")
	if fen, limited := p.platform.Balance(openID); limited {
		body.Balance = fen.Yuan()
	}
	views := "http://*" + viewSuffix
	if u, err := url.Parse("//" + r.Header.Get("Host")); err == nil && u.Port() != "" {
		views += ":" + u.Port()
	}
	return p.show(r, http.StatusOK, "home", views, screen{W: w, Title: w.Phone, WhoIsIt: w.HeldBy, Body: body})
}

// fill says how much the holder has: POST /phone/balance with balance, in yuan.
func (p *phone) fill(_ context.Context, r *core.Request) *core.Response {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok {
		return p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	fen, err := core.ParseYuan(strings.TrimSpace(a.Get("balance")))
	if err != nil || fen < 0 {
		return p.problem(r, http.StatusBadRequest, w.BadBalance)
	}
	if !p.platform.SetBalance(p.whose(r, a), fen) {
		return p.problem(r, http.StatusBadRequest, w.UnknownUser)
	}
	return redirect("/phone")
}

// hold hands the phone to another user.
func (p *phone) hold(_ context.Context, r *core.Request) *core.Response {
	a, ok := read(r)
	if !ok || !p.knows(a.Get("open_id")) {
		return p.problem(r, http.StatusBadRequest, wordsOf(r).UnknownUser)
	}
	resp := redirect("/phone")
	resp.Header = append(resp.Header, remember(a.Get("open_id"))...)
	return resp
}

func (p *phone) order(t testkit.Trade) order {
	o := order{
		Title: t.Title, Remark: t.Remark, Merchant: p.merchant(t.AppID), StoreNo: t.StoreNo, Amount: "¥" + t.Amount.Yuan(),
		OutTradeNo: t.OutTradeNo, TradeNo: t.TradeNo, Payer: t.OpenID, Ordered: moment(t.Ordered),
	}
	if t.Status == testkit.Paid {
		o.PayTime = moment(t.PayTime)
	}
	for _, user := range p.platform.Users() {
		if user.OpenID == t.OpenID {
			o.Payer = user.Nickname
		}
	}
	return o
}

func (p *phone) merchant(appID string) string {
	if name := p.apps[appID]; name != "" {
		return name
	}
	return appID
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// file serves one of the phone's own files.
func file(name, contentType string) core.Handler {
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

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/functions/imprest/internal/chinese"
	"github.com/imprest-go/imprest/functions/internal/stores"
	"github.com/imprest-go/imprest/testkit/phone"
)

// consolePath is where the console's pages are.
const consolePath = "/_sandbox/console/"

// themeCookie remembers which theme was chosen.
const themeCookie = "imprest_theme"

// console is the pages of /_sandbox: what happened, drawn, and what can be
// done. It does nothing that the control API cannot: its buttons are calls of
// it, so what a person sees a test can do.
type console struct {
	w    *world
	book *chinese.Book
}

// parseConsole reads the pages' templates.
func parseConsole() (map[string]*template.Template, error) {
	pages := map[string]*template.Template{}
	for _, name := range []string{"purchases", "hop", "journal", "payouts", "codes", "explain", "api", "problem"} {
		page, err := template.ParseFS(files, "pages/console.html", "pages/console_"+name+".html")
		if err != nil {
			return nil, err
		}
		pages[name] = page
	}
	return pages, nil
}

func (c console) routes() core.Routes {
	page := func(build func(context.Context, *consoleView) error) core.Handler {
		return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response { return c.page(ctx, r, build) })
	}
	return core.Routes{
		"GET /_sandbox":                         page(c.purchases),
		"GET /_sandbox/":                        page(c.purchases),
		"GET " + consolePath + "purchases/{id}": page(c.purchases),
		"GET " + consolePath + "hops/{id}":      page(c.hopPage),
		"GET " + consolePath + "journal":        page(c.journal),
		"GET " + consolePath + "payouts":        page(c.payouts),
		"GET " + consolePath + "codes":          page(c.codes),
		"GET " + consolePath + "explain":        page(c.explain),
		"POST " + consolePath + "explain":       page(c.explain),
		"GET " + consolePath + "api":            page(c.api),
		"POST " + consolePath + "act":           core.HandlerFunc(c.act),
		"GET " + consolePath + "shop.css":       asset("shop.css", "text/css; charset=utf-8"),
		"GET " + consolePath + "console.css":    asset("console.css", "text/css; charset=utf-8"),
		"GET " + consolePath + "console.js":     asset("console.js", "text/javascript; charset=utf-8"),
	}
}

// consoleView is what a page is made of.
type consoleView struct {
	W       consoleWords
	book    *chinese.Book
	request *core.Request
	query   url.Values

	// Page is the template's name, Tab the place in the navigation.
	Page, Tab, Title string
	// Theme is "light", "dark", or "" for what the device prefers.
	Theme string
	// Here is the page's own address, below /_sandbox.
	Here                 string
	Base, Phone, Cloud   string
	Journal, Seed        string
	Now                  time.Time
	Ahead                string
	Status               int
	Problem, ProblemHead string

	Deck     *deckView
	Purchase *purchaseView
	List     []purchaseItem
	Hop      *openView
	Data     any
}

// Tabs are the pages in the navigation.
func (v *consoleView) Tabs() []consoleTab {
	return []consoleTab{
		{"purchases", "/_sandbox", v.W.Purchases}, {"journal", consolePath + "journal", v.W.Journal}, {"payouts", consolePath + "payouts", v.W.Payouts},
		{"codes", consolePath + "codes", v.W.Codes}, {"explain", consolePath + "explain", v.W.Explain}, {"api", consolePath + "api", v.W.API},
	}
}

// Say is what another package says, in the language of the page.
func (v *consoleView) Say(text string) string {
	if v.W.Lang == "zh" {
		return v.book.Say(text)
	}
	return text
}

// Table is the fields of a message.
func (v *consoleView) Table(fields []sign.ExplainedField) fieldTable {
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].Why = v.Say(fields[i].Why)
	}
	return fieldTable{v.W, fields}
}

type consoleTab struct{ Name, Href, Text string }

// Panel says that only the hop is asked for, to be shown beside its purchase.
func (v *consoleView) Panel() bool { return v.query.Get("part") == "panel" }

// With is the page's address with one more wish in its query.
func (v *consoleView) With(name, value string) string {
	path, query, _ := strings.Cut(v.Here, "?")
	values, _ := url.ParseQuery(query) // it was read before
	values.Set(name, value)
	return path + "?" + values.Encode()
}

// Clock is the time of day of the sandbox.
func (v *consoleView) Clock() string { return v.Now.Format("15:04:05") }

// Day is its date.
func (v *consoleView) Day() string { return v.Now.Format(time.DateOnly) }

// Millis is its time as scripts count it.
func (v *consoleView) Millis() int64 { return v.Now.UnixMilli() }

// page answers with a page, or with the part of it that changes by itself where
// ?part= asks for that.
func (c console) page(ctx context.Context, r *core.Request, build func(context.Context, *consoleView) error) *core.Response {
	v, chosen := c.view(r)
	if err := build(ctx, v); err != nil {
		v.Page, v.Status, v.ProblemHead, v.Problem = "problem", http.StatusServiceUnavailable, v.W.Failing, v.Say(err.Error())
		switch core.CodeOf(err) {
		case core.CodeNotFound:
			v.Status, v.ProblemHead, v.Problem = http.StatusNotFound, v.W.NotThere, v.W.NotThereWhy
		case core.CodeInvalid, core.CodeForged:
			v.Status = http.StatusBadRequest
		case core.CodeConflict:
			v.Status = http.StatusConflict
		}
	}
	if v.Title == "" {
		v.Title = v.W.Console
	}
	block := "page"
	if v.query.Has("part") {
		// What a page asks for by itself, with the address that it was opened by,
		// must not undo what was chosen since, here or in another tab.
		block, chosen = "live", nil
	}
	var body bytes.Buffer
	if err := c.w.pages.console[v.Page].ExecuteTemplate(&body, block, v); err != nil {
		c.w.log.Error("a page of the console cannot be shown", "page", v.Page, "reason", err.Error())
		return core.TryLater()
	}
	return htmlPage(v.Status, v.W.Lang, body.Bytes(), chosen)
}

// view begins a page.
func (c console) view(r *core.Request) (*consoleView, core.Header) {
	lang, chosen := phone.Language(r)
	v := &consoleView{
		W: consoleWordsIn(lang), book: c.book, request: r, Status: http.StatusOK,
		Base: c.w.base, Phone: c.w.platformBase + "/phone", Cloud: c.w.cloudBase,
		Journal: stores.Shown(c.w.cfg.Journal), Seed: strconv.FormatUint(c.w.cfg.Seed, 10), Now: c.w.clock.Now().Local(),
	}
	if ahead := time.Until(v.Now).Round(time.Second); ahead > 0 {
		v.Ahead = span(ahead)
	}
	v.query, _ = url.ParseQuery(r.RawQuery) // what cannot be read is not there
	v.Theme = cookie(r, themeCookie)
	if theme := v.query.Get("theme"); v.query.Has("theme") {
		v.Theme = theme
		set := http.Cookie{Name: themeCookie, Value: theme, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode}
		if theme != "light" && theme != "dark" {
			set.Value, set.MaxAge = "", -1
		}
		chosen = append(chosen, core.HeaderField{Name: "Set-Cookie", Value: set.String()})
	}
	if v.Theme != "light" && v.Theme != "dark" {
		v.Theme = ""
	}
	here := url.Values{}
	for name, values := range v.query {
		if name != "lang" && name != "theme" && name != "part" {
			here[name] = values
		}
	}
	v.Here = r.Path
	if len(here) > 0 {
		v.Here += "?" + here.Encode()
	}
	return v, chosen
}

// cookie returns the value of a cookie, or "".
func cookie(r *core.Request, name string) string {
	for _, line := range r.Header.Values("Cookie") {
		cookies, err := http.ParseCookie(line)
		if err != nil {
			continue
		}
		for _, c := range cookies {
			if c.Name == name {
				return c.Value
			}
		}
	}
	return ""
}

// ask makes a call of the control API and reads its answer into v, if that is
// not nil.
func (c console) ask(ctx context.Context, method, path string, query url.Values, body, v any) error {
	request := &core.Request{Method: method, Path: path, RawQuery: query.Encode()}
	if body != nil {
		var err error
		if request.Body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	for _, call := range c.w.controlCalls() {
		if call.Method != method || call.Path != path {
			continue
		}
		answer, err := call.handle(ctx, request)
		if err != nil || v == nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, v)
	}
	return &core.Error{Op: "console", Code: core.CodeNotFound}
}

// span writes a time as people say it: "4m 10s", "2d 3h".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	var parts []string
	for _, part := range []struct {
		n    time.Duration
		unit string
	}{{days, "d"}, {hours, "h"}, {minutes, "m"}, {seconds, "s"}} {
		if part.n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.FormatInt(int64(part.n), 10)+part.unit)
		}
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

package phone

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// sheet is a screen over a page, for a call that its user must answer.
type sheet struct {
	id     string
	view   *view
	method string
	// options are the call's, by name.
	options map[string]string

	// acting is held while a button is acted on: two presses at once would
	// do things twice, or pay and say that nobody paid.
	acting sync.Mutex

	mu sync.Mutex
	// answer is the JSON text that the page gets; "" until the user has
	// answered.
	answer string
	// short says that the money did not do.
	short bool
}

// state returns the answer, "" while there is none.
func (s *sheet) state() (answer string, short bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer, s.short
}

func (s *sheet) end(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == "" {
		s.answer = answer
	}
}

const maxSheets = 1000

// sheets are those of all views, the oldest first.
type sheets struct {
	mu   sync.Mutex
	open []*sheet
}

func (ss *sheets) add(s *sheet) {
	s.id = rand.Text()
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.open) >= maxSheets {
		ss.open = slices.Delete(ss.open, 0, 1)
	}
	ss.open = append(ss.open, s)
}

func (ss *sheets) find(id string) *sheet {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.open {
		if s.id == id {
			return s
		}
	}
	return nil
}

// sheetBody is what a sheet shows besides what the screen of its kind does.
type sheetBody struct {
	// Why says what is wrong, for a sheet that can only be closed.
	Why string
}

// askSheet shows a sheet: GET /phone/sheet/{id}.
func (p *phone) askSheet(_ context.Context, r *core.Request) *core.Response {
	s := p.sheets.find(r.PathValue("id"))
	if s == nil {
		w := wordsOf(r)
		return p.problem(r, http.StatusNotFound, w.UnknownView)
	}
	w := wordsIn(s.view.lang)
	answer, short := s.state()
	if answer != "" {
		return p.showSheet(s, "done", screen{W: w, Title: w.Done})
	}
	if _, why := p.hopeless(s, w); why != "" {
		return p.showSheet(s, "stop", screen{W: w, Title: p.titleOf(s, w), Body: sheetBody{Why: why}})
	}
	switch s.method {
	case "auth":
		return p.showSheet(s, "login", screen{W: w, Title: w.Login, Body: p.consentBody(w, s.options["app_id"], s.options["scope"], s.view.openID)})
	case "selectSession":
		return p.showSheet(s, "pick", screen{W: w, Title: w.PickChat, Body: p.pickBody(w, s.view.openID, s.view.session)})
	case "pay":
		trade, _ := p.trade(s.options["imprest_code"], s.options["app_id"])
		if trade.Status == testkit.Paid {
			return p.showSheet(s, "paid", screen{W: w, Title: w.PaidTitle, Body: payBody{order: p.order(trade)}})
		}
		name := "pay"
		if short {
			name = "short"
		}
		return p.showSheet(s, name, screen{W: w, Title: w.Pay, Body: p.payBody(w, trade, s.view.openID)})
	default:
		return p.showSheet(s, "share", screen{W: w, Title: w.Share, Body: p.shareBody(w, s.options, s.view.openID, s.view.session)})
	}
}

// answerSheet takes the user's answer: POST /phone/sheet/{id}. The sheet then
// shows what came of it, or what is still to be done.
func (p *phone) answerSheet(ctx context.Context, r *core.Request) *core.Response {
	s := p.sheets.find(r.PathValue("id"))
	if s == nil {
		return p.problem(r, http.StatusNotFound, wordsOf(r).UnknownView)
	}
	a, ok := read(r)
	if !ok {
		return core.Refuse(http.StatusBadRequest)
	}
	if !p.act(ctx, s, a) {
		return core.Refuse(http.StatusBadRequest)
	}
	return redirect("/phone/sheet/" + s.id)
}

// act presses a button of a sheet, unless it was answered before; false if it
// has none such.
func (p *phone) act(ctx context.Context, s *sheet, a asked) bool {
	s.acting.Lock()
	defer s.acting.Unlock()
	if answer, _ := s.state(); answer != "" {
		return true
	}
	if action := a.Get("action"); action == "cancel" || action == "refuse" {
		p.cancel(s)
		return true
	}
	return p.press(ctx, s, a)
}

// press does what a button of an open sheet says. It is called with acting
// held.
func (p *phone) press(ctx context.Context, s *sheet, a asked) bool {
	action := a.Get("action")
	if reason, _ := p.hopeless(s, english()); reason != "" {
		return true // it can only be closed, and says why
	}
	switch s.method + " " + action {
	case "auth allow":
		code, err := p.platform.Consent(s.options["app_id"], s.view.openID, s.options["scope"])
		if err != nil {
			s.end(failed("the platform refuses the scope"))
			return true
		}
		s.end(result(struct {
			Code    string `json:"code"`
			State   string `json:"state,omitempty"`
			ErrCode *int   `json:"err_code,omitempty"`
		}{code, s.options["state"], p.errCode}))
	case "selectSession pick":
		chat, ok := p.chat(s.view.openID, a.Get("session"))
		if !ok {
			return false
		}
		s.end(chatResult(chat))
	case "pay pay":
		paid, err := p.platform.Pay(ctx, s.options["imprest_code"], s.view.openID)
		switch {
		case err == nil:
			s.end(result(struct {
				TradeNo string `json:"trade_no"`
			}{paid.TradeNo}))
		case errors.Is(err, testkit.ErrInsufficientBalance):
			s.mu.Lock()
			s.short = true
			s.mu.Unlock()
		case core.CodeOf(err) == core.CodeConflict: // the sheet shows it
		default:
			s.end(failed("the platform does not answer"))
		}
	case "pay topup":
		if trade, ok := p.trade(s.options["imprest_code"], s.options["app_id"]); ok {
			p.topUp(s.view.openID, trade.Amount)
		}
		s.mu.Lock()
		s.short = false
		s.mu.Unlock()
	case "share share":
		if _, err := p.platform.Share(p.shareOf(s.options, s.view.openID, a.Get("session"))); err != nil {
			return false
		}
		s.end(result(struct {
			Code int `json:"code"`
		}{http.StatusOK}))
	default:
		return false
	}
	return true
}

// cancel ends an open sheet without its doing anything. It is called with acting
// held.
func (p *phone) cancel(s *sheet) {
	const cancelled = "the user cancelled"
	_, short := s.state()
	switch reason, _ := p.hopeless(s, english()); {
	case reason != "":
		s.end(failed(reason))
	case s.method == "share":
		s.end(result(struct {
			Code   int    `json:"code"`
			ErrMsg string `json:"err_msg"`
		}{http.StatusBadRequest, cancelled}))
	case short:
		s.end(failed(insufficient))
	case s.method == "auth":
		s.end(failed("the user refused"))
	default:
		s.end(failed(cancelled))
	}
}

// hopeless says why a sheet can only be closed, to the page and to the user; ""
// if it can be answered.
func (p *phone) hopeless(s *sheet, w words) (reason, why string) {
	appID := s.options["app_id"]
	if _, ok := p.apps[appID]; !ok && (appID != "" || s.method == "auth" || s.method == "share") {
		return "app_id is not known", w.UnknownApp
	}
	switch s.method {
	case "auth":
		if _, _, ok := p.explainScope(w, s.options["scope"], s.view.openID); !ok {
			return "scope is not known, or not of a chat that the user is in", w.UnknownScope
		}
	case "pay":
		trade, ok := p.trade(s.options["imprest_code"], appID)
		if !ok {
			return "imprest_code is not known", w.UnknownCode
		}
		if trade.Status == testkit.Paid {
			return "the order is paid already", ""
		}
	case "share":
		if len(p.platform.Sessions(s.view.openID)) == 0 {
			return "the user is in no chat", w.NoChats
		}
	}
	return "", ""
}

func (p *phone) titleOf(s *sheet, w words) string {
	return map[string]string{"auth": w.Login, "selectSession": w.PickChat, "pay": w.Pay, "share": w.Share}[s.method]
}

// showSheet answers with a sheet. The view that it belongs to may frame it, and
// nobody else; its one script tells that view how high it is.
func (p *phone) showSheet(s *sheet, name string, sc screen) *core.Response {
	sc.View, sc.Action = s.view.origin(), "/phone/sheet/"+s.id
	for _, user := range p.platform.Users() {
		if user.OpenID == s.view.openID {
			sc.Holder = user
		}
	}
	return p.render(http.StatusOK, name, "sheet.html", sc,
		fmt.Sprintf("default-src 'none'; style-src 'self'; script-src 'self'; img-src %s; base-uri 'none'; frame-ancestors %s; form-action 'self'",
			strings.TrimSpace("data: "+p.pictures(s.options["thumb_url"])), s.view.origin()))
}

// result writes what a call came to.
func result(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // texts and numbers always encode
		return failed("the phone is at fault")
	}
	return string(text)
}

func chatResult(chat testkit.Session) string {
	return result(struct {
		ID   string `json:"session_id"`
		Type int    `json:"session_type"`
	}{chat.ID, chat.Type})
}

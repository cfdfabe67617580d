package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// bridgeRoutes are what a view's origin has besides the page: the bridge's
// script, and what it asks when the page calls a method.
func (p *phone) bridgeRoutes() core.Routes {
	return core.Routes{
		"GET " + own + "bridge.js": core.HandlerFunc(p.bridgeScript),
		"POST " + own + "call":     core.HandlerFunc(p.call),
		"POST " + own + "answer":   core.HandlerFunc(p.sheetAnswer),
		"POST " + own + "cancel":   core.HandlerFunc(p.cancelSheet),
	}
}

// bridgeScript serves the bridge with what this view is like.
func (p *phone) bridgeScript(_ context.Context, r *core.Request) *core.Response {
	v := p.views.find(r.Header.Get("Host"))
	script, err := files.ReadFile("pages/bridge.js")
	if v == nil || err != nil {
		return core.TryLater()
	}
	agent := userAgents()[v.system]
	navigator := map[string]string{"userAgent": agent, "appVersion": strings.TrimPrefix(agent, "Mozilla/"), "platform": "Linux armv81", "vendor": "Google Inc."}
	if v.system == ios {
		navigator["platform"], navigator["vendor"] = "iPhone", "Apple Computer, Inc."
	}
	settings, err := json.Marshal(map[string]any{"platform": v.system, "early": v.early, "phone": v.phone, "site": v.target.Scheme + "://" + v.target.Host, "navigator": navigator})
	if err != nil {
		return core.TryLater()
	}
	// Comments first, then one function: an expression to call.
	body := bytes.Join([][]byte{[]byte("(\n"), script, []byte(")("), settings, []byte(");\n")}, nil)
	return &core.Response{Body: body, Header: core.Header{
		{Name: "Content-Type", Value: "text/javascript; charset=utf-8"},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
	}}
}

// told is what the bridge is told of a call: its answer, as the JSON text that
// the page's callback gets, or the sheet that the user must answer first.
type told struct {
	Answer string `json:"answer,omitempty"`
	ID     string `json:"id,omitempty"`
	Sheet  string `json:"sheet,omitempty"`
	Title  string `json:"title,omitempty"`
}

// failed is the answer of a call that came to nothing.
func failed(text string) string {
	answer, err := json.Marshal(struct {
		ErrCode int    `json:"err_code"`
		ErrMsg  string `json:"err_msg"`
	}{http.StatusBadRequest, text})
	if err != nil { // a text and a number always encode
		return `{"err_code":400}`
	}
	return string(answer)
}

// methods are the calls that open a sheet, each with the options that it must
// have and those that it may.
func methods() map[string]struct{ must, may []string } {
	return map[string]struct{ must, may []string }{
		"auth":          {[]string{"app_id", "scope"}, []string{"state"}},
		"selectSession": {},
		"pay":           {[]string{"imprest_code"}, []string{"app_id"}}, // the guides differ on app_id
		"share":         {[]string{"app_id", "share_title", "share_url"}, []string{"sub_title", "thumb_url", "share_data_url"}},
	}
}

const maxOption = 8 << 10 // of one option, in bytes

// call takes a call of the page: POST /.vvchat/call with method and options.
func (p *phone) call(_ context.Context, r *core.Request) *core.Response {
	v := p.views.find(r.Header.Get("Host"))
	if v == nil {
		return core.Refuse(http.StatusNotFound)
	}
	var asked struct {
		Method  string                     `json:"method"`
		Options map[string]json.RawMessage `json:"options"`
	}
	if err := json.Unmarshal(r.Body, &asked); err != nil {
		return core.JSON(http.StatusOK, told{Answer: failed("the options must be an object")})
	}
	if asked.Method == "getSession" {
		chat, ok := p.chat(v.openID, v.session)
		if !ok {
			return core.JSON(http.StatusOK, told{Answer: failed("the page was not opened in a chat")})
		}
		return core.JSON(http.StatusOK, told{Answer: chatResult(chat)})
	}
	known, ok := methods()[asked.Method]
	if !ok {
		return core.JSON(http.StatusOK, told{Answer: failed(fmt.Sprintf("there is no method %.40q", asked.Method))})
	}
	s := &sheet{view: v, method: asked.Method, options: map[string]string{}}
	for i, name := range slices.Concat(known.must, known.may) {
		value, err := option(name, asked.Options[name])
		if err == nil && value == "" && i < len(known.must) {
			err = errors.New(name + ": must be given")
		}
		if err != nil {
			return core.JSON(http.StatusOK, told{Answer: failed(err.Error())})
		}
		s.options[name] = value
	}
	if err := checkShare(s.options); err != nil {
		return core.JSON(http.StatusOK, told{Answer: failed(err.Error())})
	}
	for _, name := range []string{"share_url", "thumb_url"} {
		s.options[name] = v.outside(s.options[name])
	}
	p.sheets.add(s)
	return core.JSON(http.StatusOK, told{ID: s.id, Sheet: v.phone + "/phone/sheet/" + s.id, Title: p.titleOf(s, wordsIn(v.lang))})
}

// option reads one option: a text, or a number or a truth as its literal. The
// template of a share may be an object too.
func option(name string, raw json.RawMessage) (string, error) {
	if len(raw) > maxOption {
		return "", errors.New(name + ": is too long")
	}
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return text, nil
	}
	if c := raw[0]; c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' {
		return string(raw), nil // as a script would write it into a text
	}
	if name == "share_data_url" && raw[0] == '{' {
		return string(raw), nil
	}
	return "", errors.New(name + ": must be a text")
}

// sheetAnswer tells the bridge what the user answered: POST /.vvchat/answer
// with the sheet's id. Nothing is told while the sheet is open.
func (p *phone) sheetAnswer(_ context.Context, r *core.Request) *core.Response {
	s := p.ownSheet(r)
	if s == nil {
		return core.Refuse(http.StatusNotFound)
	}
	answer, _ := s.state()
	return core.JSON(http.StatusOK, told{Answer: answer})
}

// cancelSheet ends a sheet that the user left without a button of it: POST
// /.vvchat/cancel with the sheet's id.
func (p *phone) cancelSheet(ctx context.Context, r *core.Request) *core.Response {
	s := p.ownSheet(r)
	if s == nil {
		return core.Refuse(http.StatusNotFound)
	}
	p.act(ctx, s, asked{url.Values{"action": {"cancel"}}})
	return p.sheetAnswer(ctx, r)
}

// ownSheet finds the sheet that a request of its own view names, or nil.
func (p *phone) ownSheet(r *core.Request) *sheet {
	v := p.views.find(r.Header.Get("Host"))
	var named struct {
		ID string `json:"id"`
	}
	if v == nil || json.Unmarshal(r.Body, &named) != nil {
		return nil
	}
	s := p.sheets.find(named.ID)
	if s == nil || s.view.id != v.id {
		return nil
	}
	return s
}

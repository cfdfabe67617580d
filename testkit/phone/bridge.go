package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// bridgeRoutes are what a view's origin has besides the page: the bridge's
// script, and what it asks when the page calls a method.
func (p *phone) bridgeRoutes() core.Routes {
	return core.Routes{
		"GET " + own + "bridge.js": core.HandlerFunc(p.bridgeScript),
		"POST " + own + "call":     core.HandlerFunc(p.call),
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
	settings, err := json.Marshal(map[string]any{"platform": v.system, "early": v.early, "phone": v.phone, "navigator": navigator})
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
	return core.JSON(http.StatusOK, told{Answer: failed("there is no method " + asked.Method)})
}

package phone

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// consentBody is what the consent screen shows.
type consentBody struct {
	Merchant string
	// Scope and More say what is asked for.
	Scope, More string
}

// askConsent shows who asks for what: qyx://thirdlogin.
func (p *phone) askConsent(_ context.Context, r *core.Request) *core.Response {
	a, origin, refused := p.readConsent(r)
	if refused != nil {
		return refused
	}
	w := wordsOf(r)
	body := consentBody{Merchant: p.merchant(a.Get("app_id"))}
	body.Scope, body.More, _ = explainScope(w, a.Get("scope"))
	return p.show(r, http.StatusOK, "login", origin, screen{
		W: w, Title: w.Login, Body: body, Hidden: handOn(a, "app_id", "scope", "state", "redirect_uri"),
	})
}

// consent takes the user's answer back to the merchant.
func (p *phone) consent(_ context.Context, r *core.Request) *core.Response {
	a, _, refused := p.readConsent(r)
	if refused != nil {
		return refused
	}
	w := wordsOf(r)
	var target string
	switch a.Get("action") {
	case "allow":
		if !p.knows(a.Get("open_id")) {
			return p.problem(r, http.StatusBadRequest, w.UnknownUser)
		}
		code, err := p.platform.Consent(a.Get("app_id"), a.Get("open_id"), a.Get("scope"))
		if err != nil {
			return p.problem(r, http.StatusBadRequest, w.UnknownScope)
		}
		target, _, _ = p.back(a, "code", code, "state", a.Get("state"))
	case "refuse":
		target, _, _ = p.back(a, "err_code", "400", "err_msg", "the user refused", "state", a.Get("state"))
	default:
		return p.problem(r, http.StatusBadRequest, w.UnknownAction)
	}
	resp := redirect(target)
	resp.Header = append(resp.Header, remember(a.Get("open_id"))...)
	return resp
}

// readConsent reads the parameters of a consent, or answers what is wrong with
// them. A wrong one never goes back to the redirect_uri: it may be the wrong
// one itself.
func (p *phone) readConsent(r *core.Request) (a asked, origin string, refused *core.Response) {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok {
		return a, "", p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	if _, ok := p.apps[a.Get("app_id")]; !ok {
		return a, "", p.problem(r, http.StatusBadRequest, w.UnknownApp)
	}
	if _, _, ok := explainScope(w, a.Get("scope")); !ok {
		return a, "", p.problem(r, http.StatusBadRequest, w.UnknownScope)
	}
	target, origin, ok := p.back(a)
	switch {
	case !ok:
		return a, "", p.problem(r, http.StatusBadRequest, w.BadRedirect)
	case target == "":
		return a, "", p.problem(r, http.StatusBadRequest, w.NoRedirect)
	}
	return a, origin, nil
}

// explainScope says in words what a scope allows.
func explainScope(w words, scope string) (what, more string, ok bool) {
	if scope == testkit.ScopeUserInfo {
		return w.ForProfile, w.ForProfileMore, true
	}
	chat, ok := strings.CutPrefix(scope, "sessionapi_sendmsg:")
	if !ok {
		return "", "", false
	}
	if id, ok := strings.CutSuffix(chat, ":1"); ok && id != "" {
		return w.ForChat, fmt.Sprintf(w.ForChatDirect, id), true
	}
	if id, ok := strings.CutSuffix(chat, ":2"); ok && id != "" {
		return w.ForChat, fmt.Sprintf(w.ForChatGroup, id), true
	}
	return "", "", false
}

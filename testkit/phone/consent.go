package phone

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
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
	return p.show(r, http.StatusOK, "login", origin, screen{
		W: w, Title: w.Login, Action: "/phone/login", Hidden: handOn(a, "app_id", "scope", "state", "redirect_uri"),
		Body: p.consentBody(w, a.Get("app_id"), a.Get("scope"), p.holder(r).OpenID),
	})
}

func (p *phone) consentBody(w words, appID, scope, openID string) consentBody {
	body := consentBody{Merchant: p.merchant(appID)}
	body.Scope, body.More, _ = p.explainScope(w, scope, openID)
	return body
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
		errCode := ""
		if p.errCode != nil {
			errCode = "0"
		}
		target, _, _ = p.back(a, "code", code, "state", a.Get("state"), "err_code", errCode)
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
	if _, _, ok := p.explainScope(w, a.Get("scope"), p.whose(r, a)); !ok {
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

// explainScope says in words what a scope allows, to a user. One for a chat
// must be for one that he is in.
func (p *phone) explainScope(w words, scope, openID string) (what, more string, ok bool) {
	if scope == testkit.ScopeUserInfo {
		return w.ForProfile, w.ForProfileMore, true
	}
	named, ok := strings.CutPrefix(scope, "sessionapi_sendmsg:")
	if !ok {
		return "", "", false
	}
	for _, chat := range p.platform.Sessions(openID) {
		if named == chat.ID+":"+strconv.Itoa(chat.Type) {
			v := p.chatView(w, chat)
			return w.ForChat, fmt.Sprintf(w.ForThisChat, v.Name, v.Kind), true
		}
	}
	return "", "", false
}

package testkit

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// ScopeUserInfo is the scope for a user's profile. The one for sending into a
// chat is "sessionapi_sendmsg:SESSION_ID:SESSION_TYPE".
const ScopeUserInfo = "snsapi_userinfo"

const tokenLength = 32

// grant is what a code or a token stands for.
type grant struct {
	appID   string
	openID  string
	scope   string
	expires time.Time
}

// Consent is the user's tap on "allow": it returns a code that the app can
// exchange for a token, once, before it expires. An empty openID is the first
// user's. The error is a [core.Error] with [core.CodeNotFound] for an app or a
// user that does not exist or a chat that is not the user's, and
// [core.CodeInvalid] for an unknown scope.
func (p *Platform) Consent(appID, openID, scope string) (code string, err error) {
	const op = "testkit.Platform.Consent"
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.account(appID); !ok {
		return "", notFound(op, "app_id", appID)
	}
	user, ok := p.user(openID)
	if !ok {
		return "", notFound(op, "open_id", openID)
	}
	if scope != ScopeUserInfo {
		if !sendScope().MatchString(scope) {
			return "", core.Invalid(op, "scope: must be snsapi_userinfo or sessionapi_sendmsg:SESSION_ID:SESSION_TYPE (type 1 or 2)")
		}
		parts := strings.Split(scope, ":")
		chat, ok := p.session(parts[1])
		if !ok || !chat.has(user.OpenID) || chat.Type != sessionType(parts[2]) {
			return "", notFound(op, "a chat of the user by the scope", scope)
		}
	}
	code = p.ids.next("code", 32)
	now := p.Clock.Now()
	addGrant(p.codes, code, grant{appID: appID, openID: user.OpenID, scope: scope, expires: now.Add(p.readings.CodeLife)}, now)
	return code, nil
}

// addGrant adds a code or a token. Whenever their number reaches a power of two
// it drops those that have expired, so that a platform can run for long.
func addGrant(all map[string]grant, text string, g grant, now time.Time) {
	if n := len(all); n >= 1024 && n&(n-1) == 0 {
		maps.DeleteFunc(all, func(_ string, old grant) bool { return !now.Before(old.expires) })
	}
	all[text] = g
}

func sendScope() *regexp.Regexp { return regexp.MustCompile(`^sessionapi_sendmsg:[^:\s]+:[12]$`) }

func (p *Platform) readToken(req *request) *refusal {
	if _, refused := req.one("code"); refused != nil {
		return refused
	}
	return p.readCredentials(req)
}

// readCredentials checks the app_id and the app_key of a query.
func (p *Platform) readCredentials(req *request) *refusal {
	appID, refused := req.one("app_id")
	if refused != nil {
		return refused
	}
	key, refused := req.one("app_key")
	if refused != nil {
		return refused
	}
	req.target.AppID = appID
	p.mu.Lock()
	defer p.mu.Unlock()
	var ok bool
	if req.account, ok = p.account(appID); !ok {
		return refuse("app_id: is not known")
	}
	if !req.account.AppKey.Equal(core.NewSecret(key)) {
		return refuse("app_key: is wrong")
	}
	return nil
}

func (p *Platform) makeToken(req *request) reply {
	code := req.query.Get("code")
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	g, ok := p.codes[code]
	if !ok || g.appID != req.account.AppID || !now.Before(g.expires) || req.struck.has(FaultWrongCode) {
		return refuse("无效的code").reply()
	}
	delete(p.codes, code)
	token := p.ids.next("token", tokenLength)
	g.expires = now.Add(p.readings.TokenLife)
	addGrant(p.secrets.tokens, token, g, now)
	told := struct {
		OpenID   string `json:"open_id"`
		Scope    string `json:"scope"`
		Token    string `json:"token"`
		ExpireIn int64  `json:"expire_in"`
	}{g.openID, g.scope, token, g.expires.Unix()}
	if req.struck.has(FaultDurationExpiry) {
		told.ExpireIn = int64(p.readings.TokenLife / time.Second)
	}
	out := answer(http.StatusOK, told)
	out.shown = strings.Replace(string(out.body), token, mask, 1)
	return out
}

// granted returns what the token of a request stands for: the bare token in
// the Authorization header.
func (p *Platform) granted(req *request) (grant, *refusal) {
	values := req.header.Values("Authorization")
	if len(values) != 1 || values[0] == "" {
		return grant{}, refuse("Authorization: must be there once, with the bare token")
	}
	p.mu.Lock()
	g, ok := p.secrets.tokens[values[0]]
	p.mu.Unlock()
	switch {
	case strings.ContainsAny(values[0], " \t"):
		return grant{}, refuse("Authorization: must be the bare token, nothing before it")
	case !ok || g.scope == robotScope:
		return grant{}, refuse("Authorization: the token is not known")
	case !p.Clock.Now().Before(g.expires):
		return grant{}, refuse("Authorization: the token has expired")
	}
	return g, nil
}

// spoiledToken is what a fault makes of a user's token.
func (req *request) spoiledToken() *refusal {
	switch {
	case req.struck.has(FaultTokenExpired):
		return refuse("Authorization: the token has expired")
	case req.struck.has(FaultTokenInvalid):
		return refuse("Authorization: the token is not known")
	}
	return nil
}

func (p *Platform) readUserInfo(req *request) *refusal {
	g, refused := p.granted(req)
	if refused != nil {
		return refused
	}
	req.target.AppID = g.appID
	if g.scope != ScopeUserInfo {
		return refuse("Authorization: the token's scope is %s, not %s", g.scope, ScopeUserInfo)
	}
	return nil
}

func (p *Platform) answerUserInfo(req *request) reply {
	if refused := req.spoiledToken(); refused != nil {
		return refused.reply()
	}
	g, refused := p.granted(req)
	if refused != nil {
		return refused.reply()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	user, ok := p.user(g.openID)
	if !ok {
		return refuse("open_id: is not known").reply()
	}
	if req.struck.has(FaultOtherUser) {
		user = User{OpenID: user.OpenID + "x", Nickname: "not " + user.Nickname, Sex: user.Sex, Avatar: user.Avatar + "x"}
	}
	return answer(http.StatusOK, user)
}

package testkit

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

const (
	tokenPath = "/userservices/v2/authorization/token"
	userPath  = "/userservices/v2/authorization/userinfo"
)

func consent(t *testing.T, p *Platform, scope string) string {
	t.Helper()
	code, err := p.Consent("test", "", scope)
	require.NoError(t, err)
	return code
}

func profile(t *testing.T, p *Platform, authorization ...string) answered {
	t.Helper()
	req := newRequest(t, p, http.MethodGet, userPath, "")
	req.Header["Authorization"] = authorization
	return do(t, p, req)
}

func TestTokenAndProfile(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	code := consent(t, p, ScopeUserInfo)
	exchange := tokenPath + "?app_id=test&app_key=123456&code=" + code
	a := get(t, p, exchange)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.Equal(t, TestUser().OpenID, a.fields["open_id"])
	assert.Equal(t, ScopeUserInfo, a.fields["scope"])
	assert.Equal(t, float64(p.Clock.Now().Add(2*time.Hour).Unix()), a.fields["expire_in"], "a point in time")
	token := a.fields["token"].(string)

	again := get(t, p, exchange)
	assert.Equal(t, http.StatusBadRequest, again.status)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"无效的code"}`, again.body, "a code is good once")

	a = profile(t, p, token)
	assert.Equal(t, http.StatusOK, a.status)
	assert.JSONEq(t, `{"open_id":"`+TestUser().OpenID+`","nickname":"小明","sex":"男","avatar":"http://dev.vvchat.im/avatar/xiaoming.png"}`, a.body)

	p.Clock.Advance(2 * time.Hour)
	assert.Contains(t, profile(t, p, token).body, "has expired")
}

func TestTokenIsStrict(t *testing.T) {
	other := Account{AppID: "other", AppKey: core.NewSecret("k"), StoreNo: "s2"}
	p := testPlatform(t, PlatformConfig{Accounts: []Account{TestAccount(), other}})
	code := consent(t, p, ScopeUserInfo)
	for query, says := range map[string]string{
		"?app_key=123456&code=" + code:                    "app_id: is missing",
		"?app_id=test&code=" + code:                       "app_key: is missing",
		"?app_id=test&app_key=123456":                     "code: is missing",
		"?app_id=nobody&app_key=123456&code=" + code:      "app_id: is not known",
		"?app_id=test&app_key=wrong&code=" + code:         "app_key: is wrong",
		"?app_id=test&app_key=123456&code=x":              "无效的code",
		"?app_id=other&app_key=k&code=" + code:            "无效的code",
		"?app_id=test&app_key=123456&code=x&code=" + code: "code: stands there twice",
	} {
		a := get(t, p, tokenPath+query)
		assert.Equal(t, http.StatusBadRequest, a.status, query)
		assert.Equal(t, says, firstWords(a.fields["err_msg"].(string), says), query)
		assert.NotContains(t, a.body, "123456")
	}
	assert.Equal(t, http.StatusBadRequest, do(t, p, newRequest(t, p, http.MethodPost, tokenPath, "{}")).status, "GET alone")
	p.Clock.Advance(5 * time.Minute)
	assert.Contains(t, get(t, p, tokenPath+"?app_id=test&app_key=123456&code="+code).body, "无效的code", "a code expires")

	for _, e := range p.Requests() {
		RequireNoSecret(t, e.Query+e.String(), core.NewSecret("123456"))
	}
}

func firstWords(s, like string) string { return s[:min(len(s), len(like))] }

func TestProfileIsStrict(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	exchange := func(scope string) string {
		return get(t, p, tokenPath+"?app_id=test&app_key=123456&code="+consent(t, p, scope)).fields["token"].(string)
	}
	token := exchange(ScopeUserInfo)
	for _, authorization := range [][]string{nil, {""}, {"x"}, {"Bearer " + token}, {token, token}, {exchange("sessionapi_sendmsg:" + TestSessions()[1].ID + ":2")}} {
		a := profile(t, p, authorization...)
		assert.Equal(t, http.StatusBadRequest, a.status, "%q", authorization)
		assert.Contains(t, a.body, "Authorization:", "%q", authorization)
		assert.NotContains(t, a.body, token)
	}
	require.Equal(t, http.StatusOK, profile(t, p, token).status)
	for _, e := range p.Requests() {
		assert.NotContains(t, e.Header.Get("Authorization")+e.Answer, token, "the record masks it")
	}
}

func TestConsent(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	ann := p.AddUser(User{Nickname: "Ann", Sex: "女"})
	assert.Len(t, ann.OpenID, 32)
	code, err := p.Consent("test", ann.OpenID, "sessionapi_sendmsg:"+TestSessions()[0].ID+":1")
	require.NoError(t, err)
	assert.Equal(t, ann.OpenID, get(t, p, tokenPath+"?app_id=test&app_key=123456&code="+code).fields["open_id"])

	_, err = p.Consent("nobody", "", ScopeUserInfo)
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	_, err = p.Consent("test", "nobody", ScopeUserInfo)
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	for _, scope := range []string{"", "snsapi_base", "sessionapi_sendmsg", "sessionapi_sendmsg:S1", "sessionapi_sendmsg:S1:3", "sessionapi_sendmsg::1"} {
		_, err = p.Consent("test", "", scope)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), scope)
	}
}

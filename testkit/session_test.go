package testkit

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

const messagePath = "/messageapi/v1/authorization/sendmsg"

// userToken exchanges a consent for a token.
func userToken(t *testing.T, p *Platform, scope string) string {
	t.Helper()
	return get(t, p, tokenPath+"?app_id=test&app_key=123456&code="+consent(t, p, scope)).fields["token"].(string)
}

func postJSON(t *testing.T, p *Platform, path, body string, header ...string) answered {
	t.Helper()
	req := newRequest(t, p, http.MethodPost, path, body)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, p, req)
}

func TestMessagesIntoAChat(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	direct, group := TestSessions()[0], TestSessions()[1]
	token := userToken(t, p, "sessionapi_sendmsg:"+group.ID+":2")
	a := postJSON(t, p, messagePath, `{"type":"text","content":"门铃已开通"}`, "Authorization", token)
	require.Equal(t, http.StatusOK, a.status, a.body)
	m := p.RequireMessage(t, group.ID, "门铃已开通")
	assert.Equal(t, ChatMessage{AppID: "test", OpenID: TestUser().OpenID, SessionID: group.ID, SessionType: SessionGroup, Type: "text", Content: "门铃已开通", Time: p.Clock.Now()}, m)
	assert.Empty(t, p.Messages(direct.ID))

	for name, c := range map[string]struct{ token, body, says string }{
		"no token":         {"", `{"type":"text","content":"x"}`, "Authorization: must be there once"},
		"Bearer":           {"Bearer " + token, `{"type":"text","content":"x"}`, "nothing before it"},
		"an unknown token": {"x", `{"type":"text","content":"x"}`, "not known"},
		"another scope":    {userToken(t, p, ScopeUserInfo), `{"type":"text","content":"x"}`, "the token's scope is snsapi_userinfo"},
		"no type":          {token, `{"content":"x"}`, "type: is missing"},
		"another type":     {token, `{"type":"image","content":"x"}`, "type: must be text"},
		"no content":       {token, `{"type":"text","content":""}`, "content: is missing"},
		"a number":         {token, `{"type":"text","content":7}`, "content: must be a JSON string"},
		"too long":         {token, `{"type":"text","content":"` + strings.Repeat("长", 16385) + `"}`, "longer than 16384"},
		"twice":            {token, `{"type":"text","type":"text","content":"x"}`, "twice"},
		"no JSON":          {token, `text`, "JSON"},
	} {
		header := []string{"Authorization", c.token}
		if c.token == "" {
			header = nil
		}
		a := postJSON(t, p, messagePath, c.body, header...)
		assert.Equal(t, http.StatusBadRequest, a.status, name)
		assert.Contains(t, a.fields["err_msg"], c.says, name)
	}
	p.Inject(Fault{Kind: FaultTokenExpired, Call: CallSendMsg, SessionID: group.ID})
	assert.Contains(t, postJSON(t, p, messagePath, `{"type":"text","content":"x"}`, "Authorization", token).body, "has expired")
	p.Inject(Fault{Kind: FaultTokenInvalid, Call: CallSendMsg})
	assert.Contains(t, postJSON(t, p, messagePath, `{"type":"text","content":"x"}`, "Authorization", token).body, "not known")
	left, err := p.AddSession(Session{Type: SessionGroup, Members: []string{TestUser().OpenID}})
	require.NoError(t, err)
	gone := userToken(t, p, "sessionapi_sendmsg:"+left.ID+":2")
	p.sessions[len(p.sessions)-1].Members = []string{"somebody else"}
	assert.Contains(t, postJSON(t, p, messagePath, `{"type":"text","content":"x"}`, "Authorization", gone).body, "not in the chat any more")
	p.Inject(Fault{Kind: FaultAnswerLost, Call: CallSendMsg})
	req := newRequest(t, p, http.MethodPost, messagePath, `{"type":"text","content":"lost"}`)
	req.Header.Set("Authorization", token)
	resp, err := p.Client().Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Error(t, err)
	p.RequireMessage(t, group.ID, "lost")
	p.Clock.Advance(3 * time.Hour)
	assert.Contains(t, postJSON(t, p, messagePath, `{"type":"text","content":"x"}`, "Authorization", token).body, "has expired")
	assert.Len(t, p.Messages(""), 2)
	for _, e := range p.Requests() {
		RequireNoSecret(t, e.String()+e.Header.Get("Authorization")+e.Answer, core.NewSecret(token))
	}
	assert.Equal(t, []string{"6", "{}"}, func() []string {
		open := testPlatform(t, PlatformConfig{Readings: Readings{AnyMessageType: true, SendMsgResult: "6"}})
		a := postJSON(t, open, messagePath, `{"type":"image","content":"x"}`, "Authorization", userToken(t, open, "sessionapi_sendmsg:"+group.ID+":2"))
		return []string{a.body, p.readings.SendMsgResult}
	}())
}

func TestChatsOfAUser(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	ann := p.AddUser(User{Nickname: "Ann"})
	own, err := p.AddSession(Session{Type: SessionGroup, Name: "two", Members: []string{ann.OpenID}})
	require.NoError(t, err)
	assert.Len(t, own.ID, 24)
	assert.Len(t, p.Sessions(""), 2)
	assert.Len(t, p.Sessions(ann.OpenID), 3)
	assert.Empty(t, p.Sessions("nobody"))
	_, err = p.AddSession(own)
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	_, err = p.AddSession(Session{Type: 3})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	for scope, fits := range map[string]bool{
		"sessionapi_sendmsg:" + own.ID + ":2":               false, // not the first user's
		"sessionapi_sendmsg:" + TestSessions()[0].ID + ":1": true,
		"sessionapi_sendmsg:" + TestSessions()[0].ID + ":2": false, // not of its type
		"sessionapi_sendmsg:nothing:1":                      false,
	} {
		_, err := p.Consent("test", "", scope)
		assert.Equal(t, fits, err == nil, scope)
	}
	_, err = p.AddSession(Session{ID: "a:b", Type: 1})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	service, err := p.OpenSessionView(t.Context(), "", TestRobot().OpenID)
	require.NoError(t, err)
	assert.Equal(t, SessionDirect, service.Type)
	again, err := p.OpenSessionView(t.Context(), "", TestRobot().OpenID)
	require.NoError(t, err)
	assert.Equal(t, service.ID, again.ID)
	alone, err := p.OpenSessionView(t.Context(), "", TestUser().OpenID)
	require.NoError(t, err)
	assert.NotEqual(t, service.ID, alone.ID, "a chat with oneself is another")
	withAnn, err := p.OpenSessionView(t.Context(), "", ann.OpenID)
	require.NoError(t, err)
	assert.NotEqual(t, service.ID, withAnn.ID)
	shop := openShop(t, nil)
	p.SetEventURL(TestRobot().RobotNo, shop.URL)
	_, err = p.OpenSessionView(t.Context(), "", TestRobot().OpenID)
	require.NoError(t, err)
	require.Len(t, shop.received(), 1)
	assert.Contains(t, shop.received()[0], `"event":"session-open"`)
	for _, pair := range [][2]string{{"", "nobody"}, {"", ""}, {"nobody", ann.OpenID}} {
		_, err = p.OpenSessionView(t.Context(), pair[0], pair[1])
		assert.Equal(t, core.CodeNotFound, core.CodeOf(err), pair)
	}
	_, err = NewPlatform(PlatformConfig{Sessions: []Session{{ID: "a", Type: 1}, {ID: "a", Type: 1}}})
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
}

func TestShares(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	s, err := p.Share(Share{AppID: "test", ShareTitle: "门铃", ShareURL: "http://127.0.0.1:8700/"})
	require.NoError(t, err)
	assert.Equal(t, TestUser().OpenID, s.OpenID)
	assert.Equal(t, TestSessions()[0].ID, s.SessionID)
	assert.Equal(t, s, p.RequireShare(t, "门铃"))
	for _, bad := range []Share{
		{AppID: "nobody", ShareTitle: "x", ShareURL: "x"}, {AppID: "test", OpenID: "nobody", ShareTitle: "x", ShareURL: "x"},
		{AppID: "test", ShareURL: "x"}, {AppID: "test", ShareTitle: "x"}, {AppID: "test", ShareTitle: "x", ShareURL: "x", SessionID: "nothing"},
	} {
		_, err := p.Share(bad)
		assert.Error(t, err)
	}
	assert.Len(t, p.Shares(), 1)
	tb := &fakeTB{}
	p.RequireShare(tb, "another")
	assert.Contains(t, tb.failed, `expected one share with share_title "another"`)
	assert.Contains(t, tb.failed, "\n\tpage: VVChat public API (publicapi/index.html), share\n")
	tb = &fakeTB{}
	p.RequireMessage(tb, "", "x")
	assert.Contains(t, tb.failed, "\n\tpage: VVChat public API (publicapi/index.html), send message (sendmsg)\n")
}

func TestBalances(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", "http://127.0.0.1:1/")
	_, limited := p.Balance("")
	assert.False(t, limited)
	cost := p.RequireTrade(t, "T1").Amount
	assert.False(t, p.SetBalance("nobody", 1))
	assert.False(t, p.SetBalance("", -1))
	assert.True(t, p.SetBalance("", cost-1))
	_, err := p.Pay(t.Context(), code, "")
	require.ErrorIs(t, err, ErrInsufficientBalance)
	assert.Equal(t, Unpaid, p.RequireTrade(t, "T1").Status)
	p.SetBalance("", cost+1)
	_, err = p.Pay(t.Context(), code, "")
	require.NoError(t, err)
	left, limited := p.Balance("")
	assert.True(t, limited)
	assert.Equal(t, core.Fen(1), left)
}

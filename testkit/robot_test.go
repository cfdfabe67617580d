package testkit

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func robotToken(t *testing.T, p *Platform) string {
	t.Helper()
	a := get(t, p, "/robotapi/v1/token?app_id=test&app_key=123456")
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.Equal(t, 7200.0, a.fields["expire_in"])
	return a.fields["token"].(string)
}

// command is the body of a command to the first user.
func command(cmd, params string) string {
	user := TestUser().OpenID
	return fmt.Sprintf(`{"type":"cmd","session_open_id":%q,"session_type":"1","to_type":"1","to":%q,"content":{"cmd":%q,"params":%s}}`, user, user, cmd, strconv.Quote(params))
}

func TestRobotCommands(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	path := "/robotapi/v1/message/send?robot_no=" + TestRobot().RobotNo + "&token=" + robotToken(t, p)
	for _, c := range []struct{ cmd, params string }{
		{"send-text", `{"text":"你好"}`},
		{"webview-group-open", `{"height":"50%","url":"http://127.0.0.1:8700/"}`},
		{"webview-group-refresh", `{"url":"http://127.0.0.1:8700/"}`},
		{"webview-group-refresh", `{"height":"234","url":"http://127.0.0.1:8700/"}`},
		{"webview-group-close", `{}`},
	} {
		a := postJSON(t, p, path, command(c.cmd, c.params))
		assert.Equal(t, http.StatusOK, a.status, a.body)
	}
	done := p.RobotCommands()
	require.Len(t, done, 5)
	assert.Equal(t, RobotCommand{
		AppID: "test", RobotNo: "r1001", SessionOpenID: TestUser().OpenID, SessionType: 1, ToType: 1, To: TestUser().OpenID, Cmd: "send-text", Text: "你好", Time: p.Clock.Now(),
	}, done[0])
	assert.Equal(t, "234", done[3].Height)
	assert.Equal(t, "r1001", p.RequireMessage(t, "", "你好").RobotNo)

	group := strings.NewReplacer(`"session_type":"1"`, `"session_type":"2"`, `"to_type":"1"`, `"to_type":"2"`, TestUser().OpenID, TestSessions()[1].ID)
	a := postJSON(t, p, path, group.Replace(command("send-text", `{"text":"大家好"}`)))
	assert.Equal(t, http.StatusOK, a.status, a.body)
	p.RequireMessage(t, TestSessions()[1].ID, "大家好")

	good := command("send-text", `{"text":"x"}`)
	for name, c := range map[string]struct{ body, says string }{
		"no JSON":             {`x`, "JSON"},
		"another type":        {strings.Replace(good, `"cmd"`, `"text"`, 1), "type: must be cmd"},
		"numbers":             {strings.Replace(good, `"session_type":"1"`, `"session_type":1`, 1), "session_type: must be a JSON string"},
		"a type that is none": {strings.Replace(good, `"to_type":"1"`, `"to_type":"3"`, 1), "to_type: must be 1 or 2"},
		"an unknown chat":     {strings.Replace(good, `"session_open_id":"`, `"session_open_id":"x`, 1), "session_open_id: is not known"},
		"an unknown person":   {strings.Replace(good, `"to":"`, `"to":"x`, 1), "to: is not known"},
		"no content":          {strings.Replace(good, `"content"`, `"contents"`, 1), "content: must be a JSON object"},
		"params as object":    {strings.Replace(good, strconv.Quote(`{"text":"x"}`), `{"text":"x"}`, 1), "params: must be a JSON string"},
		"params that is text": {command("send-text", `hello`), "params: must be a JSON object in a string"},
		"an unknown cmd":      {command("send-image", `{}`), "cmd: \"send-image\" is not known"},
		"no text":             {command("send-text", `{}`), "params.text"},
		"a foreign param":     {command("webview-group-close", `{"url":"http://127.0.0.1/"}`), "params.url: is not a parameter"},
		"an odd height":       {command("webview-group-open", `{"height":"150%","url":"http://127.0.0.1/"}`), "params.height"},
		"a height as number":  {command("webview-group-open", `{"height":50,"url":"http://127.0.0.1/"}`), "params.height"},
		"an odd url":          {command("webview-group-open", `{"height":"50%","url":"javascript:x"}`), "params.url"},
	} {
		a := postJSON(t, p, path, c.body)
		assert.Equal(t, http.StatusBadRequest, a.status, name)
		assert.Contains(t, a.fields["err_msg"], c.says, name)
	}
	assert.Len(t, p.RobotCommands(), 6)
}

func TestRobotTokens(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	send := func(p *Platform, token string) answered {
		return postJSON(t, p, "/robotapi/v1/message/send?robot_no=r1001&token="+token, command("send-text", `{"text":"x"}`))
	}
	first := robotToken(t, p)
	assert.Equal(t, http.StatusOK, send(p, first).status)
	second := robotToken(t, p)
	assert.Contains(t, send(p, first).body, "token: has expired", "there is a newer one")
	assert.Equal(t, http.StatusOK, send(p, second).status)
	assert.Contains(t, send(p, userToken(t, p, ScopeUserInfo)).body, "token: is not known")
	assert.Contains(t, profile(t, p, second).body, "not known", "nor is a robot's token a user's")
	assert.Contains(t, postJSON(t, p, "/robotapi/v1/message/send?robot_no=r2&token="+second, "{}").body, "robot_no: is not a robot of this app")
	assert.Contains(t, postJSON(t, p, "/robotapi/v1/message/send?token="+second, "{}").body, "robot_no: is missing")
	for query, says := range map[string]string{
		"app_id=test": "app_key: is missing", "app_id=nobody&app_key=123456": "app_id: is not known", "app_id=test&app_key=1": "app_key: is wrong",
	} {
		assert.Contains(t, get(t, p, "/robotapi/v1/token?"+query).body, says)
	}
	injected := p.Inject(Fault{Kind: FaultTokenExpired, Call: CallRobotCommand})
	assert.Contains(t, send(p, second).body, "has expired")
	assert.Contains(t, send(p, second).body, "has expired", "for ever")
	assert.Equal(t, 1, injected.Applied())
	third := robotToken(t, p)
	p.Clock.Advance(2 * time.Hour)
	assert.Contains(t, send(p, third).body, "has expired")
	for _, e := range p.Requests() {
		RequireNoSecret(t, e.String()+e.Query+e.Answer, core.NewSecret(third))
	}
	short := testPlatform(t, PlatformConfig{
		Accounts: []Account{TestAccount(), {AppID: "other", AppKey: core.NewSecret("another-key"), StoreNo: "s2"}},
		Robots:   []Robot{TestRobot(), {AppID: "other", RobotNo: "r2", OpenID: "o2"}},
		Readings: Readings{RobotTokenLife: time.Minute},
	})
	brief := get(t, short, "/robotapi/v1/token?app_id=test&app_key=123456")
	assert.Equal(t, 60.0, brief.fields["expire_in"])
	token := brief.fields["token"].(string)
	assert.Contains(t, postJSON(t, short, "/robotapi/v1/message/send?robot_no=r2&token="+token, command("send-text", `{"text":"x"}`)).body, "robot_no: is not a robot of this app")
	injected = short.Inject(Fault{Kind: FaultError500, Call: CallRobotCommand, SessionID: TestUser().OpenID})
	assert.Equal(t, http.StatusInternalServerError, send(short, token).status)
	assert.Equal(t, 1, injected.Applied())
	short.Clock.Advance(time.Minute)
	assert.Contains(t, send(short, token).body, "has expired")
	invalid := testPlatform(t, PlatformConfig{})
	token = robotToken(t, invalid)
	invalid.Inject(Fault{Kind: FaultTokenInvalid, Call: CallRobotCommand})
	assert.Contains(t, send(invalid, token).body, "token: is not known")

	lenient := testPlatform(t, PlatformConfig{Readings: Readings{OldRobotTokens: true, RobotTokenLife: 2 * time.Hour, RobotTypeNumbers: true}})
	old := robotToken(t, lenient)
	robotToken(t, lenient)
	assert.Equal(t, http.StatusOK, send(lenient, old).status)
	numbers := strings.NewReplacer(`"session_type":"1"`, `"session_type":1`, `"to_type":"1"`, `"to_type":1`)
	assert.Equal(t, http.StatusOK, postJSON(t, lenient, "/robotapi/v1/message/send?robot_no=r1001&token="+old, numbers.Replace(command("send-text", `{"text":"x"}`))).status)
}

func TestRobotEvents(t *testing.T) {
	shop := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	_, err := p.SendRobotEvent(t.Context(), RobotEvent{})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	_, err = p.SendRobotEvent(t.Context(), RobotEvent{Event: EventAt})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	assert.False(t, p.SetEventURL("r2", shop.URL))
	require.True(t, p.SetEventURL("r1001", shop.URL+"/callbacks/robot/verysecretpath"))
	resp, err := p.SendRobotEvent(t.Context(), RobotEvent{Event: EventAt, Text: "多少钱"})
	require.NoError(t, err)
	RequireAcknowledged(t, resp)
	user := TestUser().OpenID
	assert.JSONEq(t, `{"event":"at","version":"v1","data":{"robot":{"app_id":"test","open_id":"`+TestRobot().OpenID+`","robot_no":"r1001"},
		"session":{"session_open_id":"`+user+`","session_type":1},"trigger":{"open_id":"`+user+`","target":"user"},"content":{"text":"多少钱"}}}`, shop.received()[0])
	_, err = p.SendRobotEvent(t.Context(), RobotEvent{Event: "something-new", RobotNo: "r1001", SessionOpenID: TestSessions()[1].ID, SessionType: SessionGroup})
	require.NoError(t, err)
	assert.NotContains(t, shop.received()[1], "content")
	assert.Contains(t, shop.received()[1], `"session_type":2`)
	for _, bad := range []RobotEvent{{Event: EventAt, RobotNo: "r2"}, {Event: EventAt, TriggerOpenID: "nobody"}} {
		_, err = p.SendRobotEvent(t.Context(), bad)
		assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	}
	record := p.Requests()
	assert.Equal(t, CallRobotEvent, record[0].Call)
	RequireNoSecret(t, record[0].String(), core.NewSecret("verysecretpath"))
	for _, address := range []string{"http://127.0.0.1/robot/SECRET/", "http://127.0.0.1/SECRET/events", "http://127.0.0.1/robot/SECRET?a=/b"} {
		assert.Equal(t, "http://127.0.0.1/***", withoutSecret(address))
	}
	tb := &fakeTB{}
	p.RequireRobotCommand(tb, "send-text")
	assert.Contains(t, tb.failed, "\n\tpage: VVChat public API (publicapi/index.html), robot\n")
	text := testPlatform(t, PlatformConfig{Robots: []Robot{{RobotNo: "r9", OpenID: "o9", EventURL: shop.URL}}, Readings: Readings{EventTypeText: true}})
	_, err = text.SendRobotEvent(t.Context(), RobotEvent{Event: EventSessionOpen})
	require.NoError(t, err)
	assert.Contains(t, shop.received()[2], `"session_type":"1"`)
	for _, robots := range [][]Robot{{{RobotNo: "a"}}, {{AppID: "nobody", RobotNo: "a", OpenID: "a"}}, {{RobotNo: "a", OpenID: "a"}, {RobotNo: "a", OpenID: "b"}}} {
		_, err := NewPlatform(PlatformConfig{Robots: robots})
		assert.Error(t, err)
	}
}

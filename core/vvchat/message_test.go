package vvchat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

const (
	userCode  = "code-that-must-not-show"
	userToken = "eyJhbGciOiJSUzI1NiIsInR5cCI6.token-that-must-not-show"
	appKey    = "app-key-that-must-not-show"
)

// chat is the platform as far as messages need it: one code, one token, its
// scope, and what sendmsg answers.
type chat struct {
	*httptest.Server

	mu       sync.Mutex
	scope    string
	status   int    // of sendmsg; 0 is 200
	answer   string // of sendmsg
	hold     chan struct{}
	used     bool
	messages []string
}

func startChat(t testing.TB, scope string) *chat {
	t.Helper()
	c := &chat{scope: scope, answer: "OK"}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		c.mu.Lock()
		defer c.mu.Unlock()
		switch r.Method + " " + r.URL.Path {
		case "GET /userservices/v2/authorization/token":
			if c.used || r.URL.Query().Get("code") != userCode {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"err_code":400,"err_msg":"无效的code"}`)
				return
			}
			c.used = true
			_ = json.NewEncoder(w).Encode(map[string]any{"open_id": "O1", "scope": c.scope, "token": userToken, "expire_in": 1900000000})
		case "POST /messageapi/v1/authorization/sendmsg":
			assert.Equal(t, []string{userToken}, r.Header.Values("Authorization"), "the bare token")
			assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
			assert.Empty(t, r.URL.RawQuery)
			c.messages = append(c.messages, strings.TrimSpace(string(body)))
			if c.hold != nil {
				<-c.hold
			}
			if c.status != 0 {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
			}
			_, _ = io.WriteString(w, c.answer)
		default:
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func clientOf(t testing.TB, base string, change ...func(*vvchat.Config)) *vvchat.Client {
	t.Helper()
	cfg := vvchat.Config{BaseURL: base, AppID: "app1", AppKeys: core.Secrets(appKey)}
	for _, f := range change {
		f(&cfg)
	}
	client, err := vvchat.New(cfg)
	require.NoError(t, err)
	return client
}

// chain is all that a log could show of err.
func chain(err error) string {
	var text strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&text, "%v %+v %#v\n", err, err, err)
	}
	return text.String()
}

func requireClean(t testing.TB, err error) {
	t.Helper()
	testkit.RequireNoSecret(t, chain(err), core.Secrets(userCode, userToken, appKey, robotToken(0), robotToken(1), robotToken(2))...)
}

func classOf(err error) vvchat.Class {
	if refused, ok := errors.AsType[*vvchat.PlatformError](err); ok {
		return refused.Class
	}
	return ""
}

func TestSendMessageOnTheWire(t *testing.T) {
	platform := startChat(t, "")
	client := clientOf(t, platform.URL)
	for _, m := range []vvchat.Message{
		{Content: "Tom & Jerry <3\n微信"},
		{Type: vvchat.MessageText, Content: "x"},
		{Type: "card_2", Content: `{"a":"b"}`},
	} {
		require.NoError(t, client.SendMessage(t.Context(), core.NewSecret(userToken), m))
	}
	assert.Equal(t, []string{
		`{"type":"text","content":"Tom & Jerry <3\n微信"}`,
		`{"type":"text","content":"x"}`,
		`{"type":"card_2","content":"{\"a\":\"b\"}"}`,
	}, platform.messages)
}

func TestMessagesAreCheckedBeforeTheyAreSent(t *testing.T) {
	platform := startChat(t, "")
	client := clientOf(t, platform.URL)
	for name, m := range map[string]vvchat.Message{
		"content":                     {},
		"content must be valid UTF-8": {Content: "a\x00b"},
		"content must be valid":       {Content: "\xff"},
		"content must have a length":  {Content: strings.Repeat("微", 16385)},
		"type must be 1 to 64 of":     {Type: "te xt", Content: "x"},
		"line breaks and tabs":        {Content: "\x1b[31m"},
	} {
		err := client.SendMessage(t.Context(), core.NewSecret(userToken), m)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
		_, err = client.SendToSession(t.Context(), userCode, vvchat.Session{ID: "S1", Type: 1}, m)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
	for _, token := range []string{"", " ", "Bearer x", "x\r\nX-Evil: 1", "wört"} {
		err := client.SendMessage(t.Context(), core.NewSecret(token), vvchat.Message{Content: "x"})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), token)
		assert.ErrorContains(t, err, "token")
		_, err = client.Profile(t.Context(), core.NewSecret(token))
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), token)
	}
	assert.Empty(t, platform.messages)
	assert.False(t, platform.used, "nothing that is wrong spends a code")
	require.NoError(t, client.SendMessage(t.Context(), core.NewSecret(userToken), vvchat.Message{Content: strings.Repeat("微", 16384)}))
}

// What each answer leaves known decides whether a message may be sent again.
func TestWhatEachAnswerToAMessageLeavesKnown(t *testing.T) {
	for _, tt := range []struct {
		status int
		answer string
		code   core.Code
		class  vvchat.Class
		says   string
	}{
		{200, ``, "", "", ""},
		{200, `<html>`, "", "", ""},
		{200, `{"err_code":400}`, "", "", ""},
		{400, `{"err_code":400,"err_msg":"请求失败！"}`, core.CodeRefused, vvchat.ClassRefused, "may have expired"},
		{400, `{"err_code":400,"err_msg":"无效的token"}`, core.CodeRefused, vvchat.ClassToken, "consent again"},
		{400, `{"err_code":400,"err_msg":"访问凭证已过期"}`, core.CodeRefused, vvchat.ClassToken, "consent again"},
		{401, ``, core.CodeRefused, vvchat.ClassToken, "consent again"},
		{400, `{"err_code":400,"err_msg":"the token's Scope is snsapi_userinfo"}`, core.CodeRefused, vvchat.ClassScope, "sessionapi_sendmsg"},
		{403, `{}`, core.CodeRefused, vvchat.ClassScope, "another scope"},
		{429, `{}`, core.CodeRefused, vvchat.ClassBusy, "later"},
		{404, `{}`, core.CodeRefused, vvchat.ClassRefused, "404"},
		{400, `<html>`, core.CodeUnknown, "", "may have been sent"},
		{302, ``, core.CodeUnknown, "", "may have been sent"},
		{500, `{"err_code":500}`, core.CodeUnknown, "", "may have been sent"},
		{200, strings.Repeat(" ", 1<<20+1), core.CodeUnknown, "", "may have been sent"},
	} {
		t.Run(fmt.Sprintf("%d %.40s", tt.status, tt.answer), func(t *testing.T) {
			s := vvchat.Session{ID: "S1", Type: vvchat.SessionGroup}
			platform := startChat(t, vvchat.SessionScope(s))
			platform.status, platform.answer = tt.status, tt.answer
			token, err := clientOf(t, platform.URL).SendToSession(t.Context(), userCode, s, vvchat.Message{Content: "x"})
			assert.Equal(t, userToken, token.Token.Reveal(), "the code is spent: whatever happened, the token is all there is")
			assert.Len(t, platform.messages, 1, "one attempt")
			assert.Equal(t, tt.code, core.CodeOf(err), "%v", err)
			assert.Equal(t, tt.class, classOf(err))
			assert.Equal(t, tt.status == 429, core.Retryable(err))
			if err != nil {
				assert.ErrorContains(t, err, tt.says)
				assert.Equal(t, tt.status == 429, strings.Contains(err.Error(), "go on with SendMessage"))
				assert.Contains(t, err.Error(), "vvchat.SendMessage: ")
			}
		})
	}
}

func TestAMessageThatNobodyAnswers(t *testing.T) {
	platform := startChat(t, "")
	platform.hold = make(chan struct{})
	client := clientOf(t, platform.URL, func(cfg *vvchat.Config) { cfg.Timeout = 20 * time.Millisecond })
	err := client.SendMessage(t.Context(), core.NewSecret(userToken), vvchat.Message{Content: "x"})
	close(platform.hold)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "may have been sent")
	assert.False(t, core.Retryable(err))
	requireClean(t, err)
}

// The code is spent by the first half, so the second is gone on with by token.
func TestAPlatformLostBetweenCodeAndMessage(t *testing.T) {
	s := vvchat.Session{ID: "S1", Type: vvchat.SessionDirect}
	platform := startChat(t, vvchat.SessionScope(s))
	lost := true
	client := clientOf(t, platform.URL, func(cfg *vvchat.Config) {
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if lost && r.Method == http.MethodPost {
				r = r.Clone(r.Context())
				r.URL.Host = "127.0.0.1:0"
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	token, err := client.SendToSession(t.Context(), userCode, s, vvchat.Message{Content: "x"})
	require.Equal(t, core.CodeUnreached, core.CodeOf(err), "%v", err)
	assert.ErrorContains(t, err, "go on with SendMessage")
	require.True(t, core.Retryable(err))
	lost = false
	require.NoError(t, client.SendMessage(t.Context(), token.Token, vvchat.Message{Content: "x"}))
	assert.Len(t, platform.messages, 1)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSendToSession(t *testing.T) {
	s := vvchat.Session{ID: "IqxDpc-s6S_9RaXMmag39YVH7W810Z57", Type: vvchat.SessionGroup}
	platform := startChat(t, "sessionapi_sendmsg:IqxDpc-s6S_9RaXMmag39YVH7W810Z57:2")
	client := clientOf(t, platform.URL)
	token, err := client.SendToSession(t.Context(), userCode, s, vvchat.Message{Content: "hello"})
	require.NoError(t, err)
	assert.Equal(t, "O1", token.OpenID)
	assert.Equal(t, []string{`{"type":"text","content":"hello"}`}, platform.messages)

	_, err = client.SendToSession(t.Context(), userCode, s, vvchat.Message{Content: "hello"})
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.Equal(t, vvchat.ClassCode, classOf(err))
	assert.ErrorContains(t, err, "无效的code")
	assert.ErrorContains(t, err, "consent again")
	requireClean(t, err)
	assert.Len(t, platform.messages, 1)

	for name, bad := range map[string]vvchat.Session{"session_id": {ID: "S1:2", Type: 1}, "session_type": {ID: "S1", Type: 3}} {
		_, err = client.SendToSession(t.Context(), userCode, bad, vvchat.Message{Content: "x"})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.ErrorContains(t, err, name)
	}
}

// A token for anything but this very chat sends nothing.
func TestAScopeOfAnotherChat(t *testing.T) {
	s := vvchat.Session{ID: "S1", Type: vvchat.SessionGroup}
	for _, scope := range []string{
		"", vvchat.ScopeUserInfo, "sessionapi_sendmsg", "sessionapi_sendmsg:S1", "sessionapi_sendmsg:S1:1", "sessionapi_sendmsg:S2:2",
		"sessionapi_sendmsg:S1:2 ", "sessionapi_sendmsg:S1:22", "SESSIONAPI_SENDMSG:S1:2", "sessionapi_sendmsg:S1:2,snsapi_userinfo",
		"x\x1b[31m" + userToken + userCode,
	} {
		platform := startChat(t, scope)
		token, err := clientOf(t, platform.URL).SendToSession(t.Context(), userCode, s, vvchat.Message{Content: "x"})
		assert.Equal(t, core.CodeMismatch, core.CodeOf(err), scope)
		assert.ErrorContains(t, err, "call auth with the scope sessionapi_sendmsg:S1:2")
		assert.Zero(t, token)
		assert.Empty(t, platform.messages)
		requireClean(t, err)
	}
}

// The classes of the calls that were there before.
func TestClassesOfRefusals(t *testing.T) {
	exchange := func(c *vvchat.Client) error { _, err := c.ExchangeCode(context.Background(), userCode); return err }
	profile := func(c *vvchat.Client) error {
		_, err := c.Profile(context.Background(), core.NewSecret(userToken))
		return err
	}
	query := func(c *vvchat.Client) error { _, err := c.Query(context.Background(), "O1"); return err }
	for _, tt := range []struct {
		call   func(*vvchat.Client) error
		status int
		msg    string
		class  vvchat.Class
		says   string
	}{
		{exchange, 400, "无效的code", vvchat.ClassCode, "works once"},
		{exchange, 400, "", vvchat.ClassCode, "check app_id and app_key"},
		{exchange, 400, "app_key: is wrong", vvchat.ClassAccount, "app_key"},
		{exchange, 401, "", vvchat.ClassAccount, "app_key"},
		{exchange, 404, "无效的code", vvchat.ClassRefused, ""},
		{exchange, 429, "无效的code", vvchat.ClassBusy, "later"},
		{profile, 400, "Authorization: the token has expired", vvchat.ClassToken, "consent again"},
		{profile, 400, "Authorization: the token's scope is sessionapi_sendmsg:1:1, not snsapi_userinfo", vvchat.ClassScope, "snsapi_userinfo"},
		{profile, 400, "没有权限", vvchat.ClassScope, "another scope"},
		{profile, 400, "请求失败！", vvchat.ClassRefused, "do not say why"},
		{query, 400, "the token has expired", vvchat.ClassRefused, ""},
		{query, 429, "", vvchat.ClassBusy, "later"},
	} {
		text, err := json.Marshal(map[string]any{"err_code": 400, "err_msg": tt.msg})
		require.NoError(t, err)
		err = tt.call(answering(t, tt.status, string(text)))
		assert.Equal(t, core.CodeRefused, core.CodeOf(err))
		assert.Equal(t, tt.class, classOf(err), "%d %s", tt.status, tt.msg)
		assert.ErrorContains(t, err, tt.says)
		assert.Equal(t, tt.class == vvchat.ClassBusy, core.Retryable(err))
	}
}

func TestTestImprest(t *testing.T) {
	client, platform := newClient(t)
	code, err := client.TestImprest(t.Context())
	require.NoError(t, err)
	trade, err := client.QueryImprestCode(t.Context(), code)
	require.NoError(t, err)
	assert.Equal(t, core.Fen(1), trade.Amount)
	platform.Inject(testkit.Fault{Kind: testkit.FaultError500, Call: testkit.CallTestImprest})
	_, err = client.TestImprest(t.Context())
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.True(t, core.Retryable(err))

	for _, body := range []string{``, `null`, `[]`, `{}`, `{"imprest_code":""}`, `{"imprest_code":["x"]}`, `{"Imprest_Code":"x"}`, `{"imprest_code":"a&b"}`} {
		_, err = answering(t, 200, body).TestImprest(t.Context())
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), body)
	}
	for _, cfg := range []vvchat.Config{
		{BaseURL: "https://api.example", AppID: "a", AppKeys: core.Secrets("a-key-of-16-chars")},
		{BaseURL: "http://api.example", AppID: "a", AppKeys: core.Secrets("a-key-of-16-chars"), AllowInsecure: true},
	} {
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("the production platform must not be called")
			return nil, errors.New("no")
		})}
		client, err := vvchat.New(cfg)
		require.NoError(t, err)
		_, err = client.TestImprest(t.Context())
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.ErrorContains(t, err, vvchat.TestHost)
	}
}

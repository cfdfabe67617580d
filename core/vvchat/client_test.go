package vvchat_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// newClient returns a client of a fake platform that stands still.
func newClient(t testing.TB, change ...func(*vvchat.Config)) (*vvchat.Client, *testkit.Platform) {
	t.Helper()
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	cfg := vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234"}
	for _, f := range change {
		f(&cfg)
	}
	client, err := vvchat.New(cfg)
	require.NoError(t, err)
	return client, platform
}

var order = vvchat.Order{OutTradeNo: "O1", Amount: 100, NotifyURL: "http://127.0.0.1:1/callbacks/payment", Title: "微信视频通话 & more", Remark: "one year"}

func TestUnifiedOrderAndQuery(t *testing.T) {
	client, platform := newClient(t)
	prepay, err := client.UnifiedOrder(t.Context(), order)
	require.NoError(t, err)
	assert.NotEmpty(t, prepay.ImprestCode)
	assert.Equal(t, vvchat.SceneApp, prepay.SceneType)

	trade, err := client.Query(t.Context(), "O1")
	require.NoError(t, err)
	assert.Equal(t, vvchat.Trade{
		StoreNo: "s1234", OutTradeNo: "O1", ImprestCode: prepay.ImprestCode, Amount: 100,
		Title: order.Title, Remark: order.Remark, NotifyURL: order.NotifyURL, SceneType: "APP", Status: vvchat.StatusUnpaid,
	}, trade)

	paid, err := platform.Pay(t.Context(), prepay.ImprestCode, "")
	require.NoError(t, err)
	trade, err = client.QueryImprestCode(t.Context(), prepay.ImprestCode)
	require.NoError(t, err)
	assert.EqualValues(t, vvchat.StatusPaid, trade.Status)
	assert.Equal(t, paid.TradeNo, trade.TradeNo)
	assert.Equal(t, testkit.TestUser().OpenID, trade.OpenID)
}

func TestRefusalsKeepThePlatformsWords(t *testing.T) {
	client, _ := newClient(t)
	_, err := client.Query(t.Context(), "unknown")
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.False(t, core.Retryable(err))
	refused, ok := errors.AsType[*vvchat.PlatformError](err)
	require.True(t, ok)
	assert.Equal(t, 400, refused.Status)
	assert.EqualValues(t, 400, refused.ErrCode)
	assert.NotEmpty(t, refused.ErrMsg)

	_, err = client.ExchangeCode(t.Context(), "nonsense")
	refused, ok = errors.AsType[*vvchat.PlatformError](err)
	require.True(t, ok)
	assert.Equal(t, "无效的code", refused.ErrMsg)

	_, err = client.UnifiedOrder(t.Context(), order)
	require.NoError(t, err)
	_, err = client.UnifiedOrder(t.Context(), order)
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
}

func TestExchangeCodeAndProfile(t *testing.T) {
	client, platform := newClient(t)
	user := testkit.TestUser()
	code, err := platform.Consent("test", user.OpenID, vvchat.ScopeUserInfo)
	require.NoError(t, err)
	token, err := client.ExchangeCode(t.Context(), code)
	require.NoError(t, err)
	assert.Equal(t, user.OpenID, token.OpenID)
	assert.Equal(t, vvchat.ScopeUserInfo, token.Scope)
	assert.NotContains(t, fmt.Sprintf("%+v", token), token.Token.Reveal())
	assert.True(t, token.ExpiresAt.After(time.Unix(1_600_000_000, 0)))

	profile, err := client.Profile(t.Context(), token.Token)
	require.NoError(t, err)
	assert.Equal(t, vvchat.Profile{OpenID: user.OpenID, Nickname: user.Nickname, Avatar: user.Avatar, Sex: user.Sex}, profile)

	_, err = client.ExchangeCode(t.Context(), code)
	assert.Equal(t, core.CodeRefused, core.CodeOf(err), "a code works once")
	_, err = client.Profile(t.Context(), core.NewSecret("no-such-token"))
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "no-such-token")
	_, err = client.Profile(t.Context(), core.Secret{})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

// expire_in is an absolute time for a user, and a duration elsewhere on the
// platform; both spellings must come out as a time.
func TestExpireInEitherWay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for answer, want := range map[string]time.Time{
		`1522821617`: time.Unix(1522821617, 0), `7200`: now.Add(2 * time.Hour), `"7200"`: now.Add(2 * time.Hour), `null`: {}, `-1`: {}, `"soon"`: {},
	} {
		client := answering(t, 200, `{"open_id":"o","scope":"s","token":"t","expire_in":`+answer+`}`, func(cfg *vvchat.Config) { cfg.Now = func() time.Time { return now } })
		token, err := client.ExchangeCode(t.Context(), "c")
		require.NoError(t, err)
		assert.True(t, want.Equal(token.ExpiresAt), answer)
	}
}

// answering returns a client of a server with one answer.
func answering(t testing.TB, status int, body string, change ...func(*vvchat.Config)) *vvchat.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	cfg := vvchat.Config{BaseURL: server.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234"}
	for _, f := range change {
		f(&cfg)
	}
	client, err := vvchat.New(cfg)
	require.NoError(t, err)
	return client
}

// What is known after each fault of the platform: this decides whether a
// caller may send again.
func TestWhatEachFaultLeavesKnown(t *testing.T) {
	for _, tt := range []struct {
		fault testkit.FaultKind
		code  core.Code
		made  bool // whether the order exists afterwards
	}{
		{testkit.FaultCut, core.CodeUnknown, false},
		{testkit.FaultAnswerLost, core.CodeUnknown, true},
		{testkit.FaultError500, core.CodeUnknown, false},
		{testkit.FaultError500After, core.CodeUnknown, true},
		{testkit.FaultRefused, core.CodeRefused, false},
		{testkit.FaultGarbage, core.CodeUnknown, false},
		{testkit.FaultRedirect, core.CodeUnknown, false},
		{testkit.FaultHugeAnswer, core.CodeUnknown, true},
		{testkit.FaultForgedAnswer, core.CodeUnknown, true},
		{testkit.FaultUnsignedAnswer, core.CodeUnknown, true},
		{testkit.FaultOtherApp, core.CodeUnknown, true},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			client, platform := newClient(t)
			platform.Inject(testkit.Fault{Kind: tt.fault, Call: testkit.CallUnifiedOrder})
			_, err := client.UnifiedOrder(t.Context(), order)
			require.Error(t, err)
			assert.Equal(t, tt.code, core.CodeOf(err), "%v", err)
			assert.False(t, core.Retryable(err), "an order is never sent again blindly")
			_, made := platform.Trade("O1")
			assert.Equal(t, tt.made, made)
			assert.NotContains(t, err.Error(), "123456")
		})
	}
}

func TestQueriesMayAlwaysBeRepeated(t *testing.T) {
	client, platform := newClient(t)
	_, err := client.UnifiedOrder(t.Context(), order)
	require.NoError(t, err)
	for _, fault := range []testkit.FaultKind{testkit.FaultCut, testkit.FaultError500, testkit.FaultGarbage, testkit.FaultHugeAnswer} {
		platform.Inject(testkit.Fault{Kind: fault, Call: testkit.CallQuery})
		_, err := client.Query(t.Context(), "O1")
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), fault)
		assert.True(t, core.Retryable(err), fault)
	}
	for _, answer := range []string{
		`{}`, `null`, `[]`, `"x"`, ``, `{"amount":"1e2","status":1}`, `{"amount":1.0,"status":1}`, `{"amount":100,"status":"paid"}`,
		`{"amount":100,"status":1,"out_trade_no":{"x":1}}`, `{"AMOUNT":100,"STATUS":1,"out_trade_no":"O1"}`, `{"amount":100,"status":1,"out_trade_no":"O2"}`,
	} {
		_, err := answering(t, 200, answer).Query(t.Context(), "O1")
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), answer)
	}
	trade, err := answering(t, 200, `{"amount":"9007199254740993","status":"1","out_trade_no":"O1","more":{"a":[1]},"remark":null}`).Query(t.Context(), "O1")
	require.NoError(t, err, "fields that we do not know may have any shape")
	assert.Equal(t, core.Fen(9007199254740993), trade.Amount)
}

// Every call, on every status, with an answer that repeats the secret at us.
func TestNoSecretInAnyError(t *testing.T) {
	const key, token, code = "key-that-must-not-show", "token-that-must-not-show", "code-that-must-not-show"
	for _, status := range []int{200, 301, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503} {
		client := answering(t, status, fmt.Sprintf(`{"err_code":"9","err_msg":"bad %s %s %s \u001b[31m %s"}`, key, token, code, strings.Repeat("微", 500)),
			func(cfg *vvchat.Config) { cfg.AppKeys = core.Secrets(key) })
		_, e1 := client.ExchangeCode(t.Context(), code)
		_, e2 := client.Profile(t.Context(), core.NewSecret(token))
		_, e3 := client.UnifiedOrder(t.Context(), order)
		_, e4 := client.Query(t.Context(), "O1")
		for i, err := range []error{e1, e2, e3, e4} {
			require.Error(t, err)
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			assert.NotContains(t, text, key)
			if i == 0 {
				assert.NotContains(t, text, code)
			}
			if i == 1 {
				assert.NotContains(t, text, token)
			}
			assert.NotContains(t, text, "\x1b")
			assert.Less(t, len(err.Error()), 1200)
			if status == 429 {
				assert.True(t, core.Retryable(err), "429 says that nothing was done")
			}
		}
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: closed.URL, AppID: "test", AppKeys: core.Secrets(key)})
	require.NoError(t, err)
	_, err = client.ExchangeCode(t.Context(), code)
	assert.Equal(t, core.CodeUnreached, core.CodeOf(err))
	testkit.RequireNoSecret(t, fmt.Sprintf("%v %+v", err, err), core.NewSecret(key), core.NewSecret(code))
}

func TestOrdersAreCheckedBeforeTheyAreSent(t *testing.T) {
	client, platform := newClient(t)
	for name, change := range map[string]func(*vvchat.Order){
		"out_trade_no": func(o *vvchat.Order) { o.OutTradeNo = "a b" },
		"amount":       func(o *vvchat.Order) { o.Amount = 0 },
		"title":        func(o *vvchat.Order) { o.Title = "x&amount=1" },
		"remark":       func(o *vvchat.Order) { o.Remark = "x&trade_no=1" },
		"scene_type":   func(o *vvchat.Order) { o.SceneType = "TV" },
		"notify_url":   func(o *vvchat.Order) { o.NotifyURL = "https://user@shop.example/x" },
	} {
		bad := order
		change(&bad)
		_, err := client.UnifiedOrder(t.Context(), bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
	}
	for _, address := range []string{"", "shop.example/x", "ftp://shop.example", "https://shop.example/x#y", "https://", "javascript:alert(1)"} {
		bad := order
		bad.NotifyURL = address
		_, err := client.UnifiedOrder(t.Context(), bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), address)
	}
	assert.Empty(t, platform.Requests())
	_, err := client.Query(t.Context(), "a&b")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

// No digit of a nonce may be able to move into what follows it.
func TestNonces(t *testing.T) {
	client, platform := newClient(t, func(cfg *vvchat.Config) { cfg.Rand = bytes.NewReader(bytes.Repeat([]byte{31}, 64)) })
	for i := range 2 {
		o := order
		o.OutTradeNo = fmt.Sprintf("O%d", i)
		_, err := client.UnifiedOrder(t.Context(), o)
		require.NoError(t, err)
	}
	for _, r := range platform.Requests() {
		assert.Contains(t, r.Body, `"nonce_str":"7777777777777777777777777777777F"`)
	}
	client, _ = newClient(t, func(cfg *vvchat.Config) { cfg.Rand = iotest.ErrReader(errors.New("no entropy")) })
	_, err := client.UnifiedOrder(t.Context(), order)
	assert.Equal(t, core.CodeInternal, core.CodeOf(err))
}

func TestConfigurationFaults(t *testing.T) {
	good := vvchat.Config{BaseURL: "https://api.example", AppID: "app", AppKeys: core.Secrets("a-key-of-16-chars")}
	_, err := vvchat.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*vvchat.Config){
		"base_url": func(c *vvchat.Config) { c.BaseURL = "" },
		"app_id":   func(c *vvchat.Config) { c.AppID = "" },
		"app_key":  func(c *vvchat.Config) { c.AppKeys = nil },
		"store_no": func(c *vvchat.Config) { c.StoreNo = "a b" },
		"https":    func(c *vvchat.Config) { c.BaseURL = "http://api.example" },
		"16":       func(c *vvchat.Config) { c.AppKeys = core.Secrets("123456") },
		"empty":    func(c *vvchat.Config) { c.AppKeys = core.Secrets("a-key-of-16-chars", "") },
	} {
		bad := good
		change(&bad)
		_, err := vvchat.New(bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
	}
	for _, cfg := range []vvchat.Config{
		{BaseURL: vvchat.TestHost, AppID: "test", AppKeys: core.Secrets("123456")},
		{BaseURL: "http://127.0.0.1:8701", AppID: "test", AppKeys: core.Secrets("123456")},
		{BaseURL: "https://api.example", AppID: "test", AppKeys: core.Secrets("123456"), AllowWeakKey: true},
	} {
		client, err := vvchat.New(cfg)
		require.NoError(t, err)
		assert.True(t, client.Trusted())
	}
	client, err := vvchat.New(vvchat.Config{BaseURL: "http://api.example", AppID: "a", AppKeys: core.Secrets("a-key-of-16-chars"), AllowInsecure: true})
	require.NoError(t, err)
	assert.False(t, client.Trusted(), "what a query says over plain http may move no money")
}

func TestAnswersUnderARotatingKey(t *testing.T) {
	client, platform := newClient(t, func(cfg *vvchat.Config) { cfg.AppKeys = core.Secrets("123456", "the-next-key-of-this-app") })
	_, err := client.UnifiedOrder(t.Context(), order)
	require.NoError(t, err)
	require.True(t, platform.SetAppKey("test", core.NewSecret("the-next-key-of-this-app")))
	next := order
	next.OutTradeNo = "O2"
	_, err = client.UnifiedOrder(t.Context(), next)
	assert.Equal(t, core.CodeRefused, core.CodeOf(err), "the first key signs, so the platform's change comes last")
}

// Both scenes that the pages list travel, and come back.
func TestScenes(t *testing.T) {
	client, platform := newClient(t)
	for _, scene := range []string{vvchat.SceneApp, vvchat.SceneWeb} {
		o := order
		o.OutTradeNo, o.SceneType = "scene-"+scene, scene
		prepay, err := client.UnifiedOrder(t.Context(), o)
		require.NoError(t, err)
		assert.Equal(t, scene, prepay.SceneType)
		trade := platform.RequireTrade(t, o.OutTradeNo)
		assert.Equal(t, []string{scene, o.Title, o.Remark, o.NotifyURL}, []string{trade.SceneType, trade.Title, trade.Remark, trade.NotifyURL})
		read, err := client.Query(t.Context(), o.OutTradeNo)
		require.NoError(t, err)
		assert.Equal(t, scene, read.SceneType)
	}
}

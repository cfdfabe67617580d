package testkit

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestRequireAnswers(t *testing.T) {
	success := &core.Response{Body: []byte("Success")}
	for name, c := range map[string]struct {
		require func(TB, *core.Response)
		good    []*core.Response
		bad     []*core.Response
	}{
		"acknowledged": {RequireAcknowledged,
			[]*core.Response{success, core.Text(200, "success")},
			[]*core.Response{nil, core.Text(200, "success\n"), core.Text(201, "success"), core.Text(200, ""), core.Refuse(400)}},
		"refused": {RequireRefused,
			[]*core.Response{core.Refuse(400), core.Refuse(413), core.Text(499, "")},
			[]*core.Response{nil, success, core.Text(400, "success"), core.TryLater(), core.Text(399, ""), core.Text(200, "refused")}},
		"try later": {RequireTryLater,
			[]*core.Response{core.TryLater(), core.Text(500, "")},
			[]*core.Response{nil, success, core.Text(500, " success "), core.Refuse(400), core.Text(200, "try again later")}},
	} {
		for _, resp := range c.good {
			tb := &fakeTB{}
			c.require(tb, resp)
			assert.Empty(t, tb.failed, name)
		}
		for _, resp := range c.bad {
			tb := &fakeTB{}
			c.require(tb, resp)
			assert.Contains(t, tb.failed, "expected", "%s %v", name, resp)
		}
	}
	tb := &fakeTB{}
	RequireAcknowledged(tb, core.Refuse(400))
	assert.Contains(t, tb.failed, "expected the notification to be acknowledged: 200 \"success\"; got 400 \"refused\"\n\trule: the sign is ")

	for verdict, good := range map[Verdict]*core.Response{VerdictDeliver: success, VerdictAcknowledge: success, VerdictRefuse: core.Refuse(400)} {
		tb := &fakeTB{}
		RequireVerdict(tb, verdict, good)
		assert.Empty(t, tb.failed)
		RequireVerdict(tb, verdict, core.TryLater())
		assert.NotEmpty(t, tb.failed)
	}
}

func TestRequireOnThePlatform(t *testing.T) {
	s := openShop(t, func(n int, _ string) (int, string) {
		if n == 1 {
			return 503, "try again later"
		}
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{})
	failure := func(f func(TB)) string {
		tb := &fakeTB{}
		f(tb)
		return tb.failed
	}
	assert.Contains(t, failure(func(tb TB) { p.RequireTrade(tb, "T1") }), `out_trade_no "T1"`)
	code := order(t, p, "T1", s.URL)
	assert.Empty(t, failure(func(tb TB) { p.RequireTrade(tb, "T1") }))
	assert.Contains(t, failure(func(tb TB) { p.RequireTrade(tb, "T2") }), `got ["T1"]`)
	assert.Contains(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }), "status 0")
	assert.Contains(t, failure(func(tb TB) { p.RequireNotified(tb, "T1") }), "no attempt was made")
	pay(t, p, code)
	assert.Empty(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }))
	assert.Regexp(t, `^expected the notification for out_trade_no "T1" to be answered 200 "success"; got 22:13:20 answered 503 "try again later"; again at 22:13:35
	rule: a fault of the merchant's own is a 5xx: .+
	page: .+
	sent: POST http://127.0.0.1:\d+ \{"app_id":"test",.+\}
	      signed over amount=990&app_id=test&.+&key=\*\*\*
	do:   the handler failed, .+$`,
		failure(func(tb TB) { p.RequireNotified(tb, "T1") }))
	p.Clock.Advance(15e9)
	assert.Empty(t, failure(func(tb TB) { p.RequireNotified(tb, "T1") }))
	_, err := p.PayAgain(t.Context(), code, "")
	assert.NoError(t, err)
	assert.Contains(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }), "1 payments too many")
}

// Two payments of one order, and two apps with one number: the first counts.
func TestRequireNotifiedIsAboutTheFirst(t *testing.T) {
	s := openShop(t, func(_ int, body string) (int, string) {
		if strings.Contains(body, `"amount":"990"`) && !strings.Contains(body, "second") {
			return 503, ""
		}
		return 200, "success"
	})
	other := Account{AppID: "other", AppKey: core.NewSecret("k"), StoreNo: "s2"}
	p := testPlatform(t, PlatformConfig{Accounts: []Account{TestAccount(), other}, Schedule: []time.Duration{}})
	code := order(t, p, "T1", s.URL)
	theirs := orderBody("T1", s.URL)
	theirs.appKey = "k"
	theirs.set(textField("app_id", "other"))
	theirs.set(textField("store_no", "s2"))
	theirs.set(bareField("amount", "1"))
	a := postOrder(t, p, theirs.signed())
	require.Equal(t, http.StatusOK, a.status, a.body)
	pay(t, p, a.fields["imprest_code"].(string))
	require.True(t, p.Notifications()[0].Acknowledged, "that of the other app")

	fails := func() string {
		tb := &fakeTB{}
		p.RequireNotified(tb, "T1")
		return tb.failed
	}
	assert.Contains(t, fails(), "no attempt was made")
	_, err := p.Redeliver(t.Context(), "T1")
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	pay(t, p, code)
	assert.Contains(t, fails(), "answered 503")
	p.readings.NotifyExtra = func(Trade) map[string]string { return map[string]string{"second": "1"} }
	_, err = p.PayAgain(t.Context(), code, "")
	require.NoError(t, err)
	require.True(t, p.Notifications()[2].Acknowledged, "that of the second payment")
	assert.Contains(t, fails(), "answered 503", "the first is what was asked for")
	n, err := p.Redeliver(t.Context(), "T1")
	require.NoError(t, err)
	assert.Equal(t, p.RequireTrade(t, "T1").TradeNo, n.TradeNo)
	assert.Empty(t, fails())
}

func TestRequireNoSecret(t *testing.T) {
	secrets := core.Secrets("other", "k&y\"1")
	for _, text := range []string{
		`GET /?app_key=k&y"1`, "app_key=k%26y%221", `{"key":"k&y\"1"}`, "6b26792231", base64.StdEncoding.EncodeToString([]byte("k&y\"1")),
	} {
		tb := &fakeTB{}
		RequireNoSecret(tb, text, secrets...)
		assert.Contains(t, tb.failed, "secret 2 stands there", text)
		assert.NotContains(t, tb.failed, "k&y")
	}
	tb := &fakeTB{}
	RequireNoSecret(tb, "app_key=***", secrets...)
	assert.Empty(t, tb.failed)
	RequireNoSecret(tb, "x", core.Secret{})
	assert.Contains(t, tb.failed, "secret 1 is empty")
}

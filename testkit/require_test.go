package testkit

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"

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
	assert.Equal(t, `expected the notification to be acknowledged: 200 "success"; got 400 "refused"`, tb.failed)

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
	assert.Contains(t, failure(func(tb TB) { p.RequireTrade(tb, "T2") }), `it has ["T1"]`)
	assert.Contains(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }), "status 0")
	assert.Contains(t, failure(func(tb TB) { p.RequireNotified(tb, "T1") }), "no attempt was made")
	pay(t, p, code)
	assert.Empty(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }))
	assert.Equal(t, `expected the notification for out_trade_no "T1" to be answered 200 "success"; 22:13:20 answered 503 "try again later"; again at 22:13:35`,
		failure(func(tb TB) { p.RequireNotified(tb, "T1") }))
	p.Clock.Advance(15e9)
	assert.Empty(t, failure(func(tb TB) { p.RequireNotified(tb, "T1") }))
	_, err := p.PayAgain(t.Context(), code, "")
	assert.NoError(t, err)
	assert.Contains(t, failure(func(tb TB) { p.RequirePaid(tb, "T1") }), "1 payments too many")
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

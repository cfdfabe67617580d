package testkit

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// weChatAnswer is what WeChat answered.
type weChatAnswer struct {
	status int
	body   string
	code   string // errcode; "" if there is none
	fields map[string]any
}

func tryWeChat(t *testing.T, c *Cloud, method, path, body string) (weChatAnswer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.WeChatURL()+path, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := c.Client().Do(req)
	if err != nil {
		return weChatAnswer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	a := weChatAnswer{status: resp.StatusCode, body: string(text)}
	text = withoutFiller(text)
	_ = json.Unmarshal(text, &a.fields)
	var coded struct{ ErrCode json.Number }
	_ = json.Unmarshal(text, &coded)
	a.code = coded.ErrCode.String()
	return a, err
}

func weChat(t *testing.T, c *Cloud, method, path, body string) weChatAnswer {
	t.Helper()
	a, err := tryWeChat(t, c, method, path, body)
	require.NoError(t, err)
	return a
}

const tokenQuery = "/cgi-bin/token?grant_type=client_credential&appid=wx0123456789abcdef&secret=fedcba9876543210fedcba9876543210"

// getToken returns an access token of the test app.
func getToken(t *testing.T, c *Cloud) string {
	t.Helper()
	a := weChat(t, c, "GET", tokenQuery, "")
	token, ok := a.fields["access_token"].(string)
	require.True(t, ok, a.body)
	return token
}

func ticketBody(sn string) string {
	return `{"sn":"` + sn + `","model_id":"` + TestDoorbell().Capabilities[CapabilityVoIP].WechatMPMid + `"}`
}

// getTicket returns an sn_ticket of the doorbell.
func getTicket(t *testing.T, c *Cloud, token string) string {
	t.Helper()
	a := weChat(t, c, "POST", "/wxa/getsnticket?access_token="+token, ticketBody(TestDoorbell().UUID))
	ticket, ok := a.fields["sn_ticket"].(string)
	require.True(t, ok, a.body)
	return ticket
}

func TestWeChatTokenIsStrict(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	a := weChat(t, c, "GET", tokenQuery, "")
	assert.Equal(t, 7200.0, a.fields["expires_in"])
	assert.Len(t, a.fields, 2)
	secret := "secret=" + TestWeChatApp().Secret.Reveal()
	for name, x := range map[string]struct{ method, path, code string }{
		"POST":                 {"POST", tokenQuery, "43001"},
		"another path":         {"GET", "/cgi-bin/stable_token?" + secret, "40066"},
		"a query that is none": {"GET", "/cgi-bin/token?%zz", "47001"},
		"no grant_type":        {"GET", strings.Replace(tokenQuery, "grant_type=client_credential&", "", 1), "40002"},
		"another grant":        {"GET", strings.Replace(tokenQuery, "client_credential", "authorization_code", 1), "40002"},
		"no appid":             {"GET", "/cgi-bin/token?grant_type=client_credential&" + secret, "41002"},
		"empty appid":          {"GET", "/cgi-bin/token?grant_type=client_credential&appid=&" + secret, "41002"},
		"appid twice":          {"GET", tokenQuery + "&appid=wx0123456789abcdef", "41002"},
		"unknown appid":        {"GET", strings.Replace(tokenQuery, "wx0", "wx1", 1), "40013"},
		"no secret":            {"GET", strings.Split(tokenQuery, "&secret")[0], "41004"},
		"a wrong secret":       {"GET", tokenQuery + "0", "40001"},
		"two secrets":          {"GET", tokenQuery + "&" + secret, "41004"},
	} {
		a := weChat(t, c, x.method, x.path, "")
		assert.Equal(t, 200, a.status, name)
		assert.Equal(t, x.code, a.code, "%s: %s", name, a.body)
		assert.NotEmpty(t, a.fields["errmsg"], name)
		assert.NotContains(t, a.fields, "access_token", name)
	}
	for _, e := range c.Requests() {
		RequireNoSecret(t, e.Query+e.Body+e.Answer, TestWeChatApp().Secret)
	}
}

func TestSNTicketIsStrict(t *testing.T) {
	other := WeChatApp{AppID: "wxother", Secret: core.NewSecret("of the other")}
	closed := WeChatApp{AppID: "wxclosed", Secret: core.NewSecret("of the closed"), Unauthorized: true}
	c := testCloud(t, CloudConfig{WeChatApps: []WeChatApp{TestWeChatApp(), other, closed}})
	tokenOf := func(app WeChatApp) string {
		a := weChat(t, c, "GET", "/cgi-bin/token?grant_type=client_credential&appid="+app.AppID+"&secret="+strings.ReplaceAll(app.Secret.Reveal(), " ", "+"), "")
		return a.fields["access_token"].(string)
	}
	path := "/wxa/getsnticket?access_token="
	token, sn := tokenOf(TestWeChatApp()), TestDoorbell().UUID
	for name, x := range map[string]struct{ method, path, body, code string }{
		"GET":             {"GET", path + token, "", "43002"},
		"no token":        {"POST", "/wxa/getsnticket", ticketBody(sn), "41001"},
		"empty token":     {"POST", path, ticketBody(sn), "41001"},
		"two tokens":      {"POST", path + token + "&access_token=" + token, ticketBody(sn), "41001"},
		"unknown token":   {"POST", path + "x", ticketBody(sn), "40001"},
		"no permission":   {"POST", path + tokenOf(closed), ticketBody(sn), "48001"},
		"no body":         {"POST", path + token, "", "44002"},
		"not JSON":        {"POST", path + token, "sn=" + sn, "47001"},
		"a name twice":    {"POST", path + token, `{"sn":"a","sn":"b","model_id":"c"}`, "47001"},
		"no sn":           {"POST", path + token, `{"model_id":"c"}`, "47001"},
		"null sn":         {"POST", path + token, `{"sn":null,"model_id":"c"}`, "47001"},
		"sn is a number":  {"POST", path + token, `{"sn":1,"model_id":"c"}`, "47001"},
		"no model_id":     {"POST", path + token, `{"sn":"a"}`, "47001"},
		"something more":  {"POST", path + token, `{"sn":"a","model_id":"c","x":1}`, "47001"},
		"too long a body": {"POST", path + token, strings.Repeat(" ", core.MaxBody+1), "47001"},
		"empty sn":        {"POST", path + token, ticketBody(""), "9800002"},
		"a long sn":       {"POST", path + token, ticketBody(strings.Repeat("a", 129)), "9800001"},
		"a longest sn":    {"POST", path + token, ticketBody(strings.Repeat("a", 128)), "9800003"},
		"sn with a dot":   {"POST", path + token, ticketBody("a.b"), "9800002"},
		"sn with a space": {"POST", path + token, ticketBody(sn + " "), "9800002"},
		"sn in Chinese":   {"POST", path + token, ticketBody("门铃"), "9800002"},
		"unknown sn":      {"POST", path + token, ticketBody("x"), "9800003"},
		"a silent device": {"POST", path + token, ticketBody(TestCamera().UUID), "9800003"},
		"unknown model":   {"POST", path + token, `{"sn":"` + sn + `","model_id":"x"}`, "9800003"},
		"app of another":  {"POST", path + tokenOf(other), ticketBody(sn), "9800003"},
	} {
		a := weChat(t, c, x.method, x.path, x.body)
		assert.Equal(t, 200, a.status, name)
		assert.Equal(t, x.code, a.code, "%s: %s", name, a.body)
		assert.NotEmpty(t, a.fields["errmsg"], name)
	}
	assert.Empty(t, c.Tickets())

	a := weChat(t, c, "POST", path+token, ticketBody(sn))
	assert.Equal(t, "0", a.code)
	assert.Equal(t, "ok", a.fields["errmsg"])
	now := c.Clock.Now()
	want := SNTicket{Ticket: a.fields["sn_ticket"].(string), SN: sn, ModelID: "mImprestDoorbell_01", AppID: TestWeChatApp().AppID, Issued: now, Expires: now.Add(5 * time.Minute)}
	assert.Equal(t, []SNTicket{want}, c.Tickets())
	all := c.Requests()
	e := all[len(all)-1]
	assert.Equal(t, []any{PeerWeChat, CallGetSNTicket, TestWeChatApp().AppID, TestDoorbell().ID}, []any{e.Peer, e.Call, e.AppID, e.DeviceID})
	RequireNoSecret(t, e.Query+e.Answer, core.NewSecret(token), core.NewSecret(want.Ticket))
}

func TestWeChatTokensExpireOnTheClock(t *testing.T) {
	use := func(c *Cloud, token string) string {
		return weChat(t, c, "POST", "/wxa/getsnticket?access_token="+token, ticketBody(TestDoorbell().UUID)).code
	}
	c := testCloud(t, CloudConfig{})
	token := getToken(t, c)
	c.Clock.Advance(2*time.Hour - time.Second)
	assert.Equal(t, "0", use(c, token))
	c.Clock.Advance(time.Second)
	assert.Equal(t, "42001", use(c, token))

	for reading, want := range map[OldTokens][]string{
		"":              {"0", "40001", "42001"},
		OldTokensGrace:  {"0", "40001", "42001"},
		OldTokensGood:   {"0", "0", "42001"},
		OldTokensRefuse: {"40001", "40001", "42001"},
	} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{OldTokens: reading}})
		old := getToken(t, c)
		newer := getToken(t, c)
		assert.NotEqual(t, old, newer)
		got := []string{use(c, old)}
		c.Clock.Advance(5 * time.Minute)
		got = append(got, use(c, old))
		assert.Equal(t, "0", use(c, newer))
		c.Clock.Advance(2 * time.Hour)
		got = append(got, use(c, old))
		assert.Equal(t, want, got, reading)
	}

	other := WeChatApp{AppID: "wxother", Secret: core.NewSecret("other")}
	c = testCloud(t, CloudConfig{WeChatApps: []WeChatApp{TestWeChatApp(), other}, Readings: CloudReadings{OldTokens: OldTokensRefuse}})
	token = getToken(t, c)
	assert.Contains(t, weChat(t, c, "GET", "/cgi-bin/token?grant_type=client_credential&appid=wxother&secret=other", "").body, "access_token")
	assert.Equal(t, "0", use(c, token), "another app's token does not count")

	c = testCloud(t, CloudConfig{Readings: CloudReadings{TokenLife: time.Minute, TicketLife: time.Second}})
	a := weChat(t, c, "GET", tokenQuery, "")
	assert.Equal(t, 60.0, a.fields["expires_in"])
	getTicket(t, c, a.fields["access_token"].(string))
	assert.Equal(t, time.Second, c.Tickets()[0].Expires.Sub(c.Tickets()[0].Issued))
	c.Clock.Advance(time.Minute)
	assert.Equal(t, "42001", use(c, a.fields["access_token"].(string)))
}

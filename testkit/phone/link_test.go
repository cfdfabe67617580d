package phone_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

func link(t *testing.T, l vvchat.Link) string {
	t.Helper()
	text, err := vvchat.BuildLink(l)
	require.NoError(t, err)
	return text
}

func TestLinksIntoTheApp(t *testing.T) {
	b := setup(t, phone.Config{})
	for _, c := range []struct {
		link, path string
		query      url.Values
	}{
		{link(t, vvchat.LoginLink{AppID: "test", Scope: testkit.ScopeUserInfo, State: "STATE", RedirectURI: shop}), "/phone/login", consent()},
		{link(t, vvchat.PayLink{ImprestCode: "CODE", AppID: "test", RedirectURI: shop}), "/phone/pay", parameters("imprest_code", "CODE", "app_id", "test", "redirect_uri", shop)},
		{link(t, vvchat.OpenSessionViewLink{OpenID: "second"}), "/phone/chat", parameters("open_id", "second")},
		{link(t, vvchat.ShareLink{AppID: "test", ShareTitle: "a b", ShareURL: "http://a.example/", RedirectURI: "http://127.0.0.1/"}), "/phone/share",
			parameters("app_id", "test", "share_title", "a b", "share_url", "http://a.example/", "redirect_uri", "http://127.0.0.1/")},
		{"qyx://qpay/?imprest_code=1&action=pay&lang=zh", "/phone/pay", parameters("imprest_code", "1")},
	} {
		to, query := b.send(t, http.MethodGet, "/phone/link", parameters("uri", c.link)).location(t)
		assert.Equal(t, c.path, to, c.link)
		assert.Equal(t, c.query, query, c.link)
	}
	for _, bad := range []string{
		"", "qyx://", "qyx://fly?a=1", "qyx://QPAY?a=1", "qyx:qpay?a=1", "http://qpay?a=1", "qyx://user@qpay?a=1", "qyx://qpay/x?a=1", "qyx://qpay?a=1#b",
		"qyx://qpay?a=1&a=2", "qyx://qpay?a=%zz", "qyx://toString", "javascript:alert(1)", "//qpay",
	} {
		for _, path := range []string{"/phone/link", "/phone/scan"} {
			got := b.send(t, http.MethodGet, path, parameters("uri", bad))
			assert.Equal(t, http.StatusBadRequest, got.status, bad)
			assert.Empty(t, got.header.Get("Location"), bad)
			assert.Contains(t, got.body, `role="alert"`)
		}
	}
}

func TestScanScreen(t *testing.T) {
	b := setup(t, phone.Config{})
	link := link(t, vvchat.PayLink{ImprestCode: "CODE", AppID: "test", RedirectURI: shop})
	got := b.send(t, http.MethodGet, "/phone/scan", parameters("uri", link))
	require.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "/phone/link?uri="+url.QueryEscape(link))
	// The path draws the dark modules: the finder pattern's top row is a bar of
	// seven behind the quiet zone, and nothing leaves the square.
	size := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(got.body)
	require.Len(t, size, 3)
	assert.Equal(t, size[1], size[2])
	assert.Contains(t, got.body, `<path d="M4 4h7v1H4z`)
	long := b.send(t, http.MethodGet, "/phone/scan", parameters("uri", "qyx://qpay?imprest_code="+strings.Repeat("x", 4000)))
	assert.Equal(t, http.StatusBadRequest, long.status)
	assert.Contains(t, long.body, "too long")
}

func shared(more ...string) url.Values {
	values := parameters("app_id", "test", "share_title", "A title", "share_url", "http://127.0.0.1:8700/offer", "redirect_uri", shop)
	for name, value := range parameters(more...) {
		values[name] = value
	}
	return values
}

func TestShareScreen(t *testing.T) {
	b := setup(t, phone.Config{})
	chat := testkit.TestSessions()[1]
	values := shared("sub_title", "sub", "share_data_url", `{"tpl_type":"MultipleLine","data":["line one"]}`)
	got := b.send(t, http.MethodGet, "/phone/share", values)
	require.Equal(t, http.StatusOK, got.status)
	f := readForm(t, got.body)
	assert.Equal(t, "/phone/share", f.action)
	assert.Subset(t, f.texts, []string{"A title", "sub", "line one"})
	assert.Equal(t, testkit.TestUser().OpenID, f.hidden["open_id"])
	assert.Contains(t, got.header.Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:8700")
	for name := range values {
		assert.Equal(t, values.Get(name), f.hidden[name], name)
	}

	values.Set("action", "share")
	values.Set("session", chat.ID)
	to, query := b.send(t, http.MethodPost, "/phone/share", values).location(t)
	assert.Equal(t, "http://127.0.0.1:8700/back", to)
	assert.Equal(t, parameters("keep", "1", "code", "200"), query)
	share := b.platform.RequireShare(t, "A title")
	assert.Equal(t, chat.ID, share.SessionID)
	assert.Equal(t, values.Get("share_data_url"), share.ShareDataURL)

	_, query = b.send(t, http.MethodPost, "/phone/share", shared("action", "cancel")).location(t)
	assert.Equal(t, parameters("keep", "1", "code", "400", "err_msg", "the user cancelled"), query)

	for _, bad := range [][]string{
		{"app_id", "other"}, {"app_id", ""}, {"share_title", ""}, {"share_url", ""}, {"share_url", "javascript:alert(1)"}, {"share_data_url", "nonsense"},
		{"redirect_uri", ""}, {"redirect_uri", "https://a.example/"}, {"action", "fly"}, {"session", "nobodys"}, {"open_id", "nobody"},
	} {
		got := b.send(t, http.MethodPost, "/phone/share", shared(append([]string{"action", "share", "session", chat.ID}, bad...)...))
		assert.Equal(t, http.StatusBadRequest, got.status, bad)
		assert.Empty(t, got.header.Get("Location"), bad)
	}
	assert.Len(t, b.platform.Shares(), 1)
}

func TestChats(t *testing.T) {
	b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
	chats := testkit.TestSessions()
	got := b.send(t, http.MethodGet, "/phone/chats", nil)
	assert.Contains(t, got.body, chats[0].Name)
	assert.Contains(t, got.body, "/phone/chat?session="+chats[1].ID)
	empty := b.send(t, http.MethodGet, "/phone/chat", parameters("session", chats[1].ID))
	assert.Contains(t, empty.body, "Nothing here yet")

	code, err := b.platform.Consent("test", "second", "sessionapi_sendmsg:"+chats[1].ID+":2")
	require.NoError(t, err)
	token, err := b.merchant.ExchangeCode(t.Context(), code)
	require.NoError(t, err)
	require.NoError(t, b.merchant.SendMessage(t.Context(), token.Token, vvchat.Message{Type: "text", Content: "hello <b>all</b>"}))
	b.platform.Clock.Advance(1e9)
	_, err = b.platform.Share(testkit.Share{AppID: "test", SessionID: chats[1].ID, ShareTitle: "An offer", ShareURL: "http://127.0.0.1:8700/offer"})
	require.NoError(t, err)

	got = b.send(t, http.MethodGet, "/phone/chat", parameters("session", chats[1].ID))
	text, share := strings.Index(got.body, "hello &lt;b&gt;all"), strings.Index(got.body, "An offer")
	assert.True(t, 0 < share && share < text, "the newest first")
	assert.Contains(t, got.body, "<b>Ann</b> via Corner Shop")
	assert.Contains(t, got.body, "/phone/open?open_id="+testkit.TestUser().OpenID+"&amp;session="+chats[1].ID+"&amp;url=http%3A%2F%2F127.0.0.1%3A8700%2Foffer", "what is shared opens in its chat")
	got = b.send(t, http.MethodGet, "/phone/chats", nil)
	assert.Contains(t, got.body, "An offer")
	assert.Less(t, strings.Index(got.body, chats[1].ID), strings.Index(got.body, chats[0].ID), "the chat with news first")

	robot, err := b.merchant.Robot(testkit.TestRobot().RobotNo)
	require.NoError(t, err)
	to := vvchat.RobotTarget{SessionOpenID: chats[1].ID, SessionType: vvchat.SessionGroup}
	require.NoError(t, robot.Send(t.Context(), to, vvchat.WebviewGroupOpen{Height: "50%", URL: "http://127.0.0.1:8700/vote"}))
	require.NoError(t, robot.Send(t.Context(), to, vvchat.SendText{Text: "please vote"}))
	got = b.send(t, http.MethodGet, "/phone/chat", parameters("session", chats[1].ID))
	assert.Contains(t, got.body, "please vote")
	assert.Contains(t, got.body, "<b>Robot "+testkit.TestRobot().RobotNo+"</b>")
	assert.Contains(t, got.body, "&amp;url=http%3A%2F%2F127.0.0.1%3A8700%2Fvote", "a page that a robot opens in the chat")

	assert.Equal(t, http.StatusNotFound, b.send(t, http.MethodGet, "/phone/chat", parameters("session", "nobodys")).status)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodGet, "/phone/chat", nil).status)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodGet, "/phone/chat", parameters("session", "a", "open_id", "b")).status)
}

func TestCustomerService(t *testing.T) {
	b := setup(t, phone.Config{})
	got := b.send(t, http.MethodGet, "/phone/chat", parameters("open_id", testkit.TestRobot().OpenID))
	require.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "<h1>"+testkit.TestRobot().Name+"</h1>")
	before := len(b.platform.Sessions(""))
	b.send(t, http.MethodGet, "/phone/chat", parameters("open_id", testkit.TestRobot().OpenID))
	assert.Len(t, b.platform.Sessions(""), before, "the same chat each time")
	for _, dest := range []string{"image", "iframe", "script"} {
		image := b.send(t, http.MethodGet, "/phone/chat", parameters("open_id", testkit.TestRobot().OpenID), "Sec-Fetch-Dest", dest)
		assert.Equal(t, http.StatusForbidden, image.status, dest)
		image = b.send(t, http.MethodGet, "/phone/open", parameters("url", "http://127.0.0.1:1/"), "Sec-Fetch-Dest", dest)
		assert.Equal(t, http.StatusForbidden, image.status, dest)
	}
	unknown := b.send(t, http.MethodGet, "/phone/chat", parameters("open_id", "nobody"))
	assert.Equal(t, http.StatusNotFound, unknown.status)
	assert.Contains(t, unknown.body, "Nobody has this open_id")
}

func TestJSSDKIsServed(t *testing.T) {
	b := setup(t, phone.Config{})
	script := b.send(t, http.MethodGet, phone.JSSDKPath, nil)
	assert.Equal(t, http.StatusOK, script.status)
	assert.Equal(t, "text/javascript; charset=utf-8", script.header.Get("Content-Type"))
	assert.Equal(t, string(phone.JSSDK()), script.body)
}

package phone_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// told is what the bridge learns of a call.
type told struct{ Answer, ID, Sheet, Title string }

// tell posts to the phone's own paths on the view's origin, as the bridge does.
func (o opened) tell(t *testing.T, path, body string, header ...string) (told, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.base+"/.vvchat/"+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Host = o.host
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", o.origin)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var got told
	if resp.StatusCode == http.StatusOK {
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	}
	return got, resp.StatusCode
}

// call calls a method of the bridge; options are JSON.
func (o opened) call(t *testing.T, method, options string) told {
	t.Helper()
	got, status := o.tell(t, "call", `{"method":"`+method+`","options":`+options+`}`)
	require.Equal(t, http.StatusOK, status)
	return got
}

// sheet calls a method that a user must answer.
func (o opened) sheet(t *testing.T, method, options string) told {
	t.Helper()
	got := o.call(t, method, options)
	require.Empty(t, got.Answer)
	require.Equal(t, o.base+"/phone/sheet/"+got.ID, got.Sheet)
	require.NotEmpty(t, got.Title)
	require.Empty(t, o.answer(t, got.ID), "nobody has answered yet")
	return got
}

func (o opened) show(t *testing.T, id string) answer {
	t.Helper()
	return o.send(t, http.MethodGet, "/phone/sheet/"+id, nil)
}

// press presses a button of a sheet, and returns what the page learns.
func (o opened) press(t *testing.T, id, action string, more ...string) string {
	t.Helper()
	done := o.send(t, http.MethodPost, "/phone/sheet/"+id, parameters(append(more, "action", action)...), "Origin", o.base)
	require.Equal(t, http.StatusSeeOther, done.status, done.body)
	require.Equal(t, "/phone/sheet/"+id, done.header.Get("Location"))
	return o.answer(t, id)
}

func (o opened) answer(t *testing.T, id string) string {
	t.Helper()
	got, status := o.tell(t, "answer", `{"id":"`+id+`"}`)
	require.Equal(t, http.StatusOK, status)
	return got.Answer
}

func field(t *testing.T, text, name string) any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &fields), text)
	return fields[name]
}

const page = "http://127.0.0.1:1/shop"

func TestGetSession(t *testing.T) {
	b := setup(t, phone.Config{})
	group := testkit.TestSessions()[1]
	assert.JSONEq(t, `{"session_id":"`+group.ID+`","session_type":2}`, b.inside(t, page, "session", group.ID).call(t, "getSession", `{}`).Answer)
	assert.JSONEq(t, `{"session_id":"`+group.ID+`","session_type":2}`, b.inside(t, page, "session", group.ID).call(t, "getSession", `null`).Answer)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"the page was not opened in a chat"}`, b.inside(t, page).call(t, "getSession", `{}`).Answer)
	private, err := b.platform.AddSession(testkit.Session{Type: testkit.SessionDirect, Members: []string{"second"}})
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodGet, "/phone/open", parameters("url", page, "session", private.ID)).status, "another user's chat")
	assert.Equal(t, http.StatusSeeOther, b.send(t, http.MethodGet, "/phone/open", parameters("url", page, "session", private.ID, "open_id", "second")).status)
}

func TestCallsThatNobodyNeedsToSee(t *testing.T) {
	view := setup(t, phone.Config{}).inside(t, page)
	for _, c := range []struct{ method, options, want string }{
		{"fly", `{}`, `there is no method "fly"`},
		{"", `{}`, "there is no method"},
		{"toString", `{}`, "there is no method"},
		{"auth", `{"scope":"snsapi_userinfo"}`, "app_id: must be given"},
		{"auth", `{"app_id":"test","scope":""}`, "scope: must be given"},
		{"auth", `{"app_id":"test","scope":"snsapi_userinfo","state":[7]}`, "state: must be a text"},
		{"auth", `[]`, "the options must be an object"},
		{"pay", `{}`, "imprest_code: must be given"},
		{"pay", `{"imprest_code":{"a":1}}`, "imprest_code: must be a text"},
		{"pay", `{"imprest_code":"` + strings.Repeat("x", 9000) + `"}`, "imprest_code: is too long"},
		{"share", `{"app_id":"test","share_url":"http://127.0.0.1/"}`, "share_title: must be given"},
		{"share", `{"app_id":"test","share_title":"x","share_url":"javascript:alert(1)"}`, "share_url: must be an http or https address"},
		{"share", `{"app_id":"test","share_title":"x","share_url":"http://a.example/","thumb_url":"data:,"}`, "thumb_url: must be"},
		{"share", `{"app_id":"test","share_title":"x","share_url":"http://a.example/","share_data_url":"nonsense"}`, "share_data_url: must be a JSON template"},
	} {
		got := view.call(t, c.method, c.options)
		assert.Empty(t, got.Sheet, c.options)
		assert.EqualValues(t, 400, field(t, got.Answer, "err_code"), c.options)
		assert.Contains(t, field(t, got.Answer, "err_msg"), c.want, c.options)
	}
}

func TestConsentSheet(t *testing.T) {
	b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
	view := b.inside(t, page, "open_id", "second")
	s := view.sheet(t, "auth", `{"app_id":"test","scope":"snsapi_userinfo","state":"STATE"}`)
	shown := view.show(t, s.ID)
	f := readForm(t, shown.body)
	assert.Equal(t, "/phone/sheet/"+s.ID, f.action)
	assert.Equal(t, []string{"allow", "refuse"}, f.buttons)
	assert.Empty(t, f.radios, "the page is in one user's hand")
	assert.Subset(t, f.texts, []string{"Corner Shop", "Your profile", "Ann"})
	policy := shown.header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "frame-ancestors "+view.origin+";")
	assert.Contains(t, policy, "form-action 'self'")

	answer := view.press(t, s.ID, "allow")
	assert.Equal(t, "STATE", field(t, answer, "state"))
	assert.Nil(t, field(t, answer, "err_code"), "the JSSDK takes a result with another err_code than 200 for an error")
	code, _ := field(t, answer, "code").(string)
	token, err := b.merchant.ExchangeCode(t.Context(), code)
	require.NoError(t, err)
	assert.Equal(t, "second", token.OpenID)
	assert.Contains(t, view.show(t, s.ID).body, "Done")
	assert.Equal(t, answer, view.press(t, s.ID, "refuse"), "what is answered stays")

	s = view.sheet(t, "auth", `{"app_id":"test","scope":"snsapi_userinfo"}`)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"the user refused"}`, view.press(t, s.ID, "refuse"))

	group := testkit.TestSessions()[1]
	s = view.sheet(t, "auth", `{"app_id":"test","scope":"sessionapi_sendmsg:`+group.ID+`:2"}`)
	assert.Contains(t, view.show(t, s.ID).body, "into the chat "+group.Name+" (group)")
	answer = view.press(t, s.ID, "allow")
	assert.NotEmpty(t, field(t, answer, "code"))
	assert.NotContains(t, answer, "state")
}

// A call that can come to nothing shows why, and can be closed.
func TestSheetsThatCanOnlyBeClosed(t *testing.T) {
	b := setup(t, phone.Config{})
	code := b.order(t, "order-1", "a title")
	_, err := b.platform.Pay(t.Context(), code, "")
	require.NoError(t, err)
	view := b.inside(t, page)
	for _, c := range []struct{ method, options, shown, reason string }{
		{"auth", `{"app_id":"other","scope":"snsapi_userinfo"}`, "No such app", "app_id is not known"},
		{"auth", `{"app_id":"test","scope":"everything"}`, "The scope is none", "scope is not known, or not of a chat that the user is in"},
		{"auth", `{"app_id":"test","scope":"sessionapi_sendmsg:nobodys:2"}`, "The scope is none", "scope is not known, or not of a chat that the user is in"},
		{"pay", `{"imprest_code":"unknown","app_id":"test"}`, "No order has this imprest_code", "imprest_code is not known"},
		{"pay", `{"imprest_code":"` + code + `","app_id":"other"}`, "No such app", "app_id is not known"},
		{"pay", `{"imprest_code":"` + code + `","app_id":"test"}`, "It cannot be paid again", "the order is paid already"},
		{"share", `{"app_id":"other","share_title":"x","share_url":"http://a.example/"}`, "No such app", "app_id is not known"},
	} {
		s := view.sheet(t, c.method, c.options)
		shown := view.show(t, s.ID)
		assert.Equal(t, http.StatusOK, shown.status, "no error on the page's console")
		assert.Contains(t, shown.body, c.shown, c.options)
		f := readForm(t, shown.body)
		assert.Equal(t, []string{"cancel"}, f.buttons, c.options)
		for _, action := range []string{"allow", "pay", "share", "topup", ""} {
			assert.Empty(t, view.press(t, s.ID, action, "session", testkit.TestSessions()[0].ID), "%s %s", action, c.options)
		}
		assert.JSONEq(t, `{"err_code":400,"err_msg":"`+c.reason+`"}`, view.press(t, s.ID, "cancel"), c.options)
	}
	assert.Empty(t, b.platform.Shares())
}

func TestChatSheet(t *testing.T) {
	b := setup(t, phone.Config{})
	chats := testkit.TestSessions()
	view := b.inside(t, page, "session", chats[1].ID)
	s := view.sheet(t, "selectSession", `{}`)
	f := readForm(t, view.show(t, s.ID).body)
	assert.Equal(t, []string{chats[0].ID, chats[1].ID}, f.radios)
	assert.Equal(t, chats[1].ID, f.checked, "the chat that the page was opened in")
	assert.Equal(t, []string{"pick", "cancel"}, f.buttons)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodPost, f.action, parameters("action", "pick", "session", "nobodys")).status)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodPost, f.action, parameters("action", "pick")).status)
	assert.JSONEq(t, `{"session_id":"`+chats[0].ID+`","session_type":1}`, view.press(t, s.ID, "pick", "session", chats[0].ID))
	s = view.sheet(t, "selectSession", `{}`)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"the user cancelled"}`, view.press(t, s.ID, "cancel"))
}

func TestPaymentSheet(t *testing.T) {
	b := setup(t, phone.Config{})
	view := b.inside(t, page, "open_id", "second")
	code := b.order(t, "order-1", "a title")
	options := `{"imprest_code":"` + code + `","app_id":"test"}`
	s := view.sheet(t, "pay", options)
	f := readForm(t, view.show(t, s.ID).body)
	assert.Equal(t, []string{"pay", "cancel"}, f.buttons)
	assert.Subset(t, f.texts, []string{"¥36.05", "order-1", "a title", "Ann"})
	assert.JSONEq(t, `{"err_code":400,"err_msg":"the user cancelled"}`, view.press(t, s.ID, "cancel"))
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)

	s = view.sheet(t, "pay", `{"imprest_code":"`+code+`"}`) // as one of the guides has it
	paid := view.press(t, s.ID, "pay")
	trade := b.platform.RequirePaid(t, "order-1")
	assert.JSONEq(t, `{"trade_no":"`+trade.TradeNo+`"}`, paid)
	assert.Equal(t, "second", trade.OpenID)
	b.platform.RequireNotified(t, "order-1")
}

func TestTooLittleMoney(t *testing.T) {
	b := setup(t, phone.Config{})
	view := b.inside(t, page)
	code := b.order(t, "order-1", "a title")
	require.True(t, b.platform.SetBalance("", 3604))
	options := `{"imprest_code":"` + code + `","app_id":"test"}`

	s := view.sheet(t, "pay", options)
	assert.Contains(t, view.show(t, s.ID).body, "¥36.04", "the balance")
	require.Empty(t, view.press(t, s.ID, "pay"), "the user may still do something about it")
	short := view.show(t, s.ID)
	assert.Equal(t, http.StatusOK, short.status)
	assert.Contains(t, short.body, "The order costs ¥36.05, the balance is ¥36.04.")
	assert.Equal(t, []string{"topup", "cancel"}, readForm(t, short.body).buttons)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"insufficient balance"}`, view.press(t, s.ID, "cancel"))
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)

	s = view.sheet(t, "pay", options)
	require.Empty(t, view.press(t, s.ID, "pay"))
	require.Empty(t, view.press(t, s.ID, "topup"))
	assert.Equal(t, []string{"pay", "cancel"}, readForm(t, view.show(t, s.ID).body).buttons)
	assert.NotEmpty(t, field(t, view.press(t, s.ID, "pay"), "trade_no"))
	left, limited := b.platform.Balance("")
	assert.True(t, limited)
	assert.Equal(t, core.Fen(0), left)

	// The same from a browser outside.
	code = b.order(t, "order-2", "a title")
	link := []string{"imprest_code", code, "app_id", "test", "redirect_uri", shop}
	got := b.send(t, http.MethodPost, "/phone/pay", parameters(append(link, "action", "pay")...))
	assert.Equal(t, http.StatusPaymentRequired, got.status)
	f := readForm(t, got.body)
	assert.Equal(t, []string{"topup", "cancel"}, f.buttons)
	hidden := []string{}
	for name, value := range f.hidden {
		hidden = append(hidden, name, value)
	}
	_, query := b.send(t, http.MethodPost, "/phone/pay", parameters(append(hidden, "action", "cancel")...)).location(t)
	assert.Equal(t, "insufficient balance", query.Get("err_msg"))
	to, query := b.send(t, http.MethodPost, "/phone/pay", parameters(append(hidden, "action", "topup")...)).location(t)
	assert.Equal(t, "/phone/pay", to)
	assert.Equal(t, code, query.Get("imprest_code"))
	_, query = b.send(t, http.MethodPost, "/phone/pay", parameters(append(link, "action", "pay")...)).location(t)
	assert.NotEmpty(t, query.Get("trade_no"))

	assert.Equal(t, http.StatusSeeOther, b.send(t, http.MethodPost, "/phone/balance", parameters("balance", " 12.30")).status)
	left, _ = b.platform.Balance("")
	assert.Equal(t, core.Fen(1230), left)
	assert.Contains(t, b.send(t, http.MethodGet, "/phone", nil).body, `value="12.30"`)
	for _, bad := range [][]string{{"balance", "-1"}, {"balance", "1e3"}, {"balance", ""}, {"balance", "1", "open_id", "nobody"}} {
		assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodPost, "/phone/balance", parameters(bad...)).status, bad)
	}
}

func TestShareSheet(t *testing.T) {
	b := setup(t, phone.Config{Hosts: []string{"shop.test"}})
	chats := testkit.TestSessions()
	view := b.inside(t, page, "session", chats[1].ID)
	s := view.sheet(t, "share", `{"app_id":"test","share_title":"A <b>title</b>","sub_title":"sub","share_url":"`+view.origin+`/shop?a=1","thumb_url":"`+view.origin+`/thumb.png"}`)
	shown := view.show(t, s.ID)
	f := readForm(t, shown.body)
	assert.Equal(t, chats[1].ID, f.checked)
	assert.Equal(t, []string{"share", "cancel"}, f.buttons)
	assert.Subset(t, f.texts, []string{"A <b>title</b>", "sub", "127.0.0.1:1"})
	assert.Contains(t, shown.body, `src="http://127.0.0.1:1/thumb.png"`)
	assert.Contains(t, shown.header.Get("Content-Security-Policy"), "img-src data: http://127.0.0.1:1;")
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodPost, f.action, parameters("action", "share", "session", "nobodys")).status)
	assert.JSONEq(t, `{"code":200}`, view.press(t, s.ID, "share", "session", chats[0].ID))
	share := b.platform.RequireShare(t, "A <b>title</b>")
	assert.Equal(t, chats[0].ID, share.SessionID)
	assert.Equal(t, "http://127.0.0.1:1/shop?a=1", share.ShareURL, "others reach the page where it is, not in this view")
	assert.Equal(t, "http://127.0.0.1:1/thumb.png", share.ThumbURL)

	s = view.sheet(t, "share", `{"app_id":"test","share_title":"two","share_url":"https://a.example/","thumb_url":"https://a.example/x.png"}`)
	shown = view.show(t, s.ID)
	assert.NotContains(t, shown.body, "<img", "the phone loads nothing from elsewhere")
	assert.Contains(t, shown.header.Get("Content-Security-Policy"), "img-src data:;")
	assert.JSONEq(t, `{"code":400,"err_msg":"the user cancelled"}`, view.press(t, s.ID, "cancel"), "a share tells its end by code")

	template := `{"tpl_header":"vctalk","tpl_version":"v1","tpl_type":"MultipleLine","data":["line one","<i>two</i>",{"text":"3"}]}`
	for i, data := range []string{template, quoted(t, template)} {
		title := []string{"as an object", "as a text"}[i]
		s = view.sheet(t, "share", `{"app_id":"test","share_title":"`+title+`","share_url":"https://a.example/","share_data_url":`+data+`}`)
		shown = view.show(t, s.ID)
		assert.Contains(t, shown.body, `data-template="MultipleLine"`)
		assert.Subset(t, readForm(t, shown.body).texts, []string{"line one", "<i>two</i>", `{"text":"3"}`})
		assert.JSONEq(t, `{"code":200}`, view.press(t, s.ID, "share", "session", chats[0].ID))
		assert.JSONEq(t, template, b.platform.RequireShare(t, title).ShareDataURL)
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(text)
	require.NoError(t, err)
	return string(b)
}

// A sheet is answered on the phone's own origin: neither the page beneath it
// nor any other page presses its buttons, and no view learns of another's.
// A script may pass a number where a text is documented.
func TestOptionsThatAreNumbers(t *testing.T) {
	view := setup(t, phone.Config{}).inside(t, page)
	asked := view.call(t, "auth", `{"app_id":"test","scope":"snsapi_userinfo","state":12345}`)
	require.NotEmpty(t, asked.Sheet)
	assert.Equal(t, "12345", field(t, view.press(t, asked.ID, "allow"), "state"))
}

// The guides write err_code 0 for consent.
func TestConsentWithErrCodeZero(t *testing.T) {
	b := setup(t, phone.Config{ErrCodeZero: true})
	view := b.inside(t, page)
	asked := view.call(t, "auth", `{"app_id":"test","scope":"snsapi_userinfo"}`)
	raw := view.press(t, asked.ID, "allow")
	assert.Equal(t, 0.0, field(t, raw, "err_code"))
	got, err := vvchat.AuthCall{}.Result(raw)
	require.NoError(t, err)
	assert.NotEmpty(t, got.Code)
	back := b.send(t, http.MethodPost, "/phone/login", parameters("app_id", "test", "scope", "snsapi_userinfo", "state", "s", "redirect_uri", "http://127.0.0.1:1/", "action", "allow"))
	u, err := url.Parse(back.header.Get("Location"))
	require.NoError(t, err)
	answer, err := vvchat.ParseLoginAnswer(u.RawQuery)
	require.NoError(t, err)
	assert.False(t, answer.Declined)
	assert.Contains(t, u.RawQuery, "err_code=0")
}

// Many presses of one sheet are one, and what it tells the page is what it did.
func TestOneSheetManyPresses(t *testing.T) {
	b := setup(t, phone.Config{})
	for range 20 {
		before := len(b.platform.Shares())
		view := b.inside(t, page)
		asked := view.call(t, "share", `{"app_id":"test","share_title":"x","share_url":"http://127.0.0.1:1/"}`)
		var presses sync.WaitGroup
		for i := range 8 {
			presses.Go(func() {
				action := "share"
				if i%2 == 1 {
					action = "cancel"
				}
				view.send(t, http.MethodPost, "/phone/sheet/"+asked.ID, parameters("action", action), "Origin", view.base)
			})
		}
		presses.Wait()
		shared := len(b.platform.Shares()) - before
		assert.LessOrEqual(t, shared, 1)
		assert.Equal(t, shared == 1, field(t, view.answer(t, asked.ID), "code") == 200.0)
	}
}

func TestSheetsAreOfTheirView(t *testing.T) {
	b := setup(t, phone.Config{})
	view, other := b.inside(t, page), b.inside(t, page, "platform", "ios")
	s := view.sheet(t, "selectSession", `{}`)
	chat := testkit.TestSessions()[0].ID
	for _, header := range [][]string{{"Origin", view.origin}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		got := b.send(t, http.MethodPost, "/phone/sheet/"+s.ID, parameters("action", "pick", "session", chat), header...)
		assert.Equal(t, http.StatusForbidden, got.status, header)
	}
	for _, path := range []string{"answer", "cancel"} {
		_, status := other.tell(t, path, `{"id":"`+s.ID+`"}`)
		assert.Equal(t, http.StatusNotFound, status)
		for _, origin := range []string{"http://shop.example", b.base, other.origin} {
			_, status = view.tell(t, path, `{"id":"`+s.ID+`"}`, "Origin", origin)
			assert.Equal(t, http.StatusForbidden, status, origin)
		}
		_, status = view.tell(t, path, `{"id":"unknown"}`)
		assert.Equal(t, http.StatusNotFound, status)
	}
	_, status := view.tell(t, "call", `{"method":"getSession"}`, "Origin", other.origin)
	assert.Equal(t, http.StatusForbidden, status)
	assert.Equal(t, http.StatusNotFound, b.send(t, http.MethodGet, "/phone/sheet/unknown", nil).status)
	assert.Equal(t, http.StatusNotFound, view.get(t, "/.vvchat/other").status, "these paths are the phone's")
	assert.Equal(t, http.StatusNotFound, view.get(t, "/phone/phone.css", "Host", strings.Repeat("1", 32)+".localhost").status)
	assert.Empty(t, view.answer(t, s.ID))

	got, status := view.tell(t, "cancel", `{"id":"`+s.ID+`"}`) // the Escape key, say
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"err_code":400,"err_msg":"the user cancelled"}`, got.Answer)
}

func TestSheetsSpeakTheLanguageOfTheirView(t *testing.T) {
	b := setup(t, phone.Config{})
	answer := b.send(t, http.MethodGet, "/phone/open", parameters("url", page), "Accept-Language", "zh")
	u, err := url.Parse(answer.header.Get("Location"))
	require.NoError(t, err)
	view := opened{b, u.Host, "http://" + u.Host, "/"}
	s := view.sheet(t, "auth", `{"app_id":"test","scope":"snsapi_userinfo"}`)
	assert.Equal(t, "登录授权", s.Title)
	shown := view.show(t, s.ID)
	assert.Equal(t, "zh", shown.header.Get("Content-Language"))
	assert.Contains(t, shown.body, `<html lang="zh"`)
}

package vvchat_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

const back = "https://shop.example/back?x=1&y=2"

func links() map[string]vvchat.Link {
	return map[string]vvchat.Link{
		"qyx://thirdlogin?app_id=test&scope=snsapi_userinfo&state=a%20b%26c%2B&redirect_uri=https%3A%2F%2Fshop.example%2Fback%3Fx%3D1%26y%3D2": vvchat.LoginLink{AppID: "test", Scope: vvchat.ScopeUserInfo, State: "a b&c+", RedirectURI: back},
		"qyx://thirdlogin?app_id=test&scope=sessionapi_sendmsg%3AS1%3A2&redirect_uri=https%3A%2F%2Fshop.example":                               vvchat.LoginLink{AppID: "test", Scope: "sessionapi_sendmsg:S1:2", RedirectURI: "https://shop.example"},
		"qyx://qpay?imprest_code=I1&app_id=test&redirect_uri=https%3A%2F%2Fshop.example%2F":                                                    vvchat.PayLink{ImprestCode: "I1", AppID: "test", RedirectURI: "https://shop.example/"},
		"qyx://openSessionView?open_id=hT7mKx": vvchat.OpenSessionViewLink{OpenID: "hT7mKx"},
		"qyx://share?app_id=test&share_title=%E9%97%A8%E9%93%83&share_url=https%3A%2F%2Fshop.example%2F&redirect_uri=https%3A%2F%2Fshop.example%2Fshared": vvchat.ShareLink{
			AppID: "test", ShareTitle: "门铃", ShareURL: "https://shop.example/", RedirectURI: "https://shop.example/shared"},
		"qyx://share?app_id=test&share_title=a&share_url=https%3A%2F%2Fs.example&redirect_uri=https%3A%2F%2Fs.example&sub_title=b&thumb_url=https%3A%2F%2Fs.example%2Ft.png&share_data_url=%7B%22tpl_header%22%3A%22vctalk%22%2C%22tpl_version%22%3A%22v1%22%2C%22tpl_type%22%3A%22MultipleLine%22%2C%22data%22%3A%5B%22c%22%5D%7D": vvchat.ShareLink{
			AppID: "test", ShareTitle: "a", ShareURL: "https://s.example", RedirectURI: "https://s.example", SubTitle: "b", ThumbURL: "https://s.example/t.png", ShareDataURL: vvchat.ShareData{Data: []string{"c"}}.String()},
	}
}

func TestLinksAreWrittenAndRead(t *testing.T) {
	for text, link := range links() {
		built, err := vvchat.BuildLink(link)
		require.NoError(t, err)
		assert.Equal(t, text, built)
		parsed, err := vvchat.ParseLink(text)
		require.NoError(t, err)
		assert.Equal(t, link, parsed)
		u, err := url.Parse(text)
		require.NoError(t, err, "any reader of URLs takes it")
		assert.Equal(t, link.Action(), u.Host)
	}
}

// The links as the platform prints them, with nothing escaped.
func TestLinksAsThePlatformPrintsThem(t *testing.T) {
	l, err := vvchat.ParseLink("qyx://thirdlogin?app_id=test&scope=snsapi_userinfo&state=xxxxx&redirect_uri=http://xxxx.com")
	require.NoError(t, err)
	assert.Equal(t, vvchat.LoginLink{AppID: "test", Scope: vvchat.ScopeUserInfo, State: "xxxxx", RedirectURI: "http://xxxx.com"}, l)
	l, err = vvchat.ParseLink("qyx://qpay?imprest_code=IMPREST_CODE&app_id=APP_ID&redirect_uri=http://xxxx/xxx")
	require.NoError(t, err)
	assert.Equal(t, vvchat.PayLink{ImprestCode: "IMPREST_CODE", AppID: "APP_ID", RedirectURI: "http://xxxx/xxx"}, l)
	l, err = vvchat.ParseLink("qyx://openSessionView?open_id=OPEN_ID")
	require.NoError(t, err)
	assert.Equal(t, vvchat.OpenSessionViewLink{OpenID: "OPEN_ID"}, l)
}

func TestLinksThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		"":                               "no qyx:// link",
		"https://shop.example":           "no qyx:// link",
		"QYX://qpay?app_id=a":            "no qyx:// link",
		"qyx://transfer?app_id=a":        "there is no link",
		"qyx://openSessionView":          "is empty",
		"qyx://openSessionView?open_id=": "is empty",
		"qyx://openSessionView?open_id=a&open_id=b": "there twice",
		"qyx://openSessionView?open_id=a&amount=1":  `"amount" is no parameter`,
		"qyx://openSessionView?open_id=%zz":         "cannot be read",
		"qyx://openSessionView?open_id=a%00":        "control",
		"qyx://openSessionView?open_id=a#frag":      "no qyx:// link",
		"qyx://share?app_id=a&share_url=https://s.example&redirect_uri=https://s.example&share_title=" + strings.Repeat("门", 600) + "&sub_title=" + strings.Repeat("门", 600): "too long",
		"qyx://openSessionView?open_id=a/b":                                                       "open_id",
		"qyx://qpay?imprest_code=I&app_id=a":                                                      "redirect_uri",
		"qyx://qpay?imprest_code=I&app_id=a&redirect_uri=javascript:alert(1)":                     "redirect_uri",
		"qyx://qpay?imprest_code=I&app_id=a&redirect_uri=https://u@shop.example/":                 "redirect_uri must not have a user",
		"qyx://thirdlogin?app_id=a&redirect_uri=https://s.example":                                "scope",
		"qyx://share?app_id=a&share_title=t&share_url=//s.example&redirect_uri=https://s.example": "share_url",
		"qyx://openSessionView?open_id=" + strings.Repeat("a", 9000):                              "no qyx:// link",
	} {
		_, err := vvchat.ParseLink(text)
		require.ErrorContains(t, err, says, "%.80s", text)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
	for name, link := range map[string]vvchat.Link{
		"none":           nil,
		"a pointer":      (*vvchat.PayLink)(nil),
		"no app_id":      vvchat.PayLink{ImprestCode: "I", RedirectURI: back},
		"a control":      vvchat.ShareLink{AppID: "a", ShareTitle: "a\nb", ShareURL: back, RedirectURI: back},
		"too long":       vvchat.ShareLink{AppID: "a", ShareTitle: strings.Repeat("a", 2049), ShareURL: back, RedirectURI: back},
		"not an address": vvchat.ShareLink{AppID: "a", ShareTitle: "a", ShareURL: back, RedirectURI: back, ThumbURL: "data:x"},
	} {
		_, err := vvchat.BuildLink(link)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
}

func TestEveryLinkThatIsBuiltIsReadAgain(t *testing.T) {
	id := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
	text := rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return !unicode.IsControl(r) }), 1, 60, -1)
	address := rapid.StringMatching(`https://[a-z]{1,9}\.example(:[1-9][0-9]{1,3})?(/[a-z]{1,5}){0,3}(\?[a-z]{1,4}=[a-z&=%]{0,0}[0-9]{1,4})?`)
	rapid.Check(t, func(t *rapid.T) {
		link := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) vvchat.Link {
				return vvchat.LoginLink{AppID: id.Draw(t, "app"), Scope: vvchat.SessionScope(vvchat.Session{ID: id.Draw(t, "session"), Type: 2}), State: text.Draw(t, "state"), RedirectURI: address.Draw(t, "back")}
			}),
			rapid.Custom(func(t *rapid.T) vvchat.Link {
				return vvchat.PayLink{ImprestCode: id.Draw(t, "code"), AppID: id.Draw(t, "app"), RedirectURI: address.Draw(t, "back")}
			}),
			rapid.Custom(func(t *rapid.T) vvchat.Link {
				return vvchat.ShareLink{AppID: id.Draw(t, "app"), ShareTitle: text.Draw(t, "title"), ShareURL: address.Draw(t, "url"), RedirectURI: address.Draw(t, "back"),
					SubTitle: text.Draw(t, "sub"), ShareDataURL: vvchat.ShareData{Data: []string{text.Draw(t, "line")}}.String()}
			}),
		).Draw(t, "link")
		built, err := vvchat.BuildLink(link)
		if err != nil {
			t.Fatalf("%+v: %v", link, err)
		}
		parsed, err := vvchat.ParseLink(built)
		if err != nil || !reflect.DeepEqual(parsed, link) {
			t.Fatalf("%s was read as %+v, %v", built, parsed, err)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	for text := range links() {
		f.Add(text)
	}
	f.Add("qyx://share?app_id=a&share_title=t+u&share_url=https://s&redirect_uri=https://s")
	f.Fuzz(func(t *testing.T, text string) {
		link, err := vvchat.ParseLink(text)
		if err != nil {
			return
		}
		built, err := vvchat.BuildLink(link)
		require.NoError(t, err, "what is read can be written")
		again, err := vvchat.ParseLink(built)
		require.NoError(t, err)
		require.Equal(t, link, again)
	})
}

func TestRedirects(t *testing.T) {
	list := vvchat.Redirects{"https://shop.example/login", "https://pay.example", "http://127.0.0.1:8700"}
	for address, good := range map[string]bool{
		"https://shop.example/login":                true,
		"https://shop.example/login?x=1":            true,
		"https://shop.example/login/return":         true,
		"https://SHOP.example/login":                true,
		"https://pay.example":                       true,
		"https://pay.example/anything":              true,
		"http://127.0.0.1:8700/back":                true,
		"https://shop.example/loginx":               false,
		"https://shop.example/":                     false,
		"https://shop.example":                      false,
		"http://shop.example/login":                 false, // another scheme
		"https://shop.example:444/login":            false,
		"https://shop.example.evil.example/login":   false,
		"https://evil.example/login":                false,
		"https://shop.example@evil.example/login":   false,
		"https://evil.example\\@shop.example/login": false,
		"https:\\\\shop.example/login":              false,
		"//shop.example/login":                      false,
		"https:/shop.example/login":                 false,
		"https:shop.example/login":                  false,
		"https://shop.example/login/../admin":       false,
		"https://shop.example/login/%2e%2e/admin":   false,
		"https://shop.example/login%2f..":           false,
		"https://shop.example//login":               false,
		"https://shop.example/login#x":              false,
		"https://shop.example/lo gin":               false,
		"https://ѕhop.example/login":                false, // not a Latin s
		"https://shop.example/login\n":              false,
		"https://shop%2eexample/login":              false,
		"javascript://shop.example/login":           false,
		"https://pay.example:":                      false,
		"":                                          false,
	} {
		err := list.Check(address)
		assert.Equal(t, good, err == nil, "%q: %v", address, err)
		if err != nil {
			assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		}
	}
	for _, odd := range []string{"/login/..;/admin", "/login/%252e%252e%252fadmin", "/login/%00", "/login/%0d%0aX", "/login;x", "/login/%ff"} {
		assert.Error(t, list.Check("https://shop.example"+odd), odd)
	}
	for _, entries := range []vvchat.Redirects{{"https://shop.example", "shop"}, {"https://shop.example", "https://shop.example/?x=1"}} {
		assert.ErrorContains(t, entries.Check("https://shop.example"), "an entry of the list")
	}
	_, err := list.BuildLink(vvchat.PayLink{ImprestCode: "I", AppID: "a", RedirectURI: "https://evil.example/"})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	_, err = list.BuildLink(vvchat.PayLink{AppID: "a", RedirectURI: "https://pay.example/"})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	for _, link := range []vvchat.Link{vvchat.PayLink{ImprestCode: "I", AppID: "a", RedirectURI: "https://pay.example/"}, vvchat.OpenSessionViewLink{OpenID: "o"}} {
		text, err := list.BuildLink(link)
		require.NoError(t, err)
		assert.NotEmpty(t, text)
	}
	assert.Error(t, vvchat.Redirects(nil).Check("https://shop.example"))
	assert.Error(t, vvchat.Redirects{"shop.example"}.Check("https://shop.example"), "an entry that is no address is no entry")
}

func TestAnswersOfTheApp(t *testing.T) {
	for query, want := range map[string]vvchat.LoginAnswer{
		"code=C1&state=s":                 {Code: "C1", State: "s"},
		"code=C1&state=s&err_code=0":      {Code: "C1", State: "s"},
		"code=C1&err_code=200":            {Code: "C1", ErrCode: 200},
		"err_code=400&err_msg=no&state=s": {State: "s", Declined: true, ErrCode: 400, ErrMsg: "no"},
		"err_code=x&code=C1":              {Declined: true},
		"err_code=%2B0&code=C1":           {Declined: true},
		"err_code=0200&code=C1":           {Declined: true, ErrCode: 200},
		"err_code=99999999999999999999":   {Declined: true},
		"err_code=1&code=C1":              {Declined: true, ErrCode: 1},
	} {
		got, err := vvchat.ParseLoginAnswer(query)
		require.NoError(t, err, query)
		assert.Equal(t, want, got, query)
	}
	for _, query := range []string{"", "state=s", "code=", "code=a b", "code=C1&code=C2", "%zz", "code=" + strings.Repeat("a", 9000)} {
		_, err := vvchat.ParseLoginAnswer(query)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), query)
	}
	for _, query := range []string{"trade_no=T1", "trade_no=T1&err_code=0", "trade_no=T1&err_code=200"} {
		got, err := vvchat.ParsePayAnswer(query)
		require.NoError(t, err)
		assert.Equal(t, "T1", got)
	}
	for _, query := range []string{"", "trade_no=a/b", "trade_no=T1&trade_no=T2"} {
		_, err := vvchat.ParsePayAnswer(query)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), query)
	}
	var refused *vvchat.BridgeError
	for _, query := range []string{"err_code=400&err_msg=no", "err_code=400&trade_no=T1&err_msg=no"} {
		_, err := vvchat.ParsePayAnswer(query)
		require.ErrorAs(t, err, &refused, query)
		assert.Equal(t, "no", refused.ErrMsg)
	}
	assert.NoError(t, vvchat.ParseShareAnswer("code=200"))
	require.ErrorAs(t, vvchat.ParseShareAnswer("code=400&err_msg=%E5%8F%96%E6%B6%88"), &refused)
	assert.Equal(t, vvchat.BridgeError{ErrCode: 400, ErrMsg: "取消"}, *refused)
	assert.Equal(t, core.CodeInvalid, core.CodeOf(vvchat.ParseShareAnswer("code=ok")))
}

func TestSessionScopes(t *testing.T) {
	s, err := vvchat.ParseSessionScope("sessionapi_sendmsg:S-1_x:2")
	require.NoError(t, err)
	assert.Equal(t, vvchat.Session{ID: "S-1_x", Type: vvchat.SessionGroup}, s)
	assert.Equal(t, "sessionapi_sendmsg:S-1_x:2", vvchat.SessionScope(s))
	for _, scope := range []string{"", vvchat.ScopeUserInfo, "sessionapi_sendmsg", "sessionapi_sendmsg:S1", "sessionapi_sendmsg:S1:3", "sessionapi_sendmsg:S1:02", "sessionapi_sendmsg::1", "sessionapi_sendmsg:S1:1:1", "SESSIONAPI_SENDMSG:S1:1", "sessionapi_sendmsg:a b:1"} {
		_, err := vvchat.ParseSessionScope(scope)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), scope)
	}
}

func ExampleBuildLink() {
	link, err := vvchat.BuildLink(vvchat.PayLink{ImprestCode: "I1", AppID: "test", RedirectURI: "https://shop.example/paid"})
	fmt.Println(link, err)
	// Output: qyx://qpay?imprest_code=I1&app_id=test&redirect_uri=https%3A%2F%2Fshop.example%2Fpaid <nil>
}

func ExampleParseLink() {
	link, err := vvchat.ParseLink("qyx://openSessionView?open_id=service1")
	switch l := link.(type) {
	case vvchat.OpenSessionViewLink:
		fmt.Println("a chat with", l.OpenID, err)
	}
	// Output: a chat with service1 <nil>
}

func ExampleRedirects_Check() {
	list := vvchat.Redirects{"https://shop.example/login"}
	fmt.Println(list.Check("https://shop.example/login/return"))
	fmt.Println(list.Check("https://shop.example@evil.example/login"))
	// Output:
	// <nil>
	// vvchat.Redirects: redirect_uri must not have a user before its host
}

func ExampleParseLoginAnswer() {
	answer, err := vvchat.ParseLoginAnswer("err_code=400&err_msg=cancelled&state=s")
	fmt.Println(answer.Declined, answer.ErrMsg, err)
	// Output: true cancelled <nil>
}

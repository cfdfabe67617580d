package testkit

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

const longTestKey = "k&y/of\"32 characters, or a bit+more"

// Whatever a merchant does with his app_key and his tokens, the record shows
// neither. This one does all that he must not.
func TestNothingInTheRecordIsASecret(t *testing.T) {
	for _, key := range []string{"123456", longTestKey} {
		t.Run(key, func(t *testing.T) {
			account := TestAccount()
			account.AppKey = core.NewSecret(key)
			echo := ""
			s := openShop(t, func(int, string) (int, string) { return 200, "you said " + echo })
			p := testPlatform(t, PlatformConfig{Accounts: []Account{account}})
			secretQuery := "app_id=test&app_key=" + key
			exchange := func() string {
				return tokenPath + "?app_id=test&app_key=" + escapeAll(key) + "&code=" + consent(t, p, ScopeUserInfo)
			}
			token := get(t, p, exchange()).fields["token"].(string)
			secrets := core.Secrets(key, token)

			// a client that follows a redirect, with net/http's Referer
			p.Inject(Fault{Kind: FaultRedirect, Call: CallToken})
			resp, err := http.Get(p.URL + exchange())
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			all := p.Requests()
			require.Contains(t, all[len(all)-1].Header.Get("Referer"), "app_key=***", "it followed")

			send := func(edit func(*draft), path string, header ...string) {
				d := orderBody("T1", s.URL)
				d.appKey = key
				if edit != nil {
					edit(d)
				}
				req := newRequest(t, p, http.MethodPost, path, string(d.signed()))
				for i := 0; i < len(header); i += 2 {
					req.Header.Set(header[i], header[i+1])
				}
				do(t, p, req)
			}
			send(func(d *draft) { d.set(textField("app_key", key)) }, orderPath)
			send(func(d *draft) { d.set(textField("key", key)) }, orderPath)
			send(func(d *draft) { d.set(textField("title", "pay, "+key)) }, orderPath)
			send(func(d *draft) { d.set(textField("title", "pay, "+token)) }, orderPath)
			send(func(d *draft) { d.set(textField("out_trade_no", token)) }, orderPath)
			send(func(d *draft) { d.set(textField("app_id", key)) }, orderPath)
			send(nil, orderPath+"?note="+escapeAll(key)+"&again="+token)
			send(nil, "/lost/"+escapePath(key)+"/"+token)
			send(nil, orderPath, "X-Trace", "app "+key, "Cookie", "token="+token, "Referer", "http://h/x?"+strings.ReplaceAll(secretQuery, " ", "+"))
			do(t, p, newRequest(t, p, http.MethodPost, orderPath, `{"app_key" : 654321, "App_Key":"6543\"21`))
			do(t, p, newRequest(t, p, http.MethodPost, orderPath, "app_id=test&app_key=6543\"21&a=1"))
			assert.Equal(t, http.StatusOK, profile(t, p, token).status)
			assert.Equal(t, http.StatusBadRequest, profile(t, p, "Bearer "+token).status)

			echo = key + " and " + token
			d := orderBody("T9", s.URL)
			d.appKey = key
			a := postOrder(t, p, d.signed())
			require.Equal(t, http.StatusOK, a.status, a.body)
			pay(t, p, a.fields["imprest_code"].(string))
			require.True(t, p.SetAppKey("test", core.NewSecret("another key of the same app")))
			d.set(textField("remark", "it was "+key))
			postOrder(t, p, d.signed())

			for _, e := range p.Requests() {
				type bare Exchange // without its String
				text := fmt.Sprintf("%+v %s", bare(e), e)
				RequireNoSecret(t, text, secrets...)
				assert.NotContains(t, text, escapeAll(key))
				assert.NotContains(t, text, "6543", "an app_key that the platform does not know")
			}
		})
	}
}

// escapeAll spells every byte as an escape, as no client does by itself.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func escapePath(s string) string {
	return strings.NewReplacer("&", "&", "/", "%2F", `"`, "%22", " ", "%20", "+", "+").Replace(s)
}

func TestAShortKeyIsAWord(t *testing.T) {
	s := newSecrets()
	s.addKey(core.NewSecret("123456"))
	for text, want := range map[string]string{
		"":                       "",
		"123456":                 "***",
		"key=123456&a=1123456":   "key=***&a=1123456",
		"1234567 order-123456.":  "1234567 order-***.",
		"123456123456 x123456 _": "123456123456 x123456 _",
		"123456,123456":          "***,***",
	} {
		assert.Equal(t, want, s.text(text))
	}
	s.addKey(core.NewSecret("0123456789abcdef"))
	assert.Equal(t, "x***y", s.text("x0123456789abcdefy"), "a long one is one anywhere")
	token := strings.Repeat("tK", 16)
	s.tokens[token] = grant{}
	assert.Equal(t, "***", s.text(token))
	assert.Equal(t, "a ***,x***9 "+token[1:], s.text("a "+token+",x"+token+"9 "+token[1:]))
}

// The documented key may be in an order by chance; an order that carries the
// key is a fault all the same.
func TestAnOrderNeverCarriesTheAppKey(t *testing.T) {
	account := TestAccount()
	account.AppKey = core.NewSecret(longTestKey)
	account.AppID = "other"
	p := testPlatform(t, PlatformConfig{Accounts: []Account{TestAccount(), account}})
	try := func(appID, key string, f field) answered {
		d := orderBody("T-"+f.name, "http://127.0.0.1:1/")
		d.appKey = key
		d.set(textField("app_id", appID))
		d.set(f)
		return postOrder(t, p, d.signed())
	}
	for name, c := range map[string]struct {
		appID, key string
		field      field
		says       string
	}{
		"app_key":             {"test", "123456", textField("app_key", "x"), "app_key: must never be sent"},
		"app_key, null":       {"test", "123456", field{name: "app_key", literal: "null"}, "app_key: must never be sent"},
		"App_Key":             {"test", "123456", textField("App_Key", "x"), "app_key: must never be sent"},
		"key":                 {"test", "123456", textField("key", "123456"), "key: holds the app_key"},
		"a long key in title": {"other", longTestKey, textField("title", "x"+longTestKey), "title: holds the app_key"},
	} {
		a := try(c.appID, c.key, c.field)
		assert.Equal(t, http.StatusBadRequest, a.status, name)
		assert.Contains(t, a.fields["err_msg"], c.says, name)
		RequireNoSecret(t, a.body, core.Secrets("123456", longTestKey)...)
	}
	assert.Equal(t, http.StatusOK, try("test", "123456", bareField("amount", "123456")).status)
	assert.Equal(t, http.StatusOK, try("test", "123456", textField("title", "123456")).status)
}

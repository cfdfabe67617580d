package login_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
	"github.com/imprest-go/imprest/core/vvchat"
)

// The wiring of a real site. Mount the routes with adapters/nethttp.
func ExampleNew() {
	client, err := vvchat.New(vvchat.Config{
		BaseURL: "https://open.example",
		AppID:   "qyxd930ea5d5a258f4f",
		AppKeys: core.Secrets("the-app_key-that-was-issued"),
	})
	if err != nil {
		log.Fatal(err)
	}
	l, err := login.New(login.Config{
		AppID:       client.AppID(),
		Platform:    client,
		Store:       journal.NewMemory(), // a store that lasts, where there is more than one process
		CookieKeys:  core.Secrets("32 random bytes from a safe place"),
		RedirectURI: "https://shop.example/login/return",
	})
	if err != nil {
		log.Fatal(err)
	}
	routes := l.Routes()
	routes["GET /orders"] = l.Require(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		session, _ := login.FromContext(ctx)
		return core.Text(http.StatusOK, "the orders of "+session.OpenID)
	}))
	fmt.Println(len(routes), "routes")
	// Output: 7 routes
}

// ming is a platform with one user, who always agrees.
type ming struct{}

func (ming) ExchangeCode(context.Context, string) (vvchat.Token, error) {
	return vvchat.Token{OpenID: "OPENID", Scope: vvchat.ScopeUserInfo, Token: core.NewSecret("TOKEN")}, nil
}

func (ming) Profile(context.Context, core.Secret) (vvchat.Profile, error) {
	return vvchat.Profile{OpenID: "OPENID", Nickname: "小明"}, nil
}

// A login from its start to a page that needs one, as a browser walks it.
func ExampleLogin_Require() {
	l, err := login.New(login.Config{
		AppID: "test", Platform: ming{}, Store: journal.NewMemory(),
		CookieKeys:  core.Secrets(strings.Repeat("k", login.MinKeyLength)),
		RedirectURI: "http://127.0.0.1:8700/login/return",
	})
	if err != nil {
		log.Fatal(err)
	}
	site := l.Routes()
	site["GET /hello"] = l.Require(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		session, _ := login.FromContext(ctx)
		return core.Text(http.StatusOK, "hello "+session.Nickname)
	}))

	var cookies core.Header
	visit := func(target string) *core.Response {
		path, query, _ := strings.Cut(target, "?")
		resp := site.Handle(context.Background(), &core.Request{Method: "GET", Path: path, RawQuery: query, Header: cookies})
		for _, line := range resp.Header.Values("Set-Cookie") {
			pair, _, _ := strings.Cut(line, ";")
			cookies.Add("Cookie", pair)
		}
		return resp
	}

	fmt.Println(visit("/hello").Status)
	link, _ := url.Parse(visit("/login?return=/hello").Header.Get("Location"))
	fmt.Println(link.Scheme, link.Host, link.Query().Get("scope"))
	back := visit("/login/return?code=CODE&state=" + link.Query().Get("state"))
	fmt.Println(back.Status, back.Header.Get("Location"))
	fmt.Printf("%s\n", visit("/hello").Body)
	// Output:
	// 401
	// qyx thirdlogin snsapi_userinfo
	// 303 /hello
	// hello 小明
}

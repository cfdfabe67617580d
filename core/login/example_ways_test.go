package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/login"
)

// exampleLogin is a login on this machine, with one change.
func exampleLogin(change func(*login.Config)) *login.Login {
	cfg := login.Config{
		AppID: "test", Platform: ming{}, Store: journal.NewMemory(),
		CookieKeys:  core.Secrets(strings.Repeat("k", login.MinKeyLength)),
		RedirectURI: "http://127.0.0.1:8700/login/return",
	}
	if change != nil {
		change(&cfg)
	}
	l, err := login.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return l
}

// cookie is what a browser sends back of a Set-Cookie line.
func cookie(resp *core.Response) core.HeaderField {
	pair, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	return core.HeaderField{Name: "Cookie", Value: pair}
}

// A page inside the app asks for a state, calls vvchat.call("auth", …) with what
// it gets, and hands in what comes back.
func ExampleLogin_HandIn() {
	site := exampleLogin(nil).Routes()

	asked := site.Handle(context.Background(), &core.Request{Method: "GET", Path: "/login/state"})
	var auth struct {
		AppID string `json:"app_id"`
		Scope string `json:"scope"`
		State string `json:"state"`
	}
	if err := json.Unmarshal(asked.Body, &auth); err != nil {
		log.Fatal(err)
	}
	fmt.Println(auth.AppID, auth.Scope)

	handIn := func(body string) *core.Response {
		return site.Handle(context.Background(), &core.Request{
			Method: "POST", Path: "/login/code", Body: []byte(body),
			Header: core.Header{cookie(asked), {Name: "Content-Type", Value: "application/json"}},
		})
	}
	done := handIn(`{"code":"CODE","state":"` + auth.State + `"}`)
	var session login.Session
	if err := json.Unmarshal(done.Body, &session); err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Status, session.Nickname)
	again := handIn(`{"code":"CODE","state":"` + auth.State + `"}`)
	fmt.Println(again.Status, "a state works once")
	// Output:
	// test snsapi_userinfo
	// 200 小明
	// 400 a state works once
}

// A user may say no. That is no error: the site says in its own words what it
// can do without a login.
func ExampleLogin_Return_declined() {
	l := exampleLogin(func(cfg *login.Config) {
		cfg.Declined = core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
			return core.Text(http.StatusOK, "you can look around without a login")
		})
	})
	begun := l.Start(context.Background(), &core.Request{Method: "GET", Path: "/login", RawQuery: "return=/orders"})
	link, err := url.Parse(begun.Header.Get("Location")) // qyx://thirdlogin?…
	if err != nil {
		log.Fatal(err)
	}
	back := l.Return(context.Background(), &core.Request{
		Method: "GET", Path: "/login/return", RawQuery: "err_code=400&state=" + link.Query().Get("state"),
		Header: core.Header{cookie(begun)},
	})
	fmt.Println(back.Status, string(back.Body))
	// Output: 200 you can look around without a login
}

// A handler behind Require, tested without a login.
func ExampleNewContext() {
	hello := core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		session, ok := login.FromContext(ctx)
		if !ok {
			return core.Refuse(http.StatusUnauthorized) // mounted without Require
		}
		return core.Text(http.StatusOK, "hello "+session.Nickname)
	})
	ctx := login.NewContext(context.Background(), login.Session{OpenID: "OPENID", Nickname: "小明"})
	fmt.Println(string(hello.Handle(ctx, &core.Request{Method: "GET", Path: "/hello"}).Body))
	// Output: hello 小明
}

// For a page that greets who is logged in, and shows itself to everybody.
func ExampleLogin_FromRequest() {
	l := exampleLogin(nil)
	page := func(r *core.Request) string {
		session, err := l.FromRequest(r)
		if errors.Is(err, login.ErrNoSession) {
			return "welcome, stranger"
		}
		return "welcome back, " + session.Nickname
	}
	fmt.Println(page(&core.Request{Method: "GET", Path: "/"}))
	fmt.Println(page(&core.Request{Method: "GET", Path: "/", Header: core.Header{{Name: "Cookie", Value: "imprest=v1.forged.forged"}}}))
	// Output:
	// welcome, stranger
	// welcome, stranger
}

// To log out is a form: <form method="post" action="/login/logout">.
func ExampleLogin_Logout() {
	l := exampleLogin(func(cfg *login.Config) { cfg.AfterLogout = "/bye" })
	logout := func(origin string) {
		resp := l.Logout(context.Background(), &core.Request{
			Method: "POST", Path: "/login/logout", Header: core.Header{{Name: "Origin", Value: origin}},
		})
		fmt.Println(resp.Status, resp.Header.Get("Location"))
	}
	logout("http://127.0.0.1:8700")
	logout("https://evil.example")
	// Output:
	// 303 /bye
	// 403
}

// While keys are rotated, what the old one signed stays good: the new key
// signs, both verify.
func ExampleConfig_rotation() {
	const oldKey, newKey = "the old key, of 32 random bytes.", "the new key, of 32 random bytes."
	before := exampleLogin(func(cfg *login.Config) { cfg.CookieKeys = core.Secrets(oldKey) })
	begun := before.State(context.Background(), &core.Request{Method: "GET", Path: "/login/state"})
	var auth struct{ State string }
	if err := json.Unmarshal(begun.Body, &auth); err != nil {
		log.Fatal(err)
	}
	finish := func(keys ...string) int {
		l := exampleLogin(func(cfg *login.Config) { cfg.CookieKeys = core.Secrets(keys...) })
		return l.Return(context.Background(), &core.Request{
			Method: "GET", Path: "/login/return", RawQuery: "code=CODE&state=" + auth.State, Header: core.Header{cookie(begun)},
		}).Status
	}
	fmt.Println("both keys:", finish(newKey, oldKey))
	fmt.Println("the old one dropped:", finish(newKey))
	// Output:
	// both keys: 303
	// the old one dropped: 400
}

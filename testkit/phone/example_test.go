package phone_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// A user allows a login, as a browser or a test presses the button.
func ExampleNew() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	screens, err := phone.New(phone.Config{Platform: platform})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(screens)
	defer server.Close()

	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.PostForm(server.URL+"/phone/login", url.Values{
		"app_id": {"test"}, "scope": {"snsapi_userinfo"}, "state": {"STATE"}, "redirect_uri": {"http://127.0.0.1:8700/login/return"},
		"action": {"allow"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(back.Host, back.Path, back.Query().Get("state"))

	account := testkit.TestAccount()
	merchant, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: account.AppID, AppKeys: []core.Secret{account.AppKey}})
	if err != nil {
		log.Fatal(err)
	}
	token, err := merchant.ExchangeCode(context.Background(), back.Query().Get("code"))
	fmt.Println(token.OpenID, err)
	// Output:
	// 127.0.0.1:8700 /login/return STATE
	// pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J <nil>
}

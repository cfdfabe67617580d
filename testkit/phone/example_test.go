package phone_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

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

// A page that was opened in a chat asks which one that is: as its script does
// through the JSSDK, a test asks the bridge.
func ExampleIsView() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	screens, err := phone.New(phone.Config{Platform: platform})
	if err != nil {
		log.Fatal(err)
	}
	// One address for both: requests to a view's origin are the phone's,
	// whatever their path.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if phone.IsView(r) || strings.HasPrefix(r.URL.Path, "/phone/") {
			screens.ServeHTTP(w, r)
			return
		}
		platform.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()

	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	chat := testkit.TestSessions()[1]
	opened, err := client.Get(server.URL + "/phone/open?" + url.Values{"url": {"http://127.0.0.1:8700/"}, "session": {chat.ID}, "platform": {"ios"}}.Encode())
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Body.Close()
	page, err := opened.Location()
	if err != nil {
		log.Fatal(err)
	}

	// A browser takes VIEW.localhost to this machine; a Go program says so.
	call, err := http.NewRequest(http.MethodPost, server.URL+"/.vvchat/call", strings.NewReader(`{"method":"getSession","options":{}}`))
	if err != nil {
		log.Fatal(err)
	}
	call.Host = page.Host
	answer, err := client.Do(call)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
	// Output:
	// {"answer":"{\"session_id\":\"sG4mXv9LcPn1\",\"session_type\":2}"}
}

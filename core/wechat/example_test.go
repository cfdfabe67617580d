package wechat_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/wechat"
)

func ExampleClient_SNTicket() {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cgi-bin/token" {
			fmt.Fprint(w, `{"access_token":"t0ken","expires_in":7200}`)
			return
		}
		fmt.Fprint(w, `{"errcode":0,"errmsg":"ok","sn_ticket":"t1cket"}`)
	}))
	defer fake.Close()

	client, err := wechat.New(wechat.Config{
		AppID: "wx1234", Secret: core.NewSecret("the AppSecret"),
		BaseURL: fake.URL, // in production: leave it out
	})
	if err != nil {
		log.Fatal(err)
	}
	ticket, err := client.SNTicket(context.Background(), "1a2b3c4d5e6f7a8b", "model1")
	fmt.Println(ticket, err)
	// Output: t1cket <nil>
}

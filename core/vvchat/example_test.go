package vvchat_test

import (
	"context"
	"fmt"
	"log"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

func ExampleClient_UnifiedOrder() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{}) // in production: the address that VVChat issued
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234"})
	if err != nil {
		log.Fatal(err)
	}
	prepay, err := client.UnifiedOrder(context.Background(), vvchat.Order{
		OutTradeNo: "OJ4XWZ2B6QK7N5YH3VRTCM8DAE", Amount: 1990, Title: "VoIP, one year",
		NotifyURL: "http://127.0.0.1:8700/callbacks/payment",
	})
	if err != nil {
		log.Fatal(err) // core.CodeUnknown: ask client.Query before anything else
	}
	trade, err := client.QueryImprestCode(context.Background(), prepay.ImprestCode)
	fmt.Println(trade.OutTradeNo, trade.Amount.Yuan(), trade.Status == vvchat.StatusPaid, err)
	// Output: OJ4XWZ2B6QK7N5YH3VRTCM8DAE 19.90 false <nil>
}

func ExampleClient_ExchangeCode() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456")})
	if err != nil {
		log.Fatal(err)
	}
	code, _ := platform.Consent("test", "", vvchat.ScopeUserInfo) // what the user's phone brings back
	token, err := client.ExchangeCode(context.Background(), code)
	if err != nil {
		log.Fatal(err)
	}
	profile, err := client.Profile(context.Background(), token.Token)
	fmt.Println(profile.OpenID == token.OpenID, token.Token, err)
	// Output: true *** <nil>
}

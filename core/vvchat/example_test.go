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

// What became of an order: the one question that settles every doubt.
func ExampleClient_Query() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234"})
	if err != nil {
		log.Fatal(err)
	}
	prepay, err := client.UnifiedOrder(context.Background(), vvchat.Order{
		OutTradeNo: "O1", Amount: 1990, Title: "VoIP, one year", NotifyURL: "http://127.0.0.1:1/callbacks/payment",
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = platform.Pay(context.Background(), prepay.ImprestCode, "") // the user, on the phone
	if err != nil {
		log.Fatal(err)
	}
	trade, err := client.Query(context.Background(), "O1")
	fmt.Println(trade.Status == vvchat.StatusPaid, trade.Amount.Yuan(), trade.OpenID == testkit.TestUser().OpenID, err)
	// Output: true 19.90 true <nil>
}

// A payout is sent once, under a number that was put on record before.
func ExampleClient_Payout() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", Now: platform.Clock.Now})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Payout(context.Background(), vvchat.Payout{
		OutOrderNo: "refund-O1", InOpenID: testkit.TestUser().OpenID, OutOpenID: testkit.TestAccount().OutOpenID, // bound to the app by the platform
		Amount: 1990, NotifyURL: "http://127.0.0.1:1/callbacks/payout", Title: "VoIP, one year: refund",
	})
	fmt.Println(err) // accepted; callback.Payout hears whether money moved
	// Output: <nil>
}

// What the app brings back from its payment screen proves nothing.
func ExampleParsePayAnswer() {
	tradeNo, err := vvchat.ParsePayAnswer("trade_no=T1")
	fmt.Println(tradeNo, err) // ask client.Query, or wait for the notification
	_, err = vvchat.ParsePayAnswer("err_code=400&err_msg=cancelled")
	fmt.Println(core.CodeOf(err))
	// Output:
	// T1 <nil>
	// refused
}

func ExampleParseShareAnswer() {
	fmt.Println(vvchat.ParseShareAnswer("code=200"))
	fmt.Println(core.CodeOf(vvchat.ParseShareAnswer("code=400&err_msg=cancelled")))
	// Output:
	// <nil>
	// refused
}

func ExampleParseSessionScope() {
	session, err := vvchat.ParseSessionScope("sessionapi_sendmsg:S1:2")
	fmt.Println(session.ID, session.Type == vvchat.SessionGroup, err)
	// Output: S1 true <nil>
}

// The page hands its results to the server unchanged.
func ExampleSelectSessionCall_Result() {
	session, err := vvchat.SelectSessionCall{}.Result(`{"session_id":"S1","session_type":1}`)
	fmt.Println(vvchat.SessionScope(session), err)
	// Output: sessionapi_sendmsg:S1:1 <nil>
}

func ExampleShareData() {
	share := vvchat.ShareCall{
		AppID: "test", ShareTitle: "Doorbell", ShareURL: "https://shop.example/",
		ShareDataURL: vvchat.ShareData{Data: []string{"rings in WeChat", "36.00 yuan a year"}}.String(),
	}
	fmt.Println(share.ShareDataURL)
	// Output: {"tpl_header":"vctalk","tpl_version":"v1","tpl_type":"MultipleLine","data":["rings in WeChat","36.00 yuan a year"]}
}

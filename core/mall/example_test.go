package mall_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// exampleRelay answers as the relay of a cloud would: one device, one offer.
func exampleRelay() *httptest.Server {
	answers := map[string]string{
		"getCommodityList":    `[{"serviceCode":"voip","title":"VoIP","skuCode":"sku1","type":1,"prices":[{"price":{"Value":"19.90"},"currency":"CNY","periodUnit":1,"periodValue":1}]}]`,
		"getDeviceCapability": `{"WechatMPAppid":"wx1234","WechatMPMid":"model1","WechatMPOid":"gh_1"}`,
		"saveVoipAuthUser":    `true`,
		"saveWXVoipAuth":      `true`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Action string }
		_ = json.NewDecoder(r.Body).Decode(&call)
		if call.Action == "exchangeCode" {
			fmt.Fprint(w, `{"success":false,"code":"CODE_USED","msg":"the code was exchanged before","t":1723536905517,"tid":"7d9c"}`)
			return
		}
		fmt.Fprintf(w, `{"success":true,"result":%s,"t":1723536905517,"tid":"7d9c"}`, answers[call.Action])
	}))
}

func exampleClient(url string) *mall.Client {
	transport, err := mall.NewAction(mall.ActionConfig{URL: url}) // your own relay
	if err != nil {
		log.Fatal(err)
	}
	client, err := mall.New(mall.Config{Transport: transport})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func Example() {
	relay := exampleRelay()
	defer relay.Close()
	client := exampleClient(relay.URL)

	caller := mall.Caller{UserID: "ay1700000000000abcde"} // the Tuya uid of your user
	offers, err := client.GetCommodityList(context.Background(), caller, "vdevo172477044742560")
	if err != nil {
		log.Fatal(err)
	}
	for _, offer := range offers {
		for _, p := range offer.Prices {
			fmt.Println(offer.Title, p.Price.Fen, "fen", p.PeriodValue, p.PeriodUnit == mall.PeriodYear)
		}
	}
	// Output: VoIP 1990 fen 1 true
}

func ExampleClient_ExchangeCode() {
	relay := exampleRelay()
	defer relay.Close()
	client := exampleClient(relay.URL)

	err := client.ExchangeCode(context.Background(), mall.Caller{UserID: "ay1700000000000abcde"}, mall.ExchangeCodeParams{
		DeviceID: "vdevo172477044742560", Name: "doorbell", UUID: "1a2b3c4d5e6f7a8b",
		CatalogCode: mall.CatalogCloudStorage, HomeID: "123456", Code: core.NewSecret("XK4F-9TQ2"),
	})
	switch {
	case err == nil:
		fmt.Println("redeemed")
	case mall.ExchangeRefusals{}.AboutCode(err):
		fmt.Println("this code is no good:", err)
	case core.CodeOf(err) == core.CodeUnknown:
		fmt.Println("it may have been redeemed: read the service list before anything else")
	default:
		fmt.Println("not redeemed, and the code is still good:", err)
	}
	// Output: this code is no good: mall.ExchangeCode: the cloud answered no: code "CODE_USED", msg "the code was exchanged before", tid "7d9c": the same request will be refused again
}

// exampleTickets stands for a wechat.Client.
type exampleTickets struct{}

func (exampleTickets) SNTicket(context.Context, string, string) (string, error) { return "t1cket", nil }

func ExampleVoIP() {
	relay := exampleRelay()
	defer relay.Close()
	voip, err := mall.NewVoIP(mall.VoIPConfig{Mall: exampleClient(relay.URL), Tickets: exampleTickets{}})
	if err != nil {
		log.Fatal(err)
	}
	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	device := mall.Device{ID: "vdevo172477044742560", Name: "the bell of the front door", UUID: "1a2b3c4d5e6f7a8b"}

	// The first request of the mini program: what it hands to
	// wx.requestDeviceVoIP in front of its user.
	p, err := voip.Prepare(context.Background(), caller, device)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.AppID, p.SN, p.ModelID, p.SNTicket, p.DeviceName)

	// Its second request: what the user said.
	fmt.Println(voip.Save(context.Background(), caller, device, caller.UserID, true))
	// Output:
	// wx1234 1a2b3c4d5e6f7a8b model1 t1cket the bell of t
	// <nil>
}

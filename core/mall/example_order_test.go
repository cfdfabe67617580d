package mall_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/core/mall"
)

// exampleShop is the relay of a cloud with two pages of orders.
func exampleShop() *httptest.Server {
	orders := map[int]string{
		1: `{"pageCount":2,"pageNum":1,"data":[{"orderBaseInfo":{"orderId":"o2","orderStatus":"created","amountTrade":{"Value":"19.90"}}}]}`,
		2: `{"pageCount":2,"pageNum":2,"data":[{"orderBaseInfo":{"orderId":"o1","orderStatus":"finished","amountTrade":{"Value":"1.00"}}}]}`,
	}
	answers := map[string]string{
		"getAppMallInfo":         `{"mallCode":"m1","shopCode":"s1","siteCode":"CN","currency":"CNY"}`,
		"getCommodityList":       `[{"title":"VoIP","skuCode":"sku1","prices":[{"price":{"Value":"19.90"},"optionType":0,"optionNo":0}]}]`,
		"getDeviceWXUserInfo":    `{"openId":"oAbc","userId":"ay1700000000000abcde"}`,
		"buyIncreaseServiceByWx": `{"orderId":"o3","timeStamp":"1723536905","nonceStr":"n0nce","package":"prepay_id=wx1","signType":"RSA","paySign":"c2ln"}`,
		"getServiceIntroduction": `{"moduleList":{"serviceName":[{"title":"VoIP","subtitle":"the bell rings, WeChat answers"}],"configItem":[{"type":"configItem","subType":"exchange"}]}}`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Action string
			Params struct{ PageNo int }
		}
		_ = json.NewDecoder(r.Body).Decode(&call)
		result := answers[call.Action]
		if call.Action == "getOrderList" {
			result = orders[call.Params.PageNo]
		}
		fmt.Fprintf(w, `{"success":true,"result":%s,"t":1723536905517,"tid":"7d9c"}`, result)
	}))
}

func ExampleClient_Orders() {
	relay := exampleShop()
	defer relay.Close()
	client := exampleClient(relay.URL)

	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	for order, err := range client.Orders(context.Background(), caller, mall.OrderListParams{MallCode: "m1", SiteCode: "CN"}) {
		if err != nil {
			log.Fatal(err)
		}
		base := order.BaseInfo
		fmt.Println(base.OrderID, base.AmountTrade.Fen, "fen", base.OrderStatus == mall.OrderFinished)
	}
	// Output:
	// o2 1990 fen false
	// o1 100 fen true
}

func ExampleClient_BuyIncreaseServiceByWx() {
	relay := exampleShop()
	defer relay.Close()
	client := exampleClient(relay.URL)

	ctx := context.Background()
	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	const device, miniProgram = "vdevo172477044742560", "wx1234"
	where, err := client.GetAppMallInfo(ctx, caller, device, mall.CatalogCloudStorage)
	if err != nil {
		log.Fatal(err)
	}
	user, err := client.GetDeviceWXUserInfo(ctx, caller, miniProgram)
	if err != nil {
		log.Fatal(err)
	}
	offers, err := client.GetCommodityList(ctx, caller, device)
	if err != nil || len(offers) == 0 || len(offers[0].Prices) == 0 {
		log.Fatal("nothing is offered: ", err)
	}
	price := offers[0].Prices[0] // the one that the user picked

	prepay, err := client.BuyIncreaseServiceByWx(ctx, caller, mall.BuyParams{
		DeviceID: device, Name: "doorbell", UUID: "1a2b3c4d5e6f7a8b", HomeID: "123456",
		MallCode: where.MallCode, SiteCode: where.SiteCode, Currency: where.Currency,
		SKUCode: offers[0].SKUCode, OptionType: price.OptionType, OptionNo: price.OptionNo,
		OpenID: user.OpenID, WXAppID: miniProgram,
	})
	if err != nil {
		log.Fatal(err)
	}
	// The mini program hands these to wx.requestPayment.
	fmt.Println(prepay.Complete(), prepay.TimeStamp, prepay.NonceStr, prepay.Package, prepay.SignType, prepay.PaySign)
	// Output: true 1723536905 n0nce prepay_id=wx1 RSA c2ln
}

func ExampleClient_GetServiceIntroduction() {
	relay := exampleShop()
	defer relay.Close()
	client := exampleClient(relay.URL)

	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	introduction, err := client.GetServiceIntroduction(context.Background(), caller, "voip")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range introduction.ModuleList.ServiceName {
		fmt.Println(name.Title + ": " + name.Subtitle)
	}
	for _, item := range introduction.ModuleList.ConfigItem {
		if item.SubType == mall.ConfigExchange {
			fmt.Println("[I have an exchange code]")
		}
	}
	// Output:
	// VoIP: the bell rings, WeChat answers
	// [I have an exchange code]
}

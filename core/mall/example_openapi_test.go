package mall_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/tuya"
)

// exampleOpenAPI is a data center with one home.
func exampleOpenAPI() *httptest.Server {
	answers := map[string]string{
		"/v1.0/token":                `{"access_token":"3f4e","refresh_token":"77a1","expire_time":7200}`,
		"/v1.0/mall/plugin/order/o1": `{"order_id":"o1","pay_status":"paid","total_price":19.90,"currency":"CNY","commodity_list":[{"title":"VoIP","price":19.90,"quantity":1}]}`,
		"/v1.0/homes/123456/devices": `[{"id":"vdevo1","uuid":"1a2b","name":"doorbell","online":true,"local_key":"0123456789abcdef"}]`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"success":true,"result":%s,"t":1723536905517,"tid":"7d9c"}`, answers[r.URL.Path])
	}))
}

func exampleTransport(url string) *mall.OpenAPI {
	signer, err := tuya.New(tuya.Config{ClientID: "my-project", Secret: core.NewSecret("its Access Secret"), BaseURL: url}) // tuya.China
	if err != nil {
		log.Fatal(err)
	}
	transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{Client: signer, MallCode: "m1", ShopCode: "s1", SiteCode: "CN"})
	if err != nil {
		log.Fatal(err)
	}
	return transport
}

func ExampleNewOpenAPI() {
	cloud := exampleOpenAPI()
	defer cloud.Close()
	client, err := mall.New(mall.Config{Transport: exampleTransport(cloud.URL)})
	if err != nil {
		log.Fatal(err)
	}
	caller := mall.Caller{UserID: "ay1700000000000abcde"} // check first that the home is theirs
	devices, err := client.GetDeviceList(context.Background(), caller, "123456")
	if err != nil {
		log.Fatal(err)
	}
	for _, device := range devices {
		_, leaked := device.Extra["local_key"]
		fmt.Println(device.Name, string(device.Extra["uuid"]), leaked)
	}
	err = client.SaveVoipAuthUser(context.Background(), caller, "vdevo1", caller.UserID)
	fmt.Println(errors.Is(err, mall.ErrNotPublished), err)
	// Output:
	// doorbell "1a2b" false
	// true mall.SaveVoipAuthUser: no call of the OpenAPI is published for this operation: carry it with the action transport, see mall.NewAction
}

func ExampleNewMixed() {
	relay, cloud := exampleRelay(), exampleOpenAPI()
	defer relay.Close()
	defer cloud.Close()
	action, err := mall.NewAction(mall.ActionConfig{URL: relay.URL}) // your own relay
	if err != nil {
		log.Fatal(err)
	}
	mixed, err := mall.NewMixed(mall.MixedConfig{
		Transports: map[string]mall.Transport{mall.OpGetDeviceList: exampleTransport(cloud.URL)},
		Otherwise:  action,
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := mall.New(mall.Config{Transport: mixed})
	if err != nil {
		log.Fatal(err)
	}
	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	devices, err := client.GetDeviceList(context.Background(), caller, "123456")
	fmt.Println(len(devices), err)
	offers, err := client.GetCommodityList(context.Background(), caller, "vdevo1")
	fmt.Println(len(offers), err)
	// Output:
	// 1 <nil>
	// 1 <nil>
}

func ExampleOpenAPI_PluginOrder() {
	cloud := exampleOpenAPI()
	defer cloud.Close()
	order, err := exampleTransport(cloud.URL).PluginOrder(context.Background(), mall.Caller{UserID: "ay1700000000000abcde"}, "o1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.TotalPrice.Fen, order.Currency, order.CommodityList[0].Title, order.PayStatus)
	// Output: 1990 CNY VoIP paid
}

package mall_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core/mall"
)

// exampleHome is the relay of a cloud with a home of two devices.
func exampleHome() *httptest.Server {
	answers := map[string]string{
		"getDeviceList":            `[{"id":"bell1","name":"front door","locationName":"hall","types":[0,1]},{"id":"lamp1","name":"lamp","types":[]}]`,
		"getDeviceAddValueType":    `{"id":"bell1","name":"front door","types":[0,1]}`,
		"getServiceListByDevice":   `[{"code":"voip","name":"VoIP","type":1,"isFree":false,"startTime":1722939139094,"endTime":1943777539094,"tags":["automaticRenewal"]}]`,
		"getVoipAuthUser":          `null`,
		"getSubscriptionOrderList": `{"data":[{"subscribeId":"s1","gmtNextTime":1754475139094,"orderListModel":{"orderId":"o1","amountTrade":{"Value":"19.90"}}}],"pageNum":1,"totalRecord":1}`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Action string }
		_ = json.NewDecoder(r.Body).Decode(&call)
		fmt.Fprintf(w, `{"success":true,"result":%s,"t":1723536905517,"tid":"7d9c"}`, answers[call.Action])
	}))
}

func ExampleClient_GetDeviceList() {
	relay := exampleHome()
	defer relay.Close()
	client := exampleClient(relay.URL)

	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	devices, err := client.GetDeviceList(context.Background(), caller, "123456") // the id of the home
	if err != nil {
		log.Fatal(err)
	}
	for _, device := range devices {
		fmt.Println(device.Name, slices.Contains(device.Types, mall.CommodityVoIP))
	}
	// Output:
	// front door true
	// lamp false
}

func ExampleClient_GetDeviceAddValueType() {
	relay := exampleHome()
	defer relay.Close()
	client := exampleClient(relay.URL)

	device, err := client.GetDeviceAddValueType(context.Background(), mall.Caller{UserID: "ay1700000000000abcde"}, "bell1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(device.Name, slices.Contains(device.Types, mall.CommodityAI))
	// Output: front door false
}

func ExampleClient_GetServiceListByDevice() {
	relay := exampleHome()
	defer relay.Close()
	client := exampleClient(relay.URL)

	services, err := client.GetServiceListByDevice(context.Background(), mall.Caller{UserID: "ay1700000000000abcde"}, "bell1")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range services {
		fmt.Println(s.Code, "until", s.EndTime.Time().Format(time.DateOnly), slices.Contains(s.Tags, mall.TagAutomaticRenewal))
	}
	// Output: voip until 2031-08-06 true
}

func ExampleClient_GetVoipAuthUser() {
	relay := exampleHome()
	defer relay.Close()
	client := exampleClient(relay.URL)

	user, err := client.GetVoipAuthUser(context.Background(), mall.Caller{UserID: "ay1700000000000abcde"}, "bell1")
	switch {
	case errors.Is(err, mall.ErrNoUser):
		fmt.Println("the device calls nobody yet: see VoIP.Prepare")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println("the device calls", user.UserName)
	}
	// Output: the device calls nobody yet: see VoIP.Prepare
}

func ExampleClient_Subscriptions() {
	relay := exampleHome()
	defer relay.Close()
	client := exampleClient(relay.URL)

	caller := mall.Caller{UserID: "ay1700000000000abcde"}
	for s, err := range client.Subscriptions(context.Background(), caller, mall.SubscriptionListParams{MallCode: "m1", SiteCode: "CN"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.SubscribeID, s.OrderListModel.AmountTrade.Fen, "fen", s.GMTNextTime.Time().Format(time.DateOnly))
	}
	// Output: s1 1990 fen 2025-08-06
}

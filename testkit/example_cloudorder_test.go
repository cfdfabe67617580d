package testkit_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/testkit"
)

// purchase is what buyIncreaseServiceByWx needs to know.
func purchase(skuCode, optionType, optionNo string) map[string]any {
	d, m := testkit.TestDoorbell(), testkit.TestCatalogs()[0].Mall
	return map[string]any{
		"device_id": d.ID, "uuid": d.UUID, "name": d.Name, "homeId": d.HomeID,
		"mallCode": m.MallCode, "siteCode": m.SiteCode, "currency": m.Currency,
		"skuCode": skuCode, "optionType": optionType, "optionNo": optionNo,
		"openId": testkit.TestCloudUser().OpenID, "wxAppId": testkit.TestWeChatApp().AppID,
	}
}

// buy orders a service, and returns the order's id.
func buy(cloud *testkit.Cloud, params map[string]any) string {
	told, err := act(cloud, "buyIncreaseServiceByWx", params)
	if err != nil || !told.Success {
		panic(fmt.Sprint(err, told))
	}
	var prepay struct{ OrderID string }
	if err := json.Unmarshal(told.Result, &prepay); err != nil {
		panic(err)
	}
	return prepay.OrderID
}

// An order waits for its payment; once it is paid, the mall delivers it.
func ExampleCloud_PayMallOrder() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{
		Clock:    testkit.NewClock(time.Unix(1_700_000_000, 0)),
		Readings: testkit.CloudReadings{DeliverAfter: time.Minute},
	})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	orderID := buy(cloud, purchase("imprest-voip-1y", "0", "0"))
	show := func() {
		o, _ := cloud.MallOrder(orderID)
		fmt.Println(o.AmountTrade.Yuan(), o.Status, len(cloud.Services(o.DeviceID)))
	}
	show()
	if err := cloud.PayMallOrder(orderID); err != nil {
		panic(err)
	}
	show()
	cloud.Clock.Advance(time.Minute)
	show()
	fmt.Println(cloud.PayMallOrder(orderID) != nil)
	// Output:
	// 36.00 created 1
	// 36.00 paid 1
	// 36.00 finished 2
	// true
}

// An order that is paid again and again: the first payment begins a
// subscription, and each renewal is another order.
func ExampleCloud_RenewSubscription() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{Clock: testkit.NewClock(time.Unix(1_700_000_000, 0))})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	if err := cloud.PayMallOrder(buy(cloud, purchase("imprest-storage-7d", "2", "1"))); err != nil {
		panic(err)
	}
	subscription := cloud.Subscriptions()[0]
	fmt.Println(len(subscription.OrderIDs), subscription.Next.Format(time.DateOnly))
	renewal, err := cloud.RenewSubscription(subscription.SubscribeID)
	if err != nil {
		panic(err)
	}
	subscription = cloud.Subscriptions()[0]
	fmt.Println(len(subscription.OrderIDs), subscription.Next.Format(time.DateOnly), renewal.AmountTrade.Yuan(), renewal.Status)
	// Output:
	// 1 2023-12-14
	// 2 2024-01-14 7.90 finished
}

// An order goes where the mall takes it, and nowhere else.
func ExampleCloud_MoveMallOrder() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{NoListen: true})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	order, err := cloud.AddMallOrder(testkit.MallOrder{OrderID: "made-in-another-app", AmountTrade: 3600})
	if err != nil {
		panic(err)
	}
	fmt.Println(cloud.MoveMallOrder(order.OrderID, testkit.MallOrderCanceled))
	fmt.Println(cloud.MoveMallOrder(order.OrderID, testkit.MallOrderPaid))
	// Output:
	// <nil>
	// testkit.Cloud.MoveMallOrder: the order made-in-another-app is canceled: it cannot become "paid"
}

package purchase_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// inTheMall is a shop on the mall rail, over real wires.
func inTheMall(t *testing.T, cfg testkit.CloudConfig) (*testkit.Cloud, *purchase.Service) {
	t.Helper()
	cloud := testkit.StartCloud(t, cfg)
	relay, err := mall.NewAction(mall.ActionConfig{URL: cloud.ActionURL()})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: relay})
	require.NoError(t, err)
	s, err := purchase.New(purchase.Config{
		Store: journal.NewMemory(), Now: cloud.Clock.Now,
		Mall: &purchase.Mall{Operations: client, WXAppID: testkit.TestWeChatApp().AppID, User: theHousehold},
	})
	require.NoError(t, err)
	return cloud, s
}

func theHousehold(context.Context, string) (purchase.MallUser, error) {
	return purchase.MallUser{Caller: mall.Caller{UserID: testkit.TestCloudUser().ID}}, nil
}

// storage is the camera's storage: by the month, again and again, or once.
func storage(again bool) purchase.MallRequest {
	d := testkit.TestDoorbell()
	r := purchase.MallRequest{
		Buyer: "buyer", Device: mall.Device{ID: d.ID, Name: d.Name, UUID: d.UUID}, HomeID: d.HomeID, CatalogCode: testkit.CatalogCloudStorage,
		SKUCode: "imprest-storage-7d", Price: 990,
	}
	if again {
		r.OptionType, r.OptionNo, r.Price = 2, 1, 790
	}
	return r
}

// What Tuya's page leaves open must not matter.
func TestTheMallRailUnderTheReadingsOfTheCloud(t *testing.T) {
	for name, readings := range map[string]testkit.CloudReadings{
		"as read":                {},
		"no orderId":             {OmitOrderID: true},
		"prices are numbers":     {PriceForm: testkit.PriceNumber},
		"prices are texts":       {PriceForm: testkit.PriceText},
		"delivered late":         {DeliverAfter: 10 * time.Minute},
		"services apart":         {GrantApart: true},
		"times are texts":        {TimeText: true, OmitTID: true, StatusOK: true},
		"a trade type":           {TellTradeType: true},
		"the first order behind": {FirstOrder: true},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprint(name, again), func(t *testing.T) {
				cloud, s := inTheMall(t, testkit.CloudConfig{Readings: readings})
				// The device has some of it already: what is bought makes it longer.
				cloud.PutService(testkit.TestDoorbell().ID, testkit.Service{
					Code: testkit.ServiceCloudStorage, Name: "x", Start: cloud.Clock.Now().Add(-time.Hour), End: cloud.Clock.Now().Add(time.Hour),
				})
				p, err := s.BeginMall(t.Context(), storage(again))
				require.NoError(t, err)
				if readings.OmitOrderID {
					require.Empty(t, p.View().Mall.Prepay)
					cloud.Clock.Advance(3 * time.Second)
					p, err = s.Advance(t.Context(), p.ID)
					require.NoError(t, err)
				}
				var prepay testkit.WXPayment
				require.NoError(t, json.Unmarshal(p.View().Mall.Prepay, &prepay))
				paid, err := cloud.RequestPayment(prepay)
				require.NoError(t, err)
				for range 10 {
					cloud.Clock.Advance(2 * time.Minute)
					_, err := s.Reconcile(t.Context())
					require.NoError(t, err)
				}
				p, err = s.Get(t.Context(), p.ID)
				require.NoError(t, err)
				require.Equal(t, purchase.Delivered, p.State, "%s: %+v", p.Reason, p.History)
				assert.Equal(t, paid, p.Mall.OrderID)
				assert.Equal(t, again, p.Mall.Subscription != nil)
				if !again {
					return
				}
				// It is renewed, and ends.
				subscription := cloud.Subscriptions()[0]
				assert.Equal(t, subscription.SubscribeID, p.Mall.Subscription.SubscribeID)
				cloud.Clock.Advance(subscription.Next.Sub(cloud.Clock.Now()))
				renewal, err := cloud.RenewSubscription(subscription.SubscribeID)
				require.NoError(t, err)
				cloud.Clock.Advance(time.Hour)
				_, err = s.Reconcile(t.Context())
				require.NoError(t, err)
				p, err = s.Get(t.Context(), p.ID)
				require.NoError(t, err)
				if !readings.FirstOrder { // else no list says which order renewed it
					assert.Equal(t, renewal.OrderID, p.Mall.Subscription.LastOrderID)
				}
				assert.Equal(t, cloud.Subscriptions()[0].Next, p.Mall.Subscription.NextTime.UTC())
				cloud.CancelSubscription(subscription.SubscribeID)
				cloud.Clock.Advance(40 * 24 * time.Hour)
				for range 3 {
					_, err = s.Reconcile(t.Context())
					require.NoError(t, err)
					cloud.Clock.Advance(7 * time.Hour)
				}
				p, err = s.Get(t.Context(), p.ID)
				require.NoError(t, err)
				assert.False(t, p.Mall.Subscription.EndedAt.IsZero())
			})
		}
	}
}

// Every fault of the cloud at every call of a purchase: it ends delivered, or
// was never paid; and one order is paid at most.
func TestTheMallRailUnderTheFaultsOfTheCloud(t *testing.T) {
	calls := []testkit.Call{
		testkit.CallGetCommodityList, testkit.CallGetAppMallInfo, testkit.CallGetServiceListByDevice, testkit.CallGetOrderList,
		testkit.CallGetDeviceWXUserInfo, testkit.CallBuyIncreaseServiceByWx,
	}
	runs := 0
	for _, info := range testkit.Faults() {
		for _, call := range calls {
			if !slices.Contains(info.Calls, call) || info.Kind == testkit.FaultSlow || info.Kind == testkit.FaultPriceChange {
				continue
			}
			for skip := range 4 {
				if skip > 0 && info.Kind == testkit.FaultHugeAnswer {
					continue // 16 MiB each
				}
				cloud, s := inTheMall(t, testkit.CloudConfig{})
				fault := testkit.Fault{Kind: info.Kind, Call: call, Skip: skip, Code: "1113", Delay: 10 * time.Second}
				cloud.Inject(fault)
				for try := 0; try < 3; try++ {
					p, _ := s.BeginMall(t.Context(), storage(false))
					for range 5 {
						cloud.Clock.Advance(2 * time.Minute)
						_, err := s.Reconcile(t.Context())
						require.NoError(t, err)
						if p.ID != "" {
							p, err = s.Get(t.Context(), p.ID)
							require.NoError(t, err)
						}
						if prepay := p.View(); prepay.Mall != nil && prepay.Mall.Prepay != nil {
							_ = cloud.PayMallOrder(prepay.Mall.OrderID)
						}
					}
					if p.State == purchase.Delivered {
						break
					}
					require.Contains(t, []purchase.State{"", purchase.Expired}, p.State, "%s %s after %d: %s", info.Kind, call, skip, p.Reason)
				}
				paid := 0
				for _, o := range cloud.MallOrders() {
					if !o.Paid.IsZero() {
						paid++
					}
				}
				require.Equal(t, 1, paid, "%s %s after %d", info.Kind, call, skip)
				cloud.RequireService(t, testkit.TestDoorbell().ID, testkit.ServiceCloudStorage)
				runs++
			}
		}
	}
	assert.Greater(t, runs, 200)
}

// A sale on the mall rail against the fake cloud: an order, what the mini
// program pays by, the payment in WeChat, the service on the device.
func ExampleService_BeginMall() {
	ctx := context.Background()
	cloud, err := testkit.NewCloud(testkit.CloudConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer cloud.Close()
	relay, err := mall.NewAction(mall.ActionConfig{URL: cloud.ActionURL()})
	if err != nil {
		log.Fatal(err)
	}
	client, err := mall.New(mall.Config{Transport: relay})
	if err != nil {
		log.Fatal(err)
	}
	sales, err := purchase.New(purchase.Config{
		Store: journal.NewMemory(), // in production: sqlitestore.Open
		Mall: &purchase.Mall{
			Operations: client,
			WXAppID:    "wx0123456789abcdef",
			User: func(ctx context.Context, buyer string) (purchase.MallUser, error) {
				return purchase.MallUser{Caller: mall.Caller{UserID: "ay1700000000000demo1"}}, nil // your table of users
			},
		},
		Now: cloud.Clock.Now,
	})
	if err != nil {
		log.Fatal(err)
	}

	p, err := sales.BeginMall(ctx, purchase.MallRequest{
		Buyer: "ming", Device: mall.Device{ID: "vdevo172477044742560", Name: "可视门铃", UUID: "5f2c8e01a7b94d36"}, HomeID: "50000000",
		CatalogCode: "VOIP", SKUCode: "imprest-voip-1y", Price: core.Fen(3600), // what the buyer saw
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.State, p.Amount.Yuan(), "yuan")

	// The mini program hands View().Mall.Prepay to wx.requestPayment.
	var prepay testkit.WXPayment
	if err := json.Unmarshal(p.View().Mall.Prepay, &prepay); err != nil {
		log.Fatal(err)
	}
	if _, err := cloud.RequestPayment(prepay); err != nil {
		log.Fatal(err)
	}

	// Every minute or so, in production; the clock of a test is moved.
	cloud.Clock.Advance(time.Minute)
	if _, err := sales.Reconcile(ctx); err != nil {
		log.Fatal(err)
	}
	p, err = sales.Get(ctx, p.ID)
	fmt.Println(p.State, err)
	// Output:
	// unpaid 36.00 yuan
	// delivered <nil>
}

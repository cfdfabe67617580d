package purchase_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/core/wechat"
	"github.com/imprest-go/imprest/testkit"
)

// sale is a shop that sells VoIP for the doorbell of the fake cloud, paid on
// the fake platform, both over real wires.
type sale struct {
	platform *testkit.Platform
	cloud    *testkit.Cloud
	mall     *mall.Client
	codes    *purchase.Codes
	service  *purchase.Service
	caller   mall.Caller
	device   mall.Device
}

func newSale(t *testing.T, more ...func(*sale, *vvchat.Client, *purchase.Config)) *sale {
	t.Helper()
	clock := testkit.NewClock(time.Unix(1_763_683_200, 0))
	s := &sale{
		platform: testkit.StartPlatform(t, testkit.PlatformConfig{Clock: clock}),
		cloud:    testkit.StartCloud(t, testkit.CloudConfig{Clock: clock}),
		caller:   mall.Caller{UserID: testkit.TestCloudUser().ID},
	}
	doorbell, ok := s.cloud.Device(testkit.TestDoorbell().ID)
	require.True(t, ok)
	s.device = mall.Device{ID: doorbell.ID, Name: doorbell.Name, UUID: doorbell.UUID}
	data, err := json.Marshal(purchase.Redemption{
		UserID: s.caller.UserID, DeviceID: doorbell.ID, CatalogCode: testkit.CatalogVoIP, HomeID: doorbell.HomeID,
		Name: doorbell.Name, UUID: doorbell.UUID, ServiceCode: testkit.ServiceVoIP,
	})
	require.NoError(t, err)

	client, err := vvchat.New(vvchat.Config{BaseURL: s.platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", Now: clock.Now})
	require.NoError(t, err)
	relay, err := mall.NewAction(mall.ActionConfig{URL: s.cloud.ActionURL()})
	require.NoError(t, err)
	s.mall, err = mall.New(mall.Config{Transport: relay})
	require.NoError(t, err)
	store := journal.NewMemory()
	s.codes, err = purchase.NewCodes(purchase.CodesConfig{Store: store, Now: clock.Now})
	require.NoError(t, err)
	var batch strings.Builder
	for _, code := range testkit.TestExchangeCodes() {
		if code.CatalogCode == testkit.CatalogVoIP {
			batch.WriteString(code.Code + "\n")
		}
	}
	_, err = s.codes.Load(t.Context(), testkit.CatalogVoIP, strings.NewReader(batch.String()))
	require.NoError(t, err)
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: store, Codes: s.codes, Mall: s.mall, Now: clock.Now})
	require.NoError(t, err)
	cfg := purchase.Config{
		Store: store, Platform: client, Deliverer: redeemer, NotifyURL: "http://127.0.0.1:1/callbacks/payment", Now: clock.Now, // nobody listens: the sweep finds the payment
		Catalog: purchase.Offers{"voip": {Title: "VoIP, one year", Amount: 3600, Data: data}},
	}
	for _, change := range more {
		change(s, client, &cfg)
	}
	s.service, err = purchase.New(cfg)
	require.NoError(t, err)
	return s
}

// buy pays for VoIP and lets the sweep find the payment and deliver.
func (s *sale) buy(t *testing.T) purchase.Purchase {
	t.Helper()
	p, err := s.service.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 3600})
	require.NoError(t, err)
	_, err = s.platform.Pay(t.Context(), p.ImprestCode, "")
	require.NoError(t, err)
	for range 12 {
		s.cloud.Clock.Advance(2 * time.Minute)
		_, err = s.service.Reconcile(t.Context())
		require.NoError(t, err)
	}
	p, err = s.service.Get(t.Context(), p.ID)
	require.NoError(t, err)
	return p
}

func (s *sale) stock(t *testing.T) map[purchase.CodeState]int {
	t.Helper()
	stock, err := s.codes.Stock(t.Context(), testkit.CatalogVoIP)
	require.NoError(t, err)
	return stock
}

// A service that somebody paid for is on the device, by one code, and the
// device may call him.
func TestAServiceIsSoldGrantedAndAuthorized(t *testing.T) {
	s := newSale(t)
	p := s.buy(t)
	require.Equal(t, purchase.Delivered, p.State, p.Reason)
	s.cloud.RequireService(t, s.device.ID, testkit.ServiceVoIP)
	s.cloud.RequireCodesUsed(t, 1)
	assert.Equal(t, 1, s.stock(t)[purchase.CodeUsed])

	app := testkit.TestWeChatApp()
	tickets, err := wechat.New(wechat.Config{AppID: app.AppID, Secret: app.Secret, BaseURL: s.cloud.WeChatURL(), Now: s.cloud.Clock.Now})
	require.NoError(t, err)
	voip, err := mall.NewVoIP(mall.VoIPConfig{Mall: s.mall, Tickets: tickets, Now: s.cloud.Clock.Now})
	require.NoError(t, err)
	ask, err := voip.Prepare(t.Context(), s.caller, s.device)
	require.NoError(t, err)
	require.NoError(t, s.cloud.RequestDeviceVoIP(s.caller.UserID, testkit.DeviceVoIP{ // the mini program's part
		SN: ask.SN, SNTicket: ask.SNTicket, ModelID: ask.ModelID, DeviceName: ask.DeviceName,
	}))
	require.NoError(t, voip.Save(t.Context(), s.caller, s.device, s.caller.UserID, true))
	s.cloud.RequireAuthorized(t, s.device.ID)
}

// Whatever befalls the redemption, no purchase uses two codes, and a code that
// is gone is a service that is there, or a person is told.
func TestRedemptionsUnderTheFaultsOfTheCloud(t *testing.T) {
	for _, tt := range []struct {
		fault testkit.FaultKind
		state purchase.State
		used  int
		stock purchase.CodeState // what became of the one code that was touched
	}{
		{testkit.FaultAnswerLost, purchase.Delivered, 1, purchase.CodeUsed},
		{testkit.FaultSystemErrorAfter, purchase.Delivered, 1, purchase.CodeUsed},
		{testkit.FaultError500After, purchase.Delivered, 1, purchase.CodeUsed},
		{testkit.FaultBusy, purchase.Delivered, 1, purchase.CodeUsed},
		{testkit.FaultRateLimited, purchase.Delivered, 1, purchase.CodeUsed},
		{testkit.FaultCut, purchase.Attention, 0, purchase.CodeQuarantined},
		{testkit.FaultSystemError, purchase.Attention, 0, purchase.CodeQuarantined},
		{testkit.FaultError500, purchase.Attention, 0, purchase.CodeQuarantined},
		// Refused for good: the code is free again, and the money goes back
		// (refunds are off here, so a person is told).
		{testkit.FaultRefused, purchase.Attention, 0, ""},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			s := newSale(t)
			injected := s.cloud.Inject(testkit.Fault{Kind: tt.fault, Call: testkit.CallExchangeCode})
			p := s.buy(t)
			require.Equal(t, 1, injected.Applied())
			assert.Equal(t, tt.state, p.State, p.Reason)
			s.cloud.RequireCodesUsed(t, tt.used)
			stock := s.stock(t)
			assert.Zero(t, stock[purchase.CodeReserved])
			if tt.stock == "" {
				assert.Equal(t, 5, stock[purchase.CodeFree])
			} else {
				assert.Equal(t, 1, stock[tt.stock], "%v", stock)
			}
			if tt.used == 0 {
				s.cloud.RequireNoService(t, s.device.ID, testkit.ServiceVoIP)
			}
		})
	}
}

// The redemption takes effect some time after the cloud gave up on it.
func TestALateRedemptionIsFound(t *testing.T) {
	s := newSale(t)
	s.cloud.Inject(testkit.Fault{Kind: testkit.FaultLateEffect, Call: testkit.CallExchangeCode, Delay: 30 * time.Second})
	p := s.buy(t)
	assert.Equal(t, purchase.Delivered, p.State, p.Reason)
	s.cloud.RequireCodesUsed(t, 1)
}

// What the cloud refuses for good is paid back: once, the sum that was paid, to
// who paid it, and settled by the platform's notification alone.
func TestWhatCannotBeGrantedIsPaidBack(t *testing.T) {
	for _, tt := range []struct {
		fault testkit.Fault
		state purchase.State
		moved int // payouts that are done
	}{
		{testkit.Fault{}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultDuplicate, Call: testkit.CallPayoutNotification, Copies: 3}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultDuplicateConcurrent, Call: testkit.CallPayoutNotification, Copies: 3}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultWaitingFirst, Call: testkit.CallPayoutNotification}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultReorder, Call: testkit.CallPayoutNotification}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultPayoutFailedAfter}, purchase.Refunded, 1}, // 2 after 1
		{testkit.Fault{Kind: testkit.FaultForgedSign, Call: testkit.CallPayoutNotification}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultTampered, Call: testkit.CallPayoutNotification}, purchase.Refunded, 1},
		{testkit.Fault{Kind: testkit.FaultDropCallback, Call: testkit.CallPayoutNotification}, purchase.Refunded, 1}, // it comes again
		{testkit.Fault{Kind: testkit.FaultAnswerLost, Call: testkit.CallAgentpay}, purchase.Refunded, 1},             // a person is told, and then the notice settles it
		{testkit.Fault{Kind: testkit.FaultDropCallback, Call: testkit.CallPayoutNotification, Times: testkit.Always}, purchase.Attention, 1},
		{testkit.Fault{Kind: testkit.FaultForgedSign, Call: testkit.CallPayoutNotification, Times: testkit.Always}, purchase.Attention, 1},
		{testkit.Fault{Kind: testkit.FaultPayoutFailed}, purchase.Attention, 0},
		{testkit.Fault{Kind: testkit.FaultCut, Call: testkit.CallAgentpay}, purchase.Attention, 0},
		{testkit.Fault{Kind: testkit.FaultRefused, Call: testkit.CallAgentpay}, purchase.Attention, 0},
		{testkit.Fault{Kind: testkit.FaultError500After, Call: testkit.CallAgentpay}, purchase.Refunded, 1},
	} {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			var s *sale
			routes := http.NewServeMux()
			shop := httptest.NewServer(routes)
			defer shop.Close()
			s = newSale(t, func(_ *sale, client *vvchat.Client, cfg *purchase.Config) {
				cfg.Refunds = &purchase.Refunds{Payer: client, OutOpenID: testkit.TestAccount().OutOpenID, NotifyURL: shop.URL, DailyCap: 10_000, Within: time.Minute}
			})
			apps := []callback.App{{ID: "test", Keys: core.Secrets("123456")}}
			notices, err := callback.Payout(callback.PayoutConfig{Apps: apps, Sink: s.service, AllowWeakKey: true})
			require.NoError(t, err)
			routes.Handle("/", nethttp.Wrap(notices))
			s.cloud.Inject(testkit.Fault{Kind: testkit.FaultRefused, Call: testkit.CallExchangeCode})
			if tt.fault.Kind != "" {
				injected := s.platform.Inject(tt.fault)
				defer func() { assert.NotZero(t, injected.Applied()) }()
			}
			p := s.buy(t)
			assert.Equal(t, tt.state, p.State, p.Reason)
			s.cloud.RequireCodesUsed(t, 0)
			s.cloud.RequireNoService(t, s.device.ID, testkit.ServiceVoIP)
			assert.Equal(t, 5, s.stock(t)[purchase.CodeFree], "the code is free again")
			if tt.moved == 1 {
				s.platform.RequirePaidOut(t, "R"+p.ID, p.Payment.OpenID, 3600)
			}
			assert.LessOrEqual(t, len(s.platform.Payouts()), 1, "sent once")
		})
	}
}

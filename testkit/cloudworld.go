package testkit

import (
	"fmt"

	"github.com/imprest-go/imprest/core"
)

// The catalogs of [TestCatalogs].
const (
	// CatalogCloudStorage is the catalog_code of cloud storage, the one that
	// Tuya names.
	CatalogCloudStorage = "CLOUD_STORAGE"
	// CatalogVoIP is the fake's catalog_code of calls in WeChat. The real one
	// is not published.
	CatalogVoIP = "VOIP"
)

// The services of [TestCatalogs], and the free one that devices come with.
const (
	ServiceVoIP         = "voip"
	ServiceCloudStorage = "tuya_camera_store_7day_event_1_1096"
	ServiceFreeStorage  = "tuya_camera_store_3day_event_1_1095"
)

// TestCloudUser returns the person that a fake cloud knows when it is told of
// no other. Any access_token will do for him, and none too.
func TestCloudUser() CloudUser {
	return CloudUser{
		ID:        "ay1700000000000demo1",
		Name:      "小明",
		AvatarURL: "https://images.example/avatar9.png",
		OpenID:    "oImprestTest0000000000000001",
	}
}

// TestHome returns the home of [TestCloudUser].
func TestHome() Home {
	return Home{ID: "50000000", Name: "我家", OwnerID: TestCloudUser().ID}
}

// TestDoorbell returns a device that can call its users in WeChat, with free
// cloud storage, and for which both [TestCatalogs] are sold.
func TestDoorbell() Device {
	return Device{
		ID:     "vdevo172477044742560",
		UUID:   "5f2c8e01a7b94d36",
		Name:   "可视门铃",
		HomeID: TestHome().ID,
		Types:  []int{TypeCloudStorage, TypeVoIP},
		Capabilities: map[string]Capability{
			CapabilityVoIP: {WechatMPAppid: TestWeChatApp().AppID, WechatMPMid: "mImprestDoorbell_01", WechatMPOid: "gh_0123456789ab"},
		},
		Commodities: []Commodity{voipCommodity(), storageCommodity()},
		Services:    []Service{freeStorage()},
	}
}

// TestCamera returns a device in the same home that cannot call anybody: it
// can have cloud storage alone.
func TestCamera() Device {
	return Device{
		ID:          "vdevo172477044742561",
		UUID:        "b0d91c47e2f35a68",
		Name:        "客厅摄像机",
		HomeID:      TestHome().ID,
		Types:       []int{TypeCloudStorage},
		Commodities: []Commodity{storageCommodity()},
		Services:    []Service{freeStorage()},
	}
}

// TestWeChatApp returns the mini program that [TestDoorbell] is bound to.
func TestWeChatApp() WeChatApp {
	return WeChatApp{AppID: "wx0123456789abcdef", Secret: core.NewSecret("fedcba9876543210fedcba9876543210")}
}

// TestCatalogs returns what a fake cloud sells: calls in WeChat by the year,
// and cloud storage by 30 days.
func TestCatalogs() []Catalog {
	mall := MallInfo{MallCode: "imprestMall", ShopCode: "imprestShop", SiteCode: "CN", Currency: "CNY"}
	return []Catalog{
		{
			Code: CatalogVoIP, Mall: mall,
			Service: Service{Code: ServiceVoIP, Name: "微信视频通话(VoIP)", Type: TypeVoIP, IsAY: true, IsExit: true},
			Period:  Period{Unit: PeriodYear, Value: 1},
		},
		{
			Code: CatalogCloudStorage, Mall: mall,
			Service: Service{Code: ServiceCloudStorage, Name: "7 天滚动存储", Type: TypeCloudStorage, IsAY: true, IsExit: true, Duration: 7},
			Period:  Period{Unit: PeriodDay, Value: 30},
		},
	}
}

// TestExchangeCodes returns the codes of a fake cloud that is told of no
// others: five for each of [TestCatalogs], "VOIP-TEST-0001" and
// "CLOUD_STORAGE-TEST-0001" being the first ones. [Cloud.NewCodes] makes more.
func TestExchangeCodes() []ExchangeCode {
	var codes []ExchangeCode
	for _, catalog := range TestCatalogs() {
		for i := range 5 {
			codes = append(codes, ExchangeCode{Code: fmt.Sprintf("%s-TEST-%04d", catalog.Code, i+1), CatalogCode: catalog.Code})
		}
	}
	return codes
}

func freeStorage() Service {
	return Service{
		Code: ServiceFreeStorage, Name: "3 天滚动存储", Type: TypeCloudStorage,
		IsAY: true, IsExit: true, IsFree: true, Duration: 3, Tags: []string{TagFreeTrial},
	}
}

func voipCommodity() Commodity {
	return Commodity{
		CommodityCode: "imprest-voip", SKUCode: "imprest-voip-1y", ServiceCode: ServiceVoIP, Type: TypeVoIP,
		Title: "微信视频通话(VoIP)", SubTitle: "门铃呼叫,微信接听", URL: "https://mall.example/voip",
		Prices: []Price{{Price: 3600, OriginalPrice: 4800, Period: Period{Unit: PeriodYear, Value: 1}}},
	}
}

func storageCommodity() Commodity {
	return Commodity{
		CommodityCode: "imprest-storage", SKUCode: "imprest-storage-7d", ServiceCode: ServiceCloudStorage, Type: TypeCloudStorage,
		Title: "7 天滚动存储", SubTitle: "云存储", URL: "https://mall.example/storage",
		Prices: []Price{
			{Price: 990, Period: Period{Unit: PeriodDay, Value: 30}},
			{
				Price: 790, OriginalPrice: 990, Period: Period{Unit: PeriodMonth, Value: 1}, PeriodType: 1, OptionType: 2, OptionNo: 1,
				Strategy: &MarketingStrategy{Discount: 20, Trial: Period{Unit: PeriodDay, Value: 7}},
			},
		},
	}
}

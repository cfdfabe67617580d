package testkit

import (
	"encoding/json"
	"slices"

	"github.com/imprest-go/imprest/core"
)

// The units of a [Period].
const (
	PeriodYear  = 1
	PeriodMonth = 2
	PeriodDay   = 3
	PeriodWeek  = 4
)

// Period is a length of time as the mall counts it: so many years, months,
// days or weeks.
type Period struct {
	// Unit is one of [PeriodYear] and its like.
	Unit int
	// Value is how many.
	Value int
}

// Commodity is what is sold for a device.
type Commodity struct {
	CommodityCode string
	// SKUCode is the skuCode.
	SKUCode string
	// ServiceCode is the service that a buyer gets.
	ServiceCode string
	Title       string
	SubTitle    string
	// URL is the commodityUrl, and TargetURLType says what it leads to: 0 a
	// page, 1 a mini program.
	URL           string
	TargetURLType int
	// Type is one of [TypeCloudStorage] and its like.
	Type int
	// Prices are the ways to pay for it.
	Prices []Price
}

func (k Commodity) clone() Commodity {
	k.Prices = slices.Clone(k.Prices)
	for i := range k.Prices {
		if k.Prices[i].Strategy != nil {
			strategy := *k.Prices[i].Strategy
			k.Prices[i].Strategy = &strategy
		}
	}
	return k
}

// Price is one way to pay for a [Commodity].
type Price struct {
	// Price is in fen, and so is OriginalPrice, which is the same if it is
	// 0.
	Price         core.Fen
	OriginalPrice core.Fen
	// Currency is "CNY" if it is empty.
	Currency string
	// Period is what it pays for.
	Period Period
	// PeriodType is 0 for a single payment, 1 for a subscription.
	PeriodType int
	// OptionType and OptionNo name this way to pay.
	OptionType int
	OptionNo   int
	// Strategy is the marketing strategy; nil is none.
	Strategy *MarketingStrategy
}

// MarketingStrategy is a discount, or a time to try.
type MarketingStrategy struct {
	// Discount is a percentage, 20 for 20 %.
	Discount int
	// Trial is how long a trial lasts.
	Trial Period
}

// Catalog is one kind of service that is sold: a catalog_code.
type Catalog struct {
	// Code is the catalog_code.
	Code string
	// Mall is where it is sold.
	Mall MallInfo
	// Service and Period are what an exchange code of this catalog grants
	// that does not say so itself.
	Service Service
	Period  Period
}

// MallInfo is where a catalog is sold, and for which money.
type MallInfo struct {
	MallCode string
	ShopCode string
	SiteCode string
	Currency string
}

func (c *Cloud) getCommodityList(a *asked) (any, *denial) {
	type strategy struct {
		Discount    int `json:"discount"`
		PeriodUnit  int `json:"periodUnit"`
		PeriodValue int `json:"periodValue"`
	}
	type price struct {
		OptionType       int             `json:"optionType"`
		PeriodType       int             `json:"periodType"`
		OriginalPrice    json.RawMessage `json:"originalPrice"`
		StrOriginalPrice string          `json:"strOriginalPrice"`
		Price            json.RawMessage `json:"price"`
		StrPrice         string          `json:"strPrice"`
		Currency         string          `json:"currency"`
		OptionNo         int             `json:"optionNo"`
		PeriodUnit       int             `json:"periodUnit"`
		PeriodValue      int             `json:"periodValue"`
		Strategy         *strategy       `json:"marketingStrategy,omitempty"`
	}
	type commodity struct {
		SubTitle      string  `json:"subTitle"`
		ServiceCode   string  `json:"serviceCode"`
		TargetURLType int     `json:"targetUrlType"`
		CommodityCode string  `json:"commodityCode"`
		CommodityURL  string  `json:"commodityUrl"`
		Prices        []price `json:"prices"`
		Title         string  `json:"title"`
		Type          int     `json:"type"`
		UUID          string  `json:"uuid"`
		SKUCode       string  `json:"skuCode"`
	}
	list := []commodity{}
	for _, k := range a.device.Commodities {
		told := commodity{
			SubTitle: k.SubTitle, ServiceCode: k.ServiceCode, TargetURLType: k.TargetURLType, CommodityCode: k.CommodityCode,
			CommodityURL: k.URL, Title: k.Title, Type: k.Type, UUID: a.device.UUID, SKUCode: k.SKUCode, Prices: []price{},
		}
		for _, p := range k.Prices {
			original := p.OriginalPrice
			if original == 0 {
				original = p.Price
			}
			one := price{
				OptionType: p.OptionType, PeriodType: p.PeriodType, OptionNo: p.OptionNo,
				PeriodUnit: p.Period.Unit, PeriodValue: p.Period.Value, Currency: p.Currency,
				Price: c.amount(p.Price), StrPrice: p.Price.Yuan(),
				OriginalPrice: c.amount(original), StrOriginalPrice: original.Yuan(),
			}
			if one.Currency == "" {
				one.Currency = "CNY"
			}
			if s := p.Strategy; s != nil {
				one.Strategy = &strategy{Discount: s.Discount, PeriodUnit: s.Trial.Unit, PeriodValue: s.Trial.Value}
			}
			told.Prices = append(told.Prices, one)
		}
		list = append(list, told)
	}
	return list, nil
}

// amount writes money in the form that the readings choose.
func (c *Cloud) amount(fen core.Fen) json.RawMessage {
	switch yuan := fen.Yuan(); c.readings.PriceForm {
	case PriceNumber:
		return json.RawMessage(yuan)
	case PriceText:
		return json.RawMessage(quote(yuan))
	default:
		return json.RawMessage(`{"Value":` + quote(yuan) + `}`)
	}
}

func (c *Cloud) getAppMallInfo(a *asked) (any, *denial) {
	k, ok := c.catalog(a.text("catalog_code"))
	if !ok {
		return nil, deny("MALL_NOT_FOUND", "there is no such catalog_code")
	}
	return struct {
		Currency string `json:"currency"`
		MallCode string `json:"mallCode"`
		ShopCode string `json:"shopCode"`
		SiteCode string `json:"siteCode"`
	}{k.Mall.Currency, k.Mall.MallCode, k.Mall.ShopCode, k.Mall.SiteCode}, nil
}

// catalog is called with the lock held.
func (c *Cloud) catalog(code string) (Catalog, bool) {
	for _, k := range c.catalogs {
		if k.Code == code {
			return k, true
		}
	}
	return Catalog{}, false
}

// SetCommodities puts what is sold for a device in the place of what was, as
// when a price changes. It reports whether there is such a device.
func (c *Cloud) SetCommodities(deviceID string, commodities ...Commodity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.device(deviceID)
	if d == nil {
		return false
	}
	d.Commodities = commodities
	d.Device = d.snapshot()
	return true
}

package mall

import "encoding/json"

// Commodity is a service that is offered for a device. seeds: 003,
// "getCommodityList".
type Commodity struct {
	CommodityCode string `json:"commodityCode"`
	ServiceCode   string `json:"serviceCode"`
	Title         string `json:"title"`
	SubTitle      string `json:"subTitle"`
	// CommodityURL is where the user buys it; TargetURLType says what kind
	// of address it is.
	CommodityURL  string        `json:"commodityUrl"`
	TargetURLType TargetURLType `json:"targetUrlType"`
	Prices        []Price       `json:"prices"`
	// UUID is the device's.
	UUID    string        `json:"uuid"`
	SKUCode string        `json:"skuCode"`
	Type    CommodityType `json:"type"`
	// Extra holds the members that have no field here. They are written
	// back.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a commodity.
func (c *Commodity) UnmarshalJSON(data []byte) error { return readObject(data, c, &c.Extra, &c.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (c Commodity) MarshalJSON() ([]byte, error) { return writeObject(c, c.Extra, c.kept) }

// Price is one way to pay for a commodity. seeds: 003, "Price".
type Price struct {
	// Price is what is paid, OriginalPrice what it was before a discount;
	// StrPrice and StrOriginalPrice are the cloud's own texts of them. See
	// [Money.Given] for a price that is missing.
	Price            Money  `json:"price"`
	StrPrice         string `json:"strPrice"`
	OriginalPrice    Money  `json:"originalPrice"`
	StrOriginalPrice string `json:"strOriginalPrice"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency string `json:"currency"`
	// The service lasts PeriodValue times PeriodUnit.
	PeriodUnit  PeriodUnit `json:"periodUnit"`
	PeriodValue int64      `json:"periodValue"`
	PeriodType  PeriodType `json:"periodType"`
	// MarketingStrategy is nil for none.
	MarketingStrategy *MarketingStrategy `json:"marketingStrategy,omitzero"`
	OptionType        OptionType         `json:"optionType"`
	OptionNo          int64              `json:"optionNo"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a price.
func (p *Price) UnmarshalJSON(data []byte) error { return readObject(data, p, &p.Extra, &p.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (p Price) MarshalJSON() ([]byte, error) { return writeObject(p, p.Extra, p.kept) }

// MarketingStrategy is a trial or a discount. seeds: 003, "IMarketingStrategy".
type MarketingStrategy struct {
	// Discount is in whole percent: 20 is 20 %. Whether 20 % is taken off or
	// paid, the page does not say.
	Discount int64 `json:"discount"`
	// The trial lasts PeriodValue times PeriodUnit.
	PeriodUnit  PeriodUnit `json:"periodUnit"`
	PeriodValue int64      `json:"periodValue"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a marketing strategy.
func (s *MarketingStrategy) UnmarshalJSON(data []byte) error {
	return readObject(data, s, &s.Extra, &s.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (s MarketingStrategy) MarshalJSON() ([]byte, error) { return writeObject(s, s.Extra, s.kept) }

// AppMallInfo names the mall that sells a catalog for a device. seeds: 003,
// "getAppMallInfo".
type AppMallInfo struct {
	MallCode string `json:"mallCode"`
	ShopCode string `json:"shopCode"`
	// SiteCode is the sales region, such as "CN".
	SiteCode string `json:"siteCode"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency string `json:"currency"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a mall.
func (i *AppMallInfo) UnmarshalJSON(data []byte) error { return readObject(data, i, &i.Extra, &i.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (i AppMallInfo) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

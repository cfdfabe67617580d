package testkit

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The business errors of spu/list.
const (
	denyMallNotFound = "MALL_NOT_FOUND"
	denyInput        = "INPUT_INVALID"
)

// readInput reads the one member of a body that the calls of the mall have.
// The page's table says that it is a text, its example shows an object: both
// will do. The denial has a code of the gateway.
func (q *apiAsked) readInput(extra bool) (map[string]json.RawMessage, *denial) {
	members, denied := q.readBody()
	if denied != nil {
		return nil, denied
	}
	input, ok := members["input"]
	var text string
	switch {
	case !ok, string(input) == "null":
		return nil, deny("1102", "input")
	case len(members) > 1 && !extra:
		return nil, deny("1109", "only input belongs there")
	case json.Unmarshal(input, &text) == nil:
		input = json.RawMessage(text)
	}
	values, err := readObject(input)
	if err != nil {
		return nil, deny("1104", "input: must be an object, or the text of one")
	}
	return values, nil
}

// input is a member of an input: what it is read into, and whether it may be
// missing.
type input struct {
	name     string
	into     any
	optional bool
}

// readInputs reads the members of an input, and takes no others unless extra.
func readInputs(values map[string]json.RawMessage, extra bool, inputs ...input) *denial {
	for _, m := range inputs {
		raw, ok := values[m.name]
		switch {
		case !ok && m.optional:
			continue
		case !ok, string(raw) == "null":
			return deny("1102", "%s", m.name)
		case json.Unmarshal(raw, m.into) != nil:
			return deny("1104", "%s", m.name)
		case string(raw) == `""`:
			return deny("1100", "%s", m.name)
		}
	}
	for name := range values {
		if !extra && !slices.ContainsFunc(inputs, func(m input) bool { return m.name == name }) {
			return deny("1109", "%.80q: is no member of input", name)
		}
	}
	return nil
}

// spuParams is what spu/list asks. The page has the first three; the others
// are those of the same question in a mini app.
type spuParams struct {
	objectCode  string
	objectType  int64
	catalogCode string
	needSKUList bool
}

func (c *Cloud) readSPUList(q *apiAsked) *denial {
	var p spuParams
	values, denied := q.readInput(c.readings.ExtraParams)
	if values != nil {
		var tags []string
		var client map[string]any
		denied = readInputs(values, c.readings.ExtraParams,
			input{"bindingObjectCode", &p.objectCode, false}, input{"bindingObjectType", &p.objectType, false}, input{"catalogCode", &p.catalogCode, false},
			input{"bindingTags", &tags, true}, input{"needSkuList", &p.needSKUList, true}, input{"clientInfo", &client, true})
		if denied == nil && (p.objectType < 0 || p.objectType > 2) {
			denied = deny("1101", "bindingObjectType: must be 0, 1 or 2")
		}
	}
	q.params = p
	switch {
	case denied == nil:
		return nil
	case denied.code == "1006" || values == nil && denied.code != "1102" && denied.code != "1104":
		return denied // the gateway does not understand so much as the body
	}
	return deny(denyInput, "%s", denied.msg)
}

// spuList answers with what is sold in a catalog, to whatever it is bound.
func (c *Cloud) spuList(q *apiAsked) (any, *denial) {
	type price struct {
		OptionType    int             `json:"optionType"`
		OptionNo      int             `json:"optionNo"`
		PeriodType    int             `json:"periodType"`
		PeriodUnit    int             `json:"periodUnit"`
		PeriodValue   int             `json:"periodValue"`
		Currency      string          `json:"currency"`
		Price         json.RawMessage `json:"price"`
		OriginalPrice json.RawMessage `json:"originalPrice"`
	}
	type sku struct {
		CommodityCode string  `json:"commodityCode"`
		SKUCode       string  `json:"skuCode"`
		SKUName       string  `json:"skuName"`
		PriceList     []price `json:"priceList"`
	}
	type spu struct {
		RequiredCheckoutParams []string `json:"requiredCheckoutParams"`
		SiteCode               string   `json:"siteCode"`
		SKUList                []sku    `json:"skuList"`
		MainPicture            string   `json:"mainPicture"`
		Title                  string   `json:"title"`
		SubTitle               string   `json:"subTitle"`
		TargetURLType          int      `json:"targetUrlType"`
		CommodityCode          string   `json:"commodityCode"`
		MallCode               string   `json:"mallCode"`
		CommodityURL           string   `json:"commodityUrl"`
		BindingTag             string   `json:"bindingTag"`
	}
	p := q.params.(spuParams)
	catalog, ok := c.catalog(p.catalogCode)
	switch {
	case !ok:
		return nil, deny(denyMallNotFound, "there is no such catalogCode")
	case !allows(q.project.MallCodes, catalog.Mall.MallCode):
		return nil, deny(denyPermission, "the mall has not authorized the project")
	case !allows(q.project.BindingObjects, p.objectCode):
		return nil, deny(denyPermission, "bindingObjectCode: is not the project's")
	}
	list := []spu{}
	for _, d := range c.devices {
		for _, k := range d.Commodities {
			if k.Type != catalog.Service.Type || slices.ContainsFunc(list, func(told spu) bool { return told.CommodityCode == k.CommodityCode }) {
				continue
			}
			told := spu{
				RequiredCheckoutParams: []string{}, SiteCode: catalog.Mall.SiteCode, SKUList: []sku{}, MainPicture: "ecommerce/" + k.CommodityCode + ".png",
				Title: k.Title, SubTitle: k.SubTitle, TargetURLType: k.TargetURLType, CommodityCode: k.CommodityCode, MallCode: catalog.Mall.MallCode,
				CommodityURL: withParams(k.URL, url.Values{"commodityCode": {k.CommodityCode}, "paymentScopeCode": {"99"}}),
			}
			if p.needSKUList {
				one := sku{CommodityCode: k.CommodityCode, SKUCode: k.SKUCode, SKUName: k.Title, PriceList: []price{}}
				for _, way := range k.Prices {
					one.PriceList = append(one.PriceList, price{
						way.OptionType, way.OptionNo, way.PeriodType, way.Period.Unit, way.Period.Value, currencyOf(way),
						json.RawMessage(way.Price.Yuan()), json.RawMessage(max(way.Price, way.OriginalPrice).Yuan()),
					})
				}
				told.SKUList = append(told.SKUList, one)
			}
			list = append(list, told)
		}
	}
	return list, nil
}

// withParams adds parameters to an address that may have some.
func withParams(address string, params url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + params.Encode()
	}
	return address + "?" + params.Encode()
}

// What an objectType of credential/list stands for, as the examples show it.
const (
	objectDevice = 1
	objectUser   = 3
)

type credentialParams struct {
	objectIDs  []string
	objectType int64
}

func (c *Cloud) readCredentialList(q *apiAsked) *denial {
	var p credentialParams
	values, denied := q.readInput(c.readings.ExtraParams)
	if denied == nil {
		denied = readInputs(values, c.readings.ExtraParams, input{"objectIds", &p.objectIDs, false}, input{"objectType", &p.objectType, false})
	}
	switch {
	case denied != nil:
		return denied
	case len(p.objectIDs) == 0, slices.Contains(p.objectIDs, ""):
		return deny("1100", "objectIds")
	case p.objectType != objectDevice && p.objectType != objectUser:
		return deny("1101", "objectType: must be %d or %d", objectDevice, objectUser)
	}
	q.params = p
	if p.objectType == objectDevice && len(p.objectIDs) == 1 {
		q.deviceID = p.objectIDs[0]
	}
	return nil
}

// What the examples show of a credential, as far as it does not depend on the
// service. That a state of 3 is one that has ended is the fake's own.
const (
	credentialUsed  = 2
	credentialEnded = 3
	consumedByTime  = 1
	meteredByTime   = 1
	meteredInDays   = 10
)

// credentialList answers with the services of devices. An object that is not
// there has none; the credentials of users are no services of the fake.
func (c *Cloud) credentialList(q *apiAsked) (any, *denial) {
	type performance struct {
		ConsumeInCurrentMonth bool `json:"consumeInCurrentMonth"`
		ConsumeType           int  `json:"consumeType"`
	}
	type metering struct {
		MeteringType int `json:"meteringType"`
		Quota        int `json:"quota"`
		MeteringUnit int `json:"meteringUnit"`
	}
	type credential struct {
		EffectiveStartDate string      `json:"effectiveStartDate,omitempty"`
		EffectiveEndDate   string      `json:"effectiveEndDate,omitempty"`
		ExternalCode       string      `json:"externalCode"`
		CatalogCode        string      `json:"catalogCode"`
		ObjectOwner        string      `json:"objectOwner"`
		ObjectType         int64       `json:"objectType"`
		ObjectID           string      `json:"objectId"`
		State              int         `json:"state"`
		Performance        performance `json:"performance"`
		Metering           metering    `json:"metering"`
		Order              struct{}    `json:"order"`
	}
	p := q.params.(credentialParams)
	list, seen := []credential{}, map[string]bool{}
	for _, id := range p.objectIDs {
		d := c.device(id)
		if p.objectType != objectDevice || d == nil || seen[id] {
			continue
		}
		seen[id] = true
		owner := c.home(d.HomeID).OwnerID
		if !c.mayAskHome(q, d.HomeID) {
			if c.readings.ForeignDevice == ForeignUnknown {
				continue
			}
			return nil, deny("1106", "objectIds: %.80q is not the project's", id)
		}
		for _, s := range d.Services {
			ended := s.Ended(c.Clock.Now())
			if ended && c.readings.HideEnded {
				continue
			}
			told := credential{
				ExternalCode: s.Code, CatalogCode: c.catalogOf(s), ObjectOwner: owner, ObjectType: p.objectType, ObjectID: id,
				State: credentialUsed, Performance: performance{ConsumeType: consumedByTime}, Metering: metering{meteredByTime, s.Duration, meteredInDays},
			}
			if ended {
				told.State = credentialEnded
			}
			if !s.Start.IsZero() {
				told.EffectiveStartDate = strconv.FormatInt(s.Start.UnixMilli(), 10)
			}
			if !s.End.IsZero() {
				told.EffectiveEndDate = strconv.FormatInt(s.End.UnixMilli(), 10)
			}
			list = append(list, told)
		}
	}
	return list, nil
}

// catalogOf returns the catalog that a service is from: the one that sells it,
// or else one that sells its like.
func (c *Cloud) catalogOf(s Service) string {
	like := ""
	for _, k := range c.catalogs {
		switch {
		case k.Service.Code == s.Code:
			return k.Code
		case k.Service.Type == s.Type && like == "":
			like = k.Code
		}
	}
	return like
}

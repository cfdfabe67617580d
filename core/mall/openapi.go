package mall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/tuya"
)

// ErrNotPublished is in the error of an operation for which Tuya publishes no
// call of its OpenAPI, not even a relative. Nothing was sent. It is
// core.CodeInvalid; the Op of the error around it names the operation.
var ErrNotPublished error = &core.Error{Code: core.CodeInvalid, Err: errors.New("no call of the OpenAPI is published for this operation: carry it with the action transport, see mall.NewAction")}

// OpenAPIConfig is what [NewOpenAPI] needs to know.
type OpenAPIConfig struct {
	// Client signs and makes the calls. Required.
	Client *tuya.Client `json:"client" validate:"-"`

	// BindingObjectCode and BindingObjectType name the product, mini program
	// or app whose commodities getCommodityList lists, CatalogCodes the
	// catalogs to ask for, such as [CatalogCloudStorage], at most 16. Without
	// any the operation is refused.
	BindingObjectCode string            `json:"bindingObjectCode" validate:"omitempty,id"`
	BindingObjectType BindingObjectType `json:"bindingObjectType" validate:"gte=0"`
	CatalogCodes      []string          `json:"catalogCodes" validate:"max=16,unique,dive,required,id"`

	// MallCode, ShopCode and SiteCode name the shop of getOrderList,
	// [OpenAPI.PluginOrder] and [OpenAPI.CloseOrder]: the mall, shop and site
	// of [Client.GetAppMallInfo]. All three, or none: then these are refused.
	MallCode string `json:"mall_code" validate:"omitempty,id"`
	ShopCode string `json:"shop_code" validate:"omitempty,id"`
	SiteCode string `json:"site_code" validate:"omitempty,id"`
}

// OpenAPI is a [Transport] over Tuya's signed OpenAPI, for the four operations
// that have a published relative. The others are [ErrNotPublished].
//
// A relative is not the operation itself. What it does not tell is absent, so
// it reads as zero, "" or false, which says nothing then; members of its own
// are in Extra under their names there, and one that happens to have a name
// of the SDK's without its meaning is in Extra as openapi_<name>.
//
//   - getCommodityList is POST /v1.0/m/ecm/am/spu/list, by binding object and
//     catalog: the commodities are the same for every device. Told:
//     commodityCode, title, subTitle, commodityUrl, targetUrlType. Prices,
//     skuCode, serviceCode, uuid and type are not (a Type of 0 does not mean
//     cloud storage here). Extra has catalogCode, the catalog that was asked
//     for, and siteCode, mallCode, skuList, mainPicture, bindingTag and
//     requiredCheckoutParams.
//   - getDeviceList is GET /v1.0/homes/{home_id}/devices. Told: id, name, icon.
//     types and locationName are not. Extra has uuid, product_id, category,
//     online, status and more, an IP address and a place among them. The
//     device's local_key, with which it can be controlled, is dropped.
//   - getServiceListByDevice is POST /v1.0/m/ecm/am/credential/list with the
//     device as the only object, of type 1. Told: startTime and endTime
//     (effectiveStartDate, effectiveEndDate), and code: that it is
//     externalCode, which stays in Extra, is this project's reading. The rest
//     is not. Extra has catalogCode, state, metering, performance and order:
//     the values of state are not published, so a service that has ended may
//     be listed, see EndTime.
//   - getOrderList is GET /v1.0/mall/plugin/order/search. mallCode and siteCode
//     must be those of the configuration; searchKey and orderStatusList are
//     refused, for the relative has no filter. Told: totalRecord, and of each
//     order orderId, currency, mallCode, shopCode, and amountTrade: that it is
//     total_price is this project's reading. orderStatus is not told:
//     pay_status and delivery_status, whose values are not published, are in
//     Extra, as created_time is, which is a day ("20220901") and no time.
//
// # Whose calls these are
//
// The cloud sees the project and not the [Caller]: only getOrderList and
// [OpenAPI.PluginOrder] name them at all, by a UserID that nobody proves. So
// whoever lets users call this must check first that the device, the home or
// the order is theirs. Credential is not sent, and a Caller who has nothing
// else is refused. It is safe for use by many goroutines.
type OpenAPI struct {
	cfg OpenAPIConfig
}

var _ Transport = (*OpenAPI)(nil)

// NewOpenAPI checks cfg and returns an OpenAPI. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func NewOpenAPI(cfg OpenAPIConfig) (*OpenAPI, error) {
	const op = "mall.NewOpenAPI"
	if cfg.Client == nil {
		return nil, core.Invalid(op, "client must be given: tuya.New makes one")
	}
	if err := check.Struct(op, cfg); err != nil {
		return nil, err
	}
	if (cfg.BindingObjectCode == "") != (len(cfg.CatalogCodes) == 0) {
		return nil, core.Invalid(op, "bindingObjectCode and catalogCodes must be given together")
	}
	if shop := cfg.MallCode != ""; (cfg.ShopCode != "") != shop || (cfg.SiteCode != "") != shop {
		return nil, core.Invalid(op, "mall_code, shop_code and site_code must be given together: getAppMallInfo tells them")
	}
	cfg.CatalogCodes = append([]string(nil), cfg.CatalogCodes...)
	return &OpenAPI{cfg: cfg}, nil
}

// Call carries one operation to the OpenAPI. Its errors have core.CodeInvalid
// for what is not sent, [ErrNotPublished] among them, and are those of
// tuya.Client for what is.
func (o *OpenAPI) Call(ctx context.Context, caller Caller, operation string, params any) (json.RawMessage, error) {
	op := opOf(operation)
	var carry func(context.Context, string, Caller, any) (json.RawMessage, error)
	switch operation {
	case OpGetCommodityList:
		carry = o.commodities
	case OpGetDeviceList:
		carry = o.devices
	case OpGetServiceListByDevice:
		carry = o.services
	case OpGetOrderList:
		carry = o.orders
	default:
		return nil, &core.Error{Op: op, Code: core.CodeInvalid, Err: ErrNotPublished}
	}
	if err := checkUser(op, caller); err != nil {
		return nil, err
	}
	return carry(ctx, op, caller, params)
}

func checkUser(op string, caller Caller) error {
	if caller.UserID == "" {
		return core.Invalid(op, "user_id of the caller must be given: the OpenAPI takes no access_token of a user")
	}
	return check.Struct(op, caller)
}

// named reads params, whatever type has them, by the SDK's names.
func named[T any](op string, params any) (T, error) {
	var p T
	raw, err := json.Marshal(params)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return p, core.Invalid(op, "params must be a JSON object with the operation's parameters")
	}
	return p, check.Struct(op, p)
}

type inputBody[T any] struct {
	Input T `json:"input"`
}

type spuInput struct {
	BindingObjectCode string            `json:"bindingObjectCode"`
	BindingObjectType BindingObjectType `json:"bindingObjectType"`
	CatalogCode       string            `json:"catalogCode"`
}

func (o *OpenAPI) commodities(ctx context.Context, op string, _ Caller, params any) (json.RawMessage, error) {
	p, err := named[deviceParams](op, params)
	if err != nil {
		return nil, err
	}
	if o.cfg.BindingObjectCode == "" {
		return nil, core.Invalid(op, "bindingObjectCode and catalogCodes must be configured: the OpenAPI lists commodities by them, and not by device")
	}
	all := []wireObject{}
	for _, catalog := range o.cfg.CatalogCodes {
		raw, err := o.cfg.Client.Do(ctx, tuya.Request{
			Op: op, Subject: p.DeviceID, Method: http.MethodPost, Path: "/v1.0/m/ecm/am/spu/list", Reads: true,
			Body: inputBody[spuInput]{spuInput{o.cfg.BindingObjectCode, o.cfg.BindingObjectType, catalog}},
		})
		if err != nil {
			return nil, err
		}
		list, err := relatives[Commodity](raw, map[string]string{
			"commodityCode": "commodityCode", "title": "title", "subTitle": "subTitle", "commodityUrl": "commodityUrl", "targetUrlType": "targetUrlType",
		})
		if err != nil {
			return nil, unreadable(op, err)
		}
		for _, commodity := range list {
			if _, told := commodity["catalogCode"]; !told {
				commodity["catalogCode"] = quote(catalog)
			}
			all = append(all, commodity)
		}
	}
	return encode(op, all)
}

func (o *OpenAPI) devices(ctx context.Context, op string, _ Caller, params any) (json.RawMessage, error) {
	p, err := named[ownerParams](op, params)
	if err != nil {
		return nil, err
	}
	raw, err := o.cfg.Client.Do(ctx, tuya.Request{Op: op, Subject: p.OwnerID, Method: http.MethodGet, Path: "/v1.0/homes/" + p.OwnerID + "/devices", Reads: true})
	if err != nil {
		return nil, err
	}
	list, err := relatives[ListedDevice](withoutLocalKey(raw), map[string]string{"id": "id", "name": "name", "icon": "icon"})
	if err != nil {
		return nil, unreadable(op, err)
	}
	return encode(op, list)
}

type credentialInput struct {
	ObjectIDs  []string `json:"objectIds"`
	ObjectType int      `json:"objectType"`
}

func (o *OpenAPI) services(ctx context.Context, op string, _ Caller, params any) (json.RawMessage, error) {
	p, err := named[deviceParams](op, params)
	if err != nil {
		return nil, err
	}
	raw, err := o.cfg.Client.Do(ctx, tuya.Request{
		Op: op, Subject: p.DeviceID, Method: http.MethodPost, Path: "/v1.0/m/ecm/am/credential/list", Reads: true,
		Body: inputBody[credentialInput]{credentialInput{[]string{p.DeviceID}, 1}},
	})
	if err != nil {
		return nil, err
	}
	list, err := relatives[Service](raw, map[string]string{"effectiveStartDate": "startTime", "effectiveEndDate": "endTime"})
	if err != nil {
		return nil, unreadable(op, err)
	}
	for _, service := range list {
		if code, told := service["externalCode"]; told {
			service["code"] = code
		}
	}
	return encode(op, list)
}

func (o *OpenAPI) orders(ctx context.Context, op string, caller Caller, params any) (json.RawMessage, error) {
	p, err := named[OrderListParams](op, params)
	switch {
	case err != nil:
		return nil, err
	case p.SearchKey != "":
		return nil, core.Invalid(op, "searchKey must be empty: the OpenAPI cannot search orders, the action transport can")
	case len(p.OrderStatusList) > 0:
		return nil, core.Invalid(op, "orderStatusList must be empty: the OpenAPI cannot pick orders by status, the action transport can")
	case o.cfg.MallCode == "":
		return nil, errNoShop(op)
	case p.MallCode != o.cfg.MallCode:
		return nil, core.Invalid(op, fmt.Sprintf("mallCode must be %q, the mall of the configured shop", o.cfg.MallCode))
	case p.SiteCode != o.cfg.SiteCode:
		return nil, core.Invalid(op, fmt.Sprintf("siteCode must be %q, the site of the configured shop", o.cfg.SiteCode))
	}
	query := o.shopOf(caller)
	query.Set("page_no", strconv.Itoa(p.PageNo))
	query.Set("page_size", strconv.Itoa(p.PageSize))
	raw, err := o.cfg.Client.Do(ctx, tuya.Request{Op: op, Subject: p.MallCode, Method: http.MethodGet, Path: "/v1.0/mall/plugin/order/search", Query: query, Reads: true})
	if err != nil {
		return nil, err
	}
	page, err := orderPageOf(raw)
	if err != nil {
		return nil, unreadable(op, err)
	}
	return encode(op, page)
}

func errNoShop(op string) error {
	return core.Invalid(op, "mall_code, shop_code and site_code must be configured: the OpenAPI keeps orders by shop")
}

// shopOf is what names the orders of a user with the shop.
func (o *OpenAPI) shopOf(caller Caller) url.Values {
	return url.Values{"mall_code": {o.cfg.MallCode}, "shop_code": {o.cfg.ShopCode}, "user_id": {caller.UserID}}
}

// unreadable is the error for an answer to a call that only reads.
func unreadable(op string, err error) error {
	return &core.Error{Op: op, Code: core.CodeUnknown, Safe: true, Err: within("result", err)}
}

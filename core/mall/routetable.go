package mall

import (
	"context"
	"errors"
	"slices"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

// operation is one that the routes serve.
type operation struct {
	// params are its parameters, as the SDK spells them.
	params []parameter
	// bare says that the only parameter may also be the whole body, as in the
	// SDK's examples.
	bare bool
	// writes says that it changes something.
	writes bool
	// prepare returns the call with arguments.
	prepare func(in arguments) prepared
}

// prepared is a call that can be checked and then made.
type prepared struct {
	check   func(op string) error
	secrets []string
	run     func(ctx context.Context, caller Caller) (any, error)
}

// valid checks params as the Client would, so that nobody is asked about what
// is not well formed.
func valid(params any) func(op string) error {
	return func(op string) error { return check.Struct(op, params) }
}

func texts(names ...string) []parameter {
	var params []parameter
	for _, name := range names {
		params = append(params, parameter{name: name, kind: aText})
	}
	return params
}

var pageParams = []parameter{{name: "pageNo", kind: anInt}, {name: "pageSize", kind: anInt}}

// routed returns the operations that cfg serves.
func routed(cfg RoutesConfig) map[string]operation {
	all := reading(cfg.Operations)
	for name, op := range writing(cfg.Operations) {
		if slices.Contains(cfg.Writing, name) {
			all[name] = op
		}
	}
	if cfg.VoIP != nil {
		all[OpVoipServiceAuthorization] = operation{params: texts("device_id", "name", "uuid"), prepare: func(in arguments) prepared {
			device := Device{ID: in.text("device_id"), Name: in.text("name"), UUID: in.text("uuid")}
			return prepared{check: valid(device), run: func(ctx context.Context, caller Caller) (any, error) {
				return one(cfg.VoIP.Prepare(ctx, caller, device))
			}}
		}}
	}
	return all
}

// aboutDevice is an operation whose only parameter is device_id.
func aboutDevice(bare bool, call func(ctx context.Context, caller Caller, deviceID string) (any, error)) operation {
	return operation{params: texts("device_id"), bare: bare, prepare: func(in arguments) prepared {
		p := deviceParams{in.text("device_id")}
		return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) { return call(ctx, caller, p.DeviceID) }}
	}}
}

func reading(ops Operations) map[string]operation {
	return map[string]operation{
		OpGetCommodityList: aboutDevice(false, func(ctx context.Context, caller Caller, id string) (any, error) {
			return listOf(ops.GetCommodityList(ctx, caller, id))
		}),
		OpGetDeviceAddValueType: aboutDevice(false, func(ctx context.Context, caller Caller, id string) (any, error) {
			return one(ops.GetDeviceAddValueType(ctx, caller, id))
		}),
		OpGetServiceListByDevice: aboutDevice(true, func(ctx context.Context, caller Caller, id string) (any, error) {
			return listOf(ops.GetServiceListByDevice(ctx, caller, id))
		}),
		OpGetVoipAuthUser: aboutDevice(true, func(ctx context.Context, caller Caller, id string) (any, error) {
			return one(ops.GetVoipAuthUser(ctx, caller, id))
		}),
		OpGetAppMallInfo: {params: texts("device_id", "catalog_code"), prepare: func(in arguments) prepared {
			p := catalogParams{deviceParams{in.text("device_id")}, in.text("catalog_code")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return one(ops.GetAppMallInfo(ctx, caller, p.DeviceID, p.CatalogCode))
			}}
		}},
		OpGetDeviceCapability: {params: texts("device_id", "code"), prepare: func(in arguments) prepared {
			p := capabilityParams{deviceParams{in.text("device_id")}, in.text("code")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return one(ops.GetDeviceCapability(ctx, caller, p.DeviceID, p.Code))
			}}
		}},
		OpGetDeviceList: {params: texts("owner_id"), bare: true, prepare: func(in arguments) prepared {
			p := ownerParams{in.text("owner_id")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return listOf(ops.GetDeviceList(ctx, caller, p.OwnerID))
			}}
		}},
		OpGetOrderList: {
			params: slices.Concat(texts("mallCode", "siteCode"), []parameter{{"searchKey", aText, true}, {"orderStatusList", someText, true}}, pageParams),
			prepare: func(in arguments) prepared {
				p := OrderListParams{
					MallCode: in.text("mallCode"), SiteCode: in.text("siteCode"), SearchKey: in.text("searchKey"),
					PageNo: in.number("pageNo"), PageSize: in.number("pageSize"),
				}
				for _, status := range in.texts("orderStatusList") {
					p.OrderStatusList = append(p.OrderStatusList, OrderStatus(status))
				}
				return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
					return one(ops.GetOrderList(ctx, caller, p))
				}}
			},
		},
		OpGetSubscriptionOrderList: {
			params: slices.Concat(texts("mallCode", "siteCode"), pageParams),
			prepare: func(in arguments) prepared {
				p := SubscriptionListParams{
					MallCode: in.text("mallCode"), SiteCode: in.text("siteCode"),
					PageNo: in.number("pageNo"), PageSize: in.number("pageSize"),
				}
				return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
					return one(ops.GetSubscriptionOrderList(ctx, caller, p))
				}}
			},
		},
		OpGetServiceIntroduction: {params: texts("categoryCode"), prepare: func(in arguments) prepared {
			p := categoryParams{in.text("categoryCode")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return one(ops.GetServiceIntroduction(ctx, caller, p.CategoryCode))
			}}
		}},
		OpGetDeviceWXUserInfo: {params: texts("app_id"), prepare: func(in arguments) prepared {
			p := appParams{in.text("app_id")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return one(ops.GetDeviceWXUserInfo(ctx, caller, p.AppID))
			}}
		}},
	}
}

func writing(ops Operations) map[string]operation {
	return map[string]operation{
		OpSaveWXVoipAuth: {
			params: []parameter{{name: "device_id", kind: aText}, {name: "auth_tag", kind: anInt}}, writes: true,
			prepare: func(in arguments) prepared {
				p := authParams{deviceParams{in.text("device_id")}, AuthTag(in.number("auth_tag"))}
				return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
					return saved(ops.SaveWXVoipAuth(ctx, caller, p.DeviceID, p.AuthTag))
				}}
			},
		},
		OpSaveVoipAuthUser: {params: texts("device_id", "user_id"), writes: true, prepare: func(in arguments) prepared {
			p := userParams{deviceParams{in.text("device_id")}, in.text("user_id")}
			return prepared{check: valid(p), run: func(ctx context.Context, caller Caller) (any, error) {
				return saved(ops.SaveVoipAuthUser(ctx, caller, p.DeviceID, p.UserID))
			}}
		}},
		OpExchangeCode: {params: texts("device_id", "catalog_code", "homeId", "code", "name", "uuid"), writes: true, prepare: func(in arguments) prepared {
			code := in.text("code")
			p := ExchangeCodeParams{
				DeviceID: in.text("device_id"), CatalogCode: in.text("catalog_code"), HomeID: in.text("homeId"),
				Code: core.NewSecret(code), Name: in.text("name"), UUID: in.text("uuid"),
			}
			return prepared{check: p.check, secrets: []string{code}, run: func(ctx context.Context, caller Caller) (any, error) {
				return true, ops.ExchangeCode(ctx, caller, p)
			}}
		}},
	}
}

func one[T any](value T, err error) (any, error) { return value, err }

// listOf makes an empty list of none, as the SDK's shape has it.
func listOf[T any](items []T, err error) (any, error) {
	if items == nil {
		items = []T{}
	}
	return items, err
}

// saved returns the SDK's answer of a call that sets a value: whether it was
// saved.
func saved(err error) (any, error) {
	if _, remote := errors.AsType[*RemoteError](err); core.CodeOf(err) == core.CodeRefused && !remote {
		return false, nil
	}
	return true, err
}

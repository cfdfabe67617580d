package mall

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// Operations are the operations of a [Client]: the seam for those who need
// another.
type Operations interface {
	GetCommodityList(ctx context.Context, caller Caller, deviceID string) ([]Commodity, error)
	GetAppMallInfo(ctx context.Context, caller Caller, deviceID, catalogCode string) (AppMallInfo, error)
	GetDeviceCapability(ctx context.Context, caller Caller, deviceID, code string) (DeviceCapability, error)
	GetServiceListByDevice(ctx context.Context, caller Caller, deviceID string) ([]Service, error)
	GetVoipAuthUser(ctx context.Context, caller Caller, deviceID string) (VoipAuthUser, error)
	SaveWXVoipAuth(ctx context.Context, caller Caller, deviceID string, tag AuthTag) error
	SaveVoipAuthUser(ctx context.Context, caller Caller, deviceID, userID string) error
	ExchangeCode(ctx context.Context, caller Caller, p ExchangeCodeParams) error
	GetDeviceAddValueType(ctx context.Context, caller Caller, deviceID string) (DeviceAddValueType, error)
	GetDeviceList(ctx context.Context, caller Caller, ownerID string) ([]ListedDevice, error)
	GetOrderList(ctx context.Context, caller Caller, p OrderListParams) (OrderPage, error)
	Orders(ctx context.Context, caller Caller, p OrderListParams) iter.Seq2[Order, error]
	GetSubscriptionOrderList(ctx context.Context, caller Caller, p SubscriptionListParams) (SubscriptionPage, error)
	Subscriptions(ctx context.Context, caller Caller, p SubscriptionListParams) iter.Seq2[Subscription, error]
	GetServiceIntroduction(ctx context.Context, caller Caller, categoryCode string) (ServiceIntroduction, error)
	GetDeviceWXUserInfo(ctx context.Context, caller Caller, appID string) (DeviceWXUser, error)
	BuyIncreaseServiceByWx(ctx context.Context, caller Caller, p BuyParams) (Prepay, error)
}

var _ Operations = (*Client)(nil)

// What the cloud does not have. Each is core.CodeNotFound.
var (
	// ErrNoCapability: the device lacks the capability that was asked for.
	ErrNoCapability error = &core.Error{Op: "mall.GetDeviceCapability", Code: core.CodeNotFound, Err: errors.New("the device does not have this capability")}
	// ErrNoUser: no user is stored as the one whom the device calls.
	ErrNoUser error = &core.Error{Op: "mall.GetVoipAuthUser", Code: core.CodeNotFound, Err: errors.New("no user is stored for the calls of this device: save one first")}
	// ErrNoMall: no mall sells the catalog for this device.
	ErrNoMall error = &core.Error{Op: "mall.GetAppMallInfo", Code: core.CodeNotFound, Err: errors.New("no mall sells this catalog for this device")}
	// ErrNoDevice: the cloud has nothing to say of the device.
	ErrNoDevice error = &core.Error{Op: "mall.GetDeviceAddValueType", Code: core.CodeNotFound, Err: errors.New("the cloud has nothing to say of this device: check its id and the caller")}
	// ErrNoIntroduction: the category has no introduction.
	ErrNoIntroduction error = &core.Error{Op: "mall.GetServiceIntroduction", Code: core.CodeNotFound, Err: errors.New("this category has no introduction")}
	// ErrNoWXUser: the cloud does not know the caller's openid.
	ErrNoWXUser error = &core.Error{Op: "mall.GetDeviceWXUserInfo", Code: core.CodeNotFound, Err: errors.New("the cloud has no openid of this user with this mini program: let them open it first")}
)

// Config is what [New] needs to know.
type Config struct {
	// Transport carries the operations. Required.
	Transport Transport
}

// Client calls the cloud's operations, one attempt each. It is safe for use by
// many goroutines.
type Client struct {
	transport Transport
}

// New checks cfg and returns a Client. It calls nobody.
func New(cfg Config) (*Client, error) {
	if cfg.Transport == nil {
		return nil, core.Invalid("mall.New", "transport must be given: NewAction or NewOpenAPI makes one")
	}
	return &Client{transport: cfg.Transport}, nil
}

// The parameters, as the SDK names them.
type (
	deviceParams struct {
		DeviceID string `json:"device_id" validate:"required,id"`
	}
	catalogParams struct {
		deviceParams
		CatalogCode string `json:"catalog_code" validate:"required,id"`
	}
	capabilityParams struct {
		deviceParams
		Code string `json:"code" validate:"required,id"`
	}
	authParams struct {
		deviceParams
		AuthTag AuthTag `json:"auth_tag"`
	}
	userParams struct {
		deviceParams
		UserID string `json:"user_id" validate:"required,id"`
	}
	exchangeParams struct {
		ExchangeCodeParams
		Code string `json:"code"`
	}
)

func (p deviceParams) subject() string   { return p.DeviceID }
func (p exchangeParams) subject() string { return p.DeviceID }

// GetCommodityList returns the services that are offered for a device, with
// their prices. seeds: 003, "getCommodityList".
func (c *Client) GetCommodityList(ctx context.Context, caller Caller, deviceID string) ([]Commodity, error) {
	return read[[]Commodity](ctx, c, caller, OpGetCommodityList, deviceParams{deviceID}, nil)
}

// GetAppMallInfo returns the mall that sells a catalog for a device; a
// catalogCode is [CatalogCloudStorage] or one of the cloud's own. [ErrNoMall]
// if there is none. seeds: 003, "getAppMallInfo".
func (c *Client) GetAppMallInfo(ctx context.Context, caller Caller, deviceID, catalogCode string) (AppMallInfo, error) {
	return read[AppMallInfo](ctx, c, caller, OpGetAppMallInfo, catalogParams{deviceParams{deviceID}, catalogCode}, ErrNoMall)
}

// GetDeviceCapability tells whether a device has a capability, such as
// [CapabilityVoIP], and the WeChat mini program to which it is bound then.
// [ErrNoCapability] if it has it not: the page says only that a result means
// "has", so no result and an empty one mean "has not". seeds: 003,
// "getDeviceCapability".
func (c *Client) GetDeviceCapability(ctx context.Context, caller Caller, deviceID, code string) (DeviceCapability, error) {
	return read[DeviceCapability](ctx, c, caller, OpGetDeviceCapability, capabilityParams{deviceParams{deviceID}, code}, ErrNoCapability)
}

// GetServiceListByDevice returns the services that a device has. seeds: 003,
// "getServiceListByDevice".
func (c *Client) GetServiceListByDevice(ctx context.Context, caller Caller, deviceID string) ([]Service, error) {
	return read[[]Service](ctx, c, caller, OpGetServiceListByDevice, deviceParams{deviceID}, nil)
}

// GetVoipAuthUser returns the user whom a device calls; [ErrNoUser] if none is
// stored. seeds: 003, "getVoipAuthUser".
func (c *Client) GetVoipAuthUser(ctx context.Context, caller Caller, deviceID string) (VoipAuthUser, error) {
	user, err := read[VoipAuthUser](ctx, c, caller, OpGetVoipAuthUser, deviceParams{deviceID}, ErrNoUser)
	if err == nil && user.UserID == "" {
		err = ErrNoUser
	}
	if err != nil {
		return VoipAuthUser{}, err
	}
	return user, nil
}

// SaveWXVoipAuth tells the cloud whether the user consented to VoIP calls, as
// WeChat has it. It sets a value, so it may be repeated after any error that
// is core.Retryable, core.CodeUnknown among them. An answer of false is
// core.CodeRefused. seeds: 003, "saveWXVoipAuth".
func (c *Client) SaveWXVoipAuth(ctx context.Context, caller Caller, deviceID string, tag AuthTag) error {
	return c.save(ctx, caller, OpSaveWXVoipAuth, authParams{deviceParams{deviceID}, tag})
}

// SaveVoipAuthUser stores the user whom the device calls; userID is a Tuya
// uid. It may be repeated, as [Client.SaveWXVoipAuth] may. seeds: 003,
// "saveVoipAuthUser".
func (c *Client) SaveVoipAuthUser(ctx context.Context, caller Caller, deviceID, userID string) error {
	return c.save(ctx, caller, OpSaveVoipAuthUser, userParams{deviceParams{deviceID}, userID})
}

// ExchangeCode redeems an exchange code for a service on a device. nil means
// redeemed. core.CodeRefused means that it was not; [ExchangeRefusals] tells
// whether the code is to blame. After core.CodeUnknown it may have been: no
// key makes a repetition safe, so read [Client.GetServiceListByDevice] before
// anything else. seeds: 003, "exchangeCode".
func (c *Client) ExchangeCode(ctx context.Context, caller Caller, p ExchangeCodeParams) error {
	op := opOf(OpExchangeCode)
	if err := p.check(op); err != nil {
		return err
	}
	code := p.Code.Reveal()
	raw, err := c.call(ctx, caller, OpExchangeCode, false, exchangeParams{p, code}, code)
	if err != nil {
		return err
	}
	// What a success looks like is not published, so anything counts as one
	// but a plain contradiction.
	if done, err := boolean(compact(raw)); err == nil && !done && string(compact(raw)) != "null" {
		return unknown(op, errors.New("the cloud answered with a success whose result is false: ask what became of it"))
	}
	return nil
}

// check checks all of p, the code included, which no validator is shown.
func (p ExchangeCodeParams) check(op string) error {
	if err := check.Struct(op, p); err != nil {
		return err
	}
	code := p.Code.Reveal()
	if code == "" || utf8.RuneCountInString(code) > 128 || !utf8.ValidString(code) ||
		strings.ContainsFunc(code, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return core.Invalid(op, "code must be 1 to 128 characters without spaces")
	}
	return nil
}

// read makes a call that changes nothing, and reads its result. none is the
// error for a result that is not there, or an empty object.
func read[T any](ctx context.Context, c *Client, caller Caller, operation string, params any, none error) (T, error) {
	var value, zero T
	raw, err := c.call(ctx, caller, operation, true, params)
	if err != nil {
		return zero, err
	}
	raw = compact(raw)
	if none != nil && (string(raw) == "null" || string(raw) == "{}") {
		return zero, none
	}
	if err := readResult(raw, &value); err != nil {
		return zero, &core.Error{Op: opOf(operation), Code: core.CodeUnknown, Safe: true, Err: err}
	}
	return value, nil
}

// save makes a call that sets a value and answers whether it did.
func (c *Client) save(ctx context.Context, caller Caller, operation string, params any) error {
	raw, err := c.call(ctx, caller, operation, true, params)
	if err != nil {
		return err
	}
	raw = compact(raw)
	saved, err := boolean(raw)
	if err != nil || string(raw) == "null" {
		return &core.Error{Op: opOf(operation), Code: core.CodeUnknown, Safe: true, Err: errors.New("the result does not say whether it was saved")}
	}
	if !saved {
		return &core.Error{Op: opOf(operation), Code: core.CodeRefused, Err: errors.New("the cloud says that it was not saved: check the device, the caller and the user")}
	}
	return nil
}

// call checks caller and params and makes the call. repeatable says that the
// call may be made again even if its outcome is unknown. secrets, and the
// caller's, are cut out of the cloud's words, whatever the transport.
func (c *Client) call(ctx context.Context, caller Caller, operation string, repeatable bool, params any, secrets ...string) (json.RawMessage, error) {
	op := opOf(operation)
	if caller.UserID == "" && caller.Credential.IsZero() {
		return nil, core.Invalid(op, "user_id or access_token of the caller must be given")
	}
	if err := check.Struct(op, caller); err != nil {
		return nil, err
	}
	if err := check.Struct(op, params); err != nil {
		return nil, err
	}
	raw, err := c.transport.Call(ctx, caller, operation, params)
	if err == nil {
		return raw, nil
	}
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		if msg := outward.Words(remote.Msg, 200, append(secrets, caller.Credential.Reveal())...); msg != remote.Msg {
			remote.Msg = msg
		}
	}
	known, ok := errors.AsType[*core.Error](err)
	if !ok {
		return nil, &core.Error{Op: op, Code: core.CodeUnknown, Safe: repeatable, Err: err}
	}
	if known.Code == core.CodeUnknown && repeatable && !known.Safe {
		return nil, &core.Error{Op: op, Code: core.CodeUnknown, Safe: true, Err: known.Err}
	}
	return nil, err
}

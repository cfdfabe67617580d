package mall

import (
	"context"
	"encoding/json"

	"github.com/imprest-go/imprest/core"
)

// Caller is the user for whom a call is made. The cloud answers for a
// logged-in user, and a server has many: so every call names its own. At
// least one of the two is needed.
type Caller struct {
	// UserID is the user's Tuya uid.
	UserID string `json:"user_id" validate:"omitempty,id"`
	// Credential is the user's own token, where the transport needs one.
	Credential core.Secret `json:"access_token" validate:"-"`
}

// Transport carries an operation to the cloud. None of the paths is published
// (see the package comment), so which one it is, is for the user to pick:
// [NewAction], [NewOpenAPI] for what has a published relative, [NewMixed] for
// both, or one's own.
//
// Call follows these rules:
//
//  1. It makes one attempt, within a deadline, for caller.
//  2. operation is the SDK function's own name ([OpExchangeCode] and its
//     like); params encodes to a JSON object with the SDK's own parameter
//     names. It may hold an exchange code: it belongs in no log.
//  3. It returns the result alone, without the cloud's envelope; no result is
//     "null" or nil.
//  4. A "no" of the cloud is a [core.Error] around a [RemoteError]
//     ([Refusal] makes one); a failure to ask is a core.Error with
//     core.CodeUnreached if nothing was sent, or core.CodeUnknown. Any other
//     error counts as core.CodeUnknown.
//  5. It may be called from many goroutines at once.
type Transport interface {
	Call(ctx context.Context, caller Caller, operation string, params any) (json.RawMessage, error)
}

// The operations, as the SDK @ray-js/wechat-ms-voip calls them. seeds: 003.
const (
	OpGetCommodityList         = "getCommodityList"
	OpGetAppMallInfo           = "getAppMallInfo"
	OpGetDeviceAddValueType    = "getDeviceAddValueType"
	OpGetDeviceList            = "getDeviceList"
	OpGetDeviceCapability      = "getDeviceCapability"
	OpGetOrderList             = "getOrderList"
	OpGetSubscriptionOrderList = "getSubscriptionOrderList"
	OpGetServiceIntroduction   = "getServiceIntroduction"
	OpGetServiceListByDevice   = "getServiceListByDevice"
	OpGetVoipAuthUser          = "getVoipAuthUser"
	OpSaveWXVoipAuth           = "saveWXVoipAuth"
	OpSaveVoipAuthUser         = "saveVoipAuthUser"
	OpGetDeviceWXUserInfo      = "getDeviceWXUserInfo"
	OpBuyIncreaseServiceByWx   = "buyIncreaseServiceByWx"
	// OpVoipServiceAuthorization is [VoIP]: calls of other operations and of
	// WeChat's, with the user in the middle. No [Transport] is asked for it.
	OpVoipServiceAuthorization = "voipServiceAuthorization"
	OpExchangeCode             = "exchangeCode"
)

// AllOperations returns the names of all 16 operations of the SDK, in its
// order.
func AllOperations() []string {
	return []string{
		OpGetCommodityList, OpGetAppMallInfo, OpGetDeviceAddValueType, OpGetDeviceList,
		OpGetDeviceCapability, OpGetOrderList, OpGetSubscriptionOrderList, OpGetServiceIntroduction,
		OpGetServiceListByDevice, OpGetVoipAuthUser, OpSaveWXVoipAuth, OpSaveVoipAuthUser,
		OpGetDeviceWXUserInfo, OpBuyIncreaseServiceByWx, OpVoipServiceAuthorization, OpExchangeCode,
	}
}

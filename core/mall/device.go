package mall

import (
	"encoding/json"

	"github.com/imprest-go/imprest/core"
)

// Device is what the operations that act on a device need to know of it. The
// names are those of the SDK.
type Device struct {
	// ID is the Tuya device id.
	ID string `json:"device_id" validate:"required,id"`
	// Name is what the user calls the device.
	Name string `json:"name" validate:"required,plain,max=128"`
	// UUID is the device's uuid.
	UUID string `json:"uuid" validate:"required,id"`
}

// DeviceCapability names the WeChat mini program to which a device is bound.
// seeds: 003, "getDeviceCapability".
type DeviceCapability struct {
	// WechatMPAppid is the AppID of the mini program.
	WechatMPAppid string `json:"WechatMPAppid"`
	// WechatMPMid is the device's model in WeChat: its model_id.
	WechatMPMid string `json:"WechatMPMid"`
	// WechatMPOid is the original id of the mini program ("gh_…").
	WechatMPOid string `json:"WechatMPOid"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a capability.
func (c *DeviceCapability) UnmarshalJSON(data []byte) error {
	return readObject(data, c, &c.Extra, &c.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (c DeviceCapability) MarshalJSON() ([]byte, error) { return writeObject(c, c.Extra, c.kept) }

// Service is a service that a device has. seeds: 003,
// "getServiceListByDevice".
type Service struct {
	Name string `json:"name"`
	// Code names the service: "voip", "tuya_camera_store_3day_event_1_1095".
	Code string `json:"code"`
	// StartTime and EndTime bound the service; a free one may have neither.
	StartTime Millis        `json:"startTime,omitzero"`
	EndTime   Millis        `json:"endTime,omitzero"`
	Tags      []ServiceTag  `json:"tags"`
	IsFree    bool          `json:"isFree"`
	Type      CommodityType `json:"type"`
	// IsAY says that the service belongs to the region of mainland China.
	IsAY bool `json:"isAY"`
	// IsExit is documented as "whether it exits", yet true for every service
	// of the examples: perhaps "exists" was meant. Decide nothing by it.
	IsExit      bool `json:"isExit"`
	IsPermanent bool `json:"isPermanent,omitzero"`
	// Duration and HasPurchasedOrder are in an example alone. The unit of
	// Duration is not said: it is 3 for a storage of three days.
	Duration          int64 `json:"duration,omitzero"`
	HasPurchasedOrder bool  `json:"hasPurchasedOrder,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a service.
func (s *Service) UnmarshalJSON(data []byte) error { return readObject(data, s, &s.Extra, &s.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (s Service) MarshalJSON() ([]byte, error) { return writeObject(s, s.Extra, s.kept) }

// VoipAuthUser is the user whom a device calls. seeds: 003, "getVoipAuthUser".
type VoipAuthUser struct {
	// UserID is the user's Tuya uid.
	UserID    string `json:"userId"`
	AvatarURL string `json:"avatarUrl"`
	UserName  string `json:"userName"`
	// IsAuth is the cloud's own copy of the consent that WeChat keeps. It
	// goes stale: see [VoIP.Resync].
	IsAuth bool `json:"isAuth"`
	// IsValid is documented as "whether the user's state has become
	// invalid", against its name. Decide nothing by it.
	IsValid bool `json:"isValid"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a user.
func (u *VoipAuthUser) UnmarshalJSON(data []byte) error {
	return readObject(data, u, &u.Extra, &u.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (u VoipAuthUser) MarshalJSON() ([]byte, error) { return writeObject(u, u.Extra, u.kept) }

// ExchangeCodeParams is what [Client.ExchangeCode] needs. seeds: 003,
// "exchangeCode".
type ExchangeCodeParams struct {
	// DeviceID, Name and UUID are the device's: see [Device].
	DeviceID string `json:"device_id" validate:"required,id"`
	Name     string `json:"name" validate:"required,plain,max=128"`
	UUID     string `json:"uuid" validate:"required,id"`
	// CatalogCode names the kind of service: [CatalogCloudStorage], or as
	// the cloud names the others.
	CatalogCode string `json:"catalog_code" validate:"required,id"`
	// HomeID is the home of the device.
	HomeID string `json:"homeId" validate:"required,id"`
	// Code is the exchange code. Whoever knows it can use it, so it does not
	// print.
	Code core.Secret `json:"code" validate:"-"`
}

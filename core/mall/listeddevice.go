package mall

import (
	"context"
	"encoding/json"
)

// DeviceAddValueType is a device with the services that it can have. seeds:
// 003, "getDeviceAddValueType".
type DeviceAddValueType struct {
	// ID is the Tuya device id.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Icon is a path without a host, "smart/icon/….png": what it is relative
	// to, the page does not say.
	Icon string `json:"icon"`
	// Types are the kinds of service that the device supports. The page lost
	// its list: that it is the one of [CommodityType] is this project's
	// reading.
	Types []CommodityType `json:"types"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a device's kinds of service.
func (d *DeviceAddValueType) UnmarshalJSON(data []byte) error {
	return readObject(data, d, &d.Extra, &d.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (d DeviceAddValueType) MarshalJSON() ([]byte, error) { return writeObject(d, d.Extra, d.kept) }

// ListedDevice is a device of a home. seeds: 003, "getDeviceList".
type ListedDevice struct {
	// ID is the Tuya device id.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Icon is a path without a host, as in [DeviceAddValueType].
	Icon string `json:"icon"`
	// LocationName is where the device is. It is in the table alone, and not
	// in the example.
	LocationName string `json:"locationName,omitzero"`
	// Types are the kinds of service, as in [DeviceAddValueType].
	Types []CommodityType `json:"types"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a device of a home.
func (d *ListedDevice) UnmarshalJSON(data []byte) error {
	return readObject(data, d, &d.Extra, &d.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (d ListedDevice) MarshalJSON() ([]byte, error) { return writeObject(d, d.Extra, d.kept) }

// DeviceWXUser is the caller as a user of a WeChat mini program. seeds: 003,
// "getDeviceWXUserInfo".
type DeviceWXUser struct {
	// OpenID is the user's openid with the mini program.
	OpenID string `json:"openId"`
	// UserID is the user's Tuya uid.
	UserID string `json:"userId"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a WeChat user.
func (u *DeviceWXUser) UnmarshalJSON(data []byte) error {
	return readObject(data, u, &u.Extra, &u.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (u DeviceWXUser) MarshalJSON() ([]byte, error) { return writeObject(u, u.Extra, u.kept) }

type (
	ownerParams struct {
		OwnerID string `json:"owner_id" validate:"required,id"`
	}
	appParams struct {
		AppID string `json:"app_id" validate:"required,id"`
	}
)

func (p ownerParams) subject() string { return p.OwnerID }
func (p appParams) subject() string   { return p.AppID }

// GetDeviceAddValueType returns the kinds of service that a device can have;
// [ErrNoDevice] if the cloud has nothing to say of it. seeds: 003,
// "getDeviceAddValueType".
func (c *Client) GetDeviceAddValueType(ctx context.Context, caller Caller, deviceID string) (DeviceAddValueType, error) {
	return read[DeviceAddValueType](ctx, c, caller, OpGetDeviceAddValueType, deviceParams{deviceID}, ErrNoDevice)
}

// GetDeviceList returns the devices of a home; ownerID is the home's id. seeds:
// 003, "getDeviceList".
func (c *Client) GetDeviceList(ctx context.Context, caller Caller, ownerID string) ([]ListedDevice, error) {
	return read[[]ListedDevice](ctx, c, caller, OpGetDeviceList, ownerParams{ownerID}, nil)
}

// GetDeviceWXUserInfo returns the caller as the mini program with the WeChat
// AppID appID knows them: its OpenID is never "". [ErrNoWXUser] if the cloud
// has no openid of theirs. seeds: 003, "getDeviceWXUserInfo".
func (c *Client) GetDeviceWXUserInfo(ctx context.Context, caller Caller, appID string) (DeviceWXUser, error) {
	user, err := read[DeviceWXUser](ctx, c, caller, OpGetDeviceWXUserInfo, appParams{appID}, ErrNoWXUser)
	if err == nil && user.OpenID == "" {
		err = ErrNoWXUser
	}
	if err != nil {
		return DeviceWXUser{}, err
	}
	return user, nil
}

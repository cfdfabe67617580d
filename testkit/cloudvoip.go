package testkit

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// Authorization says who is called when a device calls its users in WeChat,
// and whether he allowed it, as far as the cloud has been told.
type Authorization struct {
	// UserID is the user that saveVoipAuthUser named.
	UserID string
	// IsAuth is what saveWXVoipAuth said last of that user.
	IsAuth bool
	// IsValid is false for a user who has lapsed.
	IsValid bool
}

func (c *Cloud) getDeviceCapability(a *asked) (any, *denial) {
	k, ok := a.device.Capabilities[a.text("code")]
	if !ok {
		return c.nothing("the device has no such capability")
	}
	return k, nil // its fields are spelled as on the wire
}

func (c *Cloud) getVoipAuthUser(a *asked) (any, *denial) {
	authorized, ok := c.authorization(a.device)
	user := c.user(authorized.UserID)
	if !ok || user == nil {
		return c.nothing("the device has no authorized user")
	}
	return struct {
		IsAuth    bool   `json:"isAuth"`
		AvatarURL string `json:"avatarUrl"`
		IsValid   bool   `json:"isValid"`
		UserName  string `json:"userName"`
		UserID    string `json:"userId"`
	}{authorized.IsAuth, user.AvatarURL, authorized.IsValid, user.Name, user.ID}, nil
}

// nothing is the answer to a question after something that is not there.
func (c *Cloud) nothing(what string) (any, *denial) {
	switch c.readings.Nothing {
	case NothingEmpty:
		return struct{}{}, nil
	case NothingAbsent:
		return absent{}, nil
	case NothingError:
		return nil, deny("1000", "%s", what)
	default:
		return json.RawMessage("null"), nil
	}
}

// absent is a result that is left out.
type absent struct{}

// saveWXVoipAuth takes down what WeChat says of the caller and the device.
func (c *Cloud) saveWXVoipAuth(a *asked) (any, *denial) {
	if denied := c.callable(a.device); denied != nil {
		return nil, denied
	}
	if a.struck.has(FaultNotSaved) {
		return false, nil
	}
	a.device.auth[a.user.ID] = a.number("auth_tag") == 1
	if a.device.authUser == "" && !c.readings.AuthUserApart {
		a.device.authUser = a.user.ID
	}
	return true, nil
}

// saveVoipAuthUser names the user that the device calls.
func (c *Cloud) saveVoipAuthUser(a *asked) (any, *denial) {
	if denied := c.callable(a.device); denied != nil {
		return nil, denied
	}
	id := a.text("user_id")
	if home := c.home(a.device.HomeID); c.user(id) == nil || !home.admits(id) {
		return nil, deny(denyPermission, "user_id: is not of the device's home")
	}
	if a.struck.has(FaultNotSaved) {
		return false, nil
	}
	a.device.authUser = id
	return true, nil
}

func (c *Cloud) callable(d *device) *denial {
	if _, ok := d.Capabilities[CapabilityVoIP]; !ok && !c.readings.AuthAnyDevice {
		return deny("1109", "device_id: the device has no capability %s", CapabilityVoIP)
	}
	return nil
}

// Authorization returns who is called when a device calls; false if nobody is.
func (c *Cloud) Authorization(deviceID string) (Authorization, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.device(deviceID); d != nil {
		return c.authorization(d)
	}
	return Authorization{}, false
}

// authorization is called with the lock held.
func (c *Cloud) authorization(d *device) (Authorization, bool) {
	user := c.user(d.authUser)
	if user == nil {
		return Authorization{}, false
	}
	return Authorization{UserID: user.ID, IsAuth: d.auth[user.ID], IsValid: !user.Lapsed}, true
}

// DeviceVoIP is what a mini program hands to wx.requestDeviceVoIP.
type DeviceVoIP struct {
	SN         string
	SNTicket   string
	ModelID    string
	DeviceName string
}

// RequestDeviceVoIP is the mini program's wx.requestDeviceVoIP, and its user's
// tap on "allow": WeChat lets the device call him from then on. That the cloud
// is told of it, by saveWXVoipAuth, is for the merchant to do.
//
// The error is a [core.Error]: [core.CodeNotFound] for a user or a device that
// does not exist, [core.CodeInvalid] for a user without an OpenID and a device
// name that is empty or longer than 13 characters, and [core.CodeRefused] for a ticket that WeChat did not
// issue for this sn and model, or that has expired, and for a user whom the
// box was shown already, since it is shown once; he has to change his mind in
// the settings ([Cloud.SetDeviceVoIP]).
func (c *Cloud) RequestDeviceVoIP(userID string, v DeviceVoIP) error {
	const op = "testkit.Cloud.RequestDeviceVoIP"
	refused := func(format string, args ...any) error {
		return &core.Error{Op: op, Code: core.CodeRefused, Err: fmt.Errorf(format, args...)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	user := c.user(userID)
	switch {
	case user == nil:
		return notFound(op, "user_id", userID)
	case user.OpenID == "":
		return core.Invalid(op, "the user has no OpenID: he is not in the mini program")
	}
	if n := utf8.RuneCountInString(v.DeviceName); n == 0 || n > 13 {
		return core.Invalid(op, "DeviceName: must have 1 to 13 characters")
	}
	ticket, ok := c.ticket(v.SNTicket)
	switch {
	case !ok:
		return refused("snTicket: was not issued")
	case ticket.SN != v.SN, ticket.ModelID != v.ModelID:
		return refused("snTicket: was issued for another sn or modelId")
	case !c.Clock.Now().Before(ticket.Expires):
		return refused("snTicket: has expired")
	}
	d := c.registered(v.SN, v.ModelID, ticket.AppID)
	if d == nil {
		return notFound(op, "sn", v.SN)
	}
	if _, asked := d.consents[userID]; asked {
		return refused("the box was shown before; it is shown once, and the settings decide")
	}
	d.consents[userID] = true
	return nil
}

// SetDeviceVoIP is the user's tick in the mini program's settings: whether the
// device may call him in WeChat. What the cloud was told of it is not changed,
// and so may be wrong from then on. It reports whether there are such a user
// and such a device.
func (c *Cloud) SetDeviceVoIP(userID, deviceID string, granted bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.device(deviceID)
	if d == nil || c.user(userID) == nil {
		return false
	}
	d.consents[userID] = granted
	return true
}

// DeviceVoIPStatus is what the mini program's wx.getDeviceVoIPList says of a
// user and a device: 1 if it may call him, 0 if not. It is the truth that the
// cloud's isAuth is a copy of.
func (c *Cloud) DeviceVoIPStatus(userID, deviceID string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.device(deviceID); d != nil && d.consents[userID] {
		return 1
	}
	return 0
}

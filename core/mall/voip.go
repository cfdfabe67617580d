package mall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

const (
	// TicketLifetime is how long a ticket of WeChat's can be used.
	TicketLifetime = 5 * time.Minute
	// MaxDeviceName is how many characters wx.requestDeviceVoIP takes of a
	// device's name, counted as JavaScript counts them, in UTF-16.
	MaxDeviceName = 13
)

// TicketSource issues the tickets with which a mini program asks its user to
// let a device call: WeChat's getsnticket. core/wechat has one.
//
// If it also has a method AppID() string, that is the mini program for which
// it issues tickets, and a device that is bound to another one is refused
// before a ticket is asked for.
type TicketSource interface {
	// SNTicket returns a ticket for the device with the serial number sn and
	// WeChat's model id modelID. It changes nothing: it may be called again.
	SNTicket(ctx context.Context, sn, modelID string) (ticket string, err error)
}

// VoIPConfig is what [NewVoIP] needs to know.
type VoIPConfig struct {
	// Mall makes the calls to the cloud: a [Client]. Required.
	Mall Operations
	// Tickets issues WeChat's tickets: a wechat.Client. Required.
	Tickets TicketSource
	// SN returns the serial number under which the device was registered
	// with WeChat; nil is the device's uuid. That the uuid is the serial
	// number is this project's reading: no page says so. WeChat takes 1 to
	// 128 of 0-9, A-Z, a-z, _ and -.
	SN func(Device) string
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// VoIP walks the authorization that a device needs before it can call a WeChat
// user: the user has to consent within the mini program, and the cloud has to
// know. It is safe for use by many goroutines.
//
// The consent itself, wx.requestDeviceVoIP, can only run in the mini program,
// in front of the user. So there are two halves on the server's side:
// [VoIP.Prepare] before it, and [VoIP.Save] after it. WeChat asks a user once:
// after a "no", or when the user takes the consent back in the settings, the
// cloud's copy goes stale, and [VoIP.Resync] puts it right.
type VoIP struct {
	cfg VoIPConfig
}

// NewVoIP checks cfg and returns a VoIP. It calls nobody.
func NewVoIP(cfg VoIPConfig) (*VoIP, error) {
	const op = "mall.NewVoIP"
	switch {
	case cfg.Mall == nil:
		return nil, core.Invalid(op, "mall must be given: a mall.Client")
	case cfg.Tickets == nil:
		return nil, core.Invalid(op, "tickets must be given: a wechat.Client, or a TicketSource of your own")
	}
	if cfg.SN == nil {
		cfg.SN = func(d Device) string { return d.UUID }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &VoIP{cfg: cfg}, nil
}

// DeviceVoIP is what the mini program needs in order to ask its user. As JSON
// it can be handed to wx.requestDeviceVoIP as it is, which takes sn, snTicket,
// modelId and deviceName; the rest is for the mini program itself.
type DeviceVoIP struct {
	SN string `json:"sn"`
	// SNTicket works until ExpiresAt. It belongs in no log.
	SNTicket string `json:"snTicket"`
	ModelID  string `json:"modelId"`
	// DeviceName is the device's name, cut to MaxDeviceName characters.
	DeviceName string `json:"deviceName"`
	// AppID and OriginalID name the mini program to which the device is
	// bound: only there can its user consent.
	AppID      string `json:"appId"`
	OriginalID string `json:"originalId"`
	// ExpiresAt is when the ticket ends. Prepare makes a new one.
	ExpiresAt time.Time `json:"expiresAt"`
}

// Prepare returns what the mini program needs in order to ask its user to let
// device call: the capability is looked up, and a ticket is asked for.
// [ErrNoCapability] if device cannot make VoIP calls; core.CodeMismatch if it
// is bound to another mini program than the one for which tickets are issued.
// It changes nothing and may be repeated.
func (v *VoIP) Prepare(ctx context.Context, caller Caller, device Device) (DeviceVoIP, error) {
	const op = "mall.Prepare"
	if err := check.Struct(op, device); err != nil {
		return DeviceVoIP{}, err
	}
	sn := v.cfg.SN(device)
	if sn == "" {
		return DeviceVoIP{}, core.Invalid(op, "sn must not be empty: SN of the configuration returned none for this device")
	}
	capability, err := v.cfg.Mall.GetDeviceCapability(ctx, caller, device.ID, CapabilityVoIP)
	if err != nil {
		return DeviceVoIP{}, err
	}
	if capability.WechatMPAppid == "" || capability.WechatMPMid == "" {
		return DeviceVoIP{}, &core.Error{Op: op, Code: core.CodeMalformed, Err: errors.New("the cloud names no mini program (WechatMPAppid) or no model (WechatMPMid) for this device: bind it to one in Tuya's console")}
	}
	if source, ok := v.cfg.Tickets.(interface{ AppID() string }); ok && source.AppID() != capability.WechatMPAppid {
		return DeviceVoIP{}, core.Mismatch(op, fmt.Sprintf("the device is bound to the mini program %q, and tickets are issued for %q: a ticket of one does not work in the other", capability.WechatMPAppid, source.AppID()))
	}
	asked := v.cfg.Now() // before the call: the ticket's time runs from some point within it
	ticket, err := v.cfg.Tickets.SNTicket(ctx, sn, capability.WechatMPMid)
	if err != nil {
		return DeviceVoIP{}, err
	}
	return DeviceVoIP{
		SN: sn, SNTicket: ticket, ModelID: capability.WechatMPMid, DeviceName: deviceName(device.Name),
		AppID: capability.WechatMPAppid, OriginalID: capability.WechatMPOid, ExpiresAt: asked.Add(TicketLifetime),
	}, nil
}

// deviceName cuts name to MaxDeviceName UTF-16 units, and no character in two.
func deviceName(name string) string {
	units := 0
	for i, r := range name {
		units += utf16.RuneLen(r)
		if units > MaxDeviceName {
			return strings.TrimRightFunc(name[:i], unicode.IsSpace)
		}
	}
	return name
}

// Save tells the cloud what the user answered in the mini program.
//
// Consent is two calls, the user first (saveVoipAuthUser) and then the flag
// (saveWXVoipAuth): if the second fails, the device calls nobody yet, instead
// of somebody who did not consent. A refusal is the flag alone; a user who said
// no takes no other user's place. Each call sets a value: after any error that
// is core.Retryable, Save may simply be repeated.
func (v *VoIP) Save(ctx context.Context, caller Caller, device Device, userID string, granted bool) error {
	if granted {
		if err := v.cfg.Mall.SaveVoipAuthUser(ctx, caller, device.ID, userID); err != nil {
			return err
		}
	}
	return v.cfg.Mall.SaveWXVoipAuth(ctx, caller, device.ID, AuthTagOf(granted))
}

// Resync puts the cloud's copy of the consent right. granted is the truth, as
// the mini program reads it from WeChat (wx.getDeviceVoIPList, status 1). It
// reports whether the copy was wrong and has been changed. [ErrNoUser] if the
// user consented and the cloud knows no user: Save is the call then. It may be
// repeated.
func (v *VoIP) Resync(ctx context.Context, caller Caller, device Device, granted bool) (changed bool, err error) {
	user, err := v.cfg.Mall.GetVoipAuthUser(ctx, caller, device.ID)
	switch {
	case errors.Is(err, ErrNoUser) && !granted:
		return false, nil
	case err != nil:
		return false, err
	case user.IsAuth == granted:
		return false, nil
	}
	if err := v.cfg.Mall.SaveWXVoipAuth(ctx, caller, device.ID, AuthTagOf(granted)); err != nil {
		return false, err
	}
	return true, nil
}

// ServiceAuthorization is voipServiceAuthorization of the SDK as one call of a
// server: [VoIP.Prepare], then ask, then [VoIP.Save] for the caller's own uid.
// seeds: 003, "voipServiceAuthorization".
//
// A server cannot do the middle of it. ask has to carry what it is handed to
// the mini program, which calls wx.requestDeviceVoIP in front of its user, and
// to wait for what the user says: within the five minutes that the ticket
// works, and the deadline of ctx. Where the mini program cannot be waited for,
// use the two halves, one request each. An error of ask is returned as it is,
// and nothing is saved.
//
// granted is what the user said, even where saving it failed: Save alone is to
// be repeated then, for a user is asked only once.
func (v *VoIP) ServiceAuthorization(ctx context.Context, caller Caller, device Device, ask func(context.Context, DeviceVoIP) (granted bool, err error)) (granted bool, err error) {
	if caller.UserID == "" {
		return false, core.Invalid("mall.ServiceAuthorization", "user_id of the caller must be given: it is the user whom the device will call")
	}
	parameters, err := v.Prepare(ctx, caller, device)
	if err != nil {
		return false, err
	}
	if granted, err = ask(ctx, parameters); err != nil {
		return false, err
	}
	return granted, v.Save(ctx, caller, device, caller.UserID, granted)
}

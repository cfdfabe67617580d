package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// DeviceService is a service that is sold for devices and delivered by
// exchange code.
type DeviceService struct {
	// Title and Remark are the offer's.
	Title, Remark string
	// Amount is the price in fen.
	Amount core.Fen
	// CatalogCode is which codes are redeemed for it; ServiceCode is the
	// code of the service that a redemption adds to the device's list.
	CatalogCode, ServiceCode string
	// Capability is what a device must have, such as mall.CapabilityVoIP; ""
	// is nothing.
	Capability string
}

// BuyersDevice is a device as it is told to the cloud, and on whose behalf.
type BuyersDevice struct {
	mall.Device
	// HomeID is the home that the device is in.
	HomeID string
	// UserID is the Tuya uid of the buyer.
	UserID string
}

// ErrUnknownDevice says that the buyer has no such device. Its code is
// core.CodeNotFound.
var ErrUnknownDevice error = &core.Error{Op: "purchase.DeviceCatalog", Code: core.CodeNotFound, Err: errors.New("the buyer has no such device")}

// DeviceCatalog is a [Catalog] of services for the buyers' own devices. An
// offer's id is [DeviceOfferID] of a service and a device; its Data is the
// [Redemption] that a [Redeemer] wants.
//
// Nothing is ordered for a device that could not have what is paid for: Offer
// returns [ErrUnknownDevice] for a device that is not the buyer's, and
// mall.ErrNoCapability for one that lacks what the service needs, both with
// core.CodeNotFound; an error of the cloud as it is.
type DeviceCatalog struct {
	// Services is what is sold, by a name without "@". Required.
	Services map[string]DeviceService
	// Device finds a buyer's device, or returns ErrUnknownDevice. Whose a
	// device is, only the merchant knows: a device that anybody could name
	// would let one user buy for another's. Required.
	Device func(ctx context.Context, buyer, deviceID string) (BuyersDevice, error)
	// Mall tells a device's capabilities: a *mall.Client. Required if a
	// service needs one.
	Mall CapabilityMall
}

// CapabilityMall is the part of a mall.Client that a [DeviceCatalog] needs.
type CapabilityMall interface {
	GetDeviceCapability(ctx context.Context, caller mall.Caller, deviceID, capabilityCode string) (mall.DeviceCapability, error)
}

var (
	_ Catalog        = DeviceCatalog{}
	_ CapabilityMall = (*mall.Client)(nil)
)

// DeviceOfferID is the id of the offer of a service for a device.
func DeviceOfferID(service, deviceID string) string { return service + "@" + deviceID }

// Offer implements [Catalog].
func (c DeviceCatalog) Offer(ctx context.Context, buyer, id string) (Offer, error) {
	const op = "purchase.DeviceCatalog"
	name, deviceID, _ := strings.Cut(id, "@")
	service, ok := c.Services[name]
	if !ok || deviceID == "" {
		return Offer{}, &core.Error{Op: op, Code: core.CodeNotFound, Err: errors.New("there is no such offer")}
	}
	if c.Device == nil || (service.Capability != "" && c.Mall == nil) {
		return Offer{}, core.Invalid(op, "Device must be given, and Mall for a service that needs a capability")
	}
	device, err := c.Device(ctx, buyer, deviceID)
	if err != nil {
		return Offer{}, err
	}
	if device.ID != deviceID {
		return Offer{}, core.Mismatch(op, "Device returned another device than the one that was asked for")
	}
	if service.Capability != "" {
		if _, err := c.Mall.GetDeviceCapability(ctx, mall.Caller{UserID: device.UserID}, device.ID, service.Capability); err != nil {
			return Offer{}, err
		}
	}
	what := Redemption{
		UserID: device.UserID, DeviceID: device.ID, CatalogCode: service.CatalogCode, HomeID: device.HomeID,
		Name: device.Name, UUID: device.UUID, ServiceCode: service.ServiceCode,
	}
	if err := what.check(); err != nil { // now, and not when it was paid for
		return Offer{}, err
	}
	data, err := json.Marshal(what)
	if err != nil {
		return Offer{}, &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	return Offer{ID: id, Title: service.Title, Remark: service.Remark, Amount: service.Amount, Data: data}, nil
}

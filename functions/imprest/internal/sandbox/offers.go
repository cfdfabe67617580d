package sandbox

import (
	"context"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// The services that the shop sells.
const (
	voip1y     = "voip-1y"
	storage30d = "storage-30d"
)

// services is what the shop sells, by name.
func services() map[string]purchase.DeviceService {
	return map[string]purchase.DeviceService{
		voip1y: {
			Title: "门铃微信通话 1 年 · Doorbell calls in WeChat, 1 year", Amount: 3600,
			CatalogCode: testkit.CatalogVoIP, ServiceCode: testkit.ServiceVoIP, Capability: mall.CapabilityVoIP,
		},
		storage30d: {
			Title: "云存储 30 天 · Cloud storage, 30 days", Amount: 990,
			CatalogCode: testkit.CatalogCloudStorage, ServiceCode: testkit.ServiceCloudStorage,
		},
	}
}

// offer is one thing that the shop shows.
type offer struct {
	ID      string
	Service string
	Device  testkit.Device
	// Title is what the platform and the phone show.
	Title string
	Price core.Fen
}

// offers is all that the shop shows, in its order. What it shows is for
// people: that a service fits a device is for the catalog to find out.
func offers() []offer {
	var all []offer
	for _, shown := range []struct {
		service string
		device  testkit.Device
	}{{voip1y, testkit.TestDoorbell()}, {storage30d, testkit.TestDoorbell()}, {storage30d, testkit.TestCamera()}} {
		service := services()[shown.service]
		all = append(all, offer{
			ID: purchase.DeviceOfferID(shown.service, shown.device.ID), Service: shown.service, Device: shown.device,
			Title: service.Title, Price: service.Amount,
		})
	}
	return all
}

// catalog is the offers as core/purchase asks for them.
func (w *world) catalog(client *mall.Client) purchase.DeviceCatalog {
	return purchase.DeviceCatalog{Services: services(), Mall: client, Device: func(_ context.Context, _, deviceID string) (purchase.BuyersDevice, error) {
		device, ok := w.household(deviceID)
		if !ok {
			return purchase.BuyersDevice{}, purchase.ErrUnknownDevice
		}
		return purchase.BuyersDevice{Device: deviceOf(device), HomeID: device.HomeID, UserID: householder().UserID}, nil
	}}
}

// householder is on whose behalf the shop asks the cloud: everybody who holds
// the phone lives in one household. A shop of your own has a table of its users'
// uids, and their tokens: the fake cloud takes any for this one.
func householder() mall.Caller {
	return mall.Caller{UserID: testkit.TestCloudUser().ID, Credential: core.NewSecret("token-of-the-household")}
}

// household returns a device of the household.
func (w *world) household(deviceID string) (testkit.Device, bool) {
	device, ok := w.cloud.Device(deviceID)
	return device, ok && device.HomeID == testkit.TestHome().ID
}

func deviceOf(d testkit.Device) mall.Device { return mall.Device{ID: d.ID, Name: d.Name, UUID: d.UUID} }

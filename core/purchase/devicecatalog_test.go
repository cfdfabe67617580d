package purchase_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func deviceCatalog(t *testing.T, cloud *testkit.Cloud) purchase.DeviceCatalog {
	t.Helper()
	relay, err := mall.NewAction(mall.ActionConfig{URL: cloud.ActionURL()})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: relay})
	require.NoError(t, err)
	return purchase.DeviceCatalog{
		Mall: client,
		Services: map[string]purchase.DeviceService{
			"voip":    {Title: "VoIP", Amount: 3600, CatalogCode: testkit.CatalogVoIP, ServiceCode: testkit.ServiceVoIP, Capability: mall.CapabilityVoIP},
			"storage": {Title: "storage", Amount: 990, CatalogCode: testkit.CatalogCloudStorage, ServiceCode: testkit.ServiceCloudStorage},
		},
		Device: func(_ context.Context, buyer, deviceID string) (purchase.BuyersDevice, error) {
			device, ok := cloud.Device(deviceID)
			if !ok || buyer != "owner" {
				return purchase.BuyersDevice{}, purchase.ErrUnknownDevice
			}
			return purchase.BuyersDevice{
				Device: mall.Device{ID: device.ID, Name: device.Name, UUID: device.UUID}, HomeID: device.HomeID, UserID: testkit.TestCloudUser().ID,
			}, nil
		},
	}
}

func TestDeviceCatalog(t *testing.T) {
	cloud := testkit.StartCloud(t, testkit.CloudConfig{})
	catalog := deviceCatalog(t, cloud)
	doorbell, camera := testkit.TestDoorbell(), testkit.TestCamera()
	for _, tt := range []struct {
		buyer, id string
		err       error
		code      core.Code
	}{
		{"owner", purchase.DeviceOfferID("voip", doorbell.ID), nil, ""},
		{"owner", purchase.DeviceOfferID("storage", doorbell.ID), nil, ""},
		{"owner", purchase.DeviceOfferID("storage", camera.ID), nil, ""},
		{"owner", purchase.DeviceOfferID("voip", camera.ID), mall.ErrNoCapability, core.CodeNotFound},
		{"owner", purchase.DeviceOfferID("voip", "nobodys"), purchase.ErrUnknownDevice, core.CodeNotFound},
		{"neighbour", purchase.DeviceOfferID("voip", doorbell.ID), purchase.ErrUnknownDevice, core.CodeNotFound},
		{"owner", purchase.DeviceOfferID("radio", doorbell.ID), nil, core.CodeNotFound},
		{"owner", "voip", nil, core.CodeNotFound},
		{"owner", "voip@", nil, core.CodeNotFound},
		{"owner", "", nil, core.CodeNotFound},
	} {
		t.Run(tt.buyer+" "+tt.id, func(t *testing.T) {
			offer, err := catalog.Offer(t.Context(), tt.buyer, tt.id)
			assert.Equal(t, tt.code, core.CodeOf(err), "%v", err)
			if tt.err != nil {
				assert.ErrorIs(t, err, tt.err)
			}
			if err != nil {
				assert.Zero(t, offer)
				return
			}
			var what purchase.Redemption
			require.NoError(t, json.Unmarshal(offer.Data, &what))
			assert.Equal(t, tt.id, offer.ID)
			assert.Equal(t, testkit.TestHome().ID, what.HomeID)
			assert.Equal(t, testkit.TestCloudUser().ID, what.UserID)
			assert.Contains(t, tt.id, what.DeviceID)
			assert.NotEmpty(t, what.UUID)
			assert.NotEmpty(t, what.CatalogCode)
			assert.NotEmpty(t, what.ServiceCode)
		})
	}
}

func TestDeviceCatalogThatLacksItsSeams(t *testing.T) {
	services := map[string]purchase.DeviceService{"voip": {Title: "VoIP", Amount: 1, Capability: mall.CapabilityVoIP}}
	_, err := purchase.DeviceCatalog{Services: services}.Offer(t.Context(), "b", "voip@d")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	other := func(context.Context, string, string) (purchase.BuyersDevice, error) {
		return purchase.BuyersDevice{Device: mall.Device{ID: "another"}}, nil
	}
	_, err = purchase.DeviceCatalog{Services: services, Device: other}.Offer(t.Context(), "b", "voip@d")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	delete(services, "voip")
	services["storage"] = purchase.DeviceService{Title: "storage", Amount: 1}
	_, err = purchase.DeviceCatalog{Services: services, Device: other}.Offer(t.Context(), "b", "storage@d")
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
}

// A cloud that does not answer is no reason to call the offer unknown.
func TestDeviceCatalogWithoutTheCloud(t *testing.T) {
	cloud := testkit.StartCloud(t, testkit.CloudConfig{})
	catalog := deviceCatalog(t, cloud)
	cloud.Inject(testkit.Fault{Kind: testkit.FaultError500, Call: testkit.CallGetDeviceCapability})
	_, err := catalog.Offer(t.Context(), "owner", purchase.DeviceOfferID("voip", testkit.TestDoorbell().ID))
	require.Error(t, err)
	assert.NotEqual(t, core.CodeNotFound, core.CodeOf(err))
}

func ExampleDeviceCatalog() {
	catalog := purchase.DeviceCatalog{
		Services: map[string]purchase.DeviceService{
			"storage-30d": {Title: "Cloud storage, 30 days", Amount: 990, CatalogCode: "CLOUD_STORAGE", ServiceCode: "store_7day"},
		},
		Device: func(_ context.Context, buyer, deviceID string) (purchase.BuyersDevice, error) {
			if buyer != "xiaoming" || deviceID != "vdevo1" { // your own table
				return purchase.BuyersDevice{}, purchase.ErrUnknownDevice
			}
			return purchase.BuyersDevice{Device: mall.Device{ID: "vdevo1", Name: "doorbell", UUID: "5f2c"}, HomeID: "50000000", UserID: "ay17"}, nil
		},
	}
	offer, err := catalog.Offer(context.Background(), "xiaoming", purchase.DeviceOfferID("storage-30d", "vdevo1"))
	fmt.Println(offer.ID, offer.Amount, err)
	_, err = catalog.Offer(context.Background(), "somebody", "storage-30d@vdevo1")
	fmt.Println(err)
	// Output:
	// storage-30d@vdevo1 990 <nil>
	// purchase.DeviceCatalog: the buyer has no such device
}

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/testkit"
)

// deviceView is what a front end is shown of a device.
type deviceView struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Services []serviceView `json:"services"`
	// Calls is "allowed" or "refused" by the user, or "unknown" while he was
	// not asked; "" for a device that calls nobody.
	Calls string `json:"calls,omitempty"`
}

type serviceView struct {
	Code string    `json:"code"`
	Name string    `json:"name"`
	Ends time.Time `json:"ends,omitzero"`
}

// deviceRoutes are what a mini program's server has for the devices of its
// users:
//
//	GET  /devices                          the household's, with their services
//	POST /devices/{id}/voip                what the mini program needs in order to ask its user
//	POST /devices/{id}/voip/authorization  {"granted": true}: what the user answered
func (w *world) deviceRoutes(m *merchant) core.Routes {
	guarded := func(handle func(context.Context, *core.Request, testkit.Device) (any, error)) core.Handler {
		return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
			if _, err := m.buyer(ctx, r); err != nil {
				return core.Refuse(http.StatusUnauthorized)
			}
			device, ok := w.household(r.PathValue("id"))
			if !ok && r.PathValue("id") != "" {
				return core.Refuse(http.StatusNotFound)
			}
			if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && (err != nil || media != "application/json") {
				return core.Refuse(http.StatusUnsupportedMediaType)
			}
			v, err := handle(ctx, r, device)
			switch {
			case err == nil:
				return core.JSON(http.StatusOK, v)
			case core.CodeOf(err) == core.CodeNotFound:
				return core.Refuse(http.StatusNotFound)
			case core.CodeOf(err) == core.CodeInvalid:
				return core.Refuse(http.StatusBadRequest)
			}
			w.log.WarnContext(ctx, "a request about a device failed", "device_id", device.ID, "reason", err.Error())
			return core.TryLater()
		})
	}
	return core.Routes{
		"GET /devices": guarded(func(ctx context.Context, _ *core.Request, _ testkit.Device) (any, error) { return m.devices(ctx, w) }),
		"POST /devices/{id}/voip": guarded(func(ctx context.Context, _ *core.Request, device testkit.Device) (any, error) {
			return m.voip.Prepare(ctx, householder(), deviceOf(device))
		}),
		"POST /devices/{id}/voip/authorization": guarded(func(ctx context.Context, r *core.Request, device testkit.Device) (any, error) {
			var said struct {
				Granted *bool `json:"granted"`
			}
			if err := json.Unmarshal(r.Body, &said); err != nil || said.Granted == nil {
				return nil, invalid("the body must be an object with granted")
			}
			caller := householder()
			if err := m.voip.Save(ctx, caller, deviceOf(device), caller.UserID, *said.Granted); err != nil {
				return nil, err
			}
			return said, nil
		}),
	}
}

func (m *merchant) devices(ctx context.Context, w *world) ([]deviceView, error) {
	views := []deviceView{}
	for _, device := range w.cloud.Devices() {
		if _, ok := w.household(device.ID); !ok {
			continue
		}
		view, err := m.device(ctx, device)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

// device asks the cloud what a device has.
func (m *merchant) device(ctx context.Context, device testkit.Device) (deviceView, error) {
	caller := householder()
	view := deviceView{ID: device.ID, Name: device.Name, Services: []serviceView{}}
	services, err := m.mall.GetServiceListByDevice(ctx, caller, device.ID)
	if err != nil {
		return view, err
	}
	for _, s := range services {
		ends := time.Time{}
		if s.EndTime != 0 {
			ends = time.UnixMilli(int64(s.EndTime)).UTC()
		}
		view.Services = append(view.Services, serviceView{s.Code, s.Name, ends})
	}
	if _, err := m.mall.GetDeviceCapability(ctx, caller, device.ID, mall.CapabilityVoIP); errors.Is(err, mall.ErrNoCapability) {
		return view, nil
	} else if err != nil {
		return view, err
	}
	user, err := m.mall.GetVoipAuthUser(ctx, caller, device.ID)
	switch {
	case errors.Is(err, mall.ErrNoUser):
		view.Calls = "unknown"
	case err != nil:
		return view, err
	case user.IsAuth:
		view.Calls = "allowed"
	default:
		view.Calls = "refused"
	}
	return view, nil
}

// miniProgramLink is where a page sends the browser to ask the user: in the
// place of wx.requestDeviceVoIP, which runs in a mini program alone.
func miniProgramLink(cloudBase string, p mall.DeviceVoIP, redirectURI string) string {
	return cloudBase + "/miniprogram?" + url.Values{
		"sn": {p.SN}, "snTicket": {p.SNTicket}, "modelId": {p.ModelID}, "deviceName": {p.DeviceName}, "redirect_uri": {redirectURI},
	}.Encode()
}

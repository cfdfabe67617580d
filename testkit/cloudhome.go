package testkit

import "slices"

// getDeviceAddValueType tells what kinds of service a device can have.
func (c *Cloud) getDeviceAddValueType(a *asked) (any, *denial) {
	return c.listed(a.device), nil
}

// listedDevice is a device as the lists tell of it.
type listedDevice struct {
	Types        []int  `json:"types"`
	Icon         string `json:"icon"`
	Name         string `json:"name"`
	ID           string `json:"id"`
	LocationName string `json:"locationName,omitempty"`
}

func (c *Cloud) listed(d *device) listedDevice {
	return listedDevice{Types: append([]int{}, d.Types...), Icon: d.facts.Icon, Name: d.Name, ID: d.ID}
}

// getDeviceList lists the devices of a home: owner_id is its id. locationName is
// in the page's table and not in its example, so it is told of the devices that
// have one.
func (c *Cloud) getDeviceList(a *asked) (any, *denial) {
	home := c.home(a.text("owner_id"))
	if home == nil || !home.admits(a.user.ID) {
		return nil, deny(denyPermission, "owner_id: is not a home of the caller")
	}
	list := []listedDevice{}
	for _, d := range c.devices {
		if d.HomeID != home.ID {
			continue
		}
		told := c.listed(d)
		told.LocationName = d.LocationName
		list = append(list, told)
	}
	return list, nil
}

// getDeviceWXUserInfo tells the openid that the cloud holds for the caller.
func (c *Cloud) getDeviceWXUserInfo(a *asked) (any, *denial) {
	known := slices.ContainsFunc(c.apps, func(app WeChatApp) bool { return app.AppID == a.text("app_id") })
	if !known || a.user.OpenID == "" {
		return c.nothing("the cloud has no openid of the caller with this app_id")
	}
	return struct {
		OpenID string `json:"openId"`
		UserID string `json:"userId"`
	}{a.user.OpenID, a.user.ID}, nil
}

package testkit

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// DeviceFacts are what GET /v1.0/homes/{home_id}/devices tells of a device and
// the mall does not. What is made up for an empty field is told there alone.
type DeviceFacts struct {
	// LocalKey is the key of the device in its own network; made up if it is
	// empty.
	LocalKey core.Secret
	// BizType, Category, ProductID, ProductName and Model say what it is.
	// Category, ProductID and ProductName are those of a camera if they are
	// empty.
	BizType     int
	Category    string
	ProductID   string
	ProductName string
	Model       string
	// Icon is the path of its picture; there is one if it is empty.
	Icon string
	// IP, TimeZone and Lat say where it is; TimeZone is "+08:00" if it is
	// empty.
	IP       string
	TimeZone string
	Lat      string
	// NodeID is told of a device behind a gateway, which is one that has it.
	NodeID string
	// Offline is true while it cannot be reached.
	Offline bool
	// Created is when it was first paired, Activated when it last was, and
	// Updated when its status last changed, in whole seconds; each is the
	// time at which it was added if it is zero.
	Created   time.Time
	Activated time.Time
	Updated   time.Time
	// Status are its data points.
	Status []DeviceStatus
}

// DeviceStatus is the value of one data point of a device.
type DeviceStatus struct {
	// Code names the data point, such as "basic_private".
	Code string
	// Value is a boolean, a number or a text; it is encoded as JSON.
	Value any
}

func (f DeviceFacts) clone() DeviceFacts {
	f.Status = slices.Clone(f.Status)
	return f
}

// filled returns f with what it lacks. It is called with the lock held.
func (c *Cloud) filled(f DeviceFacts) DeviceFacts {
	if f.LocalKey.IsZero() {
		f.LocalKey = core.NewSecret(c.ids.next("local_key", 16))
	}
	for _, text := range []struct {
		of    *string
		value string
	}{
		{&f.Category, "sp"}, {&f.ProductID, "imprestCamera001"}, {&f.ProductName, "imprest camera"},
		{&f.Icon, "smart/icon/imprest-camera.png"}, {&f.TimeZone, "+08:00"},
	} {
		if *text.of == "" {
			*text.of = text.value
		}
	}
	for _, at := range []*time.Time{&f.Created, &f.Activated, &f.Updated} {
		if at.IsZero() {
			*at = c.Clock.Now()
		}
	}
	return f.clone()
}

// mayAskHome reports whether the caller may see a home, and what is in it. It
// is called with the lock held.
func (c *Cloud) mayAskHome(q *apiAsked, homeID string) bool {
	h := c.home(homeID)
	return h != nil && slices.ContainsFunc(append([]string{h.OwnerID}, h.Members...), q.mayAsk)
}

var digits = regexp.MustCompile(`^[0-9]+$`)

func (c *Cloud) readHomeDevices(q *apiAsked) *denial {
	if !digits.MatchString(q.segment) {
		return deny("1104", "home_id: must be a number")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mayAskHome(q, q.segment) {
		return deny("1106", "home_id: is not the project's")
	}
	q.userID = c.home(q.segment).OwnerID
	return nil
}

func (c *Cloud) homeDevices(q *apiAsked) (any, *denial) {
	type status struct {
		Code  string          `json:"code"`
		Value json.RawMessage `json:"value"`
	}
	type told struct {
		ID          string   `json:"id"`
		UUID        string   `json:"uuid"`
		UID         string   `json:"uid"`
		BizType     int      `json:"biz_type"`
		Name        string   `json:"name"`
		TimeZone    string   `json:"time_zone"`
		IP          string   `json:"ip"`
		LocalKey    string   `json:"local_key"`
		Sub         bool     `json:"sub"`
		Model       string   `json:"model"`
		CreateTime  int64    `json:"create_time"`
		UpdateTime  int64    `json:"update_time"`
		ActiveTime  int64    `json:"active_time"`
		Status      []status `json:"status"`
		OwnerID     string   `json:"owner_id"`
		ProductID   string   `json:"product_id"`
		ProductName string   `json:"product_name"`
		Category    string   `json:"category"`
		Icon        string   `json:"icon"`
		Online      bool     `json:"online"`
		NodeID      string   `json:"node_id"`
		Lat         string   `json:"lat"`
	}
	list := []told{}
	for _, d := range c.devices {
		if d.HomeID != q.segment {
			continue
		}
		f := d.facts
		one := told{
			ID: d.ID, UUID: d.UUID, UID: q.userID, BizType: f.BizType, Name: d.Name, TimeZone: f.TimeZone, IP: f.IP, LocalKey: f.LocalKey.Reveal(),
			Sub: f.NodeID != "", Model: f.Model, CreateTime: f.Created.Unix(), UpdateTime: f.Updated.Unix(), ActiveTime: f.Activated.Unix(), Status: []status{},
			OwnerID: d.HomeID, ProductID: f.ProductID, ProductName: f.ProductName, Category: f.Category, Icon: f.Icon, Online: !f.Offline, NodeID: f.NodeID, Lat: f.Lat,
		}
		for _, s := range f.Status {
			one.Status = append(one.Status, status{s.Code, encode(s.Value)})
		}
		list = append(list, one)
	}
	return list, nil
}

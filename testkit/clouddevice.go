package testkit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/imprest-go/imprest/core"
)

// CapabilityVoIP is the code of the capability that lets a device call its
// users in WeChat.
const CapabilityVoIP = "tyabiwxrn9"

// The types of services that a device can have, and of the commodities that
// are sold for them.
const (
	TypeCloudStorage = 0
	TypeVoIP         = 1
	TypeAI           = 2
)

// CloudUser is a person with an account at Tuya, and in WeChat.
type CloudUser struct {
	// ID is his uid: the user_id of a caller.
	ID string
	// Credential, unless it is empty, must come with each of his calls as
	// access_token.
	Credential core.Secret
	// Name and AvatarURL are his profile.
	Name      string
	AvatarURL string
	// OpenID is who he is to the mini program.
	OpenID string
	// Lapsed makes isValid false where he is the authorized user.
	Lapsed bool
}

// Home is a place with devices, and the people who may use them.
type Home struct {
	// ID is the homeId, in digits.
	ID string
	// Name is what its people call it.
	Name string
	// OwnerID is whose it is; the first user's if it is empty.
	OwnerID string
	// Members are the others who may use its devices.
	Members []string
}

// admits reports whether a user may use the devices of the home.
func (h Home) admits(userID string) bool {
	return userID == h.OwnerID || slices.Contains(h.Members, userID)
}

// Capability is what a device with an advanced capability is bound to: the
// mini program of WeChat, the model that WeChat knows it by, and the mini
// program's original id.
type Capability struct {
	WechatMPAppid string
	WechatMPMid   string
	WechatMPOid   string
}

// Device is a device in a home.
type Device struct {
	// ID is the device_id.
	ID string
	// UUID is the device's own number; made up if it is empty.
	UUID string
	// Name is what its people call it.
	Name string
	// HomeID is the home that it is in; the first one if it is empty.
	HomeID string
	// SN is the serial number that WeChat knows it by; UUID if it is empty,
	// which Tuya's page does not say and its examples suggest.
	SN string
	// LocationName is the room that it is in, as its people call it.
	LocationName string
	// Types are the kinds of services that it can have, such as [TypeVoIP].
	Types []int
	// Capabilities are its advanced capabilities by their code, such as
	// [CapabilityVoIP].
	Capabilities map[string]Capability
	// Commodities are what is sold for it.
	Commodities []Commodity
	// Services are what it has.
	Services []Service
	// Facts are what the OpenAPI tells of it besides.
	Facts DeviceFacts
}

// device is a Device while the cloud works on it.
type device struct {
	Device
	facts    DeviceFacts     // Facts with what they lacked
	authUser string          // whom saveVoipAuthUser named
	auth     map[string]bool // what saveWXVoipAuth said, by user
	consents map[string]bool // what users told WeChat, as far as they did
}

func (d *device) snapshot() Device {
	s := d.Device
	s.Types = slices.Clone(s.Types)
	s.Capabilities = maps.Clone(s.Capabilities)
	s.Commodities = slices.Clone(s.Commodities)
	for i := range s.Commodities {
		s.Commodities[i] = s.Commodities[i].clone()
	}
	s.Facts = s.Facts.clone()
	s.Services = slices.Clone(s.Services)
	for i := range s.Services {
		s.Services[i] = s.Services[i].clone()
	}
	return s
}

// AddUser adds a person, who gets an ID if he has none, and returns him. The
// error is [core.CodeConflict] if the ID is taken.
func (c *Cloud) AddUser(u CloudUser) (CloudUser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.ID == "" {
		u.ID = c.ids.next("user_id", 20)
	}
	if c.user(u.ID) != nil {
		return CloudUser{}, taken("testkit.Cloud.AddUser", "user_id", u.ID)
	}
	c.users = append(c.users, u)
	c.secrets.addKey(u.Credential)
	return u, nil
}

// SetCredential gives a user another credential: his calls must show the new
// one from then on. It reports whether there is such a user.
func (c *Cloud) SetCredential(userID string, credential core.Secret) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.user(userID)
	if u != nil {
		u.Credential = credential
		c.secrets.addKey(credential)
	}
	return u != nil
}

// AddHome adds a home, which gets an ID if it has none, and returns it. The
// error is [core.CodeConflict] if the ID is taken, and [core.CodeNotFound] for
// an owner or a member who does not exist.
func (c *Cloud) AddHome(h Home) (Home, error) {
	const op = "testkit.Cloud.AddHome"
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.ID == "" {
		h.ID = fmt.Sprintf("%d", 50_000_000+len(c.homes))
	}
	if h.OwnerID == "" && len(c.users) > 0 {
		h.OwnerID = c.users[0].ID
	}
	if c.home(h.ID) != nil {
		return Home{}, taken(op, "homeId", h.ID)
	}
	for _, id := range append([]string{h.OwnerID}, h.Members...) {
		if c.user(id) == nil {
			return Home{}, notFound(op, "user_id", id)
		}
	}
	h.Members = slices.Clone(h.Members)
	c.homes = append(c.homes, h)
	return h, nil
}

// AddDevice adds a device, which gets what [Device] says it gets, and returns
// it. The error is [core.CodeConflict] if its ID or UUID is taken, and
// [core.CodeNotFound] for a home that does not exist.
func (c *Cloud) AddDevice(d Device) (Device, error) {
	const op = "testkit.Cloud.AddDevice"
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.ID == "" {
		d.ID = "vdevo" + c.ids.next("device_id", 15)
	}
	if d.UUID == "" {
		d.UUID = c.ids.next("uuid", 16)
	}
	if d.SN == "" {
		d.SN = d.UUID
	}
	if d.HomeID == "" && len(c.homes) > 0 {
		d.HomeID = c.homes[0].ID
	}
	if c.home(d.HomeID) == nil {
		return Device{}, notFound(op, "homeId", d.HomeID)
	}
	for _, other := range c.devices {
		switch {
		case other.ID == d.ID:
			return Device{}, taken(op, "device_id", d.ID)
		case other.UUID == d.UUID:
			return Device{}, taken(op, "uuid", d.UUID)
		}
	}
	added := &device{Device: d, auth: map[string]bool{}, consents: map[string]bool{}}
	added.facts = c.filled(d.Facts)
	added.Device = added.snapshot() // nothing of it is the caller's any more
	c.devices = append(c.devices, added)
	c.secrets.addKey(added.facts.LocalKey)
	return added.snapshot(), nil
}

// Users returns all people, the first of whom is meant where a home names no
// owner.
func (c *Cloud) Users() []CloudUser {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.users)
}

// Homes returns all homes.
func (c *Cloud) Homes() []Home {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.homes)
	for i := range all {
		all[i].Members = slices.Clone(all[i].Members)
	}
	return all
}

// Devices returns all devices.
func (c *Cloud) Devices() []Device {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Device, len(c.devices))
	for i, d := range c.devices {
		all[i] = d.snapshot()
	}
	return all
}

// Device returns the device with that device_id.
func (c *Cloud) Device(deviceID string) (Device, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.device(deviceID); d != nil {
		return d.snapshot(), true
	}
	return Device{}, false
}

// user, home and device are called with the lock held, and return nil if there
// is none.
func (c *Cloud) user(id string) *CloudUser {
	if i := slices.IndexFunc(c.users, func(u CloudUser) bool { return u.ID == id }); i >= 0 {
		return &c.users[i]
	}
	return nil
}

func (c *Cloud) home(id string) *Home {
	if i := slices.IndexFunc(c.homes, func(h Home) bool { return h.ID == id }); i >= 0 {
		return &c.homes[i]
	}
	return nil
}

func (c *Cloud) device(id string) *device {
	if i := slices.IndexFunc(c.devices, func(d *device) bool { return d.ID == id }); i >= 0 {
		return c.devices[i]
	}
	return nil
}

func taken(op, name, value string) error {
	return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("%s %q is taken", name, value)}
}

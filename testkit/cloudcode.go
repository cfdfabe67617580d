package testkit

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// ExchangeCode is a code that can be exchanged, once, for a service.
type ExchangeCode struct {
	// Code is the code itself. Whoever knows it can redeem it.
	Code string
	// CatalogCode is the catalog that it belongs to.
	CatalogCode string
	// Service and Period are what it grants; a zero value of either is the
	// catalog's.
	Service Service
	Period  Period
	// Expires is when it stops being good; the zero time is never.
	Expires time.Time

	// UsedBy is the device that it was redeemed for, UsedUser is who did it,
	// and Used is when; empty until then.
	UsedBy   string
	UsedUser string
	Used     time.Time
}

// IsUsed reports whether the code was redeemed.
func (k ExchangeCode) IsUsed() bool { return k.UsedBy != "" || !k.Used.IsZero() }

func (k ExchangeCode) clone() ExchangeCode {
	k.Service = k.Service.clone()
	return k
}

// The codes with which a redemption is refused. Tuya publishes none; these are
// the fake's, but for PERMISSION_DENIED and MALL_NOT_FOUND, which a relative
// of these operations has.
const (
	denyCodeNotFound    = "CODE_NOT_FOUND"
	denyCodeUsed        = "CODE_USED"
	denyCodeExpired     = "CODE_EXPIRED"
	denyCatalogMismatch = "CATALOG_MISMATCH"
	denyDeviceNotFound  = "DEVICE_NOT_FOUND"
	denyPermission      = "PERMISSION_DENIED"
)

// exchangeCode redeems a code. What is wrong with the device is said before
// anything about the code, so that nobody learns of a code by trying.
func (c *Cloud) exchangeCode(a *asked) (any, *denial) {
	d, home := a.device, c.home(a.text("homeId"))
	switch {
	case home == nil || !home.admits(a.user.ID):
		return nil, deny(denyPermission, "homeId: is not a home of the caller")
	case home.ID != d.HomeID:
		return nil, deny(denyDeviceNotFound, "homeId: the device is not in this home")
	case a.text("uuid") != d.UUID:
		return nil, deny(denyDeviceNotFound, "uuid: is not the device's")
	case a.text("name") != d.Name && !c.readings.AnyName:
		return nil, deny("1109", "name: is not the device's")
	}
	catalog, ok := c.catalog(a.text("catalog_code"))
	if !ok {
		return nil, deny(denyCatalogMismatch, "there is no such catalog_code")
	}
	code := c.exchange(a.text("code"))
	now := millisecond(c.Clock.Now())
	switch {
	case code == nil:
		return nil, deny(denyCodeNotFound, "there is no such code")
	case code.CatalogCode != catalog.Code:
		return nil, deny(denyCatalogMismatch, "the code is not one of this catalog_code")
	case !slices.Contains(d.Types, code.Service.Type):
		return nil, deny(denyCatalogMismatch, "the device cannot have what the code grants")
	case code.IsUsed() && c.readings.RepeatRedeemed && code.UsedBy == d.ID && code.UsedUser == a.user.ID:
		return json.RawMessage(c.readings.ExchangeResult), nil
	case code.IsUsed():
		return nil, deny(denyCodeUsed, "the code has been used")
	case !code.Expires.IsZero() && !now.Before(code.Expires):
		return nil, deny(denyCodeExpired, "the code has expired")
	}
	code.UsedBy, code.UsedUser, code.Used = d.ID, a.user.ID, now
	c.grant(d, code.Service, code.Period)
	return json.RawMessage(c.readings.ExchangeResult), nil
}

// exchange is called with the lock held.
func (c *Cloud) exchange(code string) *ExchangeCode {
	for _, k := range c.codes {
		if k.Code == code {
			return k
		}
	}
	return nil
}

// AddCodes adds exchange codes. The error is [core.CodeInvalid] for an empty
// code and a period that is none, [core.CodeNotFound] for a catalog that does
// not exist, and [core.CodeConflict] for a code that there is already; none of
// the codes is added then.
func (c *Cloud) AddCodes(codes ...ExchangeCode) error {
	const op = "testkit.Cloud.AddCodes"
	c.mu.Lock()
	defer c.mu.Unlock()
	added := slices.Clone(c.codes)
	for _, k := range codes {
		catalog, ok := c.catalog(k.CatalogCode)
		if !ok {
			return notFound(op, "catalog_code", k.CatalogCode)
		}
		if k.Service.Code == "" {
			k.Service = catalog.Service
		}
		if k.Period == (Period{}) {
			k.Period = catalog.Period
		}
		switch {
		case k.Code == "":
			return core.Invalid(op, "Code: is empty")
		case !k.Period.valid():
			return core.Invalid(op, "Period: must be a number of years, months, days or weeks")
		case slices.ContainsFunc(added, func(other *ExchangeCode) bool { return other.Code == k.Code }):
			return taken(op, "code", maskCode(k.Code))
		}
		k = k.clone()
		added = append(added, &k)
	}
	c.codes = added
	return nil
}

// NewCodes makes n exchange codes of a catalog, adds them, and returns them as
// a merchant gets them. It panics if there is no such catalog.
func (c *Cloud) NewCodes(catalogCode string, n int) []string {
	codes := make([]string, n)
	for i := range codes {
		c.mu.Lock()
		codes[i] = c.ids.next("exchange_code", 16)
		c.mu.Unlock()
		if err := c.AddCodes(ExchangeCode{Code: codes[i], CatalogCode: catalogCode}); err != nil {
			panic("testkit: " + err.Error())
		}
	}
	return codes
}

// Code returns what is on record of an exchange code.
func (c *Cloud) Code(code string) (ExchangeCode, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.exchange(code); k != nil {
		return k.clone(), true
	}
	return ExchangeCode{}, false
}

// Codes returns all exchange codes, in the order in which they were added.
func (c *Cloud) Codes() []ExchangeCode {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]ExchangeCode, len(c.codes))
	for i, k := range c.codes {
		all[i] = k.clone()
	}
	return all
}

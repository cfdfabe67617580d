package testkit

import (
	"fmt"
	"strings"
)

// RequireService fails the test unless the device has a service of that code
// that has not ended, and returns it.
func (c *Cloud) RequireService(tb TB, deviceID, serviceCode string) Service {
	tb.Helper()
	var seen []string
	for _, s := range c.Services(deviceID) {
		line := s.Code
		switch {
		case s.Ended(c.Clock.Now()):
			line += " (ended " + s.End.UTC().Format("2006-01-02 15:04:05") + ")"
		case s.Code == serviceCode:
			return s
		}
		seen = append(seen, line)
	}
	if _, ok := c.Device(deviceID); !ok {
		tb.Fatalf("expected device %q in the cloud; there is none", deviceID)
		return Service{}
	}
	tb.Fatalf("expected device %q to have the service %q; it has %s", deviceID, serviceCode, listed(seen))
	return Service{}
}

// RequireNoService fails the test if the device has a service of that code
// that has not ended.
func (c *Cloud) RequireNoService(tb TB, deviceID, serviceCode string) {
	tb.Helper()
	for _, s := range c.Services(deviceID) {
		if s.Code == serviceCode && !s.Ended(c.Clock.Now()) {
			tb.Fatalf("expected device %q not to have the service %q; it has it until %s", deviceID, serviceCode, s.End.UTC().Format("2006-01-02 15:04:05"))
			return
		}
	}
}

// RequireCodeUsed fails the test unless that exchange code was redeemed, and
// returns what is on record of it.
func (c *Cloud) RequireCodeUsed(tb TB, code string) ExchangeCode {
	tb.Helper()
	k, ok := c.Code(code)
	switch {
	case !ok:
		tb.Fatalf("expected the exchange code %s in the cloud; there is none", maskCode(code))
	case !k.IsUsed():
		tb.Fatalf("expected the exchange code %s to be used; it is not", maskCode(code))
	}
	return k
}

// RequireCodesUsed fails the test unless exactly n exchange codes of the whole
// cloud were redeemed, and returns them.
func (c *Cloud) RequireCodesUsed(tb TB, n int) []ExchangeCode {
	tb.Helper()
	var used []ExchangeCode
	var seen []string
	for _, k := range c.Codes() {
		if k.IsUsed() {
			used = append(used, k)
			seen = append(seen, fmt.Sprintf("%s by %s", maskCode(k.Code), k.UsedBy))
		}
	}
	if len(used) != n {
		tb.Fatalf("expected %d exchange codes to be used; %d are: %s", n, len(used), listed(seen))
	}
	return used
}

// RequireAuthorized fails the test unless the cloud knows whom the device
// calls, that he allowed it, and that he has not lapsed; it returns what it
// knows.
func (c *Cloud) RequireAuthorized(tb TB, deviceID string) Authorization {
	tb.Helper()
	a, ok := c.Authorization(deviceID)
	switch {
	case !ok:
		tb.Fatalf("expected device %q to have an authorized user; it has none", deviceID)
	case !a.IsAuth || !a.IsValid:
		tb.Fatalf("expected user %q to be authorized for device %q; isAuth is %v, isValid is %v", a.UserID, deviceID, a.IsAuth, a.IsValid)
	}
	return a
}

// RequireMallOrders fails the test unless there are exactly n orders in the
// mall, whosever they are, and returns them, the oldest first.
func (c *Cloud) RequireMallOrders(tb TB, n int) []MallOrder {
	tb.Helper()
	all := c.MallOrders()
	var seen []string
	for _, o := range all {
		seen = append(seen, o.line())
	}
	if len(all) != n {
		tb.Fatalf("expected %d orders in the mall; there are %d: %s", n, len(all), listed(seen))
	}
	return all
}

// RequireMallOrder fails the test unless there is an order of that id with that
// status, [MallOrderFinished] or its like, and returns it.
func (c *Cloud) RequireMallOrder(tb TB, orderID, status string) MallOrder {
	tb.Helper()
	o, ok := c.MallOrder(orderID)
	switch {
	case !ok:
		tb.Fatalf("expected the order %q in the mall; there is none", orderID)
	case o.Status != status:
		tb.Fatalf("expected the order %q to be %s; it is %s", orderID, status, o.line())
	}
	return o
}

// line tells of an order in the message of a failed test.
func (o MallOrder) line() string {
	return fmt.Sprintf("%s (%s, %s, %s %s)", o.OrderID, o.SKUCode, o.Status, o.AmountTrade.Yuan(), o.Currency)
}

// RequireSubscriptions fails the test unless there are exactly n subscriptions
// that are paid on, whosever they are, and returns them, the oldest first.
func (c *Cloud) RequireSubscriptions(tb TB, n int) []MallSubscription {
	tb.Helper()
	var active []MallSubscription
	var seen []string
	for _, s := range c.Subscriptions() {
		if s.Status == SubscriptionActive {
			active = append(active, s)
			seen = append(seen, s.SubscribeID)
		}
	}
	if len(active) != n {
		tb.Fatalf("expected %d subscriptions that are paid on; there are %d: %s", n, len(active), listed(seen))
	}
	return active
}

func listed(seen []string) string {
	if len(seen) == 0 {
		return "none"
	}
	return strings.Join(seen, ", ")
}

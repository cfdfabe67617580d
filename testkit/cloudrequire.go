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
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("device %q in the cloud", deviceID), got: "none", rule: ruleExchange,
			do: "put the device into CloudConfig.Devices, or use one that is there: TestDoorbell",
		})
		return Service{}
	}
	tb.Fatalf("%s", unmet{
		expected: fmt.Sprintf("device %q to have the service %q", deviceID, serviceCode), got: listed(seen), rule: ruleExchange,
		do: "see in the log whether exchangeCode arrived with that device_id and catalog_code, and what it was answered",
	})
	return Service{}
}

// RequireNoService fails the test if the device has a service of that code
// that has not ended.
func (c *Cloud) RequireNoService(tb TB, deviceID, serviceCode string) {
	tb.Helper()
	for _, s := range c.Services(deviceID) {
		if s.Code == serviceCode && !s.Ended(c.Clock.Now()) {
			tb.Fatalf("%s", unmet{
				expected: fmt.Sprintf("device %q not to have the service %q", deviceID, serviceCode), got: "it until " + s.End.UTC().Format("2006-01-02 15:04:05"), rule: ruleExchange,
				do: "redeem a code only once the payment is on record, and no second one where the outcome of the first is not known",
			})
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
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the exchange code %s in the cloud", maskCode(code)), got: "none", rule: ruleExchange,
			do: "put the code into CloudConfig.ExchangeCodes, or use one that is there",
		})
	case !k.IsUsed():
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the exchange code %s to be used", maskCode(code)), got: "one that is free", rule: ruleExchange,
			do: "see in the log whether exchangeCode arrived, with which code, and what it was answered",
		})
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
		u := unmet{
			expected: fmt.Sprintf("%d exchange codes to be used", n), got: fmt.Sprintf("%d: %s", len(used), listed(seen)), rule: ruleExchange,
			do: "see in the log what each exchangeCode was answered",
		}
		if len(used) > n {
			u.do = "reserve one code for each order before it is sent, and ask getServiceListByDevice what became of it before another is tried"
		}
		tb.Fatalf("%s", u)
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
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("device %q to have an authorized user", deviceID), got: "none", rule: ruleVoipAuth,
			do: "save the user with saveVoipAuthUser, then what WeChat says with saveWXVoipAuth",
		})
	case !a.IsAuth || !a.IsValid:
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("user %q to be authorized for device %q", a.UserID, deviceID), got: fmt.Sprintf("isAuth %v and isValid %v", a.IsAuth, a.IsValid), rule: ruleVoipAuth,
			do: "ask WeChat whether he allowed it, and tell the cloud with saveWXVoipAuth: its own copy may be old",
		})
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
		u := unmet{
			expected: fmt.Sprintf("%d orders in the mall", n), got: fmt.Sprintf("%d: %s", len(all), listed(seen)), rule: ruleMallOrder,
			do: "see in the log what buyIncreaseServiceByWx was answered",
		}
		if len(all) > n {
			u.do = "read getOrderList before buyIncreaseServiceByWx is made again: a call whose answer is lost may have made its order"
		}
		tb.Fatalf("%s", u)
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
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the order %q in the mall", orderID), got: "none", rule: ruleMallOrder,
			do: "use the orderId that getOrderList tells",
		})
	case o.Status != status:
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("the order %q to be %s", orderID, status), got: o.line(), rule: ruleMallOrder,
			do: "pay it as the user does (Cloud.RequestPayment with what the order was answered with, or Cloud.PayMallOrder), and move Cloud.Clock ahead where a status takes time",
		})
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
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("%d subscriptions that are paid on", n), got: fmt.Sprintf("%d: %s", len(active), listed(seen)), rule: ruleSubscription,
			do: "a subscription begins when an order of a renewing price is paid, and ends by Cloud.CancelSubscription",
		})
	}
	return active
}

func listed(seen []string) string {
	if len(seen) == 0 {
		return "none"
	}
	return strings.Join(seen, ", ")
}

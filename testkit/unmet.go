package testkit

import (
	"fmt"
	"strings"
)

// rule is a rule of the protocol, and the page that has it.
type rule struct{ says, page string }

const publicAPI = "VVChat public API (publicapi/index.html), "

var (
	ruleAcknowledge = rule{
		`a notification that was processed is answered HTTP 200 with the body success, in any case of letters and with nothing around it; anything else is delivered again`,
		publicAPI + "payment notification",
	}
	ruleProcessed = rule{
		"success means processed: who says so is never told again, so the payment is durable before it is said",
		publicAPI + "payment notification",
	}
	ruleOnce = rule{
		"notifications repeat: one payment is delivered once, however often, and by however many at once, it is told of",
		publicAPI + "payment notification, on repeats",
	}
	ruleForged = rule{
		"whoever finds the address can post to it: what the platform did not sign, or what is not the order on record, delivers nothing and is not answered success",
		publicAPI + "payment notification, on forged ones",
	}
	ruleSigned = rule{
		"the sign is upper(hex(md5(text + &key= + app_key))); the text is every field but sign that is not empty, known or not, sorted by name, as name=value joined by &, each value as it came",
		publicAPI + "data signature (数据签名)",
	}
	ruleStrict = rule{
		"a body that two readers could read in two ways, or whose fields are not of their form, is refused, whatever its sign",
		publicAPI + "payment notification and data signature (数据签名)",
	}
	ruleStatus = rule{
		"status 1 is paid, 0 waits; a genuine notice of any other status than 1 is answered success and delivers nothing",
		publicAPI + "payment notification, status",
	}
	ruleAgain = rule{
		"a fault of the merchant's own is a 5xx: the platform delivers again whatever was not answered success",
		publicAPI + "payment notification",
	}
	ruleOrder = rule{
		"an order is made by a unified order, which answers the imprest_code that the user pays",
		publicAPI + "unified order (统一下单)",
	}
	rulePayout = rule{
		"a payout is accepted first; only a notification with status 1 means that money moved, and nothing promises that a repeated out_order_no pays once",
		publicAPI + "payout (代付)",
	}
	ruleRobotCommand = rule{
		"a robot does what a command posted to /robotapi/v1/message/send says; its token comes from /robotapi/v1/token",
		publicAPI + "robot",
	}
	ruleSendMsg = rule{
		"a message goes to the one chat that the token's scope names: sessionapi_sendmsg:SESSION_ID:SESSION_TYPE",
		publicAPI + "send message (sendmsg)",
	}
	ruleShare = rule{
		"a page is shared by the JSSDK's share or by the link qyx://share, and the user may decline",
		publicAPI + "share",
	}
)

const tuyaSDK = "Tuya VoIP and value-added services SDK (docs/iot/ms-voip-sdk), "

// The rules of the cloud. Where the page is silent they are those that the fake
// goes by.
var (
	ruleExchange = rule{
		"exchangeCode redeems an exchange code, once, for a service on the device; getServiceListByDevice tells which services a device has, and until when",
		tuyaSDK + "exchangeCode and getServiceListByDevice",
	}
	ruleVoipAuth = rule{
		"a device calls the user that saveVoipAuthUser has stored, once saveWXVoipAuth has told the cloud that he allowed it in WeChat; getVoipAuthUser tells both",
		tuyaSDK + "getVoipAuthUser, saveVoipAuthUser and saveWXVoipAuth",
	}
	ruleMallOrder = rule{
		"buyIncreaseServiceByWx makes an order, which WeChat's payment makes paid; getOrderList alone tells its status, since the mall sends no notification",
		tuyaSDK + "buyIncreaseServiceByWx and getOrderList",
	}
	ruleSubscription = rule{
		"a subscription that is paid on stands in getSubscriptionOrderList, and each renewal makes an order of its own",
		tuyaSDK + "getSubscriptionOrderList",
	}
)

// unmet is an expectation that was not met: what a failed test prints.
type unmet struct {
	expected, got string
	rule          rule
	// sent is what it was about; "" is not known, or nothing.
	sent string
	// do is what to do next.
	do string
}

// String returns one line, and below it the rule, its page, what was sent, and
// what to do.
func (u unmet) String() string {
	lines := []string{
		fmt.Sprintf("expected %s; got %s", u.expected, u.got),
		"rule: " + u.rule.says,
		"page: " + u.rule.page,
	}
	if u.sent != "" {
		lines = append(lines, "sent: "+strings.ReplaceAll(u.sent, "\n", "\n\t      "))
	}
	if u.do != "" {
		lines = append(lines, "do:   "+u.do)
	}
	return strings.Join(lines, "\n\t")
}

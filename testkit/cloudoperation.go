package testkit

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// operation is one of the operations of the mall and VoIP. It knows nothing of
// what carries it: a transport finds the caller, hands over the parameters,
// and wraps what comes back.
type operation struct {
	call   Call
	params []param
	// act does the work. It is called with the lock held; a failure has no
	// effect.
	act func(*asked) (result any, _ *denial)
}

// param is one parameter of an operation: a text, if nothing says otherwise, and
// required.
type param struct {
	name string
	// allowed are the values of an integer.
	allowed []int64
	// most makes it an integer of 1 to most.
	most int64
	// isList makes it a list of texts.
	isList bool
	// optional lets it be left out, and a text be empty.
	optional bool
}

// maxPage is the largest page of a list. The page has no limit: this is the
// fake's.
const maxPage = 100

func (c *Cloud) allOperations() []operation {
	device := param{name: "device_id"}
	return []operation{
		{CallGetCommodityList, []param{device}, c.getCommodityList},
		{CallGetAppMallInfo, []param{device, {name: "catalog_code"}}, c.getAppMallInfo},
		{CallGetDeviceCapability, []param{device, {name: "code"}}, c.getDeviceCapability},
		{CallGetServiceListByDevice, []param{device}, c.getServiceListByDevice},
		{CallGetVoipAuthUser, []param{device}, c.getVoipAuthUser},
		{CallSaveWXVoipAuth, []param{device, {name: "auth_tag", allowed: []int64{0, 1}}}, c.saveWXVoipAuth},
		{CallSaveVoipAuthUser, []param{device, {name: "user_id"}}, c.saveVoipAuthUser},
		{CallGetOrderList, []param{{name: "mallCode"}, {name: "siteCode"}, {name: "searchKey", optional: true}, {name: "orderStatusList", isList: true, optional: true}, {name: "pageNo", most: math.MaxInt32}, {name: "pageSize", most: maxPage}}, c.getOrderList},
		{CallGetSubscriptionOrderList, []param{{name: "mallCode"}, {name: "siteCode"}, {name: "pageNo", most: math.MaxInt32}, {name: "pageSize", most: maxPage}}, c.getSubscriptionOrderList},
		{CallBuyIncreaseServiceByWx, []param{device, {name: "mallCode"}, {name: "siteCode"}, {name: "currency"}, {name: "skuCode"}, {name: "optionType"}, {name: "optionNo"}, {name: "homeId"}, {name: "openId"}, {name: "name"}, {name: "uuid"}, {name: "wxAppId"}}, c.buyIncreaseServiceByWx},
		{CallGetDeviceAddValueType, []param{device}, c.getDeviceAddValueType},
		{CallGetDeviceList, []param{{name: "owner_id"}}, c.getDeviceList},
		{CallGetServiceIntroduction, []param{{name: "categoryCode"}}, c.getServiceIntroduction},
		{CallGetDeviceWXUserInfo, []param{{name: "app_id"}}, c.getDeviceWXUserInfo},
		{CallExchangeCode, []param{device, {name: "catalog_code"}, {name: "homeId"}, {name: "code"}, {name: "name"}, {name: "uuid"}}, c.exchangeCode},
	}
}

// asked is an operation while it is carried out.
type asked struct {
	operation
	user   CloudUser // the caller
	device *device   // of device_id
	values map[string]any
	struck struck
}

func (a *asked) text(name string) string {
	s, _ := a.values[name].(string)
	return s
}

func (a *asked) texts(name string) []string {
	list, _ := a.values[name].([]string)
	return list
}

func (a *asked) number(name string) int64 {
	n, _ := a.values[name].(int64)
	return n
}

// denial is why an operation failed. A code of digits travels as a number.
type denial struct {
	code string
	msg  string
}

// deny returns a denial. Of a code of the gateway, msg begins with what the
// gateway says of it.
func deny(code, format string, args ...any) *denial {
	return &denial{code: code, msg: sentence(gatewayText(code), fmt.Sprintf(format, args...))}
}

// sentence joins what a code means and what else there is to say.
func sentence(meaning, detail string) string {
	switch {
	case meaning == "" && detail == "":
		return "failed"
	case meaning == "" || detail == "":
		return meaning + detail
	}
	return meaning + ": " + detail
}

// caller finds out who calls. The credential is checked if the user has one.
func (c *Cloud) caller(userID, accessToken string) (CloudUser, *denial) {
	if userID == "" {
		return CloudUser{}, deny("1105", "user_id")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	user := c.user(userID)
	switch {
	case user == nil:
		return CloudUser{}, deny("1106", "user_id: is not known")
	case user.Credential.IsZero():
	case accessToken == "":
		return CloudUser{}, deny("1002", "")
	case user.Credential.Reveal() != accessToken:
		return CloudUser{}, deny("1011", "")
	}
	return *user, nil
}

// readParams checks the parameters of an operation, and that the device is one
// that the caller may use.
func (c *Cloud) readParams(a *asked, params map[string]json.RawMessage) *denial {
	a.values = map[string]any{}
	for _, p := range a.params {
		value, denied := p.read(params)
		if denied != nil {
			return denied
		}
		a.values[p.name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, known := a.values[name]; !known && !c.readings.ExtraParams {
			return deny("1109", "%s: is no parameter of %s", name, a.call)
		}
	}
	if _, about := a.values["device_id"]; !about {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a.device = c.device(a.text("device_id"))
	switch {
	case a.device == nil:
		return deny(denyDeviceNotFound, "there is no such device")
	case c.home(a.device.HomeID).admits(a.user.ID):
		return nil
	case c.readings.ForeignDevice == ForeignUnknown:
		return deny(denyDeviceNotFound, "there is no such device")
	case c.readings.ForeignDevice == Foreign1106:
		return deny("1106", "the device is not the caller's")
	}
	return deny(denyPermission, "the device is not the caller's")
}

// read reads a parameter; nil is one that was left out.
func (p param) read(params map[string]json.RawMessage) (any, *denial) {
	raw, ok := params[p.name]
	switch {
	case (!ok || string(raw) == "null") && p.optional:
		return nil, nil
	case !ok || string(raw) == "null":
		return nil, deny("1102", "%s", p.name)
	case string(raw) == `""` && p.optional && !p.isList:
		return "", nil
	case string(raw) == `""`:
		return nil, deny("1100", "%s", p.name)
	}
	if p.isList {
		var list []any
		if json.Unmarshal(raw, &list) != nil {
			return nil, deny("1104", "%s", p.name)
		}
		texts := []string{}
		for _, v := range list {
			text, isText := v.(string)
			if !isText {
				return nil, deny("1104", "%s", p.name)
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	if p.allowed == nil && p.most == 0 {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return nil, deny("1104", "%s", p.name)
		}
		return text, nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err != nil:
		return nil, deny("1104", "%s", p.name)
	case p.allowed != nil && !slices.Contains(p.allowed, n), p.most > 0 && (n < 1 || n > p.most):
		return nil, deny("1101", "%s", p.name)
	}
	return n, nil
}

// perform carries an operation out, with the faults that are of Tuya alone.
func (c *Cloud) perform(a *asked) reply {
	for _, f := range []struct {
		kind FaultKind
		code string
	}{
		{FaultTokenExpired, "1010"},
		{FaultTokenInvalid, "1011"},
		{FaultSystemError, "500"},
		{FaultBusy, "1111"},
		{FaultRateLimited, "1199"},
	} {
		if a.struck.has(f.kind) {
			return c.denied(deny(f.code, ""))
		}
	}
	if f, ok := a.struck.get(FaultErrorCode); ok {
		return c.denied(deny(f.Code, ""))
	}
	if f, ok := a.struck.get(FaultLateEffect); ok {
		wait := c.later(f.Delay, func() { _, _ = a.act(a) })
		return reply{status: http.StatusGatewayTimeout, kind: "text/plain", body: []byte("Gateway Timeout"), why: "the effect comes in " + wait.String()}
	}
	c.mu.Lock()
	result, denied := a.act(a)
	var body []byte
	if denied == nil {
		body = encode(result) // it may hold what others change
	}
	c.mu.Unlock()
	switch _, isAbsent := result.(absent); {
	case denied != nil:
		return c.denied(denied)
	case a.struck.has(FaultSystemErrorAfter):
		return c.denied(deny("500", ""))
	case isAbsent:
		return c.granted(nil)
	}
	return c.granted(body)
}

// granted wraps the result of an operation; nil is none.
func (c *Cloud) granted(result []byte) reply {
	envelope := []field{bareField("success", "true")}
	if result != nil {
		envelope = append(envelope, bareField("result", string(result)))
	}
	if c.readings.StatusOK {
		envelope = append(envelope, textField("status", "ok"))
	}
	return jsonReply(http.StatusOK, encodeJSON(c.stamp(envelope)))
}

// denied wraps a failure.
func (c *Cloud) denied(d *denial) reply {
	status := http.StatusOK
	if c.readings.ErrorStatus {
		status = statusFor(d.code)
	}
	return c.deniedWith(status, d)
}

func (c *Cloud) deniedWith(status int, d *denial) reply {
	code := numberField("code", d.code)
	if c.readings.ErrorCodeText {
		code = textField("code", d.code)
	}
	envelope := []field{bareField("success", "false"), code, textField("msg", d.msg)}
	return jsonReply(status, encodeJSON(c.stamp(envelope)))
}

// stamp adds what ends every envelope.
func (c *Cloud) stamp(envelope []field) []field {
	t := strconv.FormatInt(c.Clock.Now().UnixMilli(), 10)
	if c.readings.TimeText {
		envelope = append(envelope, textField("t", t))
	} else {
		envelope = append(envelope, bareField("t", t))
	}
	if !c.readings.OmitTID {
		c.mu.Lock()
		envelope = append(envelope, textField("tid", strings.ToLower(c.ids.next("tid", 32))))
		c.mu.Unlock()
	}
	return envelope
}

// numberField is a number if value is one, and a text otherwise.
func numberField(name, value string) field {
	if _, err := strconv.ParseInt(value, 10, 64); err == nil && json.Valid([]byte(value)) {
		return bareField(name, value)
	}
	return textField(name, value)
}

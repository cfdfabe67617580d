package testkit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Call names something that goes over the wire between a merchant and a fake.
type Call string

// The calls of VVChat, which [Platform] plays.
const (
	CallUnifiedOrder Call = "unifiedorder"
	CallQuery        Call = "query"
	CallToken        Call = "token"
	CallUserInfo     Call = "userinfo"
	CallAgentpay     Call = "agentpay"
	CallSendMsg      Call = "sendmsg"
	CallRobotToken   Call = "robot-token"
	CallRobotCommand Call = "robot-command"
	// CallTestImprest is the one that the test host alone has: an order
	// made by the platform itself.
	CallTestImprest Call = "test-imprest"
	// CallNotification and CallPayoutNotification are the two that the
	// platform makes: an attempt to deliver the notification of a payment,
	// or of a payout.
	CallNotification       Call = "notification"
	CallPayoutNotification Call = "payout-notification"
	// CallRobotEvent is an event that a robot's merchant is told of. No
	// fault strikes it: it is sent once, by whoever tests.
	CallRobotEvent Call = "robot-event"
)

// The operations of Tuya's mall and VoIP, which [Cloud] plays, by the names
// that the SDK gives them.
const (
	CallGetCommodityList       Call = "getCommodityList"
	CallGetAppMallInfo         Call = "getAppMallInfo"
	CallGetDeviceCapability    Call = "getDeviceCapability"
	CallGetServiceListByDevice Call = "getServiceListByDevice"
	CallGetVoipAuthUser        Call = "getVoipAuthUser"
	CallSaveWXVoipAuth         Call = "saveWXVoipAuth"
	CallSaveVoipAuthUser       Call = "saveVoipAuthUser"
	CallExchangeCode           Call = "exchangeCode"

	CallGetDeviceAddValueType    Call = "getDeviceAddValueType"
	CallGetDeviceList            Call = "getDeviceList"
	CallGetOrderList             Call = "getOrderList"
	CallGetSubscriptionOrderList Call = "getSubscriptionOrderList"
	CallGetServiceIntroduction   Call = "getServiceIntroduction"
	CallGetDeviceWXUserInfo      Call = "getDeviceWXUserInfo"
	CallBuyIncreaseServiceByWx   Call = "buyIncreaseServiceByWx"
)

// The calls of WeChat, which [Cloud] plays too.
const (
	CallWeChatToken Call = "wechat-token"
	CallGetSNTicket Call = "getsnticket"
)

func vvchatCalls() []Call {
	return []Call{CallUnifiedOrder, CallQuery, CallToken, CallUserInfo, CallAgentpay, CallSendMsg, CallRobotToken, CallRobotCommand, CallTestImprest}
}

func tuyaCalls() []Call {
	return []Call{
		CallGetCommodityList, CallGetAppMallInfo, CallGetDeviceCapability, CallGetServiceListByDevice,
		CallGetVoipAuthUser, CallSaveWXVoipAuth, CallSaveVoipAuthUser, CallExchangeCode,
		CallGetDeviceAddValueType, CallGetDeviceList, CallGetOrderList, CallGetSubscriptionOrderList,
		CallGetServiceIntroduction, CallGetDeviceWXUserInfo, CallBuyIncreaseServiceByWx,
	}
}

func wechatCalls() []Call { return []Call{CallWeChatToken, CallGetSNTicket} }

// FaultKind names something that can go wrong. The constants are all there
// are; [Faults] tells what each does. A command line can take its text as it
// is.
type FaultKind string

// The faults.
const (
	// Of every request to a fake.

	FaultSlow          FaultKind = "slow"
	FaultCut           FaultKind = "cut"
	FaultAnswerLost    FaultKind = "answer-lost"
	FaultError500      FaultKind = "error-500"
	FaultError500After FaultKind = "error-500-after"
	FaultRefused       FaultKind = "refused"
	FaultGarbage       FaultKind = "garbage"
	FaultRefusedPlain  FaultKind = "refused-plain"
	FaultTooMany       FaultKind = "too-many"
	FaultRedirect      FaultKind = "redirect"
	FaultRedirectAway  FaultKind = "redirect-away"
	FaultHugeAnswer    FaultKind = "huge-answer"
	FaultTornAnswer    FaultKind = "torn-answer"

	// Of one of the calls to VVChat.

	FaultForgedAnswer   FaultKind = "forged-answer"
	FaultUnsignedAnswer FaultKind = "unsigned-answer"
	FaultOtherApp       FaultKind = "other-app"
	FaultOtherAmount    FaultKind = "other-amount"
	FaultOtherStore     FaultKind = "other-store"
	FaultOtherScene     FaultKind = "other-scene"
	FaultOddCode        FaultKind = "odd-code"
	FaultOtherOrder     FaultKind = "other-order"
	FaultOddStatus      FaultKind = "odd-status"
	FaultTextNumbers    FaultKind = "text-numbers"
	FaultOtherUser      FaultKind = "other-user"
	FaultUnpaid         FaultKind = "unpaid"
	FaultWrongCode      FaultKind = "wrong-code"
	FaultDurationExpiry FaultKind = "duration-expiry"

	// Of calls that show a token.

	FaultTokenExpired FaultKind = "token-expired"
	FaultTokenInvalid FaultKind = "token-invalid"

	// Of Tuya and of WeChat.

	FaultSystemError      FaultKind = "system-error"
	FaultSystemErrorAfter FaultKind = "system-error-after"
	FaultErrorCode        FaultKind = "error-code"

	// Of Tuya.

	FaultBusy        FaultKind = "busy"
	FaultRateLimited FaultKind = "rate-limited"
	FaultLateEffect  FaultKind = "late-effect"
	FaultNotSaved    FaultKind = "not-saved"
	FaultPriceChange FaultKind = "price-change"

	// Of notifications.

	FaultDropCallback        FaultKind = "drop-callback"
	FaultDelayCallback       FaultKind = "delay-callback"
	FaultDuplicate           FaultKind = "duplicate"
	FaultDuplicateConcurrent FaultKind = "duplicate-concurrent"
	FaultReorder             FaultKind = "reorder"
	FaultWaitingFirst        FaultKind = "waiting-first"
	FaultForgedSign          FaultKind = "forged-sign"
	FaultTampered            FaultKind = "tampered"
	FaultLowerCaseSign       FaultKind = "lower-case-sign"
	FaultExtraField          FaultKind = "extra-field"
	FaultMutate              FaultKind = "mutate"
	FaultSecondPayment       FaultKind = "second-payment"

	// Of payouts.

	FaultPayoutFailed      FaultKind = "payout-failed"
	FaultPayoutFailedAfter FaultKind = "payout-failed-after"
)

// FaultInfo tells what a [FaultKind] does.
type FaultInfo struct {
	// Kind is the fault.
	Kind FaultKind
	// Calls are the calls that it can happen to.
	Calls []Call
	// Doc is one line.
	Doc string
	// added is true if the fault can join others in one call; of those that
	// are not, a call has one at most.
	added bool
}

// Faults returns all faults: the one place that a command line prints from.
func Faults() []FaultInfo {
	tuya := slices.Concat(tuyaCalls(), openAPICalls())
	cloud := slices.Concat(tuya, wechatCalls())
	shown := slices.Concat([]Call{CallUserInfo, CallSendMsg, CallRobotCommand, CallGetSNTicket, CallOpenAPIRefresh}, tuyaCalls(), openAPIBusinessCalls())
	requests := slices.Concat(vvchatCalls(), cloud)
	order, query := []Call{CallUnifiedOrder}, []Call{CallQuery}
	payments, notices := []Call{CallNotification}, []Call{CallNotification, CallPayoutNotification}
	return []FaultInfo{
		{FaultSlow, requests, "the answer, whatever it is, waits for Delay on the clock, or until the client gives up", true},
		{FaultCut, requests, "the connection is cut before the call has an effect", false},
		{FaultAnswerLost, requests, "the call has its effect, then the connection is cut", false},
		{FaultError500, requests, "answered HTTP 500 before the call has an effect", false},
		{FaultError500After, requests, "the call has its effect and is answered HTTP 500", false},
		{FaultRefused, requests, "refused for good, without an effect: 400 of VVChat, PERMISSION_DENIED of Tuya, 1106 of its OpenAPI where no page says otherwise, 48001 of WeChat", false},
		{FaultGarbage, requests, "answered 200 with a page of HTML, as a broken proxy does, without an effect", false},
		{FaultRefusedPlain, requests, "refused with HTTP 400 and a text that is no JSON, without an effect", false},
		{FaultTooMany, requests, "answered HTTP 429, without an effect", false},
		{FaultRedirect, requests, "answered 302 to another path, without an effect", false},
		{FaultRedirectAway, requests, "answered 302 to another host, without an effect: the fake's own address under its other name (localhost, 127.0.0.1)", false},
		{FaultHugeAnswer, requests, "the call has its effect, and 16 MiB of white space follow the answer's first byte", false},
		{FaultTornAnswer, requests, "the call has its effect; the connection is cut in the middle of the answer's body", false},

		{FaultForgedAnswer, order, "the order is made; the answer's sign comes from another key", false},
		{FaultUnsignedAnswer, order, "the order is made; the answer has no sign", false},
		{FaultOtherApp, order, "the order is made; the answer is signed well and names another app_id", false},
		{FaultOtherStore, []Call{CallUnifiedOrder, CallQuery}, "the call has its effect; the answer names another store_no, signed well where there is a sign", false},
		{FaultOtherScene, order, "the order is made; the answer is signed well and names another scene_type", false},
		{FaultOddCode, order, "the order is made; the answer is signed well, and its imprest_code is no identifier", false},
		{FaultOtherOrder, query, "the answer is about another order: another out_trade_no and another imprest_code", false},
		{FaultOddStatus, query, "the answer says status 2, which the page does not know", false},
		{FaultTextNumbers, query, "amount and status are JSON strings, with the right values", false},
		{FaultUnpaid, query, "the answer says status 0 of a trade that is paid", false},
		{FaultOtherAmount, []Call{CallQuery, CallNotification}, "one fen more than was ordered, signed well where there is a sign", false},
		{FaultWrongCode, []Call{CallToken}, "a good code is refused as a wrong one, and stays good", false},
		{FaultDurationExpiry, []Call{CallToken}, "expire_in is a duration in seconds, as the robot's is", false},
		{FaultOtherUser, []Call{CallUserInfo}, "the profile is another user's", false},

		{FaultTokenExpired, shown, "the token has expired before its time (of a robot for ever; 1010 of Tuya, of the OpenAPI for that token for ever; 42001 of WeChat, for that token for ever)", false},
		{FaultTokenInvalid, shown, "the token is not good any more (of a robot for ever; 1011 of Tuya, of the OpenAPI for that token for ever; 40001 of WeChat, for that token for ever)", false},

		{FaultSystemError, cloud, "HTTP 200 with the system's error (500 of Tuya, -1 of WeChat), without an effect", false},
		{FaultSystemErrorAfter, cloud, "the call has its effect and is answered HTTP 200 with the system's error", false},
		{FaultErrorCode, cloud, "answered with the error code Code, without an effect", false},

		{FaultBusy, tuya, "1111, the system is busy, without an effect", false},
		{FaultRateLimited, tuya, "1199, too many requests, without an effect", false},
		{FaultPriceChange, []Call{CallBuyIncreaseServiceByWx}, "the price rises by 1 yuan just before the order is made, which costs the new one", false},
		{FaultLateEffect, []Call{CallExchangeCode, CallBuyIncreaseServiceByWx, CallSaveWXVoipAuth, CallSaveVoipAuthUser, CallCloseOrder}, "answered HTTP 504; the effect comes later by Delay on the clock (a minute if it is 0)", false},
		{FaultNotSaved, []Call{CallSaveWXVoipAuth, CallSaveVoipAuthUser, CallCloseOrder}, "answered false, which is to say not saved, or not closed, without an effect", false},

		{FaultDropCallback, notices, "the attempt is never sent", false},
		{FaultDelayCallback, notices, "the attempt is made later by Delay on the clock (a minute if it is 0)", false},
		{FaultDuplicate, notices, "sent Copies more times (once if it is 0), one after the other", true},
		{FaultDuplicateConcurrent, notices, "sent Copies more times (once if it is 0), all at the same time", true},
		{FaultReorder, notices, "a notice with status 0 arrives after the attempt", true},
		{FaultWaitingFirst, notices, "a notice with status 0 arrives before the attempt", true},
		{FaultForgedSign, notices, "signed with another app_key", false},
		{FaultTampered, notices, "the amount, or the out_order_no of a payout, is changed after signing", false},
		{FaultLowerCaseSign, notices, "the sign in lower-case hex, which is genuine", false},
		{FaultExtraField, notices, "a field that nobody documented, signed like all others, which is genuine", false},
		{FaultMutate, notices, "changed by Mutators, those of a payout's notice if it is one", false},
		{FaultSecondPayment, payments, "the order is paid a second time, under another trade_no, after the attempt", true},

		{FaultPayoutFailed, []Call{CallAgentpay}, "the payout is accepted, and comes to nothing: status 2", false},
		{FaultPayoutFailedAfter, []Call{CallPayoutNotification}, "a notice with status 2 arrives after the attempt", true},
	}
}

// FindFault returns what is known of the fault with that name.
func FindFault(name string) (FaultInfo, bool) {
	for _, info := range Faults() {
		if info.Kind == FaultKind(name) {
			return info, true
		}
	}
	return FaultInfo{}, false
}

// Always, as the Times of a [Fault], makes it happen every time.
const Always = -1

// Fault is something that shall go wrong: a kind, when it strikes, and what
// the kind needs to know. It strikes calls in the order in which they arrive,
// so that the same calls meet the same faults every time. A request that the
// platform refuses as malformed or unsigned meets none.
type Fault struct {
	// Kind says what happens.
	Kind FaultKind
	// Call limits it to one call; "" is every call that the kind can happen
	// to.
	Call Call
	// OutTradeNo limits it to one order; "" is every order.
	OutTradeNo string
	// OutOrderNo limits it to one payout; "" is every payout.
	OutOrderNo string
	// SessionID limits it to one chat; "" is every chat.
	SessionID string
	// DeviceID limits it to one device; "" is every device.
	DeviceID string
	// Match limits it further; nil lets every call pass. It may look at the
	// fake, but must not inject.
	Match func(FaultTarget) bool
	// Skip is how many calls that fit it lets pass first.
	Skip int
	// Times is how many calls it then strikes; 0 is one, [Always] is all.
	Times int
	// Delay is for the kinds that wait.
	Delay time.Duration
	// Copies is for the kinds that repeat.
	Copies int
	// Mutators is for [FaultMutate].
	Mutators []Mutator
	// Code is for [FaultErrorCode]: what the other side answers, such as
	// "1113", "28841004" or "CODE_USED".
	Code string
}

// FaultTarget is a call that a fault may strike. Fields that the call does not
// have are empty.
type FaultTarget struct {
	Call        Call
	AppID       string
	OutTradeNo  string
	OutOrderNo  string
	ImprestCode string
	SessionID   string
	UserID      string
	DeviceID    string
	// Attempt counts the attempts of one notification, from 1.
	Attempt int
}

// Injection is a fault that was injected.
type Injection struct {
	fault   Fault
	info    FaultInfo
	owner   *injections
	skipped int
	applied int
	removed bool
}

// Applied returns how many calls the fault has struck.
func (i *Injection) Applied() int {
	i.owner.mu.Lock()
	defer i.owner.mu.Unlock()
	return i.applied
}

// Remove ends the fault.
func (i *Injection) Remove() {
	i.owner.mu.Lock()
	defer i.owner.mu.Unlock()
	i.removed = true
	i.owner.list = slices.DeleteFunc(slices.Clone(i.owner.list), func(other *Injection) bool { return other == i })
}

// fits is called with the owner's lock held.
func (i *Injection) fits(t FaultTarget) bool {
	f := i.fault
	switch {
	case i.removed, f.Times >= 0 && i.applied >= max(f.Times, 1):
		return false
	case !slices.Contains(i.info.Calls, t.Call), f.Call != "" && f.Call != t.Call:
		return false
	case f.OutTradeNo != "" && f.OutTradeNo != t.OutTradeNo, f.OutOrderNo != "" && f.OutOrderNo != t.OutOrderNo,
		f.SessionID != "" && f.SessionID != t.SessionID, f.DeviceID != "" && f.DeviceID != t.DeviceID:
		return false
	}
	return f.Match == nil || f.Match(t)
}

// injections holds the faults of one fake. Its lock is apart from the fake's,
// so that a Match may look at the fake.
type injections struct {
	calls []Call // of the fake

	mu   sync.Mutex
	list []*Injection
}

func (s *injections) inject(f Fault) *Injection {
	info, ok := FindFault(string(f.Kind))
	switch {
	case !ok:
		panic(fmt.Sprintf("testkit: no fault %q; there are %s", f.Kind, strings.Join(faultNames(), ", ")))
	case f.Call != "" && !slices.Contains(info.Calls, f.Call):
		panic(fmt.Sprintf("testkit: fault %q cannot happen to %q, only to %q", f.Kind, f.Call, info.Calls))
	case f.Call != "" && !slices.Contains(s.calls, f.Call), !slices.ContainsFunc(info.Calls, func(c Call) bool { return slices.Contains(s.calls, c) }):
		panic(fmt.Sprintf("testkit: fault %q can happen to %q; here are only %q", f.Kind, info.Calls, s.calls))
	case f.Kind == FaultMutate && f.Call == "" && slices.Contains(s.calls, CallPayoutNotification):
		f.Call = CallNotification // the mutators of the two are not the same
	case f.Kind == FaultErrorCode && f.Code == "":
		panic(fmt.Sprintf("testkit: fault %q needs a Code", f.Kind))
	}
	for _, m := range f.Mutators {
		findMutation(m, f.Call == CallPayoutNotification)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := &Injection{fault: f, info: info, owner: s}
	s.list = append(s.list, i)
	return i
}

func faultNames() []string {
	var names []string
	for _, info := range Faults() {
		names = append(names, string(info.Kind))
	}
	return names
}

func (s *injections) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.list {
		i.removed = true
	}
	s.list = nil
}

// take returns the faults that strike a call, and counts them: one that
// excludes others at most, and each of the other kinds once.
func (s *injections) take(t FaultTarget, except ...FaultKind) struck {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got struck
	exclusive := false
	for _, i := range s.list {
		_, has := got.get(i.fault.Kind)
		if has || (exclusive && !i.info.added) || slices.Contains(except, i.fault.Kind) || !i.fits(t) {
			continue
		}
		if i.skipped < i.fault.Skip {
			i.skipped++
			continue
		}
		i.applied++
		exclusive = exclusive || !i.info.added
		got = append(got, i.fault)
	}
	return got
}

// struck is what strikes one call.
type struck []Fault

func (s struck) get(kind FaultKind) (Fault, bool) {
	for _, f := range s {
		if f.Kind == kind {
			return f, true
		}
	}
	return Fault{}, false
}

func (s struck) has(kind FaultKind) bool {
	_, ok := s.get(kind)
	return ok
}

func (s struck) kinds() []FaultKind {
	var kinds []FaultKind
	for _, f := range s {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

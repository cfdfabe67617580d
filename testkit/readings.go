package testkit

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Repeat is what the platform does with an out_trade_no, or an out_order_no,
// that it has already.
type Repeat string

// The ways to answer a repeated order, or a repeated payout. Whatever is
// chosen, an order that differs from the first, and one that is paid already,
// is refused.
const (
	RepeatRefused  Repeat = "refused"   // 400
	RepeatSameCode Repeat = "same-code" // the imprest_code, or the agentpay_no, that it has
	RepeatNewCode  Repeat = "new-code"  // a new imprest_code; the old one stays payable
	RepeatPays     Repeat = "pays"      // of a payout: money moves again
)

// Readings are the knobs of a [Platform], one for each point on which the
// platform's page is silent or says two things. The zero value of each is the
// reading that imprest takes; a merchant who passes with the others too does
// not depend on it.
type Readings struct {
	// RepeatedOrder is the answer to an out_trade_no that is taken; "" is
	// [RepeatRefused].
	RepeatedOrder Repeat
	// LowerCaseSign accepts a sign in lower-case hex in a request. The page
	// writes upper case, and that is what imprest sends; what it receives it
	// takes either way.
	LowerCaseSign bool
	// AnyOutTradeNo accepts an out_trade_no of whatever characters.
	// Otherwise they are A-Z, a-z, 0-9, _ and -, which is what imprest
	// takes: the page names no set.
	AnyOutTradeNo bool
	// AmountText accepts an amount that is a JSON string in a request.
	AmountText bool
	// SceneTypes are the scene_type values that an order may have; APP and
	// WEB if there are none.
	SceneTypes []string
	// Limits adds to, or changes, how many characters a field of an order
	// or a payout may have: nonce_str 32 (documented), out_trade_no,
	// out_order_no, in_open_id and out_open_id 64, title 256, content 16384,
	// remark 512, notify_url 1024.
	Limits map[string]int

	// UnknownOrder is the err_code of a query for an order that does not
	// exist; 400 if it is 0. The HTTP status is 400 in any case.
	UnknownOrder int
	// OmitEmpty leaves out of a query's answer what an unpaid order does
	// not have yet (open_id, trade_no) and an empty remark; otherwise they
	// are empty strings.
	OmitEmpty bool

	// CodeLife is how long a code can be exchanged; 5 minutes if it is 0.
	CodeLife time.Duration
	// TokenLife is how long a token is good; 2 hours if it is 0.
	TokenLife time.Duration

	// RepeatedPayout is what an out_order_no does that is taken; "" is
	// [RepeatPays], the worst for a merchant: nothing promises that a
	// repeated payout pays once.
	RepeatedPayout Repeat
	// OmitAgentpayNo leaves the agentpay_no out of the answer to a payout,
	// whose body is not documented.
	OmitAgentpayNo bool
	// PayoutDelay is how long after its answer a payout is settled, and the
	// merchant notified; a second if it is 0.
	PayoutDelay time.Duration
	// HoldPayouts settles none by itself: [Platform.SettlePayout] does.
	HoldPayouts bool
	// AnyPayee accepts an in_open_id that is nobody's.
	AnyPayee bool
	// SignWindow is how far the timestamp of a joint signature may be off,
	// and how long its noncestr is remembered twice; 5 minutes if it is 0.
	SignWindow time.Duration

	// AnyMessageType accepts a message of whatever type; otherwise text is
	// the only one, as it is the only one documented.
	AnyMessageType bool
	// SendMsgResult is the answer to a message, of which the page says
	// nothing but its status; "{}" if it is empty.
	SendMsgResult string
	// RobotTokenLife is how long a robot's token is good; 2 hours if it is 0.
	RobotTokenLife time.Duration
	// OldRobotTokens keeps a robot's token good when there is a newer one.
	OldRobotTokens bool
	// RobotResult is the answer to a command, of which the page says nothing
	// but its status; "{}" if it is empty.
	RobotResult string
	// RobotTypeNumbers accepts session_type and to_type of a command as JSON
	// numbers too.
	RobotTypeNumbers bool
	// EventTypeText sends the session_type of an event as a JSON string.
	EventTypeText bool

	// NotifyForm sends notifications as forms in the place of JSON.
	NotifyForm bool
	// NotifyStatusText sends the status as a JSON string.
	NotifyStatusText bool
	// NotifyAmountNumber sends the amount as a JSON number.
	NotifyAmountNumber bool
	// NotifyTimeNumbers sends trade_time and pay_time as JSON numbers.
	NotifyTimeNumbers bool
	// NotifyExtra returns fields that a notification holds beyond the
	// documented ones; nil is none.
	NotifyExtra func(Trade) map[string]string
}

// check reports a knob that stands where it cannot.
func (r Readings) check() error {
	const op = "testkit.NewPlatform"
	switch {
	case !slices.Contains([]Repeat{"", RepeatRefused, RepeatSameCode, RepeatNewCode}, r.RepeatedOrder):
		return core.Invalid(op, "Readings.RepeatedOrder: there is no "+string(r.RepeatedOrder))
	case !slices.Contains([]Repeat{"", RepeatRefused, RepeatSameCode, RepeatPays}, r.RepeatedPayout):
		return core.Invalid(op, "Readings.RepeatedPayout: there is no "+string(r.RepeatedPayout))
	}
	return nil
}

func (r Readings) withDefaults() Readings {
	if r.RepeatedOrder == "" {
		r.RepeatedOrder = RepeatRefused
	}
	r.SceneTypes = slices.Clone(r.SceneTypes)
	if len(r.SceneTypes) == 0 {
		r.SceneTypes = []string{"APP", "WEB"}
	}
	if r.RepeatedPayout == "" {
		r.RepeatedPayout = RepeatPays
	}
	if r.PayoutDelay <= 0 {
		r.PayoutDelay = time.Second
	}
	if r.SendMsgResult == "" {
		r.SendMsgResult = "{}"
	}
	if r.RobotResult == "" {
		r.RobotResult = "{}"
	}
	if r.RobotTokenLife <= 0 {
		r.RobotTokenLife = 2 * time.Hour
	}
	if r.SignWindow <= 0 {
		r.SignWindow = 5 * time.Minute
	}
	limits := map[string]int{"nonce_str": 32, "out_trade_no": 64, "out_order_no": 64, "in_open_id": 64, "out_open_id": 64, "title": 256, "content": 16384, "remark": 512, "notify_url": 1024}
	maps.Copy(limits, r.Limits)
	r.Limits = limits
	if r.UnknownOrder == 0 {
		r.UnknownOrder = http.StatusBadRequest
	}
	if r.CodeLife <= 0 {
		r.CodeLife = 5 * time.Minute
	}
	if r.TokenLife <= 0 {
		r.TokenLife = 2 * time.Hour
	}
	return r
}

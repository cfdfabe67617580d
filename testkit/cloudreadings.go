package testkit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Foreign is how the cloud refuses a device that is not the caller's.
type Foreign string

// The ways to refuse somebody else's device.
const (
	ForeignDenied  Foreign = "denied"    // the code PERMISSION_DENIED
	Foreign1106    Foreign = "1106"      // the gateway's code 1106
	ForeignUnknown Foreign = "not-found" // DEVICE_NOT_FOUND, as if there were no such device
)

// Nothing is how the cloud says that there is none of what was asked for: no
// such capability, no authorized user.
type Nothing string

// The ways to say that there is nothing.
const (
	NothingNull   Nothing = "null"   // the result is null
	NothingEmpty  Nothing = "empty"  // the result is {}
	NothingAbsent Nothing = "absent" // a success without a result
	NothingError  Nothing = "error"  // the gateway's code 1000, data not exist
)

// PriceForm is how the cloud writes an amount of money.
type PriceForm string

// The ways to write an amount.
const (
	PriceObject PriceForm = "object" // {"Value":"0.01"}, as the page's examples have it
	PriceNumber PriceForm = "number" // 0.01, as the page's tables have it
	PriceText   PriceForm = "text"   // "0.01"
)

// OldTokens is what becomes of a WeChat access token when its app gets another.
type OldTokens string

// The ways to treat an older token.
const (
	OldTokensGrace  OldTokens = "grace"  // good for 5 minutes more
	OldTokensGood   OldTokens = "good"   // good to its end
	OldTokensRefuse OldTokens = "refuse" // no good from then on
)

// Discount is what the discount of a marketing strategy, 20 for 20 %, does to
// what an order costs. The page says neither that it does anything, nor whether
// 20 % come off or are left to pay.
type Discount string

// The readings of a discount.
const (
	DiscountTold  Discount = "told"   // nothing: the price has it in it already
	DiscountOff   Discount = "off"    // 20 % come off the price
	DiscountToPay Discount = "to-pay" // 20 % of the price are to pay
)

// SignedQuery is which text of the query a signature of the OpenAPI covers.
type SignedQuery string

// The texts of a query. They are the same as long as nothing in it is escaped.
const (
	SignedDecoded SignedQuery = "decoded" // without escapes, as both of Tuya's Go SDKs sign it
	SignedRaw     SignedQuery = "raw"     // as it is sent
	SignedEither  SignedQuery = "either"  // one or the other
)

// CloudReadings are the knobs of a [Cloud], one for each point on which Tuya's
// page is silent, says two things, or shows one thing and lists another. The
// zero value of each is the reading that imprest takes; a merchant who passes
// with the others too does not depend on it.
type CloudReadings struct {
	// ActionNames are the names of actions that differ from the SDK's names,
	// by operation. No action name is published.
	ActionNames map[Call]string
	// ExtraParams accepts parameters that the operation does not have.
	ExtraParams bool
	// ForeignDevice is the refusal of a device that is not the caller's; ""
	// is [ForeignDenied].
	ForeignDevice Foreign
	// Nothing is the answer if there is none of what was asked for; "" is
	// [NothingNull].
	Nothing Nothing

	// ErrorCodeText sends the gateway's numeric error codes as JSON strings.
	ErrorCodeText bool
	// ErrorStatus sends failures with a fitting HTTP status; otherwise it is
	// 200 whatever the answer says.
	ErrorStatus bool
	// TimeText sends the envelope's t as a JSON string.
	TimeText bool
	// OmitTID leaves the envelope's tid out.
	OmitTID bool
	// StatusOK adds "status":"ok" to the envelope of a success.
	StatusOK bool

	// SignedQuery is which text of the query a signature of the OpenAPI
	// covers; "" is [SignedEither], since no document says which it is.
	SignedQuery SignedQuery
	// OldSignature also accepts signatures of the algorithm for projects
	// from before July 2021, which cover client_id, access_token and t
	// alone; otherwise they are 1004.
	OldSignature bool
	// ClockSkew is how far the t of a call of the OpenAPI may be from the
	// cloud's time, either way; beyond it is 1013. It is 5 minutes if it is
	// 0, and without end if it is negative.
	ClockSkew time.Duration
	// RepeatNonce lets a project use a nonce again; otherwise a call whose
	// nonce came before, within ClockSkew, is 1004: its signature is spent.
	RepeatNonce bool
	// OneToken ends a project's older tokens, and their refresh tokens, when
	// it gets another: they are 1010, as reports tell. Otherwise each is
	// good to its end.
	OneToken bool
	// AccessTokenLife is how long a token of the OpenAPI is good, in whole
	// seconds; 2 hours if it is 0.
	AccessTokenLife time.Duration

	// PriceForm is how amounts are written; "" is [PriceObject].
	PriceForm PriceForm

	// HideEnded leaves services that have ended out of the list.
	HideEnded bool
	// TellPermanent always tells isPermanent; otherwise only of a service
	// that is.
	TellPermanent bool

	// ExchangeResult is the result of a redemption as JSON text; "" is
	// "true".
	ExchangeResult string
	// RepeatRedeemed answers a code that the same user redeems for the same
	// device once more as a success, without a second effect; otherwise it
	// is CODE_USED.
	RepeatRedeemed bool
	// GrantApart makes every redemption a service of its own, which begins
	// where the last of its code ends; otherwise that one is extended.
	GrantApart bool
	// AnyName accepts a redemption whose name is not the device's.
	AnyName bool

	// BuyResult is the result of buyIncreaseServiceByWx as JSON text; "" is
	// what wx.requestPayment needs, with the orderId unless OmitOrderID.
	BuyResult   string
	OmitOrderID bool
	// Discount is what a marketing strategy does to what an order costs; "" is
	// [DiscountTold]. A part of a fen is left to the buyer.
	Discount Discount
	// DeliverAfter is how long after its payment an order is delivered, by
	// the clock; at once if it is 0, by [Cloud.MoveMallOrder] alone if it is
	// negative.
	DeliverAfter time.Duration
	// TellTradeType tells the tradeType of orders, which is in the page's
	// table and not in its example.
	TellTradeType bool
	// FirstOrder shows the first order of a subscription as the one behind
	// it; otherwise it is the last.
	FirstOrder bool

	// AuthAnyDevice lets authorizations be saved for a device without the
	// VoIP capability.
	AuthAnyDevice bool
	// AuthUserApart leaves the authorized user to saveVoipAuthUser alone;
	// otherwise saveWXVoipAuth makes the caller that user if there is none.
	AuthUserApart bool

	// OldTokens is what becomes of a WeChat token when its app gets another;
	// "" is [OldTokensGrace].
	OldTokens OldTokens
	// TokenLife is how long a WeChat token is good, in whole seconds; 2
	// hours if it is 0.
	TokenLife time.Duration
	// TicketLife is how long an sn_ticket is good; 5 minutes if it is 0.
	TicketLife time.Duration
}

func (r CloudReadings) withDefaults() CloudReadings {
	r.ActionNames = maps.Clone(r.ActionNames)
	if r.ForeignDevice == "" {
		r.ForeignDevice = ForeignDenied
	}
	if r.Nothing == "" {
		r.Nothing = NothingNull
	}
	if r.SignedQuery == "" {
		r.SignedQuery = SignedEither
	}
	if r.ClockSkew == 0 {
		r.ClockSkew = 5 * time.Minute
	}
	if r.AccessTokenLife <= 0 {
		r.AccessTokenLife = 2 * time.Hour
	}
	if r.PriceForm == "" {
		r.PriceForm = PriceObject
	}
	if r.ExchangeResult == "" {
		r.ExchangeResult = "true"
	}
	if r.Discount == "" {
		r.Discount = DiscountTold
	}
	if r.OldTokens == "" {
		r.OldTokens = OldTokensGrace
	}
	if r.TokenLife <= 0 {
		r.TokenLife = 2 * time.Hour
	}
	if r.TicketLife <= 0 {
		r.TicketLife = 5 * time.Minute
	}
	return r
}

func (r CloudReadings) check(op string) error {
	r = r.withDefaults()
	for call := range r.ActionNames {
		if !slices.Contains(tuyaCalls(), call) {
			return core.Invalid(op, fmt.Sprintf("Readings.ActionNames: there is no operation %q", call))
		}
	}
	switch {
	case !json.Valid([]byte(r.ExchangeResult)):
		return core.Invalid(op, "Readings.ExchangeResult: must be JSON")
	case r.BuyResult != "" && !json.Valid([]byte(r.BuyResult)):
		return core.Invalid(op, "Readings.BuyResult: must be JSON")
	case !slices.Contains([]Discount{DiscountTold, DiscountOff, DiscountToPay}, r.Discount):
		return core.Invalid(op, fmt.Sprintf("Readings.Discount: %q is not known", r.Discount))
	case !slices.Contains([]Foreign{ForeignDenied, Foreign1106, ForeignUnknown}, r.ForeignDevice):
		return core.Invalid(op, fmt.Sprintf("Readings.ForeignDevice: %q is not known", r.ForeignDevice))
	case !slices.Contains([]Nothing{NothingNull, NothingEmpty, NothingAbsent, NothingError}, r.Nothing):
		return core.Invalid(op, fmt.Sprintf("Readings.Nothing: %q is not known", r.Nothing))
	case !slices.Contains([]PriceForm{PriceObject, PriceNumber, PriceText}, r.PriceForm):
		return core.Invalid(op, fmt.Sprintf("Readings.PriceForm: %q is not known", r.PriceForm))
	case !slices.Contains([]SignedQuery{SignedDecoded, SignedRaw, SignedEither}, r.SignedQuery):
		return core.Invalid(op, fmt.Sprintf("Readings.SignedQuery: %q is not known", r.SignedQuery))
	case !slices.Contains([]OldTokens{OldTokensGrace, OldTokensGood, OldTokensRefuse}, r.OldTokens):
		return core.Invalid(op, fmt.Sprintf("Readings.OldTokens: %q is not known", r.OldTokens))
	}
	return nil
}

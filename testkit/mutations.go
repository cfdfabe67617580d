package testkit

import (
	"slices"
	"strings"
)

// mutation is a mutator with its work, which is done in up to three steps.
type mutation struct {
	MutatorInfo
	// edit changes the fields before they are signed.
	edit func(*draft)
	// forge changes them afterwards.
	forge func(*draft)
	// wire changes the message that came of them.
	wire func(*Message)
}

func mutations() []mutation { return slices.Concat(fieldMutations(), textMutations()) }

// The two columns after the verdict: the kinds that a mutator works on, and the
// encodings.
const (
	both, payment = true, false
	inJSON, inAny = true, false
)

// fieldMutations are about what a notification says, and who says so.
func fieldMutations() []mutation {
	const deliver, acknowledge, refuse = VerdictDeliver, VerdictAcknowledge, VerdictRefuse
	return []mutation{
		{
			MutatorInfo: MutatorInfo{MutateWrongKey, refuse, both, inAny, "signed with another app_key"},
			edit:        func(d *draft) { d.appKey += "x" },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnkeyedSign, refuse, both, inAny, "signed without any key, as anybody can"},
			forge:       func(d *draft) { d.setSign(bareHash(canonical(d.fields))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateNoSign, refuse, both, inAny, "without a sign field"},
			forge:       func(d *draft) { d.drop("sign") },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptySign, refuse, both, inAny, "sign is the empty string"},
			forge:       func(d *draft) { d.setSign("") },
		},
		{
			MutatorInfo: MutatorInfo{MutateNullSign, refuse, both, inAny, "sign is null"},
			forge:       func(d *draft) { d.set(field{name: "sign", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateArraySign, refuse, both, inJSON, "sign is an array that holds the genuine one"},
			forge:       func(d *draft) { d.set(field{name: "sign", literal: "[" + quote(d.value("sign")) + "]"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateShortSign, refuse, both, inAny, "sign lacks its last digit"},
			forge:       func(d *draft) { d.setSign(short(d.value("sign"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateLongSign, refuse, both, inAny, "sign has one digit too many"},
			forge:       func(d *draft) { d.setSign(d.value("sign") + "0") },
		},
		{
			MutatorInfo: MutatorInfo{MutatePaddedSign, refuse, both, inAny, "a space follows the sign"},
			forge:       func(d *draft) { d.setSign(d.value("sign") + " ") },
		},
		{
			MutatorInfo: MutatorInfo{MutateNonHexSign, refuse, both, inAny, "sign has 32 characters, one of them no hex digit"},
			forge:       func(d *draft) { d.setSign(short(d.value("sign")) + "G") },
		},
		{
			MutatorInfo: MutatorInfo{MutateLowerCaseSign, deliver, both, inAny, "sign in lower-case hex: the same 16 bytes"},
			forge:       func(d *draft) { d.setSign(strings.ToLower(d.value("sign"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnsignedField, refuse, both, inAny, "a field that was added after signing: every field is signed, known or not"},
			forge:       func(d *draft) { d.set(textField("extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateChosenKey, refuse, both, inAny, "signed with a key that the message itself names, in fields key and app_key"},
			edit: func(d *draft) {
				d.appKey = "chosen"
				d.set(textField("key", d.appKey))
				d.set(textField("app_key", d.appKey))
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateChosenType, refuse, both, inAny, "sign_type is NONE, and the sign one that needs no key: nothing in a message chooses the algorithm"},
			edit:        func(d *draft) { d.set(textField("sign_type", "NONE")) },
			forge:       func(d *draft) { d.setSign(bareHash(canonical(d.fields))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedAmount, refuse, payment, inAny, "another amount under the old sign"},
			forge:       func(d *draft) { d.set(textField("amount", plusOne(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedStatus, refuse, both, inAny, "signed as waiting, then changed to status 1"},
			edit:        func(d *draft) { d.set(bareField("status", "0")) },
			forge:       func(d *draft) { d.set(bareField("status", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedOrder, refuse, both, inAny, "the number of another order under the old sign"},
			forge:       func(d *draft) { d.set(textField(d.order, d.value(d.order)+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedAppID, refuse, both, inAny, "another app_id under the old sign"},
			forge:       func(d *draft) { d.set(textField("app_id", d.value("app_id")+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOtherAmount, refuse, payment, inAny, "a genuine sign over one fen more than was ordered"},
			edit:        func(d *draft) { d.set(textField("amount", plusOne(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOtherApp, refuse, both, inAny, "a genuine sign over another app_id"},
			edit:        func(d *draft) { d.set(textField("app_id", d.value("app_id")+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnknownOrder, refuse, both, inAny, "a genuine sign over an order that nobody made"},
			edit:        func(d *draft) { d.set(textField(d.order, d.value(d.order)+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateCrossKind, refuse, payment, inAny, "a payment that carries agentpay_no, as a payout notice does: one key signs both kinds"},
			edit:        func(d *draft) { d.set(textField("agentpay_no", "A1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOtherKind, refuse, both, inAny, "a payout notice where a payment is expected, and the other way round: one key signs both kinds"},
			edit:        func(d *draft) { d.otherKind() },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusWaiting, acknowledge, both, inAny, "status 0: genuine, but nothing was paid"},
			edit:        func(d *draft) { d.set(bareField("status", "0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusFailed, acknowledge, both, inAny, "status 2: genuine, but nothing was paid"},
			edit:        func(d *draft) { d.set(bareField("status", "2")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusEleven, acknowledge, both, inAny, "status 11: begins with a 1 and is not paid"},
			edit:        func(d *draft) { d.set(bareField("status", "11")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusText, deliver, both, inJSON, "status as a JSON string: the page types it both ways"},
			edit:        func(d *draft) { d.set(textField("status", d.value("status"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusZeroPadded, refuse, both, inAny, "status as 01, which is no integer of the wire"},
			edit:        func(d *draft) { d.set(textField("status", "0"+d.value("status"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusFraction, refuse, both, inAny, "status as 1.0, which is no integer of the wire"},
			edit:        func(d *draft) { d.set(bareField("status", "1.0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusTrue, refuse, both, inAny, "status as true"},
			edit:        func(d *draft) { d.set(bareField("status", "true")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusNull, refuse, both, inAny, "status as null, which counts as missing"},
			edit:        func(d *draft) { d.set(field{name: "status", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountNumber, deliver, payment, inJSON, "amount as a JSON integer: the page types it both ways"},
			edit:        func(d *draft) { d.set(bareField("amount", d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountExponent, refuse, payment, inAny, "amount as a JSON number with an exponent: 100 as 1e2"},
			edit:        func(d *draft) { d.set(bareField("amount", exponent(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountFraction, refuse, payment, inAny, "amount as a JSON number with a fraction: 100 as 100.0"},
			edit:        func(d *draft) { d.set(bareField("amount", d.value("amount")+".0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountZeroPadded, refuse, payment, inAny, "amount with a leading zero: 0100"},
			edit:        func(d *draft) { d.set(textField("amount", "0"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountPlus, refuse, payment, inAny, "amount with a plus sign: +100"},
			edit:        func(d *draft) { d.set(textField("amount", "+"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountMinus, refuse, payment, inAny, "amount below zero: -100"},
			edit:        func(d *draft) { d.set(textField("amount", "-"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountSpace, refuse, payment, inAny, "amount with a space before it"},
			edit:        func(d *draft) { d.set(textField("amount", " "+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountFullWidth, refuse, payment, inAny, "amount in full-width digits"},
			edit:        func(d *draft) { d.set(textField("amount", fullWidth(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountOverflow32, refuse, payment, inAny, "amount plus 2^32, which is the amount again where 32 bits overflow"},
			edit:        func(d *draft) { d.set(textField("amount", wrapped(d.value("amount"), 32))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountOverflow, refuse, payment, inAny, "amount plus 2^64, which is the amount again where 64 bits overflow"},
			edit:        func(d *draft) { d.set(textField("amount", wrapped(d.value("amount"), 64))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountYuan, refuse, payment, inAny, "amount in yuan: 100 fen as 1.00"},
			edit:        func(d *draft) { d.set(textField("amount", inYuan(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountZero, refuse, payment, inAny, "amount 0"},
			edit:        func(d *draft) { d.set(textField("amount", "0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingAppID, refuse, both, inAny, "without app_id"},
			edit:        func(d *draft) { d.drop("app_id") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingOrder, refuse, both, inAny, "without out_trade_no (out_order_no)"},
			edit:        func(d *draft) { d.drop(d.order) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingNumber, refuse, both, inAny, "without trade_no (agentpay_no)"},
			edit:        func(d *draft) { d.drop(d.number()) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingStatus, refuse, both, inAny, "without status"},
			edit:        func(d *draft) { d.drop("status") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingAmount, refuse, payment, inAny, "without amount"},
			edit:        func(d *draft) { d.drop("amount") },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyOrder, refuse, both, inAny, "out_trade_no (out_order_no) is the empty string"},
			edit:        func(d *draft) { d.set(textField(d.order, "")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingOpenID, refuse, payment, inAny, "paid, without open_id"},
			edit:        func(d *draft) { d.drop("open_id") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingTradeTime, refuse, payment, inAny, "paid, without trade_time"},
			edit:        func(d *draft) { d.drop("trade_time") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingPayTime, refuse, both, inAny, "paid, without pay_time (time)"},
			edit:        func(d *draft) { d.drop(d.time()) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTimeMillis, refuse, both, inAny, "pay_time (time) in milliseconds: thirteen digits"},
			edit:        func(d *draft) { d.set(textField(d.time(), d.value(d.time())+"000")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOddNumber, refuse, both, inAny, "trade_no (agentpay_no) holds a quote, a space and slashes: the number of nothing"},
			edit:        func(d *draft) { d.set(textField(d.number(), d.value(d.number())+"' /../x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraField, deliver, both, inAny, "an unknown field"},
			edit:        func(d *draft) { d.set(textField("extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraNull, deliver, both, inAny, "an unknown field that is null, which counts as empty"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraEmpty, deliver, both, inAny, "an unknown field that is the empty string"},
			edit:        func(d *draft) { d.set(textField("extra", "")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraBool, deliver, both, inAny, "an unknown field that is true"},
			edit:        func(d *draft) { d.set(bareField("extra", "true")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraNumber, deliver, both, inAny, "an unknown number that no float holds: its bytes are signed as they stand"},
			edit:        func(d *draft) { d.set(bareField("extra", "12345678901234567890.120")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraMarkup, deliver, both, inAny, "an unknown field with <, > and &, which some encoders escape"},
			edit:        func(d *draft) { d.set(textField("extra", "<b>Tom & Jerry</b>")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraUnicode, deliver, both, inJSON, "an unknown field written in \\u escapes, a pair of surrogates among them"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "猫🐈", literal: `"\u732b\ud83d\udc08"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraCase, deliver, both, inAny, "an unknown field AMOUNT (STATUS) beside the real one: names are case-sensitive"},
			edit:        func(d *draft) { d.set(textField(strings.ToUpper(d.decisive()), "9")) },
		},
	}
}

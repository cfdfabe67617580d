package testkit

import (
	"net/http"
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

func mutations() []mutation {
	const deliver, acknowledge, refuse = VerdictDeliver, VerdictAcknowledge, VerdictRefuse
	const both, payment = true, false
	return []mutation{
		{
			MutatorInfo: MutatorInfo{MutateWrongKey, refuse, both, "signed with another app_key"},
			edit:        func(d *draft) { d.appKey += "x" },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnkeyedSign, refuse, both, "signed without any key, as anybody can"},
			forge:       func(d *draft) { d.setSign(bareHash(canonical(d.fields))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateNoSign, refuse, both, "without a sign field"},
			forge:       func(d *draft) { d.drop("sign") },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptySign, refuse, both, "sign is the empty string"},
			forge:       func(d *draft) { d.setSign("") },
		},
		{
			MutatorInfo: MutatorInfo{MutateNullSign, refuse, both, "sign is null"},
			forge:       func(d *draft) { d.set(field{name: "sign", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateArraySign, refuse, both, "sign is an array that holds the genuine one"},
			forge:       func(d *draft) { d.set(field{name: "sign", literal: "[" + quote(d.value("sign")) + "]"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateShortSign, refuse, both, "sign lacks its last digit"},
			forge:       func(d *draft) { d.setSign(short(d.value("sign"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateLongSign, refuse, both, "sign has one digit too many"},
			forge:       func(d *draft) { d.setSign(d.value("sign") + "0") },
		},
		{
			MutatorInfo: MutatorInfo{MutatePaddedSign, refuse, both, "a space follows the sign"},
			forge:       func(d *draft) { d.setSign(d.value("sign") + " ") },
		},
		{
			MutatorInfo: MutatorInfo{MutateNonHexSign, refuse, both, "sign has 32 characters, one of them no hex digit"},
			forge:       func(d *draft) { d.setSign(short(d.value("sign")) + "G") },
		},
		{
			MutatorInfo: MutatorInfo{MutateLowerCaseSign, deliver, both, "sign in lower-case hex: the same 16 bytes"},
			forge:       func(d *draft) { d.setSign(strings.ToLower(d.value("sign"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnsignedField, refuse, both, "a field that was added after signing: every field is signed, known or not"},
			forge:       func(d *draft) { d.set(textField("extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedAmount, refuse, payment, "another amount under the old sign"},
			forge:       func(d *draft) { d.set(textField("amount", plusOne(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedStatus, refuse, both, "signed as waiting, then changed to status 1"},
			edit:        func(d *draft) { d.set(bareField("status", "0")) },
			forge:       func(d *draft) { d.set(bareField("status", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedOrder, refuse, both, "the number of another order under the old sign"},
			forge:       func(d *draft) { d.set(textField(d.order, d.value(d.order)+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTamperedAppID, refuse, both, "another app_id under the old sign"},
			forge:       func(d *draft) { d.set(textField("app_id", d.value("app_id")+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOtherAmount, refuse, payment, "a genuine sign over one fen more than was ordered"},
			edit:        func(d *draft) { d.set(textField("amount", plusOne(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOtherApp, refuse, both, "a genuine sign over another app_id"},
			edit:        func(d *draft) { d.set(textField("app_id", d.value("app_id")+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateUnknownOrder, refuse, both, "a genuine sign over an order that nobody made"},
			edit:        func(d *draft) { d.set(textField(d.order, d.value(d.order)+"x")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateCrossKind, refuse, payment, "a payment that carries agentpay_no, as a payout notice does: one key signs both kinds"},
			edit:        func(d *draft) { d.set(textField("agentpay_no", "A1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusWaiting, acknowledge, both, "status 0: genuine, but nothing was paid"},
			edit:        func(d *draft) { d.set(bareField("status", "0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusFailed, acknowledge, both, "status 2: genuine, but nothing was paid"},
			edit:        func(d *draft) { d.set(bareField("status", "2")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusText, deliver, both, "status as a JSON string: the page types it both ways"},
			edit:        func(d *draft) { d.set(textField("status", d.value("status"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusFraction, refuse, both, "status as 1.0, which is no integer of the wire"},
			edit:        func(d *draft) { d.set(bareField("status", "1.0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusTrue, refuse, both, "status as true"},
			edit:        func(d *draft) { d.set(bareField("status", "true")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateStatusNull, refuse, both, "status as null, which counts as missing"},
			edit:        func(d *draft) { d.set(field{name: "status", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountNumber, deliver, payment, "amount as a JSON integer: the page types it both ways"},
			edit:        func(d *draft) { d.set(bareField("amount", d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountExponent, refuse, payment, "amount as a JSON number with an exponent: 100 as 1e2"},
			edit:        func(d *draft) { d.set(bareField("amount", exponent(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountFraction, refuse, payment, "amount as a JSON number with a fraction: 100 as 100.0"},
			edit:        func(d *draft) { d.set(bareField("amount", d.value("amount")+".0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountZeroPadded, refuse, payment, "amount with a leading zero: 0100"},
			edit:        func(d *draft) { d.set(textField("amount", "0"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountPlus, refuse, payment, "amount with a plus sign: +100"},
			edit:        func(d *draft) { d.set(textField("amount", "+"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountMinus, refuse, payment, "amount below zero: -100"},
			edit:        func(d *draft) { d.set(textField("amount", "-"+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountSpace, refuse, payment, "amount with a space before it"},
			edit:        func(d *draft) { d.set(textField("amount", " "+d.value("amount"))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountFullWidth, refuse, payment, "amount in full-width digits"},
			edit:        func(d *draft) { d.set(textField("amount", fullWidth(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountOverflow, refuse, payment, "amount plus 2^64, which is the amount again where 64 bits overflow"},
			edit:        func(d *draft) { d.set(textField("amount", wrapped(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountYuan, refuse, payment, "amount in yuan: 100 fen as 1.00"},
			edit:        func(d *draft) { d.set(textField("amount", inYuan(d.value("amount")))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateAmountZero, refuse, payment, "amount 0"},
			edit:        func(d *draft) { d.set(textField("amount", "0")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingAppID, refuse, both, "without app_id"},
			edit:        func(d *draft) { d.drop("app_id") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingOrder, refuse, both, "without out_trade_no (out_order_no)"},
			edit:        func(d *draft) { d.drop(d.order) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingNumber, refuse, both, "without trade_no (agentpay_no)"},
			edit:        func(d *draft) { d.drop(d.number()) },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingStatus, refuse, both, "without status"},
			edit:        func(d *draft) { d.drop("status") },
		},
		{
			MutatorInfo: MutatorInfo{MutateMissingAmount, refuse, payment, "without amount"},
			edit:        func(d *draft) { d.drop("amount") },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyOrder, refuse, both, "out_trade_no (out_order_no) is the empty string"},
			edit:        func(d *draft) { d.set(textField(d.order, "")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraField, deliver, both, "an unknown field"},
			edit:        func(d *draft) { d.set(textField("extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraNull, deliver, both, "an unknown field that is null, which counts as empty"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: "null"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraEmpty, deliver, both, "an unknown field that is the empty string"},
			edit:        func(d *draft) { d.set(textField("extra", "")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraBool, deliver, both, "an unknown field that is true"},
			edit:        func(d *draft) { d.set(bareField("extra", "true")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraNumber, deliver, both, "an unknown number that no float holds: its bytes are signed as they stand"},
			edit:        func(d *draft) { d.set(bareField("extra", "12345678901234567890.120")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraMarkup, deliver, both, "an unknown field with <, > and &, which some encoders escape"},
			edit:        func(d *draft) { d.set(textField("extra", "<b>Tom & Jerry</b>")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraUnicode, deliver, both, "an unknown field written in \\u escapes, a pair of surrogates among them"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "猫🐈", literal: `"\u732b\ud83d\udc08"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateExtraCase, deliver, both, "an unknown field AMOUNT (STATUS) beside the real one: names are case-sensitive"},
			edit:        func(d *draft) { d.set(textField(strings.ToUpper(d.decisive()), "9")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateRegrouped, refuse, both, "two fields folded into one: trade_no (status) holds \"&name=\" and the text under the sign stays the same"},
			forge:       func(d *draft) { d.regroup() },
		},
		{
			MutatorInfo: MutatorInfo{MutateRegroupedAmount, refuse, payment, "amount holds \"&amount=\": the text under the sign is that of another document"},
			edit: func(d *draft) {
				d.set(textField("aa", "x"))
				d.set(textField("amount", "999900&amount="+d.value("amount")))
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateSeparatorValue, refuse, both, "an unknown field that holds \"&status=1\""},
			edit:        func(d *draft) { d.set(textField("extra", "x&status=1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateSeparatorName, refuse, both, "a field name that holds & and ="},
			edit:        func(d *draft) { d.set(textField("x&y=1&z", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOddName, refuse, both, "a field name with a space"},
			edit:        func(d *draft) { d.set(textField("an extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyName, refuse, both, "a field without a name"},
			edit:        func(d *draft) { d.set(textField("", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateKey, refuse, both, "amount (status) twice, the genuine one last"},
			forge:       func(d *draft) { d.prepend(textField(d.decisive(), "9")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateSame, refuse, both, "amount (status) twice, with the same value"},
			forge:       func(d *draft) { d.prepend(textField(d.decisive(), d.value(d.decisive()))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateEscaped, refuse, both, "amount (status) twice, the second name spelled with a \\u escape"},
			forge:       func(d *draft) { d.append(field{name: d.decisive(), key: escaped(d.decisive()), literal: `"9"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateEscapedName, deliver, both, "amount (status) once, its name spelled with a \\u escape"},
			forge:       func(d *draft) { d.respell(d.decisive()) },
		},
		{
			MutatorInfo: MutatorInfo{MutateRenamedCase, refuse, both, "AMOUNT (STATUS) in the place of amount (status)"},
			edit:        func(d *draft) { d.rename(d.decisive(), strings.ToUpper(d.decisive())) },
		},
		{
			MutatorInfo: MutatorInfo{MutateNestedValue, refuse, both, "an object inside the object, left out of the sign"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: `{"a":"1"}`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateArrayValue, refuse, both, "an array inside the object, left out of the sign"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: `["1"]`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDepthBomb, refuse, both, "arrays ten thousand deep"},
			edit: func(d *draft) {
				d.set(field{name: "extra", literal: strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)})
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateInvalidUTF8, refuse, both, "a byte that is no UTF-8"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "\xff", literal: "\"\xff\""}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateLoneSurrogate, refuse, both, "half of a surrogate pair"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "\uFFFD", literal: `"\ud800"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateReplacementChar, deliver, both, "U+FFFD in a value: a character like any other, as long as it was sent as one"},
			edit:        func(d *draft) { d.set(textField("extra", "\uFFFD")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlRaw, refuse, both, "a control character as it is"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "a\x01b", literal: "\"a\x01b\""}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlEscaped, refuse, both, "a control character as a \\u escape"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "a\x01b", literal: `"a\u0001b"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlC1, refuse, both, "the control character U+0085"},
			edit:        func(d *draft) { d.set(textField("extra", "a\u0085b")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateHiddenChar, refuse, both, "U+FEFF before the number of the order, where no eye sees it"},
			edit:        func(d *draft) { d.set(textField(d.order, "\uFEFF"+d.value(d.order))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateIndented, deliver, both, "white space between the tokens and after the object"},
			wire:        func(msg *Message) { msg.Body = indent(msg.Body) },
		},
		{
			MutatorInfo: MutatorInfo{MutateBOM, refuse, both, "a byte order mark before the object"},
			wire:        func(msg *Message) { msg.Body = append([]byte("\uFEFF"), msg.Body...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTrailingData, refuse, both, "a second object after the first"},
			wire:        func(msg *Message) { msg.Body = append(msg.Body, `{"status":1}`...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTruncated, refuse, both, "the second half is missing"},
			wire:        func(msg *Message) { msg.Body = msg.Body[:len(msg.Body)/2] },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyBody, refuse, both, "no body at all"},
			wire:        func(msg *Message) { msg.Body = nil },
		},
		{
			MutatorInfo: MutatorInfo{MutateNullBody, refuse, both, "null in the place of the object"},
			wire:        func(msg *Message) { msg.Body = []byte("null") },
		},
		{
			MutatorInfo: MutatorInfo{MutateArrayBody, refuse, both, "the object inside an array"},
			wire:        func(msg *Message) { msg.Body = slices.Concat([]byte("["), msg.Body, []byte("]")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOver64K, refuse, both, "a body of more than 64 KiB"},
			edit:        func(d *draft) { d.set(textField("extra", strings.Repeat("x", 64<<10))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateForm, deliver, both, "the same fields as a form"},
			edit:        func(d *draft) { d.form = true },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormPlus, deliver, both, "a form with + for a space"},
			edit: func(d *draft) {
				d.form, d.plus = true, true
				d.set(textField("extra", "a b"))
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateFormDuplicate, refuse, both, "a form with a field twice"},
			edit:        func(d *draft) { d.form = true },
			forge:       func(d *draft) { d.append(textField(d.order, d.value(d.order))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormBadEscape, refuse, both, "a form with %zz"},
			edit:        func(d *draft) { d.form = true },
			wire:        func(msg *Message) { msg.Body = append(msg.Body, "&extra=%zz"...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormAsJSON, refuse, both, "a form that says that it is JSON"},
			edit:        func(d *draft) { d.form = true },
			wire:        func(msg *Message) { msg.ContentType = typeJSON },
		},
		{
			MutatorInfo: MutatorInfo{MutateJSONAsForm, refuse, both, "JSON that says that it is a form"},
			wire:        func(msg *Message) { msg.ContentType = typeForm },
		},
		{
			MutatorInfo: MutatorInfo{MutateCharset, deliver, both, "Content-Type with a charset"},
			wire:        func(msg *Message) { msg.ContentType = typeJSON + ";charset=UTF-8" },
		},
		{
			MutatorInfo: MutatorInfo{MutateNoContentType, deliver, both, "without Content-Type, which is read as JSON"},
			wire:        func(msg *Message) { msg.ContentType = "" },
		},
		{
			MutatorInfo: MutatorInfo{MutateTextPlain, refuse, both, "Content-Type text/plain"},
			wire:        func(msg *Message) { msg.ContentType = "text/plain" },
		},
		{
			MutatorInfo: MutatorInfo{MutateGzip, refuse, both, "Content-Encoding gzip"},
			wire: func(msg *Message) {
				msg.Body = compress(msg.Body)
				msg.Header.Set("Content-Encoding", "gzip")
			},
		},
		{
			MutatorInfo: MutatorInfo{MutatePut, refuse, both, "PUT in the place of POST"},
			wire:        func(msg *Message) { msg.Method = http.MethodPut },
		},
		{
			MutatorInfo: MutatorInfo{MutateGet, refuse, both, "GET, with the fields in a body"},
			wire:        func(msg *Message) { msg.Method = http.MethodGet },
		},
	}
}

package testkit

import (
	"net/http"
	"slices"
	"strings"
)

// textMutations are about how a notification is written down and sent.
func textMutations() []mutation {
	const deliver, refuse = VerdictDeliver, VerdictRefuse
	return []mutation{
		{
			MutatorInfo: MutatorInfo{MutateRegrouped, refuse, both, inAny, "two fields folded into one: trade_no (status) holds \"&name=\" and the text under the sign stays the same"},
			forge:       func(d *draft) { d.regroup() },
		},
		{
			MutatorInfo: MutatorInfo{MutateRegroupedAmount, refuse, payment, inAny, "amount holds \"&amount=\": the text under the sign is that of another document"},
			edit: func(d *draft) {
				d.set(textField("aa", "x"))
				d.set(textField("amount", "999900&amount="+d.value("amount")))
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateSeparatorValue, refuse, both, inAny, "an unknown field that holds \"&status=1\""},
			edit:        func(d *draft) { d.set(textField("extra", "x&status=1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateSeparatorName, refuse, both, inAny, "a field name that holds & and ="},
			edit:        func(d *draft) { d.set(textField("x&y=1&z", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOddName, refuse, both, inAny, "a field name with a space"},
			edit:        func(d *draft) { d.set(textField("an extra", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateLongName, refuse, both, inAny, "a field name of 65 characters"},
			edit:        func(d *draft) { d.set(textField(strings.Repeat("n", 65), "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyName, refuse, both, inAny, "a field without a name"},
			edit:        func(d *draft) { d.set(textField("", "1")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateKey, refuse, both, inAny, "amount (status) twice, the genuine one last"},
			forge:       func(d *draft) { d.prepend(textField(d.decisive(), "9")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateSame, refuse, both, inAny, "amount (status) twice, with the same value"},
			forge:       func(d *draft) { d.prepend(textField(d.decisive(), d.value(d.decisive()))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDuplicateEscaped, refuse, both, inJSON, "amount (status) twice, the first name spelled with a \\u escape, the genuine one last"},
			forge:       func(d *draft) { d.prepend(field{name: d.decisive(), key: escaped(d.decisive()), literal: `"9"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateEscapedName, deliver, both, inJSON, "amount (status) once, its name spelled with a \\u escape"},
			forge:       func(d *draft) { d.respell(d.decisive()) },
		},
		{
			MutatorInfo: MutatorInfo{MutateRenamedCase, refuse, both, inAny, "AMOUNT (STATUS) in the place of amount (status)"},
			edit:        func(d *draft) { d.rename(d.decisive(), strings.ToUpper(d.decisive())) },
		},
		{
			MutatorInfo: MutatorInfo{MutateNestedValue, refuse, both, inJSON, "an object inside the object, left out of the sign"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: `{"a":"1"}`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateArrayValue, refuse, both, inJSON, "an array inside the object, left out of the sign"},
			edit:        func(d *draft) { d.set(field{name: "extra", literal: `["1"]`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateDepthBomb, refuse, both, inJSON, "arrays ten thousand deep"},
			edit: func(d *draft) {
				d.set(field{name: "extra", literal: strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)})
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateInvalidUTF8, refuse, both, inAny, "a byte that is no UTF-8, signed as the U+FFFD that some readers make of it"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "\uFFFD", literal: "\"\xff\"", inForm: "\xff"}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateInvalidUTF8Raw, refuse, both, inAny, "a byte that is no UTF-8, signed as it is"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "\xff", literal: "\"\xff\""}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateLoneSurrogate, refuse, both, inJSON, "half of a surrogate pair"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "\uFFFD", literal: `"\ud800"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateReplacementChar, deliver, both, inAny, "U+FFFD in a value: a character like any other, as long as it was sent as one"},
			edit:        func(d *draft) { d.set(textField("extra", "\uFFFD")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlRaw, refuse, both, inAny, "a control character as it is"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "a\x01b", literal: "\"a\x01b\""}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlEscaped, refuse, both, inJSON, "a control character as a \\u escape"},
			edit:        func(d *draft) { d.set(field{name: "extra", value: "a\x01b", literal: `"a\u0001b"`}) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlDEL, refuse, both, inAny, "the control character U+007F"},
			edit:        func(d *draft) { d.set(textField("extra", "a\x7fb")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateControlC1, refuse, both, inAny, "the control character U+0085"},
			edit:        func(d *draft) { d.set(textField("extra", "a\u0085b")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateHiddenChar, refuse, both, inAny, "U+FEFF in an unknown field, where no eye sees it"},
			edit:        func(d *draft) { d.set(textField("extra", "a\uFEFFb")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateHiddenOrder, refuse, both, inAny, "U+FEFF before the number of the order, where no eye sees it"},
			edit:        func(d *draft) { d.set(textField(d.order, "\uFEFF"+d.value(d.order))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateIndented, deliver, both, inJSON, "white space between the tokens and after the object"},
			wire:        func(msg *Message) { msg.Body = indent(msg.Body) },
		},
		{
			MutatorInfo: MutatorInfo{MutateBOM, refuse, both, inAny, "a byte order mark before the object"},
			wire:        func(msg *Message) { msg.Body = append([]byte("\uFEFF"), msg.Body...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTrailingData, refuse, both, inAny, "a second object after the first"},
			wire:        func(msg *Message) { msg.Body = append(msg.Body, `{"status":1}`...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateTruncated, refuse, both, inAny, "the second half is missing"},
			wire:        func(msg *Message) { msg.Body = msg.Body[:len(msg.Body)/2] },
		},
		{
			MutatorInfo: MutatorInfo{MutateEmptyBody, refuse, both, inAny, "no body at all"},
			wire:        func(msg *Message) { msg.Body = nil },
		},
		{
			MutatorInfo: MutatorInfo{MutateNullBody, refuse, both, inJSON, "null in the place of the object"},
			wire:        func(msg *Message) { msg.Body = []byte("null") },
		},
		{
			MutatorInfo: MutatorInfo{MutateArrayBody, refuse, both, inJSON, "the object inside an array"},
			wire:        func(msg *Message) { msg.Body = slices.Concat([]byte("["), msg.Body, []byte("]")) },
		},
		{
			MutatorInfo: MutatorInfo{MutateOver64K, refuse, both, inAny, "a body of more than 64 KiB"},
			edit:        func(d *draft) { d.set(textField("extra", strings.Repeat("x", 64<<10))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateForm, deliver, both, inAny, "the same fields as a form"},
			edit:        func(d *draft) { d.form = true },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormPlus, deliver, both, inAny, "a form with + for a space"},
			edit: func(d *draft) {
				d.form, d.plus = true, true
				d.set(textField("extra", "a b"))
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateFormDuplicate, refuse, both, inAny, "a form with a field twice"},
			edit:        func(d *draft) { d.form = true },
			forge:       func(d *draft) { d.append(textField(d.order, d.value(d.order))) },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormBadEscape, refuse, both, inAny, "a form with %zz"},
			edit:        func(d *draft) { d.form = true },
			wire:        func(msg *Message) { msg.Body = append(msg.Body, "&extra=%zz"...) },
		},
		{
			MutatorInfo: MutatorInfo{MutateFormAsJSON, refuse, both, inAny, "a form that says that it is JSON"},
			edit:        func(d *draft) { d.form = true },
			wire:        func(msg *Message) { msg.ContentType = typeJSON },
		},
		{
			MutatorInfo: MutatorInfo{MutateJSONAsForm, refuse, both, inJSON, "JSON that says that it is a form"},
			wire:        func(msg *Message) { msg.ContentType = typeForm },
		},
		{
			MutatorInfo: MutatorInfo{MutateCharset, deliver, both, inAny, "Content-Type with a charset"},
			wire: func(msg *Message) {
				if msg.ContentType != "" {
					msg.ContentType += ";charset=UTF-8"
				}
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateNoContentType, deliver, both, inJSON, "without Content-Type, which is read as JSON"},
			wire:        func(msg *Message) { msg.ContentType = "" },
		},
		{
			MutatorInfo: MutatorInfo{MutateTextPlain, refuse, both, inAny, "Content-Type text/plain"},
			wire:        func(msg *Message) { msg.ContentType = "text/plain" },
		},
		{
			MutatorInfo: MutatorInfo{MutateTwoContentTypes, refuse, both, inAny, "Content-Type twice: the true one, then text/plain"},
			wire:        func(msg *Message) { msg.Header.Add("Content-Type", "text/plain") },
		},
		{
			MutatorInfo: MutatorInfo{MutateGzip, refuse, both, inAny, "Content-Encoding gzip"},
			wire: func(msg *Message) {
				msg.Body = compress(msg.Body)
				msg.Header.Set("Content-Encoding", "gzip")
			},
		},
		{
			MutatorInfo: MutatorInfo{MutateIdentityEncoding, deliver, both, inAny, "Content-Encoding identity, which is none"},
			wire:        func(msg *Message) { msg.Header.Set("Content-Encoding", "identity") },
		},
		{
			MutatorInfo: MutatorInfo{MutateQueryNoise, deliver, both, inAny, "status and amount in the query too, with other values: the body alone counts"},
			wire:        func(msg *Message) { msg.Query = "status=0&amount=1" },
		},
		{
			MutatorInfo: MutatorInfo{MutateQueryField, refuse, both, inAny, "a form whose amount (status) stands in the query and not in the body"},
			edit:        func(d *draft) { d.form = true },
			forge:       func(d *draft) { d.moveToQuery(d.decisive()) },
		},
		{
			MutatorInfo: MutatorInfo{MutatePut, refuse, both, inAny, "PUT in the place of POST"},
			wire:        func(msg *Message) { msg.Method = http.MethodPut },
		},
		{
			MutatorInfo: MutatorInfo{MutateGet, refuse, both, inAny, "GET, with the fields in a body"},
			wire:        func(msg *Message) { msg.Method = http.MethodGet },
		},
	}
}

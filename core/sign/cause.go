package sign

import "slices"

// Cause is a usual reason why a signature does not hold, and whether it is the
// one. It holds no key, and no signature.
type Cause struct {
	// ID names the cause, and stays as it is from release to release.
	ID string `json:"id"`
	// Verdict is whether it is this one.
	Verdict CauseVerdict `json:"verdict"`
	// Evidence is what showed it, where Verdict is CauseYes.
	Evidence CauseEvidence `json:"evidence,omitempty"`
	// Title is the cause in a few words.
	Title string `json:"title"`
	// Field is the one field that it is about, "" where it is not about one.
	Field string `json:"field,omitempty"`
	// Detail says which of its kinds it is, or why it cannot be told, or is "".
	Detail string `json:"detail,omitempty"`
	// Advice is one sentence of what to do where it is the cause.
	Advice string `json:"advice"`
}

// CauseVerdict is whether a [Cause] is the one.
type CauseVerdict string

// The verdicts.
const (
	// CauseYes: it is. Undone, the signature holds, or the text is theirs.
	CauseYes CauseVerdict = "yes"
	// CauseNo: it is not, or not alone.
	CauseNo CauseVerdict = "no"
	// CauseUnknown: it cannot be told from what was given.
	CauseUnknown CauseVerdict = "unknown"
)

// CauseEvidence is what showed a [Cause], the strongest first.
type CauseEvidence string

// The kinds of evidence.
const (
	// EvidenceSign: the signature that came holds once the cause is undone.
	EvidenceSign CauseEvidence = "sign"
	// EvidenceBody: it is to be seen in the body itself.
	EvidenceBody CauseEvidence = "body"
	// EvidenceTheirs: undone, the text is what the other side says it signed.
	EvidenceTheirs CauseEvidence = "theirs"
)

// CauseIDs returns the ID of every cause that [Explain] looks for, in the order
// in which those that fit equally well are told: for who shows them in words of
// his own.
func CauseIDs() []string {
	ids := make([]string, len(causes))
	for i := range causes {
		ids[i] = causes[i].ID
	}
	return ids
}

// The causes by ID. The special ones stand first: where two make the same text,
// the first is told.
const (
	causeSignMissing   = "sign_missing"
	causeSignSpelling  = "sign_spelling"
	causeContentType   = "content_type"
	causeBOM           = "bom"
	causeNotStrict     = "not_strict"
	causeJoint         = "joint"
	causeBase          = "base"
	causeHMAC          = "hmac"
	causeSHA           = "sha"
	causeKeySpacing    = "key_spacing"
	causeKeyCase       = "key_case"
	causeKeyName       = "key_name"
	causeKey           = "key"
	causeEmptySigned   = "empty_signed"
	causeSignSigned    = "sign_signed"
	causeFieldLeftOut  = "field_left_out"
	causeFieldNotSent  = "field_not_sent"
	causeOrderDocument = "order_document"
	causeOrderCase     = "order_case"
	causeOrderPairs    = "order_pairs"
	causeJoining       = "joining"
	causeTextCase      = "text_case"
	causeFormPlus      = "form_plus"
	causeFormPercent   = "form_percent"
	causeURLEncoded    = "url_encoded"
	causeEscapes       = "escapes"
	causeReserialised  = "reserialised"
	causeTrailingSpace = "trailing_space"
	causeNumber        = "number"
	causeBoolNull      = "bool_null"
	causeCharset       = "charset"
	causeChanged       = "changed"
)

var causes = []Cause{
	{ID: causeSignMissing, Title: "there is no sign",
		Advice: "Send the data signature in the field sign of the body, under that very name."},
	{ID: causeSignSpelling, Title: "the sign is not written as 32 hexadecimal digits",
		Advice: "Write the 16 bytes of the MD5 as 32 hexadecimal digits with nothing around or between them; upper case is the rule, lower case is read too."},
	{ID: causeContentType, Title: "the Content-Type says something else than the body is",
		Advice: "Send application/json with JSON and application/x-www-form-urlencoded with a form, in UTF-8, and hand the header on as it came."},
	{ID: causeBOM, Title: "a byte order mark",
		Advice: "Write UTF-8 without a byte order mark, in the body as in the text that is signed."},
	{ID: causeNotStrict, Title: "the body can be read in more than one way",
		Advice: "Repair what the reason names: the signature cannot make such a body acceptable."},
	{ID: causeJoint, Title: "a joint signature in the place of a data signature",
		Advice: "Sign the body with sign.Data; sign.Joint is for the headers of a payout."},
	{ID: causeBase, Title: "a base signature in the place of a data signature",
		Advice: "Sign the fields of the body with sign.Data; sign.Base is for headers and says nothing of the body."},
	{ID: causeHMAC, Title: "an HMAC in the place of MD5",
		Advice: "Hash the text and &key=APP_KEY with plain MD5: the platform knows no HMAC."},
	{ID: causeSHA, Title: "another hash in the place of MD5",
		Advice: "Hash with MD5, the only sign_type of the platform."},
	{ID: causeKeySpacing, Title: "white space or quotes around the key",
		Advice: "Take the white space, line end, quotes or byte order mark away from around the app_key where it is configured, on the side that has them."},
	{ID: causeKeyCase, Title: "the key in the other case",
		Advice: "Use the app_key exactly as it was issued: upper and lower case are different keys."},
	{ID: causeKeyName, Title: "the key not behind &key=",
		Advice: `Put "&key=" and the app_key behind the sorted fields, once, under that name and last.`},
	{ID: causeKey, Title: "another key",
		Advice: "Compare the app_key of both sides for this app_id and this environment, and whether it was rotated."},
	{ID: causeEmptySigned, Title: "empty fields signed",
		Advice: "Leave out of the signed text every field whose value is empty or null."},
	{ID: causeSignSigned, Title: "the field sign itself signed",
		Advice: "Take the field sign away before the text is made, also where it is still empty."},
	{ID: causeFieldLeftOut, Title: "a field left out of the signed text",
		Advice: "Sign every field that is not empty but sign, sign_type and those that your program does not know included."},
	{ID: causeFieldNotSent, Title: "a field signed that was not sent",
		Advice: "Sign what is sent, and send what was signed."},
	{ID: causeOrderDocument, Title: "fields not sorted",
		Advice: "Sort the fields by name, bytewise, before they are joined."},
	{ID: causeOrderCase, Title: "fields sorted without regard to case",
		Advice: "Sort the names by their bytes (A-Z, _, a-z), not as a dictionary or a locale does."},
	{ID: causeOrderPairs, Title: "fields sorted as name=value",
		Advice: `Sort the names alone, and put "=" and the value behind them afterwards: "=" comes after the digits.`},
	{ID: causeJoining, Title: "fields joined in another way",
		Advice: "Join name=value with one & between two fields, no quotes, and none at either end."},
	{ID: causeTextCase, Title: "the text turned to upper or lower case before it was hashed",
		Advice: "Hash the text as it is, and turn the hash to upper case afterwards."},
	{ID: causeFormPlus, Title: `"+" and space of a form taken for one another`,
		Advice: `Write a space as + or %20 and a plus as %2B in the form, and sign the decoded value, where + is a space.`},
	{ID: causeFormPercent, Title: "percent escapes decoded too seldom or too often",
		Advice: "Decode the form exactly once, and sign the decoded values."},
	{ID: causeURLEncoded, Title: "values URL-encoded in the signed text",
		Advice: "Sign the values as they are; URL-encode only what goes into a URL or a form, after the text is signed."},
	{ID: causeEscapes, Title: "values signed with escapes",
		Advice: `Sign the decoded text: no \u003c, \u5fae, \/ or &amp;, however the body spells it.`},
	{ID: causeReserialised, Title: "JSON encoded again",
		Advice: "Sign the fields as k=v and not the JSON, and hand on JSON inside a value byte for byte."},
	{ID: causeTrailingSpace, Title: "white space around a value or at the end",
		Advice: "Sign and send the same text: trim on both sides or on none, and add no line end."},
	{ID: causeNumber, Title: "a number spelled otherwise",
		Advice: "Sign a number as its bytes stand in the body; amounts are whole fen, never a float and never yuan."},
	{ID: causeBoolNull, Title: "true, false or null spelled otherwise",
		Advice: "Sign true and false as these words, and leave null out."},
	{ID: causeCharset, Title: "another charset",
		Advice: "Use UTF-8 for the body and for the text that is hashed, named outright and not by the default of the machine."},
	{ID: causeChanged, Title: "the message was changed after it was signed, or is a forgery",
		Advice: "Compare the body with what the sender logged, look at what stands between the two sides, and take it for forged until it is explained."},
}

// ranked puts those that it is first, by their evidence, then those of which it
// cannot be told; otherwise the order of the table stays.
func ranked(list []Cause) {
	rank := func(c Cause) int {
		switch {
		case c.Verdict == CauseNo:
			return 6
		case c.Verdict == CauseUnknown && c.ID != causeKey && c.ID != causeChanged:
			return 5
		case c.Verdict == CauseUnknown:
			return 4 // where nothing fits, the likely ones
		case c.ID == causeNotStrict && c.Evidence == EvidenceBody:
			return 3 // what made the body so is the better answer
		case c.Evidence == EvidenceTheirs:
			return 2
		case c.Evidence == EvidenceBody:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b Cause) int { return rank(a) - rank(b) })
}

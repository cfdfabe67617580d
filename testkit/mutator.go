package testkit

import (
	"fmt"
	"strings"
)

// Mutator names one change to a genuine notification. The constants are all
// there are; [Mutators] tells what each does and what a strict merchant must
// make of it. A command line can take its text as it is.
type Mutator string

// Verdict is what a strict merchant does with a notification.
type Verdict string

// The verdicts. Only a notification that he delivers changes an order.
const (
	// VerdictDeliver: it is genuine and says that money moved. He delivers
	// once and answers success.
	VerdictDeliver Verdict = "deliver"
	// VerdictAcknowledge: it is genuine and says that none moved. He answers
	// success and delivers nothing.
	VerdictAcknowledge Verdict = "acknowledge"
	// VerdictRefuse: he answers 4xx, delivers nothing, and still takes the
	// genuine notification that follows.
	VerdictRefuse Verdict = "refuse"
)

// MutatorInfo tells what a [Mutator] does.
type MutatorInfo struct {
	// Name is the mutator.
	Name Mutator
	// Verdict is what a strict merchant must do, who has the order on
	// record that the unchanged notification is about. It is that of this
	// mutator alone, on JSON or together with [MutateForm]. Mutators that
	// deliver still do so together; of others no verdict follows for two
	// at once: one may undo what the other does.
	Verdict Verdict
	// Payout is true if the mutator works on payouts as well as on payments.
	Payout bool
	// JSON is true if what it does exists in JSON only. Such a mutator makes
	// the notification JSON, even where it would be a form.
	JSON bool
	// Doc is one line: the change, and where it is not plain, the reason for
	// the verdict.
	Doc string
}

// Mutators returns all mutators, grouped by what they try.
func Mutators() []MutatorInfo {
	all := mutations()
	infos := make([]MutatorInfo, len(all))
	for i, m := range all {
		infos[i] = m.MutatorInfo
	}
	return infos
}

// FindMutator returns what is known of the mutator with that name.
func FindMutator(name string) (MutatorInfo, bool) {
	for _, m := range mutations() {
		if m.Name == Mutator(name) {
			return m.MutatorInfo, true
		}
	}
	return MutatorInfo{}, false
}

func findMutation(name Mutator, payout bool) mutation {
	var names []string
	for _, m := range mutations() {
		if m.Name == name && (m.Payout || !payout) {
			return m
		}
		if m.Payout || !payout {
			names = append(names, string(m.Name))
		}
	}
	panic(fmt.Sprintf("testkit: no mutator %q here; there are %s", name, strings.Join(names, ", ")))
}

// The mutators.
const (
	// The signature.

	MutateWrongKey      Mutator = "wrong-key"
	MutateUnkeyedSign   Mutator = "unkeyed-sign"
	MutateNoSign        Mutator = "no-sign"
	MutateEmptySign     Mutator = "empty-sign"
	MutateNullSign      Mutator = "null-sign"
	MutateArraySign     Mutator = "array-sign"
	MutateShortSign     Mutator = "short-sign"
	MutateLongSign      Mutator = "long-sign"
	MutatePaddedSign    Mutator = "padded-sign"
	MutateNonHexSign    Mutator = "non-hex-sign"
	MutateLowerCaseSign Mutator = "lower-case-sign"
	MutateUnsignedField Mutator = "unsigned-field"
	MutateChosenKey     Mutator = "chosen-key"
	MutateChosenType    Mutator = "chosen-type"

	// Fields changed after signing.

	MutateTamperedAmount Mutator = "tampered-amount"
	MutateTamperedStatus Mutator = "tampered-status"
	MutateTamperedOrder  Mutator = "tampered-order"
	MutateTamperedAppID  Mutator = "tampered-app-id"

	// Genuine, and not what is on record.

	MutateOtherAmount  Mutator = "other-amount"
	MutateOtherApp     Mutator = "other-app"
	MutateUnknownOrder Mutator = "unknown-order"
	MutateCrossKind    Mutator = "cross-kind"
	MutateOtherKind    Mutator = "other-kind"

	// Status.

	MutateStatusWaiting    Mutator = "status-waiting"
	MutateStatusFailed     Mutator = "status-failed"
	MutateStatusEleven     Mutator = "status-eleven"
	MutateStatusText       Mutator = "status-text"
	MutateStatusZeroPadded Mutator = "status-zero-padded"
	MutateStatusFraction   Mutator = "status-fraction"
	MutateStatusTrue       Mutator = "status-true"
	MutateStatusNull       Mutator = "status-null"

	// Amount, each signed as it stands.

	MutateAmountNumber     Mutator = "amount-number"
	MutateAmountExponent   Mutator = "amount-exponent"
	MutateAmountFraction   Mutator = "amount-fraction"
	MutateAmountZeroPadded Mutator = "amount-zero-padded"
	MutateAmountPlus       Mutator = "amount-plus"
	MutateAmountMinus      Mutator = "amount-minus"
	MutateAmountSpace      Mutator = "amount-space"
	MutateAmountFullWidth  Mutator = "amount-full-width"
	MutateAmountOverflow32 Mutator = "amount-overflow-32"
	MutateAmountOverflow   Mutator = "amount-overflow"
	MutateAmountYuan       Mutator = "amount-yuan"
	MutateAmountZero       Mutator = "amount-zero"

	// Fields that are missing or of no form, each signed as it stands.

	MutateMissingAppID     Mutator = "missing-app-id"
	MutateMissingOrder     Mutator = "missing-order"
	MutateMissingNumber    Mutator = "missing-number"
	MutateMissingStatus    Mutator = "missing-status"
	MutateMissingAmount    Mutator = "missing-amount"
	MutateEmptyOrder       Mutator = "empty-order"
	MutateMissingOpenID    Mutator = "missing-open-id"
	MutateMissingTradeTime Mutator = "missing-trade-time"
	MutateMissingPayTime   Mutator = "missing-pay-time"
	MutateTimeMillis       Mutator = "time-millis"
	MutateOddNumber        Mutator = "odd-number"

	// Fields that nobody documented, signed like all others.

	MutateExtraField   Mutator = "extra-field"
	MutateExtraNull    Mutator = "extra-null"
	MutateExtraEmpty   Mutator = "extra-empty"
	MutateExtraBool    Mutator = "extra-bool"
	MutateExtraNumber  Mutator = "extra-number"
	MutateExtraMarkup  Mutator = "extra-markup"
	MutateExtraUnicode Mutator = "extra-unicode"
	MutateExtraCase    Mutator = "extra-case"

	// Two readings of one text.

	MutateRegrouped        Mutator = "regrouped"
	MutateRegroupedAmount  Mutator = "regrouped-amount"
	MutateSeparatorValue   Mutator = "separator-value"
	MutateSeparatorName    Mutator = "separator-name"
	MutateOddName          Mutator = "odd-name"
	MutateLongName         Mutator = "long-name"
	MutateEmptyName        Mutator = "empty-name"
	MutateDuplicateKey     Mutator = "duplicate-key"
	MutateDuplicateSame    Mutator = "duplicate-same"
	MutateDuplicateEscaped Mutator = "duplicate-escaped"
	MutateEscapedName      Mutator = "escaped-name"
	MutateRenamedCase      Mutator = "renamed-case"
	MutateNestedValue      Mutator = "nested-value"
	MutateArrayValue       Mutator = "array-value"
	MutateDepthBomb        Mutator = "depth-bomb"

	// Characters.

	MutateInvalidUTF8     Mutator = "invalid-utf8"
	MutateInvalidUTF8Raw  Mutator = "invalid-utf8-raw"
	MutateLoneSurrogate   Mutator = "lone-surrogate"
	MutateReplacementChar Mutator = "replacement-char"
	MutateControlRaw      Mutator = "control-raw"
	MutateControlEscaped  Mutator = "control-escaped"
	MutateControlDEL      Mutator = "control-del"
	MutateControlC1       Mutator = "control-c1"
	MutateHiddenChar      Mutator = "hidden-char"
	MutateHiddenOrder     Mutator = "hidden-order"

	// The JSON text.

	MutateIndented     Mutator = "indented"
	MutateBOM          Mutator = "bom"
	MutateTrailingData Mutator = "trailing-data"
	MutateTruncated    Mutator = "truncated"
	MutateEmptyBody    Mutator = "empty-body"
	MutateNullBody     Mutator = "null-body"
	MutateArrayBody    Mutator = "array-body"
	MutateOver64K      Mutator = "over-64k"

	// Forms.

	MutateForm          Mutator = "form"
	MutateFormPlus      Mutator = "form-plus"
	MutateFormDuplicate Mutator = "form-duplicate"
	MutateFormBadEscape Mutator = "form-bad-escape"
	MutateFormAsJSON    Mutator = "form-as-json"
	MutateJSONAsForm    Mutator = "json-as-form"

	// HTTP.

	MutateCharset          Mutator = "charset"
	MutateNoContentType    Mutator = "no-content-type"
	MutateTextPlain        Mutator = "text-plain"
	MutateTwoContentTypes  Mutator = "two-content-types"
	MutateGzip             Mutator = "gzip"
	MutateIdentityEncoding Mutator = "identity-encoding"
	MutateQueryNoise       Mutator = "query-noise"
	MutateQueryField       Mutator = "query-field"
	MutatePut              Mutator = "put"
	MutateGet              Mutator = "get"
)

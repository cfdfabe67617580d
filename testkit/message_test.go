package testkit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// strictMerchant is a merchant in thirty lines, who knows one order. It is the
// measure for the verdicts in the table of mutators.
func strictMerchant(m Message, payout bool) Verdict {
	encoding := m.Header.Get("Content-Encoding")
	if m.Method != http.MethodPost || (encoding != "" && encoding != "identity") || m.Header.Get("Content-Type") != "" || len(m.Body) > core.MaxBody {
		return VerdictRefuse
	}
	var fields []field
	switch kind, _, _ := strings.Cut(m.ContentType, ";"); kind {
	case "", typeJSON:
		var err error
		if fields, err = readDocument(m.Body); err != nil {
			return VerdictRefuse
		}
	case typeForm:
		values, err := url.ParseQuery(string(m.Body))
		if err != nil {
			return VerdictRefuse
		}
		for name, all := range values {
			if len(all) > 1 {
				return VerdictRefuse
			}
			fields = append(fields, textField(name, all[0]))
		}
	default:
		return VerdictRefuse
	}
	word, separator := regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`), regexp.MustCompile(`&[A-Za-z0-9_]{1,64}=`)
	got := map[string]string{}
	for _, f := range fields {
		odd := func(r rune) bool { return unicode.IsControl(r) || r == '\uFEFF' }
		if !utf8.ValidString(f.value) || !word.MatchString(f.name) || separator.MatchString(f.value) || strings.ContainsFunc(f.value, odd) {
			return VerdictRefuse
		}
		got[f.name] = f.value
	}
	if !strings.EqualFold(got["sign"], dataSign(canonical(fields), "123456")) {
		return VerdictRefuse
	}
	want := map[string]string{"app_id": "test", "out_trade_no": "order-1", "amount": "100", "agentpay_no": ""}
	numbers, times := []string{"trade_no", "open_id", "status"}, []string{"trade_time", "pay_time"}
	if payout {
		want = map[string]string{"app_id": "test", "out_order_no": "payout-1"}
		numbers, times = []string{"agentpay_no", "status"}, []string{"time"}
	}
	for name, value := range want {
		if got[name] != value {
			return VerdictRefuse
		}
	}
	for _, name := range numbers {
		if !word.MatchString(got[name]) {
			return VerdictRefuse
		}
	}
	for _, name := range times {
		if !regexp.MustCompile(`^[0-9]{10}$`).MatchString(got[name]) {
			return VerdictRefuse
		}
	}
	switch got["status"] {
	case "1":
		return VerdictDeliver
	case "0", "2", "11":
		return VerdictAcknowledge
	}
	return VerdictRefuse
}

func TestMutatorsDeserveTheirVerdicts(t *testing.T) {
	genuine, payout := SignedPayment(PaymentFields{}), SignedPayout(PayoutFields{})
	require.Equal(t, VerdictDeliver, strictMerchant(genuine, false))
	require.Equal(t, VerdictDeliver, strictMerchant(payout, true))
	seen := map[Mutator]bool{}
	for _, m := range Mutators() {
		assert.False(t, seen[m.Name], "%s is there twice", m.Name)
		seen[m.Name] = true
		assert.NotEmpty(t, m.Doc, m.Name)
		assert.NotContains(t, m.Doc, "\n", m.Name)

		mutated := SignedPayment(PaymentFields{}, m.Name)
		assert.Equal(t, m.Verdict, strictMerchant(mutated, false), "%s: %s\n%s", m.Name, m.Doc, mutated.Body)
		assert.NotEqual(t, genuine, mutated, "%s changes nothing", m.Name)
		if m.Payout {
			mutated = SignedPayout(PayoutFields{}, m.Name)
			assert.Equal(t, m.Verdict, strictMerchant(mutated, true), "%s of a payout: %s\n%s", m.Name, m.Doc, mutated.Body)
			assert.NotEqual(t, payout, mutated, "%s changes nothing on a payout", m.Name)
		} else {
			assert.Panics(t, func() { SignedPayout(PayoutFields{}, m.Name) }, m.Name)
		}
	}
	assert.Panics(t, func() { SignedPayment(PaymentFields{}, "wrong-kee") })
}

// A mutator about a value must not be caught by its signature: the sign fits
// the text that a lenient reader would make of it.
func TestMutatorsAboutValuesAreSigned(t *testing.T) {
	for _, name := range []Mutator{
		MutateOtherAmount, MutateOtherApp, MutateUnknownOrder, MutateCrossKind, MutateStatusWaiting, MutateStatusFailed,
		MutateStatusFraction, MutateStatusTrue, MutateStatusNull, MutateAmountExponent, MutateAmountFraction, MutateAmountZeroPadded,
		MutateAmountPlus, MutateAmountMinus, MutateAmountSpace, MutateAmountFullWidth, MutateAmountOverflow, MutateAmountYuan,
		MutateAmountZero, MutateMissingAmount, MutateMissingOrder, MutateMissingStatus, MutateMissingAppID, MutateMissingNumber,
		MutateRegrouped, MutateRegroupedAmount, MutateSeparatorValue, MutateSeparatorName, MutateOddName, MutateEmptyName,
		MutateRenamedCase, MutateReplacementChar, MutateControlEscaped, MutateControlC1, MutateHiddenChar, MutateOver64K,
	} {
		m := SignedPayment(PaymentFields{}, name)
		fields, err := readDocument(m.Body)
		require.NoError(t, err, name)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == "sign" })
		require.GreaterOrEqual(t, i, 0, name)
		assert.Equal(t, dataSign(canonical(fields), "123456"), fields[i].value, name)
		assert.Equal(t, canonical(fields)+"&key=***", m.Canonical, name)
	}
	assert.Equal(t, SignedPayment(PaymentFields{}).Canonical, SignedPayment(PaymentFields{}, MutateRegrouped).Canonical)
	assert.Contains(t, string(SignedPayment(PaymentFields{}, MutateAmountExponent).Body), `"amount":1e2`)
	assert.Contains(t, string(SignedPayment(PaymentFields{Amount: 7}, MutateAmountExponent).Body), `"amount":7e0`)
	assert.Contains(t, string(SignedPayment(PaymentFields{}, MutateAmountOverflow).Body), `"amount":"18446744073709551716"`)
	assert.Contains(t, string(SignedPayment(PaymentFields{}, MutateAmountFullWidth).Body), `"amount":"１００"`)
}

func TestSignedPaymentFields(t *testing.T) {
	m := SignedPayment(PaymentFields{
		AppID: "shop", AppKey: core.NewSecret("k"), OutTradeNo: "T1", TradeNo: "P1", OpenID: "O1", Amount: 990,
		Status: "0", Extra: map[string]string{"z": "<&>", "store_no": "s1"},
	})
	signed := "amount=990&app_id=shop&open_id=O1&out_trade_no=T1&pay_time=1700000030&status=0&store_no=s1&trade_no=P1&trade_time=1700000000&z=<&>"
	assert.JSONEq(t, `{"app_id":"shop","trade_no":"P1","out_trade_no":"T1","open_id":"O1","trade_time":"1700000000","pay_time":"1700000030",
		"amount":"990","status":0,"store_no":"s1","z":"<&>","sign":"`+dataSign(signed, "k")+`"}`, string(m.Body))
	assert.Equal(t, signed+"&key=***", m.Canonical)

	assert.Equal(t, SignedPayment(PaymentFields{OutTradeNo: "a"}), SignedPayment(PaymentFields{OutTradeNo: "a"}), "the same every time")
	number := regexp.MustCompile(`"trade_no":"[A-Za-z0-9]{28}"`)
	assert.NotEqual(t, number.Find(SignedPayment(PaymentFields{OutTradeNo: "a"}).Body), number.Find(SignedPayment(PaymentFields{OutTradeNo: "b"}).Body))
}

func TestSignedPayoutFields(t *testing.T) {
	m := SignedPayout(PayoutFields{OutOrderNo: "R1", AgentpayNo: "A1", Status: "2"})
	signed := "agentpay_no=A1&app_id=test&out_order_no=R1&status=2&time=1700000000"
	assert.JSONEq(t, `{"app_id":"test","out_order_no":"R1","agentpay_no":"A1","status":2,"time":1700000000,"sign":"`+dataSign(signed, "123456")+`"}`, string(m.Body))
}

func TestMessageRequest(t *testing.T) {
	m := SignedPayment(PaymentFields{}, MutateGzip, MutateCharset)
	r := m.Request("/callbacks/payment?x=1")
	assert.Equal(t, "POST", r.Method)
	assert.Equal(t, "/callbacks/payment", r.Path)
	assert.Equal(t, "x=1", r.RawQuery)
	assert.Equal(t, "application/json;charset=UTF-8", r.Header.Get("content-type"))
	assert.Equal(t, "gzip", r.Header.Get("content-encoding"))
	assert.Equal(t, m.Body, r.Body)
	noisy := SignedPayment(PaymentFields{}, MutateQueryNoise)
	assert.Equal(t, "x=1&status=0&amount=1", noisy.Request("/callbacks/payment?x=1").RawQuery)
	assert.Equal(t, "status=0&amount=1", noisy.Request("/callbacks/payment").RawQuery)
	r.Body[0] = 'x'
	assert.NotEqual(t, m.Body[0], r.Body[0], "a copy")
	assert.Empty(t, SignedPayment(PaymentFields{}, MutateNoContentType).Request("/").Header)
}

func TestMutatorsCombine(t *testing.T) {
	m := SignedPayment(PaymentFields{}, MutateForm, MutateLowerCaseSign, MutateExtraMarkup)
	assert.Equal(t, VerdictDeliver, strictMerchant(m, false))
	assert.NotPanics(t, func() {
		for _, a := range Mutators() {
			for _, b := range []Mutator{MutateNoSign, MutateForm, MutateRegrouped, MutateMissingOrder, MutateTruncated} {
				SignedPayment(PaymentFields{}, a.Name, b)
				SignedPayment(PaymentFields{}, b, a.Name)
			}
		}
	})
}

// A verdict holds for a form as it does for JSON, and the form is changed.
func TestMutatorsOfForms(t *testing.T) {
	forms := []Mutator{MutateForm, MutateFormPlus, MutateFormDuplicate, MutateFormBadEscape, MutateFormAsJSON, MutateQueryField}
	for _, m := range Mutators() {
		for _, payout := range []bool{false, true} {
			if payout && !m.Payout {
				continue
			}
			signed := func(mutators ...Mutator) Message {
				if payout {
					return SignedPayout(PayoutFields{}, mutators...)
				}
				return SignedPayment(PaymentFields{}, mutators...)
			}
			for _, together := range [][]Mutator{{MutateForm, m.Name}, {m.Name, MutateForm}} {
				mutated := signed(together...)
				assert.Equal(t, m.Verdict, strictMerchant(mutated, payout), "%v: %s\n%s", together, m.Doc, mutated.Body)
				if m.Name != MutateForm {
					assert.NotEqual(t, signed(MutateForm), mutated, "%v changes nothing", together)
				}
			}
			if m.JSON {
				assert.Equal(t, signed(m.Name), signed(MutateForm, m.Name), "%s is JSON", m.Name)
				assert.NotContains(t, forms, m.Name)
			}
		}
	}
}

// What the platform delivers as a form is genuine exactly if the merchant must
// deliver for it.
func TestMutateOfFormNotifications(t *testing.T) {
	for _, m := range Mutators() {
		s := openShop(t, nil)
		p := testPlatform(t, PlatformConfig{Readings: Readings{NotifyForm: true}, Schedule: []time.Duration{}})
		p.Inject(Fault{Kind: FaultMutate, Mutators: []Mutator{m.Name}})
		pay(t, p, order(t, p, "T1", s.URL))
		n := p.Notifications()[0]
		require.Len(t, n.Attempts, 1)
		assert.Equal(t, m.Verdict == VerdictDeliver, n.Attempts[0].Genuine, m.Name)
		assert.Equal(t, m.JSON, strings.HasPrefix(string(n.Attempts[0].Message.Body), "{") || m.Name == MutateArrayBody || m.Name == MutateNullBody, m.Name)
	}
}

func TestMutatorsThatDeliverCombine(t *testing.T) {
	for _, a := range Mutators() {
		for _, b := range Mutators() {
			if a.Verdict != VerdictDeliver || b.Verdict != VerdictDeliver {
				continue
			}
			m := SignedPayment(PaymentFields{}, a.Name, b.Name)
			assert.Equal(t, VerdictDeliver, strictMerchant(m, false), "%s, %s: %s", a.Name, b.Name, m.Body)
			if a.Payout && b.Payout {
				m = SignedPayout(PayoutFields{}, a.Name, b.Name)
				assert.Equal(t, VerdictDeliver, strictMerchant(m, true), "%s, %s: %s", a.Name, b.Name, m.Body)
			}
		}
	}
}

// A mutator has to pass with the careless reader whom it is to catch.
func TestMutatorsCatchWhomTheyName(t *testing.T) {
	// lenient reads as encoding/json does: the last of two names counts,
	// and U+FFFD stands for what is no UTF-8.
	lenient := func(m Message) map[string]string {
		var values map[string]any
		require.NoError(t, json.Unmarshal(m.Body, &values))
		got := map[string]string{}
		for name, value := range values {
			got[name] = fmt.Sprint(value)
		}
		return got
	}
	believes := func(got map[string]string) bool {
		var fields []field
		for name, value := range got {
			fields = append(fields, textField(name, value))
		}
		return got["sign"] == dataSign(canonical(fields), "123456") && got["status"] == "1" && got["amount"] == "100"
	}
	for _, name := range []Mutator{
		MutateDuplicateKey, MutateDuplicateSame, MutateDuplicateEscaped, MutateInvalidUTF8, MutateLoneSurrogate, MutateHiddenChar,
		MutateControlDEL, MutateControlC1, MutateControlEscaped, MutateLongName, MutateOddName, MutateSeparatorName, MutateSeparatorValue,
		MutateMissingOpenID, MutateMissingTradeTime, MutateMissingPayTime, MutateTimeMillis, MutateOddNumber, MutateTwoContentTypes,
	} {
		assert.True(t, believes(lenient(SignedPayment(PaymentFields{}, name))), name)
	}
	raw := SignedPayment(PaymentFields{}, MutateInvalidUTF8Raw)
	assert.Contains(t, string(raw.Body), dataSign(strings.TrimSuffix(raw.Canonical, "&key=***"), "123456"))
	assert.Contains(t, raw.Canonical, "\xff")

	// who reads query and body as one
	split := SignedPayment(PaymentFields{}, MutateQueryField)
	r := httptest.NewRequest(http.MethodPost, "/?"+split.Query, strings.NewReader(string(split.Body)))
	r.Header.Set("Content-Type", split.ContentType)
	require.NoError(t, r.ParseForm())
	merged := map[string]string{}
	for name := range r.Form {
		merged[name] = r.Form.Get(name)
	}
	assert.True(t, believes(merged))
	assert.NotContains(t, string(split.Body), "amount")

	// who lets the message choose
	chosen := lenient(SignedPayment(PaymentFields{}, MutateChosenKey))
	fields, err := readDocument(SignedPayment(PaymentFields{}, MutateChosenKey).Body)
	require.NoError(t, err)
	assert.Equal(t, dataSign(canonical(fields), chosen["key"]), chosen["sign"])
	fields, err = readDocument(SignedPayment(PaymentFields{}, MutateChosenType).Body)
	require.NoError(t, err)
	assert.Equal(t, bareHash(canonical(fields)), (&draft{fields: fields}).value("sign"))

	amount, err := strconv.ParseInt(lenient(SignedPayment(PaymentFields{}, MutateAmountOverflow32))["amount"], 10, 64)
	require.NoError(t, err)
	assert.Equal(t, int32(100), int32(amount))

	payout, err := readDocument(SignedPayment(PaymentFields{}, MutateOtherKind).Body)
	require.NoError(t, err)
	genuine, err := readDocument(SignedPayout(PayoutFields{}).Body)
	require.NoError(t, err)
	names := func(fields []field) (names []string) {
		for _, f := range fields {
			names = append(names, f.name)
		}
		return names
	}
	assert.ElementsMatch(t, names(genuine), names(payout))
}

func TestFindMutator(t *testing.T) {
	m, ok := FindMutator("lower-case-sign")
	require.True(t, ok)
	assert.Equal(t, MutateLowerCaseSign, m.Name)
	assert.Equal(t, VerdictDeliver, m.Verdict)
	_, ok = FindMutator("nope")
	assert.False(t, ok)
}

func TestMessagePost(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write(make([]byte, 1<<20))
	}))
	defer server.Close()
	resp, err := SignedPayment(PaymentFields{}, MutateGzip).Post(t.Context(), nil, server.URL+"/callback?a=1")
	require.NoError(t, err)
	assert.Equal(t, http.StatusFound, resp.Status, "a redirect is an answer")
	assert.Equal(t, "/elsewhere", resp.Header.Get("location"))
	assert.Len(t, resp.Body, maxAnswer)
	assert.Equal(t, "/callback?a=1", got.URL.String())
	assert.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))

	_, err = SignedPayment(PaymentFields{}, MutateTwoContentTypes, MutateQueryNoise).Post(t.Context(), nil, server.URL+"/callback?a=1")
	require.NoError(t, err)
	assert.Equal(t, "a=1&status=0&amount=1", got.URL.RawQuery)
	assert.Equal(t, []string{"application/json", "text/plain"}, got.Header["Content-Type"])

	server.Close()
	_, err = SignedPayment(PaymentFields{}).Post(t.Context(), nil, server.URL+"/secret-path")
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "secret-path")
	_, err = SignedPayment(PaymentFields{}).Post(t.Context(), nil, "://")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

func TestStatusThatIsNoJSON(t *testing.T) {
	for status, literal := range map[string]string{
		"0": "0", "1": "1", "10": "10", "paid": `"paid"`, "null": `"null"`, "true": `"true"`, "01": `"01"`, "-1": `"-1"`, "1.0": `"1.0"`,
		"1e0": `"1e0"`, `"1"`: `"\"1\""`, "[1]": `"[1]"`, `{"a":1}`: `"{\"a\":1}"`, " 1": `" 1"`, "11111111111111111111": "11111111111111111111",
	} {
		m := SignedPayment(PaymentFields{Status: status})
		assert.Contains(t, string(m.Body), `"status":`+literal+`,`, status)
		fields, err := readDocument(m.Body)
		require.NoError(t, err, status)
		assert.Equal(t, canonical(fields)+"&key=***", m.Canonical, status)
		assert.Contains(t, string(SignedPayout(PayoutFields{Status: status}).Body), `"status":`+literal+`,`, status)
	}
}

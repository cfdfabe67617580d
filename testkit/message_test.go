package testkit

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// strictMerchant is a merchant in thirty lines, who knows one order. It is the
// measure for the verdicts in the table of mutators.
func strictMerchant(m Message, payout bool) Verdict {
	if m.Method != http.MethodPost || m.Header.Get("Content-Encoding") != "" || len(m.Body) > core.MaxBody {
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
		odd := unicode.IsControl
		if !word.MatchString(f.name) || separator.MatchString(f.value) || strings.ContainsFunc(f.value, odd) {
			return VerdictRefuse
		}
		got[f.name] = f.value
	}
	if !strings.EqualFold(got["sign"], dataSign(canonical(fields), "123456")) {
		return VerdictRefuse
	}
	want := map[string]string{"app_id": "test", "out_trade_no": "order-1", "amount": "100", "agentpay_no": ""}
	numbers := []string{"trade_no", "status"}
	if payout {
		want = map[string]string{"app_id": "test", "out_order_no": "payout-1"}
		numbers = []string{"agentpay_no", "status"}
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
	switch got["status"] {
	case "1":
		return VerdictDeliver
	case "0", "2":
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

	server.Close()
	_, err = SignedPayment(PaymentFields{}).Post(t.Context(), nil, server.URL+"/secret-path")
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.NotContains(t, err.Error(), "secret-path")
	_, err = SignedPayment(PaymentFields{}).Post(t.Context(), nil, "://")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

func TestStatusThatIsNoJSON(t *testing.T) {
	assert.Contains(t, string(SignedPayment(PaymentFields{Status: "paid"}).Body), `"status":"paid"`)
}

package sign_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

var testKey = core.NewSecret("an-app-key-of-decent-length")

func signedJSON(t testing.TB, key core.Secret, fields sign.Fields) []byte {
	t.Helper()
	signature, err := sign.Data(fields, key)
	require.NoError(t, err)
	var body bytes.Buffer
	body.WriteString("{")
	for _, f := range fields {
		fmt.Fprintf(&body, "%q:%q,", f.Name, f.Value)
	}
	fmt.Fprintf(&body, `"sign":%q}`, signature)
	return body.Bytes()
}

var order = sign.Fields{
	{Name: "app_id", Value: "test"}, {Name: "store_no", Value: "s1234"},
	{Name: "nonce_str", Value: "ibuaiVcKdpRxkhJA"}, {Name: "sign_type", Value: "MD5"},
	{Name: "out_trade_no", Value: "O1"}, {Name: "amount", Value: "100"},
	{Name: "notify_url", Value: "https://shop.example/callbacks/payment"},
	{Name: "scene_type", Value: "APP"}, {Name: "title", Value: "VoIP, one year"}, {Name: "remark", Value: ""},
}

func TestVerifyTakesAnyOfSeveralKeys(t *testing.T) {
	old, current := core.NewSecret("the-key-that-is-going-away"), testKey
	for _, key := range []core.Secret{old, current} {
		_, err := sign.Verify("", signedJSON(t, key, order), current, old)
		assert.NoError(t, err)
	}
	_, err := sign.Verify("", signedJSON(t, core.NewSecret("a-third-key-altogether"), order), current, old)
	assert.ErrorIs(t, err, sign.ErrSignature)
}

func TestNoKeyIsAnErrorNotAnAcceptance(t *testing.T) {
	body := signedJSON(t, testKey, order)
	_, err := sign.Verify("", body)
	assert.ErrorIs(t, err, sign.ErrNoKey)
	_, err = sign.Verify("", body, core.Secret{})
	assert.ErrorIs(t, err, sign.ErrNoKey)
	_, err = sign.Verify("", body, testKey, core.Secret{})
	assert.ErrorIs(t, err, sign.ErrNoKey, "an empty key beside a good one is a fault of the configuration")
	_, err = sign.Data(order, core.Secret{})
	assert.ErrorIs(t, err, sign.ErrNoKey)
	_, err = sign.Base(core.Secret{}, "nonceX", "1517928240")
	assert.ErrorIs(t, err, sign.ErrNoKey)
}

func TestDataRefusesWhatAReceiverWouldRefuse(t *testing.T) {
	for name, fields := range map[string]sign.Fields{
		"a value that reads as another field": {{Name: "title", Value: "x&amount=1"}},
		"a control character":                 {{Name: "title", Value: "x\ny"}},
		"invalid UTF-8":                       {{Name: "title", Value: "x\xff"}},
		"a name with a dash":                  {{Name: "a-b", Value: "x"}},
		"a name twice":                        {{Name: "a", Value: "x"}, {Name: "a", Value: "y"}},
		"too many fields":                     make(sign.Fields, 200),
	} {
		_, err := sign.Data(fields, testKey)
		assert.Equal(t, core.CodeMalformed, core.CodeOf(err), name)
	}
}

func TestBaseRefusesWhatCouldMoveAcross(t *testing.T) {
	for _, bad := range [][2]string{
		{"", "1517928240"}, {"abc1", "1517928240"}, {"ab c", "1517928240"},
		{"nonceX", "151792824"}, {"nonceX", "15179282400"}, {"nonceX", "151792824a"},
	} {
		_, err := sign.Base(testKey, bad[0], bad[1])
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), bad)
	}
	_, err := sign.Joint(order, testKey, "short")
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

func TestBodyOverTheLimitIsRefused(t *testing.T) {
	long := append(sign.Fields{{Name: "a", Value: strings.Repeat("x", core.MaxBody)}}, order...)
	_, err := sign.Verify("", signedJSON(t, testKey, long), testKey)
	assert.Equal(t, core.CodeMalformed, core.CodeOf(err))
}

// Every single-bit change of a signed body must be seen, or not matter to the
// fields at all (white space, the case of a hexadecimal digit).
func TestOneFlippedBitNeverVerifiesAsAnotherMessage(t *testing.T) {
	body := signedJSON(t, testKey, order)
	want, err := sign.Verify("", body, testKey)
	require.NoError(t, err)
	for i := range body {
		for bit := range 8 {
			flipped := bytes.Clone(body)
			flipped[i] ^= 1 << bit
			got, err := sign.Verify("", flipped, testKey)
			if err != nil {
				continue
			}
			assert.Equal(t, want.Canonical(), got.Canonical(), "byte %d bit %d", i, bit)
		}
	}
}

func TestExplainFindsTheFirstDifference(t *testing.T) {
	body := signedJSON(t, testKey, order)
	e := sign.Explain("", body, "", testKey)
	assert.Equal(t, "accept", e.Verdict)
	assert.True(t, strings.HasSuffix(e.Canonical, "&key=***"), e.Canonical)
	assert.Nil(t, e.Difference)
	left := map[string]string{}
	for _, f := range e.Fields {
		if !f.Signed {
			left[f.Name] = f.Why
		}
	}
	assert.Len(t, left, 2)
	assert.Contains(t, left, "sign")
	assert.Contains(t, left, "remark")

	theirs := strings.Replace(order.Canonical(), "amount=100", "amount=100.0", 1) + "&key=" + testKey.Reveal()
	e = sign.Explain("", body, theirs, testKey)
	require.NotNil(t, e.Difference)
	assert.Equal(t, len("amount=100"), e.Difference.At)
	assert.Equal(t, "amount=100&app_id=test&nonce_st", e.Difference.Ours[:31])
	assert.True(t, strings.HasPrefix(e.Difference.Theirs, "amount=100.0&app"), e.Difference.Theirs)

	assert.Nil(t, sign.Explain("", body, order.Canonical(), testKey).Difference, "their text may come without the key")

	e = sign.Explain("", body, theirs, core.NewSecret("some-other-key-to-try"))
	assert.Equal(t, "reject", e.Verdict)
	for _, secret := range []string{testKey.Reveal(), "some-other-key-to-try"} {
		assert.NotContains(t, fmt.Sprintf("%+v %+v", e, e.Difference), secret)
	}
}

// The figures that the package promises; a regression here is a regression
// for every callback.
func TestAllocations(t *testing.T) {
	body := signedJSON(t, testKey, order)
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { _, _ = sign.Verify("application/json", body, testKey) }), 3.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { _, _ = sign.Data(order, testKey) }), 2.0)
}

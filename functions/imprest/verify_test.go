package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

const longKey = "192006250b4c09247ec02edce69f6a2d"

// verdict is the one line that verify prints.
func verdict(t *testing.T, r result) outcome {
	t.Helper()
	var o outcome
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &o), r.stdout+r.stderr)
	require.Equal(t, byte('\n'), r.stdout[len(r.stdout)-1])
	require.NotContains(t, r.stdout[:len(r.stdout)-1], "\n")
	assert.NotEmpty(t, o.Reason)
	switch o.Verdict {
	case "accept":
		assert.Equal(t, exitDone, r.status)
	case "reject":
		assert.Equal(t, exitFailed, r.status)
	default:
		t.Fatalf("no verdict: %s", r.stdout)
	}
	assert.NotContains(t, r.stdout+r.stderr, longKey)
	return o
}

// wire is how a message's HTTP part is told to verify.
func wire(m testkit.Message) []string {
	return []string{
		"--key", longKey,
		"--content-type", contentType(m),
		"--content-encoding", m.Header.Get("Content-Encoding"),
		"--method", m.Method,
	}
}

// contentType is a message's Content-Type; two lines are one with a comma, as a
// proxy joins them.
func contentType(m testkit.Message) string {
	if second := m.Header.Get("Content-Type"); second != "" {
		return m.ContentType + ", " + second
	}
	return m.ContentType
}

// verdicts says what verify must print for testkit's word on a mutator: what a
// merchant acknowledges is accepted, whether he delivers or not.
var verdicts = map[testkit.Verdict]string{
	testkit.VerdictDeliver:     "accept",
	testkit.VerdictAcknowledge: "accept",
	testkit.VerdictRefuse:      "reject",
}

func TestVerifyDecidesEveryMutatorAsAStrictMerchant(t *testing.T) {
	fields := testkit.PaymentFields{AppKey: core.NewSecret(longKey), OutTradeNo: "T1", Amount: 1990}
	genuine := testkit.SignedPayment(fields)
	args := append(wire(genuine), "--kind", "payment", "--out-trade-no", "T1", "--amount", "1990")
	assert.Equal(t, outcome{"accept", "a genuine payment of 1990 fen for T1"},
		verdict(t, invoke(t, string(genuine.Body), append([]string{"verify"}, args...)...)))

	for _, m := range testkit.Mutators() {
		t.Run(string(m.Name), func(t *testing.T) {
			message := testkit.SignedPayment(fields, m.Name)
			args := append(wire(message), "--kind", "payment", "--out-trade-no", "T1", "--amount", "1990")
			o := verdict(t, invoke(t, string(message.Body), append([]string{"verify"}, args...)...))
			assert.Equal(t, verdicts[m.Verdict], o.Verdict, "%s: %s", m.Doc, o.Reason)
		})
	}
}

func TestVerifyDecidesEveryMutatorOfPayouts(t *testing.T) {
	for _, m := range testkit.Mutators() {
		if !m.Payout {
			continue
		}
		t.Run(string(m.Name), func(t *testing.T) {
			message := testkit.SignedPayout(testkit.PayoutFields{AppKey: core.NewSecret(longKey), OutOrderNo: "P1"}, m.Name)
			args := append(wire(message), "--kind", "payout", "--out-order-no", "P1")
			o := verdict(t, invoke(t, string(message.Body), append([]string{"verify"}, args...)...))
			assert.Equal(t, verdicts[m.Verdict], o.Verdict, "%s: %s", m.Doc, o.Reason)
		})
	}
}

func TestVerifyTellsKindsApart(t *testing.T) {
	payment := testkit.SignedPayment(testkit.PaymentFields{AppKey: core.NewSecret(longKey)})
	payout := testkit.SignedPayout(testkit.PayoutFields{AppKey: core.NewSecret(longKey)})
	for _, body := range []string{string(payment.Body), string(payout.Body)} {
		assert.Equal(t, "accept", verdict(t, invoke(t, body, "verify", "--key", longKey)).Verdict)
	}
	assert.Equal(t, "reject", verdict(t, invoke(t, string(payout.Body), "verify", "--kind", "payment", "--key", longKey)).Verdict)
	assert.Equal(t, "reject", verdict(t, invoke(t, string(payment.Body), "verify", "--kind", "payout", "--key", longKey)).Verdict)
}

func TestVerifyTakesEveryKeyWhileRotating(t *testing.T) {
	body := string(testkit.SignedPayment(testkit.PaymentFields{AppKey: core.NewSecret(longKey)}).Body)
	for _, args := range [][]string{
		{"--key", "newkey-newkey-newkey," + longKey},
		{"--app-key", "newkey-newkey-newkey", "--app-key", longKey},
	} {
		for _, kind := range []string{"data", "payment"} {
			r := invoke(t, body, append(args, "--", "-")...)
			assert.Equal(t, exitUsage, r.status, "a flag before the command")
			r = invoke(t, body, append([]string{"verify", "--kind", kind}, args...)...)
			assert.Equal(t, "accept", verdict(t, r).Verdict)
		}
	}
	r := invoke(t, body, "verify", "--key", "newkey-newkey-newkey")
	assert.Equal(t, "reject", verdict(t, r).Verdict)
	assert.NotContains(t, r.stdout+r.stderr, "newkey")
}

// A mutator may need a record to be judged by; without one the signature and
// the form decide alone.
func TestVerifyWithoutARecordTakesAnyOrder(t *testing.T) {
	message := testkit.SignedPayment(testkit.PaymentFields{AppKey: core.NewSecret(longKey)}, testkit.MutateUnknownOrder)
	assert.Equal(t, "accept", verdict(t, invoke(t, string(message.Body), "verify", "--kind", "payment", "--key", longKey)).Verdict)
}

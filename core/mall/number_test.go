package mall_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func TestMoney(t *testing.T) {
	for text, fen := range map[string]core.Fen{
		`0.01`: 1, `"0.01"`: 1, `{"Value":"0.01"}`: 1, `{"Value":0.01}`: 1, ` { "Value" : "0.01" } `: 1,
		`0`: 0, `"0.00"`: 0, `-0`: 0, `0e9`: 0, `0.000`: 0,
		`1`: 100, `"12.3"`: 1230, `12.340`: 1234, `-0.05`: -5, `{"Value":"1.00","Currency":"CNY"}`: 100,
		`1e2`: 10000, `1E+2`: 10000, `1e-2`: 1, `1234.5e-1`: 12345, `100e-4`: 1, `"1E-2"`: 1,
		`0.29`: 29, `1.15`: 115, `4.35`: 435, `9007199254740993`: 900719925474099300, // where a float goes wrong
		`92233720368547758.07`: 9223372036854775807, `-92233720368547758.07`: -9223372036854775807,
	} {
		var m mall.Money
		require.NoError(t, json.Unmarshal([]byte(text), &m), text)
		assert.Equal(t, fen, m.Fen, text)
		assert.True(t, m.Given(), text)
		assert.Equal(t, fen.Yuan(), m.String())
		again, err := json.Marshal(m)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(text, " ", ""), string(again), "the form is kept")
		m.Fen += 1
		if m.Fen > 0 {
			again, err = json.Marshal(m)
			require.NoError(t, err)
			assert.JSONEq(t, `{"Value":"`+m.Fen.Yuan()+`"}`, string(again), "a changed amount is written as the examples are")
		}
	}
	for _, text := range []string{`null`, `""`, `{"Value":null}`, `{"Value":""}`} {
		m := mall.NewMoney(5)
		require.NoError(t, json.Unmarshal([]byte(text), &m), text)
		assert.False(t, m.Given(), text)
		assert.Empty(t, m.String())
	}
	for _, text := range []string{
		`0.001`, `"0.001"`, `1e-3`, `1.005`, `1e99999999999`, `1e40`, `0e99999999999999999999`, `92233720368547758.08`, `9223372036854775808`,
		`"1,000"`, `" 1"`, `"1 "`, `"+1"`, `".5"`, `"5."`, `"01"`, `"１"`, `"0x1"`, `"NaN"`, `"1_0"`, `"--1"`, `"free"`, `"1e"`,
		`true`, `[]`, `{}`, `{"value":"1"}`, `{"Value":{"Value":"1"}}`, `{"Value":true}`,
		"0." + strings.Repeat("0", 60), strings.Repeat("9", 400),
	} {
		m := mall.NewMoney(5)
		assert.Error(t, json.Unmarshal([]byte(text), &m), text)
		assert.Equal(t, mall.NewMoney(5), m, "%s: left alone", text)
	}
	free := mall.NewMoney(5)
	free.Fen = 0
	again, err := json.Marshal(free)
	require.NoError(t, err)
	assert.Equal(t, `{"Value":"0.00"}`, string(again), "a price that was taken down to nothing is still a price")
	made, err := json.Marshal(mall.NewMoney(1234))
	require.NoError(t, err)
	assert.Equal(t, `{"Value":"12.34"}`, string(made))
	none, err := json.Marshal(mall.Money{})
	require.NoError(t, err)
	assert.Equal(t, `null`, string(none))
	byHand, err := json.Marshal(mall.Money{Fen: 7})
	require.NoError(t, err)
	assert.Equal(t, `{"Value":"0.07"}`, string(byHand))
}

// Against arithmetic that cannot be wrong.
func TestMoneyAgreesWithRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "decimal")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		exact.Mul(exact, big.NewRat(100, 1))
		var m mall.Money
		err := json.Unmarshal([]byte(text), &m)
		if fits := exact.IsInt() && exact.Num().IsInt64(); fits != (err == nil) {
			t.Fatalf("%s: fits %v, error %v", text, fits, err)
		}
		if err == nil && big.NewInt(int64(m.Fen)).Cmp(exact.Num()) != 0 {
			t.Fatalf("%s: %d", text, m.Fen)
		}
	})
}

package core_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
)

func TestParseYuan(t *testing.T) {
	for text, want := range map[string]core.Fen{
		"0": 0, "0.0": 0, "0.00": 0, "0.000": 0, "-0": 0,
		"0.01": 1, "0.1": 10, "0.10": 10, "1": 100, "1.0": 100, "1.00": 100, "1.000000": 100,
		"12.34": 1234, "-12.34": -1234, "-0.05": -5, "99999999999999.99": 9999999999999999,
		"92233720368547758.07": math.MaxInt64,
	} {
		got, err := core.ParseYuan(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", ".", "1.", ".1", "-", "--1", "+1", " 1", "1 ", "1,000", "1e2", "0x1", "01", "00.1", "1.234", "0.001",
		"1.2.3", "١", "１", "1.-1", "NaN", "Infinity", "92233720368547758.08", "99999999999999999999",
	} {
		_, err := core.ParseYuan(text)
		assert.ErrorIs(t, err, core.ErrNotFen, text)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

func TestParseFen(t *testing.T) {
	for text, want := range map[string]core.Fen{"0": 0, "1": 1, "100": 100, "9007199254740993": 9007199254740993, "9223372036854775807": math.MaxInt64} {
		got, err := core.ParseFen(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "-1", "+1", "01", "00", "1.0", "1e2", " 1", "1 ", "１", "9223372036854775808", "18446744073709551616", "99999999999999999999"} {
		_, err := core.ParseFen(text)
		assert.ErrorIs(t, err, core.ErrNotFen, text)
	}
}

func TestFenSurvivesEveryTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fen := core.Fen(rapid.Int64Range(math.MinInt64+1, math.MaxInt64).Draw(t, "fen"))
		back, err := core.ParseYuan(fen.Yuan())
		require.NoError(t, err, fen.Yuan())
		require.Equal(t, fen, back)
		text, err := json.Marshal(fen)
		require.NoError(t, err)
		require.Equal(t, fen.String(), string(text))
		if fen >= 0 {
			back, err = core.ParseFen(fen.String())
			require.NoError(t, err)
			require.Equal(t, fen, back)
		}
	})
	assert.Equal(t, "-92233720368547758.08", core.Fen(math.MinInt64).Yuan())
}

func ExampleFen() {
	price, err := core.ParseYuan("19.90")
	fmt.Println(int64(price), price.Yuan(), err)
	_, err = core.ParseYuan("19.905")
	fmt.Println(err)
	// Output:
	// 1990 19.90 <nil>
	// core.Fen: not an exact amount of fen
}

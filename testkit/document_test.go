package testkit

import (
	"encoding/json"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadDocument(t *testing.T) {
	fields, err := readDocument([]byte(` {"s":"a\u0041\ud83d\udc08\\ud800","n":1.50e+1,"b":true,"z":null,"e":""} ` + "\n"))
	require.NoError(t, err)
	want := map[string]string{"s": `aA🐈\ud800`, "n": "1.50e+1", "b": "true", "z": "", "e": ""}
	got := map[string]string{}
	for _, f := range fields {
		got[f.name] = f.value
	}
	assert.Equal(t, want, got)

	for name, body := range map[string]string{
		"empty":             "",
		"white space":       "  ",
		"BOM":               "\uFEFF{}",
		"not UTF-8":         "{\"a\":\"\xff\"}",
		"duplicate":         `{"a":1,"a":1}`,
		"duplicate escaped": `{"a":1,"\u0061":1}`,
		"object inside":     `{"a":{}}`,
		"array inside":      `{"a":[]}`,
		"trailing object":   `{}{}`,
		"trailing text":     `{} x`,
		"trailing comma":    `{"a":1,}`,
		"array":             `[]`,
		"null":              `null`,
		"text":              `"a"`,
		"truncated":         `{"a":1`,
		"bad number":        `{"a":01}`,
		"control":           "{\"a\":\"\x01\"}",
		"high alone":        `{"a":"\ud83d"}`,
		"high at the end":   `{"a":"x\ud83dx"}`,
		"high and high":     `{"a":"\ud83d\ud83d"}`,
		"low alone":         `{"a":"\udc08"}`,
		"half in a name":    `{"\ud83d":1}`,
	} {
		_, err := readDocument([]byte(body))
		assert.Error(t, err, name)
	}
}

// FuzzReadDocument compares with encoding/json: what is accepted has the same
// names and texts there.
func FuzzReadDocument(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"b","c":1,"d":null,"e":true}`, `{"a":"\ud83d\udc08"}`, `{"a":"\\\ud800"}`, `{"a":1e9,"\u0061":2}`, `[1]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := readDocument(body)
		if err != nil {
			return
		}
		var other map[string]any
		require.NoError(t, json.Unmarshal(body, &other))
		require.Len(t, fields, len(other))
		for _, f := range fields {
			value, ok := other[f.name]
			require.True(t, ok, f.name)
			if s, isText := value.(string); isText {
				require.Equal(t, s, f.value)
				for _, r := range f.value {
					require.False(t, utf16.IsSurrogate(r))
				}
			}
		}
		again, err := readDocument(encodeJSON(fields))
		require.NoError(t, err)
		require.Equal(t, fields, again, "writing it again changes nothing")
	})
}
